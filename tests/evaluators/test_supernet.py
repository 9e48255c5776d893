"""Tests of the evaluator inside a supernet."""

import numpy as np
import pytest
import torch

from skopdist import OpDistNASClassifier, Scalar
from skopdist.encodings import AdjacencyEncoding, DistributionEncoding
from skopdist.evaluators import SupernetEvaluator
from skopdist.search import run_search
from skopdist.spaces import DenseSpace, NASBench201Space
from skopdist.strategies import DifferentiableSearch, RandomSearch
from skopdist.testing import check_evaluator
from skopdist.training import Training

SMALL = {"channels": 8, "n_cells": 1}


@pytest.mark.parametrize("data", ["iris", "images", "series"])
@pytest.mark.parametrize("partial_channels", [1, 4])
def test_contract(data, partial_channels, request):
    X, y = request.getfixturevalue(data)
    check_evaluator(SupernetEvaluator(partial_channels=partial_channels, **SMALL), X, y)


def search(X, y, n_trials=12, strategy=None, encoding=None, journal=None, n_jobs=None, record=None, **settings):
    evaluator = SupernetEvaluator(**(SMALL | settings)).fit(X, y, random_state=0)
    strategy = DifferentiableSearch(n_warmup=3) if strategy is None else strategy
    where = {"journal": journal, "n_jobs": n_jobs, "record": record}
    return run_search(strategy, evaluator, encoding=encoding, n_trials=n_trials, random_state=0, **where)


@pytest.mark.parametrize("encoding", [DistributionEncoding(), AdjacencyEncoding()], ids=str)
def test_learns_along_the_search(encoding, images, untouched_generators):
    result = search(*images, n_trials=25, encoding=encoding)
    losses = [trial.info["held_out_loss"] for trial in result.trials]
    assert np.mean(losses[-5:]) < np.mean(losses[:3]) / 1.5
    assert result.best_score > 0.4
    # A row for the cells and one for the stems, with five operations and two.
    shape = (2, 7) if isinstance(encoding, DistributionEncoding) else (2, 6, 7)
    assert {trial.gradient.shape for trial in result.trials} == {shape}


def test_the_score_of_a_trial_depends_on_those_before_it(images):
    first, longer = search(*images, n_trials=1), search(*images, n_trials=6)
    again = search(*images, n_trials=6)
    np.testing.assert_array_equal(longer.table()["score"], again.table()["score"])
    assert len(first.trials) == 1


def test_workers_change_nothing(iris):
    one, two = search(*iris, n_trials=5), search(*iris, n_trials=5, n_jobs=2)
    np.testing.assert_array_equal(one.table()["score"], two.table()["score"])


def test_any_strategy_may_use_it(iris):
    result = search(*iris, strategy=RandomSearch())
    assert result.best_score > 0.6


def test_an_interrupted_search_is_made_again(iris, tmp_path):
    whole = search(*iris, n_trials=5)
    search(*iris, n_trials=5, journal=tmp_path / "trials.jsonl")
    lines = (tmp_path / "trials.jsonl").read_text().splitlines(keepends=True)
    (tmp_path / "trials.jsonl").write_text("".join(lines[:3]))
    resumed = search(*iris, n_trials=5, journal=tmp_path / "trials.jsonl")
    np.testing.assert_array_equal(resumed.table()["score"], whole.table()["score"])
    assert len((tmp_path / "trials.jsonl").read_text().splitlines()) == 1 + 5
    # The learning rate falls over all trials: those of a shorter search must not be mixed with those of a longer one.
    longer = search(*iris, n_trials=7, journal=tmp_path / "trials.jsonl")
    again = search(*iris, n_trials=7, journal=tmp_path / "trials.jsonl")
    expected = search(*iris, n_trials=7).table()["score"]
    for result in (longer, again):
        np.testing.assert_array_equal(result.table()["score"], expected)
    with pytest.raises(
        ValueError, match=r"7 trials on record\. Each builds on those before it.* give n_trials=7, more"
    ):
        search(*iris, n_trials=4, journal=tmp_path / "trials.jsonl")


def test_known_trials_count_if_they_are_all(iris):
    shorter, whole = search(*iris, n_trials=3), search(*iris, n_trials=5)
    # The learning rate falls over all trials, so those of a shorter search are others.
    longer = search(*iris, n_trials=5, record=shorter.record)
    np.testing.assert_array_equal(longer.table()["score"], whole.table()["score"])
    again = search(*iris, n_trials=5, record=whole.record)
    assert [a is b for a, b in zip(again.trials, whole.trials, strict=True)] == [True] * 5
    assert again.best_distribution == whole.best_distribution


