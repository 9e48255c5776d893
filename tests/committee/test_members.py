"""Tests of what members are trained on; those of whole fits are beside the classifier's."""

import dataclasses
import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.datasets import load_iris

from skopdist.budget import Budget
from skopdist.committee import Member, _members, choose_architectures, plan_seats, train_members
from skopdist.evaluators import TrainingEvaluator
from skopdist.problem import Problem
from skopdist.spaces import DenseSpace
from skopdist.training import Trainer, Training, _nets

SPACE = DenseSpace()


def draw(i):
    return SPACE.sample(SPACE.uniform(), random_state=i)


@pytest.fixture(scope="module")
def trainer():
    X, y = load_iris(return_X_y=True)
    return Trainer.of(Problem.of(X, y), Training(max_epochs=2), 1, 8, "cpu")


def test_finalists_come_first_and_each_once():
    first, second = draw(100), draw(101)
    assert choose_architectures([first, second, first], 1, draw) == [first]
    chosen = choose_architectures([first, second, first], 4, draw)
    assert chosen[:2] == [first, second]
    assert len(set(chosen)) == 4


def test_draws_end_where_there_is_nothing_else():
    first = draw(100)
    assert choose_architectures([first], 3, lambda i: first) == [first]
    assert choose_architectures([first], 3, lambda i: None) == [first]


def behind(stem, i):
    """Draw a cell behind a stem."""
    drawn = draw(i)
    return dataclasses.replace(drawn, cells=(drawn.cells[0], SPACE.make_stem(stem)))


def test_an_architecture_has_each_fold_before_the_next_one_begins(trainer):
    problem = trainer.problem
    folds, one, two = problem.folds(3), behind("linear_stem", 1), behind("linear_stem", 2)
    seats = plan_seats(problem, [one, two], folds, 7, range(7))
    assert [(seat.architecture, seat.fold) for seat in seats] == [
        (one, 0), (one, 1), (one, 2), (two, 0), (two, 1), (two, 2), (one, 0),
    ]  # fmt: skip
    assert [seat.seed for seat in seats] == list(range(7))
    for seat in seats:
        together = np.concatenate([seat.training.rows, seat.held_out.rows])
        assert sorted(together) == sorted(problem.everything.rows)


@pytest.mark.parametrize(("n_stems", "n_folds"), [(1, 4), (2, 3), (2, 4), (3, 4), (3, 3), (3, 8), (2, 10)])
def test_stems_take_turns_and_each_has_each_fold(trainer, n_stems, n_folds):
    architectures = [behind(stem, i) for i, stem in enumerate(SPACE.default_stems[:n_stems])]
    last = behind(SPACE.default_stems[0], 100)
    n = n_stems * n_folds
    seats = plan_seats(trainer.problem, [*architectures, last], trainer.problem.folds(n_folds), 2 * n, range(2 * n))
    assert [seat.architecture for seat in seats[:n_stems]] == architectures
    assert {seat.fold for seat in seats[:n_folds]} == set(range(n_folds)), "every row is predicted soon"
    pairs = [(seat.architecture, seat.fold) for seat in seats]
    assert len(set(pairs[:n])) == n
    # What is next of the first stem, while the others begin again.
    later = pairs[n:]
    assert [architecture for architecture, _ in later] == [last, *architectures[1:]] * n_folds
    assert len(set(later)) == n
    assert {fold for architecture, fold in later if architecture == last} == set(range(n_folds))


def test_where_a_fold_is_enough_all_stems_hold_out_the_same():
    rng = np.random.default_rng(0)
    problem = Problem.of(rng.normal(size=(5000, 2)), rng.integers(2, size=5000))
    architectures = [behind(stem, 1) for stem in SPACE.default_stems[:3]]
    seats = plan_seats(problem, architectures, problem.folds(10), 7, range(7))
    assert [seat.fold for seat in seats] == [0, 0, 0, 1, 1, 1, 2]
    assert [seat.architecture for seat in seats] == [*architectures, *architectures, architectures[0]]


