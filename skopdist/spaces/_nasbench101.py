"""Cells with operations on their vertices and free wirings, the space of NAS-Bench-101."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache
from math import comb

import numpy as np

from skopdist._scalar import Scalar
from skopdist.architecture import Architecture, Edge
from skopdist.spaces._base import SearchSpace


class NASBench101Space(SearchSpace):
    """Cells for images with operations on the vertices and free wirings: the space of NAS-Bench-101 [1]_ at length 5.

    The operations are the vertices 1, 2, ... of a graph, whose vertex 0 is the input and whose last one is the output.
    Every operation lies on a path from input to output. A vertex sums what comes in, the output concatenates it, and
    what comes from the input goes through a 1x1 convolution. The channels are divided among the vertices that lead to
    the output.

    Parameters
    ----------
    operations : sequence of str or None, default=None
        None takes ``conv1x1-bn-relu``, ``conv3x3-bn-relu`` and ``maxpool3x3``.
    max_edges : int or None, default=None
        The most edges of the graph. None takes ``max(9, length + 4)``: up to length 5 the 9 of the benchmark, and for
        longer cells as many beyond those of a chain as a cell of length 5 may have.
    references : sequence of Architecture or None, default=None
        What :meth:`reference_architectures` returns; None takes those that the space names.
    scalars : sequence of Scalar, default=()
        Numbers that are searched with the operations.

    Notes
    -----
    A :class:`~skopdist.Cell` has its operations on edges. Here the vertex v with an operation is the edge from node
    2v - 1, which sums, to node 2v; an edge of the graph is a link, see :meth:`graph_edges`. Published results are those
    of 9 cells and 128 channels.

    References
    ----------
    .. [1] Ying et al., "NAS-Bench-101: Towards Reproducible Neural Architecture Search", ICML 2019, arXiv 1902.09635,
       section 2.

    Examples
    --------
    >>> from skopdist.spaces import NASBench101Space
    >>> space = NASBench101Space()
    >>> architecture = space.sample(space.uniform(), length=3, random_state=0)
    >>> architecture.operations
    ('maxpool3x3', 'conv1x1-bn-relu', 'conv3x3-bn-relu')
    >>> space.graph_edges(architecture.cells[0].links)
    ((0, 1), (0, 2), (0, 3), (1, 3), (2, 3), (1, 4), (2, 4), (3, 4))
    """

    default_operations = ("conv1x1-bn-relu", "conv3x3-bn-relu", "maxpool3x3")
    default_length = 5
    n_spatial = 2
    layout = "nasbench101"

    def __init__(
        self,
        operations: Sequence[str] | None = None,
        max_edges: int | None = None,
        references: Sequence[Architecture] | None = None,
        scalars: Sequence[Scalar] = (),
    ) -> None:
        super().__init__(operations, references, scalars=scalars)
        self.max_edges = max_edges

    @staticmethod
    def graph_edges(links: Sequence[Edge]) -> tuple[Edge, ...]:
        """Return the edges between vertices that are the links between the nodes of a cell."""
        return tuple((source // 2, (target + 1) // 2) for source, target in links)

    @staticmethod
    def graph_links(edges: Sequence[Edge]) -> tuple[Edge, ...]:
        """Return the links between the nodes of a cell that are the edges between vertices."""
        return tuple((2 * source, 2 * target - 1) for source, target in edges)

    def _potential_edges(self, length: int) -> tuple[Edge, ...]:
        return _edges(length)

    def _potential_links(self, length: int) -> tuple[Edge, ...]:
        return _links(length)

    def _sample_links(self, length: int, rng: np.random.Generator) -> tuple[Edge, ...]:
        n_open, spare = 0, self._n_spare_edges(length)
        free = {0}  # vertices that another vertex may, but need not, follow
        waiting: list[int] = []  # those that one has to
        edges: list[Edge] = []
        for vertex in range(1, length + 2):
            options = list(_options(length, vertex, n_open, spare))
            weights = np.array([float(weight) for *_, weight in options])
            n_from_open, n_from_free, _ = options[rng.choice(len(options), p=weights / weights.sum())]
            from_open = rng.choice(waiting, n_from_open, replace=False).tolist() if n_from_open else []
            from_free = rng.choice(sorted(free), n_from_free, replace=False).tolist() if n_from_free else []
            edges += [(source, vertex) for source in sorted(from_open + from_free)]
            free |= set(from_open)
            waiting = [v for v in waiting if v not in from_open] + [vertex]
            n_open, spare = len(waiting), spare - (n_from_open + n_from_free - 1)
        return self.graph_links(edges)

    def _are_links(self, links: frozenset[Edge], length: int) -> bool:
        edges = self.graph_edges(sorted(links))
        inner = set(range(1, length + 1))
        return (
            inner <= {source for source, _ in edges}
            and inner <= {target for _, target in edges}
            and len(edges) - (length + 1) <= self._n_spare_edges(length)
        )

    def _n_spare_edges(self, length: int) -> int:
        """Count the edges there may be beyond one into each vertex."""
        limit = max(9, length + 4) if self.max_edges is None else self.max_edges
        if limit < length + 1:
            raise ValueError(
                f"max_edges={limit} is too few for a cell of {length} operations, whose chain has {length + 1} edges; "
                "raise max_edges or leave it None."
            )
        return limit - (length + 1)

    def _references(self, length: int) -> Sequence[Architecture]:
        """List a chain of 3x3 convolutions beside a shortcut, the chain alone, and the benchmark's Inception-like cell.

        The last, of five operations, is the example that the authors' own program gives.
        """
        chain = [(vertex, vertex + 1) for vertex in range(length + 1)]
        convolutions = ("conv3x3-bn-relu",) * length
        graphs = [(convolutions, [*chain[:-1], (0, length + 1), chain[-1]]), (convolutions, chain)]
        if length == len(_INCEPTION[0]):
            graphs.append(_INCEPTION)
        cells = [self.make_cell(names, _edges(length), self.graph_links(edges)) for names, edges in graphs]
        return [self.make_architecture([cell]) for cell in cells]


# The operations of its vertices, and the edges: a 5x5 convolution of the original is two of 3x3.
_INCEPTION = (
    ("conv1x1-bn-relu", "conv3x3-bn-relu", "conv3x3-bn-relu", "conv3x3-bn-relu", "maxpool3x3"),
    [(0, 1), (0, 2), (0, 3), (3, 4), (0, 5), (1, 6), (2, 6), (4, 6), (5, 6)],
)


@lru_cache(maxsize=128)
def _edges(length: int) -> tuple[Edge, ...]:
    return tuple((2 * v - 1, 2 * v) for v in range(1, length + 1))


@lru_cache(maxsize=128)
def _links(length: int) -> tuple[Edge, ...]:
    pairs = [(source, target) for target in range(1, length + 2) for source in range(target)]
    return NASBench101Space.graph_links(pairs)


def _options(n: int, vertex: int, n_open: int, spare: int) -> Iterator[tuple[int, int, int]]:
    """List how many edges may come to a vertex, and in how many ways the wiring can then be completed.

    Of the `vertex` vertices before it, `n_open` are followed by none yet. Each item is the number of edges from these,
    the number of edges from the others, and the number of wirings.
    """
    n_others = vertex - n_open
    # All that is still open must lead to the output.
    for n_from_open in range(n_open if vertex == n + 1 else 0, min(n_open, spare + 1) + 1):
        for n_from_others in range(max(0, 1 - n_from_open), min(n_others, spare + 1 - n_from_open) + 1):
            ways = comb(n_open, n_from_open) * comb(n_others, n_from_others)
            rest = _n_wirings(n, vertex + 1, n_open - n_from_open + 1, spare - (n_from_open + n_from_others - 1))
            if rest:
                yield n_from_open, n_from_others, ways * rest


@lru_cache(maxsize=2**16)
def _n_wirings(n: int, vertex: int, n_open: int, spare: int) -> int:
    """Count the ways to wire the vertices from `vertex` on to those before; `n` have operations, and n + 1 is the last.

    This makes uniform sampling possible: drawing edges at random and rejecting what is no wiring finds hardly any.
    """
    if vertex == n + 2:
        return 1
    return sum(weight for *_, weight in _options(n, vertex, n_open, spare))
