"""How a network is made of cells: the stem, the rows of cells and the head of each of the literature's networks."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import ClassVar, NamedTuple, cast

from torch import Tensor, nn

from skopdist.architecture import Architecture, Cell
from skopdist.networks._plans import IDENTITY, CellPlan, Part
from skopdist.operations import OperationSize, conv_bn_relu, resized_identity

_CONV = {1: nn.Conv1d, 2: nn.Conv2d}
_NORM = {1: nn.BatchNorm1d, 2: nn.BatchNorm2d}
_POOL = {1: nn.AvgPool1d, 2: nn.AvgPool2d}
# Beyond this many positions along an axis the stem strides, so that cells never work on more.
_LARGEST_SIDE = {1: 512, 2: 64}


class Reduction(nn.Module):
    """Halve every axis and change the width: a residual block of stride 2 (NAS-Bench-201, section 2.1)."""

    def __init__(self, n_spatial: int, channels_in: int, channels_out: int) -> None:
        super().__init__()
        conv, norm, pool = _CONV[n_spatial], _NORM[n_spatial], _POOL[n_spatial]
        self.body = nn.Sequential(
            nn.ReLU(),
            conv(channels_in, channels_out, 3, stride=2, padding=1, bias=False),
            norm(channels_out),
            nn.ReLU(),
            conv(channels_out, channels_out, 3, padding=1, bias=False),
            norm(channels_out),
        )
        self.shortcut = nn.Sequential(
            # Odd sides are rounded up, as the convolution rounds them.
            pool(2, stride=2, ceil_mode=True, count_include_pad=False),
            conv(channels_in, channels_out, 1, bias=False),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Map (n, channels_in, ...) to (n, channels_out, ...), every axis halved and rounded up."""
        return cast(Tensor, self.body(x) + self.shortcut(x))


class Layout(ABC):
    """How a network is made of the cells of an architecture.

    A layout has no state, and makes nothing: it plans. Layers are applied in a row; a cell takes as many of the latest
    results as it has inputs, and the result of the stem stands for those that are not there yet.

    Attributes
    ----------
    n_spatial : int or None
        Number of dimensions behind the channels of a sample; None if any number will do.
    """

    n_spatial: ClassVar[int | None] = None

    @abstractmethod
    def stem(self, input_shape: Sequence[int], channels: int) -> tuple[Part, int]:
        """Plan what stands before the cells, and give its width."""

    @abstractmethod
    def layers(
        self, architecture: Architecture, n_spatial: int, width: int, channels: int, n_cells: int
    ) -> list[Part | CellPlan]:
        """Plan the cells, of which the last one is the last layer, and what stands between them.

        Parameters
        ----------
        architecture : Architecture
        n_spatial : int
        width : int
            Of the stem.
        channels : int
            Width of the network at its beginning.
        n_cells : int
        """

    @abstractmethod
    def head(self, n_spatial: int, width: int, channels: int) -> tuple[Part, int]:
        """Plan what stands between the cells, of a width, and the mean over all positions, and give its width."""


class StackLayout(Layout):
    """A stack of equal cells, the network of NAS-Bench-201 [1]_, for any number of dimensions.

    Images and series are halved, and the width doubled, by residual blocks before the cells at one and two thirds of
    the depth.

    References
    ----------
    .. [1] Dong and Yang, "NAS-Bench-201: Extending the Scope of Reproducible Neural Architecture Search",
       ICLR 2020, arXiv 2001.00326, section 2.1.
    """

    def stem(self, input_shape: Sequence[int], channels: int) -> tuple[Part, int]:
        """Plan a convolution, or a linear map of flat input."""
        if len(input_shape) == 1:
            return Part(nn.Linear, (input_shape[0], channels), channels), channels
        return _conv_stem(_conv_bn, input_shape, channels), channels

    def layers(
        self, architecture: Architecture, n_spatial: int, width: int, channels: int, n_cells: int
    ) -> list[Part | CellPlan]:
        """Plan the cells, and residual blocks between some."""
        cell = architecture.cells[0]
        layers: list[Part | CellPlan] = []
        for i in range(n_cells):
            if n_spatial and i in _reductions(n_cells):
                layers.append(Part(Reduction, (n_spatial, channels, 2 * channels), 2 * channels, 2))
                channels *= 2
            sizes = (OperationSize(channels, channels),) * len(cell.operations)
            layers.append(CellPlan(cell, sizes, architecture.cell_types[0]))
        return layers

    def head(self, n_spatial: int, width: int, channels: int) -> tuple[Part, int]:
        """Plan a normalisation and a ReLU."""
        return Part(_norm_relu, (n_spatial, width)), width


