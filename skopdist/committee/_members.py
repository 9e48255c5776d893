"""The members of a committee: which architectures, which rows each holds out, and their training."""

from __future__ import annotations

import dataclasses
import itertools
import math
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from joblib import delayed, effective_n_jobs
from numpy.typing import NDArray
from skorch import NeuralNetClassifier

from skopdist._workers import Workers
from skopdist.architecture import Architecture, Cell
from skopdist.budget import Budget
from skopdist.committee._finalists import stem_of
from skopdist.evaluators import Scorer
from skopdist.operations import Operation, adopt_operations, own_operations
from skopdist.problem import Problem, Samples
from skopdist.spaces import SearchSpace
from skopdist.training import Predict, Predictor, Trainer, affordable, passes
from skopdist.trial import Trial

# Members or the reasons why trainings failed, and what the last ones took.
Results: TypeAlias = Generator["Member | str", None, float]

# Draws of the distribution for each architecture that the trials do not provide, before fewer are accepted.
_DRAWS = 20
# Held-out rows from which on weights are better found than left equal; and the folds of which one is a small part.
ENOUGH_TO_WEIGH, _FOLDS_OF_SMALL_PARTS = 500, 10
# Members in one graph where time decides: fewer than could be, for all of them end together.
TOGETHER = 4
# A training that takes so many times as long as another clearly takes longer.
_CLEARLY_LONGER = 2
# Of the time of a member: what its training may take, and of that, the prediction of held-out rows.
_TRAINING, _PREDICTING = 0.95, 0.04


@dataclass(frozen=True, eq=False)
class Seat:
    """The place of a member: what is to be trained, and on which rows.

    Attributes
    ----------
    architecture : Architecture
    seed : int
    training : Samples
    held_out : Samples or None
        The rows that it does not see; None if it is trained on all.
    fold : int
        The number of the fold; -1 without one.
    index : int
        The place in the committee, from 0.
    cost : float
        How long the training takes, beside others.
    """

    architecture: Architecture
    seed: int
    training: Samples
    held_out: Samples | None = None
    fold: int = -1
    index: int = 0
    cost: float = 1.0


@dataclass(frozen=True, eq=False)
class Member:
    """A member of a committee.

    Attributes
    ----------
    seat : Seat
    net : skorch.NeuralNetClassifier
    probabilities : ndarray of shape (n, n_classes) or None
        Those of the first `n` rows that it held out.
    cost : float
        Passes over its training rows.
    duration : float
        Seconds.
    """

    seat: Seat
    net: NeuralNetClassifier
    probabilities: NDArray[np.float64] | None
    cost: float
    duration: float

    @property
    def n_epochs(self) -> int:
        """The passes that were asked for; time may have ended the training before."""
        return int(self.net.max_epochs)

    def as_trial(self, space: SearchSpace, scorer: Scorer, index: int) -> Trial:
        """Return the training as a final trial, scored on the rows that it held out."""
        seat, score, error, failure = self.seat, math.nan, math.nan, ""
        if self.probabilities is not None and seat.held_out is not None:
            probabilities = self.probabilities
            try:
                score, error = scorer.with_error(lambda _: probabilities, seat.held_out.first(len(probabilities)))
            except Exception as reason:  # noqa: BLE001 - a scorer may be the user's; the network predicts all the same
                failure = f"{type(reason).__name__}: {reason}"
        succeeded = math.isfinite(score)
        return Trial(
            seat.architecture,
            space.encode(seat.architecture),
            score if succeeded else math.nan,
            cost=self.cost,
            seed=seat.seed,
            status="ok" if succeeded else "failed",
            message="" if succeeded else failure or f"The score is {score}; a finite number was expected.",
            duration=self.duration,
            index=index,
            info={"fold": seat.fold, "n_epochs": len(self.net.history)},
            score_error=error,
            final=True,
        )


def choose_architectures(
    finalists: Iterable[Architecture], n: int, draw: Callable[[int], Architecture | None]
) -> list[Architecture]:
    """Return `n` distinct architectures: the finalists of a search, and further draws where these are too few.

    Parameters
    ----------
    finalists : iterable of Architecture
        The most promising first.
    n : int
    draw : callable ``int -> Architecture or None``
        Draws another architecture for each number; None where it found none.

    Returns
    -------
    architectures : list of Architecture
        Fewer than `n` where there are no more.
    """
    chosen = list(dict.fromkeys(finalists))[:n]
    for i in range(_DRAWS * (n - len(chosen))):
        if len(chosen) == n:
            break
        architecture = draw(i)
        if architecture is not None and architecture not in chosen:
            chosen.append(architecture)
    return chosen


