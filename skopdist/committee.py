"""The committee: several networks that predict together."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from joblib import delayed
from numpy.typing import NDArray
from skorch import NeuralNetClassifier

from skopdist._sparse import SparseRows
from skopdist._workers import Workers
from skopdist.architecture import Architecture
from skopdist.operations import Operation, adopt_operations, own_operations
from skopdist.problem import Samples
from skopdist.training import Predictor, Trainer
from skopdist.trial import Trial

__all__ = ["Committee", "choose_members", "train_members"]

# Draws of the distribution for each member that the trials do not provide, before fewer members are accepted.
_DRAWS = 20


class Committee:
    """Networks whose class probabilities are averaged.

    Parameters
    ----------
    nets : sequence of skorch.NeuralNetClassifier
        Trained, for the same classes.
    weights : sequence of float
        Not negative; their sum is 1.
    n_spatial : int
        Number of dimensions behind the channels of a sample.

    References
    ----------
    .. [1] Zaidi, Zela, Elsken, Holmes, Hutter, Teh, "Neural Ensemble Search for Uncertainty Estimation and Dataset
       Shift", NeurIPS 2021, arXiv 2006.08573 (committees of varied architectures).
    """

    def __init__(self, nets: Sequence[NeuralNetClassifier], weights: Sequence[float], n_spatial: int) -> None:
        self.predictors = [Predictor(net.module_, n_spatial) for net in nets]
        self.weights = weights

    def __call__(self, X: NDArray[Any] | Samples | SparseRows) -> NDArray[np.float64]:
        """Return the class probabilities of samples, shape (n, n_classes)."""
        total = self.predictors[0](X)
        if len(self.predictors) > 1:
            total *= self.weights[0]
            for weight, predictor in zip(self.weights[1:], self.predictors[1:], strict=True):
                total += weight * predictor(X)
        return total


def choose_members(trials: Sequence[Trial], n: int, draw: Callable[[int], Architecture]) -> list[Architecture]:
    """Choose the architectures of a committee: the best ones of a search, and further draws where these are too few.

    Members that differ err differently, so each architecture is a member once.

    Parameters
    ----------
    trials : sequence of Trial
    n : int
        The most members.
    draw : callable ``int -> Architecture``
        Draws another architecture for each number.

    Returns
    -------
    architectures : list of Architecture
        The best one first; one at least, and fewer than `n` where there are no more.
    """
    ranked = sorted((trial for trial in trials if trial.succeeded), key=lambda trial: -trial.score)
    # Those through which nothing passes are of use only where there is nothing else.
    chosen = list(dict.fromkeys(t.architecture for t in ranked if t.status == "ok"))[:n] or [ranked[0].architecture]
    for i in range(_DRAWS * (n - len(chosen))):
        if len(chosen) == n:
            break
        architecture = draw(i)
        if architecture not in chosen:
            chosen.append(architecture)
    return chosen


@dataclass(frozen=True)
class _Training:
    """The training of one member, with all that a worker needs beside the trainer."""

    architecture: Architecture
    seed: int
    operations: tuple[Operation, ...]

    def run(self, trainer: Trainer) -> NeuralNetClassifier | str:
        try:
            # A worker has registered only what the library brings along.
            adopt_operations(self.operations)
            return trainer.train(self.architecture, trainer.problem.everything, self.seed)
        except Exception as error:  # noqa: BLE001 - one member less is better than none
            return f"{type(error).__name__}: {error}"


def train_members(
    trainer: Trainer, architectures: Sequence[Architecture], seeds: Sequence[int], n_jobs: int | None
) -> list[NeuralNetClassifier | str]:
    """Train networks on all data, several at a time.

    Parameters
    ----------
    trainer : Trainer
    architectures : sequence of Architecture
    seeds : sequence of int
        One for each.
    n_jobs : int or None
        As in ``joblib.Parallel``. It never changes the result.

    Returns
    -------
    nets : list of skorch.NeuralNetClassifier or str
        In their order; in the place of a training that failed stands the reason.
    """
    tasks = [
        _Training(architecture, seed, own_operations(architecture.operations))
        for architecture, seed in zip(architectures, seeds, strict=True)
    ]
    if len(tasks) == 1:
        return [tasks[0].run(trainer)]
    with Workers(n_jobs) as workers:
        return list(workers.run([delayed(_Training.run)(task, trainer) for task in tasks], lambda i, message: message))
