import numpy as np
import pytest
from sklearn.datasets import load_digits

from skopdist.problem import Problem
from skopdist.training._mirroring import bears_mirroring


def bears(X, y):
    return bears_mirroring(Problem.of(X, y).training)


def patterns(n, side=12, channels=3, noise=0.5):
    """Classes of one pattern each, and noise."""
    rng = np.random.default_rng(0)
    y = np.arange(n) % 4
    return rng.normal(size=(4, channels, side, side))[y] + noise * rng.normal(size=(n, channels, side, side)), y


def test_digits_do_not():
    X, y = load_digits(return_X_y=True)
    for n in (64, 300, len(y)):
        assert not bears(X[:n].reshape(-1, 1, 8, 8), y[:n])


@pytest.mark.parametrize("side", [5, 12, 30])
def test_things_that_look_either_way_do(side):
    X, y = patterns(200, side)
    turned = np.random.default_rng(1).random(200) < 0.5
    assert bears(np.where(turned[:, None, None, None], X[..., ::-1], X), y)
    # Those that look one way are not recognised in a mirror.
    assert not bears(X, y)


def test_arrows_do_not_though_all_images_together_are_the_same_in_a_mirror():
    rng = np.random.default_rng(0)
    y = np.arange(200) % 2
    ramp = np.linspace(-1, 1, 9) * np.ones((9, 1))
    X = np.where(y[:, None, None], ramp, -ramp)[:, None] + 0.3 * rng.normal(size=(200, 1, 9, 9))
    assert not bears(X, y)


def test_without_evidence_the_answer_is_no():
    rng = np.random.default_rng(0)
    y = np.arange(100) % 2
    assert not bears(rng.normal(size=(100, 1, 6, 6)), y)
    assert not bears(np.full((100, 3, 6, 6), 7, dtype=np.uint8), y)
    assert not bears(np.zeros((2, 1, 1, 1)), np.array([0, 1]))
    # One bright image among dark ones.
    X = np.zeros((20, 1, 4, 4))
    X[0] = 1e300
    assert not bears(X, y[:20])


def test_values_of_eight_bits_and_a_scale_make_no_difference():
    X, y = patterns(200, noise=0.2)
    X = np.concatenate([X, X[..., ::-1]])[:, :1]
    y = np.concatenate([y, y])
    assert bears((100 + 20 * X).clip(0, 255).astype(np.uint8), y)
    assert bears(1e6 * X - 1e9, y)