def plan_seats(
    problem: Problem,
    architectures: Sequence[Architecture],
    folds: Sequence[Problem],
    n: int,
    seeds: Sequence[int],
    costs: Sequence[float] | None = None,
) -> list[Seat]:
    """Return the seats of `n` members.

    Each stem has as much of the time as the others: its architectures are trained one after the other, each once for
    each fold, and when all have had their turn, the first one begins again, with other seeds. So few members differ as
    much as they can, for networks that see the input otherwise err otherwise. Without folds, all are trained on all
    rows.

    Neighbours hold out different folds, so that what is predicted of the rows that members did not see covers all of
    them soon. Where a single fold has enough rows to weigh members by, all stems hold out the same fold instead, and
    then the next one: so few of them can be weighed, and have seen almost all rows.

    `costs` says how long the trainings of the architectures take beside each other, where they differ: a stem whose
    trainings take ten times as long has its turn behind ten of the others. The very first architecture is trained in
    any case.
    """
    parts: list[tuple[Samples, Samples | None, int]]
    parts = [(fold.training, fold.held_out, i) for i, fold in enumerate(folds)] or [(problem.everything, None, -1)]
    same_folds = can_weigh_by_one(len(problem.everything), len(folds))
    clear_costs = [1.0] * len(architectures) if costs is None else _clear(costs)
    turns = _in_equal_time([stem_of(a) for a in architectures], clear_costs, len(parts), same_folds)
    return [
        Seat(architectures[turn], seeds[i], *parts[part], i, clear_costs[turn])
        for i, (turn, part) in enumerate(itertools.islice(turns, n))
    ]


def can_weigh_by_one(n_rows: int, n_folds: int) -> bool:
    """Whether what one fold holds out is enough to weigh members by, and little enough that none need see it."""
    return n_folds >= _FOLDS_OF_SMALL_PARTS and n_rows >= n_folds * ENOUGH_TO_WEIGH


def _clear(costs: Sequence[float]) -> list[float]:
    """Return costs in units of the least; what is less than twice as much counts as equal."""
    least = min(costs)
    return [cost / least if cost >= _CLEARLY_LONGER * least > 0 else 1.0 for cost in costs]


def _in_equal_time(
    stems: Sequence[Cell | None], costs: Sequence[float], n_folds: int, same_folds: bool
) -> Iterator[tuple[int, int]]:
    """Yield pairs of an architecture and a fold without end, such that each stem has as much time as the others.

    Next comes the stem that is done with it first, and of its architectures one after the other, each once for each
    fold.
    """
    spent = dict.fromkeys(stems, 0.0)
    queues = {
        stem: itertools.cycle([i for i, other in enumerate(stems) if other == stem for _ in range(n_folds)])
        for stem in spent
    }
    upcoming = {stem: next(queue) for stem, queue in queues.items()}
    unused: dict[int, list[int]] = {}
    stem = stems[0]
    for turn in itertools.count():
        i = upcoming[stem]
        folds = unused.setdefault(i, [])
        if not folds:
            folds.extend(range(n_folds))
        begin = 0 if same_folds else turn
        fold = min(folds, key=lambda fold: (fold - begin) % n_folds)
        folds.remove(fold)
        yield i, fold
        spent[stem] += costs[i]
        upcoming[stem] = next(queues[stem])
        stem = min(spent, key=lambda other: spent[other] + costs[upcoming[other]])


@dataclass(frozen=True)
class _Call:
    """The training of some members, with all that a worker needs beside the trainer."""

    seats: Sequence[Seat]
    operations: tuple[Operation, ...]

    @classmethod
    def of(cls, seats: Sequence[Seat]) -> _Call:
        """Make the call for some seats."""
        names = sorted({name for seat in seats for name in seat.architecture.operations})
        return cls(seats, own_operations(names))

    def run(self, trainer: Trainer, deadline: float) -> list[Member | str]:
        """Train; the deadline is by the clock on the wall, which workers have too."""
        begin, seats = time.monotonic(), self.seats
        if math.isfinite(deadline):
            # It leaves time to predict what was held out.
            trainer = dataclasses.replace(trainer, max_time=_TRAINING * max(0.0, deadline - time.time()))
        # A worker has registered only what the library brings along.
        adopt_operations(self.operations)
        nets = trainer.train_many(*_columns(seats))
        trained = time.monotonic() - begin
        results: list[Member | str] = []
        for seat, net in zip(seats, nets, strict=True):
            if isinstance(net, str):
                results.append(net)
                continue
            start = time.monotonic()
            try:
                probabilities = _predict_unseen(trainer, seat, net, len(seats))
            except Exception as error:  # noqa: BLE001 - the others go on
                results.append(f"{type(error).__name__}: {error}")
                continue
            duration = trained / len(seats) + time.monotonic() - start
            results.append(Member(seat, net, probabilities, passes(net, len(seat.training)), duration))
        return results


