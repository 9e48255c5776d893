"""Training through skorch: the only place that constructs a net."""

from __future__ import annotations

import copy
import math
import threading
import traceback
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from skorch import NeuralNetClassifier
from skorch.callbacks import Callback, EarlyStopping
from skorch.helper import predefined_split
from torch import Tensor, nn

from skopdist._device import isolated_generators, one_thread, resolve_precision
from skopdist.architecture import Architecture
from skopdist.networks import Network
from skopdist.problem import WeightedData, input_statistics
from skopdist.training._augmentation import Augmentation
from skopdist.training._batches import Batches, TensorData

_PREDICTION_BATCH = 512
# Modules draw their weights from torch's global generator; trials in threads must take turns at it.
_INITIALISATION = threading.Lock()


@dataclass(frozen=True)
class Recipe:
    """How a network is trained.

    Attributes
    ----------
    channels, n_cells : int
        Width of the first cell and depth.
    batch_size : int
        The most samples in a batch; batches are of nearly equal size.
    lr : float
        The highest learning rate; it rises linearly over the first fifth of the steps and falls as a cosine to about
        zero.
    max_epochs : int
    weight_decay : float
    label_smoothing : float
    patience : int or None
        Epochs without a better loss on held-out data after which training stops; None never stops.
    augmentation : callable or None
    device : str
        As torch spells it.
    precision : {"auto", "float32", "bfloat16"}
        What "auto" stands for is found out where the network is made, for it takes a look at the device.
    net_params : mapping
        Further arguments of ``skorch.NeuralNetClassifier``, which win over all others.
    """

    channels: int
    n_cells: int
    batch_size: int
    lr: float
    max_epochs: int = 20
    weight_decay: float = 5e-4
    label_smoothing: float = 0.1
    patience: int | None = None
    augmentation: Augmentation | None = None
    device: str = "cpu"
    precision: str = "float32"
    net_params: Mapping[str, Any] = field(default_factory=dict)


class AuxiliaryNet(NeuralNetClassifier):
    """A skorch classifier whose loss counts the second logits that a network may give while training."""

    def get_loss(self, y_pred: Any, y_true: Any, X: Any = None, *args: Any, **kwargs: Any) -> Tensor:
        """Give the loss of logits (n, n_classes), or of two of them, and class indices (n,)."""
        if not isinstance(y_pred, tuple):
            return super().get_loss(y_pred, y_true, X, *args, **kwargs)
        logits, auxiliary = y_pred
        loss: Tensor = super().get_loss(logits, y_true, X, *args, **kwargs)
        return loss + self.module_.auxiliary_weight * super().get_loss(auxiliary, y_true, X, *args, **kwargs)


class WeightedNet(AuxiliaryNet):
    """A skorch classifier whose loss heeds the ``sample_weight`` of a mapping of inputs.

    The criterion then must not reduce its losses: ``criterion__reduction="none"``.
    """

    def get_loss(self, y_pred: Any, y_true: Any, X: Any = None, *args: Any, **kwargs: Any) -> Tensor:
        """Give the mean loss of logits (n, n_classes) and class indices (n,), weighted where X has weights."""
        losses = super().get_loss(y_pred, y_true, X, *args, **kwargs)
        if not isinstance(X, Mapping) or "sample_weight" not in X:
            return losses.mean()
        if losses.ndim == 0:
            raise ValueError(
                f"Samples have weights, but the criterion {type(self.criterion_).__name__} gives one loss for all; "
                "it has to take reduction='none' and give one for each sample."
            )
        return (losses * X["sample_weight"].to(losses.device)).mean()


