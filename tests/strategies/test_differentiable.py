"""Tests of differentiable search."""

import warnings

import numpy as np
import pytest

from skopdist.distribution import OperationDistribution
from skopdist.encodings import AdjacencyEncoding, DistributionEncoding, HybridEncoding
from skopdist.evaluators import Evaluator, Outcome
from skopdist.search import run_search
from skopdist.spaces import DenseSpace, NASBench201Space
from skopdist.strategies import CollapseWarning, DifferentiableSearch
from skopdist.testing import check_strategy

ENCODINGS = [DistributionEncoding(), AdjacencyEncoding(), HybridEncoding()]


class Linear(Evaluator):
    """Scores a mixture by a fixed weight for each operation and slot."""

    gives_gradient = True

    def __init__(self, favourites=("nor_conv_3x3",), space=None, failing=()):
        self.favourites = favourites
        self.space = space
        self.failing = failing

    @property
    def search_space(self):
        return NASBench201Space() if self.space is None else self.space

    def _evaluate(self, architecture, mixture, seed):
        self.__dict__.setdefault("seen_", []).append(mixture)
        if len(self.seen_) in self.failing:
            raise FloatingPointError("on purpose")
        names = self.search_space.operation_names
        slots = mixture.reshape(-1, mixture.shape[-1])
        weights = np.zeros(slots.shape)
        for i in range(len(slots)):
            weights[i, names.index(self.favourites[i % len(self.favourites)])] = 1
        weights = weights.reshape(mixture.shape) / len(slots)
        return Outcome(float((weights * mixture).sum()), 1.0, gradient=weights)


@pytest.mark.parametrize("encoding", ENCODINGS, ids=str)
def test_contract(encoding):
    check_strategy(DifferentiableSearch(), encoding)


@pytest.mark.parametrize("encoding", ENCODINGS, ids=str)
def test_begins_at_the_prior_and_is_held_there(encoding):
    space = NASBench201Space()
    prior = OperationDistribution(space.operation_names, [0, 0.25, 0, 0.75, 0])
    started = DifferentiableSearch().start(encoding.bind(space), 0, prior)
    concentrations = np.exp(started.log_concentrations_)
    np.testing.assert_allclose(concentrations, np.tile([1, 6, 1, 16, 1], (len(concentrations), 1)))
    np.testing.assert_array_equal(started.start_, started.log_concentrations_)


@pytest.mark.parametrize("trial_batch", [1, 3])
def test_a_continued_search_equals_an_uninterrupted_one(trial_batch):
    strategy = DifferentiableSearch(trial_batch=trial_batch)
    whole = run_search(strategy, Linear(), n_trials=14, random_state=0)
    record = run_search(strategy, Linear(), n_trials=8, random_state=0).record
    continued = run_search(strategy, Linear(), n_trials=14, record=record, random_state=0)
    assert continued.best_distribution == whole.best_distribution
    assert [t.architecture for t in continued.trials] == [t.architecture for t in whole.trials]


@pytest.mark.parametrize("encoding", ENCODINGS, ids=str)
@pytest.mark.parametrize("trial_batch", [1, 5])
def test_follows_the_gradient(encoding, trial_batch):
    result = run_search(
        DifferentiableSearch(trial_batch=trial_batch), Linear(), encoding=encoding, n_trials=200, random_state=0
    )
    best = result.best_distribution
    assert best["nor_conv_3x3"] == max(best.probabilities[0]) > 0.35
    late = result.trials[-20:]
    assert np.mean([t.score for t in late]) > np.mean([t.score for t in result.trials[:20]]) + 0.1


def test_each_edge_has_a_dirichlet_of_its_own_with_the_adjacency_encoding():
    favourites = ("nor_conv_3x3", "skip_connect")
    result = run_search(
        DifferentiableSearch(), Linear(favourites), encoding=AdjacencyEncoding(), n_trials=300, random_state=0
    )
    names = NASBench201Space().operation_names
    leaders = [names[i] for i in result.strategy.log_concentrations_.argmax(axis=1)]
    assert leaders == list(favourites) * 3


def test_nothing_moves_before_the_warm_up_is_over():
    def concentrations(n_trials):
        result = run_search(DifferentiableSearch(n_warmup=6), Linear(), n_trials=n_trials, random_state=0)
        return result.strategy.log_concentrations_

    assert (concentrations(6) == 0).all()
    assert (concentrations(7) != 0).all()


def test_the_recommendation_is_the_mean_of_the_dirichlet():
    result = run_search(DifferentiableSearch(), Linear(), n_trials=30, random_state=0)
    alpha = np.exp(result.strategy.log_concentrations_)
    np.testing.assert_allclose(result.best_distribution.probabilities, alpha / alpha.sum())


def test_failed_trials_teach_nothing():
    result = run_search(DifferentiableSearch(n_warmup=0), Linear(failing=range(2, 50)), n_trials=20, random_state=0)
    alone = run_search(DifferentiableSearch(n_warmup=0), Linear(), n_trials=1, random_state=0)
    np.testing.assert_array_equal(result.strategy.log_concentrations_, alone.strategy.log_concentrations_)


def test_regularization_holds_the_concentrations_back():
    def spread(regularization):
        strategy = DifferentiableSearch(regularization=regularization)
        return np.ptp(run_search(strategy, Linear(), n_trials=150, random_state=0).strategy.log_concentrations_)

    assert spread(1.0) < spread(0.0)


@pytest.mark.parametrize("favourite", ["none", "skip_connect"])
def test_warns_once_of_a_collapse(favourite):
    strategy = DifferentiableSearch(learning_rate=1.0, regularization=0.0)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        run_search(strategy, Linear((favourite,)), n_trials=150, random_state=0)
    collapses = [w for w in caught if issubclass(w.category, CollapseWarning)]
    assert len(collapses) == 1
    assert "'none', 'skip_connect'" in str(collapses[0].message)


def test_no_warning_where_there_is_nothing_else():
    evaluator = Linear(("skip_connect",), DenseSpace(("none", "skip_connect")))
    run_search(DifferentiableSearch(learning_rate=1.0), evaluator, n_trials=60, random_state=0)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"learning_rate": 0}, "learning_rate must be finite and positive, got 0"),
        ({"concentration": -1}, "concentration must be finite and positive, got -1"),
        ({"regularization": -0.1}, "regularization must be finite and not negative, got -0.1"),
        ({"learning_rate": float("inf")}, "learning_rate must be finite"),
        ({"n_warmup": -1}, "n_warmup must not be negative, got -1"),
    ],
)
def test_bad_parameters(parameters, message):
    with pytest.raises(ValueError, match=message):
        run_search(DifferentiableSearch(**parameters), Linear(), n_trials=2)
