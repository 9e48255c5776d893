"""The paths of many cells at once, by dynamic programming over the nodes: linear in the edges, for any length."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from skopdist.architecture import Edge
from skopdist.operations import is_identity, is_zero


class PathTable:
    """What runs from the input to the output of each of n cells.

    Parameters
    ----------
    cells : ndarray of shape (n, n_edges, k)
        For every edge the indicator of its operation; zeros only where the edge is unused.
    edges : sequence of (int, int)
        Sorted by target, so that a node is complete before an edge leaves it.
    operations : sequence of str
        The k operation names.

    Attributes
    ----------
    live : ndarray of shape (n, n_edges, k_passing + 1)
        The indicator of each operation that passes something on, of those edges that lie on a path; the last column
        marks all other edges.
    keys : ndarray of shape (n,), uint64
        Equal for cells whose outputs are the same expression in the input, weights aside; 0 for a cell with no path.
    """

    def __init__(self, cells: NDArray[np.float64], edges: Sequence[Edge], operations: Sequence[str]) -> None:
        passing = [i for i, name in enumerate(operations) if not is_zero(name)]
        self._edges = edges
        self._names = [operations[i] for i in passing]
        open_ = cells[:, :, passing] > 0
        n, n_nodes = len(cells), 1 + max(target for _, target in edges)
        used: NDArray[np.bool_] = np.any(open_, axis=2)
        forward, backward = np.zeros((2, n, n_nodes), dtype=bool)
        forward[:, 0] = backward[:, -1] = True
        for i, (source, target) in enumerate(edges):
            forward[:, target] |= forward[:, source] & used[:, i]
        for i, (source, target) in sorted(enumerate(edges), key=lambda item: -item[1][1]):
            backward[:, source] |= backward[:, target] & used[:, i]
        on_path = np.stack([forward[:, source] & backward[:, target] for source, target in edges], axis=1)
        self._open = open_ & on_path[:, :, None]
        self.live = np.concatenate([self._open, ~self._open.any(axis=2, keepdims=True)], axis=2).astype(np.float64)
        self.keys = self._hash(n, n_nodes)

    def summary(self) -> NDArray[np.float64]:
        """Give the logarithm of the number of paths, what a path holds, and how deep the paths are.

        An operation counts by how often a path holds it, on average and at most. The depth of a path is the number of
        its operations other than identities; that of the deepest and of the shallowest path are given.

        Returns
        -------
        summary : ndarray of shape (n, 3 + 2 * k_passing)
            On the scale of the longest and of the greatest number of paths that the edges allow.
        """
        n, n_nodes, k = len(self._open), 1 + max(target for _, target in self._edges), len(self._names)
        # What adds up along a path: each operation, the depth, and the depth again for the least of it.
        working = np.array([not is_identity(name) for name in self._names], dtype=np.float64)
        counted = np.column_stack([np.eye(k), working, -working])
        number, most = np.zeros((n, n_nodes)), np.full((n, n_nodes, k + 2), -np.inf)
        total = np.zeros((n, n_nodes, k))
        number[:, 0], most[:, 0] = 1.0, 0.0
        possible, longest = np.eye(1, n_nodes)[0], np.zeros(n_nodes)
        for i, (source, target) in enumerate(self._edges):
            possible[target] += possible[source]
            longest[target] = max(longest[target], longest[source] + 1)
            here = self._open[:, i]
            open_ = here.any(axis=1)
            number[open_, target] += number[open_, source]
            total[open_, target] += total[open_, source] + number[open_, source, None] * here[open_]
            most[open_, target] = np.maximum(most[open_, target], most[open_, source] + here[open_] @ counted)
        number, total = number[:, -1], total[:, -1]
        mean = total / np.maximum(number, 1.0)[:, None]
        return np.column_stack(
            [
                np.log1p(number) / np.log1p(possible[-1]),
                mean / longest[-1],
                np.where(np.isfinite(most[:, -1]), np.abs(most[:, -1]), 0.0) / longest[-1],
            ]
        )

    def _hash(self, n: int, n_nodes: int) -> NDArray[np.uint64]:
        """Hash the expression of the output node.

        A node is the sum of what its edges bring, so its hash is a sum, which no order of the terms can change. An
        identity brings the terms of its source themselves, any other operation brings one new term.
        """
        terms = np.zeros((n, n_nodes), dtype=np.uint64)
        terms[:, 0] = 1
        for i, (source, target) in enumerate(self._edges):
            for code, name in enumerate(self._names):
                here = self._open[:, i, code]
                brought = terms[here, source]
                terms[here, target] += brought if is_identity(name) else _mix(brought, code)
        return terms[:, -1]


def _mix(values: NDArray[np.uint64], code: int) -> NDArray[np.uint64]:
    """Scramble 64 bits (the finaliser of splitmix64), differently for each operation."""
    # Arrays of unsigned integers wrap around silently, which is wanted here.
    mixed = values * np.uint64(0x9E3779B97F4A7C15) + np.uint64(0xD1B54A32D192ED03 + code)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return mixed ^ (mixed >> np.uint64(31))
