import gzip
import itertools
from importlib.resources import files

import numpy as np
import pytest

from skopdist.encodings import AdjacencyEncoding
from skopdist.networks import Network
from skopdist.search import run_search
from skopdist.strategies import BayesianOptimization, RandomSearch
from skopdist.tables import load_digits_cells
from skopdist.tables._digits import N_SEEDS, OPERATIONS
from skopdist.testing import check_evaluator

FILE = files("skopdist.tables") / "digits_cells.csv.gz"


def test_contract():
    check_evaluator(load_digits_cells())


def test_has_every_cell_with_everything():
    evaluator = load_digits_cells()
    cells = set(itertools.product(OPERATIONS, repeat=6))
    for mapping in (evaluator.scores, evaluator.test_scores, evaluator.costs, evaluator.info["n_parameters"]):
        assert set(mapping) == cells
        assert np.isfinite(list(mapping.values())).all()
    assert all(10 <= score <= 100 for scores in (evaluator.scores, evaluator.test_scores) for score in scores.values())


def test_is_small_enough_to_ship():
    assert len(FILE.read_bytes()) < 300_000
    header = gzip.decompress(FILE.read_bytes()).decode().splitlines()[0].split(",")
    assert [name for name in header if name.startswith("val_")] == [f"val_{seed}" for seed in range(N_SEEDS)]


def test_seeds_and_splits():
    mean = load_digits_cells()
    seeds = [load_digits_cells(seed=seed) for seed in range(N_SEEDS)]
    cell = ("nor_conv_3x3", *["skip_connect"] * 5)
    assert mean.scores[cell] == pytest.approx(np.mean([evaluator.scores[cell] for evaluator in seeds]), abs=1e-3)
    assert {evaluator.test_scores[cell] for evaluator in seeds} == {mean.test_scores[cell]}
    test = load_digits_cells(split="test")
    assert test.scores == test.test_scores == mean.test_scores


def test_cells_that_compute_the_same_share_their_trainings():
    evaluator = load_digits_cells()
    encoding = AdjacencyEncoding().bind(evaluator.search_space)
    points = encoding.points(1000)
    cells = [encoding.decode(point).operations for point in points]
    by_function = {}
    for cell, key in zip(cells, encoding.keys(points), strict=True):
        by_function.setdefault(key, set()).add(evaluator.scores[cell])
    assert len(by_function) == 435
    assert all(len(scores) == 1 for scores in by_function.values())


def test_parameters_are_those_of_the_networks():
    evaluator = load_digits_cells()
    for seed in range(3):
        architecture = evaluator.search_space.sample(evaluator.search_space.uniform(), random_state=seed)
        network = Network(architecture, (1, 8, 8), 10, channels=8, n_cells=1)
        number = sum(parameter.numel() for parameter in network.parameters())
        assert evaluator.evaluate(architecture).info["n_parameters"] == number


def test_cells_differ_by_more_than_luck():
    values = np.array([list(load_digits_cells(seed=seed).scores.values()) for seed in range(N_SEEDS)])
    assert np.var(values.mean(axis=0)) > 5 * np.mean(np.var(values, axis=0, ddof=1)) / N_SEEDS
    assert np.quantile(values, 0.9) < 97


def test_model_based_search_beats_random_search():
    def regret(strategy):
        evaluator = load_digits_cells()
        scores = [run_search(strategy, evaluator, n_trials=30, random_state=seed).best_score for seed in range(5)]
        return evaluator.optimum - np.mean(scores)

    assert regret(BayesianOptimization()) < regret(RandomSearch())


def test_refuses_unknown_arguments():
    with pytest.raises(ValueError, match="split must be one of"):
        load_digits_cells(split="train")
    with pytest.raises(ValueError, match="seed must be None or one of"):
        load_digits_cells(seed=N_SEEDS)
