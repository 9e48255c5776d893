"""The seconds of a fit: how many short trials, and how many members, they allow."""

from __future__ import annotations

import math
import time

__all__ = ["SHORT", "Budget"]

# The share of the full training that a trial of a committee's search is given.
SHORT = 0.25
# Of the seconds that are left when the speed is known: what the search may take, if so many full trainings fit into
# them, and what it takes at least; and the trials that should fit into it.
_SEARCH, _PLENTY, _SEARCH_AT_LEAST, _TRIALS = 0.35, 16.0, 0.03, 4
# The least and the most that the search takes where its trials are full trainings, and one more follows.
_SEARCH_IN_FULL = 0.6, 0.85
# Of all seconds, what is left over for the end; and what the first look at the speed may take.
_RESERVE, _PROBE = 0.03, 0.03
# Workers import torch when they start. With less time they would still do so when it is over.
_SECONDS_FOR_WORKERS = 20.0
# A training may take so much longer than is expected.
_MARGIN = 1.25
# Of the time of a training, what one is worth beginning in: it is ended early, with a learning rate that has come down.
_WORTHWHILE = 0.5


class Budget:
    """The seconds that a fit may take, counted from when it is made.

    Parameters
    ----------
    max_time : float or None
        None sets no limit: then the numbers of trials and epochs rule.

    Examples
    --------
    >>> from skopdist.budget import Budget
    >>> budget = Budget(None)
    >>> budget.is_limited, budget.left
    (False, inf)
    """

    def __init__(self, max_time: float | None) -> None:
        self.max_time = math.inf if max_time is None else float(max_time)
        self._begin = time.monotonic()

    @property
    def is_limited(self) -> bool:
        """Whether there is a limit."""
        return math.isfinite(self.max_time)

    @property
    def left(self) -> float:
        """The seconds that are left, but for a reserve for what comes at the end; at least 0."""
        return max(0.0, (1 - _RESERVE) * self.max_time - (time.monotonic() - self._begin))

    def n_jobs(self, wanted: int | None) -> int | None:
        """Return the number of workers wanted, or 1 where there is no time for any to start."""
        return wanted if self.max_time >= _SECONDS_FOR_WORKERS else 1

    @property
    def for_probe(self) -> float:
        """The seconds in which to find out how fast trainings are."""
        return _PROBE * self.max_time

    def for_search(self, training: float, n_workers: int, shortest: float = 1.0) -> tuple[float, float]:
        """Return the seconds that the search may take, and the share of the full training for each of its trials.

        Parameters
        ----------
        training : float
            Seconds of a full training.
        n_workers : int
            Trainings that run side by side.
        shortest : float, default=1.0
            The least share of a full training that tells something. With 1 the trials are full trainings.
        """
        if shortest == 1:
            # One training follows.
            low, high = (share * self.left for share in _SEARCH_IN_FULL)
            return min(max(low, self.left - _MARGIN * training), high), 1.0
        # Where few trainings fit, one network is worth more than the choice of it.
        plenty = min(1.0, self.left / (_PLENTY * training)) if training > 0 else 1.0
        seconds = max(_SEARCH * plenty, _SEARCH_AT_LEAST) * self.left
        affordable = seconds * n_workers / (_TRIALS * training) if training > 0 else SHORT
        return seconds, min(SHORT, max(shortest, affordable))

    def allows_member(self, training: float, n_trained: int) -> bool:
        """Whether there is time for further members. Without any, one is trained in whatever time is left.

        Parameters
        ----------
        training : float
            Seconds that a member is expected to take.
        n_trained : int
            Members that are there.
        """
        return not n_trained or self.left >= _WORTHWHILE * training
