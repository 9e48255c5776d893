"""The standard operations on series, of shape (n, channels, length)."""

from __future__ import annotations

from torch import nn

from skopdist.operations._registry import register_standard

# Short, long and dilated convolutions, after the kernels of the InceptionTime and ROCKET families.


def _relu_conv_bn_1d(channels: int, kernel: int, dilation: int = 1) -> nn.Module:
    return nn.Sequential(
        nn.ReLU(),
        nn.Conv1d(channels, channels, kernel, padding=kernel // 2 * dilation, dilation=dilation, bias=False),
        nn.BatchNorm1d(channels),
    )


@register_standard("conv_3", n_spatial=1)
def _conv_3(channels: int) -> nn.Module:
    return _relu_conv_bn_1d(channels, 3)


@register_standard("conv_9", n_spatial=1)
def _conv_9(channels: int) -> nn.Module:
    return _relu_conv_bn_1d(channels, 9)


@register_standard("dil_conv_9", n_spatial=1)
def _dil_conv_9(channels: int) -> nn.Module:
    return _relu_conv_bn_1d(channels, 9, dilation=4)


@register_standard("max_pool_3", n_spatial=1)
def _max_pool_3(channels: int) -> nn.Module:
    return nn.MaxPool1d(3, stride=1, padding=1)
