"""The best distribution, estimated from noisy scores of single architectures."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.distance import cdist

from skopdist.distribution import OperationDistribution
from skopdist.encodings import Encoding
from skopdist.trial import Trial

Array = NDArray[np.float64]

# In units of the total variation distance; the last one averages over everything.
_BANDWIDTHS = (0.02, 0.05, 0.1, 0.2, 0.4, 1.0, 100.0)
# Distances are made so many at a time, since those of 20,000 points would fill gigabytes.
_BLOCK = 2_000_000


def smoothed_best(encoding: Encoding, trials: Sequence[Trial]) -> OperationDistribution:
    """Return the observed distribution with the highest mean score in its neighbourhood.

    One architecture tells little of its distribution: in NAS-Bench-201 about half of the variance lies between
    architectures of the same distribution. So each score is replaced by a kernel mean over the trials
    (Nadaraya-Watson, exponential kernel on the total variation distance), whose bandwidth is the one that predicts
    left-out trials best. Ranks replace the scores, whose lower tail would dominate the means.

    Parameters
    ----------
    encoding : Encoding
        Bound to the space of the trials.
    trials : sequence of Trial
        At least one; none that failed.

    Returns
    -------
    distribution : OperationDistribution
        The ratio of one of the architectures; among equals the one whose own score is highest.
    """
    space = encoding.space_
    ratios = [space.encode(trial.architecture) for trial in trials]
    points = np.stack([ratio.probabilities.ravel() for ratio in ratios])
    scores = np.array([trial.score for trial in trials])
    _, ranks = np.unique(scores, return_inverse=True)
    # Trials of the same ratio have the same neighbours.
    distinct, groups = np.unique(points, axis=0, return_inverse=True)
    means = _kernel_means(distinct / (2 * len(space.cell_types)), groups.ravel(), ranks.astype(np.float64))
    return ratios[max(range(len(trials)), key=lambda i: (float(np.round(means[i], 9)), scores[i], -i))]


def _kernel_means(points: Array, groups: NDArray[np.intp], values: Array) -> Array:
    """Return the kernel mean at each value's point, with the bandwidth that predicts left-out values best.

    Parameters
    ----------
    points : ndarray of shape (n_groups, n_dims)
        All distinct, and scaled so that the sum of absolute differences is the distance.
    groups : ndarray of shape (n,)
        The point of each value.
    values : ndarray of shape (n,)

    Returns
    -------
    means : ndarray of shape (n,)
    """
    counts, sums = (np.bincount(groups, weights).astype(np.float64) for weights in (None, values))
    # Of the other groups, for each bandwidth: the sum of the weights, and that of the weighted values.
    totals = np.empty((2, len(_BANDWIDTHS), len(points)))
    step = max(1, _BLOCK // len(points))
    for start in range(0, len(points), step):
        rows = slice(start, start + step)
        distances = cdist(points[rows], points, "cityblock")
        own = np.arange(len(distances)), np.arange(start, start + len(distances))
        for b, bandwidth in enumerate(_BANDWIDTHS):
            weights = np.exp(-distances / bandwidth)
            weights[own] = 0.0
            totals[:, b, rows] = weights @ counts, weights @ sums
    results = [
        _leave_one_out(weight, weighted, groups, counts, sums, values)
        for weight, weighted in zip(totals[0], totals[1], strict=True)
    ]
    return min(results, key=lambda result: result[0])[1]


def _leave_one_out(
    weight: Array, weighted: Array, groups: NDArray[np.intp], counts: Array, sums: Array, values: Array
) -> tuple[float, Array]:
    """Return the squared error of predicting left-out values, and the kernel means with all values."""
    means = ((weighted + sums) / (weight + counts))[groups]
    # A value's own group has the weight 1, and is not without the value itself.
    totals = weight[groups] + (counts[groups] - 1)
    others = weighted[groups] + (sums[groups] - values)
    # Where no other trial is near, the mean of all the others is the best guess.
    far = (values.sum() - values) / max(len(values) - 1, 1)
    left_out = np.where(totals > 1e-12, others / np.maximum(totals, 1e-12), far)
    return float(np.mean((left_out - values) ** 2)), means
