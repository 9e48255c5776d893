"""The paths of many cells at once, by dynamic programming over the nodes: linear in the edges, for any length."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from skopdist.architecture import Cell, on_paths, ordered_steps
from skopdist.operations import is_identity, is_zero


class PathTable:
    """The paths from the inputs to the output of each of n cells.

    Parameters
    ----------
    operated : ndarray of shape (n, n_edges, k)
        For every edge the indicator of its operation; zeros only where the edge is unused.
    linked : ndarray of shape (n, n_links)
        For every link the indicator of its use.
    whole : Cell
        The edges, links and inputs that the columns stand for; its operations have no meaning.
    operations : sequence of str
        The k operation names.
    resizing : ndarray of shape (n, n_edges), bool
        Marks the edges at which the network strides or changes the width, where an identity changes its input.

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
        operated: NDArray[np.float64],
        linked: NDArray[np.float64],
        whole: Cell,
        operations: Sequence[str],
        resizing: NDArray[np.bool_],
    ) -> None:
        passing = [i for i, name in enumerate(operations) if not is_zero(name)]
        self._names = [operations[i] for i in passing]
        self._n_inputs, self._n_nodes, self._resizing = whole.n_inputs, whole.n_nodes, resizing
        self._steps = ordered_steps(whole.edges, whole.links)
        self._open, self._linked = operated[:, :, passing] > 0, linked > 0
        used: NDArray[np.bool_] = np.any(self._open, axis=2)
        is_open = [(used if step.is_edge else self._linked)[:, step.row] for step in self._steps]
        for step, alive in zip(self._steps, on_paths(self._steps, is_open, whole.n_inputs), strict=True):
            if step.is_edge:
                self._open[:, step.row] &= alive[:, None]
            else:
                self._linked[:, step.row] = alive
        self.live = np.concatenate([self._open, ~self._open.any(axis=2, keepdims=True)], axis=2).astype(np.float64)
        self.keys = np.where(self._open.any(axis=(1, 2)), self._hash(), np.uint64(0))

    def summary(self) -> NDArray[np.float64]:
        """Count the paths, the operations that a path holds, and the depth of the paths.

        The first column is the logarithm of the number of paths. For each operation follows how often a path holds it
        on average, and for each how often at most. The depth of a path is the number of its operations other than
        identities; the last two columns are the depths of the deepest and of the shallowest path.

        Returns
        -------
        summary : ndarray of shape (n, 3 + 2 * k_passing)
            On the scale of the longest and of the greatest number of paths that the edges allow.
        """
        n, n_nodes, k = len(self._open), self._n_nodes, len(self._names)
        # These add up along a path: each operation, the depth, and the depth again, negative, for its minimum.
        working = np.array([not is_identity(name) for name in self._names], dtype=np.float64)
        counted = np.column_stack([np.eye(k), working, -working])
        number, most = np.zeros((n, n_nodes)), np.full((n, n_nodes, k + 2), -np.inf)
        total = np.zeros((n, n_nodes, k))
        number[:, : self._n_inputs], most[:, : self._n_inputs] = 1.0, 0.0
        possible, longest = np.zeros((2, n_nodes))
        possible[: self._n_inputs] = 1.0
        for target, source, is_edge, i in self._steps:
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

    def _hash(self) -> NDArray[np.uint64]:
        """Hash the expression of the output node, for all cells.

        A node is the sum of what its edges bring, so its hash is a sum, which no order of the terms can change. An
        identity brings the terms of its source themselves, any other operation brings one new term, and so does a link
        to the output, whose parts are concatenated.
        """
        terms = np.zeros((len(self._open), self._n_nodes), dtype=np.uint64)
        terms[:, : self._n_inputs] = _mix(np.arange(self._n_inputs, dtype=np.uint64), len(self._names))
        for target, source, is_edge, i in self._steps:
            if not is_edge:
                here = self._linked[:, i]
                brought = terms[here, source]
                terms[here, target] += _mix(brought, len(self._names)) if target == self._n_nodes - 1 else brought
                continue
            for code, name in enumerate(self._names):
                here = self._open[:, i, code]
                brought = terms[here, source]
                usual = brought if is_identity(name) else _mix(brought, code)
                # Where the network strides or changes width, an operation is another one than elsewhere.
                resized = _mix(brought, code + len(self._names) + 1)
                terms[here, target] += np.where(self._resizing[here, i], resized, usual)
        return terms[:, -1]


def _mix(values: NDArray[np.uint64], code: int) -> NDArray[np.uint64]:
    """Scramble 64 bits (the finaliser of splitmix64), differently for each operation."""
    # Arrays of unsigned integers wrap around silently, which is wanted here.
    mixed = values * np.uint64(0x9E3779B97F4A7C15) + np.uint64(0xD1B54A32D192ED03 + code)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return mixed ^ (mixed >> np.uint64(31))
