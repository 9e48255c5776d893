"""What is trained in full when a search is over."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from skopdist.architecture import Architecture
from skopdist.search import SearchResult
from skopdist.trial import Trial


def rank_finalists(search: SearchResult, references: Sequence[Architecture], n: int) -> list[Architecture]:
    """Return the architectures that a search leads to, the most promising first.

    Full trainings are ranked by their scores. Behind short ones, the finalists are those of the strategy, the best of
    the references among them, so that short trainings and few held-out rows, which may mislead, can hardly lead below
    what is known to be good. The best reference is the first one, unless another one is better by more than the
    standard error of their difference. It also comes first among the finalists, unless that of the strategy is better
    than it by as much: where time is short, the first is all that is trained.

    Parameters
    ----------
    search : SearchResult
    references : sequence of Architecture
        The architectures known to be good; those that were not tried, or failed, are passed over.
    n : int
        The most that are returned of the finalists of short trainings.
    """
    if search.best_trial.fidelity == 1:
        return _by_score(search.trials)
    finalists = search.strategy.finalists(n)
    by_architecture = {trial.architecture: trial for trial in search.trials if trial.status == "ok"}
    known = [by_architecture[a] for a in references if a in by_architecture]
    if not known:
        return finalists
    reference = known[0]
    for other in known[1:]:
        reference = other if _is_better(other, reference) else reference
    others = [architecture for architecture in finalists if architecture != reference.architecture]
    first = by_architecture.get(others[0]) if others else None
    if first is not None and _is_better(first, reference):
        return [*others[: n - 1], reference.architecture] if n > 1 else others[:1]
    return [reference.architecture, *others][:n]


def _by_score(trials: Sequence[Trial]) -> list[Architecture]:
    """Return the architectures by their scores; of those through which nothing passes one at most."""
    ranked = sorted((trial for trial in trials if trial.succeeded), key=lambda trial: -trial.score)
    return [trial.architecture for trial in ranked if trial.status == "ok"] or [ranked[0].architecture]


def _is_better(one: Trial, other: Trial) -> bool:
    """Whether the score of a trial is higher than another's by more than the standard error of their difference."""
    return bool(one.score - other.score > np.hypot(*np.nan_to_num([one.score_error, other.score_error])))
