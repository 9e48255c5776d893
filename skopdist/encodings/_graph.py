"""What the encodings of single cells share: the point is the graph, operation by edge."""

from __future__ import annotations

from itertools import combinations, product
from math import comb

import numpy as np
from numpy.typing import NDArray

from skopdist.architecture import Architecture
from skopdist.distribution import OperationDistribution
from skopdist.encodings._base import Encoding, Point
from skopdist.encodings._paths import PathTable

# Of a mixture, until there is a path from the input to the output.
_DRAWS = 1000


class GraphEncoding(Encoding):
    """A point holds, for every potential edge, one indicator for each operation; an unused edge has zeros only.

    Between the graphs lie mixtures, which hold a probability in the place of each indicator. The smallest move changes
    one edge's operation, or carries an operation to an unused edge where the space allows other wirings. Encodings on
    this base differ in the features by which a model compares points.
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
        table = point.reshape(self._shape())
        # A graph decides everything; between graphs each edge draws for itself, until something passes.
        for _ in range(1 if np.isin(table, (0, 1)).all() else _DRAWS):
            cells = []
            for row in table:
                wiring = tuple(edges[i] for i in np.flatnonzero(row.any(axis=1)))
                if len(wiring) != self.length_:
                    wiring = self.space_.sample_wiring(self.length_, rng)
                chances = np.cumsum(row[[edges.index(edge) for edge in wiring]], axis=1)
                chosen = np.argmax(rng.random((len(wiring), 1)) * chances[:, -1:] < chances, axis=1)
                cells.append(self.space_.make_cell([names[i] for i in chosen], wiring))
            architecture = self.space_.make_architecture(cells)
            if self.space_.is_valid(architecture):
                break
        return architecture

    def _distribution(self, point: Point) -> OperationDistribution:
        counts = point.reshape(self._shape()).sum(axis=1)
        return OperationDistribution.from_counts(self.space_.operation_names, counts, self.space_.cell_types)

    def _mixture(self, point: Point) -> NDArray[np.float64]:
        return point.reshape(self._shape())

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

    def _points(self, limit: int) -> NDArray[np.float64] | None:
        n_types, n_edges, k = self._shape()
        # Bounded by arithmetic first: neither the wirings nor the placements of a large space may be listed.
        if comb(n_edges, self.length_) > limit or (comb(n_edges, self.length_) * k**self.length_) ** n_types > limit:
            return None
        edges = self.space_.potential_edges(self.length_)
        wirings = [
            used
            for used in combinations(range(n_edges), self.length_)
            if self.space_.is_wiring([edges[i] for i in used], self.length_)
        ]
        placements = np.array(list(product(range(k), repeat=self.length_)))
        cells = np.zeros((len(wirings), len(placements), n_edges, k))
        for cell, used in zip(cells, wirings, strict=True):
            for slot, edge in enumerate(used):
                cell[np.arange(len(placements)), edge, placements[:, slot]] = 1.0
        flat = cells.reshape(-1, n_edges * k)
        choices = np.array(list(product(range(len(flat)), repeat=n_types)))
        return flat[choices].reshape(len(choices), -1)

    def _keys(self, points: NDArray[np.float64]) -> list[bytes]:
        keys = self._path_table(points).keys.reshape(len(points), -1)
        # An architecture with a dead cell computes nothing, whatever the other cells are.
        keys[(keys == 0).any(axis=1)] = 0
        return [key.tobytes() if key.any() else b"" for key in keys]

    def _n_architectures(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.ones(len(points))

    def _path_table(self, points: NDArray[np.float64]) -> PathTable:
        """Follow the paths of all cells, shape (n_points * n_cell_types, ...)."""
        n_edges, k = self._shape()[1:]
        edges = self.space_.potential_edges(self.length_)
        resizing = [self.space_.resizing_edges(t, self.length_) for t in self.space_.cell_types]
        solid = np.array([[edge in there for edge in edges] for there in resizing])
        cells = points.reshape(-1, n_edges, k)
        return PathTable(cells, edges, self.space_.operation_names, np.tile(solid, (len(points), 1)))
