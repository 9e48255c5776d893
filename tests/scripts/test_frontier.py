import numpy as np
import pytest


@pytest.fixture
def frontier(onnx_script):
    return onnx_script("frontier")


@pytest.fixture
def tables(script):
    return script("frontier_tables")


@pytest.fixture
def rows(script, tables, tmp_path):
    rows = script("_common").Rows(tmp_path / "rows.jsonl", ())
    shared = {"dataset": "digits", "bytes": 10240, "ms onnx 1": 0.25, "ms onnx 100": 0.05, "fit_cpu_seconds": 3.0}
    for seed, accuracy in enumerate((0.98, 0.99)):
        rows.add(
            model=tables.OURS, budget="5,000 parameters", seed=seed, accuracy=accuracy, n_cells=1, channels=8,
            parameters=4000 + seed, flops=500_000, **shared,
        )  # fmt: skip
    rows.add(
        model=tables.TWO, budget="5,000 parameters", seed=0, accuracy=0.97, n_cells=1, channels=6, parameters=4800,
        flops=600_000, **shared,
    )  # fmt: skip
    rows.add(model=tables.AS_SMALL, budget="5,000 parameters", seed=0, accuracy=0.9, **shared)
    # Where no other model is as small, there is nothing to show.
    rows.add(dataset="digits", model=tables.AS_SMALL, budget="20,000 parameters", seed=0)
    rows.add(model="random forest", budget="", seed=0, accuracy=0.95, **shared)
    return rows


def test_table(tables, rows):
    lines = [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in tables.frontier_table(rows, "digits").splitlines()
    ]
    assert lines[0][0] == "digits"
    assert lines[2:] == [
        ["5,000 parameters", "2", "0.9850 ± 0.0071", "1 × 8", "4,000", "0.50", "10", "0.250", "0.050", "3"],
        ["5,000 parameters, two networks", "1", "0.9700", "1 × 6", "4,800", "0.60", "10", "0.250", "0.050", "3"],
        ["gradient boosting, as small as 5,000 parameters", "1", "0.9000", "", "", "", "10", "0.250", "0.050", "3"],
        ["random forest", "1", "0.9500", "", "", "", "10", "0.250", "0.050", "3"],
    ]
    assert tables.accuracy_text(rows, "digits", "5,000 parameters") == ".9850"
    assert tables.accuracy_text(rows, "digits", "5,000 parameters, two networks") == ".9700"


def easy(n=240):
    rng = np.random.default_rng(0)
    y = np.arange(n) % 3
    X = (rng.normal(size=(n, 8)) + 4 * y[:, None]).astype(np.float32)
    return X[: n // 2], X[n // 2 :], y[: n // 2], y[n // 2 :]


@pytest.mark.slow
def test_a_network_is_measured(frontier):
    found = frontier.measure_network(easy(), "5,000 parameters", 2, 0, quick=True)
    assert found["parameters"] <= 5_000
    assert found["bytes"] > 0
    assert found["difference"] <= 1e-5


@pytest.mark.slow
def test_boosting_is_as_small_as_can_be(frontier, tmp_path):
    split = easy()
    model, size = frontier.as_small(split, 20_000)
    found = frontier.measure_peer(split, model, quick=True)
    assert found["bytes"] <= 20_000
    larger = type(model)(**(model.get_params() | {"max_iter": size["max_iter"] + 1}))
    assert size["max_iter"] == 100 or frontier.measure_peer(split, larger, quick=True)["bytes"] > 20_000
    assert frontier.as_small(split, 100) is None
