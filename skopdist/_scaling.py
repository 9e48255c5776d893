"""The scale of the input: statistics that are found once, in blocks, and that no absurd value moves."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Protocol, Self

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from skopdist._columns import Columns

Array = NDArray[np.float64]

# For quantiles: so many rows at the most and at the least, and about so many values of all channels.
_QUANTILE_ROWS, _FEWEST_QUANTILE_ROWS, _QUANTILE_VALUES = 4096, 128, 2**21
# One value in a hundred may be absurd, on one side: quantiles further in know nothing of it.
_BULK = np.array([0.02, 0.5, 0.98])
# Ranges between these quantiles by which a value may lie outside before it counts as absurd.
_FENCE = 1.0
# In units of the rounding error of the values: a channel that varies less is constant.
_CONSTANT = 64 * np.finfo(np.float64).eps
# A flat channel whose range between the outer quantiles is so many times that between the quartiles is heavy-tailed:
# for a normal distribution it is 3, for an exponential one 3.5, for the logarithm's normal one 5.3, for a Cauchy 16.
_HEAVY = 10.0
# Knots of the map of a heavy-tailed channel, as probabilities.
_PROBABILITIES = np.concatenate([[0.0], np.linspace(0.005, 0.995, 63), [1.0]])
_OUTERMOST = 3.0


class Rows(Protocol):
    """Some rows of the data; see :class:`skopdist.problem.Samples`."""

    @property
    def X(self) -> NDArray[Any]: ...
    @property
    def weight(self) -> Array: ...
    @property
    def columns(self) -> Columns | None: ...
    def __len__(self) -> int: ...
    def take(self, indices: NDArray[np.intp]) -> Self: ...
    def blocks(self) -> Iterator[tuple[Array, Array]]: ...
    def level_weights(self) -> Array: ...


@dataclass(frozen=True, eq=False)
class Scaling:
    """A map of each channel of the input to zero mean and unit variance, and how often the levels of categories are.

    Missing numbers take no part in the statistics. Of a table with categories the channels are the columns of numbers.

    Attributes
    ----------
    mean : ndarray of shape (channels,)
    std : ndarray of shape (channels,)
        Infinite for a constant channel, so that whatever stands there later counts as the constant.
    heavy : ndarray of shape (n_heavy,)
        Indices of the heavy-tailed channels of flat input. They take no part in the above: their values are mapped to
        normal scores, by linear interpolation between knots.
    knots : ndarray of shape (n_heavy, n_knots)
        Quantiles of these channels, ascending.
    scores : ndarray of shape (n_knots,)
        What the knots are mapped to.
    shares : ndarray of shape (n_levels,)
        The share of the weight of each level within its column, one category after the other; see
        :class:`~skopdist._columns.Columns`.
    """

    mean: Array
    std: Array
    heavy: NDArray[np.intp]
    knots: Array
    scores: Array
    shares: Array = field(default_factory=lambda: np.empty(0))

    @property
    def varies(self) -> bool:
        """Whether any channel or category does."""
        some = (self.shares > 0) & (self.shares < 1)
        return bool(np.isfinite(self.std).any()) or len(self.heavy) > 0 or bool(some.any())


def find_scaling(rows: Rows) -> Scaling:
    """Find the weighted mean and standard deviation of each channel.

    Values far outside the bulk of a channel, such as a code for "missing" among measurements, count as the nearest
    value that is not absurd.

    Parameters
    ----------
    rows : Samples

    Returns
    -------
    scaling : Scaling
    """
    values, value_weight = _some_values(rows)
    fences = np.array([_fence(column, value_weight) for column in values])
    low, middle, high = fences.T
    # In units of the largest value that counts: neither squares of 1e200 nor those of 1e-200 fit double precision.
    largest = np.maximum(np.maximum(np.abs(low), np.abs(high)), np.finfo(np.float64).tiny)
    unit = np.ldexp(1.0, np.frexp(largest)[1] - 1)
    low, middle, high = low / unit, middle / unit, high / unit
    first, second, total = np.zeros(len(unit)), np.zeros(len(unit)), rows.weight.sum()
    there = np.zeros(len(unit))
    has_gaps = _has_gaps(rows)
    with np.errstate(over="ignore", under="ignore"):
        for block, weight in rows.blocks():
            away = np.clip(block / unit[:, None], low[:, None], high[:, None]) - middle[:, None]
            if has_gaps:
                is_there = ~np.isnan(away)
                there += weight @ is_there.mean(axis=2)
                away = np.where(is_there, away, 0.0)
            first += weight @ away.mean(axis=2)
            second += weight @ np.square(away).mean(axis=2)
    if has_gaps:
        # Of a column without any number nothing is known.
        total = np.where(there > 0, there, 1.0)
    shift = first / total
    std = np.sqrt(np.maximum(second / total - shift**2, 0.0))
    varies = std > _CONSTANT * np.maximum(np.abs(low), np.abs(high))
    # At the very bottom of double precision the deviation of two values may round to zero.
    scale = np.maximum(std * unit, np.finfo(np.float64).smallest_subnormal)
    heavy = _heavy_tailed(values, value_weight) if rows.X.ndim == 2 else np.empty(0, dtype=np.intp)
    knots = np.array([_quantiles(values[c], value_weight, _PROBABILITIES) for c in heavy])
    return Scaling(
        (middle + shift) * unit,
        np.where(varies, scale, np.inf),
        heavy,
        knots.reshape(len(heavy), len(_PROBABILITIES)),
        np.clip(ndtri(_PROBABILITIES), -_OUTERMOST, _OUTERMOST),
        rows.level_weights() / rows.weight.sum(),
    )


def _has_gaps(rows: Rows) -> bool:
    """Whether numbers are missing: some of a table, or those behind the ends of series."""
    if rows.X.ndim == 3 and rows.X.dtype.kind == "f":
        return bool(np.isnan(rows.X[:, 0, -1]).any())
    return rows.columns is not None and bool(rows.columns.gaps)


def _some_values(rows: Rows) -> tuple[Array, Array]:
    """Take values of each channel, shape (channels, n), and their weights, shape (n,)."""
    n_channels, n_positions = rows.X.shape[1], int(np.prod(rows.X.shape[2:]))
    if rows.columns is not None:
        n_channels = rows.columns.n_numbers
    n = min(len(rows), _QUANTILE_ROWS, max(_QUANTILE_VALUES // n_channels, _FEWEST_QUANTILE_ROWS))
    stride = max(1, n * n_channels * n_positions // _QUANTILE_VALUES)
    # The rows are in the order of their hashes, so that evenly spaced ones are as good as a random choice.
    some = rows.take(np.linspace(0, len(rows) - 1, n).astype(np.intp))
    blocks, weights = zip(*some.blocks(), strict=True)
    values = np.concatenate([block[:, :, ::stride] for block in blocks])  # (n, channels, positions)
    weight = np.repeat(np.concatenate(weights), values.shape[2])
    return np.moveaxis(values, 1, 0).reshape(n_channels, -1), weight


def _fence(values: Array, weight: Array) -> tuple[float, float, float]:
    """Return the lowest, the middle and the highest value of a channel that are not absurd."""
    lower, middle, upper = _quantiles(values, weight, _BULK)
    others = (values != middle) & ~np.isnan(values)
    if lower == upper and others.any():
        # Nearly all values are equal, as in a column that is mostly zero: the bulk is that of the others.
        lower, _, upper = _quantiles(values[others], weight[others], _BULK)
        lower, upper = min(lower, middle), max(upper, middle)
    limit = np.finfo(np.float64).max
    with np.errstate(over="ignore"):
        # A range that does not fit leaves no value outside.
        reach = _FENCE * (upper - lower)
        return max(lower - reach, -limit), middle, min(upper + reach, limit)


def _heavy_tailed(values: Array, weight: Array) -> NDArray[np.intp]:
    """Return the indices of the channels whose tails are so long that no unit fits all of their values."""
    probabilities = np.array([_BULK[0], 0.25, 0.75, _BULK[-1]])
    with np.errstate(over="ignore"):
        ranges = np.array([np.diff(_quantiles(column, weight, probabilities) / 4) for column in values])
        inner, outer = ranges[:, 1], ranges.sum(axis=1)
        return np.flatnonzero((inner > 0) & (outer > _HEAVY * inner))


def _quantiles(values: Array, weight: Array, probabilities: Array) -> Array:
    """Return quantiles of the values that are there; zeros where there is none."""
    missing = np.isnan(values)
    if missing.any():
        values, weight = values[~missing], weight[~missing]
    if not len(values):
        return np.zeros(len(probabilities))
    if np.ptp(weight) == 0:
        ranks = np.minimum((probabilities * len(values)).astype(np.intp), len(values) - 1)
        return np.partition(values, ranks)[ranks]
    order = np.argsort(values, kind="stable")
    passed = np.cumsum(weight[order])
    return values[order][np.minimum(np.searchsorted(passed, probabilities * passed[-1]), len(values) - 1)]
