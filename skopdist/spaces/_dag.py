"""The wiring that the cells of several spaces share: a directed acyclic graph, as dense as its length asks."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from skopdist.architecture import Edge
from skopdist.spaces._base import SearchSpace


class DAGSpace(SearchSpace):
    """Cells on the fewest nodes that hold `length` edges.

    Lengths 1, 3, 6, 10, 15, ... fill the complete graph (6 is the cell of NAS-Bench-201). In between, every node is
    joined to the next one, so that none is cut off, and the remaining edges are drawn at random.
    """

    def _potential_edges(self, length: int) -> tuple[Edge, ...]:
        return _edges(length)

    def _sample_wiring(self, length: int, rng: np.random.Generator) -> tuple[Edge, ...]:
        edges = self._potential_edges(length)
        if len(edges) == length:
            return edges
        others = [i for i, edge in enumerate(edges) if not _joins_next(edge)]
        n_others = length - (len(edges) - len(others))
        kept = set(rng.choice(others, n_others, replace=False).tolist())
        return tuple(edge for i, edge in enumerate(edges) if _joins_next(edge) or i in kept)

    def _is_wiring(self, edges: frozenset[Edge], length: int) -> bool:
        return edges >= {edge for edge in self._potential_edges(length) if _joins_next(edge)}


@lru_cache(maxsize=128)
def _edges(length: int) -> tuple[Edge, ...]:
    n_nodes = 2
    while n_nodes * (n_nodes - 1) // 2 < length:
        n_nodes += 1
    return tuple((source, target) for target in range(1, n_nodes) for source in range(target))


def _joins_next(edge: Edge) -> bool:
    return edge[1] == edge[0] + 1
