"""The stems for flat input: how the numbers of a table become the width of a network.

Each is an operation from the features to a width, and ends in a linear map; what stands before that looks at each
feature alone. Which one is best depends on the table (Gorishniy et al., "On Embeddings for Numerical Features in
Tabular Deep Learning", NeurIPS 2022, arXiv 2203.05556). They expect standardised input.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import Tensor, nn

from skopdist.operations._registry import register_standard_stem
from skopdist.operations._sizes import OperationSize
from skopdist.operations._stackable import Stackable

# Waves of a feature, and linear combinations of them; both are fewer where there are many features, so that a sample
# never takes more than a few times the memory of that many numbers.
_WAVES, _MOST_WAVES, _MIXTURES = 16, 4096, 3
# Standard deviation of the frequencies at the start, in turns for each standard deviation of the feature.
_FREQUENCY = 0.3
# Bins of a feature, and of all features.
_BINS, _MOST_BINS = 16, 1024
# A bin is not taken for narrower, in standard deviations: single precision could not say where in it a value lies. Nor
# are values told apart that are nearer.
_NARROWEST = 1e-4
# Values of a feature that are looked at one by one, those of all features, and how many usual samples have to have one.
_VALUES, _MOST_VALUES, _OFTEN = 128, 1024, 20


def _uniform(*shape: int, fan_in: int) -> nn.Parameter:
    """Draw weights as torch does those of a linear map."""
    bound = 1 / math.sqrt(fan_in)
    return nn.Parameter(torch.empty(shape).uniform_(-bound, bound))


class PeriodicStem(Stackable):
    """A linear map of the features and of waves of each of them, with learnt frequencies and phases.

    After the embedding "PBLD" of Holzmüller et al., "Better by Default", NeurIPS 2024, arXiv 2407.04491: a feature x
    becomes x itself and a few linear combinations of ``cos(2 pi (w x + b))``.

    Parameters
    ----------
    size : OperationSize
        Features and width.
    """

    def __init__(self, size: OperationSize) -> None:
        super().__init__()
        features, width = size.channels_in, size.channels_out
        n_waves = max(1, min(_WAVES, _MOST_WAVES // features))
        n_mixtures = min(_MIXTURES, n_waves)
        self.frequency = nn.Parameter(_FREQUENCY * torch.randn(features, n_waves))
        self.phase = nn.Parameter(torch.rand(features, n_waves))
        self.mix = _uniform(features, n_waves, n_mixtures, fan_in=n_waves)
        self.mix_bias = _uniform(features, n_mixtures, fan_in=n_waves)
        n_inputs = features * (1 + n_mixtures)
        self.weight = _uniform(n_inputs, width, fan_in=n_inputs)
        self.bias = _uniform(width, fan_in=n_inputs)

    def compute(self, x: Tensor, tensors: Mapping[str, Tensor]) -> Tensor:
        """Map (..., n, features) to (..., n, width)."""
        frequency, phase, bias = (tensors[name].unsqueeze(-2) for name in ("frequency", "phase", "mix_bias"))
        turns = x.mT.unsqueeze(-1) * frequency + phase  # (..., features, n, waves)
        mixed = torch.cos(2 * math.pi * turns) @ tensors["mix"] + bias  # (..., features, n, mixtures)
        inputs = torch.cat([x, mixed.transpose(-2, -3).flatten(-2)], dim=-1)  # (..., n, inputs)
        return inputs @ tensors["weight"] + tensors["bias"].unsqueeze(-2)


class PiecewiseStem(Stackable):
    """A linear map of the features and of where each of them lies among bins.

    A bin gives 0 below it, 1 above it and the share of it that is passed within, so that a linear map of all bins is a
    piecewise linear function; see Gorishniy et al., arXiv 2203.05556, section 3.2. The edges are quantiles. A feature
    with few values has one at each, and then a bin says whether a value is reached.

    Parameters
    ----------
    size : OperationSize
        Features and width. There are 16 bins to a feature, fewer beyond 64 features.
    """

    low: Tensor
    slope: Tensor

    def __init__(self, size: OperationSize) -> None:
        super().__init__()
        features, width = size.channels_in, size.channels_out
        n_bins = max(2, min(_BINS, _MOST_BINS // features))
        # Until it is adapted, those of a normal distribution.
        edges = torch.special.ndtri(torch.linspace(0.5 / n_bins, 1 - 0.5 / n_bins, n_bins + 1))
        self.register_buffer("low", edges[:-1].repeat(features, 1))
        self.register_buffer("slope", edges.diff().reciprocal().repeat(features, 1))
        n_inputs = features * (1 + n_bins)
        self.weight = _uniform(n_inputs, width, fan_in=n_inputs)
        self.bias = _uniform(width, fan_in=n_inputs)

    @torch.no_grad()
    def adapt(self, x: Tensor, weight: Tensor) -> None:
        """Take the edges of the bins from samples.

        Parameters
        ----------
        x : Tensor of shape (n, features)
        weight : Tensor of shape (n,)
            How much each sample counts. Equal samples count as one with their weights added.
        """
        x, weight = x.to("cpu", torch.float64), weight.to("cpu", torch.float64)
        usual = float(weight.median())
        for row, column in enumerate(x.T):
            values, places = torch.unique(column, return_inverse=True)
            self._adapt_to(row, values, torch.zeros_like(values).index_add_(0, places, weight), usual)

    def _adapt_to(self, row: int, values: Tensor, total: Tensor, usual: float) -> None:
        """Adapt to a feature: its distinct values, ascending, their weights, and the weight of a usual sample."""
        edges = _edges(values, total, self.low.shape[1])
        # Bins that a feature has no edges for have no slope: they are always 0.
        low, slope = torch.zeros(2, self.low.shape[1], dtype=torch.float64)
        low[: len(edges) - 1] = edges[:-1]
        slope[: len(edges) - 1] = edges.diff().clamp(min=_NARROWEST).reciprocal()
        self.low[row] = low.to(self.low)
        self.slope[row] = slope.to(self.slope)

    def compute(self, x: Tensor, tensors: Mapping[str, Tensor]) -> Tensor:
        """Map (..., n, features) to (..., n, width)."""
        low, slope = tensors["low"].unsqueeze(-3), tensors["slope"].unsqueeze(-3)
        passed = ((x.unsqueeze(-1) - low) * slope).clamp(0, 1)  # (..., n, features, bins)
        # About zero: what all samples have in common would make the steps of the training unstable.
        inputs = torch.cat([x, passed.flatten(-2) - 0.5], dim=-1)  # (..., n, inputs)
        return inputs @ tensors["weight"] + tensors["bias"].unsqueeze(-2)


class ValueStem(PiecewiseStem):
    """A piecewise linear map, and a weight of its own for each value of a feature that comes often.

    So numbers that stand for categories, or that mean something of their own, such as a limit or a code, need not be
    alike because they are near each other. All other values, and those that are new, have the piecewise linear map
    alone, and so have features of few values, which the bins tell apart.

    Parameters
    ----------
    size : OperationSize
        Features and width. There are up to 128 values to a feature, fewer beyond 8 features.
    """

    value: Tensor
    tolerance: Tensor

    def __init__(self, size: OperationSize) -> None:
        super().__init__(size)
        features, width = size.channels_in, size.channels_out
        n_values = max(2, min(_VALUES, _MOST_VALUES // features))
        # No value is nearer to another than a tolerance below zero.
        self.register_buffer("value", torch.zeros(features, n_values))
        self.register_buffer("tolerance", torch.full((features, n_values), -1.0))
        # Nothing until it is learnt: to begin with, all values are what the bins make of them.
        self.value_weight = nn.Parameter(torch.zeros(features * n_values, width))

    def _adapt_to(self, row: int, values: Tensor, total: Tensor, usual: float) -> None:
        """Adapt to a feature, and to those of its values that have the weight of twenty usual samples."""
        super()._adapt_to(row, values, total, usual)
        self.value[row], self.tolerance[row] = 0.0, -1.0
        if len(values) <= self.low.shape[1] + 1:
            return
        often = torch.argsort(total, descending=True, stable=True)[: self.value.shape[1]]
        often = often[total[often] >= _OFTEN * usual]
        gap = torch.full((len(values) + 1,), torch.inf, dtype=values.dtype)
        gap[1:-1] = values.diff()
        nearest = torch.minimum(gap[:-1], gap[1:])[often]
        self.value[row, : len(often)] = values[often].to(self.value)
        self.tolerance[row, : len(often)] = (nearest / 4).clamp(max=_NARROWEST).to(self.tolerance)

    def compute(self, x: Tensor, tensors: Mapping[str, Tensor]) -> Tensor:
        """Map (..., n, features) to (..., n, width)."""
        value, tolerance = tensors["value"].unsqueeze(-3), tensors["tolerance"].unsqueeze(-3)
        is_value = ((x.unsqueeze(-1) - value).abs() <= tolerance).to(x.dtype)  # (..., n, features, values)
        return super().compute(x, tensors) + is_value.flatten(-2) @ tensors["value_weight"]


def _edges(values: Tensor, total: Tensor, n_bins: int) -> Tensor:
    """Return the edges of at most so many bins, ascending: all values where they are few, or else quantiles."""
    if len(values) <= n_bins + 1:
        return values
    # A value that many samples share, such as a zero, takes one edge, and not those of the others. Again and again, for
    # what is then too much is less.
    for _ in range(3):
        total = total.clamp(max=float(total.sum()) / n_bins)
    passed = total.cumsum(0)
    # Less by more than rounding, which differs between samples that are equal and one with their weight.
    wanted = torch.linspace(0, 1 - 1e-9, n_bins + 1, dtype=torch.float64) * passed[-1]
    return values[torch.searchsorted(passed, wanted).clamp(max=len(values) - 1).unique()]


@register_standard_stem("linear_stem", n_spatial=0)
def _linear_stem(size: OperationSize) -> nn.Module:
    return nn.Linear(size.channels_in, size.channels_out)


register_standard_stem("periodic_stem", n_spatial=0)(PeriodicStem)
register_standard_stem("piecewise_stem", n_spatial=0)(PiecewiseStem)
register_standard_stem("value_stem", n_spatial=0)(ValueStem)
