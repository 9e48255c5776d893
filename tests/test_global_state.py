"""Fits and predictions do not depend on what is set in torch for other work, and leave it as it is."""

from contextlib import contextmanager

import numpy as np
import pytest
import torch

from skopdist import OpDistNASClassifier
from skopdist.strategies import DifferentiableSearch, RandomSearch


@contextmanager
def default_dtype():
    torch.set_default_dtype(torch.float64)
    yield lambda: torch.get_default_dtype() == torch.float64
    torch.set_default_dtype(torch.float32)


@contextmanager
def matmul_precision():
    torch.set_float32_matmul_precision("medium")
    yield lambda: torch.get_float32_matmul_precision() == "medium"
    torch.set_float32_matmul_precision("highest")


@contextmanager
def default_device():
    with torch.device("meta"):
        yield lambda: torch.get_default_device().type == "meta"


@contextmanager
def no_gradients():
    with torch.no_grad():
        yield lambda: not torch.is_grad_enabled()


@contextmanager
def inference():
    with torch.inference_mode():
        yield torch.is_inference_mode_enabled


@contextmanager
def autocast():
    with torch.autocast("cpu", torch.bfloat16):
        yield lambda: torch.is_autocast_enabled("cpu")


@contextmanager
def two_threads():
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield lambda: torch.get_num_threads() == 2
    torch.set_num_threads(before)


@contextmanager
def determinism():
    torch.use_deterministic_algorithms(True)
    yield torch.are_deterministic_algorithms_enabled
    torch.use_deterministic_algorithms(False)


SETTINGS = [
    default_dtype,
    matmul_precision,
    default_device,
    no_gradients,
    inference,
    autocast,
    two_threads,
    determinism,
]


def fit(X, y, strategy, **changes):
    settings = {"n_trials": 2, "max_epochs": 2, "n_cells": 1, "channels": 8, "random_state": 0} | changes
    return OpDistNASClassifier(strategy, **settings).fit(X, y)


@pytest.mark.parametrize("setting", SETTINGS)
@pytest.mark.parametrize("data", ["iris", "images"])
@pytest.mark.parametrize("strategy", [RandomSearch(), DifferentiableSearch(n_warmup=1)], ids=["trials", "supernet"])
def test_a_fit_does_not_depend_on_it(setting, data, strategy, request):
    X, y = request.getfixturevalue(data)
    expected = fit(X, y, strategy, limits={"flops": 10**9})
    with setting() as is_set:
        came = fit(X, y, strategy, limits={"flops": 10**9})
        probabilities = came.predict_proba(X)
        assert is_set()
    assert came.search_results_["score"].tolist() == expected.search_results_["score"].tolist()
    np.testing.assert_allclose(probabilities, expected.predict_proba(X), rtol=1e-6)


def test_workers_agree_with_the_caller(iris):
    X, y = iris
    with default_dtype():
        one, two = (fit(X, y, RandomSearch(), n_trials=3, n_jobs=n_jobs) for n_jobs in (1, 2))
        np.testing.assert_array_equal(one.search_results_["score"], two.search_results_["score"])
        np.testing.assert_array_equal(one.predict_proba(X), two.predict_proba(X))
