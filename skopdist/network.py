"""The network around the cells: standardisation, stem, cells, reductions and head."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import cast

import torch
from numpy.typing import ArrayLike
from torch import Tensor, nn

from skopdist.architecture import Architecture, Cell
from skopdist.operations import get_operation, is_zero

_CONV = {1: nn.Conv1d, 2: nn.Conv2d}
_NORM = {1: nn.BatchNorm1d, 2: nn.BatchNorm2d}
_POOL = {1: nn.AvgPool1d, 2: nn.AvgPool2d}
# What stands at a slot of a cell: (cell type, slot, name of the operation, channels) -> module.
MakeOperation = Callable[[str, int, str, int], nn.Module]
# Beyond this many positions along an axis the stem strides, so that cells never work on more.
_LARGEST_SIDE = {1: 512, 2: 64}


def make_operation(cell_type: str, slot: int, name: str, channels: int) -> nn.Module:
    """Make the registered operation of a name, the same at every slot."""
    return get_operation(name).factory(channels)


class Standardize(nn.Module):
    """Bring raw input to zero mean and unit variance, with statistics that are no parameters.

    Parameters
    ----------
    mean, std : array-like of shape (channels,)
        Statistics of the training data; a constant channel has the standard deviation 1.
    n_spatial : int
    """

    mean: Tensor
    std: Tensor

    def __init__(self, mean: ArrayLike, std: ArrayLike, n_spatial: int) -> None:
        super().__init__()
        # Flat features may be as large as a time stamp, which float32 cannot tell apart before the mean is taken off.
        dtype = torch.float64 if n_spatial == 0 else torch.float32
        shape = (-1, *[1] * n_spatial)
        self.register_buffer("mean", torch.as_tensor(mean, dtype=dtype).reshape(shape))
        self.register_buffer("std", torch.as_tensor(std, dtype=dtype).reshape(shape))

    def forward(self, x: Tensor) -> Tensor:
        """Standardise a batch of any real dtype."""
        return (x.to(self.mean.dtype) - self.mean) / self.std  # (n, channels, ...)


class CellModule(nn.Module):
    """The torch module of a :class:`~skopdist.Cell`; a node is the sum of its incoming edges.

    Edges on no path from the input to the output keep their parameters, as published parameter counts include them,
    but are not computed.

    Parameters
    ----------
    cell : Cell
    channels : int
    cell_type : str, default="cell"
    make_operation : callable ``(cell type, slot, name, channels) -> nn.Module``, default=make_operation
    """

    def __init__(
        self, cell: Cell, channels: int, cell_type: str = "cell", make_operation: MakeOperation = make_operation
    ) -> None:
        super().__init__()
        self.operations = nn.ModuleList(
            [make_operation(cell_type, slot, name, channels) for slot, name in enumerate(cell.operations)]
        )
        self.slots = sorted(cell.live_slots(is_zero), key=lambda i: cell.edges[i][::-1])
        self.edges = cell.edges
        self.output = cell.n_nodes - 1

    def forward(self, x: Tensor) -> Tensor:
        """Map a batch of shape (n, channels, ...) to one of the same shape."""
        nodes = {0: x}
        for slot in self.slots:
            source, target = self.edges[slot]
            value = self.operations[slot](nodes[source])  # (n, channels, ...)
            nodes[target] = nodes[target] + value if target in nodes else value
        # Without a path from the input nothing arrives at the output.
        return nodes[self.output] if self.slots else x * 0


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


class Network(nn.Module):
    """A stack of equal cells between a stem and a linear head; gives logits.

    The stem and the head follow the number of dimensions of a sample. Images and series are halved, and the width
    doubled, before the cells at one and two thirds of the depth; with 15 cells, 16 channels and 32x32 colour images
    this is the network of NAS-Bench-201 [1]_.

    Parameters
    ----------
    architecture : Architecture
    input_shape : (features,), (channels, length) or (channels, height, width)
    n_classes : int
    channels : int, default=16
        Width of the first cell.
    n_cells : int, default=3
    mean, std : array-like of shape (input_shape[0],) or None, default=None
        Statistics with which input is standardised; None leaves it as it is.
    precision : {"float32", "bfloat16"}, default="float32"
        Of the matrix products while training; evaluation is always in the precision of the weights.
    make_operation : callable ``(cell type, slot, name, channels) -> nn.Module``, default=make_operation
        Makes what stands at each slot; a supernet puts all candidates there.

    Raises
    ------
    ValueError
        If an operation is unknown or one for inputs of other dimensions, or a size is not positive.

    References
    ----------
    .. [1] Dong and Yang, "NAS-Bench-201: Extending the Scope of Reproducible Neural Architecture Search",
       ICLR 2020, arXiv 2001.00326.
    """

    def __init__(
        self,
        architecture: Architecture,
        input_shape: Sequence[int],
        n_classes: int,
        channels: int = 16,
        n_cells: int = 3,
        mean: ArrayLike | None = None,
        std: ArrayLike | None = None,
        precision: str = "float32",
        make_operation: MakeOperation = make_operation,
    ) -> None:
        super().__init__()
        n_spatial = len(input_shape) - 1
        _check_sizes(input_shape, n_classes, channels, n_cells)
        for name in architecture.operations:
            operation = get_operation(name)
            if not operation.fits(n_spatial):
                raise ValueError(
                    f"The operation {name!r} takes samples with {operation.n_spatial} spatial dimensions, but the "
                    f"input shape {tuple(input_shape)} has {n_spatial}; sample the architecture from another space."
                )
        features = input_shape[0]
        self.n_spatial = n_spatial
        self.precision = precision
        self.standardize = Standardize(
            torch.zeros(features) if mean is None else mean, torch.ones(features) if std is None else std, n_spatial
        )
        self.stem = _stem(input_shape, channels)
        cell, cell_type = architecture.cells[0], architecture.cell_types[0]
        reductions = {n_cells // 3, 2 * n_cells // 3} - {0} if n_spatial else set()
        layers: list[nn.Module] = []
        for i in range(n_cells):
            if i in reductions:
                layers.append(Reduction(n_spatial, channels, 2 * channels))
                channels *= 2
            layers.append(CellModule(cell, channels, cell_type, make_operation))
        self.cells = nn.Sequential(*layers)
        norm: nn.Module = _NORM[n_spatial](channels) if n_spatial else nn.LayerNorm(channels)
        self.head = nn.Sequential(norm, nn.ReLU())
        self.classify = nn.Linear(channels, n_classes)
        if n_spatial == 2:
            # Convolutions on a CPU, and tensor cores, like the channels innermost.
            self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def forward(self, x: Tensor, sample_weight: Tensor | None = None) -> Tensor:
        """Map a batch of raw samples, shape (n, *input_shape), to logits of shape (n, n_classes).

        skorch hands the weights over with the samples; they are for the loss, and nothing here depends on them.
        """
        x = self.standardize(x).to(self.classify.weight.dtype)  # (n, features, ...)
        if self.n_spatial == 2:
            x = x.contiguous(memory_format=torch.channels_last)
        autocast = self.training and self.precision == "bfloat16"
        with torch.autocast(x.device.type, torch.bfloat16, enabled=autocast):
            x = self.head(self.cells(self.stem(x)))  # (n, width, ...)
            if self.n_spatial:
                x = x.flatten(2).mean(2)  # (n, width)
            logits = self.classify(x)  # (n, n_classes)
        return cast(Tensor, logits.to(self.classify.weight.dtype))


def _stem(input_shape: Sequence[int], channels: int) -> nn.Module:
    n_spatial = len(input_shape) - 1
    if n_spatial == 0:
        return nn.Linear(input_shape[0], channels)
    stride = -(-max(input_shape[1:]) // _LARGEST_SIDE[n_spatial])
    return nn.Sequential(
        _CONV[n_spatial](input_shape[0], channels, 3, stride=stride, padding=1, bias=False), _NORM[n_spatial](channels)
    )


def _check_sizes(input_shape: Sequence[int], n_classes: int, channels: int, n_cells: int) -> None:
    if len(input_shape) not in (1, 2, 3) or min(input_shape) < 1:
        raise ValueError(
            "input_shape must be (features,), (channels, length) or (channels, height, width) with positive sizes, "
            f"got {tuple(input_shape)}."
        )
    for name, value in (("n_classes", n_classes), ("channels", channels), ("n_cells", n_cells)):
        if value < 1:
            raise ValueError(f"{name} must be at least 1, got {value}.")
