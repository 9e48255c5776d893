"""The registry of operations and the standard ones.

An operation is a name and a factory ``channels -> nn.Module`` that keeps the shape of its input. Registering another
one takes a decorator::

    @register_operation("sep_conv_3x3", n_spatial=2)
    def sep_conv_3x3(channels):
        return nn.Sequential(...)
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor, nn

Factory = Callable[[int], nn.Module]


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
    """

    name: str
    factory: Factory
    n_spatial: int | None = None
    is_zero: bool = False
    is_identity: bool = False

    def fits(self, n_spatial: int) -> bool:
        """Whether the operation takes inputs with so many dimensions behind the channels."""
        return self.n_spatial is None or self.n_spatial == n_spatial


_REGISTRY: dict[str, Operation] = {}


def register_operation(
    name: str, *, n_spatial: int | None = None, is_zero: bool = False, is_identity: bool = False
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
        _REGISTRY[name] = Operation(name, factory, n_spatial, is_zero, is_identity)
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


@register_operation("none", is_zero=True)
def _none(channels: int) -> nn.Module:
    return Zero()


@register_operation("skip_connect", is_identity=True)
def _skip(channels: int) -> nn.Module:
    return nn.Identity()


# Images: the operations of NAS-Bench-201 (Dong & Yang 2020, arXiv 2001.00326, section 2.1).


def _relu_conv_bn_2d(channels: int, kernel: int) -> nn.Module:
    return nn.Sequential(
        nn.ReLU(),
        nn.Conv2d(channels, channels, kernel, padding=kernel // 2, bias=False),
        nn.BatchNorm2d(channels),
    )


@register_operation("nor_conv_1x1", n_spatial=2)
def _nor_conv_1x1(channels: int) -> nn.Module:
    return _relu_conv_bn_2d(channels, 1)


@register_operation("nor_conv_3x3", n_spatial=2)
def _nor_conv_3x3(channels: int) -> nn.Module:
    return _relu_conv_bn_2d(channels, 3)


@register_operation("avg_pool_3x3", n_spatial=2)
def _avg_pool_3x3(channels: int) -> nn.Module:
    return nn.AvgPool2d(3, stride=1, padding=1, count_include_pad=False)


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
