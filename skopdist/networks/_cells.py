"""The torch module of a cell."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import cast

import torch
from torch import Tensor, nn

from skopdist.architecture import Cell
from skopdist.operations import OperationSize, get_operation, is_zero

# What stands at a slot of a cell: (cell type, slot, name of the operation, size) -> module.
MakeOperation = Callable[[str, int, str, OperationSize], nn.Module]


def make_operation(cell_type: str, slot: int, name: str, size: OperationSize) -> nn.Module:
    """Make the registered operation of a name, the same at every slot."""
    return get_operation(name).make(size)


def repeated(size: OperationSize, n: int) -> list[OperationSize]:
    """Give the sizes of n operations in a row, of which only the first one strides or changes the width."""
    return [size, *[OperationSize(size.channels_out, size.channels_out)] * (n - 1)]


def node_widths(cell: Cell, sizes: Sequence[OperationSize]) -> dict[int, int]:
    """Give the channels of each node to which an edge leads."""
    return {target: size.channels_out for (_, target), size in zip(cell.edges, sizes, strict=True)}


def concatenated(cell: Cell, sizes: Sequence[OperationSize]) -> dict[int, int]:
    """Give the parts of the output that are concatenated: their channels, by the node that each comes from."""
    widths, output = node_widths(cell, sizes), cell.n_nodes - 1
    return {
        source: widths[source]
        for source, target in cell.links
        if target == output and source >= cell.n_inputs and source in widths
    }


def cell_width(cell: Cell, sizes: Sequence[OperationSize]) -> int:
    """Give the channels of a cell's output."""
    parts = concatenated(cell, sizes)
    return sum(parts.values()) if parts else node_widths(cell, sizes)[cell.n_nodes - 1]


class CellModule(nn.Module):
    """The torch module of a :class:`~skopdist.Cell`: a node is the sum of what comes in.

    Links from other nodes to the output are concatenated, and links from an input to it are added to all of that.
    Edges on no path from an input to the output keep their parameters, as published parameter counts include them,
    but are not computed.

    Parameters
    ----------
    cell : Cell
    sizes : sequence of OperationSize
        For each slot.
    cell_type : str, default="cell"
    inputs : sequence of nn.Module or None, default=None
        What each input goes through first; None leaves them as they are.
    links : sequence of nn.Module or None, default=None
        What each link goes through; None leaves all as they are.
    repeats : int, default=1
        How often the operation of a slot stands there in a row; only the first one strides or changes the width.
    make_operation : callable ``(cell type, slot, name, OperationSize) -> nn.Module``, default=make_operation
    drop_path : float, default=0.0
        The probability with which an operation's result is dropped while training, sample by sample.

    Attributes
    ----------
    n_inputs : int
    width : int
        Channels of the output.
    """

    def __init__(
        self,
        cell: Cell,
        sizes: Sequence[OperationSize],
        cell_type: str = "cell",
        *,
        inputs: Sequence[nn.Module] | None = None,
        links: Sequence[nn.Module] | None = None,
        repeats: int = 1,
        make_operation: MakeOperation = make_operation,
        drop_path: float = 0.0,
    ) -> None:
        super().__init__()
        self.n_inputs, self.output = cell.n_inputs, cell.n_nodes - 1
        self.inputs = nn.ModuleList([nn.Identity()] * cell.n_inputs if inputs is None else inputs)
        self.operations = nn.ModuleList()
        for slot, (name, size) in enumerate(zip(cell.operations, sizes, strict=True)):
            made = [make_operation(cell_type, slot, name, s) for s in repeated(size, repeats)]
            self.operations.append(made[0] if repeats == 1 else nn.Sequential(*made))
        self.links = nn.ModuleList([nn.Identity()] * len(cell.links) if links is None else links)
        self.drop_path = drop_path
        self.parts = concatenated(cell, sizes)
        self.width = cell_width(cell, sizes)
        # Where nothing passes, the zeros have to be computed for their shape.
        slots = cell.live_slots(is_zero) or tuple(range(len(cell.operations)))
        # (target, source), the table and the row of the module, which may yet be replaced there.
        steps = [(cell.edges[slot][::-1], "operations", slot) for slot in slots]
        steps += [(link[::-1], "links", i) for i, link in enumerate(cell.links)]
        self.steps = sorted(steps)

    def forward(self, *previous: Tensor) -> Tensor:
        """Map n_inputs batches of shape (n, channels, ...) to one of shape (n, width, ...)."""
        nodes = {i: module(x) for i, (module, x) in enumerate(zip(self.inputs, previous, strict=True))}
        parts: dict[int, Tensor] = {}
        for (target, source), table, row in self.steps:
            if source not in nodes:
                continue
            module = getattr(self, table)[row]
            value = module(nodes[source])  # (n, channels_out, ...)
            if target == self.output and source in self.parts:
                parts[source] = value
                continue
            if self.training and self.drop_path and not isinstance(module, nn.Identity):
                value = _drop_path(value, self.drop_path)
            nodes[target] = nodes[target] + value if target in nodes else value
        if not parts:
            # By hand one can wire a cell whose output no edge reaches from the input.
            return nodes[self.output] if self.output in nodes else previous[-1] * 0
        like = next(iter(parts.values()))
        whole = [
            parts[source] if source in parts else like.new_zeros(len(like), width, *like.shape[2:])
            for source, width in self.parts.items()
        ]
        value = torch.cat(whole, dim=1) if len(whole) > 1 else whole[0]  # (n, width, ...)
        return cast(Tensor, value + nodes[self.output] if self.output in nodes else value)


def _drop_path(x: Tensor, probability: float) -> Tensor:
    """Drop whole samples and scale the rest up, so that the expectation stays (arXiv 1605.07648)."""
    kept = torch.rand(len(x), *[1] * (x.ndim - 1), device=x.device) >= probability  # (n, 1, ...)
    return x * kept / (1 - probability)