@pytest.mark.parametrize("n_folds", [0, 3])
def test_stems_whose_trainings_take_longer_have_as_much_time_and_fewer_members(trainer, n_folds):
    quick, slow, other = behind("linear_stem", 1), behind("periodic_stem", 2), behind("linear_stem", 3)
    folds = trainer.problem.folds(n_folds) if n_folds else []

    def planned(architectures, costs, n=24):
        return plan_seats(trainer.problem, architectures, folds, n, range(n), costs)

    seats = planned([quick, slow, other], [2.0, 20.0, 2.0])
    assert [i for i, seat in enumerate(seats) if seat.architecture == slow] == [10, 21]
    assert {seat.architecture: seat.cost for seat in seats} == {quick: 1.0, slow: 10.0, other: 1.0}
    # One after the other, each once for each fold.
    n = n_folds or 1
    assert [seat.architecture for seat in seats[: 2 * n]] == [quick] * n + [other] * n
    if n_folds:
        assert sorted(seat.fold for seat in seats[:3]) == sorted(seat.fold for seat in seats[3:6]) == [0, 1, 2]
    # The first is the first, whatever it costs.
    seats = planned([slow, quick], [20.0, 2.0])
    assert [i for i, seat in enumerate(seats) if seat.architecture == slow] == [0, 20]
    # A little longer is as long, and so is nothing.
    for costs in ([2.0, 3.9], [0.0, 0.0]):
        assert [seat.architecture for seat in planned([slow, quick], costs, 4)] == [slow, quick, slow, quick]


@given(
    costs=st.lists(st.floats(0.1, 50), min_size=1, max_size=6),
    stems=st.lists(st.sampled_from(["linear_stem", "periodic_stem", "piecewise_stem"]), min_size=6, max_size=6),
    n_folds=st.sampled_from([0, 2, 4]),
)
def test_no_stem_is_served_before_another_that_would_be_done_sooner(trainer, costs, stems, n_folds):
    problem = trainer.problem
    architectures = [behind(stem, 10 + i) for i, stem in enumerate(stems[: len(costs)])]
    folds = problem.folds(n_folds) if n_folds else []
    seats = plan_seats(problem, architectures, folds, 30, range(30), costs)
    assert seats[0].architecture == architectures[0]
    stem_of = dict(zip(architectures, stems, strict=False))
    spent = dict.fromkeys(stem_of.values(), 0.0)
    dearest = max(costs) / min(costs)
    for seat in seats:
        stem = stem_of[seat.architecture]
        # But for the very first one.
        if any(spent.values()):
            assert all(spent[stem] <= spent[other] + dearest for other in spent)
        spent[stem] += seat.cost
    if folds:
        for seat in seats:
            assert set(seat.training.rows) | set(seat.held_out.rows) == set(problem.everything.rows)


def test_what_there_is_no_time_for_gives_way(trainer):
    seats = plan_seats(trainer.problem, [draw(1)], trainer.problem.folds(3), 4, range(4))
    seats = [dataclasses.replace(seat, cost=cost) for seat, cost in zip(seats, [1.0, 1e6, 1.0, 1e6], strict=True)]
    members = list(train_members(trainer, seats, None, Budget(60.0), expected=0.5))
    assert [member.seat.index for member in members] == [0, 2]
    assert [member.cost for member in members] == [2, 2]


def test_without_folds_all_rows_are_trained_on(trainer):
    seats = plan_seats(trainer.problem, [draw(1), draw(2)], [], 3, range(3))
    assert [seat.architecture for seat in seats] == [draw(1), draw(2), draw(1)]
    assert all(seat.held_out is None and len(seat.training) == len(trainer.problem.everything) for seat in seats)


@pytest.mark.parametrize("n_jobs", [None, 2])
def test_members_predict_the_rows_that_they_did_not_see(trainer, n_jobs):
    seats = plan_seats(trainer.problem, [draw(1)], trainer.problem.folds(3), 3, range(3))
    members = list(train_members(trainer, seats, n_jobs))
    again = list(train_members(trainer, seats, None))
    for member, other, seat in zip(members, again, seats, strict=True):
        assert member.seat.index == seat.index
        assert member.probabilities.shape == (len(seat.held_out), 3)
        np.testing.assert_array_equal(member.probabilities, other.probabilities)
        assert member.cost == 2


def test_one_member_is_trained_however_little_time_there_is(trainer):
    seats = plan_seats(trainer.problem, [draw(1)], trainer.problem.folds(3), 3, range(3))
    budget = Budget(1e-9)
    time.sleep(0.001)
    (member,) = train_members(trainer, seats, None, budget, expected=1.0)
    assert isinstance(member, Member)
    assert 0 < member.cost < 2
    assert np.isfinite(member.probabilities).all()


def test_time_that_is_enough_trains_all(trainer):
    seats = plan_seats(trainer.problem, [draw(1)], trainer.problem.folds(3), 3, range(3))
    members = list(train_members(trainer, seats, None, Budget(1000.0), expected=1.0))
    assert [member.cost for member in members] == [2, 2, 2]


