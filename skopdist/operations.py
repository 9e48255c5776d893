"""The registry of operations and the standard ones.

An operation is a name and a factory ``channels -> nn.Module`` that keeps the shape of its input. Registering another
one takes a decorator::

    @register_operation("wide_conv", n_spatial=2)
    def wide_conv(channels):
        return nn.Sequential(...)

Where a cell strides or changes width, an operation that can do so itself is asked to, with its ``resized`` factory;
any other one stands behind a 1x1 convolution that does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple, cast

import torch
from torch import Tensor, nn
from torch.nn import functional

Factory = Callable[[int], nn.Module]


class OperationSize(NamedTuple):
    """What an operation does to the shape of its input.

    Attributes
    ----------
    channels_in, channels_out : int
    stride : int
        By how much every axis is divided, rounded up.
    """

    channels_in: int
    channels_out: int
    stride: int = 1

    @property
    def keeps_shape(self) -> bool:
        """Whether the shape stays as it is."""
        return self.stride == 1 and self.channels_in == self.channels_out


ResizedFactory = Callable[[OperationSize], nn.Module]


@dataclass(frozen=True)
class Operation:
    """A candidate operation.

    Attributes
    ----------
    name : str
    factory : callable ``channels -> nn.Module``
        Makes a module that keeps the shape of its input.
    n_spatial : int or None
        Number of dimensions behind the channels (2 for images, 1 for series, 0 for flat input) that the module takes;
        None if any number will do.
    is_zero : bool
        Whether the operation passes nothing on, so that a network may leave it out.
    is_identity : bool
        Whether the operation passes its input on unchanged, so that a path through it is a shorter path.
    resized : callable ``OperationSize -> nn.Module`` or None
        Makes a module that strides or changes the width of images.
    """

    name: str
    factory: Factory
    n_spatial: int | None = None
    is_zero: bool = False
    is_identity: bool = False
    resized: ResizedFactory | None = None

    def make(self, size: OperationSize) -> nn.Module:
        """Make a module of a size; the dimensions of flat input and series are always kept."""
        if size.keeps_shape:
            return self.factory(size.channels_out)
        if self.resized is not None:
            return self.resized(size)
        return nn.Sequential(_relu_conv_bn(size, 1), self.factory(size.channels_out))

    def fits(self, n_spatial: int) -> bool:
        """Whether the operation takes inputs with so many dimensions behind the channels."""
        return self.n_spatial is None or self.n_spatial == n_spatial


_REGISTRY: dict[str, Operation] = {}


def register_operation(
    name: str,
    *,
    n_spatial: int | None = None,
    is_zero: bool = False,
    is_identity: bool = False,
    resized: ResizedFactory | None = None,
) -> Callable[[Factory], Factory]:
    """Register the decorated factory under a name.

    Parameters
    ----------
    name : str
    n_spatial : {0, 1, 2} or None, default=None
        Number of dimensions behind the channels that the module takes; None if any number will do.
    is_zero : bool, default=False
        Whether the operation passes nothing on.
    is_identity : bool, default=False
        Whether the operation passes its input on unchanged.
    resized : callable ``OperationSize -> nn.Module`` or None, default=None
        Makes the operation where a cell strides or changes the width of images; None puts a 1x1 convolution that does
        so before the operation.

    Returns
    -------
    decorator : callable

    Raises
    ------
    ValueError
        If another factory has the name already.

    Examples
    --------
    >>> from torch import nn
    >>> from skopdist.operations import register_operation, get_operation
    >>> @register_operation("linear_elu", n_spatial=0)
    ... def linear_elu(channels):
    ...     return nn.Sequential(nn.Linear(channels, channels), nn.ELU())
    >>> get_operation("linear_elu").factory(4)
    Sequential(
      (0): Linear(in_features=4, out_features=4, bias=True)
      (1): ELU(alpha=1.0)
    )
    """

    def decorator(factory: Factory) -> Factory:
        known = _REGISTRY.get(name)
        # A module that is imported anew (a notebook cell run twice) registers the same factory again.
        if known is not None and known.factory.__qualname__ != factory.__qualname__:
            raise ValueError(f"The operation name {name!r} is taken by {known.factory!r}; choose another name.")
        _REGISTRY[name] = Operation(name, factory, n_spatial, is_zero, is_identity, resized)
        return factory

    return decorator


def get_operation(name: str) -> Operation:
    """Look an operation up by its name.

    Raises
    ------
    ValueError
        If no operation has the name.
    """
    try:
        return _REGISTRY[name]
    except KeyError:
        raise ValueError(
            f"Unknown operation {name!r}; the registered ones are {sorted(_REGISTRY)}. "
            "Register others with skopdist.operations.register_operation."
        ) from None


def is_zero(name: str) -> bool:
    """Whether the named operation passes nothing on."""
    return get_operation(name).is_zero


def is_identity(name: str) -> bool:
    """Whether the named operation passes its input on unchanged."""
    return get_operation(name).is_identity


class Zero(nn.Module):
    """Pass zeros on, with a gradient of zero."""

    def forward(self, x: Tensor) -> Tensor:
        """Give zeros of the shape of `x`."""
        return x * 0


class ResizedZero(nn.Module):
    """Pass zeros of another shape on, with a gradient of zero."""

    def __init__(self, size: OperationSize) -> None:
        super().__init__()
        self.size = size

    def forward(self, x: Tensor) -> Tensor:
        """Map (n, channels_in, height, width) to zeros of (n, channels_out, height / stride, width / stride)."""
        strided = x[:, :1, :: self.size.stride, :: self.size.stride]
        return strided.expand(-1, self.size.channels_out, -1, -1) * 0


class PointwiseConv(nn.Conv2d):
    """Convolve images with kernels of 1x1, without bias; a stride leaves positions out before the convolution.

    The sums are those of a strided convolution. torch's own kernel for it is avoided: on processors with AVX2 and
    without AVX-512, the backward pass of oneDNN (torch 2.13) writes beyond its memory where the kernel is 1x1, the
    stride 2, the channels are innermost in memory and fewer than 8, and the process dies.

    Parameters
    ----------
    channels_in, channels_out : int
    stride : int, default=1
    """

    def __init__(self, channels_in: int, channels_out: int, stride: int = 1) -> None:
        super().__init__(channels_in, channels_out, 1, bias=False)
        self.skip = stride

    def forward(self, x: Tensor) -> Tensor:
        """Map (n, channels_in, height, width) to (n, channels_out, height / stride, width / stride), rounded up."""
        return super().forward(x if self.skip == 1 else x[:, :, :: self.skip, :: self.skip])


def make_conv(size: OperationSize, kernel: int) -> nn.Conv2d:
    """Make a convolution of images with kernels of an odd size, without bias, that keeps the sides or strides."""
    if kernel == 1:
        return PointwiseConv(*size)
    return nn.Conv2d(size.channels_in, size.channels_out, kernel, size.stride, kernel // 2, bias=False)


class FactorizedReduce(nn.Module):
    """Halve every axis by two 1x1 convolutions, one of which looks at every other position and one at the rest.

    Parameters
    ----------
    channels_in, channels_out : int
    """

    def __init__(self, channels_in: int, channels_out: int) -> None:
        super().__init__()
        half = channels_out // 2
        # A single channel leaves nothing for the second convolution.
        widths = [width for width in (channels_out - half, half) if width]
        self.convs = nn.ModuleList([PointwiseConv(channels_in, width, 2) for width in widths])
        self.norm = nn.BatchNorm2d(channels_out)

    def forward(self, x: Tensor) -> Tensor:
        """Map (n, channels_in, height, width) to (n, channels_out, height / 2, width / 2), rounded up."""
        x = functional.relu(x)
        # Odd sides are padded for the shifted half; on even sides nothing looks at the padding.
        shifted = functional.pad(x, (0, 1, 0, 1))[:, :, 1:, 1:]
        halves = [conv(part) for conv, part in zip(self.convs, (x, shifted), strict=False)]
        return self.norm(torch.cat(halves, dim=1))  # (n, channels_out, height / 2, width / 2)


def resized_identity(size: OperationSize) -> nn.Module:
    """Make what stands for an identity where images are halved or brought to another width (DARTS, arXiv 1806.09055).

    The width may stay as it is; what is made is a convolution all the same.
    """
    if size.stride == 2:
        return FactorizedReduce(size.channels_in, size.channels_out)
    return _relu_conv_bn(size, 1)


@register_operation("none", is_zero=True, resized=ResizedZero)
def _none(channels: int) -> nn.Module:
    return Zero()


@register_operation("skip_connect", is_identity=True, resized=resized_identity)
def _skip(channels: int) -> nn.Module:
    return nn.Identity()


def _register_2d(name: str, make: ResizedFactory) -> None:
    """Register an operation on images that is made in the same way whether or not it resizes."""

    def factory(channels: int) -> nn.Module:
        return make(OperationSize(channels, channels))

    register_operation(name, n_spatial=2, resized=make)(factory)


# Images: the operations of NAS-Bench-201 (Dong & Yang 2020, arXiv 2001.00326, section 2.1).


def _relu_conv_bn(size: OperationSize, kernel: int) -> nn.Module:
    return nn.Sequential(
        nn.ReLU(),
        make_conv(size, kernel),
        nn.BatchNorm2d(size.channels_out),
    )


def _pool(size: OperationSize, pool: nn.Module) -> nn.Module:
    # Pooling cannot change the width.
    if size.channels_in == size.channels_out:
        return pool
    return nn.Sequential(pool, _relu_conv_bn(OperationSize(size.channels_in, size.channels_out), 1))


def _avg_pool_3x3(size: OperationSize) -> nn.Module:
    return _pool(size, nn.AvgPool2d(3, stride=size.stride, padding=1, count_include_pad=False))


_register_2d("nor_conv_1x1", lambda size: _relu_conv_bn(size, 1))
_register_2d("nor_conv_3x3", lambda size: _relu_conv_bn(size, 3))
_register_2d("avg_pool_3x3", _avg_pool_3x3)


class DepthwiseConv(nn.Module):
    """Convolve each channel of images by itself, without bias.

    Where training is in bfloat16 on a CPU this is computed in float32: torch's kernels for bfloat16 take two to twenty
    times as long there, when they dilate, stride or are larger than three.

    Parameters
    ----------
    channels, kernel : int
    stride, dilation : int, default=1
    """

    def __init__(self, channels: int, kernel: int, stride: int = 1, dilation: int = 1) -> None:
        super().__init__()
        padding = kernel // 2 * dilation
        self.conv = nn.Conv2d(channels, channels, kernel, stride, padding, dilation, groups=channels, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """Map (n, channels, height, width) to (n, channels, height / stride, width / stride)."""
        if x.device.type != "cpu" or not torch.is_autocast_enabled("cpu"):
            return cast(Tensor, self.conv(x))
        with torch.autocast("cpu", enabled=False):
            return cast(Tensor, self.conv(x.float()))


# Images: further operations of the DARTS space (Liu et al. 2019, arXiv 1806.09055, section 3.1.1).


def _max_pool_3x3(size: OperationSize) -> nn.Module:
    return _pool(size, nn.MaxPool2d(3, stride=size.stride, padding=1))


def _separable(size: OperationSize, kernel: int, dilation: int = 1) -> list[nn.Module]:
    channels_in, channels_out, stride = size
    return [
        nn.ReLU(),
        DepthwiseConv(channels_in, kernel, stride, dilation),
        nn.Conv2d(channels_in, channels_out, 1, bias=False),
        nn.BatchNorm2d(channels_out),
    ]


def _sep_conv(size: OperationSize, kernel: int) -> nn.Module:
    # Twice, of which the first one strides and the second one changes the width.
    first = OperationSize(size.channels_in, size.channels_in, size.stride)
    second = OperationSize(size.channels_in, size.channels_out)
    return nn.Sequential(*_separable(first, kernel), *_separable(second, kernel))


def _dil_conv(size: OperationSize, kernel: int) -> nn.Module:
    return nn.Sequential(*_separable(size, kernel, dilation=2))


_register_2d("max_pool_3x3", _max_pool_3x3)
for _kernel in (3, 5):
    _register_2d(f"sep_conv_{_kernel}x{_kernel}", partial(_sep_conv, kernel=_kernel))
    _register_2d(f"dil_conv_{_kernel}x{_kernel}", partial(_dil_conv, kernel=_kernel))


# Images: the layers of NAS-Bench-Macro (Su et al. 2021, arXiv 2103.11922, section 4.1).


class InvertedResidual(nn.Module):
    """An inverted residual block: widen, convolve each channel by itself, narrow (arXiv 1801.04381, section 3.3).

    Parameters
    ----------
    size : OperationSize
        Where the shape is kept, the input is added to the output.
    kernel : int
    expansion : int
        By how much the input is widened.
    """

    def __init__(self, size: OperationSize, kernel: int, expansion: int) -> None:
        super().__init__()
        channels_in, channels_out, stride = size
        hidden = channels_in * expansion
        self.adds_input = size.keeps_shape
        self.body = nn.Sequential(
            nn.Conv2d(channels_in, hidden, 1, bias=False),
            nn.BatchNorm2d(hidden),
            nn.ReLU(),
            DepthwiseConv(hidden, kernel, stride),
            nn.BatchNorm2d(hidden),
            nn.ReLU(),
            nn.Conv2d(hidden, channels_out, 1, bias=False),
            nn.BatchNorm2d(channels_out),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Map (n, channels_in, height, width) to (n, channels_out, height / stride, width / stride)."""
        y = self.body(x)  # (n, channels_out, ...)
        return x + y if self.adds_input else y


