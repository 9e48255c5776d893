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

    Where cells of the space may differ by their links, one indicator for each potential link follows. Between the
    graphs lie mixtures, which hold a probability in the place of each indicator. The smallest move changes one edge's
    operation, carries an operation to an unused edge where the space allows other wirings, or adds or takes away a
    link. Encodings on this base differ in the features by which a model compares points.
    """

    def _prepare(self) -> None:
        """Keep nothing beside the space and the length."""

    def _n_dims(self) -> int:
        n_types, n_edges, k, n_links = self._shape()
        return n_types * (n_edges * k + n_links)

    def _shape(self) -> tuple[int, int, int, int]:
        space, length = self.space_, self.length_
        n_edges, n_links = len(space.potential_edges(length)), len(space.potential_links(length))
        return len(space.cell_types), n_edges, len(space.operation_names), n_links

    def _tables(self, points: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Give the indicators of operations (n_cells, n_edges, k) and of links (n_cells, n_links) of all cells."""
        _, n_edges, k, n_links = self._shape()
        cells = points.reshape(points.size // (n_edges * k + n_links), n_edges * k + n_links)
        # Both are views, into which one may write.
        return cells[:, : n_edges * k].reshape(len(cells), n_edges, k), cells[:, n_edges * k :]

    def _encode(self, architecture: Architecture) -> Point:
        space = self.space_
        names, edges = space.operation_names, space.potential_edges(self.length_)
        links = space.potential_links(self.length_)
        point = np.zeros(self.n_dims)
        operations, linked = self._tables(point)
        for cell, on_edge, on_link in zip(architecture.cells, operations, linked, strict=True):
            for name, edge in zip(cell.operations, cell.edges, strict=True):
                on_edge[edges.index(edge), names.index(name)] = 1.0
            on_link[[i for i, link in enumerate(links) if link in cell.links]] = 1.0
        return point

    def _decode(self, point: Point, rng: np.random.Generator) -> Architecture:
        space = self.space_
        names, edges = space.operation_names, space.potential_edges(self.length_)
        links = space.potential_links(self.length_)
        # A graph decides everything; between graphs each edge draws for itself, until something passes.
        for _ in range(1 if np.isin(point, (0, 1)).all() else _DRAWS):
            cells = []
            for on_edge, on_link in zip(*self._tables(point), strict=True):
                wiring = tuple(edges[i] for i in np.flatnonzero(on_edge.any(axis=1)))
                if len(wiring) != self.length_:
                    wiring = space.sample_wiring(self.length_, rng)
                chances = np.cumsum(on_edge[[edges.index(edge) for edge in wiring]], axis=1)
                chosen = np.argmax(rng.random((len(wiring), 1)) * chances[:, -1:] < chances, axis=1)
                linked = tuple(links[i] for i in np.flatnonzero(on_link))
                if not np.isin(on_link, (0, 1)).all():
                    linked = space.sample_links(self.length_, rng)
                cells.append(space.make_cell([names[i] for i in chosen], wiring, linked))
            architecture = space.make_architecture(cells)
            if space.is_valid(architecture):
                break
        return architecture

    def _distribution(self, point: Point) -> OperationDistribution:
        counts = self._tables(point)[0].sum(axis=1)
        return OperationDistribution.from_counts(self.space_.operation_names, counts, self.space_.cell_types)

    def _mixture(self, point: Point) -> NDArray[np.float64]:
        return self._tables(point)[0].copy()

    def _from_mixture(self, mixture: NDArray[np.float64]) -> Point:
        # Every potential link as open as can be.
        point = np.full(self.n_dims, 0.5)
        self._tables(point)[0][:] = mixture
        return point

    def _mixture_shape(self) -> tuple[int, ...]:
        return self._shape()[:3]

    def _from_distribution(self, distribution: OperationDistribution, rng: np.random.Generator) -> Point:
        return self._encode(self.space_.sample(distribution, self.length_, rng))

    def _neighbours(self, point: Point) -> NDArray[np.float64]:
        n_types, _, k, _ = self._shape()
        edges, links = self.space_.potential_edges(self.length_), self.space_.potential_links(self.length_)
        # The edges of a cell that hold other operations in a neighbour, or none; the links that are there or not.
        placed: list[tuple[int, dict[int, NDArray[np.float64]]]] = []
        linked: list[tuple[int, int]] = []
        for t, (on_edge, on_link) in enumerate(zip(*self._tables(point), strict=True)):
            used = on_edge.any(axis=1)
            for i in np.flatnonzero(used).tolist():
                placed += [(t, {i: row}) for row in np.eye(k)[on_edge[i] == 0]]
                for j in np.flatnonzero(~used).tolist():
                    rewired = [edge for e, edge in enumerate(edges) if (used[e] and e != i) or e == j]
                    if self.space_.is_wiring(rewired, self.length_):
                        placed.append((t, {i: np.zeros(k), j: on_edge[i]}))
            for i in range(len(links)):
                relinked = [link for e, link in enumerate(links) if (on_link[e] == 1) != (e == i)]
                if self.space_.are_links(relinked, self.length_):
                    linked.append((t, i))
        neighbours = np.tile(point, (len(placed) + len(linked), 1))
        operations, links_used = self._tables(neighbours)
        for row, (t, changes) in enumerate(placed):
            for i, indicators in changes.items():
                operations[row * n_types + t, i] = indicators
        for row, (t, i) in enumerate(linked, start=len(placed)):
            links_used[row * n_types + t, i] = 1 - links_used[row * n_types + t, i]
        return neighbours.reshape(-1, self.n_dims)

    def _points(self, limit: int) -> NDArray[np.float64] | None:
        n_types, n_edges, k, n_links = self._shape()
        # Bounded by arithmetic first: neither the wirings nor the placements of a large space may be listed.
        n_wirings = comb(n_edges, self.length_) * 2**n_links
        if n_wirings > limit or (n_wirings * k**self.length_) ** n_types > limit:
            return None
        edges, links = self.space_.potential_edges(self.length_), self.space_.potential_links(self.length_)
        wirings = [
            used
            for used in combinations(range(n_edges), self.length_)
            if self.space_.is_wiring([edges[i] for i in used], self.length_)
        ]
        linkings = [
            used
            for used in product([0.0, 1.0], repeat=n_links)
            if self.space_.are_links([link for link, here in zip(links, used, strict=True) if here], self.length_)
        ]
        placements = np.array(list(product(range(k), repeat=self.length_)))
        cells = np.zeros((len(wirings), len(placements), n_edges, k))
        for cell, used in zip(cells, wirings, strict=True):
            for slot, edge in enumerate(used):
                cell[np.arange(len(placements)), edge, placements[:, slot]] = 1.0
        flat = cells.reshape(-1, n_edges * k)
        linked = np.array(linkings).reshape(len(linkings), n_links)
        flat = np.hstack([np.repeat(flat, len(linked), axis=0), np.tile(linked, (len(flat), 1))])
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
        space, length = self.space_, self.length_
        operations, linked = self._tables(points)
        edges, fixed = space.potential_edges(length), space.fixed_links(length)
        resizing = [space.resizing_edges(cell_type, length) for cell_type in space.cell_types]
        solid = np.array([[edge in there for edge in edges] for there in resizing])
        return PathTable(
            operations,
            edges,
            space.operation_names,
            n_inputs=space.n_inputs,
            solid=np.tile(solid, (len(points), 1)),
            linked=np.hstack([linked, np.ones((len(linked), len(fixed)))]),
            links=(*space.potential_links(length), *fixed),
        )
