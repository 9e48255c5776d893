"""What predicts: the average of the members, at a temperature."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from skorch import NeuralNetClassifier

from skopdist._sparse import SparseRows
from skopdist.problem import Samples
from skopdist.training import Predictor


class Committee:
    """Networks whose class probabilities are averaged.

    Parameters
    ----------
    nets : sequence of skorch.NeuralNetClassifier
        Trained, for the same classes.
    weights : sequence of float
        Not negative; their sum is 1.
    n_spatial : int
        Number of dimensions behind the channels of a sample.
    temperature : float, default=1.0
        See :func:`temper`.

    References
    ----------
    .. [1] Zaidi, Zela, Elsken, Holmes, Hutter, Teh, "Neural Ensemble Search for Uncertainty Estimation and Dataset
       Shift", NeurIPS 2021, arXiv 2006.08573 (committees of varied architectures).
    """

    def __init__(
        self, nets: Sequence[NeuralNetClassifier], weights: Sequence[float], n_spatial: int, temperature: float = 1.0
    ) -> None:
        # Who has no weight need not be asked.
        chosen = [(net, weight) for net, weight in zip(nets, weights, strict=True) if weight]
        self.predictors = [Predictor(net.module_, n_spatial) for net, _ in chosen]
        self.weights = [weight for _, weight in chosen]
        self.temperature = temperature

    def __call__(self, X: NDArray[Any] | Samples | SparseRows) -> NDArray[np.float64]:
        """Return the class probabilities of samples, shape (n, n_classes)."""
        total = self.predictors[0](X)
        if len(self.predictors) > 1:
            total *= self.weights[0]
            for weight, predictor in zip(self.weights[1:], self.predictors[1:], strict=True):
                total += weight * predictor(X)
        return temper(total, self.temperature)


def temper(probabilities: NDArray[np.float64], temperature: float) -> NDArray[np.float64]:
    """Return probabilities, shape (n, n_classes), raised to the power 1 / temperature and normalised again.

    Below 1 they are more certain, above 1 less; the most probable class stays the same. After Guo, Pleiss, Sun,
    Weinberger, "On Calibration of Modern Neural Networks", ICML 2017, arXiv 1706.04599.
    """
    if temperature == 1:
        return probabilities
    # Relative to the largest, so that a small temperature leaves something.
    powers = (probabilities / probabilities.max(axis=1, keepdims=True)) ** (1 / temperature)
    return powers / powers.sum(axis=1, keepdims=True)
