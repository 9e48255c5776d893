"""Fitted estimators that the tests of exports share; none of them changes one."""

import numpy as np
import pytest

from skopdist import OpDistNASClassifier

SETTINGS = {"n_trials": 2, "n_members": 2, "max_epochs": 2, "n_cells": 1, "channels": 8, "random_state": 0}


@pytest.fixture(scope="session")
def heavy():
    """150 flat samples with labels of text; of five columns two are heavy-tailed, and one is constant."""
    rng = np.random.default_rng(0)
    X = np.column_stack([rng.normal(size=(150, 2)), rng.standard_cauchy((150, 2)) * [1, 1000], np.full(150, 7.0)])
    return X, np.array(["no", "yes"])[(X[:, 0] > X[:, 1]).astype(int)]


@pytest.fixture(scope="session")
def flat(heavy):
    """A committee for flat samples."""
    return OpDistNASClassifier(**SETTINGS).fit(*heavy)


@pytest.fixture(scope="session")
def single(iris):
    """A single network for flat samples."""
    return OpDistNASClassifier(**SETTINGS | {"n_members": 1}).fit(*iris)


@pytest.fixture(scope="session")
def imaging(images):
    """A committee for images."""
    return OpDistNASClassifier(**SETTINGS).fit(*images)
