"""Random points, and which points are the same."""

from __future__ import annotations

from collections.abc import Container

import numpy as np
from numpy.typing import NDArray

from skopdist.distribution import OperationDistribution
from skopdist.encodings import Encoding

# Small spaces run dry: after so many draws in a row that were all seen, the space counts as exhausted.
_DRAWS = 1000


def draw_point(encoding: Encoding, rng: np.random.Generator, concentration: float = 1.0) -> NDArray[np.float64]:
    """Draw a distribution from a symmetric Dirichlet prior and a point of the encoding that has it."""
    names, cell_types = encoding.space_.operation_names, encoding.space_.cell_types
    rows = rng.dirichlet(np.full(len(names), concentration), size=len(cell_types))
    return encoding.from_distribution(OperationDistribution(names, rows, cell_types), rng)


def draw_unseen(encoding: Encoding, rng: np.random.Generator, seen: Container[bytes]) -> NDArray[np.float64] | None:
    """Draw a point of the lattice whose key is not among `seen`; None where there seems to be none."""
    for _ in range(_DRAWS):
        # A distribution between lattice points is rounded by its sample, and that sample is what gets a score.
        point = encoding.encode(encoding.decode(draw_point(encoding, rng), rng))
        if point_key(point) not in seen:
            return point
    return None


def point_key(point: NDArray[np.float64]) -> bytes:
    """Give equal keys to equal points."""
    # Rounded, for 0.1 + 0.2 and 0.3 are the same point; + 0.0 turns -0.0 into 0.0.
    return (np.round(point, 9) + 0.0).tobytes()
