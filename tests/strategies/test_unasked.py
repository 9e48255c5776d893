"""Trials of architectures that a strategy did not suggest, such as the references of a space."""

import numpy as np
import pytest
from everything import ENCODINGS

from skopdist.encodings import AdjacencyEncoding, DistributionEncoding, HybridEncoding
from skopdist.evaluators import TabularEvaluator
from skopdist.spaces import DenseSpace, NASBench201Space
from skopdist.strategies import (
    BayesianOptimization,
    DifferentiableSearch,
    LocalSearch,
    RandomSearch,
    RegularizedEvolution,
)
from skopdist.testing._synthetic import Synthetic

SPACE = NASBench201Space()
NEVER_TWICE = [LocalSearch(), RegularizedEvolution(), BayesianOptimization(), RandomSearch(sequential=True)]


def observed(strategy, bound, architectures, score=lambda operations: operations.count("nor_conv_3x3")):
    table = TabularEvaluator(bound.space_, score)
    started = strategy.start(bound, 0)
    started.observe([table.evaluate(architecture) for architecture in architectures])
    return started, table


@pytest.mark.parametrize("encoding", [AdjacencyEncoding(), HybridEncoding()], ids=str)
@pytest.mark.parametrize("strategy", NEVER_TWICE, ids=str)
def test_they_are_not_asked_again(strategy, encoding):
    # Of the eight cells there are, half are observed before.
    space = DenseSpace(["linear_relu", "linear_tanh"])
    bound = encoding.bind(space, 3)
    points = bound.points(100)
    started, table = observed(strategy, bound, [bound.decode(point) for point in points[::2]])
    asked = []
    for _ in range(8):
        suggested = started.suggest(1)
        started.observe([table.evaluate(bound.decode(point)) for point in suggested])
        asked += suggested.tolist()
    assert len(asked) >= 3
    assert not {tuple(point) for point in asked} & {tuple(point) for point in points[::2].tolist()}
    assert len({tuple(point) for point in asked}) == len(asked)


def test_a_climb_begins_at_the_best_of_them():
    bound = AdjacencyEncoding().bind(SPACE)
    references = SPACE.reference_architectures()
    started, _ = observed(LocalSearch(n_initial=3), bound, references)
    neighbours = bound.neighbours(bound.encode(references[-1])).tolist()
    assert all(point in neighbours for point in started.suggest(4).tolist())
    started, _ = observed(LocalSearch(n_initial=5), bound, references)
    assert started.n_starts_left_ == 2
    started, _ = observed(LocalSearch(n_initial=2), bound, references, lambda operations: np.nan)
    assert len(started.suggest(4)) == 2, "all failed, so a new start is made"


def test_they_move_a_climb_that_is_under_way():
    bound = AdjacencyEncoding().bind(SPACE)
    table = TabularEvaluator(SPACE, lambda operations: operations.count("nor_conv_3x3"))
    started = LocalSearch(n_initial=2).start(bound, 0)
    for _ in range(2):
        started.observe([table.evaluate(bound.decode(point)) for point in started.suggest(2)])
    best = SPACE.reference_architectures()[-1]
    started.observe([table.evaluate(best)])
    assert started.suggest(1).tolist()[0] in bound.neighbours(bound.encode(best)).tolist()


def test_they_join_the_population():
    bound = AdjacencyEncoding().bind(SPACE)
    references = SPACE.reference_architectures()
    started, _ = observed(RegularizedEvolution(population_size=3, sample_size=3), bound, references)
    assert len(started.population_) == 3
    parent = bound.encode(references[-1])
    assert started.suggest(1).tolist()[0] in bound.neighbours(parent).tolist()


@pytest.mark.parametrize("encoding", ENCODINGS, ids=str)
def test_they_are_what_a_model_begins_with(encoding, monkeypatch):
    bound = encoding.bind(SPACE)
    started, _ = observed(BayesianOptimization(n_initial=3), bound, SPACE.reference_architectures())
    monkeypatch.setattr(started, "_random", None)
    assert len(started.suggest(4)) == 4
    started, _ = observed(BayesianOptimization(n_initial=4), bound, SPACE.reference_architectures())
    monkeypatch.setattr(started, "_random", lambda: None)
    assert len(started.suggest(4)) == 0, "one random point is left"


def test_independent_draws_do_not_change():
    bound = DistributionEncoding().bind(SPACE)
    started, _ = observed(RandomSearch(), bound, SPACE.reference_architectures())
    np.testing.assert_array_equal(started.suggest(5), RandomSearch().start(bound, 0).suggest(5))


def test_no_step_is_made_without_a_draw():
    bound = DistributionEncoding().bind(SPACE)
    evaluator = Synthetic(SPACE)
    trials = [evaluator.evaluate(architecture) for architecture in SPACE.reference_architectures()]
    assert trials[0].gradient is not None
    started = DifferentiableSearch(n_warmup=0).start(bound, 0)
    started.observe(trials)
    assert started.n_steps_ == 0
    started.observe([evaluator.evaluate(bound.decode(point, 0)) for point in started.suggest(1)])
    assert started.n_steps_ == 1
    started.observe(trials)
    assert started.n_steps_ == 1


def test_suggested_trials_are_told_from_others():
    class Watching(RandomSearch):
        def _start(self):
            super()._start()
            self.unasked_ = []

        def _observe_unasked(self, trials):
            self.unasked_.append(len(trials))

    bound = DistributionEncoding().bind(SPACE)
    table = TabularEvaluator(SPACE, lambda operations: 1.0)
    started = Watching().start(bound, 0)
    for n_suggested, n_observed in ((0, 2), (3, 3), (4, 2), (1, 3), (2, 5)):
        points = started.suggest(n_suggested) if n_suggested else []
        assert len(points) == n_suggested
        started.observe([table.evaluate(SPACE.reference_architectures()[0])] * n_observed)
    assert started.unasked_ == [2, 3]
    assert len(started.trials_) == 15
