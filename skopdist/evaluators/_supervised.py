"""What evaluators that train on data share: the problem, the held-out rows, the scorer and the recipe."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Callable, Sequence
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone
from sklearn.metrics import get_scorer_names
from sklearn.utils._param_validation import validate_parameter_constraints

from skopdist._device import resolve_devices
from skopdist._splitting import Splitter, SplitterConstraint
from skopdist._validation import OneOf, Part, PositiveInteger, RealInterval
from skopdist.evaluators._base import Evaluator
from skopdist.evaluators._scoring import Scorer
from skopdist.problem import Problem, Samples
from skopdist.spaces import SearchSpace, make_space
from skopdist.training import Trainer, Training


class SupervisedEvaluator(Evaluator):
    """Holds the rows of a problem, a part of which scores what is trained on the others.

    A subclass names the parameters below among its own and hands them to this constructor.

    Attributes
    ----------
    problem_ : Problem
    space_ : SearchSpace
    trainer_ : skopdist.training.Trainer
        What trains by this evaluator's recipe, also the final network of an estimator.
    """

    _data_attributes: ClassVar[tuple[str, ...]] = ("problem_", "trainer_")
    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "space": [Part(SearchSpace, "skopdist.spaces.SearchSpace", "DenseSpace()"), str, None],
        "n_cells": [PositiveInteger()],
        "channels": [PositiveInteger(), None],
        "training": [Part(Training, "skopdist.training.Training", "Training()"), None],
        "validation_fraction": [RealInterval(0, 1, closed="neither"), SplitterConstraint(), None],
        "scoring": [OneOf(*get_scorer_names()), callable, None],
    }

    def __init__(
        self,
        space: SearchSpace | str | None,
        *,
        n_cells: int,
        channels: int | None,
        training: Training | None,
        validation_fraction: float | Splitter | None,
        scoring: str | Callable[..., float] | None,
        device: Any,
    ) -> None:
        self.space = space
        self.n_cells = n_cells
        self.channels = channels
        self.training = training
        self.validation_fraction = validation_fraction
        self.scoring = scoring
        self.device = device

    @property
    def search_space(self) -> SearchSpace:
        """The space whose architectures it scores; known when it is fitted."""
        return self.space_

    @property
    def replicas(self) -> Sequence[Self]:
        """A copy for each device, with the same data."""
        replicas = []
        for device in resolve_devices(self.device):
            replica = copy.copy(self)
            replica.trainer_ = dataclasses.replace(self.trainer_, device=device)
            replicas.append(replica)
        return replicas

    def _identity(self) -> dict[str, Any]:
        values = super()._identity()
        # Where networks are trained changes no score that would be compared.
        del values["device"]
        values["training"] = Training() if self.training is None else self.training
        if hasattr(self, "problem_"):
            # Which rows are held out decides the scores too.
            parts = (self.problem_.training, self.problem_.held_out)
            values["data"] = (self.problem_.fingerprint, [(part.rows, part.weight) for part in parts])
        return values

    def _fit(self, problem: Problem, seed: int) -> None:
        parameters = {name: getattr(self, name) for name in self._parameter_constraints}
        validate_parameter_constraints(self._parameter_constraints, parameters, caller_name=type(self).__name__)
        self.space_ = make_space(self.space, problem.n_spatial)
        self.space_.operation_names  # noqa: B018 - refuses unknown operations before anything is trained
        self.problem_ = problem.split(self.validation_fraction, seed)
        # Found once, here, and not in every worker.
        self.problem_.training.scaling  # noqa: B018
        training = Training() if self.training is None else clone(self.training)
        device = resolve_devices(self.device)[0]
        self.trainer_ = Trainer.of(self.problem_, training, self.n_cells, self.channels, device)
        self.scorer_ = Scorer(self.scoring, self.problem_)
        self.scorer_.check(self.problem_.held_out)
        self.trainer_.rehearse(self.space_.sample(self.space_.uniform(), random_state=seed), seed)

    def _dummy_score(self) -> float:
        """Score what training could find where nothing of the input reaches the output: the class frequencies."""
        training, n_classes = self.problem_.training, len(self.problem_.classes)
        frequencies = np.bincount(training.labels(), training.weight, minlength=n_classes) / training.weight.sum()

        def constant(rows: Samples | NDArray[Any]) -> NDArray[np.float64]:
            return np.tile(frequencies, (len(rows), 1))

        return self.scorer_(constant, self.problem_.held_out)
