"""The wiring that the cells of several spaces share: a directed acyclic graph, as dense as its length asks."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import ClassVar

import numpy as np

from skopdist.architecture import Architecture, Edge
from skopdist.spaces._base import SearchSpace


class DAGSpace(SearchSpace):
    """Cells on the fewest nodes that hold `length` edges.

    Lengths 1, 3, 6, 10, 15, ... fill the complete graph (6 is the cell of NAS-Bench-201). In between, every node is
    joined to the next one, so that none is cut off, and the remaining edges are drawn at random.

    Attributes
    ----------
    strongest_operation : str
        What the reference architectures are made of.
    """

    strongest_operation: ClassVar[str]

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

    def _references(self, length: int) -> Sequence[Architecture]:
        """List cells of the strongest operation: all of it beside a shortcut, a chain of it beside one, nothing but it.

        Of the cells of NAS-Bench-201 (arXiv 2001.00326, CIFAR-100, test accuracy after 200 epochs) the first is the
        best of all, 73.5 %; the second is the benchmark's residual block, 70.9 %, and the third has 71.1 %. On
        ImageNet16-120 they have 46.3, 44.2 and 41.4 %. Where there are stems, these are the first cell with each of
        the first stems instead.
        """
        edges = self._reference_wiring(length)
        last = edges[-1][1]
        shortcut = (0, last)
        strong = dict.fromkeys(edges, self.strongest_operation)
        choices = [strong]
        # A cell of a single edge would be nothing but its shortcut.
        if last > 1 and shortcut in strong:
            beside = {edge: "skip_connect" if edge == shortcut else name for edge, name in strong.items()}
            residual = {edge: name if _joins_next(edge) else "none" for edge, name in strong.items()}
            residual |= dict.fromkeys([shortcut, (last - 1, last)], "skip_connect")
            choices = [beside, residual, strong]
        cells = [self.make_cell(list(choice.values()), edges) for choice in choices]
        stems = self._stem_operations
        if stems:
            return [self.make_architecture([cells[0], self.make_stem(name)]) for name in stems]
        return [self.make_architecture([cell]) for cell in cells]

    def _reference_wiring(self, length: int) -> tuple[Edge, ...]:
        """Return the edges that join each node to the next, the one from input to output, and then the first others."""
        edges = self._potential_edges(length)
        shortcut = (0, edges[-1][1])
        kept = set(sorted(edges, key=lambda edge: (not _joins_next(edge), edge != shortcut))[:length])
        return tuple(edge for edge in edges if edge in kept)


@lru_cache(maxsize=128)
def _edges(length: int) -> tuple[Edge, ...]:
    n_nodes = 2
    while n_nodes * (n_nodes - 1) // 2 < length:
        n_nodes += 1
    return tuple((source, target) for target in range(1, n_nodes) for source in range(target))


def _joins_next(edge: Edge) -> bool:
    return edge[1] == edge[0] + 1
