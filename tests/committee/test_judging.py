"""Tests of weights, temperature and score from rows that members did not see; their networks do not matter here."""

import dataclasses

import numpy as np
import pytest
from sklearn.metrics import log_loss

from skopdist.committee import Member, judge, plan_seats, temper
from skopdist.committee._judging import find_temperature, predicts_better
from skopdist.evaluators import Scorer
from skopdist.problem import Problem
from skopdist.spaces import DenseSpace

SPACE = DenseSpace()
# Of different stems.
ONE, TWO = SPACE.reference_architectures()[:2]


def make_problem(n):
    rng = np.random.default_rng(0)
    return Problem.of(rng.normal(size=(n, 2)), rng.integers(3, size=n))


def guesses(labels, skill, rng):
    """Probabilities that are right in so many of all cases, and as sure of it."""
    right = rng.random(len(labels)) < skill
    told = np.where(right, labels, (labels + 1) % 3)
    probabilities = np.full((len(labels), 3), (1 - skill) / 2)
    probabilities[np.arange(len(labels)), told] = skill
    return probabilities


def make_members(problem, skills, n_folds=4, n=None):
    """Members of architectures with some skill each."""
    rng = np.random.default_rng(1)
    architectures = list(skills)
    seats = plan_seats(problem, architectures, problem.folds(n_folds), n or len(skills) * n_folds, range(100))
    return [
        Member(seat, None, guesses(seat.held_out.labels(), skills[seat.architecture], rng), 1.0, 1.0) for seat in seats
    ]


def test_the_score_is_that_of_rows_that_were_not_seen():
    problem = make_problem(400)
    members = make_members(problem, {ONE: 0.8})
    verdict = judge(members, Scorer(None, problem))
    hits = np.concatenate([m.probabilities.argmax(axis=1) == m.seat.held_out.labels() for m in members])
    assert len(hits) == 400
    assert verdict.score == pytest.approx(hits.mean())
    # Of a share, the square root of p (1 - p) / n, as nearly as ten groups can tell.
    assert verdict.score_error == pytest.approx(0.02, rel=0.5)
    assert verdict.architecture == ONE
    assert verdict.weights == [0.25] * 4


@pytest.mark.parametrize("n", [1, 3, 5, 8])
def test_where_rows_are_few_a_stem_counts_as_the_root_of_its_members(n):
    problem = make_problem(200)
    members = make_members(problem, {ONE: 0.5, TWO: 0.9}, n=n)
    weights = judge(members, Scorer(None, problem)).weights
    assert sum(weights) == pytest.approx(1)
    of_one, of_two = (
        [w for m, w in zip(members, weights, strict=True) if m.seat.architecture == architecture]
        for architecture in (ONE, TWO)
    )
    assert len(set(of_one)) == 1
    assert sum(of_two) == pytest.approx(sum(of_one) * np.sqrt(len(of_two) / len(of_one)))
    # So it does where nothing was held out.
    blind = [dataclasses.replace(member, probabilities=None) for member in members]
    assert judge(blind, Scorer(None, problem)).weights == weights


def test_weights_follow_skill_where_rows_are_enough():
    problem = make_problem(2000)
    members = make_members(problem, {ONE: 0.5, TWO: 0.9})
    verdict = judge(members, Scorer(None, problem))
    assert verdict.architecture == TWO
    assert sum(verdict.weights) == pytest.approx(1)
    assert sum(w for w, m in zip(verdict.weights, members, strict=True) if m.seat.architecture == TWO) > 0.9
    few = make_problem(200)
    assert judge(make_members(few, {ONE: 0.5, TWO: 0.9}), Scorer(None, few)).weights == [1 / 8] * 8


def test_equals_share_the_weight():
    problem = make_problem(2000)
    weights = judge(make_members(problem, {ONE: 0.7, TWO: 0.7}), Scorer(None, problem)).weights
    assert min(weights) > 0.05


def test_an_architecture_with_fewer_folds_is_not_compared():
    problem = make_problem(1000)
    # The second has fewer folds, and luck there says little.
    verdict = judge(make_members(problem, {ONE: 0.6, TWO: 0.99}, n=5), Scorer(None, problem))
    assert verdict.architecture == ONE
    of_one, of_two = np.array([3**-0.5, 2**-0.5]) / (3**0.5 + 2**0.5)
    assert verdict.weights == pytest.approx([of_one, of_two, of_one, of_two, of_one])


def test_architectures_on_different_rows_are_not_compared():
    problem = make_problem(2000)
    members = make_members(problem, {ONE: 0.6, TWO: 0.99}, n=4)
    assert {m.seat.fold for m in members if m.seat.architecture == ONE} == {0, 2}
    assert judge(members, Scorer(None, problem)).architecture == ONE


