"""How long members are trained: longer, as long as that helps and there is time."""

from __future__ import annotations

import dataclasses
import itertools
import time
from collections.abc import Sequence
from contextlib import closing
from copy import copy

from joblib import effective_n_jobs

from skopdist.budget import Budget
from skopdist.committee._judging import predicts_better
from skopdist.committee._members import TOGETHER, Member, Results, Seat, train_members
from skopdist.training import Trainer

__all__ = ["of_best_length", "train_as_long_as_helps"]

# What is tried next takes so many times the epochs. The time that is left has to hold it so many times: once to try it,
# and then for members that are trained so.
_LONGER, _WORTHWHILE = 3, 2.5


def train_as_long_as_helps(
    trainer: Trainer, seats: Sequence[Seat], n_jobs: int | None, budget: Budget, expected: float
) -> Results:
    """Train members as far as there is time, and find out how long a training has to be.

    Those of the first seats are trained by the recipe, and then anew with three times the epochs, as long as that makes
    what they predict of unseen rows better, and there is time for more of such members. The others are trained as was
    best. Noisy data are learnt by heart in a longer training, and regular ones better understood.

    Parameters
    ----------
    trainer : Trainer
    seats : sequence of Seat
    n_jobs : int or None
    budget : Budget
    expected : float
        The seconds that a member is expected to take.

    Yields
    ------
    member : Member or str
        See :func:`train_members`; :func:`of_best_length` says which of them are to predict.
    """
    first, made = seats[: TOGETHER * effective_n_jobs(n_jobs)], list[Member | str]()
    begin = time.monotonic()
    expected = yield from _noting(made, train_members(trainer, first, n_jobs, budget, expected))
    for n_stages in itertools.count(1):
        seconds = time.monotonic() - begin
        if len(made) < n_stages * len(first) or budget.left < _WORTHWHILE * _LONGER * seconds:
            break
        training = copy(trainer.training).set_params(max_epochs=_LONGER * trainer.training.n_epochs)
        longer = dataclasses.replace(trainer, training=training)
        begin = time.monotonic()
        members = train_members(longer, first, n_jobs, budget, _LONGER * expected, n_there=len(made))
        expected_longer = yield from _noting(made, members)
        found = of_best_length([member for member in made if isinstance(member, Member)])
        if not found or found[0].n_epochs != training.n_epochs:
            break
        trainer, expected = longer, expected_longer
    return (yield from train_members(trainer, seats[len(first) :], n_jobs, budget, expected, n_there=len(made)))


def _noting(made: list[Member | str], results: Results) -> Results:
    """Yield what comes, and note it."""
    with closing(results):
        while True:
            try:
                result = next(results)
            except StopIteration as end:
                return float(end.value)
            made.append(result)
            yield result


def of_best_length(members: Sequence[Member]) -> list[Member]:
    """Return the members that were trained as long as was best.

    A longer training is better if those members that were trained both ways predict better by it; see
    :func:`predicts_better`.
    """
    by_length: dict[int, dict[int, Member]] = {}
    for member in sorted(members, key=lambda member: member.n_epochs):
        by_length.setdefault(member.n_epochs, {})[member.seat.index] = member
    best, *longer = by_length or [0]
    for n_epochs in longer:
        short, long = by_length[best], by_length[n_epochs]
        both = sorted(short.keys() & long.keys())
        if both and predicts_better([long[i] for i in both], [short[i] for i in both]):
            best = n_epochs
    return [member for member in members if member.n_epochs == best]
