"""Sparse data, which networks take as dense arrays: all at once to train, and some rows at a time to predict."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import issparse

__all__ = ["SparseRows", "as_dense", "is_sparse_table"]

_MOST_BYTES = 2**30
_KEPT = (np.float32, np.uint8)


def as_dense(X: Any) -> Any:
    """Return sparse data as a dense array, and anything else as it is.

    Raises
    ------
    ValueError
        If the dense array would take more than 1 GiB.
    """
    if not issparse(X):
        return X
    matrix: Any = X
    # Other types become double precision later. Python's integers do not overflow.
    n_bytes = math.prod(map(int, matrix.shape)) * (matrix.dtype.itemsize if matrix.dtype in _KEPT else 8)
    if n_bytes > _MOST_BYTES:
        raise ValueError(
            f"The sparse X of shape {matrix.shape} would take {n_bytes / 2**30:.3g} GiB as a dense array, but at most "
            f"{_MOST_BYTES / 2**30:.3g} GiB are expected: reduce its columns, for example with "
            "sklearn.decomposition.TruncatedSVD or a feature selection, or give fewer rows at a time."
        )
    # In one order of memory, by which the last bits of sums may depend.
    return matrix.toarray(order="C")


def is_sparse_table(X: Any) -> bool:
    """Whether X is sparse and of two dimensions, of which rows can be taken."""
    return issparse(X) and getattr(X, "ndim", 0) == 2


class SparseRows:
    """Sparse data that are made dense a few rows at a time, as they are asked for.

    Parameters
    ----------
    matrix : sparse array or matrix of shape (n, features)
        Of a format of which rows can be taken, such as CSR.
    convert : callable
        From dense rows, shape (m, features), to samples, shape (m, *sample_shape).

    Attributes
    ----------
    shape : tuple of int
        ``(n, *sample_shape)``.
    """

    def __init__(self, matrix: Any, convert: Callable[[NDArray[Any]], NDArray[Any]]) -> None:
        self.matrix = matrix
        self.convert = convert
        self.shape = (matrix.shape[0], *self[:1].shape[1:])

    def __len__(self) -> int:
        return int(self.shape[0])

    def __getitem__(self, rows: slice) -> NDArray[Any]:
        """Return some rows as a dense array of samples."""
        return self.convert(self.matrix[rows].toarray(order="C"))