class DARTSLayout(Layout):
    """A row of normal cells with a reduction cell at one and two thirds of the depth: the network of DARTS [1]_.

    A cell takes the results of the two cells before it, brought to its width by 1x1 convolutions. In a reduction cell,
    whose type is named "reduce", the operations on the inputs halve the image, and the width doubles.

    References
    ----------
    .. [1] Liu, Simonyan, Yang, "DARTS: Differentiable Architecture Search", ICLR 2019, arXiv 1806.09055, sections 2.1,
       3.1.1 and A.
    """

    n_spatial = 2

    def stem(self, input_shape: Sequence[int], channels: int) -> tuple[Part, int]:
        """Plan a convolution, three times as wide as a node."""
        return _conv_stem(_conv_bn, input_shape, 3 * channels), 3 * channels

    def layers(
        self, architecture: Architecture, n_spatial: int, width: int, channels: int, n_cells: int
    ) -> list[Part | CellPlan]:
        """Plan the cells."""
        layers: list[Part | CellPlan] = []
        widths, halves_before = (width, width), False
        for i in range(n_cells):
            halves = i in _reductions(n_cells)
            channels *= 2 if halves else 1
            cell_type = "reduce" if halves else "normal"
            cell = architecture.cell(cell_type)
            # The older of the two results is still as large as the image was before the last reduction.
            before = OperationSize(widths[0], channels, 2 if halves_before else 1)
            resized = before, OperationSize(widths[1], channels)
            inputs = tuple(Part(resized_identity, (size,), size.channels_out, size.stride) for size in resized)
            strides = [2 if halves and source < cell.n_inputs else 1 for source, _ in cell.edges]
            sizes = tuple(OperationSize(channels, channels, stride) for stride in strides)
            layer = CellPlan(cell, sizes, cell_type, inputs=inputs)
            layers.append(layer)
            widths, halves_before = (widths[1], layer.width), halves
        return layers

    def head(self, n_spatial: int, width: int, channels: int) -> tuple[Part, int]:
        """Plan nothing: the mean is taken of the last cell's result."""
        return IDENTITY, width


class ReLUStemLayout(Layout):
    """A layout for images that begins with a convolution and a ReLU."""

    n_spatial = 2

    def stem(self, input_shape: Sequence[int], channels: int) -> tuple[Part, int]:
        """Plan a convolution and a ReLU."""
        return _conv_stem(_conv_bn_relu, input_shape, channels), channels


class NASBench101Layout(ReLUStemLayout):
    """Stacks of equal cells between which images are halved by pooling: the network of NAS-Bench-101 [1]_.

    The channels of a cell are divided among the nodes whose results are concatenated; a node before them is as wide as
    the widest that it leads to, and what is one channel too wide is cut off. What comes from the input goes through a
    1x1 convolution. Where there are fewer channels than parts, each part has one.

    References
    ----------
    .. [1] Ying et al., "NAS-Bench-101: Towards Reproducible Neural Architecture Search", ICML 2019, arXiv 1902.09635,
       sections 2.2 and 2.3.
    """

    def layers(
        self, architecture: Architecture, n_spatial: int, width: int, channels: int, n_cells: int
    ) -> list[Part | CellPlan]:
        """Plan the cells, and pooling between some."""
        cell = architecture.cells[0]
        layers: list[Part | CellPlan] = []
        for i in range(n_cells):
            if i in _reductions(n_cells):
                layers.append(Part(_halving_pool, stride=2))
                channels *= 2
            widths = _divided(cell, channels)
            sizes = tuple(OperationSize(widths[source], widths[target]) for source, target in cell.edges)
            links: list[Part] = []
            for source, target in cell.links:
                if source < cell.n_inputs:
                    links.append(Part(conv_bn_relu, (OperationSize(width, widths[target]), 1), widths[target]))
                else:
                    cut = target < cell.n_nodes - 1 and widths[source] > widths[target]
                    links.append(Part(Truncate, (widths[target],), widths[target]) if cut else IDENTITY)
            layer = CellPlan(cell, sizes, architecture.cell_types[0], links=tuple(links))
            layers.append(layer)
            width = layer.width
        return layers

    def head(self, n_spatial: int, width: int, channels: int) -> tuple[Part, int]:
        """Plan nothing: the mean is taken of the last cell's result."""
        return IDENTITY, width


