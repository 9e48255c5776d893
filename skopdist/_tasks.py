"""Trials that are still to be made, and their evaluation by workers, of some of them together."""

from __future__ import annotations

import math
import time
from collections.abc import Generator, Sequence
from dataclasses import dataclass

import numpy as np
from joblib import delayed
from numpy.typing import NDArray

from skopdist._workers import Workers
from skopdist.architecture import Architecture
from skopdist.distribution import OperationDistribution
from skopdist.evaluators import Evaluator
from skopdist.operations import Operation, adopt_operations
from skopdist.trial import Trial

# Trials among which those that can be evaluated together are looked for: as many as `BayesianOptimization` suggests.
_TOGETHER = 4


@dataclass(frozen=True)
class Task:
    """A trial that is still to be made, with all that a worker needs beside the evaluator."""

    index: int
    architecture: Architecture
    distribution: OperationDistribution
    mixture: NDArray[np.float64]
    seed: int
    fidelity: float
    deadline: float
    operations: tuple[Operation, ...]

    def fail(self, message: str) -> Trial:
        """Make a trial that failed, for the reason given."""
        return Trial(
            self.architecture,
            self.distribution,
            math.nan,
            seed=self.seed,
            status="failed",
            message=message,
            index=self.index,
            fidelity=self.fidelity,
        )

    def recognise(self, trial: Trial) -> Trial:
        """Return a trial on record, if it is the one that this task would make."""
        if (trial.index, trial.seed, trial.architecture) != (self.index, self.seed, self.architecture):
            raise ValueError(
                f"The trial {trial.index} on record (seed {trial.seed}, {trial.architecture}) is not the one that this "
                f"search makes (seed {self.seed}, {self.architecture}), though their settings are the same: the file "
                "was changed, or the search depends on something that differs each time, such as a measured latency. "
                "Give another journal or record, or none."
            )
        return trial


def run(tasks: Sequence[Task], evaluator: Evaluator) -> list[Trial]:
    """Evaluate tasks that belong together; whatever raises makes failed trials."""
    first = tasks[0]
    try:
        # A worker has registered only what the library brings along.
        adopt_operations(first.operations)
        if math.isfinite(first.deadline):
            evaluator = evaluator.within(max(0.0, first.deadline - time.time()))
        trials = evaluator.evaluate_many(
            [task.architecture for task in tasks],
            distributions=[task.distribution for task in tasks],
            mixtures=[task.mixture for task in tasks],
            seeds=[task.seed for task in tasks],
            fidelity=first.fidelity,
        )
    except Exception as error:  # noqa: BLE001 - the search goes on
        return [task.fail(f"{type(error).__name__}: {error}") for task in tasks]
    return [trial.replace(index=task.index) for task, trial in zip(tasks, trials, strict=True)]


def evaluate(
    workers: Workers, evaluator: Evaluator, tasks: Sequence[Task], known: Sequence[Trial | None]
) -> Generator[tuple[Trial, bool], None, None]:
    """Yield the trials of some tasks in order: those that are known as they are, the others as they are made.

    With each comes whether the next one is there already. Closing the generator ends what is still running.

    Parameters
    ----------
    workers : Workers
    evaluator : Evaluator
    tasks : sequence of Task
    known : sequence of (Trial or None)
        The trials of the tasks, as far as they are on record.
    """
    if evaluator.sequential:
        for task, trial in zip(tasks, known, strict=True):
            yield (run([task], evaluator)[0] if trial is None else trial), False
        return
    replicas = evaluator.replicas
    groups = [(group, replicas[i % len(replicas)]) for i, group in enumerate(_groups(evaluator, tasks))]
    # A group that is known in part is made as a whole: networks of one graph depend on each other by rounding.
    missing = [(group, replica) for group, replica in groups if any(known[i] is None for i in group)]
    calls = [delayed(run)([tasks[i] for i in group], replica) for group, replica in missing]

    def fail(i: int, message: str) -> list[Trial] | None:
        group = missing[i][0]
        return [tasks[group[0]].fail(message)] if len(group) == 1 else None

    results = workers.run(calls, fail)
    made = zip(missing, results, strict=True)
    found = {i: trial for i, trial in enumerate(known) if trial is not None}
    try:
        for i in range(len(tasks)):
            while i not in found:
                (group, replica), trials = next(made)
                if trials is None:
                    trials = _one_by_one(workers, replica, [tasks[j] for j in group])
                found |= {j: trial for j, trial in zip(group, trials, strict=True) if known[j] is None}
            yield found[i], i + 1 in found
    finally:
        results.close()


def _one_by_one(workers: Workers, evaluator: Evaluator, tasks: Sequence[Task]) -> list[Trial]:
    """Evaluate tasks each by itself, as those that a worker died of together, most often for want of memory."""
    calls = [delayed(run)([task], evaluator) for task in tasks]
    return [trial for (trial,) in workers.run(calls, lambda i, message: [tasks[i].fail(message)])]


def _groups(evaluator: Evaluator, tasks: Sequence[Task]) -> list[list[int]]:
    """Say which tasks are evaluated together: some of a few neighbours, whatever the number of workers."""
    groups: list[list[int]] = []
    for begin in range(0, len(tasks), _TOGETHER):
        architectures = [task.architecture for task in tasks[begin : begin + _TOGETHER]]
        groups += [[begin + i for i in group] for group in evaluator.together(architectures)]
    return groups
