"""The matrices and lists of operations of NAS-Bench-101."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from skopdist.architecture import Architecture
from skopdist.formats._checks import check_operation, check_writable
from skopdist.spaces import NASBench101Space


def read_nasbench101(matrix: ArrayLike, operations: Sequence[str]) -> Architecture:
    """Read an adjacency matrix and the operations of its vertices, as in NAS-Bench-101 [1]_.

    Parameters
    ----------
    matrix : array-like of shape (n_vertices, n_vertices)
        1 where an edge runs from the vertex of the row to that of the column, 0 elsewhere; upper triangular.
    operations : sequence of str
        One for each vertex; the first one is "input" and the last one "output".

    Returns
    -------
    architecture : Architecture
        Of :class:`~skopdist.spaces.NASBench101Space`. As in the benchmark, vertices on no path from the input to the
        output are left out.

    Raises
    ------
    ValueError
        If the arguments are no such graph. The message names the entry or the vertex that is wrong: an unknown
        operation, an edge from a later vertex, a missing vertex.

    See Also
    --------
    write_nasbench101 : Write an architecture in this notation.

    References
    ----------
    .. [1] Ying et al., "NAS-Bench-101: Towards Reproducible Neural Architecture Search", ICML 2019, arXiv 1902.09635.

    Examples
    --------
    >>> from skopdist.formats import read_nasbench101, write_nasbench101
    >>> architecture = read_nasbench101([[0, 1, 1], [0, 0, 1], [0, 0, 0]], ["input", "maxpool3x3", "output"])
    >>> architecture.operations
    ('maxpool3x3',)
    >>> write_nasbench101(architecture)
    (array([[0, 1, 1],
           [0, 0, 1],
           [0, 0, 0]]), ['input', 'maxpool3x3', 'output'])
    """
    table, names = np.asarray(matrix), list(operations)
    n = len(names)
    if table.shape != (n, n) or n < 2:
        raise ValueError(
            "The matrix must be square, with one row for each operation, input and output included; got the shape "
            f"{table.shape} and {n} operations."
        )
    for row, column in np.argwhere((table != 0) & (table != 1)).tolist():
        raise ValueError(f"Entry ({row}, {column}) of the matrix must be 0 or 1, got {table[row, column]!r}.")
    for row, column in np.argwhere(np.tril(table)).tolist():
        raise ValueError(
            f"Entry ({row}, {column}) of the matrix is an edge from vertex {row} to vertex {column}, which is no later "
            "one; the matrix must be upper triangular."
        )
    for vertex, expected in ((0, "input"), (n - 1, "output")):
        if names[vertex] != expected:
            raise ValueError(f"Vertex {vertex} must be the {expected!r}, got {names[vertex]!r}.")
    for vertex in range(1, n - 1):
        check_operation(names[vertex], f"Vertex {vertex}")
    kept = _on_paths(table.astype(bool))
    if len(kept) < 3:
        raise ValueError(
            "No operation lies on a path from the input to the output: vertices are missing, or edges between them; "
            f"got the edges {[tuple(edge) for edge in np.argwhere(table).tolist()]}."
        )
    edges = [(kept.index(a), kept.index(b)) for a, b in np.argwhere(table).tolist() if a in kept and b in kept]
    space, length = NASBench101Space(), len(kept) - 2
    links = space.graph_links(sorted(edges, key=lambda edge: edge[::-1]))
    cell = space.make_cell([names[vertex] for vertex in kept[1:-1]], space.potential_edges(length), links)
    return space.make_architecture([cell])


def write_nasbench101(architecture: Architecture) -> tuple[NDArray[np.int64], list[str]]:
    """Write the matrix and the operations that :func:`read_nasbench101` reads.

    Raises
    ------
    ValueError
        If the architecture is not one of :class:`~skopdist.spaces.NASBench101Space`.
    """
    # Any number of edges can be written.
    n = architecture.length
    space = NASBench101Space(max_edges=(n + 1) * (n + 2) // 2)
    check_writable(architecture, space, "A matrix of NAS-Bench-101")
    matrix = np.zeros((n + 2, n + 2), dtype=np.int64)
    for source, target in space.graph_edges(architecture.cells[0].links):
        matrix[source, target] = 1
    return matrix, ["input", *architecture.operations, "output"]


def _on_paths(edges: NDArray[np.bool_]) -> list[int]:
    """Return the vertices on a path from the first to the last one, if there is a path."""
    n = len(edges)
    forward, backward = np.zeros((2, n), dtype=bool)
    forward[0] = backward[-1] = True
    for vertex in range(1, n):
        forward[vertex] = (forward & edges[:, vertex]).any()
    for vertex in range(n - 2, -1, -1):
        backward[vertex] = (backward & edges[vertex]).any()
    kept: list[int] = np.flatnonzero(forward & backward).tolist()
    return kept
