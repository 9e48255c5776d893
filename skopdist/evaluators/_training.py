"""Scores from training a network on data and testing it on held-out data."""

from __future__ import annotations

import copy
import dataclasses
import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.dummy import DummyClassifier
from sklearn.metrics import get_scorer
from skorch import NeuralNetClassifier

from skopdist._data import WeightedData, canonical, hold_out
from skopdist._device import check_precision, resolve_devices
from skopdist._validation import check_positive_integer
from skopdist.architecture import Architecture
from skopdist.augmentation import Augmentation, make_augmentation
from skopdist.evaluators._base import Evaluator, Outcome
from skopdist.spaces import SearchSpace, make_space
from skopdist.training import Recipe, make_net, predict_proba, train

_MOST_SAMPLES_PER_BATCH = 128
_FEWEST_SAMPLES_PER_BATCH = 16
_BATCHES_PER_EPOCH = 16
# By the number of spatial dimensions of a sample.
_LEARNING_RATE = 0.1
_CHANNELS = {0: 64, 1: 32, 2: 16}


class TrainingEvaluator(Evaluator):
    """Trains each architecture on one part of the data and scores it on the held-out rest.

    Parameters
    ----------
    space : SearchSpace, str or None, default=None
        None takes the space for the shape of the data.
    channels : int or None, default=None
        Width of the first cell; None takes 16 for images, 32 for series and 64 for flat input.
    n_cells : int, default=3
        Depth.
    max_epochs : int, default=20
    batch_size : int or None, default=None
        None takes a sixteenth of the training data, but 16 at least and 128 at most.
    lr : float or None, default=None
        The highest learning rate of the one-cycle schedule; None takes 0.1.
    weight_decay : float, default=5e-4
    label_smoothing : float, default=0.1
    augment : {"auto", "shift", "shift_flip"}, callable or None, default="auto"
        "auto" shifts images by up to an eighth of their sides, and leaves everything else as it is.
    early_stopping : int or None, default=None
        Epochs without a better loss on the held-out data after which a trial's training stops; None trains to the end,
        where the one-cycle schedule is at its best.
    validation_fraction : float or None, default=None
        Part of the distinct samples that is held out; None takes a quarter, but one of each class at least.
    scoring : str, callable or None, default=None
        A scikit-learn scorer; None takes the accuracy.
    device : str or list of str, default="auto"
        "auto" takes CUDA where there is any. Of several devices, trial i trains on the i-th, modulo their number.
    precision : {"auto", "float32", "bfloat16"}, default="auto"
        Of the matrix products while training; "auto" takes bfloat16 for images where the hardware multiplies it
        natively.
    net_params : mapping or None, default=None
        Further arguments of ``skorch.NeuralNetClassifier``.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
    space_ : SearchSpace
    recipe_ : skopdist.training.Recipe

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

    _data_attributes = ("data_",)

    def __init__(
        self,
        space: SearchSpace | str | None = None,
        *,
        channels: int | None = None,
        n_cells: int = 3,
        max_epochs: int = 20,
        batch_size: int | None = None,
        lr: float | None = None,
        weight_decay: float = 5e-4,
        label_smoothing: float = 0.1,
        augment: str | Augmentation | None = "auto",
        early_stopping: int | None = None,
        validation_fraction: float | None = None,
        scoring: str | Callable[..., float] | None = None,
        device: str | Sequence[str] = "auto",
        precision: str = "auto",
        net_params: Mapping[str, Any] | None = None,
    ) -> None:
        self.space = space
        self.channels = channels
        self.n_cells = n_cells
        self.max_epochs = max_epochs
        self.batch_size = batch_size
        self.lr = lr
        self.weight_decay = weight_decay
        self.label_smoothing = label_smoothing
        self.augment = augment
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.scoring = scoring
        self.device = device
        self.precision = precision
        self.net_params = net_params

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

    def _fit(self, X: NDArray[Any], y: NDArray[Any], sample_weight: NDArray[np.float64] | None, seed: int) -> None:
        _check_recipe(self)
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

    def _make_recipe(self, n_spatial: int, n_samples: int) -> Recipe:
        batch_size = self.batch_size
        if batch_size is None:
            batch_size = min(max(n_samples // _BATCHES_PER_EPOCH, _FEWEST_SAMPLES_PER_BATCH), _MOST_SAMPLES_PER_BATCH)
        check_precision(self.precision)
        return Recipe(
            channels=_CHANNELS[n_spatial] if self.channels is None else self.channels,
            n_cells=self.n_cells,
            max_epochs=self.max_epochs,
            batch_size=batch_size,
            lr=_LEARNING_RATE if self.lr is None else self.lr,
            weight_decay=self.weight_decay,
            label_smoothing=self.label_smoothing,
            patience=self.early_stopping,
            augmentation=make_augmentation(self.augment, n_spatial),
            device=resolve_devices(self.device)[0],
            precision=self.precision,
            net_params={} if self.net_params is None else self.net_params,
        )

    def _evaluate(self, architecture: Architecture, mixture: NDArray[np.float64], seed: int) -> Outcome:
        training, held_out = self.training_, self.held_out_
        if not self.space_.is_valid(architecture):
            # Nothing of the input reaches the output, so all that training could find are the class frequencies.
            labels = self.classes_[training.y]
            dummy = DummyClassifier(strategy="prior").fit(labels, labels, sample_weight=training.weight)
            return Outcome(self._score(dummy, held_out), 0.0, "invalid")
        net = make_net(architecture, training, len(self.classes_), self.recipe_, seed, held_out)
        train(net, training, seed)
        n_parameters = sum(parameter.numel() for parameter in net.module_.parameters())
        n_epochs = len(net.history)
        score = self._score(_Predictor(net, self.classes_), held_out)
        return Outcome(score, float(n_epochs), info={"n_parameters": n_parameters, "n_epochs": n_epochs})

    def _score(self, predictor: BaseEstimator, data: WeightedData) -> float:
        weight = data.relative_weight
        arguments = {} if weight is None or not _takes_weights(self.scorer_) else {"sample_weight": weight}
        return float(self.scorer_(predictor, data.X, self.classes_[data.y], **arguments))

    @property
    def training_(self) -> WeightedData:
        """The samples that trials are trained on."""
        return self.data_.take(self.training_rows_)

    @property
    def held_out_(self) -> WeightedData:
        """The samples that trials are scored on."""
        return self.data_.take(self.held_out_rows_)

    def train_on_all(self, architecture: Architecture, seed: int, max_epochs: int | None = None) -> NeuralNetClassifier:
        """Train an architecture on all data, held-out ones included, on the first device.

        Parameters
        ----------
        architecture : Architecture
        seed : int
        max_epochs : int or None, default=None
            None trains as long as a trial does.

        Returns
        -------
        net : skorch.NeuralNetClassifier
            Its classes are indices into ``classes_``.
        """
        recipe = self._make_recipe(self.data_.X.ndim - 2, len(self.data_))
        net = make_net(architecture, self.data_, len(self.classes_), recipe, seed)
        if max_epochs is not None:
            net.set_params(max_epochs=max_epochs)
        return train(net, self.data_, seed)


class _Predictor(ClassifierMixin, BaseEstimator):
    """A trained net that speaks the user's labels, for scorers."""

    def __init__(self, net: NeuralNetClassifier, classes: NDArray[Any]) -> None:
        self.net = net
        self.classes_ = classes

    def predict_proba(self, X: NDArray[Any]) -> NDArray[np.float64]:
        return predict_proba(self.net, X)

    def predict(self, X: NDArray[Any]) -> NDArray[Any]:
        return self.classes_[self.predict_proba(X).argmax(axis=1)]


def _takes_weights(scorer: Callable[..., float]) -> bool:
    """Whether a scorer can be given weights: those made by scikit-learn can, a plain function need not."""
    parameters = inspect.signature(scorer).parameters.values()
    return any(p.name == "sample_weight" or p.kind is inspect.Parameter.VAR_KEYWORD for p in parameters)


def _check_recipe(evaluator: TrainingEvaluator) -> None:
    for name in ("channels", "n_cells", "max_epochs", "batch_size", "early_stopping"):
        value = getattr(evaluator, name)
        if value is not None:
            check_positive_integer(name, value)
    if evaluator.lr is not None and not evaluator.lr > 0:
        raise ValueError(f"lr must be positive, got {evaluator.lr!r}.")
    if evaluator.validation_fraction is not None and not 0 < evaluator.validation_fraction < 1:
        raise ValueError(f"validation_fraction must lie between 0 and 1, got {evaluator.validation_fraction!r}.")
    if not 0 <= evaluator.label_smoothing < 1:
        raise ValueError(f"label_smoothing must lie in [0, 1), got {evaluator.label_smoothing!r}.")
    if not evaluator.weight_decay >= 0:
        raise ValueError(f"weight_decay must not be negative, got {evaluator.weight_decay!r}.")