def _resized_layer(size: OperationSize) -> nn.Module:
    return nn.Sequential(
        make_conv(size, 1),
        nn.BatchNorm2d(size.channels_out),
    )


@register_operation("identity", is_identity=True, n_spatial=2, resized=_resized_layer)
def _identity(channels: int) -> nn.Module:
    return nn.Identity()


_register_2d("mb_conv_3x3_e3", partial(InvertedResidual, kernel=3, expansion=3))
_register_2d("mb_conv_5x5_e6", partial(InvertedResidual, kernel=5, expansion=6))


# Images: the operations of NAS-Bench-101 (Ying et al. 2019, arXiv 1902.09635, section 2.1), under their names there.


def conv_bn_relu(size: OperationSize, kernel: int) -> nn.Module:
    """Make a convolution of images, batch normalisation and ReLU."""
    return nn.Sequential(
        make_conv(size, kernel),
        nn.BatchNorm2d(size.channels_out),
        nn.ReLU(),
    )


_register_2d("conv1x1-bn-relu", partial(conv_bn_relu, kernel=1))
_register_2d("conv3x3-bn-relu", partial(conv_bn_relu, kernel=3))
_register_2d("maxpool3x3", _max_pool_3x3)


# Series: short, long and dilated convolutions, after the kernels of the InceptionTime and ROCKET families.


