"""Integers of 64 bits, of which double precision cannot hold all."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["EXACT", "Origin"]

# Double precision holds all integers up to here.
EXACT = 2**53


@dataclass(frozen=True, eq=False)
class Origin:
    """Where the integers of each channel begin, so that numbers such as identifiers are told apart to the last digit.

    Attributes
    ----------
    smallest : ndarray of shape (channels, 1, ...) or None
        The smallest value of a channel that goes beyond 2**53, and zero for others; None where no channel does.
    """

    smallest: NDArray[Any] | None

    @classmethod
    def of(cls, X: NDArray[Any]) -> Origin:
        """Find the origin of data, shape (n, channels, ...)."""
        if X.dtype.kind not in "iu" or X.dtype.itemsize < 8 or not X.size:
            return cls(None)
        axes = (0, *range(2, X.ndim))
        low, high = X.min(axis=axes, keepdims=True)[0], X.max(axis=axes, keepdims=True)[0]
        beyond = (low < -EXACT) | (high > EXACT)
        return cls(np.where(beyond, low, np.zeros_like(low)) if beyond.any() else None)

    def count(self, X: NDArray[Any]) -> NDArray[Any]:
        """Return numbers as they are counted from the origin: long integers in double precision, others as they are."""
        if self.smallest is None:
            return X.astype(np.float64) if X.dtype.kind in "iu" and X.dtype.itemsize == 8 else X
        if X.dtype.kind == "f":
            return X.astype(np.float64) - self.smallest.astype(np.float64)
        # In integers, modulo 2**64: differences of 64 bits need a bit more, for their sign.
        difference = X.astype(np.uint64) - self.smallest.astype(np.uint64)
        is_less = X < self.smallest
        return np.where(is_less, -difference, difference).astype(np.float64) * np.where(is_less, -1.0, 1.0)
