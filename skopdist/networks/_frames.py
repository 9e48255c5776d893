"""A sample's way through a network that is still to be made: which modules there are, and what they work on."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from torch import Tensor, nn

from skopdist.networks._cells import concatenated, repeated
from skopdist.networks._layouts import NetworkPlan
from skopdist.networks._plans import IDENTITY, CellPlan, Part
from skopdist.operations import OperationSize

# The cell type, and the index of the operation.
Slot = tuple[str, int]


class Shape(NamedTuple):
    """What a module works on, but for the number of samples."""

    channels: int
    sides: tuple[int, ...]


class Work(NamedTuple):
    """A module, and what it works on; equal ones cost the same."""

    part: Part
    shape: Shape


class Place(NamedTuple):
    """Where an operation works: what it does to shapes, and the sides of its input."""

    size: OperationSize
    sides: tuple[int, ...]


class Frame(NamedTuple):
    """All of some layers but the operations at their slots, and where these stand.

    Slots that no path can reach are given without sides: they have parameters, and compute nothing.
    """

    fixed: tuple[Work, ...]
    slots: tuple[tuple[Slot, Place | OperationSize], ...]
    result: Shape


class Sum(nn.Module):
    """What a node does with two results that come in."""

    def forward(self, x: Tensor) -> Tensor:
        """Keep the shape."""
        return x + x


_SUM = Part(Sum)


def resized(size: OperationSize, sides: tuple[int, ...]) -> Shape:
    """Give the shape of what comes out of an operation."""
    # Only images are ever strided.
    return strided(Shape(size.channels_in, sides), size.channels_out, size.stride if len(sides) == 2 else 1)


def strided(shape: Shape, width: int | None, stride: int) -> Shape:
    """Give a shape of another width, or the same if that is None, with its sides divided and rounded up."""
    return Shape(width or shape.channels, tuple(-(-side // stride) for side in shape.sides))


class _Record:
    """What is met on the way."""

    def __init__(self) -> None:
        self.fixed: list[Work] = []
        self.slots: list[tuple[Slot, Place | OperationSize]] = []

    def put(self, part: Part, shape: Shape) -> Shape:
        """Note a module and what it works on, and give what it makes of that."""
        if part == IDENTITY:
            return shape
        self.fixed.append(Work(part, shape))
        return strided(shape, part.width, part.stride)

    def frame(self, result: Shape) -> Frame:
        """Give all that was met."""
        return Frame(tuple(self.fixed), tuple(self.slots), result)


def follow_network(
    plan: NetworkPlan,
    shape: Shape,
    cell_frame: Callable[[CellPlan, tuple[Shape, ...]], Frame],
) -> Frame:
    """Follow a sample through all layers of a network.

    Parameters
    ----------
    plan : NetworkPlan
    shape : Shape
        Of the sample.
    cell_frame : callable
        :func:`follow_cell`, or what knows its results.
    """
    record = _Record()
    before = latest = record.put(plan.stem, shape)
    for layer in plan.layers:
        if isinstance(layer, CellPlan):
            inside = cell_frame(layer, (before, latest) if layer.cell.n_inputs == 2 else (latest,))
            record.fixed += inside.fixed
            record.slots += inside.slots
            result = inside.result
        else:
            result = record.put(layer, latest)
        before, latest = latest, result
    latest = record.put(plan.head, latest)
    # Behind the mean over all positions.
    return record.frame(record.put(plan.classify, Shape(latest.channels, ())))


def follow_cell(plan: CellPlan, given: tuple[Shape, ...]) -> Frame:
    """Follow a sample through a cell, node by node, as :class:`~skopdist.networks.CellModule` computes it."""
    cell, output = plan.cell, plan.cell.n_nodes - 1
    record = _Record()
    parts = concatenated(cell, plan.sizes)
    joined: Shape | None = None
    inputs = plan.inputs or [IDENTITY] * cell.n_inputs
    nodes = {i: record.put(part, shape) for i, (part, shape) in enumerate(zip(inputs, given, strict=True))}
    # Whatever operation a slot holds, if something can get through the cell there.
    live = set(cell.live_slots(lambda name: False))
    steps = [(edge[::-1], True, i) for i, edge in enumerate(cell.edges)]
    steps += [(link[::-1], False, i) for i, link in enumerate(cell.links)]
    for (target, source), is_edge, i in sorted(steps):
        sizes = repeated(plan.sizes[i], plan.repeats) if is_edge else []
        if is_edge and i not in live:
            record.slots += [((plan.cell_type, i), size) for size in sizes]
            continue
        if source not in nodes:
            continue
        shape = nodes[source]
        for size in sizes:
            record.slots.append(((plan.cell_type, i), Place(size, shape.sides)))
            shape = resized(size, shape.sides)
        if not is_edge:
            shape = record.put(plan.links[i] if plan.links else IDENTITY, shape)
        if target == output and source in parts:
            joined = Shape(plan.width, shape.sides)
            continue
        if target in nodes:
            record.put(_SUM, shape)
        nodes[target] = shape
    if joined is not None and output in nodes:
        record.put(_SUM, joined)
    # By hand one can wire a cell whose output no edge reaches from the input.
    return record.frame(joined or nodes.get(output, given[-1]))
