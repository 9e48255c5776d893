"""What is trained in full when a search is over."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from skopdist.architecture import Architecture, Cell
from skopdist.budget import SHORT
from skopdist.search import SearchResult
from skopdist.spaces import STEM
from skopdist.trial import Trial

# A training that takes so many times as long as another takes much longer.
_MUCH_LONGER = 2
# By so many standard errors is a short training so much better that a full one of another can hardly catch up.
_FAR_BETTER = 4
# By so many is another stem worse, so that its networks would be of little use beside the others. One would leave out
# every sixth of those that are as good, and members of several stems are worth more than several of the best one.
_CLEARLY_WORSE = 2


def rank_finalists(
    search: SearchResult, references: Sequence[Architecture], n: int, seconds: float = math.inf
) -> list[Architecture]:
    """Return the architectures that a search leads to, the most promising first.

    Full trainings are ranked by their scores. Behind short ones, the finalists are those of the strategy, the best of
    the references among them, so that short trainings and few held-out rows, which may mislead, can hardly lead below
    what is known to be good. The best reference is the first one, unless another one is better by more than the
    standard error of their difference. It also comes first among the finalists, unless that of the strategy is better
    than every reference by as much: where time is short, the first is all that is trained. The error counts as many
    times as trials are shorter than a quarter of a training, for what learns fast need not go far. Next come the best
    ones of the other stems, unless they are worse than the first by twice as much: networks that see the input
    otherwise err otherwise.

    Architectures that would not be trained to the end in the time are left out, if a reference would: a training that
    is cut short is worth less than several that are not. Those that are far better stay, as where a stem does not see
    what the classes differ by. Where no reference would be in time, nothing is left out, for one that is cut short is
    better than a cell that is quick because it does little.

    Parameters
    ----------
    search : SearchResult
    references : sequence of Architecture
        The architectures known to be good; those that were not tried, or failed, are passed over.
    n : int
        The most that are returned of the finalists of short trainings.
    seconds : float, default=inf
        The time that there is for full trainings.
    """
    if search.best_trial.planned_fidelity == 1:
        return _by_score(search.trials)
    by_architecture = {trial.architecture: trial for trial in search.trials if trial.status == "ok"}
    times = max(1.0, SHORT / search.best_trial.fidelity)
    tried = [architecture for architecture in references if architecture in by_architecture]
    slow = _slow(list(by_architecture.values()), tried, seconds)
    finalists = [
        architecture for architecture in search.strategy.finalists(len(search.trials)) if architecture not in slow
    ]
    known = [by_architecture[architecture] for architecture in tried if architecture not in slow]
    if known:
        reference = known[0]
        for other in known[1:]:
            reference = other if _is_better(other, reference, times) else reference
        others = [architecture for architecture in finalists if architecture != reference.architecture]
        first = by_architecture.get(others[0]) if others else None
        if first is not None and all(_is_better(first, other, times) for other in known):
            ranked = _varied(others, by_architecture, times)
            ranked.insert(max(1, n - 1), reference.architecture)
        else:
            ranked = _varied([reference.architecture, *others], by_architecture, times)
    else:
        ranked = _varied(finalists, by_architecture, times)
    return ranked[:n]


def _slow(trials: Sequence[Trial], references: Sequence[Architecture], seconds: float) -> set[Architecture]:
    """Return the architectures that are left out, because their full trainings are expected to take too long.

    They take much longer than the quickest, and are not far better than all that are in time. There are none if all of
    the references would be left out.
    """
    expected = [trial.duration / trial.fidelity for trial in trials]
    limit = max(seconds, _MUCH_LONGER * min(expected, default=0.0))
    in_time = [trial for trial, duration in zip(trials, expected, strict=True) if duration <= limit]
    best = max(in_time, key=lambda trial: trial.score, default=None)
    slow = {
        trial.architecture
        for trial, duration in zip(trials, expected, strict=True)
        if duration > limit and best is not None and not _is_better(trial, best, _FAR_BETTER)
    }
    return set() if references and slow.issuperset(references) else slow


def _varied(ranked: Sequence[Architecture], trials: Mapping[Architecture, Trial], times: float) -> list[Architecture]:
    """Bring the best one of each other stem than the first's behind the first, if it is not clearly worse."""
    if not ranked:
        return []
    first, *rest = ranked
    best_of_stem = {stem_of(architecture): architecture for architecture in reversed(ranked)}
    # Where nothing passes through any network, they are all alike.
    others = [
        architecture
        for architecture in rest
        if architecture is best_of_stem[stem_of(architecture)]
        and not (first in trials and _is_better(trials[first], trials[architecture], _CLEARLY_WORSE * times))
    ]
    return list(dict.fromkeys([first, *others, *rest]))


def stem_of(architecture: Architecture) -> Cell | None:
    """Return how the input of a network enters it, or None where the space has no stems."""
    return architecture.cell(STEM) if STEM in architecture.cell_types else None


def _by_score(trials: Sequence[Trial]) -> list[Architecture]:
    """Return the architectures by their scores; of those through which nothing passes one at most."""
    ranked = sorted((trial for trial in trials if trial.succeeded), key=lambda trial: -trial.score)
    return [trial.architecture for trial in ranked if trial.status == "ok"] or [ranked[0].architecture]


def _is_better(one: Trial, other: Trial, times: float = 1) -> bool:
    """Whether the score of a trial is higher than another's by so many times the standard error of their difference."""
    return bool(one.score - other.score > times * np.hypot(*np.nan_to_num([one.score_error, other.score_error])))
