"""The traditional encoding: which operation sits on which edge."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from skopdist.architecture import Architecture, Cell
from skopdist.distribution import OperationDistribution
from skopdist.encodings._base import Encoding, Point


class AdjacencyEncoding(Encoding):
    """A point is the cell's graph: for every potential edge, one indicator for each operation [1]_.

    An edge that the wiring leaves out has zeros only. The smallest move changes one edge's operation, or carries an
    operation to an unused edge where the space allows other wirings.

    References
    ----------
    .. [1] White, Neiswanger, Nolen, Savani, "A Study on Encodings for Neural Architecture Search", NeurIPS 2020,
       arXiv 2007.04965, section 3 (the one-hot adjacency matrix encoding).

    Examples
    --------
    >>> from skopdist.encodings import AdjacencyEncoding
    >>> from skopdist.spaces import NASBench201Space
    >>> space = NASBench201Space()
    >>> encoding = AdjacencyEncoding().bind(space, length=6)
    >>> point = encoding.from_distribution(space.uniform(), random_state=0)
    >>> point.shape, encoding.neighbours(point).shape
    ((30,), (24, 30))
    """

    def _n_dims(self) -> int:
        return int(np.prod(self._shape()))

    def _shape(self) -> tuple[int, int, int]:
        space = self.space_
        return len(space.cell_types), len(space.potential_edges(self.length_)), len(space.operation_names)

    def _encode(self, architecture: Architecture) -> Point:
        names, edges = self.space_.operation_names, self.space_.potential_edges(self.length_)
        table = np.zeros(self._shape())
        for row, cell in zip(table, architecture.cells, strict=True):
            for name, edge in zip(cell.operations, cell.edges, strict=True):
                row[edges.index(edge), names.index(name)] = 1.0
        return table.ravel()

    def _decode(self, point: Point, rng: np.random.Generator) -> Architecture:
        names, edges = self.space_.operation_names, self.space_.potential_edges(self.length_)
        cells = []
        for row in point.reshape(self._shape()):
            used = np.flatnonzero(row.any(axis=1))
            cells.append(
                Cell(tuple(names[i] for i in row[used].argmax(axis=1)), tuple(edges[i] for i in used.tolist()))
            )
        return Architecture(tuple(cells), self.space_.cell_types)

    def _distribution(self, point: Point) -> OperationDistribution:
        counts = point.reshape(self._shape()).sum(axis=1)
        return OperationDistribution.from_counts(self.space_.operation_names, counts, self.space_.cell_types)

    def _from_distribution(self, distribution: OperationDistribution, rng: np.random.Generator) -> Point:
        return self._encode(self.space_.sample(distribution, self.length_, rng))

    def _neighbours(self, point: Point) -> NDArray[np.float64]:
        n_types, n_edges, k = self._shape()
        edges = self.space_.potential_edges(self.length_)
        table = point.reshape(n_types, n_edges, k)
        moved = []
        for t in range(n_types):
            used = table[t].any(axis=1)
            for i in np.flatnonzero(used):
                for operation in np.flatnonzero(table[t, i] == 0):
                    neighbour = table.copy()
                    neighbour[t, i] = np.eye(k)[operation]
                    moved.append(neighbour.ravel())
                for j in np.flatnonzero(~used):
                    rewired = [edges[e] for e in range(n_edges) if (used[e] and e != i) or e == j]
                    if self.space_.is_wiring(rewired, self.length_):
                        neighbour = table.copy()
                        neighbour[t, j], neighbour[t, i] = table[t, i], 0.0
                        moved.append(neighbour.ravel())
        return np.array(moved).reshape(-1, n_types * n_edges * k)
