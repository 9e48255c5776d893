"""Scores from training a network on data and testing it on held-out data."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from skorch import NeuralNetClassifier

from skopdist._validation import check_positive_integer
from skopdist.architecture import Architecture
from skopdist.evaluators._base import Outcome
from skopdist.evaluators._supervised import Predictor, SupervisedEvaluator
from skopdist.spaces import SearchSpace
from skopdist.training._augmentation import Augmentation
from skopdist.training._nets import make_net, predict_proba, train


class TrainingEvaluator(SupervisedEvaluator):
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
        super().__init__(
            space,
            channels=channels,
            n_cells=n_cells,
            batch_size=batch_size,
            lr=lr,
            weight_decay=weight_decay,
            label_smoothing=label_smoothing,
            augment=augment,
            validation_fraction=validation_fraction,
            scoring=scoring,
            device=device,
            precision=precision,
        )
        self.max_epochs = max_epochs
        self.early_stopping = early_stopping
        self.net_params = net_params

    def _own_settings(self) -> dict[str, Any]:
        for name in ("max_epochs", "early_stopping"):
            value = getattr(self, name)
            if value is not None:
                check_positive_integer(name, value)
        return {
            "max_epochs": self.max_epochs,
            "patience": self.early_stopping,
            "net_params": {} if self.net_params is None else self.net_params,
        }

    def _evaluate(self, architecture: Architecture, mixture: NDArray[np.float64], seed: int) -> Outcome:
        if not self.space_.is_valid(architecture):
            return Outcome(self._dummy_score(), 0.0, "invalid")
        training, held_out = self.training_, self.held_out_
        net = make_net(architecture, training, len(self.classes_), self.recipe_, seed, held_out)
        train(net, training, seed)
        n_parameters = sum(parameter.numel() for parameter in net.module_.parameters())
        n_epochs = len(net.history)
        score = self._score(Predictor(partial(predict_proba, net), self.classes_), held_out)
        return Outcome(score, float(n_epochs), info={"n_parameters": n_parameters, "n_epochs": n_epochs})

    def train_on_all(
        self,
        architecture: Architecture,
        seed: int,
        max_epochs: int | None = None,
        n_cells: int | None = None,
        channels: int | None = None,
    ) -> NeuralNetClassifier:
        """Train an architecture on all data, held-out ones included, on the first device.

        Parameters
        ----------
        architecture : Architecture
            Of any length.
        seed : int
        max_epochs, n_cells, channels : int or None, default=None
            Duration, depth and width where they are not those of a trial.

        Returns
        -------
        net : skorch.NeuralNetClassifier
            Its classes are indices into ``classes_``.
        """
        recipe = self._make_recipe(self.data_.X.ndim - 2, len(self.data_))
        recipe = dataclasses.replace(
            recipe,
            n_cells=recipe.n_cells if n_cells is None else n_cells,
            channels=recipe.channels if channels is None else channels,
        )
        net = make_net(architecture, self.data_, len(self.classes_), recipe, seed)
        if max_epochs is not None:
            net.set_params(max_epochs=max_epochs)
        return train(net, self.data_, seed)