def test_weights_are_found_on_the_folds_that_all_held_out():
    problem = make_problem(6000)
    members = make_members(problem, {ONE: 0.5, TWO: 0.9}, n_folds=10, n=3)
    assert [m.seat.fold for m in members] == [0, 0, 1], "a fold is enough, so all hold out the same one first"
    verdict = judge(members, Scorer(None, problem))
    assert verdict.architecture == TWO
    assert verdict.weights[1] > 0.9
    assert sum(verdict.weights) == pytest.approx(1)


@pytest.mark.parametrize(("long", "short", "expected"), [(0.9, 0.6, True), (0.6, 0.9, False), (0.7, 0.7, False)])
def test_members_predict_better_beyond_the_error(long, short, expected):
    problem = make_problem(2000)
    assert predicts_better(make_members(problem, {ONE: long}), make_members(problem, {ONE: short})) is expected


def test_members_that_predicted_other_rows_are_not_compared():
    problem = make_problem(400)
    good, bad = make_members(problem, {ONE: 0.9}), make_members(problem, {ONE: 0.5})
    assert not predicts_better(good[:3], bad)
    good[0] = dataclasses.replace(good[0], probabilities=good[0].probabilities[:50])
    assert not predicts_better(good, bad), "half of the rows of a fold"


def test_nothing_held_out_means_nothing_known():
    problem = make_problem(50)
    seats = plan_seats(problem, [ONE], [], 2, range(2))
    verdict = judge([Member(seat, None, None, 1.0, 1.0) for seat in seats], Scorer(None, problem))
    assert (verdict.architecture, verdict.weights, verdict.temperature) == (ONE, [0.5, 0.5], 1.0)
    assert np.isnan(verdict.score)


def test_members_that_had_no_time_for_all_rows():
    problem = make_problem(400)
    members = make_members(problem, {ONE: 0.8, TWO: 0.8})
    cut = [Member(m.seat, None, m.probabilities[: 10 + i], 1.0, 1.0) for i, m in enumerate(members)]
    verdict = judge(cut, Scorer(None, problem))
    assert 0.4 < verdict.score <= 1


def test_architectures_are_compared_on_the_same_rows():
    # Of the first fold the better one had time for few rows, so that its second fold begins elsewhere.
    problem = make_problem(4000)
    members = make_members(problem, {ONE: 0.5, TWO: 0.95}, n_folds=2)
    cut = [
        dataclasses.replace(m, probabilities=m.probabilities[:300])
        if (m.seat.architecture, m.seat.fold) == (TWO, 0)
        else m
        for m in members
    ]
    verdict = judge(cut, Scorer(None, problem))
    assert verdict.architecture == TWO
    of_two = sum(w for m, w in zip(cut, verdict.weights, strict=True) if m.seat.architecture == TWO)
    assert of_two > 0.9


@pytest.mark.parametrize("scoring", ["neg_log_loss", "roc_auc_ovr", "f1_macro", "balanced_accuracy"])
def test_any_score_will_do(scoring):
    problem = make_problem(400)
    verdict = judge(make_members(problem, {ONE: 0.5, TWO: 0.9}), Scorer(scoring, problem))
    assert verdict.architecture == TWO
    assert np.isfinite([verdict.score, verdict.score_error]).all()


@pytest.mark.parametrize("true", [0.5, 1.0, 2.0])
def test_the_temperature_is_found(true):
    """Probabilities from which labels are drawn, made too sure or not sure enough, come back to what they were."""
    problem = make_problem(4000)
    rng = np.random.default_rng(3)
    honest = rng.dirichlet([0.7] * 3, size=4000)
    labels = np.array([rng.choice(3, p=p) for p in honest])
    rows = Problem.of(problem.everything.X, labels).everything
    told = temper(honest, 1 / true)[rows.rows]
    found = find_temperature(told, rows)
    assert found == pytest.approx(true, rel=0.15)
    assert log_loss(rows.labels(), temper(told, found)) <= log_loss(rows.labels(), told) + 1e-9


def test_certain_and_wrong_is_finite():
    problem = make_problem(200)
    labels = problem.everything.labels()
    wrong = np.eye(3)[(labels + 1) % 3]
    temperature = find_temperature(wrong, problem.everything)
    assert np.isfinite(temperature)
    assert np.isfinite(temper(wrong, temperature)).all()


def test_a_scorer_that_fails_leaves_the_score_unknown():
    def fails(model, X, y):
        raise RuntimeError("made on purpose")

    problem = make_problem(200)
    members = make_members(problem, {ONE: 0.8})
    verdict = judge(members, Scorer(fails, problem))
    assert np.isnan(verdict.score)
    assert verdict.weights == [0.25] * 4
