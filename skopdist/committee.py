"""The committee: several networks that predict together."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from joblib import delayed
from numpy.typing import NDArray
from skorch import NeuralNetClassifier

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

    def __call__(self, X: NDArray[Any] | Samples) -> NDArray[np.float64]:
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
    """The training of some members, with all that a worker needs beside the trainer."""

    architectures: tuple[Architecture, ...]
    seeds: tuple[int, ...]
    operations: tuple[Operation, ...]

    def run(self, trainer: Trainer) -> list[NeuralNetClassifier | str]:
        # A worker has registered only what the library brings along.
        adopt_operations(self.operations)
        return trainer.train_many(self.architectures, [trainer.problem.everything] * len(self.seeds), self.seeds)


def train_members(
    trainer: Trainer, architectures: Sequence[Architecture], seeds: Sequence[int], n_jobs: int | None
) -> list[NeuralNetClassifier | str]:
    """Train networks on all data: small ones together in one graph, and several graphs at a time.

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

    def task(group: Sequence[int]) -> _Training:
        chosen = tuple(architectures[i] for i in group)
        operations = own_operations(sorted({name for architecture in chosen for name in architecture.operations}))
        return _Training(chosen, tuple(seeds[i] for i in group), operations)

    groups = trainer.groups(architectures, [trainer.problem.everything] * len(architectures))
    if len(groups) == 1:
        return task(groups[0]).run(trainer)
    found: dict[int, NeuralNetClassifier | str] = {}
    with Workers(n_jobs) as workers:
        while groups:
            calls = [delayed(_Training.run)(task(group), trainer) for group in groups]
            results = list(workers.run(calls, lambda i, message: message))
            again = []
            for group, result in zip(groups, results, strict=True):
                if not isinstance(result, str):
                    found |= zip(group, result, strict=True)
                elif len(group) == 1:
                    found[group[0]] = result
                else:
                    # A worker that died with several may live with one.
                    again += [[i] for i in group]
            groups = again
    return [found[i] for i in range(len(architectures))]
