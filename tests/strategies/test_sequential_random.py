"""Tests of the sequential form of random search."""

import numpy as np
import pytest

from skopdist.encodings import AdjacencyEncoding, DistributionEncoding, HybridEncoding
from skopdist.evaluators import TabularEvaluator
from skopdist.search import run_search
from skopdist.spaces import NASBench201Space
from skopdist.strategies import LocalSearch, RandomSearch
from skopdist.testing import check_strategy

ENCODINGS = [DistributionEncoding, AdjacencyEncoding, HybridEncoding]


@pytest.mark.parametrize("encoding", [encoding() for encoding in ENCODINGS], ids=str)
def test_contract(encoding):
    check_strategy(RandomSearch(sequential=True), encoding)


@pytest.fixture
def table():
    return TabularEvaluator(NASBench201Space(), lambda operations: operations.count("nor_conv_3x3"))


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_concentrates_around_the_best(encoding, table):
    def late(sequential):
        return np.mean(
            [
                trial.score
                for seed in range(3)
                for trial in run_search(
                    RandomSearch(sequential=sequential), table, encoding=encoding(), n_trials=60, random_state=seed
                ).trials[30:]
            ]
        )

    assert late(True) > late(False) + 1


def test_how_many_points_are_suggested_together():
    assert RandomSearch().points_at_once is None
    assert RandomSearch(sequential=True).points_at_once == 4
    assert RandomSearch(sequential=True, trial_batch=7).points_at_once == 7


def test_the_prior_is_never_forgotten(table):
    bound = DistributionEncoding().bind(NASBench201Space())
    strategy = RandomSearch(sequential=True).start(bound, 0)
    for _ in range(25):
        strategy.observe([table.evaluate(bound.decode(point, 0)) for point in strategy.suggest(4)])
    far = [point[3] < 0.4 for point in strategy.suggest(100)]
    assert 10 < sum(far) < 30


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_local_search_runs_on_all_encodings(encoding, table):
    assert run_search(LocalSearch(), table, encoding=encoding(), n_trials=80, random_state=0).best_score >= 5
