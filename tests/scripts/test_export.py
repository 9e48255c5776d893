import numpy as np
import pytest


@pytest.fixture
def export(onnx_script):
    return onnx_script("export")


@pytest.fixture
def tables(script):
    return script("export_tables")


@pytest.fixture
def rows(tables, script, tmp_path):
    rows = script("_common").Rows(tmp_path / "rows.jsonl", ("model", "members", "seed"))
    times = {f"ms {way} {n}": 0.5 / n for way in tables.WAYS for n in tables.BATCHES}
    sizes = {"bytes": 2048, "8 bit bytes": 1024, "pt2 bytes": 4096, "saved bytes": 3072}
    rows.add(
        model="dense", members=4, seed=0, parameters=12345, accuracy=0.95, difference=2e-7, **sizes, **times,
        **{"8 bit accuracy": 0.94},
    )  # fmt: skip
    peer = {name: value for name, value in times.items() if "torch" not in name and "8 bit" not in name}
    rows.add(model="random forest", members=0, seed=0, accuracy=0.9, difference=1e-6, bytes=10240, **peer)
    return rows


def cells(line):
    return [cell.strip() for cell in line.strip("|").split("|")]


def test_tables(tables, rows):
    _, _, dense, forest = map(cells, tables.file_table(rows).splitlines())
    assert dense == ["`dense`, 4 members", "12,345", "0.950", "2e-07", "2", "1", "0.940", "4", "3"]
    assert forest == ["random forest", "", "0.900", "1e-06", "10", "", "", "", ""]
    _, _, dense, forest = map(cells, tables.speed_table(rows).splitlines())
    assert dense[1:] == ["0.500"] * 4 + ["0.005"] * 4
    assert forest[1:] == ["0.500", "", "0.500", "", "0.005", "", "0.005", ""]


def test_a_call_is_timed_for_each_sample(export, script):
    seen = []
    found = script("_onnx").milliseconds(lambda X: seen.append(len(X)), np.zeros((10, 2)), 5, quick=True)
    assert set(seen) == {5}
    assert 0 < found < 10


@pytest.mark.slow
@pytest.mark.parametrize("name", ["gradient boosting", "random forest", "logistic regression"])
def test_other_models_are_converted(export, name):
    found = export.measure_peer(name, 0, quick=True)
    assert found["difference"] < 1e-4
    assert found["bytes"] > 1000


@pytest.mark.slow
def test_a_network_is_measured(export):
    found = export.measure_network("dense", 1, 0, quick=True)
    assert found["difference"] <= 1e-5
    assert min(value for name, value in found.items() if name.startswith("ms")) > 0
