"""Tests of the additive Gaussian process."""

import numpy as np
import pytest
from scipy.optimize import check_grad
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import ConstantKernel, Matern

from skopdist.strategies._gaussian_process import AdditiveGaussianProcess


def data(n=20, seed=0):
    rng = np.random.default_rng(seed)
    parts = {"a": rng.normal(size=(n, 3)), "b": rng.normal(size=(n, 2))}
    z = parts["a"][:, 0] + 0.1 * rng.normal(size=n)
    return parts, (z - z.mean()) / z.std()


@pytest.mark.parametrize("smooth", [(), ("a",), ("a", "b")])
def test_gradient(smooth):
    parts, z = data()
    model = AdditiveGaussianProcess({"a": 6.0, "b": 4.0}, smooth)
    model.fit(parts, z, tune=False)
    distances = model._distances(parts, parts)
    for distance in distances:
        np.fill_diagonal(distance, 0.0)
    theta = model.theta + np.linspace(-0.5, 0.5, len(model.theta))
    error = check_grad(
        lambda x: model._loss(x, distances)[0], lambda x: model._loss(x, distances)[1], theta, epsilon=1e-6
    )
    assert error < 1e-3


def test_agrees_with_scikit_learn():
    parts, z = data()
    a = {"a": parts["a"]}
    model = AdditiveGaussianProcess({"a": 1.0})
    model.fit(a, z, tune=False)
    kernel = ConstantKernel(1.0, "fixed") * Matern(np.exp(1.0), "fixed", nu=0.5)
    peer = GaussianProcessRegressor(kernel, alpha=model.noise + 1e-6, optimizer=None).fit(parts["a"], z)
    new, _ = data(seed=1)
    mean, deviation = model.predict({"a": new["a"]})
    expected_mean, expected_deviation = peer.predict(new["a"], return_std=True)
    np.testing.assert_allclose(mean, expected_mean, rtol=1e-3, atol=1e-4)
    np.testing.assert_allclose(deviation, expected_deviation, rtol=1e-3)


def test_learns_which_part_matters():
    parts, z = data(n=60)
    model = AdditiveGaussianProcess({"a": 6.0, "b": 4.0})
    model.fit(parts, z)
    assert model.theta[0] > model.theta[1] + 1


@pytest.mark.parametrize("z", [np.zeros(30), np.r_[1e3, np.zeros(29)], np.repeat([-1.0, 1.0], 15)])
def test_equal_points_and_odd_scores(z):
    parts = {"a": np.ones((30, 2)), "b": np.zeros((30, 1))}
    model = AdditiveGaussianProcess({"a": 1.0, "b": 1.0})
    model.fit(parts, z)
    mean, deviation = model.predict(parts)
    assert np.isfinite(mean).all()
    assert (deviation > 0).all()