def _relu_conv_bn_1d(channels: int, kernel: int, dilation: int = 1) -> nn.Module:
    return nn.Sequential(
        nn.ReLU(),
        nn.Conv1d(channels, channels, kernel, padding=kernel // 2 * dilation, dilation=dilation, bias=False),
        nn.BatchNorm1d(channels),
    )


@register_operation("conv_3", n_spatial=1)
def _conv_3(channels: int) -> nn.Module:
    return _relu_conv_bn_1d(channels, 3)


@register_operation("conv_9", n_spatial=1)
def _conv_9(channels: int) -> nn.Module:
    return _relu_conv_bn_1d(channels, 9)


@register_operation("dil_conv_9", n_spatial=1)
def _dil_conv_9(channels: int) -> nn.Module:
    return _relu_conv_bn_1d(channels, 9, dilation=4)


@register_operation("max_pool_3", n_spatial=1)
def _max_pool_3(channels: int) -> nn.Module:
    return nn.MaxPool1d(3, stride=1, padding=1)


# Flat input. Layer normalisation, for statistics over a batch fail on a batch of one and leak between samples.


def _norm_linear(channels: int, activation: nn.Module, width: int = 1) -> nn.Module:
    return nn.Sequential(nn.LayerNorm(channels), nn.Linear(channels, channels * width), activation)


@register_operation("linear_relu", n_spatial=0)
def _linear_relu(channels: int) -> nn.Module:
    return _norm_linear(channels, nn.ReLU())


@register_operation("linear_silu", n_spatial=0)
def _linear_silu(channels: int) -> nn.Module:
    return _norm_linear(channels, nn.SiLU())


@register_operation("linear_tanh", n_spatial=0)
def _linear_tanh(channels: int) -> nn.Module:
    return _norm_linear(channels, nn.Tanh())


@register_operation("gated_linear", n_spatial=0)
def _gated_linear(channels: int) -> nn.Module:
    # Gated linear units: Dauphin et al. 2017, arXiv 1612.08083.
    return _norm_linear(channels, nn.GLU(dim=1), width=2)


# Those above come with the library, in every process; see `own_operations`.
_STANDARD = frozenset(_REGISTRY)


def own_operations(names: Iterable[str]) -> tuple[Operation, ...]:
    """List the operations of these names that the library does not bring along, so that a worker must be given them.

    Unknown names are left out.
    """
    return tuple(_REGISTRY[name] for name in names if name in _REGISTRY and name not in _STANDARD)


def adopt_operations(operations: Iterable[Operation]) -> None:
    """Register operations that another process has registered, in the place of any of the same names."""
    _REGISTRY.update({operation.name: operation for operation in operations})
