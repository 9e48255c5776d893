"""The smallest moves between architectures, and the architectures of a small space."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import combinations, product
from math import comb

import numpy as np

from skopdist.architecture import Architecture, Cell, Edge
from skopdist.spaces import SearchSpace

# The operation on each edge that is used, and the potential links that are there.
_Parts = tuple[dict[Edge, str], frozenset[Edge]]


def in_order(n: int, rng: np.random.Generator | None) -> Iterable[int]:
    """Return the first n numbers, in order or shuffled by a generator."""
    return range(n) if rng is None else rng.permutation(n).tolist()


def neighbouring_architectures(
    space: SearchSpace, architecture: Architecture, rng: np.random.Generator | None
) -> Iterator[Architecture]:
    """Make the architectures one move away: in a fixed order, or shuffled by a generator.

    A move changes the operation of an edge, carries it to an unused edge, or adds or removes a link.
    """
    length = architecture.length
    edges, links = space.potential_edges(length), space.potential_links(length)
    moves = [
        (t, moved)
        for t, cell in enumerate(architecture.cells)
        for moved in _moves(cell, edges, links, space.operation_names)
    ]
    for i in in_order(len(moves), rng):
        t, (placed, joined) = moves[i]
        if space.is_wiring(tuple(placed), length) and space.are_links(tuple(joined), length):
            used = [edge for edge in edges if edge in placed]
            cell = space.make_cell([placed[edge] for edge in used], used, [link for link in links if link in joined])
            cells = (*architecture.cells[:t], cell, *architecture.cells[t + 1 :])
            yield space.make_architecture(cells)


def _moves(cell: Cell, edges: Iterable[Edge], links: Iterable[Edge], names: Iterable[str]) -> Iterator[_Parts]:
    placed = dict(zip(cell.edges, cell.operations, strict=True))
    joined = frozenset(cell.links) & frozenset(links)
    for edge, name in placed.items():
        rest = {other: placed[other] for other in placed if other != edge}
        yield from ((rest | {edge: other}, joined) for other in names if other != name)
        yield from ((rest | {unused: name}, joined) for unused in edges if unused not in placed)
    yield from ((placed, joined ^ {link}) for link in links)


def n_architectures_at_most(space: SearchSpace, length: int) -> int:
    """Bound the number of architectures from above, by arithmetic alone."""
    n_wirings = comb(len(space.potential_edges(length)), length) * 2 ** len(space.potential_links(length))
    n_cells: int = n_wirings * len(space.operation_names) ** length
    return n_cells ** len(space.cell_types)


def list_wirings(space: SearchSpace, length: int) -> list[tuple[int, ...]]:
    """List the wirings of a small space as positions among the potential edges."""
    edges = space.potential_edges(length)
    return [
        used for used in combinations(range(len(edges)), length) if space.is_wiring([edges[i] for i in used], length)
    ]


def list_linkings(space: SearchSpace, length: int) -> list[tuple[int, ...]]:
    """List the sets of links of a small space as indicators of the potential links."""
    links = space.potential_links(length)
    return [
        used
        for used in product((0, 1), repeat=len(links))
        if space.are_links([link for link, here in zip(links, used, strict=True) if here], length)
    ]


def list_architectures(space: SearchSpace, length: int) -> Iterator[Architecture]:
    """Make all architectures of a small space, one by one."""
    edges, links = space.potential_edges(length), space.potential_links(length)
    cells = [
        space.make_cell(
            names, [edges[i] for i in used], [link for link, here in zip(links, linked, strict=True) if here]
        )
        for used in list_wirings(space, length)
        for names in product(space.operation_names, repeat=length)
        for linked in list_linkings(space, length)
    ]
    yield from (space.make_architecture(chosen) for chosen in product(cells, repeat=len(space.cell_types)))
