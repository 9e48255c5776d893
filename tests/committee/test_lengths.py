"""Tests of how long members are trained."""

import dataclasses
from types import SimpleNamespace

import numpy as np
import pytest
from sklearn.datasets import load_iris

from skopdist.budget import Budget
from skopdist.committee import Member, of_best_length, plan_seats, train_as_long_as_helps
from skopdist.problem import Problem
from skopdist.spaces import DenseSpace
from skopdist.training import Trainer, Training

SPACE = DenseSpace()
JUDGE = "skopdist.committee._lengths.predicts_better"


@pytest.fixture(scope="module")
def trainer():
    X, y = load_iris(return_X_y=True)
    return Trainer.of(Problem.of(X, y), Training(max_epochs=1), 1, 8, "cpu")


@pytest.fixture(scope="module")
def seats(trainer):
    architectures = [SPACE.sample(SPACE.uniform(), random_state=i) for i in (1, 2)]
    return plan_seats(trainer.problem, architectures, trainer.problem.folds(4), 8, range(8))


def train(trainer, seats, seconds=1000.0, n_jobs=None):
    return list(train_as_long_as_helps(trainer, seats, n_jobs, Budget(seconds), 0.1))


@pytest.mark.parametrize(("n_better", "rest", "n_jobs"), [(0, 1, None), (1, 3, None), (1, 3, 2), (2, 9, None)])
def test_trainings_are_longer_as_long_as_that_helps(trainer, seats, monkeypatch, n_better, rest, n_jobs):
    asked = []

    def judge(long, short):
        assert [m.seat.index for m in long] == [m.seat.index for m in short] == list(range(4 * (n_jobs or 1)))
        asked.append(long[0].n_epochs)
        return long[0].n_epochs <= 3**n_better

    monkeypatch.setattr(JUDGE, judge)
    members = train(trainer, seats, n_jobs=n_jobs)
    tried = [3**i for i in range(n_better + 2)]
    assert sorted(set(asked)) == tried[1:]
    n_first = 4 * (n_jobs or 1)
    first = len(tried) * n_first
    assert [m.n_epochs for m in members[:first]] == np.repeat(tried, n_first).tolist()
    assert [(m.n_epochs, m.cost) for m in members[first:]] == [(rest, rest)] * (8 - n_first)
    chosen = of_best_length(members)
    assert {m.n_epochs for m in chosen} == {rest}
    assert sorted(m.seat.index for m in chosen) == list(range(8))


def test_nothing_longer_is_tried_without_time_for_more_of_it(trainer, seats, monkeypatch):
    monkeypatch.setattr(JUDGE, lambda long, short: True)
    monkeypatch.setattr("skopdist.committee._lengths._WORTHWHILE", np.inf)
    members = train(trainer, seats)
    assert [m.n_epochs for m in members] == [1] * 8


def test_noise_is_not_learnt_by_heart():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(300, 5)), rng.integers(2, size=300)
    trainer = Trainer.of(Problem.of(X, y), Training(max_epochs=10), 1, 16, "cpu")
    seats = plan_seats(trainer.problem, [SPACE.reference_architectures()[0]], trainer.problem.folds(4), 5, range(5))
    members = list(train_as_long_as_helps(trainer, seats, None, Budget(1000.0), 1.0))
    assert [m.n_epochs for m in members] == [10] * 4 + [30] * 4 + [10]


def member(seat, n_epochs):
    return Member(seat, SimpleNamespace(max_epochs=n_epochs), np.full((len(seat.held_out), 3), 1 / 3), 1.0, 1.0)


def test_lengths_are_compared_where_both_were_trained(seats, monkeypatch):
    compared = []

    def judge(long, short):
        compared.append(([m.seat.index for m in long], [m.seat.index for m in short]))
        return True

    monkeypatch.setattr(JUDGE, judge)
    short, long = [member(seat, 1) for seat in seats[:4]], [member(seat, 3) for seat in seats[1:6]]
    assert of_best_length([*short, *long]) == long
    assert compared == [([1, 2, 3], [1, 2, 3])]
    assert of_best_length(short) == short
    assert of_best_length([*short, *(member(seat, 3) for seat in seats[6:])]) == short, "none was trained both ways"


def test_failures_are_told_and_end_the_trials(trainer, seats, monkeypatch):
    def fail(*arguments):
        return ["broken"] * len(arguments[1])

    good = trainer.train_many

    def train_many(self, *arguments):
        return fail(self, *arguments) if self.training.max_epochs == 3 else good(*arguments)

    monkeypatch.setattr(Trainer, "train_many", train_many)
    results = train(trainer, seats)
    assert [result if isinstance(result, str) else result.n_epochs for result in results] == [
        *[1] * 4, *["broken"] * 4, *[1] * 4
    ]  # fmt: skip
    members = [result for result in results if isinstance(result, Member)]
    assert of_best_length(members) == members


def test_without_members_there_is_nothing_to_choose(trainer, seats, monkeypatch):
    monkeypatch.setattr(Trainer, "train_many", lambda self, *arguments: ["broken"] * len(arguments[0]))
    assert train(trainer, seats) == ["broken"] * 12
    assert of_best_length([]) == []


def test_the_recipe_is_left_as_it_was(trainer, seats):
    before = dataclasses.asdict(trainer)["training"].get_params()
    train(trainer, seats)
    assert trainer.training.get_params() == before
