"""The standard operations on series, of shape (n, channels, length)."""

from __future__ import annotations

from typing import cast

from torch import Tensor, nn
from torch.nn import functional

from skopdist.operations._registry import register_standard
from skopdist.operations._rows import SeriesConv, SeriesNorm, SeriesPool, beside, divided

# The lengths at which the Inception family looks at a series at once, made odd (arXiv 1909.04939).
_SCALES = (9, 19, 39)


def _relu_conv_bn_1d(channels: int, kernel: int, dilation: int = 1) -> nn.Module:
    return nn.Sequential(nn.ReLU(), SeriesConv(channels, channels, kernel, dilation=dilation), SeriesNorm(channels))


class SeparableConv(nn.Module):
    """Convolve each channel by itself, with kernels of one or several lengths, and mix the channels afterwards.

    Parameters
    ----------
    channels : int
    kernels : tuple of int
        The channels are divided among them.
    """

    def __init__(self, channels: int, kernels: tuple[int, ...]) -> None:
        super().__init__()
        # A few channels do not need all lengths.
        self.widths = [width for width in divided(channels, len(kernels)) if width]
        self.convs = nn.ModuleList(
            [
                SeriesConv(width, width, kernel, groups=width)
                for width, kernel in zip(self.widths, kernels, strict=False)
            ]
        )
        self.mix = nn.Sequential(SeriesConv(channels, channels, 1), SeriesNorm(channels))

    def forward(self, x: Tensor) -> Tensor:
        """Map (n, channels, length) to the same shape."""
        parts = functional.relu(x).split(self.widths, dim=1)
        return cast(Tensor, self.mix(beside([conv(part) for conv, part in zip(self.convs, parts, strict=True)])))


class Inception(nn.Module):
    """Look at a few mixtures of the channels with kernels of several lengths, and at the largest values nearby.

    A block of InceptionTime [1]_: after a bottleneck to a quarter of the channels, but 8 at least, convolutions with
    kernels of 9, 19 and 39 positions; beside them, the maximum of three neighbours. Each makes a quarter of the result.

    Parameters
    ----------
    channels : int

    References
    ----------
    .. [1] Ismail Fawaz et al., "InceptionTime: Finding AlexNet for Time Series Classification", 2020,
       arXiv 1909.04939.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        narrow = min(channels, max(8, channels // 4))
        *widths, pooled = divided(channels, len(_SCALES) + 1)
        self.bottleneck = SeriesConv(channels, narrow, 1)
        pairs = [(width, kernel) for width, kernel in zip(widths, _SCALES, strict=True) if width]
        self.convs = nn.ModuleList([SeriesConv(narrow, width, kernel) for width, kernel in pairs])
        self.pool = nn.Sequential(SeriesPool("max", 3), SeriesConv(channels, pooled, 1)) if pooled else None
        self.norm = SeriesNorm(channels)

    def forward(self, x: Tensor) -> Tensor:
        """Map (n, channels, length) to the same shape."""
        x = functional.relu(x)
        narrow = self.bottleneck(x)  # (n, narrow, length)
        parts = [conv(narrow) for conv in self.convs]
        if self.pool is not None:
            parts.append(self.pool(x))
        return cast(Tensor, self.norm(beside(parts)))


@register_standard("conv_3", n_spatial=1)
def _conv_3(channels: int) -> nn.Module:
    return _relu_conv_bn_1d(channels, 3)


@register_standard("conv_5", n_spatial=1)
def _conv_5(channels: int) -> nn.Module:
    return _relu_conv_bn_1d(channels, 5)


@register_standard("conv_9", n_spatial=1)
def _conv_9(channels: int) -> nn.Module:
    return _relu_conv_bn_1d(channels, 9)


@register_standard("dil_conv_9", n_spatial=1)
def _dil_conv_9(channels: int) -> nn.Module:
    return _relu_conv_bn_1d(channels, 9, dilation=4)


@register_standard("sep_conv_9", n_spatial=1)
def _sep_conv_9(channels: int) -> nn.Module:
    return SeparableConv(channels, (9,))


@register_standard("sep_conv_19", n_spatial=1)
def _sep_conv_19(channels: int) -> nn.Module:
    return SeparableConv(channels, (19,))


@register_standard("multi_sep_conv", n_spatial=1)
def _multi_sep_conv(channels: int) -> nn.Module:
    return SeparableConv(channels, _SCALES)


@register_standard("inception", n_spatial=1)
def _inception(channels: int) -> nn.Module:
    return Inception(channels)


@register_standard("max_pool_3", n_spatial=1)
def _max_pool_3(channels: int) -> nn.Module:
    return SeriesPool("max", 3)


@register_standard("avg_pool_9", n_spatial=1)
def _avg_pool_9(channels: int) -> nn.Module:
    return SeriesPool("avg", 9)