class Truncate(nn.Module):
    """Keep the first channels."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.width = width

    def forward(self, x: Tensor) -> Tensor:
        """Map (n, channels, ...) to (n, width, ...)."""
        return x[:, : self.width]


def _divided(cell: Cell, channels: int) -> dict[int, int]:
    """Give the width of each node but the inputs."""
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


class ChainLayout(ReLUStemLayout):
    """One cell, a chain of layers, which is the whole body: the network of NAS-Bench-Macro [1]_.

    The layers form three stages of a third of the depth. The first layer of a stage halves the image and doubles the
    width. Each layer stands ``n_cells`` times in a row; with 8 layers, each of them once, and 32 channels this is the
    network of the benchmark.

    References
    ----------
    .. [1] Su et al., "Prioritized Architecture Sampling with Monto-Carlo Tree Search", CVPR 2021, arXiv 2103.11922,
       section 4.
    """

    def layers(
        self, architecture: Architecture, n_spatial: int, width: int, channels: int, n_cells: int
    ) -> list[Part | CellPlan]:
        """Plan the one cell."""
        cell, sizes = architecture.cells[0], []
        strided = {0, *_reductions(len(cell.operations))}
        for i in range(len(cell.operations)):
            factor = 2 if i in strided else 1
            sizes.append(OperationSize(width, width * factor, factor))
            width *= factor
        return [CellPlan(cell, tuple(sizes), architecture.cell_types[0], repeats=n_cells)]

    def head(self, n_spatial: int, width: int, channels: int) -> tuple[Part, int]:
        """Plan a 1x1 convolution, 1280 wide at 32 channels."""
        wide = 40 * channels
        return Part(conv_bn_relu, (OperationSize(width, wide), 1), wide), wide


def _reductions(n_cells: int) -> set[int]:
    """Give the places, at one and two thirds of the depth, where images are halved."""
    return {n_cells // 3, 2 * n_cells // 3} - {0}


def _conv_stem(factory: Callable[..., nn.Module], input_shape: Sequence[int], channels: int) -> Part:
    """Plan a convolution of the input that strides where there are more positions than cells should work on."""
    n_spatial = len(input_shape) - 1
    stride = -(-max(input_shape[1:]) // _LARGEST_SIDE[n_spatial])
    return Part(factory, (n_spatial, OperationSize(input_shape[0], channels, stride)), channels, stride)


def _conv_bn(n_spatial: int, size: OperationSize) -> nn.Sequential:
    conv = _CONV[n_spatial](size.channels_in, size.channels_out, 3, stride=size.stride, padding=1, bias=False)
    return nn.Sequential(conv, _NORM[n_spatial](size.channels_out))


def _conv_bn_relu(n_spatial: int, size: OperationSize) -> nn.Sequential:
    return _conv_bn(n_spatial, size).append(nn.ReLU())


def _norm_relu(n_spatial: int, width: int) -> nn.Sequential:
    return nn.Sequential(_NORM[n_spatial](width) if n_spatial else nn.LayerNorm(width), nn.ReLU())


def _halving_pool() -> nn.Module:
    return nn.MaxPool2d(2, stride=2, ceil_mode=True)


_LAYOUTS: dict[str, type[Layout]] = {
    "stack": StackLayout,
    "darts": DARTSLayout,
    "nasbench101": NASBench101Layout,
    "chain": ChainLayout,
}


def get_layout(name: str) -> Layout:
    """Look a layout up by its name.

    Raises
    ------
    ValueError
        If no layout has the name.
    """
    if name not in _LAYOUTS:
        raise ValueError(f"Unknown layout {name!r} of an architecture; expected one of {sorted(_LAYOUTS)}.")
    return _LAYOUTS[name]()


class NetworkPlan(NamedTuple):
    """All of a network that is still to be made."""

    stem: Part
    layers: tuple[Part | CellPlan, ...]
    head: Part
    classify: Part


def plan_network(
    architecture: Architecture, input_shape: Sequence[int], n_classes: int, channels: int, n_cells: int
) -> NetworkPlan:
    """Plan the network of an architecture; see :class:`~skopdist.networks.Network` for the parameters."""
    layout, n_spatial = get_layout(architecture.layout), len(input_shape) - 1
    stem, width = layout.stem(input_shape, channels)
    layers = layout.layers(architecture, n_spatial, width, channels, n_cells)
    head, width = layout.head(n_spatial, cast(CellPlan, layers[-1]).width, channels)
    return NetworkPlan(stem, tuple(layers), head, Part(nn.Linear, (width, n_classes), n_classes))
