"""Tests of how the scale of the input is found."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from skopdist.problem import Problem


@pytest.mark.parametrize("shape", [(5000, 3), (70, 2, 9), (40, 3, 4, 5)])
@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.uint8])
def test_mean_and_deviation_of_each_channel(shape, dtype):
    rng = np.random.default_rng(0)
    X = rng.integers(0, 255, shape).astype(dtype)
    weight = rng.uniform(1, 4, len(X))
    scaling = Problem.of(X, np.arange(len(X)) % 2, weight).everything.scaling
    flat = np.moveaxis(X, 1, -1).reshape(len(X), -1, shape[1]).astype(float)
    mean = np.average(flat.mean(axis=1), axis=0, weights=weight)
    np.testing.assert_allclose(scaling.mean, mean)
    std = np.sqrt(np.average(np.square(flat - mean).mean(axis=1), axis=0, weights=weight))
    np.testing.assert_allclose(scaling.std, std)


@pytest.mark.parametrize("value", [0.0, 1e9, -3.3, 1e-300, 1e300])
def test_a_constant_channel_has_no_scale(value):
    scaling = Problem.of(np.full((4, 1), value), np.arange(4) % 2, np.arange(1.0, 5) + 0.5).everything.scaling
    assert scaling.std.tolist() == [np.inf]
    np.testing.assert_allclose(scaling.mean, [value])


@given(st.integers(-300, 300))
def test_units_do_not_matter(exponent):
    X = np.random.default_rng(0).normal(3.0, 1.0, (60, 2))
    unit = 10.0**exponent
    plain, scaled = (Problem.of(X * u, np.arange(60) % 2).everything.scaling for u in (1.0, unit))
    np.testing.assert_allclose(scaled.mean, plain.mean * unit)
    np.testing.assert_allclose(scaled.std, plain.std * unit)


@pytest.mark.parametrize("absurd", [65535.0, -9999.0, 1e30, -1e300])
@pytest.mark.parametrize("share", [1, 20])
@pytest.mark.parametrize("n_spatial", [0, 1, 2])
def test_absurd_values_move_neither_mean_nor_deviation(absurd, share, n_spatial):
    X = np.random.default_rng(0).normal(5.0, 2.0, (2000, 2, *[3] * n_spatial))
    y = np.arange(2000) % 2
    clean = Problem.of(X, y).everything.scaling
    X[:share, 0, *[0] * n_spatial] = absurd
    spoiled = Problem.of(X, y).everything.scaling
    np.testing.assert_allclose(spoiled.mean, clean.mean, atol=0.5)
    np.testing.assert_allclose(spoiled.std, clean.std, rtol=0.5)


def test_a_rare_indicator_is_no_absurd_value():
    X = np.zeros((1000, 1))
    X[:5] = 1.0
    scaling = Problem.of(X, np.arange(1000) % 2, np.full(1000, 1.0) + np.arange(1000) / 1e9).everything.scaling
    np.testing.assert_allclose(scaling.std, np.sqrt(0.005 * 0.995), rtol=1e-3)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("normal", 0),
        ("uniform", 0),
        ("exponential", 0),
        ("binary", 0),
        ("sentinel", 0),
        ("lognormal", 1),
        ("cauchy", 1),
    ],
)
def test_heavy_tails_are_told_from_others(name, expected):
    rng = np.random.default_rng(0)
    normal = rng.normal(size=2000)
    x = {
        "normal": normal,
        "uniform": rng.random(2000),
        "exponential": rng.exponential(size=2000),
        "binary": (normal > 2).astype(float),
        "sentinel": np.where(np.arange(2000) % 100 == 0, -9999.0, normal),
        "lognormal": np.exp(6 * normal),
        "cauchy": rng.standard_cauchy(2000),
    }[name]
    scaling = Problem.of(x[:, None], np.arange(2000) % 2).everything.scaling
    assert len(scaling.heavy) == len(scaling.knots) == expected
    assert (np.diff(scaling.knots, axis=1) >= 0).all()


def test_only_flat_input_has_heavy_tailed_channels():
    x = np.random.default_rng(0).standard_cauchy((500, 1, 5))
    assert not len(Problem.of(x, np.arange(500) % 2).everything.scaling.heavy)


@pytest.mark.parametrize("value", [1.7e308, -1.7e308])
def test_the_largest_values_have_a_scale(value):
    X = value * np.array([[1.0], [0.9]] * 12)
    scaling = Problem.of(X, np.arange(24) // 12).everything.scaling
    np.testing.assert_allclose(scaling.mean, 0.95 * value)
    np.testing.assert_allclose(scaling.std, 0.05 * abs(value))
    assert scaling.varies


@pytest.mark.parametrize("n_spatial", [0, 1, 2])
def test_a_range_beyond_the_largest_number_has_a_scale(n_spatial):
    X = (1.7e308 * np.linspace(-1, 1, 24)).reshape(24, *[1] * (n_spatial + 1))
    scaling = Problem.of(X, np.arange(24) // 12).everything.scaling
    np.testing.assert_allclose(scaling.mean, 0, atol=1e300)
    np.testing.assert_allclose(scaling.std, 1.7e308 * np.linspace(-1, 1, 24).std())


@pytest.mark.parametrize("weight", [None, np.linspace(1, 5, 400)])
def test_missing_values_take_no_part(weight):
    rng = np.random.default_rng(0)
    X = np.c_[rng.normal(3, 2, 400), rng.standard_cauchy(400), rng.normal(size=400), np.full(400, 7.0)]
    y = np.arange(400) % 2
    missing = rng.random(400) < 0.3
    holed = X.copy()
    holed[missing] = np.nan
    weight = np.ones(400) if weight is None else weight
    expected = Problem.of(X[~missing], y[~missing], weight[~missing]).everything.scaling
    found = Problem.of(holed, y, weight).everything.scaling
    for name in ("mean", "std", "heavy", "knots"):
        np.testing.assert_allclose(getattr(found, name), getattr(expected, name), err_msg=name)
    share = weight[missing].sum() / weight.sum()
    np.testing.assert_allclose(found.shares, [1 - share, share] * 4)


def test_a_column_without_any_number():
    X = np.c_[np.full(20, np.nan), np.arange(20.0)]
    scaling = Problem.of(X, np.arange(20) % 2).everything.scaling
    assert scaling.std.tolist()[0] == np.inf
    assert scaling.mean.tolist()[0] == 0
    assert scaling.shares.tolist() == [0, 1]


def test_codes_have_no_scale():
    X = np.c_[np.arange(20) % 4, np.arange(20.0)]
    problem = Problem.of(X, np.arange(20) % 2, levels=[tuple("abcd"), None])
    assert len(problem.everything.scaling.mean) == 1
    np.testing.assert_allclose(problem.everything.scaling.shares, [0.25] * 4)
    assert problem.everything.take(np.flatnonzero(problem.everything.inputs()[:, 0] < 2)).scaling.shares[2:].sum() == 0


def test_categories_vary_where_numbers_do_not():
    y = np.arange(20) % 2
    assert Problem.of((np.arange(20) % 4)[:, None] * 1.0, y, levels=[tuple("abcd")]).everything.scaling.varies
    assert not Problem.of(np.zeros((20, 1)), y, levels=[("a",)]).everything.scaling.varies
