import csv
import itertools
import os

import pytest

from skopdist import Architecture, Cell
from skopdist.search import run_search
from skopdist.spaces import NASBench201Space
from skopdist.strategies import BayesianOptimization, RandomSearch
from skopdist.tables import load_nasbench201, wrap_nasbench201

SPACE = NASBench201Space()
EDGES = SPACE.potential_edges(6)
CELLS = list(itertools.product(SPACE.operation_names, repeat=6))
COLUMNS = [
    f"{data}_{split}_{epochs}" for data in ("c10", "c100", "in16") for split in ("val", "test") for epochs in (12, 200)
]


def value(cell, column):
    """A number that differs between columns and, mostly, between cells."""
    return COLUMNS.index(column) + sum((slot + 1) * len(name) for slot, name in enumerate(cell)) / 100


def lines(cells=CELLS):
    codes = {name: code for code, name in enumerate(SPACE.operation_names)}
    return [[*(codes[name] for name in cell), *(value(cell, column) for column in COLUMNS)] for cell in cells]


def write(path, body):
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([["e01", "e02", "e12", "e03", "e13", "e23", *COLUMNS], *body])
    return path


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    return write(tmp_path_factory.mktemp("nas") / "nb201_master.csv", lines())


def architecture(cell):
    return Architecture((Cell(cell, EDGES),))


@pytest.mark.parametrize(
    ("arguments", "score", "test", "cost"),
    [
        ({}, "c10_val_200", "c10_test_200", 200),
        ({"dataset": "cifar100", "epochs": 12}, "c100_val_12", "c100_test_12", 12),
        ({"dataset": "ImageNet16-120", "split": "test"}, "in16_test_200", "in16_test_200", 200),
    ],
)
def test_loads_what_is_asked_for(table, arguments, score, test, cost):
    evaluator = load_nasbench201(table, **arguments)
    for cell in CELLS[::1000]:
        trial = evaluator.evaluate(architecture(cell))
        assert (trial.score, trial.cost) == (value(cell, score), cost)
        assert trial.info == {"test_score": value(cell, test)}
    assert evaluator.optimum == max(value(cell, score) for cell in CELLS)
    assert evaluator.test_optimum == max(value(cell, test) for cell in CELLS)


@pytest.mark.parametrize(
    "arguments", [{"dataset": "mnist"}, {"epochs": 90}, {"split": "train"}, {"on_missing": "drop"}], ids=str
)
def test_refuses_unknown_arguments(table, arguments):
    (name,) = arguments
    with pytest.raises(ValueError, match=f"{name} must be"):
        load_nasbench201(table, **arguments)


def test_refuses_an_unknown_operation_with_its_row(tmp_path):
    body = lines()
    body[41][2] = 7
    with pytest.raises(ValueError, match=r"bad\.csv, line 43: e12 is the unknown operation '7'"):
        load_nasbench201(write(tmp_path / "bad.csv", body))


def test_a_partial_table_fails_the_trials_it_does_not_know(tmp_path):
    path = write(tmp_path / "part.csv", lines(CELLS[::2]))
    with pytest.raises(ValueError, match="7812 architectures have no row"):
        load_nasbench201(path)
    evaluator = load_nasbench201(path, on_missing="nan")
    assert evaluator.evaluate(architecture(CELLS[0])).succeeded
    trial = evaluator.evaluate(architecture(CELLS[1]))
    assert trial.status == "failed"
    assert "the table has no row for" in trial.message
    result = run_search(BayesianOptimization(), evaluator, n_trials=20, random_state=0)
    assert {trial.status for trial in result.trials} == {"ok", "failed"}
    assert result.best_score == max(trial.score for trial in result.trials if trial.succeeded)


class FakeAPI:
    """The methods of NASBench201API and NATStopology that say what an architecture scored."""

    def __init__(self, cells, no_results=()):
        self.cells = cells
        self.no_results = no_results
        self.calls = []

    def __len__(self):
        return len(self.cells)

    def __getitem__(self, index):
        a, b, c, d, e, f = self.cells[index]
        return f"|{a}~0|+|{b}~0|{c}~1|+|{d}~0|{e}~1|{f}~2|"

    def get_more_info(self, index, dataset, iepoch=None, hp="12", is_random=True):
        self.calls.append((dataset, hp, is_random))
        if index in self.no_results:
            raise ValueError(f"Did not find {index} from arch2infos_dict.")
        short = {"cifar10-valid": "c10", "cifar10": "c10", "cifar100": "c100", "ImageNet16-120": "in16"}[dataset]
        info = {"train-accuracy": 99.0, "train-all-time": 1.0}
        if dataset != "cifar10":
            info["valid-accuracy"] = value(self.cells[index], f"{short}_val_{hp}")
        if dataset != "cifar10-valid":
            info["test-accuracy"] = value(self.cells[index], f"{short}_test_{hp}")
        return info


@pytest.mark.parametrize("arguments", [{}, {"dataset": "cifar100", "epochs": 12, "split": "test"}], ids=str)
def test_an_api_object_gives_what_the_file_gives(table, arguments):
    api = FakeAPI(CELLS)
    wrapped, loaded = wrap_nasbench201(api, **arguments), load_nasbench201(table, **arguments)
    for name in ("scores", "costs", "test_scores"):
        assert getattr(wrapped, name) == getattr(loaded, name)
    # All trainings of an architecture are averaged: a lucky one would make the table random.
    assert {is_random for _, _, is_random in api.calls} == {False}


def test_an_api_object_without_all_results():
    api = FakeAPI(CELLS, no_results={5})
    with pytest.raises(ValueError, match="architecture 5: val is missing"):
        wrap_nasbench201(api)
    assert len(wrap_nasbench201(api, on_missing="nan").scores) == len(CELLS) - 1


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("|none~0|+|none~0|none~1|", "has 3 operations, not 6"),
        ("|none~0|+|none~0|none~1|+|none~0|none~1|dil_conv_3x3~2|", "NASBench201Space expects the operations"),
        ("none", "expected edges between bars"),
        ("|none~0|+|none~0|none~1|+|none~0|none~1|conv_9~2|", "the operation 'conv_9' is not one for images"),
    ],
)
def test_an_api_object_of_another_space(text, reason):
    class Other(FakeAPI):
        def __getitem__(self, index):
            return text

    with pytest.raises(ValueError, match=f"architecture 0: .*{reason}"):
        wrap_nasbench201(Other(CELLS[:1]))


@pytest.mark.data
@pytest.mark.skipif("SKOPDIST_DATA" not in os.environ, reason="SKOPDIST_DATA is not set")
@pytest.mark.parametrize(
    ("dataset", "val", "test"),
    [("cifar10", 91.61, 94.37), ("cifar100", 73.49, 73.51), ("ImageNet16-120", 46.73, 47.31)],
)
def test_the_real_table_has_the_known_optima(dataset, val, test):
    evaluator = load_nasbench201(dataset=dataset)
    assert round(evaluator.optimum, 2) == val
    assert round(evaluator.test_optimum, 2) == test
    result = run_search(RandomSearch(), evaluator, n_trials=20, random_state=0)
    assert all(trial.succeeded and trial.cost == 200 for trial in result.trials)
