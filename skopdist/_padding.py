"""Series of unequal length: in memory they are one array, in which a position behind the end of a series is NaN."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Lengths", "are_series", "pad", "refuse_gaps", "trim"]

# Values that are looked at together.
_BLOCK = 2**20


def are_series(X: Any) -> bool:
    """Whether X is a list, or an array of objects, of arrays with channels and positions."""
    if isinstance(X, np.ndarray) and X.dtype.kind == "O" and X.ndim == 1:
        X = X.tolist()
    return isinstance(X, list | tuple) and len(X) > 0 and all(getattr(sample, "ndim", 0) == 2 for sample in X)


def pad(series: Sequence[NDArray[Any]]) -> NDArray[Any]:
    """Return series of unequal length as one array, shape (n, channels, longest).

    Parameters
    ----------
    series : sequence of ndarray of shape (channels, length_i) or (length_i,)

    Raises
    ------
    ValueError
        If they differ in the number of their channels, or one is empty.
    """
    rows = [one[None] if one.ndim == 1 else one for one in series]
    n_channels = len(rows[0])
    for i, row in enumerate(rows):
        if len(row) != n_channels:
            raise ValueError(
                f"The series of X differ in the number of their channels: sample 0 has {n_channels}, and sample {i} "
                f"has {len(row)}; give each as an array of shape (channels, length), with the same channels in all."
            )
        if not row.shape[1]:
            raise ValueError(f"Each series of X must have one position at least, but sample {i} has none; drop it.")
    longest = max(row.shape[1] for row in rows)
    dtype = np.result_type(np.float32, *{row.dtype for row in rows})
    padded = np.full((len(rows), n_channels, longest), np.nan, dtype)
    for place, row in zip(padded, rows, strict=True):
        place[:, : row.shape[1]] = row
    return padded


def refuse_gaps(X: NDArray[Any]) -> None:
    """Refuse series, shape (n, channels, length), in which values are missing that are not behind their ends.

    Raises
    ------
    ValueError
        If a value is missing before the last position that has one, in whichever channel, or if there are none.
    """
    step = max(1, _BLOCK // int(np.prod(X.shape[1:])))
    for start in range(0, len(X), step):
        is_missing = np.isnan(X[start : start + step])  # (m, channels, length)
        if not is_missing.any():
            continue
        ends = _ends(is_missing)
        if not ends.all():
            raise ValueError(
                f"Input X contains NaN: all values of sample {start + int(ends.argmin())} are missing; drop series "
                "without any values."
            )
        is_gap = is_missing & (np.arange(X.shape[2]) < ends[:, None, None])
        if is_gap.any():
            row, channel, position = np.argwhere(is_gap)[0].tolist()
            raise ValueError(
                f"Input X contains NaN: {int(is_gap.sum())} values are missing, the first in sample {start + row}, "
                f"channel {channel}, at position {position}. A series may be padded with NaN behind its end, which "
                "all of its channels share, and must have no gaps before it, for a gap would spread to all around it: "
                "fill gaps in, for example between their neighbours by np.interp, or drop these samples. Tables of "
                "shape (n, features) may have some."
            )


def trim(X: Any) -> Any:
    """Return series, shape (n, channels, length), up to the end of the longest; and anything else as it is."""
    is_series = isinstance(X, np.ndarray) and X.ndim == 3 and X.dtype.kind == "f" and X.size > 0
    if not is_series or not np.isnan(X[:, 0, -1]).all():
        return X
    # Where all values are missing there is still something to be refused.
    return X[:, :, : max(1, int(_ends(np.isnan(X)).max()))]


def _ends(is_missing: NDArray[np.bool_]) -> NDArray[np.intp]:
    """Return how many positions series have, shape (n,), of which values are missing, shape (n, channels, length)."""
    numbers = np.arange(1, is_missing.shape[2] + 1)
    ends: NDArray[np.intp] = np.where(is_missing.all(axis=1), 0, numbers).max(axis=1)
    return ends


@dataclass(frozen=True)
class Lengths:
    """Which series `predict` takes, by those that `fit` was given.

    Attributes
    ----------
    longest : int or None
        Positions of the longest in `fit`; None where all samples must have the shape that they had there.
    has_shorter : bool
        Whether some were shorter.
    """

    longest: int | None = None
    has_shorter: bool = False

    @classmethod
    def of(cls, given: Any, values: Any, samples: NDArray[Any]) -> Lengths:
        """Find out from what `fit` was given, the array that was read of it, and the samples in their shape.

        A list of arrays and padding say that lengths may differ. An array without padding does not, and flat rows that
        `input_shape` makes series have one length.
        """
        if samples.ndim != 3:
            return cls()
        has_shorter = samples.dtype.kind == "f" and bool(np.isnan(samples[:, 0, -1]).any())
        is_free = getattr(values, "ndim", 2) == 3 and (has_shorter or are_series(given))
        return cls(samples.shape[2] if is_free else None, has_shorter)

    def allow(self, shape: tuple[int, ...], expected: tuple[int, ...]) -> bool:
        """Whether samples of a shape can be predicted, where those of `fit` had the expected one."""
        return shape == expected or (self.longest is not None and len(shape) == 2 and shape[0] == expected[0])

    def read(self, X: Any, n_channels: int) -> Any:
        """Return an array of series without an axis of channels as one with it, where series have one channel."""
        is_bare = self.longest is not None and n_channels == 1 and getattr(X, "ndim", 0) == 2
        return X[:, None] if is_bare else X

    def extend(self, samples: NDArray[Any]) -> NDArray[Any]:
        """Return series that are at least as long as the longest of `fit`, shape (n, channels, length)."""
        if self.longest is None or samples.ndim != 3:
            return samples
        samples = trim(samples)
        missing = self.longest - samples.shape[2]
        if missing <= 0:
            return samples
        if samples.dtype.kind != "f":
            samples = samples.astype(np.float64)
        return np.pad(samples, ((0, 0), (0, 0), (0, missing)), constant_values=np.nan)
