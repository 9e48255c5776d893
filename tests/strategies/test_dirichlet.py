"""Tests of pathwise Dirichlet draws."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from skopdist.strategies._dirichlet import dirichlet_at, draw_dirichlet

CONCENTRATIONS = st.lists(st.floats(0.05, 200), min_size=2, max_size=6)


@given(CONCENTRATIONS, st.integers(0, 2**32 - 1))
def test_draws_lie_on_the_simplex(concentrations, seed):
    draw = draw_dirichlet(np.array([concentrations, concentrations[::-1]]), np.random.default_rng(seed))
    assert draw.probabilities.shape == (2, len(concentrations))
    assert (draw.probabilities >= 0).all()
    np.testing.assert_allclose(draw.probabilities.sum(axis=1), 1)
    assert np.isfinite(draw.slope).all()


@pytest.mark.parametrize("concentration", [1e-4, 1e-2, 1e4])
def test_extreme_concentrations(concentration):
    draw = draw_dirichlet(np.full((3, 4), concentration), np.random.default_rng(0))
    assert np.isfinite(draw.probabilities).all()
    assert np.isfinite(draw.slope).all()
    np.testing.assert_allclose(draw.probabilities.sum(axis=1), 1)


@given(CONCENTRATIONS, st.integers(0, 2**32 - 1))
def test_pull_back_is_the_derivative_with_the_randomness_held(concentrations, seed):
    rng = np.random.default_rng(seed)
    alpha = np.array([concentrations])
    uniforms = rng.uniform(0.02, 0.98, (2, *alpha.shape))
    direction, weights = rng.normal(size=alpha.shape), rng.normal(size=alpha.shape)
    step = 1e-4 * alpha
    ahead, behind = (
        (weights * dirichlet_at(alpha + sign * step * direction, uniforms).probabilities).sum() for sign in (1, -1)
    )
    slope = (dirichlet_at(alpha, uniforms).pull_back(weights) * step * direction).sum()
    np.testing.assert_allclose(slope, (ahead - behind) / 2, rtol=1e-3, atol=1e-9)


def test_moments_and_mean_gradient_are_the_exact_ones():
    alpha, weights = np.array([[0.4, 1.5, 4.0]]), np.array([[1.0, -2.0, 0.5]])
    rng = np.random.default_rng(0)
    n = 20_000
    draw = draw_dirichlet(np.repeat(alpha, n, axis=0), rng)
    reference = torch.distributions.Dirichlet(torch.tensor(alpha[0]))
    np.testing.assert_allclose(draw.probabilities.mean(axis=0), reference.mean, atol=0.01)
    np.testing.assert_allclose(draw.probabilities.var(axis=0), reference.variance, atol=0.005)
    total = alpha.sum()
    exact = (weights[0] * total - weights[0] @ alpha[0]) / total**2
    slopes = draw.pull_back(np.repeat(weights, n, axis=0))
    np.testing.assert_allclose(slopes.mean(axis=0), exact, atol=4 * slopes.std(axis=0).max() / np.sqrt(n))