@pytest.mark.parametrize(("epochs", "n_batches"), [(1.0, 8), (1 / 100, 1), (2.5, 20)])
def test_cost_counts_what_is_passed_over(iris, epochs, n_batches):
    evaluator = SupernetEvaluator(
        epochs_per_trial=epochs, training=Training(batch_size=16), validation_fraction=0.2, **SMALL
    )
    evaluator = evaluator.fit(*iris, random_state=0).start(6, 1, 0)
    trial = evaluator.evaluate(evaluator.search_space.sample(evaluator.search_space.uniform(), random_state=1))
    n_held_out = len(evaluator.problem_.held_out)
    n_training = len(evaluator.problem_.training)
    assert len(evaluator.training_batches_) == 8
    assert evaluator.step_ == n_batches
    expected = epochs * (1 + n_held_out / n_training)
    assert trial.cost == pytest.approx(expected, rel=0.05 if epochs >= 1 else 20)


def test_the_gradient_points_to_a_smaller_held_out_loss(images):
    evaluator = SupernetEvaluator(**SMALL).fit(*images, random_state=0).start(6, 1, 0)
    space = evaluator.search_space
    uniform = torch.tensor(space.uniform().probabilities, dtype=torch.float32)
    for _ in range(100):
        evaluator._train(uniform)
    n_batches = evaluator._n_steps(evaluator.held_out_batches_)
    loss, gradient, _ = evaluator._gradient(uniform, n_batches)
    slope = torch.tensor(gradient, dtype=torch.float32)
    ahead, _, _ = evaluator._gradient(uniform + 0.05 * (slope - slope.mean()) / slope.norm(), n_batches)
    assert ahead < loss


def test_a_diverging_step_is_a_failed_trial_and_leaves_the_weights(iris):
    X, y = iris
    evaluator = SupernetEvaluator(training=Training(lr=1e30), **SMALL).fit(X, y, random_state=0)
    result = None
    with pytest.raises(RuntimeError, match="diverged"):
        result = run_search(DifferentiableSearch(), evaluator, n_trials=4, random_state=0)
    assert result is None


def test_has_to_be_started(iris):
    evaluator = SupernetEvaluator(**SMALL).fit(*iris, random_state=0)
    architecture = evaluator.search_space.sample(evaluator.search_space.uniform(), random_state=0)
    assert "start(length, n_trials)" in evaluator.evaluate(architecture).message


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"epochs_per_trial": 0}, "epochs_per_trial must be positive and finite, got 0"),
        ({"epochs_per_trial": float("inf")}, "epochs_per_trial must be positive and finite, got inf"),
        ({"partial_channels": 0}, "partial_channels must be an integer >= 1, got 0"),
        ({"training": Training(lr=-1)}, "'lr' parameter of Training .*Got -1"),
    ],
)
def test_bad_parameters(parameters, message, iris):
    with pytest.raises(ValueError, match=message):
        SupernetEvaluator(**parameters).fit(*iris)


def test_weights_count_as_repetitions(iris):
    X, y = iris
    weight = np.random.default_rng(0).integers(1, 3, len(y))
    weighted = SupernetEvaluator(**SMALL).fit(X, y, weight, random_state=0)
    repeated = SupernetEvaluator(**SMALL).fit(np.repeat(X, weight, axis=0), np.repeat(y, weight), random_state=0)
    results = [run_search(DifferentiableSearch(), e, n_trials=3, random_state=0) for e in (weighted, repeated)]
    np.testing.assert_array_equal(results[0].table()["score"], results[1].table()["score"])


def test_the_classifier_takes_it_where_gradients_are_needed(images):
    X, y = images
    clf = OpDistNASClassifier(DifferentiableSearch(n_warmup=2), n_trials=10, max_epochs=20, random_state=0, **SMALL)
    clf.fit(X, y)
    assert isinstance(clf.evaluator_, SupernetEvaluator)
    assert isinstance(clf.evaluator_.search_space, NASBench201Space)
    assert clf.evaluator_.n_cells == 1
    assert clf.sample_architecture(9).length == 9
    assert clf.score(X, y) > 0.5


def test_the_classifier_takes_one_that_is_given(iris):
    X, y = iris
    evaluator = SupernetEvaluator(DenseSpace(("skip_connect", "linear_relu"), stems=()), epochs_per_trial=0.5)
    clf = OpDistNASClassifier(DifferentiableSearch(), evaluator=evaluator, n_trials=3, random_state=0)
    assert set(clf.fit(X, y).best_distribution_.operations) == {"skip_connect", "linear_relu"}
    assert not hasattr(evaluator, "problem_")


def test_a_supernet_has_no_scalars(iris):
    space = DenseSpace(scalars=[Scalar("channels", 4, 32, integer=True)])
    clf = OpDistNASClassifier(DifferentiableSearch(), search_space=space, n_trials=2, random_state=0)
    with pytest.raises(ValueError, match=r"which has one size .* cannot search the scalars \['channels'\]"):
        clf.fit(*iris)
    evaluator = SupernetEvaluator(space).fit(*iris, random_state=0)
    with pytest.raises(
        ValueError, match=r"SupernetEvaluator cannot apply the scalars \['channels'\]; it can apply none"
    ):
        run_search(RandomSearch(), evaluator, n_trials=1, random_state=0)
