"""The whole of scikit-learn's estimator checks, for each strategy: no failure is expected and none is skipped."""

import unittest

import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks

from skopdist import OpDistNASClassifier
from skopdist.strategies import (
    BayesianOptimization,
    DifferentiableSearch,
    LocalSearch,
    RandomSearch,
    RegularizedEvolution,
)

# Another strategy needs no more than a place in this list.
STRATEGIES = [
    RandomSearch(),
    LocalSearch(),
    BayesianOptimization(),
    RegularizedEvolution(),
    DifferentiableSearch(n_warmup=1),
]
SETTINGS = {"n_trials": 2, "max_epochs": 10, "n_cells": 2, "channels": 32}


@parametrize_with_checks([OpDistNASClassifier(strategy, **SETTINGS) for strategy in STRATEGIES])
def test_sklearn_check(estimator, check):
    try:
        check(estimator)
    except (unittest.SkipTest, pytest.skip.Exception) as skipped:
        pytest.fail(f"The check was skipped: {skipped}")
