"""How many members there are where nobody says."""

import pytest

from skopdist.committee import members_behind, usual_members
from skopdist.evaluators import TabularEvaluator, TrainingEvaluator
from skopdist.spaces import NASBench201Space

TABLE = TabularEvaluator(NASBench201Space(), len)


@pytest.mark.parametrize(("n_trials", "n"), [(1, 1), (9, 1), (10, 4), (20, 8), (1000, 8)])
def test_two_members_for_five_trials(n_trials, n):
    assert usual_members(n_trials, TrainingEvaluator(), is_limited=False, is_timed=False) == n


def test_where_time_or_cost_is_limited():
    assert usual_members(5, TrainingEvaluator(), is_limited=False, is_timed=True) == 32
    assert usual_members(20, TrainingEvaluator(), is_limited=True, is_timed=True) == 1
    assert usual_members(20, TABLE, is_limited=False, is_timed=True) == 1


@pytest.fixture(scope="module")
def trial():
    space = TABLE.search_space
    return TABLE.evaluate(space.sample(space.uniform(), random_state=0))


def test_trials_on_record_go_on_as_they_began(trial):
    assert members_behind([], 3, is_open=True) == 3
    full, short = trial.replace(fidelity=1.0), trial.replace(fidelity=0.25)
    assert members_behind([short, full], 8, is_open=True) == 1
    assert members_behind([short, trial.replace(fidelity=0.1)], 1, is_open=True) == 2
    assert members_behind([short], 8, is_open=True) == 8
    assert members_behind([full], 1, is_open=False) == 1
    assert members_behind([short], 3, is_open=False) == 3


def test_full_trainings_that_time_cut_are_no_short_ones(trial):
    cut = trial.replace(fidelity=0.3, info={"planned_fidelity": 1.0})
    assert members_behind([cut], 1, is_open=True) == 1
    assert members_behind([cut], 1, is_open=False) == 1


def test_a_number_that_does_not_go_with_the_record_is_refused(trial):
    with pytest.raises(ValueError, match=r"on record are full trainings, but n_members=3 goes .*Give n_members=1, or"):
        members_behind([trial.replace(fidelity=1.0)], 3, is_open=False)
    with pytest.raises(ValueError, match=r"are short trainings, but n_members=1 goes with full .*n_members=2 or more"):
        members_behind([trial.replace(fidelity=0.25)], 1, is_open=False)
