"""A Gaussian process whose kernel is a sum over named parts of the features."""

from __future__ import annotations

from collections.abc import Container, Mapping
from copy import copy
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import lapack
from scipy.optimize import minimize

Array = NDArray[np.float64]
Parts = Mapping[str, Array]

# Priors of the logarithms of each part's variance and length scale and of the noise's variance: mean and standard
# deviation, in units of the (standardised) score and of the root of the mean squared distance in the space. They are
# wide, and there to keep the first fits, which have more parameters than observations, from running away. A scale of
# several distances expects an almost linear function; a shorter one is believed when the data say so. Features are
# many and observations few, and where everything is uncorrelated there is nothing to learn from.
_LOG_SCALE = (1.0, 1.0)
_LOG_VARIANCE_DEVIATION = 2.0
_LOG_NOISE = (np.log(0.02), 1.5)
_JITTER = 1e-6
_MAX_ITERATIONS = 25


class AdditiveGaussianProcess:
    """Zero-mean Gaussian process with one kernel for each part of the features.

    The kernel is ``sum_i v_i exp(-d_i / l_i)``, with the Euclidean distance d_i in part i (Matérn-1/2), and
    ``v_i exp(-(d_i / l_i)**2 / 2)`` (squared exponential) for smooth parts; variances v, length scales l and the
    variance of the noise maximise the posterior density. That is automatic relevance determination by part: a
    part that explains nothing loses its variance.

    scikit-learn's ``GaussianProcessRegressor`` could hold the same kernel. But it computes all distances anew for every
    evaluation of the likelihood (``benchmarks/suggestion_times.py`` has the times), warns when a parameter comes near
    its bound, and raises when a matrix is not positive definite.

    Parameters
    ----------
    units : mapping of str to float
        The mean squared distance between points of the space, by part: the unit of the length scales.
    smooth : collection of str, default=()
        Names of the smooth parts.
    """

    def __init__(self, units: Mapping[str, float], smooth: Container[str] = ()) -> None:
        self.units = dict(units)
        self.smooth = [name in smooth for name in self.units]
        k = len(self.units)
        self._centre = np.concatenate([np.full(k, -np.log(k)), np.full(k, _LOG_SCALE[0]), [_LOG_NOISE[0]]])
        self._deviation = np.concatenate(
            [np.full(k, _LOG_VARIANCE_DEVIATION), np.full(k, _LOG_SCALE[1]), [_LOG_NOISE[1]]]
        )
        self.theta = self._centre.copy()

    def fit(self, parts: Parts, z: Array, tune: bool = True) -> None:
        """Condition on observations.

        Parameters
        ----------
        parts : mapping of str to ndarray of shape (n, n_features)
        z : ndarray of shape (n,)
            Standardised scores.
        tune : bool, default=True
            Whether to fit the hyper-parameters too, from where they stand.
        """
        self._parts = dict(parts)
        self._z = z
        distances = self._distances(parts, parts)
        for distance in distances:
            np.fill_diagonal(distance, 0.0)
        if tune:
            k = len(self.units)
            bounds = [(-8.0, 4.0)] * k + [(-3.0, 4.0)] * k + [(-9.0, 1.0)]
            result = minimize(
                self._loss,
                self.theta,
                args=(distances,),
                jac=True,
                method="L-BFGS-B",
                bounds=bounds,
                options={"maxiter": _MAX_ITERATIONS},
            )
            if np.isfinite(result.fun):
                self.theta = result.x
        variances, scales, noise = self._unpack(self.theta)
        kernel = self._kernel(distances, variances, scales)
        jitter = noise + _JITTER
        while True:
            kernel[np.diag_indices_from(kernel)] = variances.sum() + jitter
            factor, info = lapack.dpotrf(kernel, lower=1, clean=1)
            if info == 0:
                break
            # Rounding can only spoil a positive definite matrix by so much: ten times the noise ends it soon.
            jitter *= 10
        self._factor = factor
        self._weights = lapack.dpotrs(factor, z, lower=1)[0]

    def predict(self, parts: Parts) -> tuple[Array, Array]:
        """Return the posterior mean and standard deviation, without noise, at other points, each of shape (m,)."""
        variances, scales, _ = self._unpack(self.theta)
        # Thousands of candidates make this the dear part, and it takes a third of the time in single precision. Its
        # errors, some 1e-4 of a standardised score, are below any difference that matters among candidates.
        distances = self._distances(self._parts, parts, np.float32)
        cross = self._kernel(distances, variances.astype(np.float32), scales.astype(np.float32))
        solved = lapack.strtrs(self._factor.astype(np.float32), cross, lower=1)[0]
        variance = variances.sum() - np.einsum("ij,ij->j", solved, solved)
        mean = self._weights.astype(np.float32) @ cross
        return mean.astype(np.float64), np.sqrt(np.maximum(variance, 1e-8)).astype(np.float64)

    def without_observations(self) -> AdditiveGaussianProcess:
        """Return a copy that keeps the hyper-parameters alone; it has to be fitted before it can predict."""
        bare = copy(self)
        for name in ("_parts", "_z", "_factor", "_weights"):
            bare.__dict__.pop(name, None)
        return bare

    @property
    def noise(self) -> float:
        """Variance of what the features do not explain."""
        return float(np.exp(self.theta[-1]))

    def _unpack(self, theta: Array) -> tuple[Array, Array, float]:
        k = len(self.units)
        return np.exp(theta[:k]), np.exp(theta[k : 2 * k]), float(np.exp(theta[-1]))

    def _distances(self, left: Parts, right: Parts, dtype: type = np.float64) -> list[NDArray[Any]]:
        distances = []
        for name, unit in self.units.items():
            a, b = (side[name].astype(dtype) / dtype(np.sqrt(unit)) for side in (left, right))
            squares = (a @ b.T) * dtype(-2)
            squares += (a**2).sum(axis=1)[:, None]
            squares += (b**2).sum(axis=1)
            np.maximum(squares, dtype(0), out=squares)
            distances.append(np.sqrt(squares, out=squares))
        return distances

    def _kernel(self, distances: list[NDArray[Any]], variances: Array, scales: Array) -> NDArray[Any]:
        kernel = np.zeros_like(distances[0])
        for distance, variance, scale, smooth in zip(distances, variances, scales, self.smooth, strict=True):
            term = distance / scale
            if smooth:
                term *= term
                term *= term.dtype.type(0.5)
            np.negative(term, out=term)
            np.exp(term, out=term)
            term *= variance
            kernel += term
        return kernel

    def _loss(self, theta: Array, distances: list[Array]) -> tuple[float, Array]:
        """Return the negative log posterior density of the hyper-parameters, and its gradient."""
        k = len(self.units)
        variances, scales, noise = self._unpack(theta)
        ratios = [distance / scale for distance, scale in zip(distances, scales, strict=True)]
        # The exponent of each kernel, and its derivative by the logarithm of the length scale, up to their sign.
        exponents = [0.5 * ratio**2 if smooth else ratio for ratio, smooth in zip(ratios, self.smooth, strict=True)]
        slopes = [ratio**2 if smooth else ratio for ratio, smooth in zip(ratios, self.smooth, strict=True)]
        terms = [variance * np.exp(-exponent) for variance, exponent in zip(variances, exponents, strict=True)]
        kernel = sum(terms, np.zeros_like(distances[0]))
        kernel[np.diag_indices_from(kernel)] += noise + _JITTER
        factor, info = lapack.dpotrf(kernel, lower=1)
        if info != 0:
            # A wall, which the line search turns away from.
            return 1e10, np.zeros_like(theta)
        weights = lapack.dpotrs(factor, self._z, lower=1)[0]
        inverse = np.tril(lapack.dpotri(factor, lower=1)[0])
        inverse = inverse + np.tril(inverse, -1).T
        sensitivity = 0.5 * (inverse - np.outer(weights, weights))
        offset = (theta - self._centre) / self._deviation
        loss = 0.5 * self._z @ weights + np.log(np.diag(factor)).sum() + 0.5 * offset @ offset
        gradient = offset / self._deviation
        for i, (term, slope) in enumerate(zip(terms, slopes, strict=True)):
            gradient[i] += np.vdot(sensitivity, term)
            gradient[k + i] += np.vdot(sensitivity, term * slope)
        gradient[-1] += noise * np.trace(sensitivity)
        return float(loss), gradient
