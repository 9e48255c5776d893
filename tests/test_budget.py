import pytest

from skopdist.budget import SHORT, Budget


@pytest.fixture
def clock(monkeypatch):
    """A clock that stands still unless it is moved: a list with the time."""
    now = [100.0]
    monkeypatch.setattr("skopdist.budget.time.monotonic", lambda: now[0])
    return now


def test_without_a_limit_there_is_always_time():
    budget = Budget(None)
    assert not budget.is_limited
    assert budget.allows_member(1e9, 5)


def test_what_is_left_shrinks_to_nothing(clock):
    budget = Budget(100)
    assert 90 < budget.left < 100
    clock[0] += 50
    assert 40 < budget.left < 50
    clock[0] += 100
    assert budget.left == 0
    assert not budget.allows_member(0.0001, 1)
    assert budget.allows_member(1e9, 0)


def test_a_further_member_may_be_trained_in_half_of_its_time(clock):
    budget = Budget(100)
    clock[0] += 80
    assert 16 < budget.left < 18
    assert budget.allows_member(30.0, 1)
    assert not budget.allows_member(40.0, 1)


@pytest.mark.parametrize(("training", "n_workers"), [(0.01, 1), (1.0, 1), (10.0, 2), (1000.0, 1)])
def test_a_search_of_short_trials_leaves_most_for_the_members(clock, training, n_workers):
    budget = Budget(60)
    seconds, fidelity = budget.for_search(training, n_workers, shortest=0.01)
    assert 0 < seconds < 30
    assert 0 < fidelity <= SHORT
    # The references fit, unless a training is far beyond the budget.
    assert seconds * n_workers / (fidelity * training) > 3.9 or training > 60


def test_trials_are_the_shorter_the_slower_trainings_are(clock):
    shares = [Budget(60).for_search(training, 1, shortest=0.01)[1] for training in (0.1, 5, 20, 200)]
    assert shares == sorted(shares, reverse=True)
    assert shares[0] == SHORT


def test_no_trial_is_shorter_than_what_tells_something(clock):
    assert Budget(60).for_search(1000.0, 1, shortest=0.1)[1] == 0.1
    assert Budget(60).for_search(0.1, 1, shortest=0.1)[1] == SHORT


def test_full_trials_leave_time_for_one_more(clock):
    seconds, fidelity = Budget(100).for_search(10.0, 1)
    assert fidelity == 1
    assert 60 < seconds <= 100 - 12.5
    # Where one training takes longer than all, the search still has its part.
    assert 0 < Budget(100).for_search(1000.0, 1)[0] < 90


def test_workers_are_started_where_there_is_time_for_it():
    assert Budget(None).n_jobs(2) == 2
    assert Budget(60).n_jobs(None) is None
    assert Budget(5).n_jobs(2) == 1
