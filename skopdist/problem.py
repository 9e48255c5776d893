"""Data before any training: weights, canonical order, held-out split, input statistics."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.class_weight import compute_class_weight

_CHUNK = 4096
_HELD_OUT = 0.25


@dataclass(frozen=True)
class WeightedData:
    """Samples, their class indices and their weights.

    Attributes
    ----------
    X : ndarray of shape (n, ...)
    y : ndarray of shape (n,)
        Class indices, int64.
    weight : ndarray of shape (n,)
        Positive float64.
    """

    X: NDArray[Any]
    y: NDArray[np.int64]
    weight: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.y)

    def __sizeof__(self) -> int:
        return object.__sizeof__(self) + self.X.nbytes + self.y.nbytes + self.weight.nbytes

    def take(self, indices: NDArray[np.intp]) -> Self:
        """Give some of the samples."""
        return type(self)(self.X[indices], self.y[indices], self.weight[indices])

    @property
    def relative_weight(self) -> NDArray[np.float64] | None:
        """Weights with a mean of 1; None if all are equal, so that nothing need be multiplied."""
        return None if np.ptp(self.weight) == 0 else self.weight / self.weight.mean()


def canonical(X: NDArray[Any], y: NDArray[np.int64], weight: NDArray[np.float64] | None) -> WeightedData:
    """Give the data as a weighted set: equal samples merged, in an order of its own.

    So a weight of two is the same as a sample that is there twice, exactly and not only on average, the order of the
    rows does not matter, and no copy of a training sample is held out.
    """
    weight = np.ones(len(y)) if weight is None else weight
    # Adding zero turns -0.0, which equals 0.0, into it.
    digests = np.array([_digest(np.ascontiguousarray(X[i]) + X.dtype.type(0), y[i]) for i in range(len(y))])
    _, first, inverse = np.unique(digests, return_index=True, return_inverse=True)
    totals = np.bincount(inverse.ravel(), weights=weight).astype(np.float64)
    return WeightedData(X[first], y[first], totals)


def _digest(sample: NDArray[Any], label: np.int64) -> bytes:
    digest = hashlib.blake2b(np.int64(label).tobytes(), digest_size=16)
    digest.update(sample.tobytes())
    # An empty last byte would be lost in a numpy string.
    return digest.digest() + b"."


def combined_weights(
    y: NDArray[Any], sample_weight: NDArray[np.float64] | None, class_weight: Mapping[Any, float] | str | None
) -> NDArray[np.float64] | None:
    """Give the product of the samples' weights and those of their classes, shape (n,); None if there are neither.

    Raises
    ------
    ValueError
        If fewer than two classes have a weight, or `class_weight` is neither a mapping nor "balanced".
    """
    weight = np.ones(len(y)) if sample_weight is None else sample_weight
    # A sample of weight 0 counts as not being there.
    used = weight > 0
    if not used.any():
        raise ValueError("All sample weights are zero, so no sample is left to learn from.")
    classes, indices = np.unique(y[used], return_inverse=True)
    if len(classes) < 2:
        raise ValueError(
            f"The data must have at least two classes, but y has only one class: {classes.tolist()}; "
            "there is nothing to tell apart."
        )
    if class_weight is None:
        return sample_weight
    indices = indices.ravel()
    combined = np.zeros(len(y))
    combined[used] = weight[used] * _class_weights(class_weight, classes, indices, weight[used])[indices]
    return combined


def _class_weights(
    class_weight: Mapping[Any, float] | str,
    classes: NDArray[Any],
    indices: NDArray[np.intp],
    weight: NDArray[np.float64],
) -> NDArray[np.float64]:
    if not isinstance(class_weight, str):
        return compute_class_weight(dict(class_weight), classes=classes, y=classes[indices])
    if class_weight != "balanced":
        raise ValueError(f"class_weight must be a mapping, 'balanced' or None, got {class_weight!r}.")
    # scikit-learn's own balance counts samples; here a weight of two is the same as two samples.
    return weight.sum() / (len(classes) * np.bincount(indices, weights=weight))


def hold_out(
    data: WeightedData, fraction: float | None, classes: NDArray[Any], seed: int
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Give the indices of the samples to train and to validate on, stratified by class.

    A class with two distinct samples or more has one on either side at least; a single sample is trained on.

    Parameters
    ----------
    data : WeightedData
    fraction : float or None
        None takes a quarter.
    classes : ndarray of shape (n_classes,)
        The labels, for messages.
    seed : int

    Raises
    ------
    ValueError
        If no class has two distinct samples, or `fraction` leaves either part fewer samples than there are classes.
    """
    counts = np.bincount(data.y, minlength=len(classes))
    shared = np.flatnonzero(counts >= 2)
    if not len(shared):
        raise ValueError(
            f"None of the {len(classes)} classes has two distinct samples, one to train on and one to validate on: "
            "add samples."
        )
    total = counts[shared].sum()
    wanted = int(np.ceil(total * (_HELD_OUT if fraction is None else fraction)))
    if fraction is not None and min(wanted, total - wanted) < len(shared):
        raise ValueError(
            f"validation_fraction={fraction} of {total} distinct samples leaves {total - wanted} to train on and "
            f"{wanted} to validate on, but both need one for each of the {len(shared)} classes at least: "
            "change validation_fraction, add samples, or leave rare classes out."
        )
    rng = np.random.default_rng(seed)
    held_out = np.zeros(len(data), dtype=bool)
    quotas = counts[shared] * wanted / total
    n_valid = np.floor(quotas).astype(np.intp)
    n_valid[np.argsort(n_valid - quotas, kind="stable")[: wanted - n_valid.sum()]] += 1
    for label, n in zip(shared, np.clip(n_valid, 1, counts[shared] - 1), strict=True):
        held_out[rng.permutation(np.flatnonzero(data.y == label))[:n]] = True
    return np.flatnonzero(~held_out), np.flatnonzero(held_out)


def input_statistics(data: WeightedData) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Give the weighted mean and standard deviation of each channel, shapes (channels,); 1 for a constant one."""
    flat = data.X.reshape(*data.X.shape[:2], -1)  # (n, channels, positions)
    total = data.weight.sum()
    mean = np.zeros(flat.shape[1])
    for start in range(0, len(flat), _CHUNK):
        part = slice(start, start + _CHUNK)
        mean += data.weight[part] @ flat[part].mean(axis=2, dtype=np.float64)
    mean /= total
    variance = np.zeros(flat.shape[1])
    for start in range(0, len(flat), _CHUNK):
        part = slice(start, start + _CHUNK)
        deviation = flat[part] - mean[:, None]
        variance += data.weight[part] @ np.square(deviation).mean(axis=2)
    std = np.sqrt(variance / total)
    return mean, np.where(std > 1e-12 * np.maximum(np.abs(mean), 1), std, 1.0)
