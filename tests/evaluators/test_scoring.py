"""Tests of scores and their standard errors; those of whole evaluations are beside the evaluators."""

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, make_scorer, roc_auc_score

from skopdist.evaluators import Scorer
from skopdist.problem import Problem


def make_problem(n=400, n_classes=3):
    rng = np.random.default_rng(0)
    return Problem.of(rng.normal(size=(n, 2)), rng.integers(n_classes, size=n))


def probabilities(rows, skill=0.8):
    rng = np.random.default_rng(1)
    labels = rows.labels()
    told = np.where(rng.random(len(labels)) < skill, labels, (labels + 1) % 3)
    return np.eye(3)[told] * 0.7 + 0.1


@pytest.mark.parametrize(("n", "skill"), [(400, 0.8), (4000, 0.9), (4000, 0.5)])
def test_the_error_of_an_accuracy_is_that_of_a_share(n, skill):
    problem = make_problem(n)
    score, error = Scorer(None, problem).with_error(lambda rows: probabilities(rows, skill), problem.everything)
    assert score == pytest.approx(skill, abs=0.05)
    assert error == pytest.approx(np.sqrt(skill * (1 - skill) / n), rel=0.6)


@pytest.mark.parametrize("scoring", ["neg_log_loss", "roc_auc_ovr", "f1_macro", "balanced_accuracy"])
def test_every_named_score_has_an_error(scoring):
    problem = make_problem()
    score, error = Scorer(scoring, problem).with_error(probabilities, problem.everything)
    assert np.isfinite(score)
    assert 0 < error < 0.2


def test_a_scorer_of_the_user_is_called_once():
    calls = []

    def metric(y, predicted):
        calls.append(len(y))
        return accuracy_score(y, predicted)

    problem = make_problem()
    score, error = Scorer(make_scorer(metric), problem).with_error(probabilities, problem.everything)
    assert calls == [400]
    assert np.isfinite(score)
    assert np.isnan(error)


def test_a_single_row_has_no_error():
    problem = make_problem()
    score, error = Scorer(None, problem).with_error(probabilities, problem.everything.first(1))
    assert score in (0, 1)
    assert np.isnan(error)


def test_a_score_that_needs_more_classes_than_there_are_says_so():
    problem = make_problem(n_classes=2)
    one_class = problem.everything.take(np.flatnonzero(problem.everything.labels() == 0))
    scorer = Scorer("neg_log_loss", problem)
    with pytest.raises(
        ValueError, match=r"held-out rows, which hold only the classes \[0\] of 2 .*validation_fraction"
    ):
        scorer(lambda rows: np.full((len(rows), 2), 0.5), one_class)


@pytest.mark.parametrize(
    "scoring",
    [
        "f1",
        "precision",
        "roc_auc",
        "recall",
        accuracy_score,
        make_scorer(roc_auc_score, response_method="decision_function"),
        lambda model, X, y: "high",
        lambda model, X: 1.0,
        lambda model, X, y: 1 / 0,
        len,
    ],
)
def test_a_scoring_that_cannot_be_is_refused_before_anything_is_trained(scoring):
    problem = make_problem()
    with pytest.raises(ValueError, match=r"scoring=.* cannot be computed for 3 classes \(\w+: .*Give the name of"):
        Scorer(scoring, problem).check(problem.everything)


@pytest.mark.parametrize(
    "scoring",
    [
        None,
        "neg_log_loss",
        "roc_auc_ovr",
        "f1_macro",
        "matthews_corrcoef",
        # What a trial may yet be better at.
        lambda model, X, y: np.nan,
        lambda model, X, y: model.predict_log_proba(X[:7]).mean(),
        lambda model, X, y: model.score(X, y) + model.predict_proba(X[:3]).max(),
    ],
)
def test_a_scoring_that_can_be_passes(scoring):
    problem = make_problem()
    Scorer(scoring, problem).check(problem.everything)


def test_the_classes_that_are_missing_are_the_reason():
    problem = make_problem(n_classes=2)
    one_class = problem.everything.take(np.flatnonzero(problem.everything.labels() == 0))
    with pytest.raises(ValueError, match=r"^The scoring cannot be computed for the held-out rows, which hold only"):
        Scorer("neg_log_loss", problem).check(one_class)
