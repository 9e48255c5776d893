"""The encodings whose points are graphs: which operation is on which edge."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skopdist._strides import slot_strides
from skopdist.architecture import Architecture
from skopdist.distribution import OperationDistribution
from skopdist.encodings._base import Encoding, Point
from skopdist.encodings._moves import in_order, list_linkings, list_wirings, n_architectures_at_most
from skopdist.encodings._paths import PathTable
from skopdist.spaces import STEM

# Draws from a mixture, until there is a path from the input to the output.
_DRAWS = 1000

# A move of an operation: the cell, the edge that is cleared, the edge that is filled, and its indicators. A move of a
# link: the cell, the link twice, and None.
Move = tuple[int, int, int, NDArray[np.float64] | None]


class GraphEncoding(Encoding):
    """A point holds, for every potential edge, one indicator for each operation; an unused edge has zeros only.

    Where cells of the space may differ by their links, one indicator for each potential link follows. Between the
    graphs lie mixtures, which hold a probability in the place of each indicator. The smallest move changes one edge's
    operation, carries an operation to an unused edge where the space allows other wirings, or adds or removes a link.
    Encodings on this base differ in the features by which a model compares points, so a subclass only implements
    ``_features``.
    """

    def _prepare(self) -> None:
        # Every point that is encoded, decoded or moved needs these; a long cell has hundreds of edges.
        space, length = self.space_, self.length_
        self._names, self._kinds = space.operation_names, space.kinds(length)
        self._edges, self._links = space.potential_edges(length), space.potential_links(length)
        self._n_body = len(space.body_types)

    def _n_dims(self) -> int:
        n_types, n_edges, k, n_links = self._shape()
        return n_types * (n_edges * k + n_links)

    def _shape(self) -> tuple[int, int, int, int]:
        return len(self.space_.cell_types), len(self._edges), len(self._names), len(self._links)

    def _tables(self, points: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the indicators of operations (n_cells, n_edges, k) and of links (n_cells, n_links) of all cells."""
        _, n_edges, k, n_links = self._shape()
        cells = points.reshape(points.size // (n_edges * k + n_links), n_edges * k + n_links)
        # Both are views, into which one may write.
        return cells[:, : n_edges * k].reshape(len(cells), n_edges, k), cells[:, n_edges * k :]

    def _bodies(self, points: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the indicators of the cells of the body alone, and of the operations that these may hold."""
        n_types, n_edges, _, n_links = self._shape()
        n_body, k = self._n_body, len(self._kinds[0].operations)
        operated, linked = self._tables(points)
        shape = len(points), n_types, n_edges
        return (
            operated.reshape(*shape, operated.shape[2])[:, :n_body, :, :k].reshape(len(points) * n_body, n_edges, k),
            linked.reshape(len(points), n_types, n_links)[:, :n_body].reshape(len(points) * n_body, n_links),
        )

    def _stems(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the indicators of the stems, shape (n_points, n_stems), which are none where a space has none."""
        n_types, n_edges, k, _ = self._shape()
        operated = self._tables(points)[0].reshape(len(points), n_types, n_edges, k)
        return operated[:, -1, 0, len(self._kinds[0].operations) :]

    def _with_stems(
        self, parts: dict[str, NDArray[np.float64]], points: NDArray[np.float64]
    ) -> dict[str, NDArray[np.float64]]:
        """Add the stems, where there are any, to the parts of the features."""
        stems = self._stems(points)
        return parts | {STEM: stems} if stems.shape[1] else parts

    def _encode(self, architecture: Architecture) -> Point:
        point = np.zeros(self.n_dims)
        operations, linked = self._tables(point)
        operation_at, link_at = _places(self._names), _places(self._links)
        for kind, cell, on_edge, on_link in zip(self._kinds, architecture.cells, operations, linked, strict=True):
            # The one slot of a stem is in the place of the first edge.
            edge_at = _places(kind.edges)
            for name, edge in zip(cell.operations, cell.edges, strict=True):
                on_edge[edge_at[edge], operation_at[name]] = 1.0
            on_link[[link_at[link] for link in cell.links if link in link_at]] = 1.0
        return point

    def _decode(self, point: Point, rng: np.random.Generator) -> Architecture:
        space, edges, edge_at = self.space_, self._edges, _places(self._edges)
        # A graph decides everything; between graphs each edge draws for itself, until something passes.
        for _ in range(1 if np.isin(point, (0, 1)).all() else _DRAWS):
            cells = []
            for on_edge, on_link in zip(*(table[: self._n_body] for table in self._tables(point)), strict=True):
                wiring = tuple(edges[i] for i in np.flatnonzero(on_edge.any(axis=1)))
                if len(wiring) != self.length_:
                    wiring = space.sample_wiring(self.length_, rng)
                chances = np.cumsum(on_edge[[edge_at[edge] for edge in wiring]], axis=1)
                chosen = np.argmax(rng.random((len(wiring), 1)) * chances[:, -1:] < chances, axis=1)
                linked = tuple(self._links[i] for i in np.flatnonzero(on_link))
                if not np.isin(on_link, (0, 1)).all():
                    linked = space.sample_links(self.length_, rng)
                cells.append(space.make_cell([self._names[i] for i in chosen], wiring, linked))
            for on_edge in self._tables(point)[0][self._n_body :]:
                chances = np.cumsum(on_edge[0])
                cells.append(space.make_stem(self._names[np.argmax(rng.random() * chances[-1] < chances)]))
            architecture = space.make_architecture(cells)
            if space.is_valid(architecture):
                break
        return architecture

    def _distribution(self, point: Point) -> OperationDistribution:
        counts = self._tables(point)[0].sum(axis=1)
        return OperationDistribution.from_counts(self._names, counts, self.space_.cell_types)

    def _mixture_shape(self) -> tuple[int, ...]:
        return self._shape()[:3]

    def _mixture(self, point: Point) -> NDArray[np.float64]:
        mixture = self._tables(point)[0].copy()
        # That of a stem at all slots, for it has one.
        mixture[self._n_body :] = mixture[self._n_body :, :1]
        return mixture

    def _from_mixture(self, mixture: NDArray[np.float64]) -> Point:
        # Every potential link as open as can be.
        point = np.full(self.n_dims, 0.5)
        operations, linked = self._tables(point)
        operations[:] = mixture
        operations[self._n_body :, 1:], linked[self._n_body :] = 0.0, 0.0
        return point

    def _neighbours(self, point: Point, rng: np.random.Generator | None) -> Iterator[Point]:
        space, length, edges, links = self.space_, self.length_, self._edges, self._links
        operations, linked = self._tables(point)
        used = [{edges[i] for i in np.flatnonzero(on_edge.any(axis=1))} for on_edge in operations]
        joined = [{links[i] for i in np.flatnonzero(on_link)} for on_link in linked]
        moves = [*_placements(operations, space.allowed, self._n_body), *_relinkings(linked[: self._n_body])]
        for i in in_order(len(moves), rng):
            t, out, into, operation = moves[i]
            # Most of the moves of a long cell lead to no wiring, so that they are looked at one by one.
            if operation is None:
                allowed = space.are_links(tuple(joined[t] ^ {links[out]}), length)
            else:
                allowed = out == into or space.is_wiring(tuple(used[t] - {edges[out]} | {edges[into]}), length)
            if allowed:
                neighbour = point.copy()
                operations, linked = self._tables(neighbour)
                if operation is None:
                    linked[t, out] = 1 - linked[t, out]
                else:
                    operations[t, out] = 0.0
                    operations[t, into] = operation
                yield neighbour

    def _points(self, limit: int) -> NDArray[np.float64] | None:
        space = self.space_
        _, n_edges, k, n_links = self._shape()
        if n_architectures_at_most(space, self.length_) > limit:
            return None
        wirings, linkings = list_wirings(space, self.length_), list_linkings(space, self.length_)
        placements = np.array(list(product(range(len(self._kinds[0].operations)), repeat=self.length_)))
        cells = np.zeros((len(wirings), len(placements), n_edges, k))
        for cell, used in zip(cells, wirings, strict=True):
            for slot, edge in enumerate(used):
                cell[np.arange(len(placements)), edge, placements[:, slot]] = 1.0
        flat = cells.reshape(-1, n_edges * k)
        linked = np.array(linkings, dtype=np.float64).reshape(len(linkings), n_links)
        flat = np.hstack([np.repeat(flat, len(linked), axis=0), np.tile(linked, (len(flat), 1))])
        stems = np.zeros((len(self._kinds[-1].operations), flat.shape[1]))
        stems[:, :k] = np.eye(k)[space.allowed[-1]]
        rows = [stems if kind.is_stem else flat for kind in self._kinds]
        choices = np.array(list(product(*(range(len(row)) for row in rows))))
        return np.hstack([row[choice] for row, choice in zip(rows, choices.T, strict=True)])

    def _keys(self, points: NDArray[np.float64]) -> list[bytes]:
        keys = self._path_table(points).keys.reshape(len(points), -1)
        stems = self._stems(points)
        if stems.shape[1]:
            # From 1, for 0 is that of a dead cell.
            keys = np.hstack([keys, 1 + stems.argmax(axis=1, keepdims=True).astype(np.uint64)])
        # An architecture with a dead cell computes nothing, whatever the other cells are.
        keys[(keys == 0).any(axis=1)] = 0
        return [key.tobytes() if key.any() else b"" for key in keys]

    def _path_table(self, points: NDArray[np.float64]) -> PathTable:
        """Follow the paths of all cells of the body, shape (n_points * n_body_types, ...)."""
        space = self.space_
        operated, linked = self._bodies(points)
        # The cell of all potential edges and links has the fixed links last.
        whole = space.make_whole(self.length_).cells[0]
        fixed = np.ones((len(linked), len(whole.links) - linked.shape[1]))
        strides = [slot_strides(space.layout, kind, whole.edges, space.n_inputs) for kind in space.body_types]
        return PathTable(
            operated,
            np.hstack([linked, fixed]),
            whole,
            self._kinds[0].operations,
            np.tile(np.array(strides) > 1, (len(points), 1)),
        )


def _places(things: Sequence[Hashable]) -> dict[Any, int]:
    """Say at which index each thing is.

    Made where it is needed: kept by an encoding, it would be a mapping of tuples, which JSON and skops cannot store.
    """
    return {thing: i for i, thing in enumerate(things)}


def _placements(operations: NDArray[np.float64], allowed: NDArray[np.bool_], n_body: int) -> Iterator[Move]:
    """List the moves of an edge's operation: it becomes another one, or goes to an unused edge of the body."""
    eye = np.eye(operations.shape[2])
    for t, on_edge in enumerate(operations):
        used = on_edge.any(axis=1)
        for i in np.flatnonzero(used).tolist():
            yield from ((t, i, i, row) for row in eye[allowed[t] & (on_edge[i] == 0)])
            if t < n_body:
                yield from ((t, i, j, on_edge[i]) for j in np.flatnonzero(~used).tolist())


def _relinkings(linked: NDArray[np.float64]) -> Iterator[Move]:
    """List the moves that add a link or take it away."""
    yield from ((t, i, i, None) for t in range(len(linked)) for i in range(linked.shape[1]))
