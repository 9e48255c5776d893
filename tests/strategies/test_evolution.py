"""Tests of regularised evolution."""

import numpy as np
import pytest

from skopdist import Scalar
from skopdist.encodings import AdjacencyEncoding, DistributionEncoding, HybridEncoding
from skopdist.evaluators import TabularEvaluator
from skopdist.search import run_search
from skopdist.spaces import NASBench201Space
from skopdist.strategies import RandomSearch, RegularizedEvolution
from skopdist.testing import check_strategy

ENCODINGS = [DistributionEncoding, AdjacencyEncoding, HybridEncoding]


@pytest.mark.parametrize("encoding", [encoding() for encoding in ENCODINGS], ids=str)
def test_contract(encoding):
    check_strategy(RegularizedEvolution(), encoding)


@pytest.fixture
def table():
    return TabularEvaluator(NASBench201Space(), lambda operations: operations.count("nor_conv_3x3"))


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_beats_random_search(encoding, table):
    def best(strategy):
        return [
            run_search(strategy, table, encoding=encoding(), n_trials=50, random_state=seed).best_score
            for seed in range(5)
        ]

    assert np.mean(best(RegularizedEvolution())) > np.mean(best(RandomSearch()))


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("n_points", [1, 7])
def test_no_point_twice(encoding, n_points, table):
    bound = encoding().bind(NASBench201Space())
    strategy = RegularizedEvolution().start(bound, 0)
    asked = []
    for _ in range(12):
        points = strategy.suggest(n_points)
        asked.extend(points.round(9).tolist())
        strategy.observe([table.evaluate(bound.decode(point, 0)) for point in points])
    assert len(asked) == 12 * n_points == len({tuple(point) for point in asked})


def test_children_are_neighbours_of_the_population(table):
    bound = AdjacencyEncoding().bind(NASBench201Space())
    strategy = RegularizedEvolution(population_size=4, sample_size=4).start(bound, 0)
    for _ in range(4):
        strategy.observe([table.evaluate(bound.decode(strategy.suggest()[0]))])
    parent = bound.encode(max(strategy.trials_, key=lambda trial: trial.score).architecture)
    child = strategy.suggest()[0]
    assert child.tolist() in bound.neighbours(parent).tolist()
    strategy.observe([table.evaluate(bound.decode(child))])
    assert len(strategy.population_) == 4, "the oldest died"


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_small_space_runs_dry(encoding):
    evaluator = TabularEvaluator(NASBench201Space(["none", "skip_connect"]), lambda operations: 1.0)
    with pytest.warns(UserWarning, match="holds no more points"):
        result = run_search(
            RegularizedEvolution(), evaluator, encoding=encoding(), n_trials=50, length=3, random_state=0
        )
    assert len(result.trials) >= (4 if encoding is DistributionEncoding else 8) - 1


def test_failed_trials_have_no_children():
    bound = HybridEncoding().bind(NASBench201Space())
    strategy = RegularizedEvolution(population_size=3, sample_size=2).start(bound, 0)
    evaluator = TabularEvaluator(NASBench201Space(), lambda _: np.nan)
    for _ in range(8):
        points = strategy.suggest()
        assert len(points) == 1
        strategy.observe([evaluator.evaluate(bound.decode(points[0]))])
    assert not strategy.population_


def test_bad_parameters(table):
    with pytest.raises(ValueError, match="sample_size must be between 1 and population_size"):
        run_search(RegularizedEvolution(population_size=2, sample_size=3), table, n_trials=3)


def test_contract_with_scalars():
    space = NASBench201Space(scalars=[Scalar("lr", 0.001, 0.1, log=True), Scalar("n_cells", 1, 3, integer=True)])
    check_strategy(RegularizedEvolution(), DistributionEncoding(), space)
