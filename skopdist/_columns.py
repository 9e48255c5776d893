"""The columns of a table as numbers alone: which are numbers, which have gaps, and which are codes of categories."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

__all__ = ["FEW_LEVELS", "Columns"]

# Up to so many levels each has a vector as wide as the network, as in a one-hot code; beyond, a short vector that is
# mapped to that width. So it is in RealMLP (Holzmüller et al., NeurIPS 2024, arXiv 2407.04491, section 3.1).
FEW_LEVELS = 9


@dataclass(frozen=True)
class Columns:
    """The kinds of the columns of flat input: numbers, numbers with gaps, and categories.

    A category is a code: 0 to the number of its levels, less one, and -1 for a level that is not known. A number may be
    missing, as NaN. A column of numbers in which some were missing in `fit` is also a category of two levels, there and
    missing.

    Attributes
    ----------
    n_levels : tuple of int
        The number of levels of each column; 0 for numbers.
    gaps : tuple of int
        Indices of the columns of numbers of which some are missing.

    Examples
    --------
    >>> from skopdist._columns import Columns
    >>> columns = Columns(n_levels=(0, 3, 0, 12), gaps=(2,))
    >>> columns.numbers, columns.coded, columns.cardinalities
    ((0, 2), (1, 2, 3), (3, 2, 12))
    """

    n_levels: tuple[int, ...]
    gaps: tuple[int, ...] = ()

    @classmethod
    def of(cls, X: NDArray[Any], rows: NDArray[np.intp], n_levels: Sequence[int] | None) -> Self | None:
        """Describe the columns of data, shape (n, features), by some of their rows.

        None, where all are numbers without gaps, or samples have more dimensions.
        """
        if X.ndim != 2:
            return None
        n_levels = (0,) * X.shape[1] if n_levels is None else tuple(n_levels)
        gaps: tuple[int, ...] = ()
        # A sum that is finite has no NaN in it, and needs no mask; the columns of other data are looked at one by one.
        if X.dtype.kind == "f" and not _has_finite_sum(X):
            gaps = tuple(i for i, n in enumerate(n_levels) if not n and np.isnan(X[:, i][rows]).any())
        return cls(n_levels, gaps) if gaps or any(n_levels) else None

    @cached_property
    def numbers(self) -> tuple[int, ...]:
        """Indices of the columns of numbers."""
        return tuple(i for i, n in enumerate(self.n_levels) if not n)

    @cached_property
    def coded(self) -> tuple[int, ...]:
        """Indices of the columns of which levels are told apart, first those of few levels.

        A column of one level tells nothing, and is left out.
        """
        cardinality = self._cardinality
        chosen = [i for i in range(len(self.n_levels)) if cardinality(i) > 1]
        return tuple(sorted(chosen, key=lambda i: (cardinality(i) > FEW_LEVELS, i)))

    @cached_property
    def cardinalities(self) -> tuple[int, ...]:
        """The number of levels of each of the `coded` columns."""
        return tuple(map(self._cardinality, self.coded))

    def _cardinality(self, i: int) -> int:
        return 2 if i in self.gaps else self.n_levels[i]

    @property
    def n_numbers(self) -> int:
        """Width of :meth:`take_numbers`."""
        return max(1, len(self.numbers))

    def take_numbers(self, X: NDArray[Any]) -> NDArray[Any]:
        """Return the columns of numbers; one of zeros where there are none, for a network needs something to begin."""
        return X[:, list(self.numbers)] if self.numbers else np.zeros((len(X), 1), dtype=X.dtype)

    def count_levels(self, X: NDArray[Any], weight: NDArray[np.float64]) -> NDArray[np.float64]:
        """Sum the weights of rows by level, one `coded` column after the other, shape (sum of `cardinalities`,)."""
        counts = []
        for i, n in zip(self.coded, self.cardinalities, strict=True):
            codes = np.isnan(X[:, i]) if i in self.gaps else X[:, i]
            known = codes >= 0
            counts.append(np.bincount(codes[known].astype(np.intp), weight[known], minlength=n))
        return np.concatenate(counts) if counts else np.empty(0)


def _has_finite_sum(X: NDArray[Any]) -> bool:
    with np.errstate(over="ignore", invalid="ignore"):
        return bool(np.isfinite(X.sum(dtype=np.float64)))
