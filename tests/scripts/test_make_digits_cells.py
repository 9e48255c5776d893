import pytest

from skopdist.spaces import NASBench201Space

SPACE = NASBench201Space(("none", "skip_connect", "nor_conv_3x3"))
SKIP, CONV, NONE = "skip_connect", "nor_conv_3x3", "none"


@pytest.fixture
def make(script):
    return script("make_digits_cells")


def test_cells_that_compute_the_same_are_one(make):
    first = make.representatives(SPACE)
    assert len(first) == 729
    assert len(set(first.values())) == 78
    # One convolution from the input to the output, on the first or on the last edge of a path.
    one, other = (CONV, NONE, SKIP, NONE, NONE, SKIP), (SKIP, NONE, SKIP, NONE, NONE, CONV)
    assert first[one] == first[other]
    assert first[one] != first[CONV, NONE, CONV, NONE, NONE, SKIP]
    dead = [cell for cell in first if first[cell] == (NONE,) * 6]
    assert len(dead) == 67
    assert (CONV, CONV, CONV, NONE, NONE, NONE) in dead


def test_a_dead_cell_is_a_constant_prediction(make):
    train = make.make_trainer(SPACE, *make.digits(), channels=2, epochs=1)
    cell = SPACE.make_cell((NONE,) * 6, SPACE.potential_edges(6))
    dead = train(SPACE.make_architecture([cell]), 0)
    assert (dead["cost"], dead["n_parameters"]) == (0, 0)
    assert 0.08 < dead["val"] < 0.12
    assert 0.08 < dead["test"] < 0.12


def test_the_table_has_every_cell_and_is_the_same_for_the_same_rows(make, tmp_path, monkeypatch):
    calls = []

    def make_trainer(space, X, y, channels, epochs):
        def train(architecture, seed):
            calls.append((architecture, seed))
            return {
                "val": architecture.operations.count(CONV) / 10,
                "test": 0.5,
                "cost": 15.0,
                "n_parameters": 7,
                "seconds": 0.0,
            }

        return train

    monkeypatch.setattr(make, "make_trainer", make_trainer)
    rows = make.Rows(tmp_path / "progress.jsonl", ("cell", "seed", "channels", "epochs"))
    make.run(rows, SPACE, 2, 2, 1)
    assert len(calls) == len(set(calls)) == 2 * 78
    # Resumed, nothing is trained again; with a third seed, only that.
    make.run(rows, SPACE, 3, 2, 1)
    assert len(calls) == len(set(calls)) == 3 * 78
    header, lines = make.table_rows(rows, SPACE, 2, 2, 1)
    edges = ["e01", "e02", "e12", "e03", "e13", "e23"]
    assert header == [*edges, "function", "val_0", "val_1", "test_0", "test_1", "cost", "n_parameters"]
    assert len(lines) == 729
    assert lines[-1] == [*[CONV] * 6, "77", "60.00", "60.00", "50.00", "50.00", "15", "7"]
    for name in ("a.csv.gz", "b.csv.gz"):
        make.write_table(tmp_path / name, header, lines)
    assert (tmp_path / "a.csv.gz").read_bytes() == (tmp_path / "b.csv.gz").read_bytes()