def one_cycle(step: int, n_steps: int) -> float:
    """Give the factor on the learning rate: up over a fifth of the steps, then half a cosine down to about zero.

    After Smith & Topin, arXiv 1708.07120, with the cosine of Loshchilov & Hutter, arXiv 1608.03983.
    """
    warm = max(1, n_steps // 5)
    if step < warm:
        return (step + 1) / warm
    return 0.5 * (1 + math.cos(math.pi * min(1.0, (step - warm + 1) / (n_steps - warm + 1))))


class OneCycle(Callback):
    """Multiply the learning rate by :func:`one_cycle`, step by step."""

    def on_train_begin(self, net: NeuralNetClassifier, X: Any = None, y: Any = None, **kwargs: Any) -> None:
        """Plan all steps of the training."""
        training_set, _ = net.get_split_datasets(X, y)
        n_steps = net.max_epochs * len(net.get_iterator(training_set, training=True))
        self.schedule_ = torch.optim.lr_scheduler.LambdaLR(net.optimizer_, partial(one_cycle, n_steps=n_steps))

    def on_batch_end(self, net: NeuralNetClassifier, training: bool = False, **kwargs: Any) -> None:
        """Take the next learning rate."""
        if training:
            self.schedule_.step()

    def on_train_end(self, net: NeuralNetClassifier, X: Any = None, y: Any = None, **kwargs: Any) -> None:
        """Forget the schedule, which belongs to this training and cannot be pickled."""
        del self.schedule_


class StopOnDivergence(Callback):
    """Raise as soon as an epoch's training loss is not finite, instead of training on."""

    def on_epoch_end(self, net: NeuralNetClassifier, **kwargs: Any) -> None:
        """Look at the epoch's training loss."""
        loss = net.history[-1, "train_loss"]
        if not math.isfinite(loss):
            raise FloatingPointError(
                f"training diverged: the loss is {loss} after epoch {len(net.history)}; try a smaller lr (now {net.lr})"
            )


def make_net(
    architecture: Architecture,
    data: WeightedData,
    n_classes: int,
    recipe: Recipe,
    seed: int,
    held_out: WeightedData | None = None,
) -> NeuralNetClassifier:
    """Make an untrained skorch net for an architecture.

    Parameters
    ----------
    architecture : Architecture
    data : WeightedData
        The training data, for the shape and the statistics of the input.
    n_classes : int
    recipe : Recipe
    seed : int
        Of the order of the samples and their augmentation; see :func:`train` for that of the weights.
    held_out : WeightedData or None, default=None
        What early stopping looks at; without it nothing is stopped early.

    Returns
    -------
    net : skorch.NeuralNetClassifier
        Not yet initialised.

    Raises
    ------
    ValueError
        If ``recipe.net_params`` sets the module, which is what the search is there to find.
    """
    given = dict(recipe.net_params)
    if "module" in given:
        raise ValueError("net_params cannot set 'module': the network is built from the architecture that is found.")
    mean, std = input_statistics(data)
    params: dict[str, Any] = {
        "module__architecture": architecture,
        "module__input_shape": data.X.shape[1:],
        "module__n_classes": n_classes,
        "module__channels": recipe.channels,
        "module__n_cells": recipe.n_cells,
        "module__mean": mean,
        "module__std": std,
        "module__precision": resolve_precision(recipe.precision, recipe.device, data.X.ndim - 2),
        "criterion": nn.CrossEntropyLoss,
        "criterion__label_smoothing": recipe.label_smoothing,
        "optimizer": torch.optim.SGD,
        "optimizer__momentum": 0.9,
        "optimizer__nesterov": True,
        "optimizer__weight_decay": recipe.weight_decay,
        "lr": recipe.lr,
        "max_epochs": recipe.max_epochs,
        "batch_size": min(recipe.batch_size, len(data)),
        "iterator_train": Batches,
        "iterator_train__augmentation": recipe.augmentation,
        "iterator_train__seed": seed,
        "iterator_train__device": recipe.device,
        "iterator_valid": Batches,
        "iterator_valid__batch_size": _PREDICTION_BATCH,
        "iterator_valid__device": recipe.device,
        "train_split": None,
        "classes": np.arange(n_classes),
        "device": recipe.device,
        "verbose": 0,
        # Without a sink skorch compares its own `print` with the builtin one, and ray puts another in its place.
        "callbacks__print_log__sink": print if given.get("verbose") else _ignore,
    }
    callbacks: list[tuple[str, Callback]] = [("divergence", StopOnDivergence()), ("schedule", OneCycle())]
    if recipe.patience is not None and held_out is not None:
        params["train_split"] = predefined_split(TensorData(held_out))
        callbacks.append(("early_stopping", EarlyStopping(patience=recipe.patience, load_best=True, sink=_ignore)))
    # Arguments of a part that the user replaced are not for the new part.
    replaced = tuple(
        f"{name}__"
        for name in ("criterion", "optimizer", "iterator_train", "iterator_valid", "callbacks__print_log")
        if name in given
    )
    params = {name: value for name, value in params.items() if not name.startswith(replaced)} if replaced else params
    params |= {"iterator_train__shuffle": True} | given
    params["callbacks"] = [*callbacks, *given.get("callbacks", [])]
    if data.relative_weight is None:
        return AuxiliaryNet(Network, **params)
    return WeightedNet(Network, **params | {"criterion__reduction": "none"})


def _ignore(message: str) -> None:
    """Swallow what a skorch callback would print."""


def train(net: NeuralNetClassifier, data: WeightedData, seed: int) -> NeuralNetClassifier:
    """Initialise the net with weights drawn from a seed, and train it.

    The global generators of torch and numpy are left as they were.

    Raises
    ------
    FloatingPointError
        If the loss is not finite.
    """
    dataset = TensorData(data)
    with one_thread(), isolated_generators(net.device):
        with _INITIALISATION:
            torch.manual_seed(seed)
            net.initialize()
        # As NeuralNet.partial_fit does, which however takes Ctrl-C for the end of the training.
        net.notify("on_train_begin", X=dataset, y=None)
        try:
            net.fit_loop(dataset)
        except KeyboardInterrupt as error:
            if not _raised_by_callback(error):
                raise
        net.notify("on_train_end", X=dataset, y=None)
    return net


def _raised_by_callback(error: BaseException) -> bool:
    """Whether a callback raised, which is how those of skorch, such as EarlyStopping, end a training."""
    *_, (innermost, _) = traceback.walk_tb(error.__traceback__)
    return isinstance(innermost.f_locals.get("self"), Callback)


def predict_proba(net: NeuralNetClassifier, X: NDArray[Any]) -> NDArray[np.float64]:
    """Give class probabilities in double precision.

    Flat input is computed in double precision throughout, so that a sample's prediction does not depend on which others
    are in the batch; for convolutions that would be many times slower.

    Parameters
    ----------
    net : skorch.NeuralNetClassifier
    X : ndarray of shape (n, *input_shape)

    Returns
    -------
    probabilities : ndarray of shape (n, n_classes)
    """
    module = net.module_
    if X.ndim == 2:
        module = copy.deepcopy(module).double()
    module.eval()
    device = net.device or "cpu"
    logits = []
    with torch.inference_mode():
        for start in range(0, len(X), _PREDICTION_BATCH):
            batch = torch.from_numpy(np.array(X[start : start + _PREDICTION_BATCH])).to(device)
            logits.append(module(batch).double().cpu())  # (n, n_classes)
    return torch.cat(logits).softmax(dim=1).numpy()
