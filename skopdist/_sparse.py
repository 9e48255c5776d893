"""Sparse data, which networks take as dense arrays."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from scipy.sparse import issparse

__all__ = ["as_dense"]

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
