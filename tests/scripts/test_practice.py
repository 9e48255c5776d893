import numpy as np
import pytest
from sklearn.datasets import load_digits, load_iris


@pytest.fixture
def practice(script):
    return script("practice")


@pytest.fixture
def rows(practice, script, tmp_path):
    rows = script("_common").Rows(tmp_path / "rows.jsonl", practice.KEYS)
    for i, name in enumerate("abcdefgh"):
        for method, gain in (
            (practice.OURS, 0.1),
            (practice.FIXED, 0.0),
            ("gradient boosting", 0.2 if i == 0 else 0.05),
        ):
            budget = 30 if method in practice.TIMED else 0
            rows.add(
                suite="tables", dataset=name, method=method, budget=budget, seed=0, accuracy=0.5 + gain, log_loss=0.7,
                fit_cpu_seconds=3.0,
            )  # fmt: skip
    # Measured by one method only, so that it does not count.
    rows.add(suite="tables", dataset="z", method=practice.OURS, budget=30, seed=0, accuracy=0.0, log_loss=9.0,
             fit_cpu_seconds=3.0)  # fmt: skip
    return rows


def test_methods_are_compared_on_the_data_sets_that_all_have(practice, rows):
    lines = practice.practice_table(rows, "tables", 30).splitlines()
    assert lines[0].split("|")[1].strip() == "8 data sets"
    cells = {line.split("|")[1].strip(): [c.strip() for c in line.split("|")[2:-1]] for line in lines[2:]}
    assert cells[practice.OURS][:3] == ["0.6000", "0.7000", "1.12"]
    assert cells[practice.FIXED][3] == "8-0-0"
    assert cells["gradient boosting"][3] == "7-0-1"
    assert float(cells[practice.FIXED][4]) == pytest.approx(0.008, abs=0.001)
    assert "tables, 30 s, seeds [0]" in practice.report(rows)


def test_parts_are_compared_among_themselves(practice, rows):
    for name in "abcdefgh":
        rows.add(
            suite="tables", dataset=name, method="one network", budget=30, seed=0, accuracy=0.55, log_loss=0.8,
            fit_cpu_seconds=3.0,
        )  # fmt: skip
    assert "one network" not in practice.practice_table(rows, "tables", 30)
    lines = practice.practice_table(rows, "tables", 30, practice.PARTS).splitlines()
    assert [line.split("|")[1].strip() for line in lines[2:]] == [practice.OURS, "one network"]
    assert "The same, with other parts" in practice.report(rows)


def test_a_single_data_set_has_a_spread(practice, script, tmp_path):
    rows = script("_common").Rows(tmp_path / "rows.jsonl", practice.KEYS)
    for seed, accuracy in enumerate([0.9, 0.92, 0.94]):
        rows.add(
            suite="digits", dataset="digits", method=practice.OURS, budget=30, seed=seed, accuracy=accuracy,
            log_loss=0.1, fit_cpu_seconds=3.0,
        )  # fmt: skip
    head, _, line = practice.practice_table(rows, "digits", 30).splitlines()
    assert [cell.strip() for cell in head.split("|")[1:4]] == ["digits", "splits", "accuracy"]
    assert [cell.strip() for cell in line.split("|")[1:-1]] == ["skopdist", "3", "0.9200 ± 0.0200", "0.1000", "3.0"]
    rows.drop(seed=1)
    rows.drop(seed=2)
    _, _, line = practice.practice_table(rows, "digits", 30).splitlines()
    assert [cell.strip() for cell in line.split("|")[1:-1]] == ["skopdist", "1", "0.9000", "0.1000", "3.0"]


def test_scalars_are_searched_on_tables_alone(practice):
    assert practice.make(practice.WITH_SCALARS, "series", 30, 0) is None
    assert len(practice.make(practice.WITH_SCALARS, "tables", 30, 0).search_space.scalars) == 2


