"""One module for all that lies between raw input and class probabilities, as exporters take it."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Sequence
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.exceptions import NotFittedError
from sklearn.utils.validation import check_is_fitted
from torch import Tensor, nn

from skopdist._device import own_settings
from skopdist._input import Layout
from skopdist._integers import Origin
from skopdist._reader import Reader
from skopdist._schema import Schema
from skopdist.operations import own_operations

# What raw input may come as.
INPUT_TYPES = {"float64": torch.float64, "float32": torch.float32, "int64": torch.int64, "uint8": torch.uint8}
PRECISIONS = ("float32", "float64")
# The share of numbers that are missing from rows which are drawn of a table with categories.
_GAPS = 0.1


class ExportError(RuntimeError):
    """An estimator that cannot be exported, with the reason; no file was written."""


class RawInput(nn.Module):
    """Bring a batch from the form in which `fit` was given its samples to the one that networks take.

    Parameters
    ----------
    layout : Layout
    sample_shape : tuple of int
        The channels, or features, first.
    origin : Origin
    """

    def __init__(self, layout: Layout, sample_shape: Sequence[int], origin: Origin) -> None:
        super().__init__()
        self.order, self.sample_shape = layout.order, tuple(sample_shape)
        self.smallest: Tensor | None
        smallest = None if origin.smallest is None else torch.from_numpy(origin.smallest.astype(np.int64))
        self.register_buffer("smallest", smallest)

    def forward(self, x: Tensor) -> Tensor:
        """Map (n, *given) to (n, *sample_shape)."""
        if self.order == "channels last":
            x = x.movedim(-1, 1)
        x = x.reshape(x.shape[0], *self.sample_shape)
        if self.smallest is None:
            return x.to(torch.float64)
        if x.dtype.is_floating_point:
            return x.to(torch.float64) - self.smallest.to(torch.float64)
        # By halves, each of which double precision holds, for differences of 64 bits need a bit more.
        (high, low), (first_high, first_low) = _halves(x.to(torch.int64)), _halves(self.smallest)
        return (high - first_high) + (low - first_low)


def _halves(x: Tensor) -> tuple[Tensor, Tensor]:
    """Return the two addends of integers that their upper and their lower 32 bits are, in double precision."""
    low = x.remainder(2**32)
    return (x - low).to(torch.float64), low.to(torch.float64)


class Graph(nn.Module):
    """The whole way from raw input to class probabilities, of one network or a committee.

    Parameters
    ----------
    raw : RawInput
    members : iterable of nn.Module
        Map what comes from `raw` to logits.
    weights : sequence of float
        Their sum is 1.
    temperature : float
    """

    def __init__(self, raw: RawInput, members: Iterable[nn.Module], weights: Sequence[float], temperature: float):
        super().__init__()
        self.raw = raw
        self.members = nn.ModuleList(members)
        self.weights = list(weights)
        self.temperature = temperature

    def forward(self, x: Tensor) -> Tensor:
        """Map raw samples (n, *given) to probabilities (n, n_classes)."""
        x = self.raw(x)  # (n, *sample_shape)
        parts = [member(x).softmax(dim=1) for member in self.members]
        if len(parts) == 1:
            total = parts[0]
        else:
            total = cast(Tensor, sum(weight * part for weight, part in zip(self.weights, parts, strict=True)))
        if self.temperature == 1:
            return total
        powers = (total / total.amax(dim=1, keepdim=True)) ** (1 / self.temperature)
        return powers / powers.sum(dim=1, keepdim=True)


def compute(module: nn.Module, inputs: NDArray[Any]) -> NDArray[Any]:
    """Return the probabilities that a module computes of raw samples."""
    with own_settings(), torch.inference_mode():
        # A copy, for the samples may be read-only, of which torch warns.
        probabilities: NDArray[Any] = module(torch.from_numpy(inputs.copy())).numpy()
        return probabilities


def check_fitted(clf: Any) -> None:
    """Refuse an estimator without a network.

    Raises
    ------
    TypeError
        If it is no estimator of this library.
    sklearn.exceptions.NotFittedError
        If it was not fitted, or with ``refit=False``.
    """
    if not hasattr(clf, "sample_architecture"):
        raise TypeError(
            f"Expected a fitted OpDistNASClassifier, got an object of the type {type(clf).__name__}; give the "
            "classifier itself and not its net_, and of a pipeline the last step."
        )
    check_is_fitted(clf)
    if not hasattr(clf, "nets_"):
        raise NotFittedError(
            "This OpDistNASClassifier has no network to export: it was fitted with refit=False, or its last fit failed."
        )


def check_precision(clf: Any, precision: str) -> None:
    """Refuse a precision that is none of the known ones, or none for the estimator's networks.

    Raises
    ------
    ValueError
    """
    if precision not in PRECISIONS:
        raise ValueError(f"precision must be one of {PRECISIONS}, got {precision!r}.")
    if precision == "float64" and len(clf.sample_shape_) > 1:
        raise ValueError(
            "precision='float64' is for flat input: runtimes have no convolutions in double precision, and "
            "predict_proba computes them in single precision, too."
        )


def make_graph(clf: Any, precision: str) -> Graph:
    """Make the graph of a fitted estimator, of copies of its networks, on the CPU.

    Parameters
    ----------
    clf : fitted OpDistNASClassifier
    precision : {"float32", "float64"}
        In which networks compute. Input is standardised in double precision all the same.

    Raises
    ------
    ExportError
        If the data hold integers that no exported graph takes, or series of unequal length.
    """
    reader: Reader = clf._reader
    if reader.lengths.has_shorter:
        raise ExportError(
            "The estimator was fitted to series of unequal length, and an exported graph, whose steps are the same for "
            "all samples, does not see where each of them ends; resample series to one length before fit. Save the "
            "estimator itself by its save, or by joblib.dump."
        )
    smallest = reader.origin.smallest
    if smallest is not None and smallest.dtype == np.uint64:
        raise ExportError(
            "The estimator was fitted to integers of type uint64 beyond 2**53, which no exported graph can tell apart; "
            "fit it to X.astype(np.int64), or to numbers counted from the smallest one."
        )
    chosen = [(net, weight) for net, weight in zip(clf.nets_, clf.member_weights_.tolist(), strict=True) if weight]
    members = [copy.deepcopy(net.module_).cpu() for net, _ in chosen]
    if precision == "float64":
        # Weights are in single precision, and statistics in double precision anyway.
        members = [member.double() for member in members]
    raw = RawInput(reader.layout, reader.sample_shape, reader.origin)
    graph = Graph(raw, members, [weight for _, weight in chosen], float(clf.temperature_))
    return graph.requires_grad_(False).eval()


def choose_input_type(clf: Any, input_type: str | None) -> str:
    """Return the type of raw input: that of the data where it matters, double precision otherwise.

    Raises
    ------
    ValueError
        If it is none of the known ones.
    """
    reader: Reader = clf._reader
    if reader.schema is not None and (input_type or "float64") != "float64":
        raise ValueError(f"A table with categories or text goes into files as float64, got input_type={input_type!r}.")
    if input_type is None:
        if reader.origin.smallest is not None:
            return "int64"
        # Only pixels of eight bits are understood in another order.
        return "float64" if reader.layout.order == "channels first" else "uint8"
    if input_type not in INPUT_TYPES:
        raise ValueError(f"input_type must be one of {tuple(INPUT_TYPES)} or None, got {input_type!r}.")
    return input_type


def draw_inputs(clf: Any, n: int, seed: int = 0) -> NDArray[Any]:
    """Draw samples by the statistics that the first network standardises with, in the form that `fit` was given.

    Parameters
    ----------
    clf : fitted OpDistNASClassifier
    n : int
    seed : int, default=0

    Returns
    -------
    X : ndarray of shape (n, *given)
        Where the data hold long integers, of type int64; float64 otherwise.
    """
    rng = np.random.default_rng(seed)
    reader: Reader = clf._reader
    if reader.schema is not None:
        return _draw_table(clf, reader.schema, n, rng)
    values = _scaled(clf, rng.standard_normal((n, *reader.sample_shape)))
    smallest = reader.origin.smallest
    if smallest is not None:
        whole = np.rint(np.clip(values, -(2.0**52), 2.0**52)).astype(np.int64)
        return _given_form(whole + smallest.astype(np.int64), reader.layout)
    if reader.layout.order != "channels first":
        values = np.clip(np.rint(values), 0, 255)
    return _given_form(values, reader.layout)


def _scaled(clf: Any, values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Bring standard normal numbers to the scale of the training data."""
    statistics = {
        name: np.asarray(buffer.cpu(), dtype=np.float64)
        for name, buffer in getattr(clf.net_.module_, "standardize", nn.Identity()).named_buffers()
        if name in ("mean", "std")
    }
    if len(statistics) < 2 or statistics["std"].size not in (1, values.shape[1]):
        return values
    # The mean is kept in units of the deviation, which is infinite for a constant channel.
    std = np.where(np.isfinite(statistics["std"]), statistics["std"], 1.0)
    with np.errstate(over="ignore"):
        return np.clip((values + statistics["mean"]) * std, -1e300, 1e300)


def _draw_table(clf: Any, schema: Schema, n: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Draw rows of a table with categories: their codes, with -1 among them, and numbers, of which some are missing."""
    is_category = schema.is_categorical
    values = np.empty((n, len(is_category)))
    for i, levels in enumerate(schema.levels):
        if levels is not None:
            values[:, i] = rng.integers(-1, len(levels), n)
    if not is_category.all():
        numbers = _scaled(clf, rng.standard_normal((n, int((~is_category).sum()))))
        values[:, ~is_category] = np.where(rng.random(numbers.shape) < _GAPS, np.nan, numbers)
    return values


def _given_form(samples: NDArray[Any], layout: Layout) -> NDArray[Any]:
    if layout.order == "channels last":
        samples = np.moveaxis(samples, 1, -1)
    return samples.reshape(len(samples), *layout.given)


def own_names(clf: Any) -> list[str]:
    """List the operations of an estimator's networks that the user registered."""
    names = {name for net in clf.nets_ for name in net.module__architecture.operations}
    return sorted(operation.name for operation in own_operations(names))
