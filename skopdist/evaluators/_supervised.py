"""What evaluators that train on data share: the data, the held-out part, the scorer and the recipe."""

from __future__ import annotations

import copy
import dataclasses
import inspect
from abc import abstractmethod
from collections.abc import Callable, Sequence
from typing import Any, ClassVar, Self

import joblib
import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.dummy import DummyClassifier
from sklearn.metrics import get_scorer

from skopdist._device import check_precision, resolve_devices
from skopdist._validation import check_positive_integer
from skopdist.evaluators._base import Evaluator
from skopdist.problem import WeightedData, canonical, hold_out
from skopdist.spaces import SearchSpace, make_space
from skopdist.training._augmentation import Augmentation, make_augmentation
from skopdist.training._nets import Recipe

_MOST_SAMPLES_PER_BATCH = 128
_FEWEST_SAMPLES_PER_BATCH = 16
_BATCHES_PER_EPOCH = 16
_LEARNING_RATE = 0.1
# By the number of spatial dimensions of a sample.
_CHANNELS = {0: 64, 1: 32, 2: 16}


class SupervisedEvaluator(Evaluator):
    """Holds samples, a part of which scores what is trained on the others.

    A subclass names the parameters below among its own and hands them to this constructor.
    """

    _data_attributes: ClassVar[tuple[str, ...]] = ("data_",)

    def __init__(
        self,
        space: SearchSpace | str | None,
        *,
        channels: int | None,
        n_cells: int,
        batch_size: int | None,
        lr: float | None,
        weight_decay: float,
        label_smoothing: float,
        augment: str | Augmentation | None,
        validation_fraction: float | None,
        scoring: str | Callable[..., float] | None,
        device: str | Sequence[str],
        precision: str,
    ) -> None:
        self.space = space
        self.channels = channels
        self.n_cells = n_cells
        self.batch_size = batch_size
        self.lr = lr
        self.weight_decay = weight_decay
        self.label_smoothing = label_smoothing
        self.augment = augment
        self.validation_fraction = validation_fraction
        self.scoring = scoring
        self.device = device
        self.precision = precision

    @abstractmethod
    def _own_settings(self) -> dict[str, Any]:
        """Check the parameters that a subclass adds, and give those that are fields of its recipe."""

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
            replica.recipe_ = dataclasses.replace(self.recipe_, device=device)
            replicas.append(replica)
        return replicas

    def _identity(self) -> dict[str, Any]:
        values = super()._identity()
        del values["device"]
        if hasattr(self, "data_"):
            data = self.data_
            values["data"] = joblib.hash((data.X, self.classes_[data.y], data.weight, self.held_out_rows_))
        return values

    def _fit(self, X: NDArray[Any], y: NDArray[Any], sample_weight: NDArray[np.float64] | None, seed: int) -> None:
        self._check_parameters()
        n_spatial = X.ndim - 2
        self.space_ = make_space(self.space, n_spatial)
        self.space_.operation_names  # noqa: B018 - refuses unknown operations before anything is trained
        if sample_weight is not None and not sample_weight.all():
            # A sample of weight 0 counts as not being there, and neither does its class.
            used = sample_weight > 0
            X, y, sample_weight = X[used], y[used], sample_weight[used]
        self.classes_, indices = np.unique(y, return_inverse=True)
        self.data_ = canonical(X, indices.astype(np.int64), sample_weight)
        # Indices, for a worker that is sent this evaluator should get the samples once.
        self.training_rows_, self.held_out_rows_ = hold_out(self.data_, self.validation_fraction, self.classes_, seed)
        self.recipe_ = self._make_recipe(n_spatial, len(self.training_rows_))
        self.scorer_ = get_scorer("accuracy" if self.scoring is None else self.scoring)

    def _check_parameters(self) -> None:
        for name in ("channels", "n_cells", "batch_size"):
            value = getattr(self, name)
            if value is not None:
                check_positive_integer(name, value)
        if self.lr is not None and not self.lr > 0:
            raise ValueError(f"lr must be positive, got {self.lr!r}.")
        if self.validation_fraction is not None and not 0 < self.validation_fraction < 1:
            raise ValueError(f"validation_fraction must lie between 0 and 1, got {self.validation_fraction!r}.")
        if not 0 <= self.label_smoothing < 1:
            raise ValueError(f"label_smoothing must lie in [0, 1), got {self.label_smoothing!r}.")
        if not self.weight_decay >= 0:
            raise ValueError(f"weight_decay must not be negative, got {self.weight_decay!r}.")

    def _make_recipe(self, n_spatial: int, n_samples: int) -> Recipe:
        """Say how to train on so many samples."""
        batch_size = self.batch_size
        if batch_size is None:
            batch_size = min(max(n_samples // _BATCHES_PER_EPOCH, _FEWEST_SAMPLES_PER_BATCH), _MOST_SAMPLES_PER_BATCH)
        check_precision(self.precision)
        return Recipe(
            channels=_CHANNELS[n_spatial] if self.channels is None else self.channels,
            n_cells=self.n_cells,
            batch_size=batch_size,
            lr=_LEARNING_RATE if self.lr is None else self.lr,
            weight_decay=self.weight_decay,
            label_smoothing=self.label_smoothing,
            augmentation=make_augmentation(self.augment, n_spatial),
            device=resolve_devices(self.device)[0],
            precision=self.precision,
            **self._own_settings(),
        )

    def _score(self, predictor: BaseEstimator, data: WeightedData) -> float:
        weight = data.relative_weight
        arguments = {} if weight is None or not _takes_weights(self.scorer_) else {"sample_weight": weight}
        return float(self.scorer_(predictor, data.X, self.classes_[data.y], **arguments))

    def _dummy_score(self) -> float:
        """Score what training could find where nothing of the input reaches the output: the class frequencies."""
        training = self.training_
        labels = self.classes_[training.y]
        dummy = DummyClassifier(strategy="prior").fit(labels, labels, sample_weight=training.weight)
        return self._score(dummy, self.held_out_)

    @property
    def training_(self) -> WeightedData:
        """The samples that trials are trained on."""
        return self.data_.take(self.training_rows_)

    @property
    def held_out_(self) -> WeightedData:
        """The samples that trials are scored on."""
        return self.data_.take(self.held_out_rows_)


class Predictor(ClassifierMixin, BaseEstimator):
    """Something trained that speaks the user's labels, for scorers.

    Parameters
    ----------
    probabilities : callable ``X -> ndarray of shape (n, n_classes)``
    classes : ndarray of shape (n_classes,)
    """

    def __init__(self, probabilities: Callable[[NDArray[Any]], NDArray[np.float64]], classes: NDArray[Any]) -> None:
        self.probabilities = probabilities
        self.classes_ = classes

    def predict_proba(self, X: NDArray[Any]) -> NDArray[np.float64]:
        """Give class probabilities, shape (n, n_classes)."""
        return self.probabilities(X)

    def predict(self, X: NDArray[Any]) -> NDArray[Any]:
        """Give labels, shape (n,)."""
        return self.classes_[self.predict_proba(X).argmax(axis=1)]


def _takes_weights(scorer: Callable[..., float]) -> bool:
    """Whether a scorer can be given weights: those made by scikit-learn can, a plain function need not."""
    parameters = inspect.signature(scorer).parameters.values()
    return any(p.name == "sample_weight" or p.kind is inspect.Parameter.VAR_KEYWORD for p in parameters)
