"""Random points, and which points are the same."""

from __future__ import annotations

from collections.abc import Container, Sequence

import numpy as np
from numpy.typing import NDArray

from skopdist.distribution import OperationDistribution
from skopdist.encodings import Encoding
from skopdist.encodings._base import point_key
from skopdist.trial import Trial

# Small spaces run dry: after so many draws in a row that were all seen, the space counts as exhausted.
_DRAWS = 1000
# The surroundings of a prior run dry sooner: over so many of these draws it fades.
_FADING = 100


def draw_point(
    encoding: Encoding, rng: np.random.Generator, counts: NDArray[np.float64], concentration: float = 1.0
) -> NDArray[np.float64]:
    """Draw a distribution from a Dirichlet prior and a point of the encoding that has it.

    The concentrations are `concentration` for each operation, plus the `counts` that are taken as seen, shape
    (n_cell_types, k): the posterior of a symmetric Dirichlet. With a concentration of 1 its mode is the ratio of the
    counts, however many they are.
    """
    rows = np.zeros_like(counts)
    for row, seen, allowed in zip(rows, counts, encoding.space_.allowed, strict=True):
        row[allowed] = rng.dirichlet(concentration + seen[allowed])
    drawn = OperationDistribution(encoding.space_.operation_names, rows, encoding.space_.cell_types)
    return encoding.from_distribution(drawn, rng)


def draw_unseen(
    encoding: Encoding, rng: np.random.Generator, counts: NDArray[np.float64], seen: Container[bytes]
) -> NDArray[np.float64] | None:
    """Draw a point of the lattice whose key is not among `seen`; None where there seems to be none.

    The `counts` that it is drawn around, see :func:`draw_point`, fade with every draw that was seen.
    """
    for i in range(_DRAWS):
        around = counts * max(0.0, 1 - i / _FADING)
        # A distribution between lattice points is rounded by its sample, and that sample is what gets a score.
        point = encoding.encode(encoding.decode(draw_point(encoding, rng, around), rng))
        if point_key(point) not in seen:
            return point
    return None


def trial_keys(encoding: Encoding, trials: Sequence[Trial]) -> list[bytes]:
    """Return the keys of the points of the architectures that were evaluated."""
    return [point_key(encoding.encode(trial.architecture)) for trial in trials]
