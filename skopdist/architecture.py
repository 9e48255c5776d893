"""Concrete cells and architectures: which operation sits on which edge, and in which order cells are computed.

Whoever computes a cell, counts what it costs or follows its paths takes its :class:`Step` tuples in the order of
:func:`ordered_steps`, and asks :func:`on_paths` which of them matter.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple, Self

Edge = tuple[int, int]


class Step(NamedTuple):
    """One edge or link of a cell; steps sort in the order in which they are computed.

    Attributes
    ----------
    target, source : int
        The nodes that the step leads to and comes from.
    is_edge : bool
        Whether an operation sits on it, or it is a link.
    row : int
        Its place among the edges, or among the links.
    """

    target: int
    source: int
    is_edge: bool
    row: int


@lru_cache(maxsize=1024)
def ordered_steps(edges: tuple[Edge, ...], links: tuple[Edge, ...] = ()) -> tuple[Step, ...]:
    """Sort edges and links by target, then source: a node is complete before anything leaves it."""
    steps = [Step(target, source, True, i) for i, (source, target) in enumerate(edges)]
    steps += [Step(target, source, False, i) for i, (source, target) in enumerate(links)]
    return tuple(sorted(steps))


def on_paths(steps: Sequence[Step], is_open: Sequence[Any], n_inputs: int) -> list[Any]:
    """Find out which steps lie on a path from an input to the output, the last node.

    Parameters
    ----------
    steps : sequence of Step
        All steps of a cell, in order.
    is_open : sequence of bool, or of ndarray of bool
        Whether something passes each of the steps. With arrays, many cells are answered at once, element by element.
    n_inputs : int

    Returns
    -------
    alive : list of bool, or of ndarray of bool
        For each step.
    """
    n_nodes = 1 + max(step.target for step in steps)
    forward: list[Any] = [node < n_inputs for node in range(n_nodes)]
    backward: list[Any] = [node == n_nodes - 1 for node in range(n_nodes)]
    for step, passes in zip(steps, is_open, strict=True):
        forward[step.target] = forward[step.target] | (passes & forward[step.source])
    for step, passes in zip(reversed(steps), reversed(is_open), strict=True):
        backward[step.source] = backward[step.source] | (passes & backward[step.target])
    return [passes & forward[step.source] & backward[step.target] for step, passes in zip(steps, is_open, strict=True)]


@dataclass(frozen=True)
class Cell:
    """A directed acyclic graph whose edges carry operations; a node is the sum of what comes in.

    The first nodes are the inputs, one in most spaces, and the last node is the output. Beside its edges a cell may
    have links, which pass a node on as it is; what links bring to the output is concatenated instead of summed.

    Parameters
    ----------
    operations : sequence of str
        The operation on each edge; their number is the length of the cell.
    edges : sequence of (int, int)
        The (source, target) nodes of each edge, with ``0 <= source < target``.
    links : sequence of (int, int), default=()
        The (source, target) nodes of each link.
    n_inputs : int, default=1
        Number of inputs, the nodes that nothing leads to.

    Raises
    ------
    ValueError
        If there is no operation, operations and edges differ in number, an edge repeats, runs backwards or leads to an
        input.
    """

    operations: tuple[str, ...]
    edges: tuple[Edge, ...]
    links: tuple[Edge, ...] = ()
    n_inputs: int = 1

    def __post_init__(self) -> None:
        operations = tuple(str(name) for name in self.operations)
        edges = tuple((int(source), int(target)) for source, target in self.edges)
        links = tuple((int(source), int(target)) for source, target in self.links)
        if not operations or len(operations) != len(edges):
            raise ValueError(
                f"A cell needs one edge for each operation and at least one; got {len(operations)} operations "
                f"and {len(edges)} edges."
            )
        for what, pairs in (("edges", edges), ("links", links)):
            if len(set(pairs)) < len(pairs):
                raise ValueError(f"The {what} of a cell must be distinct, got {pairs}.")
        for source, target in (*edges, *links):
            if not 0 <= source < target:
                raise ValueError(
                    f"An edge must run from an earlier node to a later one, got {(source, target)} in {edges + links}."
                )
            if target < self.n_inputs:
                raise ValueError(
                    f"Nothing may lead to one of the {self.n_inputs} inputs of a cell, got {(source, target)}."
                )
        object.__setattr__(self, "operations", operations)
        object.__setattr__(self, "edges", edges)
        object.__setattr__(self, "links", links)

    @property
    def n_nodes(self) -> int:
        """Number of nodes, the inputs and the output included."""
        return 1 + max(target for _, target in (*self.edges, *self.links))

    def steps(self, is_zero: Callable[[str], bool] | None = None) -> tuple[Step, ...]:
        """List the edges and links that lie on a path from an input to the output, in the order of computation.

        Parameters
        ----------
        is_zero : callable ``name -> bool`` or None, default=None
            Whether the named operation passes nothing on, so that no path leads through it; None takes all operations
            for ones that do.

        Returns
        -------
        steps : tuple of Step
        """
        steps = ordered_steps(self.edges, self.links)
        passes = [not step.is_edge or is_zero is None or not is_zero(self.operations[step.row]) for step in steps]
        alive = on_paths(steps, passes, self.n_inputs)
        return tuple(step for step, is_alive in zip(steps, alive, strict=True) if is_alive)

    def live_slots(self, is_zero: Callable[[str], bool]) -> tuple[int, ...]:
        """List the slots that lie on a path from an input to the output.

        Parameters
        ----------
        is_zero : callable ``name -> bool``
            Whether the named operation passes nothing on.

        Returns
        -------
        slots : tuple of int
            Indices into ``operations``, ascending; empty if no path holds an operation, so that the cell is invalid.
        """
        return tuple(sorted(step.row for step in self.steps(is_zero) if step.is_edge))


@dataclass(frozen=True)
class Architecture:
    """An immutable, hashable architecture: one :class:`Cell` for each cell type.

    Parameters
    ----------
    cells : sequence of Cell
    cell_types : sequence of str, default=("cell",)
        The name of each cell's type.
    layout : str, default="stack"
        The layout by which :class:`~skopdist.networks.Network` makes a network of the cells: "stack",
        "halved_stack", "darts", "nasbench101" or "chain".
    settings : mapping of str to float, or sequence of (str, float), default=()
        Numbers that were chosen with the cells, such as a width or a learning rate: they take the place of those of who
        trains the network. Afterwards a tuple of pairs, in the order of their names. See :class:`~skopdist.Scalar`.

    Raises
    ------
    ValueError
        If the numbers of cells and of cell types differ, a cell type repeats, or a setting is not finite.

    See Also
    --------
    skopdist.networks.Network : The torch module of an architecture.

    Examples
    --------
    >>> from skopdist import Architecture, Cell
    >>> cell = Cell(["nor_conv_3x3", "skip_connect", "avg_pool_3x3"], [(0, 1), (0, 2), (1, 2)])
    >>> architecture = Architecture([cell])
    >>> architecture
    Architecture(nor_conv_3x3 0>1 | skip_connect 0>2, avg_pool_3x3 1>2)
    >>> Architecture.from_json(architecture.to_json()) == architecture
    True
    """

    cells: tuple[Cell, ...]
    cell_types: tuple[str, ...] = ("cell",)
    layout: str = "stack"
    settings: tuple[tuple[str, float], ...] = ()

    def __post_init__(self) -> None:
        cells, types = tuple(self.cells), tuple(str(name) for name in self.cell_types)
        if len(cells) != len(types) or len(set(types)) < len(types) or not cells:
            raise ValueError(
                f"An architecture needs one cell for each of its distinct cell types; got {len(cells)} cells for "
                f"{types}."
            )
        object.__setattr__(self, "cells", cells)
        object.__setattr__(self, "cell_types", types)
        settings = tuple(sorted((str(name), value) for name, value in dict(self.settings).items()))
        if not all(math.isfinite(value) for _, value in settings):
            raise ValueError(f"The settings of an architecture must be finite numbers, got {settings}.")
        object.__setattr__(self, "settings", settings)

    @property
    def operations(self) -> tuple[str, ...]:
        """Operation names in slot order, the cells one after another."""
        return tuple(name for cell in self.cells for name in cell.operations)

    @property
    def length(self) -> int:
        """Number of operations in a cell; the stem, which is among ``operations``, does not count."""
        return len(self.cells[0].operations)

    def cell(self, cell_type: str) -> Cell:
        """Return the cell of a type."""
        return self.cells[self.cell_types.index(cell_type)]

    def key_in(self, table: Mapping[Any, float]) -> Hashable:
        """Return the key under which a table holds this architecture: its operations in slot order, or itself."""
        operations = self.operations
        # First what is quick to hash; only tables of several wirings have architectures as keys.
        return operations if operations in table else self

    def counts(self, operations: Sequence[str]) -> list[list[int]]:
        """Count how often each of `operations` occurs, one row for each cell type."""
        return [[cell.operations.count(name) for name in operations] for cell in self.cells]

    def to_dict(self) -> dict[str, Any]:
        """Return plain Python data that :meth:`from_dict` turns back into an equal architecture."""
        cells = {
            cell_type: {
                "operations": list(cell.operations),
                "edges": [list(edge) for edge in cell.edges],
                "links": [list(edge) for edge in cell.links],
                "n_inputs": cell.n_inputs,
            }
            for cell_type, cell in zip(self.cell_types, self.cells, strict=True)
        }
        data = {"layout": self.layout, "cells": cells}
        return data | {"settings": dict(self.settings)} if self.settings else data

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """Make the architecture that :meth:`to_dict` described."""
        cells = [
            Cell(tuple(c["operations"]), _pairs(c["edges"]), _pairs(c["links"]), c["n_inputs"])
            for c in data["cells"].values()
        ]
        settings = tuple(data.get("settings", {}).items())
        return cls(tuple(cells), tuple(data["cells"]), data["layout"], settings)

    def to_json(self) -> str:
        """Return JSON text that :meth:`from_json` turns back into an equal architecture."""
        return json.dumps(self.to_dict())

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Read the architecture that :meth:`to_json` wrote."""
        return cls.from_dict(json.loads(text))

    def __str__(self) -> str:
        texts = []
        for cell in self.cells:
            nodes: dict[int, list[str]] = {}
            for name, (source, target) in zip(cell.operations, cell.edges, strict=True):
                nodes.setdefault(target, []).append(f"{name} {source}>{target}")
            links = ["links " + ", ".join(f"{source}>{target}" for source, target in cell.links)] if cell.links else []
            texts.append(" | ".join([*(", ".join(nodes[target]) for target in sorted(nodes)), *links]))
        if len(texts) > 1:
            texts = [f"{kind}: {text}" for kind, text in zip(self.cell_types, texts, strict=True)]
        return "; ".join([*texts, *(f"{name}={value!r}" for name, value in self.settings)])

    def __repr__(self) -> str:
        return f"Architecture({self})"


def _pairs(edges: Iterable[Sequence[int]]) -> tuple[Edge, ...]:
    return tuple((source, target) for source, target in edges)