def _predict_unseen(
    trainer: Trainer, seat: Seat, net: NeuralNetClassifier, n_together: int
) -> NDArray[np.float64] | None:
    """Predict the rows that a seat holds out, or the first of them where time is short; None if it holds out none."""
    held_out = seat.held_out
    if held_out is None:
        return None
    predict: Predict = Predictor(net.module_, trainer.problem.n_spatial)
    if trainer.max_time is not None:
        held_out, predict = affordable(held_out, _PREDICTING * trainer.max_time / n_together, predict)
    return predict(held_out)


def _columns(seats: Sequence[Seat]) -> tuple[list[Architecture], list[Samples], list[int]]:
    """Return the arguments of :meth:`Trainer.train_many` for some seats.

    What they hold out is not among them: a training that it ended early would no longer be one that has not seen it.
    """
    return [seat.architecture for seat in seats], [seat.training for seat in seats], [seat.seed for seat in seats]


def train_members(
    trainer: Trainer,
    seats: Sequence[Seat],
    n_jobs: int | None,
    budget: Budget | None = None,
    expected: float = 0.0,
    n_there: int = 0,
) -> Results:
    """Train members as far as there is time: small ones together in one graph, and several graphs at a time.

    Parameters
    ----------
    trainer : Trainer
    seats : sequence of Seat
    n_jobs : int or None
        As in ``joblib.Parallel``. It never changes a member, unless time decides.
    budget : Budget or None, default=None
        The seconds that there are; None sets no limit. One member is trained in any case.
    expected : float, default=0.0
        The seconds that a member of cost 1 is expected to take.
    n_there : int, default=0
        Members that are there already.

    Yields
    ------
    member : Member or str
        As they are ready, graph by graph. Fewer than there are seats where time ran out; in the place of a training
        that failed comes the reason.

    Returns
    -------
    expected : float
        The seconds that the last ones took, for each unit of cost.
    """
    budget = Budget(None) if budget is None else budget
    n_workers, rest = effective_n_jobs(n_jobs), list(seats)
    with Workers(n_jobs) as workers:
        while timely := _timely(rest, budget, expected, n_there + len(seats) - len(rest)):
            begin = time.monotonic()
            if budget.is_limited:
                is_tight = budget.left < 3 * expected * timely[0].cost
                groups = _next_groups(trainer, timely, n_workers, is_tight)
            else:
                groups = _groups(trainer, timely)
            calls = [_Call.of(group) for group in groups]
            yield from _results(workers, calls, trainer, time.time() + budget.left)
            begun = {seat.index for group in groups for seat in group}
            rest = [seat for seat in rest if seat.index not in begun]
            longest = max(sum(seat.cost for seat in group) / len(group) for group in groups)
            expected = (time.monotonic() - begin) / longest
    return expected


def _timely(seats: Sequence[Seat], budget: Budget, expected: float, n_there: int) -> list[Seat]:
    """Return the seats for which there is time; where there is none for a whole training, what is worth beginning."""
    whole = [seat for seat in seats if budget.left >= expected * seat.cost]
    return whole or [seat for seat in seats if budget.allows_member(expected * seat.cost, n_there)]


def _groups(trainer: Trainer, seats: Sequence[Seat]) -> list[list[Seat]]:
    """Return the seats in groups that are trained in one graph."""
    architectures, samples, _ = _columns(seats)
    return [[seats[i] for i in group] for group in trainer.groups(architectures, samples)]


def _next_groups(trainer: Trainer, seats: Sequence[Seat], n_workers: int, is_tight: bool) -> list[list[Seat]]:
    """Return as many groups as there are workers: of a few seats where these train together and there is time."""
    if is_tight:
        return [[seat] for seat in seats[:n_workers]]
    parts = [seats[i * TOGETHER : (i + 1) * TOGETHER] for i in range(n_workers)]
    return [group for part in parts if part for group in _groups(trainer, part)][:n_workers]


def _results(
    workers: Workers, calls: Sequence[_Call], trainer: Trainer, deadline: float
) -> Generator[Member | str, None, None]:
    """Yield what calls result in; what a worker died of is tried again, one member at a time."""
    again: list[_Call] = []
    delayed_calls = [delayed(_Call.run)(call, trainer, deadline) for call in calls]
    made = workers.run(delayed_calls, lambda i, message: message)
    for call, results in zip(calls, made, strict=True):
        if not isinstance(results, str):
            yield from results
        elif len(call.seats) == 1:
            yield results
        else:
            again.extend(_Call.of([seat]) for seat in call.seats)
    if again:
        yield from _results(workers, again, trainer, deadline)