def test_a_failure_is_told_in_place(trainer, monkeypatch):
    train = Trainer.train

    def fails_once(self, architecture, samples, seed, held_out=None):
        if seed == 1:
            raise FloatingPointError("made on purpose")
        return train(self, architecture, samples, seed, held_out)

    def together(*arguments):
        raise MemoryError

    # One by one, for want of memory.
    monkeypatch.setattr("skopdist.training._nets.train_together", together)
    monkeypatch.setattr(Trainer, "train", fails_once)
    seats = plan_seats(trainer.problem, [draw(1)], trainer.problem.folds(3), 3, range(3))
    results = list(train_members(trainer, seats, None))
    assert sorted(isinstance(result, Member) for result in results) == [False, True, True]
    assert [result for result in results if isinstance(result, str)] == ["FloatingPointError: made on purpose"]


def test_what_a_search_trains_is_what_a_member_is(trainer):
    """A member is trained like a trial on the same rows."""
    X, y = load_iris(return_X_y=True)
    evaluator = TrainingEvaluator(n_cells=1, channels=8, training=Training(max_epochs=2)).fit(X, y, random_state=0)
    seat = plan_seats(evaluator.problem_, [draw(1)], [evaluator.problem_], 1, [5])[0]
    (member,) = train_members(evaluator.trainer_, [seat], None)
    trial = evaluator.evaluate(draw(1), seed=5)
    labels = seat.held_out.labels()
    assert trial.score == pytest.approx((member.probabilities.argmax(axis=1) == labels).mean(), abs=0.03)


def test_graphs_do_not_depend_on_the_workers(trainer, monkeypatch):
    monkeypatch.setattr(_nets, "_MOST_TOGETHER", 2)
    seats = plan_seats(trainer.problem, [draw(1), draw(2)], trainer.problem.folds(2), 4, range(4))
    one, two = (sorted(train_members(trainer, seats, n), key=lambda m: m.seat.index) for n in (1, 2))
    for member, other in zip(one, two, strict=True):
        np.testing.assert_array_equal(member.probabilities, other.probabilities)


def test_a_worker_that_dies_with_several_members_is_asked_for_each(trainer, monkeypatch):
    class Deadly:
        """Workers that die of more than one member, and of the one with the seed 2."""

        def __init__(self, n_jobs):
            pass

        def __enter__(self):
            return self

        def __exit__(self, *error):
            pass

        def run(self, calls, fail):
            for i, (function, arguments, _) in enumerate(calls):
                seats = arguments[0].seats
                if len(seats) > 1 or seats[0].seed == 2:
                    yield fail(i, "The worker process died")
                else:
                    yield function(*arguments)

    monkeypatch.setattr("skopdist.committee._members.Workers", Deadly)
    seats = plan_seats(trainer.problem, [draw(1)], trainer.problem.folds(4), 4, range(4))
    results = list(train_members(trainer, seats, None))
    assert [result for result in results if isinstance(result, str)] == ["The worker process died"]
    assert [result.seat.seed for result in results if isinstance(result, Member)] == [0, 1, 3]


@pytest.mark.parametrize("n_workers", [1, 2, 3])
def test_each_worker_has_a_graph_of_its_own(trainer, n_workers):
    architectures = [behind("linear_stem", i) for i in range(3)]
    seats = plan_seats(trainer.problem, architectures, trainer.problem.folds(4), 12, range(12))
    groups = _members._next_groups(trainer, seats, n_workers, is_tight=False)
    assert [len(group) for group in groups] == [4] * n_workers
    assert [seat.index for group in groups for seat in group] == list(range(4 * n_workers))


def test_a_member_that_cannot_predict_harms_no_other(trainer, monkeypatch):
    predict = _members._predict_unseen

    def fail(trainer, seat, net, n_together):
        if seat.index == 1:
            raise MemoryError("no room")
        return predict(trainer, seat, net, n_together)

    monkeypatch.setattr(_members, "_predict_unseen", fail)
    seats = plan_seats(trainer.problem, [draw(1)], trainer.problem.folds(3), 3, range(3))
    trained = list(train_members(trainer, seats, None))
    assert [isinstance(result, Member) for result in trained] == [True, False, True]
    assert trained[1] == "MemoryError: no room"


def test_what_members_hold_out_does_not_end_their_training(trainer):
    early = dataclasses.replace(trainer, training=Training(max_epochs=6, early_stopping=1, lr=1e-12).for_data(100, 0))
    seats = plan_seats(trainer.problem, [draw(1)], trainer.problem.folds(2), 2, range(2))
    assert [len(member.net.history) for member in train_members(early, seats, None)] == [6, 6]
