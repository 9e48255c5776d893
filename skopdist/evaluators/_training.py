"""Scores from training a network on data and testing it on held-out data."""

from __future__ import annotations

import copy
import dataclasses
import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from skorch import NeuralNetClassifier

from skopdist._splitting import Splitter
from skopdist.architecture import Architecture
from skopdist.evaluators._base import Outcome, attempt
from skopdist.evaluators._supervised import SupervisedEvaluator
from skopdist.spaces import SearchSpace
from skopdist.training import Predict, Predictor, Training, affordable, passes
from skopdist.training._nets import SETTINGS

# Fewer rows are not made fewer still for short trainings.
_FEWEST_ROWS = 1000
# Networks for so many rows are trained together. With more, batches are larger, and four networks in one graph take two
# thirds of the time of four one after the other and more (benchmarks/batched.py): several workers gain more.
_MOST_ROWS_TOGETHER = 4096
# Of the time of a training that is limited: as much again as scoring takes.
_SCORING = 0.15


class TrainingEvaluator(SupervisedEvaluator):
    """Trains each architecture on one part of the data and scores it on the held-out rest.

    Parameters
    ----------
    space : SearchSpace, str or None, default=None
        None takes the space for the shape of the data.
    n_cells : int, default=3
        Depth: number of cells.
    channels : int or None, default=None
        Width of the first cell; None takes 16 for images, 32 for series and 64 for flat input.
    training : Training or None, default=None
        The recipe; None takes ``Training()``.
    validation_fraction : float, splitter or None, default=None
        Part of the rows held out to score the trials; None takes a quarter, but one of each class at least. A splitter
        of scikit-learn, such as ``GroupShuffleSplit(1)``, holds out what its first split does.
    scoring : str, callable or None, default=None
        A scikit-learn scorer; None takes the accuracy.
    device : str, torch.device or list of these, default="auto"
        "auto" takes CUDA where there is any. Of several devices, trial i trains on the i-th, modulo their number;
        where trials are trained together, that is the i-th group of a few.

    Attributes
    ----------
    problem_ : Problem
    space_ : SearchSpace
    trainer_ : skopdist.training.Trainer

    See Also
    --------
    SupernetEvaluator : Trains all architectures at once, with shared weights.
    TabularEvaluator : Looks scores up.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skopdist.evaluators import TrainingEvaluator
    >>> X, y = load_iris(return_X_y=True)
    >>> evaluator = TrainingEvaluator().fit(X, y, random_state=0)
    >>> architecture = evaluator.search_space.sample(evaluator.search_space.uniform(), random_state=0)
    >>> evaluator.evaluate(architecture, seed=0).score > 0.8
    True
    """

    # Of the rows that trials are trained on.
    _share = 1.0

    def __init__(
        self,
        space: SearchSpace | str | None = None,
        *,
        n_cells: int = 3,
        channels: int | None = None,
        training: Training | None = None,
        validation_fraction: float | Splitter | None = None,
        scoring: str | Callable[..., float] | None = None,
        device: Any = "auto",
    ) -> None:
        super().__init__(
            space,
            n_cells=n_cells,
            channels=channels,
            training=training,
            validation_fraction=validation_fraction,
            scoring=scoring,
            device=device,
        )

    @property
    def fidelities(self) -> None:
        """Any share of the full training will do.

        It means fewer epochs, with a schedule of their own; where it is less than one epoch, fewer rows too, unless
        these are few anyway.
        """
        return None

    @property
    def known_settings(self) -> Sequence[str]:
        """Those of the network, and those of the recipe that are numbers."""
        return tuple(SETTINGS)

    def _at(self, fidelity: float) -> Self:
        problem, full = self.problem_, self.trainer_.training
        n_rows = len(problem.training)
        wanted = max(math.ceil(fidelity * full.n_epochs * n_rows), _FEWEST_ROWS)
        training = full.with_share(fidelity)
        if wanted < n_rows:
            problem = problem.thinned(wanted)
            given = Training() if self.training is None else self.training
            if given.lr is None:
                # Of fewer rows are smaller batches, and with these go smaller steps.
                training.set_params(lr=given.for_data(len(problem.training), problem.n_spatial).lr)
        short = copy.copy(self)
        short.problem_ = problem
        short.trainer_ = dataclasses.replace(self.trainer_, problem=problem, training=training)
        # The cost of an evaluation is counted in passes over all rows.
        short._share = len(problem.training) / n_rows
        return short

    def within(self, seconds: float) -> Self:
        """Return a copy whose trainings end after so many seconds, with a schedule that ends with them.

        Only so many of the held-out rows are scored as take a small part of these seconds.
        """
        hurried = copy.copy(self)
        hurried.trainer_ = dataclasses.replace(self.trainer_, max_time=seconds)
        return hurried

    def together(self, architectures: Sequence[Architecture]) -> list[list[int]]:
        """Say which networks are trained in one graph: small ones for a few thousand rows of flat input.

        See :meth:`Trainer.groups`.

        A subclass that evaluates in a way of its own is asked for one after the other.
        """
        ways = (type(self).evaluate, TrainingEvaluator.evaluate), (type(self)._evaluate, TrainingEvaluator._evaluate)
        is_own = "_evaluate" in vars(self) or any(own is not usual for own, usual in ways)
        if is_own or len(self.problem_.training) > _MOST_ROWS_TOGETHER:
            return super().together(architectures)
        valid = [i for i, architecture in enumerate(architectures) if self.space_.is_valid(architecture)]
        training, held_out = [self.problem_.training] * len(valid), [self.problem_.held_out] * len(valid)
        groups = self.trainer_.groups([architectures[i] for i in valid], training, held_out)
        alone = [[i] for i in range(len(architectures)) if i not in valid]
        return sorted([[valid[i] for i in group] for group in groups] + alone)

    def _evaluate(self, architecture: Architecture, mixture: NDArray[np.float64], seed: int) -> Outcome:
        if not self.space_.is_valid(architecture):
            return Outcome(self._dummy_score(), 0.0, "invalid")
        net = self.trainer_.train(architecture, self.problem_.training, seed, self.problem_.held_out)
        return self._outcome(net, 1)

    def _evaluate_many(
        self, architectures: Sequence[Architecture], mixtures: Sequence[NDArray[np.float64]], seeds: Sequence[int]
    ) -> list[Outcome | str]:
        n, problem = len(architectures), self.problem_
        nets = self.trainer_.train_many(architectures, [problem.training] * n, seeds, [problem.held_out] * n)
        return [net if isinstance(net, str) else attempt(partial(self._outcome, net, n)) for net in nets]

    def _outcome(self, net: NeuralNetClassifier, n_together: int) -> Outcome:
        """Score a network, which was trained together with others."""
        problem, trainer = self.problem_, self.trainer_
        n_passes = passes(net, len(problem.training))
        held_out = problem.held_out
        predict: Predict = Predictor(net.module_, problem.n_spatial)
        if trainer.max_time is not None:
            held_out, predict = affordable(held_out, _SCORING * trainer.max_time / n_together, predict)
        info = {
            "n_parameters": sum(parameter.numel() for parameter in net.module_.parameters()),
            "n_epochs": len(net.history),
        }
        score, error = self.scorer_.with_error(predict, held_out)
        is_limited = trainer.max_time is not None and trainer.training.early_stopping is None
        completed = min(1.0, n_passes / trainer.training.n_epochs) if is_limited else 1.0
        return Outcome(score, self._share * n_passes, info=info, score_error=error, completed=completed)
