"""How a network is made of cells: the stem, the rows of cells and the head of each of the literature's networks.

A layout is a function that plans and makes nothing. Layers are applied in a row; a cell takes as many of the latest
results as it has inputs, and the result of the stem stands for those that are not there yet. At which slots a layout
strides is written in :mod:`skopdist._strides`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import cast

from torch import Tensor, nn

from skopdist._strides import slot_strides, stage_starts
from skopdist.architecture import Architecture, Cell
from skopdist.networks._cells import CellPlan, Part
from skopdist.operations import (
    OperationSize,
    SeriesConv,
    SeriesNorm,
    SeriesPool,
    conv_bn,
    conv_bn_relu,
    get_operation,
    resized_identity,
)
from skopdist.spaces import STEM

# Beyond this many positions along an axis the stem strides or pools, so that cells never work on more. Of series, 64
# are enough: measured at equal seconds on six sets of 80 to 720 positions, 64 are ahead of 128, and those of 512.
_LARGEST_SIDE = 64
# Smaller images would shrink to a point before the last stage.
_SMALLEST_HALVED = 16
# How many times as wide as the first the second and the third stage of a stack are, by the number of dimensions.
_STAGE_WIDTHS = {1: (1.5, 2), 2: (2, 4)}
# How series come in, where the architecture does not say.
_SERIES_STEM = "multi_scale_stem"

Layer = Part | CellPlan


def plan_network(
    architecture: Architecture, input_shape: Sequence[int], n_classes: int, channels: int, n_cells: int
) -> tuple[Layer, list[Layer], Part, Part]:
    """Plan the network of an architecture: stem, layers, head and classifier.

    See :class:`~skopdist.networks.Network` for the parameters. The mean over all positions stands between the head and
    the classifier.

    Raises
    ------
    ValueError
        If the layout is unknown, or one for samples of other dimensions.
    """
    if architecture.layout not in _LAYOUTS:
        raise ValueError(
            f"Unknown layout {architecture.layout!r} of an architecture; expected one of {sorted(_LAYOUTS)}."
        )
    layout, dimensions = _LAYOUTS[architecture.layout]
    if len(input_shape) - 1 not in dimensions:
        raise ValueError(
            f"The layout {architecture.layout!r} takes samples with {dimensions[0]} spatial dimensions, but the "
            f"input shape {tuple(input_shape)} has {len(input_shape) - 1}; sample the architecture from another space."
        )
    stem, layers, head = layout(architecture, input_shape, channels, n_cells)
    return stem, layers, head, Part(_linear, OperationSize(head.size.channels_out, n_classes))


def _stack(
    architecture: Architecture, input_shape: Sequence[int], channels: int, n_cells: int
) -> tuple[Layer, list[Layer], Part]:
    """Plan a stack of equal cells, the network of NAS-Bench-201 [1]_, for any number of dimensions.

    A cell of the type "stem" stands in the place of the stem, where the architecture has one. Otherwise it is a
    convolution for images, convolutions of several scales for series, and a linear map for flat input. Cells work on at
    most 64 positions of series. Images and series are halved before the cells at one and two thirds of the depth, and
    these are wider, so that all stages cost about the same: two and four times as wide on images, which are halved
    along two axes, and one and a half times and twice on series. Behind a stem that summarizes there is a single
    position, and nothing to halve: only the cells of the first third are there. More of them were no better on seven
    sets of series, and took longer.

    References
    ----------
    .. [1] Dong and Yang, "NAS-Bench-201: Extending the Scope of Reproducible Neural Architecture Search",
       ICLR 2020, arXiv 2001.00326, section 2.1.
    """
    n_spatial, cell = len(input_shape) - 1, architecture.cells[0]
    stem: Layer
    if n_spatial == 2:
        stem = _conv_stem(conv_bn, input_shape, channels)
    elif n_spatial == 1:
        stem = Part(_series_stem, OperationSize(input_shape[0], channels, series_stride(input_shape[1])))
    else:
        stem = Part(_linear, OperationSize(input_shape[0], channels))
    starts, is_point = stage_starts(n_cells) if n_spatial else frozenset(), False
    if STEM in architecture.cell_types:
        given, size = architecture.cell(STEM), stem.size
        if get_operation(given.operations[0]).summarizes:
            # What comes first where nothing is left to halve.
            n_cells, starts, is_point = min(starts, default=n_cells), frozenset(), True
            size = size.summarizing(input_shape[1:])
        stem = CellPlan(given, (size,), STEM)
    layers: list[Layer] = []
    stages = iter(_STAGE_WIDTHS.get(n_spatial, ()))
    width = channels
    for i in range(n_cells):
        if i in starts:
            reduction = _image_reduction if n_spatial == 2 else _series_reduction
            wider = int(channels * next(stages))
            layers.append(Part(reduction, OperationSize(width, wider, 2)))
            width = wider
        size = OperationSize(width, width, is_point=is_point)
        plan = CellPlan(cell, (size,) * len(cell.operations), architecture.cell_types[0])
        layers.append(plan)
    return stem, layers, Part(_norm_relu, _kept(plan.width), (n_spatial,))


def _halved_stack(
    architecture: Architecture, input_shape: Sequence[int], channels: int, n_cells: int
) -> tuple[Layer, list[Layer], Part]:
    """Plan a stack in which the stem divides images by twice as much, unless they are small.

    The cells cost a quarter. At equal CPU seconds that is worth far more than the pixels are.
    """
    stem, layers, head = _stack(architecture, input_shape, channels, n_cells)
    if min(input_shape[1:]) < _SMALLEST_HALVED:
        return stem, layers, head
    if isinstance(stem, CellPlan):
        return replace(stem, sizes=tuple(replace(size, stride=2 * size.stride) for size in stem.sizes)), layers, head
    return replace(stem, size=replace(stem.size, stride=2 * stem.size.stride)), layers, head


def _darts(
    architecture: Architecture, input_shape: Sequence[int], channels: int, n_cells: int
) -> tuple[Layer, list[Layer], Part]:
    """Plan a row of normal cells with a reduction cell at one and two thirds of the depth: the network of DARTS [1]_.

    A cell takes the results of the two cells before it, brought to its width by 1x1 convolutions. In a reduction cell,
    whose type is named "reduce", the operations on the inputs halve the image, and the width doubles.

    References
    ----------
    .. [1] Liu, Simonyan, Yang, "DARTS: Differentiable Architecture Search", ICLR 2019, arXiv 1806.09055, sections 2.1,
       3.1.1 and A.
    """
    stem = _conv_stem(conv_bn, input_shape, 3 * channels)
    layers: list[Layer] = []
    widths, halved_before = (3 * channels, 3 * channels), False
    for i in range(n_cells):
        halves = i in stage_starts(n_cells)
        channels *= 2 if halves else 1
        cell_type = "reduce" if halves else "normal"
        cell = architecture.cell(cell_type)
        # The older of the two results is still as large as the image was before the last reduction.
        before = OperationSize(widths[0], channels, 2 if halved_before else 1)
        inputs = tuple(Part(resized_identity, size) for size in (before, OperationSize(widths[1], channels)))
        strides = slot_strides("darts", cell_type, cell.edges, cell.n_inputs)
        sizes = tuple(OperationSize(channels, channels, stride) for stride in strides)
        plan = CellPlan(cell, sizes, cell_type, inputs=inputs)
        layers.append(plan)
        widths, halved_before = (widths[1], plan.width), halves
    return stem, layers, Part(_identity, _kept(plan.width))


def _nasbench101(
    architecture: Architecture, input_shape: Sequence[int], channels: int, n_cells: int
) -> tuple[Layer, list[Layer], Part]:
    """Plan stacks of equal cells between which images are halved by pooling: the network of NAS-Bench-101 [1]_.

    The channels of a cell are divided among the nodes whose results are concatenated. A node before them is as wide as
    the widest node that it leads to; a link to a narrower node passes only its first channels on. A link from the input
    goes through a 1x1 convolution. Where there are fewer channels than concatenated nodes, each node has one.

    References
    ----------
    .. [1] Ying et al., "NAS-Bench-101: Towards Reproducible Neural Architecture Search", ICML 2019, arXiv 1902.09635,
       sections 2.2 and 2.3.
    """
    cell = architecture.cells[0]
    stem = _conv_stem(_conv_bn_relu, input_shape, channels)
    layers: list[Layer] = []
    width = channels
    for i in range(n_cells):
        if i in stage_starts(n_cells):
            layers.append(Part(_halving_pool, OperationSize(width, width, 2)))
            channels *= 2
        widths = _divided(cell, channels)
        sizes = tuple(OperationSize(widths[source], widths[target]) for source, target in cell.edges)
        links = tuple(_link_101(cell, source, target, widths, width) for source, target in cell.links)
        plan = CellPlan(cell, sizes, architecture.cell_types[0], links=links)
        layers.append(plan)
        width = plan.width
    return stem, layers, Part(_identity, _kept(width))


def _link_101(cell: Cell, source: int, target: int, widths: dict[int, int], width: int) -> Part:
    """Plan what a link of NAS-Bench-101 goes through, in a cell whose input has a width."""
    if source < cell.n_inputs:
        return Part(conv_bn_relu, OperationSize(width, widths[target]), (1,))
    if target < cell.n_nodes - 1 and widths[source] > widths[target]:
        return Part(FirstChannels, OperationSize(widths[source], widths[target]))
    return Part(_identity, _kept(widths[source]))


def _divided(cell: Cell, channels: int) -> dict[int, int]:
    """Divide channels among the nodes whose results are concatenated; return the width of each node but the inputs."""
    output = cell.n_nodes - 1
    parts = sorted(source for source, target in cell.links if target == output and source >= cell.n_inputs)
    widths = {
        node: max(1, channels // len(parts) + (1 if i < channels % len(parts) else 0)) for i, node in enumerate(parts)
    }
    total = sum(widths.values())
    for node in range(output - 1, cell.n_inputs - 1, -1):
        targets = [target for source, target in (*cell.edges, *cell.links) if source == node and target != output]
        widths.setdefault(node, max((widths[target] for target in targets), default=channels))
    return widths | {output: total}


def _chain(
    architecture: Architecture, input_shape: Sequence[int], channels: int, n_cells: int
) -> tuple[Layer, list[Layer], Part]:
    """Plan one cell, a chain of layers, which is the whole body: the network of NAS-Bench-Macro [1]_.

    The layers form three stages of a third of the depth. The first layer of a stage halves the image and doubles the
    width. Each layer stands ``n_cells`` times in a row; with 8 layers, each of them once, and 32 channels this is the
    network of the benchmark, whose head is a 1x1 convolution to 1280 channels.

    References
    ----------
    .. [1] Su et al., "Prioritized Architecture Sampling with Monto-Carlo Tree Search", CVPR 2021, arXiv 2103.11922,
       section 4.
    """
    cell, cell_type = architecture.cells[0], architecture.cell_types[0]
    stem = _conv_stem(_conv_bn_relu, input_shape, channels)
    sizes, width = [], channels
    for stride in slot_strides("chain", cell_type, cell.edges, cell.n_inputs):
        sizes.append(OperationSize(width, width * stride, stride))
        width *= stride
    plan = CellPlan(cell, tuple(sizes), cell_type, repeats=n_cells)
    return stem, [plan], Part(conv_bn_relu, OperationSize(width, 40 * channels), (1,))


_Layout = Callable[[Architecture, Sequence[int], int, int], tuple[Layer, list[Layer], Part]]
# The function, and the numbers of spatial dimensions for which it plans.
_LAYOUTS: dict[str, tuple[_Layout, tuple[int, ...]]] = {
    "stack": (_stack, (0, 1, 2)),
    "halved_stack": (_halved_stack, (2,)),
    "darts": (_darts, (2,)),
    "nasbench101": (_nasbench101, (2,)),
    "chain": (_chain, (2,)),
}


class Reduction(nn.Module):
    """The sum of a body and a shortcut, both of which divide the sides and change the width.

    Parameters
    ----------
    body, shortcut : nn.Module
    """

    def __init__(self, body: nn.Module, shortcut: nn.Module) -> None:
        super().__init__()
        self.body = body
        self.shortcut = shortcut

    def forward(self, x: Tensor) -> Tensor:
        """Map (n, channels_in, ...) to (n, channels_out, ...), every axis divided and rounded up."""
        return cast(Tensor, self.body(x) + self.shortcut(x))


def _image_reduction(size: OperationSize) -> nn.Module:
    """Make what halves an image and changes the width: a residual block of stride 2 (NAS-Bench-201, section 2.1)."""
    channels_in, channels_out, stride = size
    body = nn.Sequential(
        nn.ReLU(),
        nn.Conv2d(channels_in, channels_out, 3, stride=stride, padding=1, bias=False),
        nn.BatchNorm2d(channels_out),
        nn.ReLU(),
        nn.Conv2d(channels_out, channels_out, 3, padding=1, bias=False),
        nn.BatchNorm2d(channels_out),
    )
    shortcut = nn.Sequential(
        # Odd sides are rounded up, as the convolution rounds them.
        nn.AvgPool2d(stride, stride=stride, ceil_mode=True, count_include_pad=False),
        nn.Conv2d(channels_in, channels_out, 1, bias=False),
    )
    return Reduction(body, shortcut)


def _series_reduction(size: OperationSize) -> nn.Module:
    """Make what halves series and changes the width: a convolution of stride 2 beside averages of two positions.

    The second convolution that images have would cost as much as half a cell.
    """
    channels_in, channels_out, stride = size
    body = nn.Sequential(nn.ReLU(), SeriesConv(channels_in, channels_out, 3, stride), SeriesNorm(channels_out))
    shortcut = nn.Sequential(SeriesPool("avg", stride, stride), SeriesConv(channels_in, channels_out, 1))
    return Reduction(body, shortcut)


class FirstChannels(nn.Module):
    """Keep the first channels.

    Parameters
    ----------
    size : OperationSize
    """

    def __init__(self, size: OperationSize) -> None:
        super().__init__()
        self.width = size.channels_out

    def forward(self, x: Tensor) -> Tensor:
        """Map (n, channels, ...) to (n, width, ...)."""
        return x[:, : self.width]


def _conv_stem(factory: Callable[..., nn.Module], input_shape: Sequence[int], channels: int) -> Part:
    """Plan a convolution of images that strides where there are more positions than cells should work on."""
    stride = -(-max(input_shape[1:]) // _LARGEST_SIDE)
    return Part(factory, OperationSize(input_shape[0], channels, stride))


def series_stride(length: int) -> int:
    """Return by how much a stem divides series, so that cells work on at most 64 positions.

    Above 8 it is a multiple of 4, so that the stem can pool at least 4 positions and stride over the rest.
    """
    stride = -(-length // _LARGEST_SIDE)
    return stride if stride <= 8 else -(-stride // 4) * 4


def _series_stem(size: OperationSize) -> nn.Module:
    return get_operation(_SERIES_STEM).make(size)


def _conv_bn_relu(size: OperationSize) -> nn.Sequential:
    return conv_bn(size).append(nn.ReLU())


def _norm_relu(size: OperationSize, n_spatial: int) -> nn.Sequential:
    norm = {0: nn.LayerNorm, 1: SeriesNorm, 2: nn.BatchNorm2d}[n_spatial]
    return nn.Sequential(norm(size.channels_out), nn.ReLU())


def _halving_pool(size: OperationSize) -> nn.Module:
    return nn.MaxPool2d(size.stride, stride=size.stride, ceil_mode=True)


def _linear(size: OperationSize) -> nn.Module:
    return nn.Linear(size.channels_in, size.channels_out)


def _identity(size: OperationSize) -> nn.Module:
    return nn.Identity()


def _kept(width: int) -> OperationSize:
    return OperationSize(width, width)
