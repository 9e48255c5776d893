import numpy as np
import pytest
from sklearn.datasets import load_digits

from skopdist import Architecture, Refit
from skopdist.formats import known_architectures
from skopdist.networks import Network

SETTINGS = {"device": "cpu", "n_trials": 2, "max_epochs": 1, "refit": Refit(max_epochs=2)}


@pytest.fixture
def spaces(script):
    return script("spaces")


@pytest.fixture
def scale(spaces):
    sizes = {"nasbench201": (spaces.Size(3, 1, 2), spaces.Size(5, 2, 3))}
    return spaces.Scale(("fashion",), 120, 50, 1, sizes, SETTINGS)


@pytest.fixture
def images():
    X, y = load_digits(return_X_y=True)
    X = X.reshape(-1, 1, 8, 8).astype(np.uint8)
    return X[:300], X[300:400], y[:300], y[300:400]


def open_rows(spaces, path):
    return spaces.common.Rows(path, spaces.KEYS)


def test_one_search_and_its_networks(spaces, scale, images, tmp_path, monkeypatch):
    rows = open_rows(spaces, tmp_path / "rows.jsonl")
    spaces.run(rows, "tiny", scale, {"fashion": images})
    by_name = {row["network"]: row for row in rows.rows}
    assert list(by_name) == ["searched", "deeper", "larger", "uniform", "known"]
    sizes = {name: (row["length"], row["n_cells"], row["channels"]) for name, row in by_name.items()}
    assert sizes["searched"] == (3, 1, 2)
    assert sizes["deeper"] == (3, 2, 3)
    assert sizes["larger"] == sizes["uniform"] == (5, 2, 3)
    assert by_name["searched"]["architecture"] == by_name["deeper"]["architecture"]
    known = known_architectures()["nasbench201_best_cifar10"].architecture
    assert Architecture.from_json(by_name["known"]["architecture"]) == known
    for name in ("deeper", "larger", "uniform", "known"):
        network = Network(Architecture.from_json(by_name[name]["architecture"]), (1, 4, 4), 10, channels=3, n_cells=2)
        assert sum(parameter.numel() for parameter in network.parameters()) == by_name[name]["n_parameters"]
    # All of them are of one search, and resumed, there is nothing to do.
    assert len({row["search_seconds"] for row in rows.rows if "search_seconds" in row}) == 1
    monkeypatch.setattr(spaces, "train_all", None)
    spaces.run(open_rows(spaces, rows.path), "tiny", scale, {"fashion": images})


def test_nothing_depends_on_the_test_images(spaces, scale, images):
    def figures(split):
        ((space, sizes),) = scale.sizes.items()
        found = list(spaces.train_all(space, sizes, SETTINGS, spaces.part_of(split, scale, 0), 0))
        tests = [row.pop("test") for row in found]
        for row in found:
            for name in ("search_seconds", "training_seconds"):
                row.pop(name, None)
        return found, tests

    X_train, X_test, y_train, y_test = images
    found, tests = figures(images)
    others, other_tests = figures((X_train, 1 + X_test[::-1], y_train, np.roll(y_test, 1)))
    assert found == others
    assert tests != other_tests


def test_images_are_averaged_and_the_training_images_a_share_of_each_class(spaces, scale, images):
    X_train, X_test, y_train, y_test = spaces.part_of(images, scale, 0)
    assert X_train.shape == (120, 1, 4, 4)
    assert X_test.shape == (50, 1, 4, 4)
    assert X_test[7, 0, 1, 2] == images[1][7, 0, 2:4, 4:6].mean()
    np.testing.assert_array_equal(y_test, images[3][:50])
    assert set(np.bincount(y_train)) <= {11, 12, 13}


def test_tables(spaces, tmp_path):
    rows = open_rows(spaces, tmp_path / "rows.jsonl")
    shared = {"scale": "cpu", "space": "macro", "length": 8, "n_cells": 1, "channels": 16}
    for data, name, seed, test in [
        ("fashion", "larger", 0, 0.8),
        ("fashion", "larger", 1, 0.9),
        ("fashion", "uniform", 0, 0.79),
        ("fashion", "uniform", 1, 0.88),
        ("cifar10", "larger", 0, 0.5),
    ]:
        figures = {"n_parameters": 1000 + seed, "flops": 2e6, "training_seconds": 3.2, "test": test}
        found = {"search_seconds": 20.0} if name == "larger" else {}
        rows.add(**shared, data=data, network=name, seed=seed, **figures, **found)
    _, _, *lines = spaces.sizes_table(rows, "cpu").splitlines()
    found, uniform, other = ([cell.strip() for cell in line.strip("|").split("|")] for line in lines)
    assert found[:3] == ["MacroSpace: longer draw, deeper and wider", "Fashion-MNIST", "8"]
    assert found[3:] == ["1", "16", "2", "0.850 ± 0.071", "1,000", "2.00", "20", "3"]
    assert uniform[0] == "MacroSpace: the same from the uniform distribution"
    assert uniform[5:] == ["2", "0.835 ± 0.064", "1,000", "2.00", "-", "3"]
    assert other[1] == "CIFAR-10"
    assert other[5:] == ["1", "0.500", "1,000", "2.00", "20", "3"]
    first, *others = spaces.gains_table(rows, "cpu").splitlines()[2:]
    assert [cell.strip() for cell in first.strip("|").split("|")][1:] == ["+1.5 ± 0.5 (2)", "-"]
    assert all("±" not in line for line in others)
