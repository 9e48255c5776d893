"""Which distribution is best, from noisy scores of single architectures."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from skopdist.distribution import OperationDistribution
from skopdist.encodings import Encoding
from skopdist.trial import Trial

# In units of the total variation distance; the last one averages over everything.
_BANDWIDTHS = (0.02, 0.05, 0.1, 0.2, 0.4, 1.0, 100.0)


def smoothed_best(encoding: Encoding, trials: Sequence[Trial]) -> OperationDistribution:
    """Give the observed distribution with the highest mean score in its neighbourhood.

    One architecture tells little of its distribution: in NAS-Bench-201 about half of the variance lies between
    architectures of the same distribution. So each score is replaced by a kernel mean over the trials
    (Nadaraya-Watson, exponential kernel on the total variation distance), whose bandwidth is the one that predicts
    left-out trials best. Ranks stand in for the scores, whose lower tail would swamp everything else.

    Parameters
    ----------
    encoding : Encoding
        Bound to the space of the trials.
    trials : sequence of Trial
        At least one; none that failed.

    Returns
    -------
    distribution : OperationDistribution
        That of one of the trials' architectures; among equals the one whose own score is highest.
    """
    ratios = [encoding.space_.encode(trial.architecture) for trial in trials]
    points = np.stack([ratio.probabilities.ravel() for ratio in ratios])
    scores = np.array([trial.score for trial in trials])
    _, ranks = np.unique(scores, return_inverse=True)
    distances = np.abs(points[:, None] - points[None]).sum(axis=2) / (2 * len(encoding.space_.cell_types))
    means = min(
        (_leave_one_out(distances, ranks.astype(np.float64), bandwidth) for bandwidth in _BANDWIDTHS),
        key=lambda result: result[0],
    )[1]
    return ratios[max(range(len(trials)), key=lambda i: (float(np.round(means[i], 9)), scores[i], -i))]


def _leave_one_out(
    distances: NDArray[np.float64], values: NDArray[np.float64], bandwidth: float
) -> tuple[float, NDArray[np.float64]]:
    """Give the squared error of predicting left-out values, and the kernel means with all values."""
    weights = np.exp(-distances / bandwidth)
    means = weights @ values / weights.sum(axis=1)
    others = weights - np.eye(len(values))
    totals = others.sum(axis=1)
    # Where no other trial is near, the mean of all the others is the best guess.
    far = (values.sum() - values) / max(len(values) - 1, 1)
    left_out = np.where(totals > 1e-12, others @ values / np.maximum(totals, 1e-12), far)
    return float(np.mean((left_out - values) ** 2)), means
