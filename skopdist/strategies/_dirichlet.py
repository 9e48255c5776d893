"""Draws from Dirichlet distributions, and how they move with the concentrations."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammainc, gammaincinv, gammaln, logsumexp

Array = NDArray[np.float64]

_STEP = 1e-5


@dataclass(frozen=True)
class DirichletDraw:
    """One draw from each of several Dirichlet distributions, with its pathwise derivative [1]_.

    A gamma variable of shape a is one of shape a + 1 times u^(1/a), u uniform (Marsaglia & Tsang 2000). In logarithms
    this holds for concentrations so small that the gamma variable itself would be zero.

    Attributes
    ----------
    probabilities : ndarray of shape (rows, k)
        Rows sum to 1.
    slope : ndarray of shape (rows, k)
        Derivative of the logarithm of each gamma variable with respect to its concentration, the source of randomness
        held fixed.

    References
    ----------
    .. [1] Figurnov, Mohamed, Mnih, "Implicit Reparameterization Gradients", NeurIPS 2018, arXiv 1805.08498, section 3.
    """

    probabilities: Array
    slope: Array

    def pull_back(self, gradient: Array) -> Array:
        """Turn a derivative with respect to the probabilities into one with respect to the concentrations.

        Both have the shape (rows, k).
        """
        mean = (self.probabilities * gradient).sum(axis=1, keepdims=True)
        return self.probabilities * (gradient - mean) * self.slope


def draw_dirichlet(concentrations: Array, rng: np.random.Generator) -> DirichletDraw:
    """Draw from one Dirichlet distribution for each row of concentrations, shape (rows, k).

    Where a concentration is 0, so is the probability; some of each row are positive.
    """
    # Away from the ends, where the quantile is infinite.
    uniforms = np.clip(rng.random((2, *concentrations.shape)), 1e-12, 1 - 1e-12)
    return dirichlet_at(concentrations, uniforms)


def dirichlet_at(concentrations: Array, uniforms: Array) -> DirichletDraw:
    """Return the draw that belongs to uniform numbers, shape (2, rows, k)."""
    is_there = concentrations > 0
    concentrations = np.where(is_there, concentrations, 1.0)
    shape = concentrations + 1
    gamma = gammaincinv(shape, uniforms[0])
    # The quantile moves with the shape as the level set of the distribution function does.
    step = _STEP * shape
    change = (gammainc(shape + step, gamma) - gammainc(shape - step, gamma)) / (2 * step)
    log_density = (shape - 1) * np.log(gamma) - gamma - gammaln(shape)
    slope = -change / np.exp(log_density) / gamma - np.log(uniforms[1]) / concentrations**2
    logs = np.where(is_there, np.log(gamma) + np.log(uniforms[1]) / concentrations, -np.inf)
    probabilities = np.exp(logs - logsumexp(logs, axis=1, keepdims=True))
    return DirichletDraw(probabilities, np.where(is_there, slope, 0.0))
