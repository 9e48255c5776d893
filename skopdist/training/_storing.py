"""A trained net as plain values and arrays, and back: what it takes to predict, and the course of its training."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from skorch import NeuralNetClassifier

from skopdist.networks import Network
from skopdist.training._batches import Batches
from skopdist.training._nets import PREDICTION_BATCH, ignore
from skopdist.training._skorch import WITH_WEIGHTS, AuxiliaryNet, WeightedNet

# Parameters that say how it was trained, beside those of its parts.
_SETTINGS = ("criterion", "optimizer", "lr", "max_epochs", "batch_size", "device", "classes")
_PARTS = ("module__", "criterion__", "optimizer__")


def take_apart(net: NeuralNetClassifier) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    """Return what a trained net is made of.

    Callbacks, and what feeds it with samples while it trains, are left out, and so are the single batches of its
    history.

    Returns
    -------
    parts : dict
        ``params``, ``history`` and ``is_weighted``.
    weights : dict of str to ndarray
        Their names begin with ``module_.`` or ``criterion_.``.

    Raises
    ------
    TypeError
        If its module is of another class than :class:`~skopdist.networks.Network`.
    """
    if type(net.module_) is not Network:
        raise TypeError(f"its module is a {type(net.module_).__name__}, and not a Network")
    params = net.get_params(deep=False)
    kept = {name: value for name, value in params.items() if name in _SETTINGS or name.startswith(_PARTS)}
    history = [{name: value for name, value in epoch.items() if name != "batches"} for epoch in net.history]
    weights = {
        f"{part}.{name}": tensor.numpy(force=True)
        for part in WITH_WEIGHTS
        for name, tensor in getattr(net, part).state_dict().items()
    }
    return {"params": kept, "history": history, "is_weighted": isinstance(net, WeightedNet)}, weights


def put_together(parts: Mapping[str, Any], weights: Mapping[str, NDArray[Any]]) -> NeuralNetClassifier:
    """Make a net of what :func:`take_apart` returned.

    On a machine that lacks its device, it is made on the CPU, with a warning.
    """
    given = {name: v for name, v in parts["params"].items() if name in _SETTINGS or name.startswith(_PARTS)}
    params = {
        **given,
        "module": Network,
        "classes": np.asarray(given["classes"]),
        "iterator_train": Batches,
        "iterator_train__device": given["device"],
        "iterator_valid": Batches,
        "iterator_valid__batch_size": PREDICTION_BATCH,
        "iterator_valid__device": given["device"],
        "train_split": None,
        "verbose": 0,
        "callbacks__print_log__sink": ignore,
    }
    kind = WeightedNet if parts["is_weighted"] else AuxiliaryNet
    net = kind.__new__(kind)
    by_part = {
        part: {name.removeprefix(f"{part}."): array for name, array in weights.items() if name.startswith(f"{part}.")}
        for part in WITH_WEIGHTS
    }
    net.__setstate__({"params": params, "history": parts["history"], "weights": by_part})
    return net
