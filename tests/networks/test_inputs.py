"""Tests of how raw input is scaled."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from skopdist._scaling import Scaling
from skopdist.networks._inputs import Standardize
from skopdist.problem import Problem


def make(mean, std, n_spatial=0):
    nothing = np.empty(0, dtype=np.intp)
    return Standardize(Scaling(np.array(mean), np.array(std), nothing, np.empty((0, 3)), np.arange(-1.0, 2)), n_spatial)


@pytest.mark.parametrize("n_spatial", [0, 1, 2])
def test_standardises_what_is_near(n_spatial):
    standardize = make([2.0, -1.0], [0.5, 4.0], n_spatial)
    x = torch.tensor([2.5, 3.0]).reshape(1, 2, *[1] * n_spatial)
    torch.testing.assert_close(standardize(x).ravel(), torch.tensor([1.0, 1.0], dtype=torch.float64), rtol=0.02, atol=0)


@pytest.mark.parametrize("dtype", [torch.uint8, torch.int64, torch.float32])
def test_equal_values_give_equal_results(dtype):
    x = torch.arange(24).reshape(4, 6)
    standardize = make(np.arange(6.0), np.linspace(0.1, 3, 6))
    assert torch.equal(standardize(x.to(dtype)), standardize(x.double()))


@pytest.mark.parametrize("value", [1e6, 1e39, 1e200, 1.7e308, -1.7e308, 5e-324])
@pytest.mark.parametrize(("mean", "std"), [(0.0, 1.0), (1.6e9, 1e-3), (1e308, 1e308), (0.0, 1e-300), (3.0, np.inf)])
def test_any_finite_value_is_bounded(value, mean, std):
    z = make([mean], [std], 0)(torch.tensor([[value]], dtype=torch.float64))
    assert z.isfinite().all()
    assert z.abs().max() <= 8


def test_keeps_the_order():
    z = make([0.0], [1.0], 0)(torch.linspace(-50, 50, 1001, dtype=torch.float64)[:, None])
    assert (z.diff(dim=0) > 0).all()


def test_a_constant_channel_becomes_zero():
    assert make([7.0], [np.inf], 0)(torch.tensor([[7.0], [1e300]], dtype=torch.float64)).tolist() == [[0], [0]]


@pytest.mark.parametrize("unit", [1.0, 1e-300, 1e300])
def test_a_heavy_tailed_feature_becomes_normal_scores(unit):
    knots = unit * np.array([[-1.0, 0.0, 1.0, 8.0]])
    scaling = Scaling(np.zeros(2), np.ones(2), np.array([1]), knots, np.array([-2.0, 0.0, 1.0, 2.0]))
    x = unit * torch.tensor([-5.0, -1.0, -0.5, 0.0, 1.0, 4.5, 8.0, 9.0], dtype=torch.float64)
    z = Standardize(scaling, 0)(torch.stack([torch.zeros(8), x], dim=1))
    torch.testing.assert_close(z[:, 1], torch.tensor([-2.0, -2.0, -1.0, 0.0, 1.0, 1.5, 2.0, 2.0]).double())
    assert (z[:, 0] == 0).all()


@given(st.integers(-1070, -1000))
def test_numbers_below_the_smallest_normal_one_are_told_apart(exponent):
    X = np.ldexp(np.random.default_rng(0).integers(0, 8, (60, 1)).astype(float), exponent)
    small = Standardize(Problem.of(X, np.arange(60) % 2).everything.scaling, 0)
    X_large = np.ldexp(X, 1000)
    large = Standardize(Problem.of(X_large, np.arange(60) % 2).everything.scaling, 0)
    torch.testing.assert_close(small(torch.tensor(X)), large(torch.tensor(X_large)), atol=0.05, rtol=0)


def test_equal_knots_are_a_jump():
    scaling = Scaling(np.zeros(1), np.ones(1), np.array([0]), np.array([[0.0, 0.0, 0.0, 1.0]]), np.arange(4.0))
    z = Standardize(scaling, 0)(torch.tensor([[-1.0], [0.0], [1.0]], dtype=torch.float64))
    assert z.ravel().tolist() == [0, 2, 3]


def test_other_weights_leave_the_statistics_alone():
    statistics = {"mean": np.zeros(2), "std": np.ones(2), "heavy": np.array([1]), "knots": np.arange(3.0)[None]}
    scaling = Scaling(**statistics, scores=np.arange(-1.0, 2))
    for array in vars(scaling).values():
        # As joblib opens a file with `mmap_mode="r"`: writing there would end the process.
        array.flags.writeable = False
    standardize = Standardize(scaling, 0)
    standardize.load_state_dict({name: value + 1 for name, value in standardize.state_dict().items()})
    assert scaling.std.tolist() == [1, 1]
    assert scaling.knots.tolist() == [[0, 1, 2]]
    assert scaling.scores.tolist() == [-1, 0, 1]
