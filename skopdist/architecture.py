"""A concrete cell, or one for each cell type: which operation sits on which edge."""

from __future__ import annotations

import json
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from skopdist.networks import Network

Edge = tuple[int, int]


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

    def live_slots(self, is_zero: Callable[[str], bool]) -> tuple[int, ...]:
        """Give the slots that lie on a path from an input to the output.

        Parameters
        ----------
        is_zero : callable
            Says of an operation's name whether the operation passes nothing on.

        Returns
        -------
        slots : tuple of int
            Indices into ``operations``, ascending; empty if the cell has no path with an operation and so is invalid.
        """
        open_slots = [i for i, name in enumerate(self.operations) if not is_zero(name)]
        passing = (*(self.edges[i] for i in open_slots), *self.links)
        forward, backward = set(range(self.n_inputs)), {self.n_nodes - 1}
        for source, target in sorted(passing):
            if source in forward:
                forward.add(target)
        for source, target in sorted(passing, key=lambda edge: edge[::-1], reverse=True):
            if target in backward:
                backward.add(source)
        return tuple(i for i in open_slots if self.edges[i][0] in forward and self.edges[i][1] in backward)


@dataclass(frozen=True)
class Architecture:
    """An immutable, hashable architecture: one :class:`Cell` for each cell type.

    Parameters
    ----------
    cells : sequence of Cell
    cell_types : sequence of str, default=("cell",)
        The name of each cell's type.
    layout : str, default="stack"
        The name of the :class:`~skopdist.networks.Layout` by which a network is made of the cells.

    Raises
    ------
    ValueError
        If the numbers of cells and of cell types differ, or a cell type repeats.

    Examples
    --------
    >>> from skopdist import Architecture, Cell
    >>> cell = Cell(["nor_conv_3x3", "skip_connect", "avg_pool_3x3"], [(0, 1), (0, 2), (1, 2)])
    >>> architecture = Architecture([cell])
    >>> architecture
    Architecture(nor_conv_3x3 0>1 | skip_connect 0>2, avg_pool_3x3 1>2)
    >>> Architecture.from_json(architecture.to_json()) == architecture
    True
    >>> network = architecture.build(input_shape=(1, 8, 8), n_classes=10, channels=8, n_cells=1)
    >>> sum(parameter.numel() for parameter in network.parameters())
    786
    """

    cells: tuple[Cell, ...]
    cell_types: tuple[str, ...] = ("cell",)
    layout: str = "stack"

    def __post_init__(self) -> None:
        cells, types = tuple(self.cells), tuple(str(name) for name in self.cell_types)
        if len(cells) != len(types) or len(set(types)) < len(types) or not cells:
            raise ValueError(
                f"An architecture needs one cell for each of its distinct cell types; got {len(cells)} cells for "
                f"{types}."
            )
        object.__setattr__(self, "cells", cells)
        object.__setattr__(self, "cell_types", types)

    @property
    def operations(self) -> tuple[str, ...]:
        """Operation names in slot order, the cells one after another."""
        return tuple(name for cell in self.cells for name in cell.operations)

    @property
    def length(self) -> int:
        """Number of operations in a cell."""
        return len(self.cells[0].operations)

    def cell(self, cell_type: str) -> Cell:
        """Give the cell of a type."""
        return self.cells[self.cell_types.index(cell_type)]

    def key_in(self, table: Mapping[Any, float]) -> Hashable:
        """Give the key of this architecture in a table, by the operations in slot order or by architectures."""
        operations = self.operations
        # First what is quick to hash; only tables of several wirings have architectures as keys.
        return operations if operations in table else self

    def counts(self, operations: Sequence[str]) -> list[list[int]]:
        """Count how often each of `operations` occurs, one row for each cell type."""
        return [[cell.operations.count(name) for name in operations] for cell in self.cells]

    def build(self, input_shape: Iterable[int], n_classes: int, channels: int = 16, n_cells: int = 3) -> Network:
        """Build the torch module.

        Parameters
        ----------
        input_shape : (features,), (channels, length) or (channels, height, width)
            Shape of one sample.
        n_classes : int
        channels : int, default=16
            Width of the network at its beginning.
        n_cells : int, default=3
            Number of cells in a row; in a chain of layers, how often each layer is repeated.

        Returns
        -------
        network : skopdist.networks.Network
            Maps a batch of shape ``(n, *input_shape)`` to logits of shape ``(n, n_classes)``.

        Raises
        ------
        ValueError
            If an operation is unknown or does not fit the dimensions of `input_shape`.
        """
        # A network is made of architectures, so its module stands above this one and can only be imported late.
        from skopdist.networks._network import Network  # noqa: PLC0415

        return Network(self, tuple(input_shape), n_classes, channels=channels, n_cells=n_cells)

    def to_dict(self) -> dict[str, Any]:
        """Give plain Python data that :meth:`from_dict` turns back into an equal architecture."""
        cells = {
            cell_type: {
                "operations": list(cell.operations),
                "edges": [list(edge) for edge in cell.edges],
                "links": [list(edge) for edge in cell.links],
                "n_inputs": cell.n_inputs,
            }
            for cell_type, cell in zip(self.cell_types, self.cells, strict=True)
        }
        return {"layout": self.layout, "cells": cells}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """Make the architecture that :meth:`to_dict` described."""
        cells = [
            Cell(tuple(c["operations"]), _pairs(c["edges"]), _pairs(c["links"]), c["n_inputs"])
            for c in data["cells"].values()
        ]
        return cls(tuple(cells), tuple(data["cells"]), data["layout"])

    def to_json(self) -> str:
        """Give JSON text that :meth:`from_json` turns back into an equal architecture."""
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
        if len(texts) == 1:
            return texts[0]
        return "; ".join(f"{kind}: {text}" for kind, text in zip(self.cell_types, texts, strict=True))

    def __repr__(self) -> str:
        return f"Architecture({self})"


def _pairs(edges: Iterable[Sequence[int]]) -> tuple[Edge, ...]:
    return tuple((source, target) for source, target in edges)