@pytest.mark.parametrize("method", ["fixed cells, averaged", "first reference, averaged"])
def test_fixed_cells_fill_their_time(practice, method):
    X, y = load_iris(return_X_y=True)
    model = practice.make(method, "tables", budget=0.01, seed=0).fit(X, y)
    assert len(model.nets_) == 1
    np.testing.assert_allclose(model.predict_proba(X).sum(axis=1), 1)


@pytest.mark.parametrize("shape", [(5,), (2, 20), (1, 12, 12)])
def test_the_plain_network_takes_all_kinds_of_data(practice, shape):
    import torch

    network = practice.PlainNetwork(shape, 3, width=8, depth=2)
    assert network(torch.zeros(4, *shape)).shape == (4, 3)


@pytest.mark.parametrize("suite", ["digits", "cifar10"])
def test_the_hand_written_network_makes_a_batch_at_least(practice, suite):
    X, y = load_digits(return_X_y=True)
    X = X[:200].reshape(-1, 1, 8, 8)
    model = practice.make(practice.RESNET, suite, 1e-6, 0)
    model.widths, model.batch_size = (8, 8), 20
    model.fit(X, y[:200])
    assert model.n_epochs_ == pytest.approx(0.1)
    assert model.mirror == (suite == "cifar10")
    np.testing.assert_allclose(model.predict_proba(X).sum(axis=1), 1, rtol=1e-5)
    assert practice.make(practice.RESNET, "series", 1, 0) is None


def test_what_the_hand_written_network_sees(practice):
    import torch

    images = torch.rand(40, 3, 16, 16) + 1
    seen = practice.HandWrittenResNet(1, 0, mirror=True).augmented(images, torch.Generator().manual_seed(0))
    assert seen.shape == images.shape
    # What is cut out or moved in is the mean, zero.
    assert 0.02 < float((seen == 0).float().mean()) < 0.3
    assert torch.isin(seen, torch.cat([images.flatten(), torch.zeros(1)])).all()


def test_what_is_measured(practice):
    X, y = load_iris(return_X_y=True)
    split = X[::2], X[1::2], y[::2], y[1::2]
    row = practice.measure(practice.make("random forest", "tables", 0, 0), split)
    assert row["accuracy"] > 0.8
    assert {"log_loss", "fit_seconds", "fit_cpu_seconds"} <= set(row)
    ours = practice.make("one network", "tables", 1, 0)
    assert (ours.n_members, ours.max_time) == (1, 1)
    assert practice.make("no references", "series", 1, 0).search_space.reference_architectures() == ()
    row = practice.measure(practice.OpDistNASClassifier(n_trials=2, max_epochs=1, n_cells=1, random_state=0), split)
    assert sum(row["stems"].values()) == pytest.approx(1, abs=1e-3)
    assert sum(row["operations"].values()) == pytest.approx(1, abs=1e-3)


def test_time_limits_are_laid_out(script, tmp_path):
    limit = script("time_limit")
    rows = script("_common").Rows(tmp_path / "rows.jsonl", limit.KEYS)
    for seconds in (12.9, 13.1):
        rows.add(data="few", strategy="bayesian", n_jobs=1, budget=10, seconds=seconds, n_trials=3, n_members=2)
    verdicts = [line.split("|")[6].strip() for line in limit.limit_table(rows).splitlines()[2:]]
    assert verdicts == ["yes", "no"]


def test_who_takes_no_series_of_unequal_length_gets_them_filled_up(practice):
    rng = np.random.default_rng(0)
    y = np.arange(20) % 2
    X = [rng.normal(label * 3, 1, (2, 5 + i % 4)) for i, label in enumerate(y)]
    padded = practice.Padded().fit(X[:3]).transform(X)
    assert padded.shape == (20, 2, 7)
    np.testing.assert_array_equal(padded[0, :, :5], X[0])
    assert not padded[0, :, 5:].any()
    np.testing.assert_array_equal(padded[3], X[3][:, :7])
    model = practice.make("logistic regression", "unequal", 30, 0).fit(X, y)
    assert (model.predict(X) == y).mean() > 0.9
    assert model.classes_.tolist() == [0, 1]
    ours = practice.make(practice.OURS, "unequal", 30, 0)
    assert ours.max_time == 30
