"""The stem for series that is hardly learnt: how often patterns of many lengths occur."""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import combinations
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from skopdist.operations._ends import current_ends
from skopdist.operations._registry import register_standard_stem
from skopdist.operations._rows import SeriesConv, SeriesNorm, as_rows
from skopdist.operations._sizes import OperationSize

_TAPS, _HEAVY = 9, 3
_N_DILATIONS, _N_THRESHOLDS = 8, 4
# Of longer series, patterns are looked for at every second position, at every third, and so on.
_MOST_POSITIONS = 512
# Channels that a kernel looks at, where there are many.
_MOST_CHANNELS = 9
# Samples that thresholds and scales are chosen by, and values of each kernel in them.
_MOST_SEEN, _MOST_VALUES = 64, 2047
# Numbers that are held at a time: as many as fit into the cache of a core, which takes half of the seconds of 2**22.
_BLOCK = 2**18
# Multiples of the golden ratio are spread evenly between 0 and 1.
_GOLDEN = (math.sqrt(5) - 1) / 2
# How near to a threshold a value counts in part, so that rounding errors, as where a series is flat, do not decide.
_SOFTNESS = 1e-3
# Features that hardly vary are not blown up.
_SMALLEST_DEVIATION = 0.04


class MiniRocketFeatures(nn.Module):
    """Convolve series with many fixed kernels, and tell at how many positions each is above a threshold.

    The kernels are those of MiniRocket [1]_: of nine values three are 2 and the others -1, in all 84 ways, so that the
    level of a series does not matter. Each is stretched by eight dilations, as far as the series is long. The
    thresholds are quantiles of what the kernels give in samples that are seen before a training, four for each kernel
    and dilation. MiniRocket has about 10,000 features where here are 2,688. They are standardised.

    Where there are several channels, a kernel looks at the sum of one to nine of them, as in [1]_.

    Parameters
    ----------
    channels : int
    length : int
        Positions of the longest series of the training.

    Attributes
    ----------
    n_features : int

    References
    ----------
    .. [1] Dempster, Schmidt, Webb, "MiniRocket: A Very Fast (Almost) Deterministic Transform for Time Series
       Classification", KDD 2021, arXiv 2012.08791, section 3.
    """

    kernels: Tensor
    thresholds: Tensor
    mean: Tensor
    deviation: Tensor

    def __init__(self, channels: int, length: int) -> None:
        super().__init__()
        self.dilations = _dilations(length)
        self.stride = -(-length // _MOST_POSITIONS)
        kernels = _make_kernels(channels) / _SOFTNESS
        self.n_features = _N_DILATIONS * len(kernels) * _N_THRESHOLDS
        # They follow from the number of channels, and need not be stored.
        self.register_buffer("kernels", kernels, persistent=False)
        self.register_buffer("thresholds", torch.zeros(_N_DILATIONS, len(kernels), _N_THRESHOLDS))
        self.register_buffer("mean", torch.zeros(self.n_features))
        self.register_buffer("deviation", torch.ones(self.n_features))

    def adapt(self, x: Tensor, weight: Tensor) -> None:
        """Set the thresholds, and the means and deviations of the features.

        Parameters
        ----------
        x : Tensor of shape (n, channels, length)
        weight : Tensor of shape (n,)
        """
        n_kernels, n_thresholds = self.thresholds.shape[1:]
        counts = self._counts(x)
        counts = None if counts is None else _some(counts, _MOST_SEEN)
        seen = _some(x, _MOST_SEEN)
        is_seen = None if counts is None else (counts > 0).flatten()  # (n_seen positions,)
        order = torch.arange(1, n_kernels * n_thresholds + 1, dtype=torch.float64, device=x.device)
        for i, found in enumerate(self._responses(seen)):
            values = found.transpose(0, 1).flatten(1)  # (n_kernels, n_seen positions)
            values = values if is_seen is None else values[:, is_seen]
            values = values[:, :: -(-values.shape[1] // _MOST_VALUES)].sort(dim=1).values
            quantiles = (order + i * len(order)) * _GOLDEN % 1
            places = (quantiles * values.shape[1]).long().reshape(n_kernels, n_thresholds)
            self.thresholds[i] = values.gather(1, places)
        excess, weight = self._excess(seen, counts), _some(weight, _MOST_SEEN)
        weight = (weight / weight.sum()).to(excess.dtype)
        self.mean = weight @ excess
        self.deviation = (weight @ (excess - self.mean).square()).sqrt() + _SMALLEST_DEVIATION

    def forward(self, x: Tensor) -> Tensor:
        """Map (n, channels, length) to (n, n_features, 1)."""
        return ((self._excess(x, self._counts(x)) - self.mean) / self.deviation)[:, :, None]

    def _counts(self, x: Tensor) -> Tensor | None:
        """Return how much each position counts, shape (n, 1, positions); None where all count the same."""
        ends = current_ends()
        if ends is None:
            return None
        ends.divide(x.shape[2], self.stride)
        n_positions = -(-x.shape[2] // self.stride)
        return ends.mask(n_positions) / ends.counts(n_positions)[:, None, None].to(x.dtype)

    def _excess(self, x: Tensor, counts: Tensor | None) -> Tensor:
        """Return the share of positions above each threshold less that below, shape (n, n_features)."""
        if torch.compiler.is_exporting():
            # The graph has a free number of samples.
            return self._excess_of_block(x, counts)
        step = max(1, _BLOCK * self.stride // (len(self.kernels) * x.shape[2]))
        blocks = x.split(step)
        parts = [None] * len(blocks) if counts is None else counts.split(step)
        return torch.cat([self._excess_of_block(*block) for block in zip(blocks, parts, strict=True)])

    def _excess_of_block(self, x: Tensor, counts: Tensor | None) -> Tensor:
        parts = []
        for found, thresholds in zip(self._responses(x), self.thresholds, strict=True):
            for j in range(_N_THRESHOLDS):
                above = (found - thresholds[:, j, None]).clamp_(-1, 1)  # (n, n_kernels, positions)
                parts.append(above.mean(dim=2) if counts is None else (above * counts).sum(dim=2))
        return torch.cat(parts, dim=1)

    def _responses(self, x: Tensor) -> Iterator[Tensor]:
        """Convolve with the kernels at each dilation, shapes (n, n_kernels, positions)."""
        rows, kernels = as_rows(x), self.kernels.to(x.dtype)
        known, found = 0, x
        for dilation in self.dilations:
            # Short series have few that differ.
            if dilation != known:
                padding = (0, _TAPS // 2 * dilation)
                found = functional.conv2d(rows, kernels, None, (1, self.stride), padding, (1, dilation)).squeeze(2)
                known = dilation
            yield found


class MiniRocketStem(nn.Module):
    """Mix the features of MiniRocket, of which one position is left; only the mixture is learnt.

    Parameters
    ----------
    size : OperationSize
        Its stride is the length of the series.
    """

    def __init__(self, size: OperationSize) -> None:
        super().__init__()
        self.features = MiniRocketFeatures(size.channels_in, size.stride)
        self.mix = SeriesConv(self.features.n_features, size.channels_out, 1)
        self.norm = SeriesNorm(size.channels_out)

    def begin(self, x: Tensor) -> Tensor:
        """Map (n, channels_in, length) to features (n, n_features, 1), without any weights."""
        return cast(Tensor, self.features(x))

    def end(self, features: Tensor) -> Tensor:
        """Map features to (n, channels_out, 1)."""
        return cast(Tensor, self.norm(self.mix(features)))

    def forward(self, x: Tensor) -> Tensor:
        """Map (n, channels_in, length) to (n, channels_out, 1)."""
        return self.end(self.begin(x))


def _some(x: Tensor, n: int) -> Tensor:
    """Return at most so many samples from all over, for they are in some order."""
    return x[:: -(-len(x) // n)]


def _make_kernels(channels: int) -> Tensor:
    """Make the kernels, shape (84, channels, 1, 9), the same ones each time."""
    # Where a network is only counted, tensors hold no values.
    with torch.device("cpu"):
        places = torch.tensor(list(combinations(range(_TAPS), _HEAVY)))
        kernels = torch.full((len(places), _TAPS), -1.0).scatter(1, places, 2.0)
        generator = torch.Generator().manual_seed(0)
        ranks = torch.rand(len(kernels), channels, generator=generator).argsort(dim=1).argsort(dim=1)
        most = math.log2(min(channels, _MOST_CHANNELS) + 1)
        n_seen = (2 ** (most * torch.rand(len(kernels), 1, generator=generator))).floor()
        kernels = kernels[:, None, None, :] * (ranks < n_seen)[:, :, None, None]
    return kernels.to(torch.empty(0).device)


def _dilations(length: int) -> list[int]:
    """Return the dilations for a length: from 1 to one at which a kernel is as long as the series."""
    most = max(0.0, math.log2((length - 1) / (_TAPS - 1))) if length > 1 else 0.0
    return [int(2 ** (most * i / (_N_DILATIONS - 1))) for i in range(_N_DILATIONS)]


@register_standard_stem("minirocket_stem", n_spatial=1, summarizes=True)
def _minirocket_stem(size: OperationSize) -> nn.Module:
    return MiniRocketStem(size)
