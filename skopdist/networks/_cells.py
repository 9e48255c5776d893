"""A cell before it is made, as a plan that can be compared and counted, and the torch module that is made of it.

Both follow the same steps of the same :class:`~skopdist.Cell`: :meth:`CellPlan.work` with the sides of images, and
:meth:`CellModule.forward` with tensors.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple, cast

import torch
from torch import Tensor, nn

from skopdist.architecture import Cell, Step, ordered_steps
from skopdist.operations import OperationSize, clear, get_operation, is_zero

# Makes what stands at a slot of a cell: (cell type, slot, name of the operation, size) -> module.
MakeOperation = Callable[[str, int, str, OperationSize], nn.Module]


def make_operation(cell_type: str, slot: int, name: str, size: OperationSize) -> nn.Module:
    """Make the registered operation of a name, the same at every slot."""
    return get_operation(name).make(size)


@dataclass(frozen=True)
class Part:
    """A module that is still to be made; equal parts make modules that are alike and cost the same.

    Parameters
    ----------
    factory : callable ``(size, *arguments) -> nn.Module``
        A function or class at the top of a module, so that parts can be hashed and pickled.
    size : OperationSize
    arguments : tuple of hashable, default=()
    """

    factory: Callable[..., nn.Module]
    size: OperationSize
    arguments: tuple[Any, ...] = ()

    def make(self) -> nn.Module:
        """Make the module."""
        return self.factory(self.size, *self.arguments)


class Work(NamedTuple):
    """A module at its place in a network.

    Attributes
    ----------
    what : Part or (str, int)
        The part, or the cell type and the slot at which some operation stands.
    size : OperationSize
    sides : tuple of int or None
        The sides of its input; None if it has parameters and is never computed, as it lies on no path.
    """

    what: Part | tuple[str, int]
    size: OperationSize
    sides: tuple[int, ...] | None


@dataclass(frozen=True)
class CellPlan:
    """A cell that is still to be made, with the sizes that a layout gives it.

    Parameters
    ----------
    cell : Cell
    sizes : tuple of OperationSize
        For each slot.
    cell_type : str, default="cell"
    inputs : tuple of Part or None, default=None
        The part that each input goes through first; None leaves the inputs as they are.
    links : tuple of Part or None, default=None
        The part that each link goes through; None leaves what they pass on as it is.
    repeats : int, default=1
        How often the operation of a slot stands there in a row.
    """

    cell: Cell
    sizes: tuple[OperationSize, ...]
    cell_type: str = "cell"
    inputs: tuple[Part, ...] | None = None
    links: tuple[Part, ...] | None = None
    repeats: int = 1

    @property
    def concatenated(self) -> dict[int, int]:
        """The channels of each node whose link to the output is concatenated there, by node."""
        widths, output = self._widths(), self.cell.n_nodes - 1
        return {
            source: widths[source]
            for source, target in self.cell.links
            if target == output and source >= self.cell.n_inputs and source in widths
        }

    @property
    def width(self) -> int:
        """Channels of the output."""
        # A cell wired by hand may have nothing but an input lead to its output.
        return sum(self.concatenated.values()) or self._widths().get(self.cell.n_nodes - 1, self.sizes[-1].channels_out)

    def sizes_at(self, slot: int) -> list[OperationSize]:
        """List the sizes of the operations in a row at a slot; only the first one strides or changes the width."""
        size = self.sizes[slot]
        following = replace(size, channels_in=size.channels_out, stride=1)
        return [size, *[following] * (self.repeats - 1)]

    def work(self, given: Sequence[tuple[int, ...]]) -> tuple[list[Work], tuple[int, ...]]:
        """List the modules of the cell with the sides of their inputs, and return the sides of the output.

        Every operation is taken for one that passes something on, so this holds for all cells of the same wiring.

        Parameters
        ----------
        given : sequence of tuple of int
            The sides of each input.
        """
        done: list[Work] = []
        nodes = dict(enumerate(given))
        for node, part in enumerate(self.inputs or ()):
            done.append(Work(part, part.size, nodes[node]))
            nodes[node] = part.size.output_shape(nodes[node])[1:]
        alive = set(self.cell.steps())
        for step in ordered_steps(self.cell.edges, self.cell.links):
            sides = nodes[step.source] if step in alive else None
            for what, size in self._standing_at(step):
                done.append(Work(what, size, sides))
                sides = None if sides is None else size.output_shape(sides)[1:]
            if sides is not None:
                nodes[step.target] = sides
        return done, nodes.get(self.cell.n_nodes - 1, given[-1])

    def _standing_at(self, step: Step) -> list[tuple[Part | tuple[str, int], OperationSize]]:
        if step.is_edge:
            return [((self.cell_type, step.row), size) for size in self.sizes_at(step.row)]
        return [] if self.links is None else [(self.links[step.row], self.links[step.row].size)]

    def _widths(self) -> dict[int, int]:
        """Return the channels of each node to which an edge leads."""
        return {target: size.channels_out for (_, target), size in zip(self.cell.edges, self.sizes, strict=True)}


class DropPath(nn.Module):
    """Drop whole samples at random while training, and scale the rest up, so that the expectation stays [1]_.

    Parameters
    ----------
    probability : float

    References
    ----------
    .. [1] Larsson, Maire, Shakhnarovich, "FractalNet: Ultra-Deep Neural Networks without Residuals", ICLR 2017,
       arXiv 1605.07648.
    """

    def __init__(self, probability: float) -> None:
        super().__init__()
        self.probability = probability

    def forward(self, x: Tensor) -> Tensor:
        """Map (n, channels, ...) to the same shape."""
        if not self.training or not self.probability:
            return x
        kept = torch.rand(len(x), *[1] * (x.ndim - 1), device=x.device) >= self.probability  # (n, 1, ...)
        return x * kept / (1 - self.probability)


class CellModule(nn.Module):
    """The torch module of a cell: a node is the sum of what comes in.

    Links from other nodes to the output are concatenated, and links from an input to it are added to all of that.
    Operations on no path from an input to the output keep their parameters, as published parameter counts include them,
    but are not computed.

    Parameters
    ----------
    plan : CellPlan
    make_operation : callable ``(cell type, slot, name, OperationSize) -> nn.Module``, default=make_operation
    drop_path : float, default=0.0
        The probability with which an operation's result is dropped while training, sample by sample.

    Attributes
    ----------
    n_inputs : int
    width : int
        Channels of the output.
    """

    def __init__(self, plan: CellPlan, make_operation: MakeOperation = make_operation, drop_path: float = 0.0) -> None:
        super().__init__()
        cell = plan.cell
        self.n_inputs, self.output = cell.n_inputs, cell.n_nodes - 1
        self.inputs = _made(plan.inputs, cell.n_inputs)
        # Made before the operations: the order decides which weights a seed gives.
        links = _made(plan.links, len(cell.links))
        self.operations = nn.ModuleList()
        for slot, name in enumerate(cell.operations):
            row = [make_operation(plan.cell_type, slot, name, size) for size in plan.sizes_at(slot)]
            self.operations.append(row[0] if plan.repeats == 1 else nn.Sequential(*row))
        # They know nothing of series that end early; those of the library leave zeros behind the ends.
        self.is_own = [not get_operation(name).is_standard for name in cell.operations]
        self.links = links
        self.drop = DropPath(drop_path)
        self.concatenated, self.width = plan.concatenated, plan.width
        # Where nothing passes, the zeros have to be computed for their shape.
        self.steps = cell.steps(is_zero) or cell.steps()

    def forward(self, *previous: Tensor) -> Tensor:
        """Map n_inputs batches of shape (n, channels, ...) to one of shape (n, width, ...)."""
        nodes = {i: module(x) for i, (module, x) in enumerate(zip(self.inputs, previous, strict=True))}
        parts: dict[int, Tensor] = {}
        for step in self.steps:
            # Looked up only now, as the modules in the lists may be replaced.
            module = (self.operations if step.is_edge else self.links)[step.row]
            value = module(nodes[step.source])  # (n, channels_out, ...)
            if step.is_edge and self.is_own[step.row]:
                value = clear(value)
            if not step.is_edge and step.target == self.output and step.source in self.concatenated:
                parts[step.source] = value
                continue
            if self.drop.probability and not isinstance(module, nn.Identity):
                value = self.drop(value)
            nodes[step.target] = nodes[step.target] + value if step.target in nodes else value
        if not parts:
            # By hand one can wire a cell whose output no edge reaches from the input.
            return nodes[self.output] if self.output in nodes else previous[-1] * 0
        like = next(iter(parts.values()))
        whole = [
            parts[source] if source in parts else like.new_zeros(len(like), width, *like.shape[2:])
            for source, width in self.concatenated.items()
        ]
        value = torch.cat(whole, dim=1) if len(whole) > 1 else whole[0]  # (n, width, ...)
        return cast(Tensor, value + nodes[self.output] if self.output in nodes else value)


def _made(parts: Sequence[Part] | None, n: int) -> nn.ModuleList:
    """Make n modules, which are identities if there are no parts."""
    return nn.ModuleList([nn.Identity()] * n if parts is None else [part.make() for part in parts])
