"""The smallest moves between architectures, and the architectures of a small space."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import combinations, product
from math import comb, prod

import numpy as np

from skopdist.architecture import Architecture, Cell, Edge
from skopdist.spaces import CellKind, SearchSpace

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
    kinds = space.kinds(length)
    moves = [
        (t, moved)
        for t, (cell, kind) in enumerate(zip(architecture.cells, kinds, strict=True))
        for moved in _moves(cell, kind)
    ]
    for i in in_order(len(moves), rng):
        t, (placed, joined) = moves[i]
        kind = kinds[t]
        if kind.is_stem or (space.is_wiring(tuple(placed), length) and space.are_links(tuple(joined), length)):
            used = [edge for edge in kind.edges if edge in placed]
            names = [placed[edge] for edge in used]
            linked = [link for link in kind.links if link in joined]
            cell = space.make_stem(*names) if kind.is_stem else space.make_cell(names, used, linked)
            cells = (*architecture.cells[:t], cell, *architecture.cells[t + 1 :])
            yield space.make_architecture(cells)


def _moves(cell: Cell, kind: CellKind) -> Iterator[_Parts]:
    placed = dict(zip(cell.edges, cell.operations, strict=True))
    joined = frozenset(cell.links) & frozenset(kind.links)
    for edge, name in placed.items():
        rest = {other: placed[other] for other in placed if other != edge}
        yield from ((rest | {edge: other}, joined) for other in kind.operations if other != name)
        yield from ((rest | {unused: name}, joined) for unused in kind.edges if unused not in placed)
    yield from ((placed, joined ^ {link}) for link in kind.links)


def n_architectures_at_most(space: SearchSpace, length: int) -> int:
    """Bound the number of architectures from above, by arithmetic alone."""
    return prod(
        comb(len(kind.edges), kind.length) * 2 ** len(kind.links) * len(kind.operations) ** kind.length
        for kind in space.kinds(length)
    )


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
    kinds = space.kinds(length)
    body = kinds[0]
    cells = [
        space.make_cell(
            names, [body.edges[i] for i in used], [link for link, here in zip(body.links, linked, strict=True) if here]
        )
        for used in list_wirings(space, length)
        for names in product(body.operations, repeat=length)
        for linked in list_linkings(space, length)
    ]
    choices = [[space.make_stem(name) for name in kind.operations] if kind.is_stem else cells for kind in kinds]
    yield from (space.make_architecture(chosen) for chosen in product(*choices))
