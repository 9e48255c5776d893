"""The operations that compute nothing: the zero and the identity. They take any kind of data."""

from __future__ import annotations

from torch import Tensor, nn

from skopdist.operations._convolutions import FactorizedReduce, relu_conv_bn
from skopdist.operations._registry import register_standard
from skopdist.operations._sizes import OperationSize


class Zero(nn.Module):
    """Pass zeros on, with a gradient of zero."""

    def forward(self, x: Tensor) -> Tensor:
        """Return zeros of the shape of `x`."""
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


def resized_identity(size: OperationSize) -> nn.Module:
    """Make what stands for an identity where images are halved or brought to another width (DARTS, arXiv 1806.09055).

    The width may stay as it is; what is made is a convolution all the same.
    """
    if size.stride == 2:
        return FactorizedReduce(size.channels_in, size.channels_out)
    return relu_conv_bn(size, 1)


@register_standard("none", is_zero=True, resized=ResizedZero)
def _none(channels: int) -> nn.Module:
    return Zero()


@register_standard("skip_connect", is_identity=True, resized=resized_identity)
def _skip(channels: int) -> nn.Module:
    return nn.Identity()
