"""The encoding of the paper: the operation distribution itself."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import permutations
from math import comb, prod

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln

from skopdist.architecture import Architecture
from skopdist.distribution import OperationDistribution, lattice
from skopdist.encodings._base import Encoding, Point
from skopdist.encodings._moves import in_order
from skopdist.operations import is_zero


class DistributionEncoding(Encoding):
    """A point is the operation distribution, one row for each cell type [1]_.

    A point need not be a ratio that a cell of the bound length can have: the cells drawn at it have the counts next to
    it. The smallest move carries the share of one operation, 1 / length, to another.

    See Also
    --------
    AdjacencyEncoding : The operation on every edge.
    HybridEncoding : The operation on every edge, compared by ratio, placement and paths.

    References
    ----------
    .. [1] Wan, Ru, Esperança, Carlucci, "Approximate Neural Architecture Search via Operation Distribution
       Learning", WACV 2022, arXiv 2111.04670.

    Examples
    --------
    >>> from skopdist.encodings import DistributionEncoding
    >>> from skopdist.spaces import NASBench201Space
    >>> encoding = DistributionEncoding().bind(NASBench201Space(), length=6)
    >>> point = encoding.from_distribution(NASBench201Space().uniform())
    >>> encoding.distribution(point)
    OperationDistribution(none=0.20, skip_connect=0.20, nor_conv_1x1=0.20, nor_conv_3x3=0.20, avg_pool_3x3=0.20)
    >>> encoding.neighbours(point).shape
    (20, 5)
    """

    def _prepare(self) -> None:
        self._kinds = self.space_.kinds(self.length_)

    def _n_dims(self) -> int:
        return len(self.space_.cell_types) * len(self.space_.operation_names)

    def _encode(self, architecture: Architecture) -> Point:
        return self.space_.encode(architecture).probabilities.ravel()

    def _decode(self, point: Point, rng: np.random.Generator) -> Architecture:
        return self.space_.sample(self._distribution(point), self.length_, rng)

    def _distribution(self, point: Point) -> OperationDistribution:
        rows = point.reshape(self._mixture_shape())
        return OperationDistribution(self.space_.operation_names, rows, self.space_.cell_types)

    def _mixture(self, point: Point) -> NDArray[np.float64]:
        return point.reshape(self._mixture_shape())

    def _from_mixture(self, mixture: NDArray[np.float64]) -> Point:
        return mixture.ravel()

    def _mixture_shape(self) -> tuple[int, ...]:
        return len(self.space_.cell_types), len(self.space_.operation_names)

    def _from_distribution(self, distribution: OperationDistribution, rng: np.random.Generator) -> Point:
        return distribution.probabilities.ravel()

    def _neighbours(self, point: Point, rng: np.random.Generator | None) -> Iterator[Point]:
        k = len(self.space_.operation_names)
        moves = [
            (t * k + source, t * k + target, kind.length)
            for t, (kind, allowed) in enumerate(zip(self._kinds, self.space_.allowed, strict=True))
            for source, target in permutations(np.flatnonzero(allowed).tolist(), 2)
        ]
        for i in in_order(len(moves), rng):
            source, target, length = moves[i]
            # Only what is there can be carried; rounding apart, a lattice point stays on the lattice.
            share = min(1 / length, point[source])
            if share > 1e-9:
                neighbour = point.copy()
                neighbour[source] -= share
                neighbour[target] += share
                yield neighbour

    def _features(self, points: NDArray[np.float64]) -> dict[str, NDArray[np.float64]]:
        rows = points.reshape(len(points), *self._mixture_shape())
        n_body = len(self.space_.body_types)
        parts = {"distribution": rows[:, :n_body].reshape(len(points), n_body * rows.shape[2])}
        return parts | {kind.cell_type: rows[:, t] for t, kind in enumerate(self._kinds) if kind.is_stem}

    def _keys(self, points: NDArray[np.float64]) -> list[bytes]:
        passing = np.array([not is_zero(name) for name in self.space_.operation_names])
        # Rounded, for 0.1 + 0.2 and 0.3 are the same point; + 0.0 turns -0.0 into 0.0.
        rounded = np.round(points, 9) + 0.0
        rows = rounded.reshape(len(points), len(self.space_.cell_types), len(passing))
        alive: NDArray[np.bool_] = np.all(np.any(rows[:, :, passing] > 0, axis=2), axis=1)
        return [row.tobytes() if lives else b"" for row, lives in zip(rounded, alive, strict=True)]

    def _points(self, limit: int) -> NDArray[np.float64] | None:
        sizes = [(kind.length, len(kind.operations)) for kind in self._kinds]
        if prod(comb(length + k - 1, length) for length, k in sizes) > limit:
            return None
        rows = []
        for (length, k), allowed in zip(sizes, self.space_.allowed, strict=True):
            ratios = lattice(k, length) / length
            row = np.zeros((len(ratios), len(allowed)))
            row[:, allowed] = ratios
            rows.append(row)
        chosen = np.meshgrid(*(np.arange(len(row)) for row in rows), indexing="ij")
        return np.hstack([row[choice.ravel()] for row, choice in zip(rows, chosen, strict=True)])

    def _n_architectures(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        # The placements of the counts, by the multinomial coefficient; wirings come on top and are not counted.
        lengths = np.array([[kind.length] for kind in self._kinds])
        counts = np.floor(points.reshape(len(points), *self._mixture_shape()) * lengths + 1e-6)
        logs = gammaln(counts.sum(axis=2) + 1) - gammaln(counts + 1).sum(axis=2)
        return np.rint(np.exp(np.minimum(logs.sum(axis=1), 40.0)))
