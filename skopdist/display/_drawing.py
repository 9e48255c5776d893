"""What pictures on paper and in a notebook share: where the parts of a cell are drawn, and in which colours."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from skopdist.architecture import Cell
from skopdist.distribution import OperationDistribution
from skopdist.operations import get_operation
from skopdist.spaces import STEM

# Told apart on white and on black, and by most of those who are colour-blind (after Okabe and Ito).
PALETTE = (
    "#3b8fd0",
    "#e69f00",
    "#20a884",
    "#d55e00",
    "#cc79a7",
    "#56b4e9",
    "#8c7ae6",
    "#b0a530",
    "#a0703c",
    "#5f9ea0",
    "#e06c75",
    "#6a8f3c",
)
GREY = "#909090"
# With more operations than that their names would cover each other, and colours alone tell them apart; and where names
# would make the picture wider than that.
_MOST_NAMES, _WIDEST = 12, 1000.0
# In points: nodes and the distances between them, the rise of an arc for each node that it spans, and that of a link.
_RADIUS, _SMALL_RADIUS, _STEP, _SMALL_STEP, _RISE, _SMALL_RISE, _LINK_RISE = 12.0, 8.0, 44.0, 34.0, 26.0, 15.0, 13.0
# The most that arcs rise or fall where names need no room.
_HIGHEST, _LOWEST = 150.0, 80.0
# Of a chain, whose arcs span one node each and whose nodes are many.
_CHAIN_NODES, _CHAIN_STEP = 20, 22.0
LETTER, _SPACE_FOR_NAMES, _LONGEST_NAME = 6.2, 34.0, 18


@dataclass(frozen=True)
class Arc:
    """An edge or a link of a drawn cell, a parabola.

    Attributes
    ----------
    start, end : float
        Where it begins and ends on the line of the nodes.
    rise : float
        How high it rises above that line, or, if negative, falls below.
    operation : str
        Empty for a link.
    is_used : bool
        Whether it lies on a path from an input to the output.
    """

    start: float
    end: float
    rise: float
    operation: str
    is_used: bool


@dataclass(frozen=True)
class Drawing:
    """A cell as it is drawn: its nodes on a line from left to right, its operations as arcs above, its links below.

    Lengths are in points, the line of the nodes is at height 0, and upward is positive.

    Attributes
    ----------
    nodes : tuple of (float, str)
        The place and the name of each node.
    arcs : tuple of Arc
    radius : float
        Of a node.
    width, above, below : float
        The size of the picture: to the right of 0, and above and below the line.
    has_names : bool
        Whether there is room for the names of the operations.
    """

    nodes: tuple[tuple[float, str], ...]
    arcs: tuple[Arc, ...]
    radius: float
    width: float
    above: float
    below: float
    has_names: bool

    @classmethod
    def of(cls, cell: Cell) -> Drawing:
        """Lay out a cell.

        Parabolas whose height grows with their span never cover the tops of each other, where the names stand.

        Examples
        --------
        >>> from skopdist import Cell
        >>> drawing = Drawing.of(Cell(["linear_relu", "skip_connect"], [(0, 1), (0, 2)], [(1, 2)]))
        >>> [name for _, name in drawing.nodes], [arc.rise for arc in drawing.arcs]
        (['in', '1', 'out'], [0.0, 52.0, -13.0])
        """
        n = cell.n_nodes
        steps = _named_steps(cell)
        has_names = len(cell.operations) <= _MOST_NAMES and sum(steps) <= _WIDEST
        radius, rise = (_RADIUS, _RISE) if has_names else (_SMALL_RADIUS, _SMALL_RISE)
        if not has_names:
            steps = [_CHAIN_STEP if n > _CHAIN_NODES else _SMALL_STEP] * (n - 1)
        places = [radius + 2 + sum(steps[:i]) for i in range(n)]
        names = ["in" if cell.n_inputs == 1 else f"in{i + 1}" for i in range(cell.n_inputs)]
        names += [str(i) for i in range(cell.n_inputs, n - 1)] + ["out"]
        used = {(used.is_edge, used.row) for used in cell.steps(is_zero)}
        # Only with names do arcs need room between them.
        widest = max([target - source for source, target in cell.edges])
        rise = rise if has_names else min(rise, _HIGHEST / widest)
        fall = min(_LINK_RISE, _LOWEST / max([target - source for source, target in cell.links], default=1))
        arcs = []
        for row, (name, (source, target)) in enumerate(zip(cell.operations, cell.edges, strict=True)):
            # Neighbours are joined by a straight line.
            height = rise * (target - source) if target - source > 1 else 0.0
            arcs.append(Arc(places[source], places[target], height, name, (True, row) in used))
        for row, (source, target) in enumerate(cell.links):
            arcs.append(Arc(places[source], places[target], -fall * (target - source), "", (False, row) in used))
        text = 14.0 if has_names else 4.0
        above = max(radius + 2, text + max([arc.rise for arc in arcs]))
        below = max(radius + 2, 4 - min(arc.rise for arc in arcs))
        return cls(
            tuple(zip(places, names, strict=True)), tuple(arcs), radius, places[-1] + places[0], above, below, has_names
        )


def _named_steps(cell: Cell) -> list[float]:
    """Return the distances from node to node with which the names of operations do not touch each other."""
    wide = max(_STEP, LETTER * max(len(shortened(name)) for name in cell.operations) + _SPACE_FOR_NAMES)
    joined = {source for source, target in cell.edges if target - source == 1}
    is_chain = len(joined) == len(cell.edges)
    return [wide if i in joined or not is_chain else _STEP for i in range(cell.n_nodes - 1)]


def shortened(name: str, n: int = _LONGEST_NAME) -> str:
    """Return a name, with an ellipsis for what is beyond `n` letters."""
    return name if len(name) <= n else name[: n - 1] + "…"


def is_zero(name: str) -> bool:
    """Whether an operation passes nothing on; one that is not registered is taken to pass something."""
    try:
        return get_operation(name).is_zero
    except ValueError:
        return False


def is_stem(name: str) -> bool:
    """Whether an operation stands in the place of a stem."""
    try:
        return get_operation(name).is_stem
    except ValueError:
        return False


def colors_of(operations: Iterable[str]) -> dict[str, str]:
    """Return a colour for each operation, in their order; those that pass nothing on are grey."""
    colors: dict[str, str] = {}
    n = 0
    for name in dict.fromkeys(operations):
        if is_zero(name):
            colors[name] = GREY
        else:
            colors[name] = PALETTE[n % len(PALETTE)]
            n += 1
    return colors


def shown_operations(distribution: OperationDistribution) -> list[list[int]]:
    """Return, for each cell type, the indices of the operations that a picture shows.

    Where some operations are stems, a cell type "stem" has these and the others have the rest; whatever has a
    probability is shown in any case.

    Examples
    --------
    >>> from skopdist import OperationDistribution
    >>> shown_operations(OperationDistribution(["linear_relu", "skip_connect"], [0.5, 0.5]))
    [[0, 1]]
    """
    return [
        [o for o, p in enumerate(row) if own[o] or p > 0]
        for own, row in zip(_own_operations(distribution), distribution.probabilities, strict=True)
    ]


def share_places(distribution: OperationDistribution) -> dict[str, tuple[int, int]]:
    """Return where each probability is, (cell type, operation), by the name of its column in ``search_results_``.

    Examples
    --------
    >>> from skopdist import OperationDistribution
    >>> share_places(OperationDistribution(["linear_relu", "skip_connect"], [0.5, 0.5]))
    {'p_linear_relu': (0, 0), 'p_skip_connect': (0, 1)}
    """
    types = distribution.cell_types
    return {
        ("p_" if len(types) == 1 else f"p_{types[t]}_") + distribution.operations[o]: (t, o)
        for t, own in enumerate(_own_operations(distribution))
        for o, is_own in enumerate(own)
        if is_own
    }


def _own_operations(distribution: OperationDistribution) -> list[list[bool]]:
    """Say for each cell type which operations it may have: a cell has no share of stems, and a stem none of others."""
    stems = [is_stem(name) for name in distribution.operations]
    return [[not any(stems) or stem == (cell_type == STEM) for stem in stems] for cell_type in distribution.cell_types]


def title_of(cell_types: Sequence[str], i: int) -> str:
    """Return the title of the part of a picture that belongs to a cell type; empty where there is only one."""
    return "" if len(cell_types) == 1 else cell_types[i]
