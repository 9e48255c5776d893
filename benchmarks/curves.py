"""Curves of regret over queries, and what is read off them, with intervals.

A curve is the list of a search's improvements, ``[query, regret]`` each: the regret is the best score of the table less
the best one found by then, in the units of the score, and 0 says that the optimum itself has been found. Whatever was
not found within the queries of a search counts as found later than any query ("censored").
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cache

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binom

Curve = Sequence[Sequence[float]]
Array = NDArray[np.float64]
Interval = tuple[float, float, float]

LEVEL = 0.95
_RESAMPLES = 2000
_DIGITS = 4


def improvements(scores: Sequence[float], best: float) -> list[list[float]]:
    """Give the curve of the scores of a search, in the order of evaluation, from the best score that there is.

    >>> improvements([90.0, 80.0, 93.5, 93.5, 94.0], best=94.0)
    [[1, 4.0], [3, 0.5], [5, 0.0]]
    """
    curve: list[list[float]] = []
    for query, score in enumerate(scores, start=1):
        regret = round(best - score, _DIGITS)
        if not curve or regret < curve[-1][1]:
            curve.append([query, regret])
    return curve


def regret_at(curve: Curve, query: float) -> float:
    """Give the regret after so many queries.

    >>> regret_at([[1, 4.0], [3, 0.5]], 2)
    4.0
    """
    return next(regret for at, regret in reversed(curve) if at <= query)


def first_within(curve: Curve, margin: float) -> float:
    """Give the first query whose regret is at most `margin`; infinity where there is none.

    >>> first_within([[1, 4.0], [3, 0.5]], 0.5), first_within([[1, 4.0], [3, 0.5]], 0.1)
    (3, inf)
    """
    return next((query for query, regret in curve if regret <= margin), math.inf)


@cache
def _resamples(n: int, stream: int) -> NDArray[np.intp]:
    return np.random.default_rng([n, stream]).integers(n, size=(_RESAMPLES, n))


def mean_interval(values: Sequence[float]) -> Interval:
    """Give the mean and its 95 % interval: percentiles of the means of resampled values (bootstrap)."""
    values_ = np.asarray(values, dtype=float)
    means = values_[_resamples(len(values_), 0)].mean(axis=1)
    low, high = np.quantile(means, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(values_.mean()), float(low), float(high)


def median_interval(values: Sequence[float]) -> Interval:
    """Give the median and its 95 % interval between two of the values, by the binomial distribution of their ranks.

    It holds for every distribution and with infinite values; fewer than six of them bound nothing, and the interval is
    from 0 to infinity.
    """
    ordered = np.sort(np.asarray(values, dtype=float))
    rank = int(binom.ppf((1 - LEVEL) / 2, len(ordered), 0.5))
    low, high = (ordered[rank - 1], ordered[-rank]) if rank > 0 else (0.0, math.inf)
    return float(_median(ordered)), float(low), float(high)


def speed_up(
    slow: Sequence[float], fast: Sequence[float], most: int
) -> tuple[tuple[float, float], tuple[float, float]]:
    """Compare how many queries two searches need: the ratio of the medians, `slow` over `fast`, and its 95 % interval.

    Parameters
    ----------
    slow, fast : sequence of float
        The first query within a margin, for each seed; infinity where none of the `most` queries is.
    most : int
        Number of queries of a search.

    Returns
    -------
    ratio : (float, float)
        What bounds it from below and from above. These are equal where both medians were reached; the one bound is 0,
        or the other infinite, where a median is only known to be beyond `most`.
    interval : (float, float)
        Percentiles of the ratios of resampled seeds (bootstrap), of the lower and of the upper bounds.

    Examples
    --------
    >>> speed_up([30, 40, 50], [10, 10, 10], most=150)
    ((4.0, 4.0), (3.0, 5.0))
    >>> ratio, _ = speed_up([math.inf] * 3, [10, 10, 10], most=150)
    >>> ratio
    (15.1, inf)
    """
    slow_, fast_ = np.asarray(slow, dtype=float), np.asarray(fast, dtype=float)
    resampled = slow_[_resamples(len(slow_), 0)], fast_[_resamples(len(fast_), 1)]
    low, high = _ratio_bounds(_median(resampled[0]), _median(resampled[1]), most)
    interval = (_quantile(low, (1 - LEVEL) / 2), _quantile(high, (1 + LEVEL) / 2))
    lowest, highest = _ratio_bounds(_median(slow_), _median(fast_), most)
    return (float(lowest), float(highest)), interval


def _ratio_bounds(slow: Array, fast: Array, most: int) -> tuple[Array, Array]:
    # A median that was not reached is at least the query after the last, and may be infinite.
    return np.minimum(slow, most + 1) / fast, slow / np.minimum(fast, most + 1)


def _median(values: Array) -> Array:
    """Give the median along the last axis; numpy's own warns of infinite values."""
    n = values.shape[-1]
    ordered = np.partition(values, [(n - 1) // 2, n // 2], axis=-1)
    return (ordered[..., (n - 1) // 2] + ordered[..., n // 2]) / 2


def _quantile(values: Array, share: float) -> float:
    """Give one of the values, for between a finite and an infinite one nothing lies."""
    return float(np.quantile(values, share, method="higher" if share > 0.5 else "lower"))
