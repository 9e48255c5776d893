"""How long a search and its trials are."""

from types import SimpleNamespace

import pytest

from skopdist._plan import Plan
from skopdist.budget import SHORT, Budget
from skopdist.evaluators import TabularEvaluator, TrainingEvaluator
from skopdist.spaces import NASBench201Space

TABLE = TabularEvaluator(NASBench201Space(), len)
KNOWN = NASBench201Space().reference_architectures()
TRAINER = SimpleNamespace(n_steps=1000)


def plan(max_time=None, limits=(), trials=(), is_short=True, is_last=False, evaluator=TABLE, trainer=TRAINER):
    return Plan.of(
        limits,
        KNOWN,
        trainer=trainer,
        evaluator=evaluator,
        length=None,
        book=SimpleNamespace(trials=trials, seed=0),
        budget=Budget(max_time),
        n_workers=1,
        is_short=is_short,
        is_last=is_last,
    )


def test_without_a_limit_of_time():
    short, full = plan(), plan(is_short=False)
    assert (short.max_time, short.fidelity, short.expected) == (None, SHORT, 0.0)
    assert (full.max_time, full.fidelity) == (None, 1.0)


def test_it_begins_with_what_is_good_and_within_the_limits():
    assert tuple(plan().references) == KNOWN
    limit = SimpleNamespace(allows=lambda architecture: architecture != KNOWN[0])
    assert tuple(plan(limits=[limit]).references) == KNOWN[1:]
    assert tuple(plan(max_time=1000, limits=[limit]).references) == KNOWN[1:]


def test_a_search_has_a_part_of_the_time_or_all_of_it_where_it_comes_last():
    # A table needs no look at the speed of trainings.
    part, whole = plan(max_time=1000), plan(max_time=1000, is_last=True)
    assert part.expected == whole.expected == 0
    assert 0 < part.max_time < 500 < 900 < whole.max_time < 1000


@pytest.mark.parametrize("is_short", [True, False])
@pytest.mark.parametrize("max_time", [1000, None])
def test_trials_on_record_go_on_as_they_began(is_short, max_time):
    recorded = [SimpleNamespace(planned_fidelity=0.03), SimpleNamespace(planned_fidelity=0.07)]
    assert plan(max_time=max_time, trials=recorded, is_short=is_short).fidelity == (0.07 if is_short else 1)


@pytest.mark.parametrize(("n_steps", "fidelity"), [(8000, 0.005), (400, 0.1), (40, SHORT)])
def test_where_trainings_are_slow_a_trial_still_has_forty_steps(iris, n_steps, fidelity):
    evaluator = TrainingEvaluator().fit(*iris, random_state=0)
    slow = SimpleNamespace(n_steps=n_steps, problem=evaluator.problem_, seconds_for=lambda *_: 1e6)
    made = plan(max_time=60, evaluator=evaluator, trainer=slow)
    assert made.expected == 1e6
    assert made.fidelity == fidelity
