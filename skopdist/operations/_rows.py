"""The layers of series: those of images, on images of one row.

torch's kernels for images with the channels innermost in memory are faster on a CPU than those for series: forward and
backward, 32 series of 256 positions and 32 channels take 2.0 ms instead of 2.4 with full kernels of 9, .6 instead of
1.8 where each channel has a kernel of 9 by itself, and 3.1 instead of 12.4 with one of 39. All layers here keep the
channels innermost, so that nothing is copied between them.

Where series of a batch are padded, normalisations and pools take what is before the ends alone, and leave zeros behind
them; see :mod:`skopdist.operations._ends`. Convolutions see these zeros as they see those around a tensor.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from skopdist.operations._ends import clear, current_ends


def as_rows(x: Tensor) -> Tensor:
    """View series, shape (n, channels, length), as images of one row, shape (n, channels, 1, length)."""
    return x.unsqueeze(2)


class SeriesConv(nn.Conv2d):
    """Convolve series, without bias; the length stays, or is divided by the stride and rounded up.

    Parameters
    ----------
    channels_in, channels_out : int
    kernel : int
        Of odd size.
    stride, dilation : int, default=1
    groups : int, default=1
    """

    def __init__(
        self, channels_in: int, channels_out: int, kernel: int, stride: int = 1, dilation: int = 1, groups: int = 1
    ) -> None:
        padding = (0, kernel // 2 * dilation)
        super().__init__(
            channels_in, channels_out, (1, kernel), (1, stride), padding, (1, dilation), groups=groups, bias=False
        )

    def forward(self, x: Tensor) -> Tensor:
        """Map (n, channels_in, length) to (n, channels_out, length / stride)."""
        _note_stride(x, self.stride[1])
        if x.shape[2] == 1:
            # Around a single position there is nothing: only the middle of the kernels counts.
            middle = self.weight[:, :, 0, self.kernel_size[1] // 2]
            if self.groups == 1:
                return functional.linear(x[:, :, 0], middle)[:, :, None]
            if self.groups == len(middle):
                return x * middle
        rows = as_rows(x).contiguous(memory_format=torch.channels_last)
        return super().forward(rows).squeeze(2)


def at_point(module: nn.Module) -> nn.Module:
    """Return a module for series of a single position: its kernels have a single value.

    With longer ones it would compute the same, and drag weights along that nothing moves.
    """
    if type(module) is SeriesConv:
        return SeriesConv(module.in_channels, module.out_channels, 1, groups=module.groups)
    for name, child in module.named_children():
        setattr(module, name, at_point(child))
    return module


class SeriesNorm(nn.BatchNorm2d):
    """Normalise each channel of series over batch and positions."""

    def forward(self, x: Tensor) -> Tensor:
        """Map (n, channels, length) to the same shape."""
        ends = current_ends()
        return super().forward(as_rows(x)).squeeze(2) if ends is None else ends.apply_before(super().forward, x)


class SeriesPool(nn.Module):
    """Take the largest value or the average of a window around each position, or around every so many.

    Parameters
    ----------
    kind : {"max", "avg"}
    kernel : int
        Of odd size, or as large as the stride: then the windows lie side by side, and the last may be cut short.
    stride : int, default=1
    """

    def __init__(self, kind: str, kernel: int, stride: int = 1) -> None:
        super().__init__()
        size, step, padding = (1, kernel), (1, stride), (0, 0 if kernel == stride else kernel // 2)
        ceil = kernel == stride
        self.stride = stride
        self.pool = (
            nn.MaxPool2d(size, step, padding, ceil_mode=ceil)
            if kind == "max"
            else nn.AvgPool2d(size, step, padding, ceil_mode=ceil, count_include_pad=False)
        )

    def forward(self, x: Tensor) -> Tensor:
        """Map (n, channels, length) to (n, channels, length / stride)."""
        _note_stride(x, self.stride)
        if isinstance(self.pool, nn.MaxPool2d):
            return clear(self.pool(as_rows(clear(x, -math.inf))).squeeze(2))
        averages = self.pool(as_rows(clear(x))).squeeze(2)
        ends = current_ends()
        if ends is not None:
            # The share of each window that is before the end.
            shares = self.pool(as_rows(ends.mask(x.shape[2]).to(x.dtype))).squeeze(2)
            averages = clear(averages / shares)
        return averages


def _note_stride(x: Tensor, stride: int) -> None:
    """Let the layers behind know where series end after a stride."""
    ends = current_ends()
    if ends is not None and stride > 1:
        ends.divide(x.shape[2], stride)


def beside(parts: Sequence[Tensor]) -> Tensor:
    """Put the channels of series beside each other, innermost in memory: shapes (n, channels, length)."""
    return torch.cat([as_rows(part) for part in parts], dim=1).squeeze(2)


def divided(channels: int, n: int) -> list[int]:
    """Divide channels among so many parts, the first of which have one more where it does not come out even."""
    return [len(part) for part in torch.arange(channels, device="cpu").tensor_split(n)]
