"""How many members a committee has."""

from __future__ import annotations

from collections.abc import Sequence

from skopdist.evaluators import Evaluator, SupervisedEvaluator
from skopdist.trial import Trial

# Members where the user chose no number: so many for each trial, and the most of them, also where time decides. With
# fewer trials there is one, for several would cost more than the whole search.
_MEMBERS_PER_TRIAL, _MOST_MEMBERS, _MOST_MEMBERS_IN_TIME, _FEWEST_TRIALS = 0.4, 8, 32, 10


def usual_members(n_trials: int, evaluator: Evaluator, is_limited: bool, is_timed: bool) -> int:
    """Return how many members a committee has where the user chooses no number.

    Parameters
    ----------
    n_trials : int
    evaluator : Evaluator
        One that trains nothing is followed by one training.
    is_limited : bool
        Whether what predicts has limits of its cost, which count for all members together.
    is_timed : bool
        Whether there is a limit of time: then it is the most members, of which time decides.
    """
    if is_limited or not isinstance(evaluator, SupervisedEvaluator):
        return 1
    if is_timed:
        return _MOST_MEMBERS_IN_TIME
    return 1 if n_trials < _FEWEST_TRIALS else min(int(_MEMBERS_PER_TRIAL * n_trials), _MOST_MEMBERS)


def members_behind(recorded: Sequence[Trial], n: int, is_open: bool) -> int:
    """Return how many members follow on trials that are on record.

    More than one are trained behind a search of short trials, one behind a search of full trainings.

    Parameters
    ----------
    recorded : sequence of Trial
        May be empty.
    n : int
        How many are wanted.
    is_open : bool
        Whether the user leaves the number open: then the trials decide which of these it is.

    Raises
    ------
    ValueError
        If the user chose a number that goes with trials of the other kind.
    """
    if not recorded:
        return n
    were_short = max(trial.planned_fidelity for trial in recorded) < 1
    if is_open:
        return max(n, 2) if were_short else 1
    if were_short != (n > 1):
        raise ValueError(
            f"The trials on record are {'short' if were_short else 'full'} trainings, but n_members={n} goes with "
            f"{'short' if n > 1 else 'full'} ones. Give n_members={'2 or more' if were_short else 1}, or None, or "
            "another journal, or warm_start=False."
        )
    return n
