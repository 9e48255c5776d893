"""The paths of many cells at once, by dynamic programming over the nodes: linear in the edges, for any length."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from skopdist.architecture import Edge
from skopdist.operations import is_identity, is_zero


class PathTable:
    """What runs from the inputs to the output of each of n cells.

    Parameters
    ----------
    cells : ndarray of shape (n, n_edges, k)
        For every edge the indicator of its operation; zeros only where the edge is unused.
    edges : sequence of (int, int)
    operations : sequence of str
        The k operation names.
    n_inputs : int
    solid : ndarray of shape (n, n_edges), bool
        Marks the edges at which an identity changes its input, since the network strides or changes width there.
    linked : ndarray of shape (n, n_links)
        For every link the indicator of its use.
    links : sequence of (int, int)

    Attributes
    ----------
    live : ndarray of shape (n, n_edges, k_passing + 1)
        The indicator of each operation that passes something on, of those edges that lie on a path; the last column
        marks all other edges.
    keys : ndarray of shape (n,), uint64
        Equal for cells whose outputs are the same expression in the inputs, weights and the order of what is
        concatenated aside; 0 for a cell with no path that holds an operation.
    """

    def __init__(
        self,
        cells: NDArray[np.float64],
        edges: Sequence[Edge],
        operations: Sequence[str],
        *,
        n_inputs: int,
        solid: NDArray[np.bool_],
        linked: NDArray[np.float64],
        links: Sequence[Edge],
    ) -> None:
        passing = [i for i, name in enumerate(operations) if not is_zero(name)]
        self._names = [operations[i] for i in passing]
        self._n_inputs, self._solid = n_inputs, solid
        self._n_nodes = n_nodes = 1 + max(target for _, target in (*edges, *links))
        # By target, so that a node is complete before anything leaves it.
        steps = [(edge[1], edge[0], i, True) for i, edge in enumerate(edges)]
        self._steps = sorted([*steps, *((link[1], link[0], i, False) for i, link in enumerate(links))])
        open_ = cells[:, :, passing] > 0
        n = len(cells)
        used: NDArray[np.bool_] = np.any(open_, axis=2)
        self._linked = linked > 0
        forward, backward = np.zeros((2, n, n_nodes), dtype=bool)
        forward[:, :n_inputs] = backward[:, -1] = True
        for target, source, i, is_edge in self._steps:
            forward[:, target] |= forward[:, source] & (used if is_edge else self._linked)[:, i]
        for target, source, i, is_edge in reversed(self._steps):
            backward[:, source] |= backward[:, target] & (used if is_edge else self._linked)[:, i]
        on_path = np.stack([forward[:, source] & backward[:, target] for source, target in edges], axis=1)
        self._open = open_ & on_path[:, :, None]
        for i, (source, target) in enumerate(links):
            self._linked[:, i] &= forward[:, source] & backward[:, target]
        self.live = np.concatenate([self._open, ~self._open.any(axis=2, keepdims=True)], axis=2).astype(np.float64)
        self.keys = np.where(self._open.any(axis=(1, 2)), self._hash(n, n_nodes), np.uint64(0))

    def summary(self) -> NDArray[np.float64]:
        """Give the logarithm of the number of paths, what a path holds, and how deep the paths are.

        An operation counts by how often a path holds it, on average and at most. The depth of a path is the number of
        its operations other than identities; that of the deepest and of the shallowest path are given.

        Returns
        -------
        summary : ndarray of shape (n, 3 + 2 * k_passing)
            On the scale of the longest and of the greatest number of paths that the edges allow.
        """
        n, n_nodes, k = len(self._open), self._n_nodes, len(self._names)
        # What adds up along a path: each operation, the depth, and the depth again for the least of it.
        working = np.array([not is_identity(name) for name in self._names], dtype=np.float64)
        counted = np.column_stack([np.eye(k), working, -working])
        number, most = np.zeros((n, n_nodes)), np.full((n, n_nodes, k + 2), -np.inf)
        total = np.zeros((n, n_nodes, k))
        number[:, : self._n_inputs], most[:, : self._n_inputs] = 1.0, 0.0
        possible, longest = np.zeros((2, n_nodes))
        possible[: self._n_inputs] = 1.0
        for target, source, i, is_edge in self._steps:
            possible[target] += possible[source]
            longest[target] = max(longest[target], longest[source] + is_edge)
            # A link holds no operation.
            here = self._open[:, i] if is_edge else np.zeros((n, k), dtype=bool)
            open_ = here.any(axis=1) if is_edge else self._linked[:, i]
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
        identity brings the terms of its source themselves, any other operation brings one new term, and so does a link
        to the output, whose parts are concatenated.
        """
        terms = np.zeros((n, n_nodes), dtype=np.uint64)
        terms[:, : self._n_inputs] = _mix(np.arange(self._n_inputs, dtype=np.uint64), len(self._names))
        for target, source, i, is_edge in self._steps:
            if not is_edge:
                here = self._linked[:, i]
                brought = terms[here, source]
                terms[here, target] += _mix(brought, len(self._names)) if target == n_nodes - 1 else brought
                continue
            for code, name in enumerate(self._names):
                here = self._open[:, i, code]
                brought = terms[here, source]
                usual = brought if is_identity(name) else _mix(brought, code)
                # Where the network strides or changes width, an operation is another one than elsewhere.
                resized = _mix(brought, code + len(self._names) + 1)
                terms[here, target] += np.where(self._solid[here, i], resized, usual)
        return terms[:, -1]


def _mix(values: NDArray[np.uint64], code: int) -> NDArray[np.uint64]:
    """Scramble 64 bits (the finaliser of splitmix64), differently for each operation."""
    # Arrays of unsigned integers wrap around silently, which is wanted here.
    mixed = values * np.uint64(0x9E3779B97F4A7C15) + np.uint64(0xD1B54A32D192ED03 + code)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return mixed ^ (mixed >> np.uint64(31))
