"""The stems for series: how raw series become channels of fewer positions.

The size of a stem says from how many channels to how many, and by how much the length is divided. It
convolves at up to eight times the positions that are wanted, and the largest value of each window goes on: short
patterns are found at whatever position, and the cells behind have little to compute. Where a series is longer than
that, the convolutions stride.
"""

from __future__ import annotations

import math
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from skopdist.operations._ends import average, clear
from skopdist.operations._registry import register_standard_stem
from skopdist.operations._rows import SeriesConv, SeriesNorm, SeriesPool, beside, divided
from skopdist.operations._sizes import OperationSize

_LARGEST_WINDOW = 8
_SMALLEST_VARIANCE = 1e-4
_SCALES = (9, 19, 39)
# Of fixed filters, for each series, that are in memory at a time.
_MOST_RESPONSES = 2**21
# Lengths of the fixed filters.
_ALTERNATING, _PEAKS = (2, 4, 8, 16, 32, 64), (6, 12, 24, 48, 96)


class SeriesStem(nn.Module):
    """Convolve series with kernels of one or several lengths, and keep the largest value of each window.

    The longest kernels reach over all that is put together, so that every position counts, whichever is the largest.

    Parameters
    ----------
    size : OperationSize
        Of any stride.
    kernels : tuple of int
        Odd; the channels are divided among them. The longest is made longer where the stride asks for it.
    is_fixed : bool, default=False
        Whether the responses to fixed filters are added, mixed by learnt weights; see :class:`FixedFilters`.
    """

    def __init__(self, size: OperationSize, kernels: tuple[int, ...], is_fixed: bool = False) -> None:
        super().__init__()
        channels_in, channels_out, stride = size
        self.window = next(w for w in range(min(stride, _LARGEST_WINDOW), 0, -1) if stride % w == 0)
        step = stride // self.window
        # The longest first, so that it is there even for a single channel.
        lengths = sorted(kernels, reverse=True)
        lengths[0] = max(lengths[0], 2 * stride - 1)
        pairs = [(width, k) for width, k in zip(divided(channels_out, len(lengths)), lengths, strict=True) if width]
        self.convs = nn.ModuleList([SeriesConv(channels_in, width, max(k, 2 * step - 1), step) for width, k in pairs])
        self.fixed = FixedFilters(OperationSize(channels_in, channels_out, step)) if is_fixed else None
        self.norm = SeriesNorm(channels_out)
        self.pool = SeriesPool("max", self.window, self.window)

    def forward(self, x: Tensor) -> Tensor:
        """Map (n, channels_in, length) to (n, channels_out, length / stride), rounded up."""
        y = beside([conv(x) for conv in self.convs])  # (n, channels_out, length / step)
        if self.fixed is not None:
            y = y + self.fixed(x)
        y = self.norm(y)
        return cast(Tensor, self.pool(functional.relu(y))) if self.window > 1 else y


class FixedFilters(nn.Module):
    """Look for steps, oscillations and peaks of several lengths in each channel of series, and mix what is found.

    The filters are not learnt, and what is below zero is cut off: up and down are different things. They are after
    those of LITE [1]_: alternating signs of 2 to 64 positions, which for two is a rise or a fall, and peaks of 6 to 96
    positions, here one period of a cosine. Each has unit norm, and the level of a series does not move it. Parameters
    are only the weights with which the normalised responses are mixed.

    Parameters
    ----------
    size : OperationSize
        Of any stride; between two positions the largest response is kept.

    References
    ----------
    .. [1] Ismail-Fawaz et al., "Look Into the LITE in Deep Learning for Time Series Classification", 2024,
       arXiv 2409.02869, section 3.
    """

    filters: Tensor

    def __init__(self, size: OperationSize) -> None:
        super().__init__()
        channels_in, channels_out, stride = size
        self.stride = stride
        self.register_buffer("filters", _fixed_filters(), persistent=False)
        self.pool = SeriesPool("max", stride, stride)
        self.norm = SeriesNorm(channels_in * len(self.filters))
        self.mix = SeriesConv(channels_in * len(self.filters), channels_out, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Map (n, channels_in, length) to (n, channels_out, length / stride), rounded up."""
        # A few channels at a time: there are many times as many responses as values, before they are pooled.
        step = max(1, _MOST_RESPONSES // (len(self.filters) * x.shape[2]))
        parts = [self._respond(part) for part in x.split(step, dim=1)]
        found = beside(parts) if len(parts) > 1 else parts[0]
        return cast(Tensor, self.mix(self.norm(found)))

    def _respond(self, x: Tensor) -> Tensor:
        """Map (n, m, length) to (n, m * n_filters, length / stride)."""
        n, channels, length = x.shape
        rows = x.reshape(n * channels, 1, 1, length)
        width = self.filters.shape[3]
        found = functional.conv2d(rows, self.filters.to(x.dtype), padding=(0, width // 2)).relu()
        found = found.reshape(n, channels * len(self.filters), length)
        return cast(Tensor, self.pool(found)) if self.stride > 1 else found


def _fixed_filters() -> Tensor:
    """Make the filters, shape (n_filters, 1, 1, width): each in the middle of as many positions as the longest has."""
    filters: list[Tensor] = []
    for length in _ALTERNATING:
        signs = 1 - 2 * (torch.arange(length) % 2.0)
        filters += [signs, -signs]
    filters += [-torch.cos(2 * math.pi * (torch.arange(length) + 0.5) / length) for length in _PEAKS]
    width = 2 * (max(map(len, filters)) // 2) + 1
    rows = torch.zeros(len(filters), 1, 1, width)
    for row, taps in zip(rows, filters, strict=True):
        begin = (width - len(taps)) // 2
        row[0, 0, begin : begin + len(taps)] = taps / taps.norm()
    return rows


class NormalizeEach(nn.Module):
    """Bring each channel of each series to zero mean and unit variance over its positions.

    Level and scale of a series then say nothing. Input is standardised before, over all series: one that varies by
    much less than a hundredth of what they vary is taken for constant, and stays small.
    """

    def forward(self, x: Tensor) -> Tensor:
        """Map (n, channels, length) to the same shape."""
        centred = clear(x - average(x)[:, :, None])
        return centred / (average(centred.square())[:, :, None] + _SMALLEST_VARIANCE).sqrt()


@register_standard_stem("multi_scale_stem", n_spatial=1)
def _multi_scale_stem(size: OperationSize) -> nn.Module:
    return SeriesStem(size, _SCALES)


@register_standard_stem("fixed_filter_stem", n_spatial=1)
def _fixed_filter_stem(size: OperationSize) -> nn.Module:
    return SeriesStem(size, _SCALES, is_fixed=True)


@register_standard_stem("conv_9_stem", n_spatial=1)
def _conv_9_stem(size: OperationSize) -> nn.Module:
    return SeriesStem(size, (9,))


@register_standard_stem("normalizing_stem", n_spatial=1)
def _normalizing_stem(size: OperationSize) -> nn.Module:
    return nn.Sequential(NormalizeEach(), SeriesStem(size, _SCALES))
