"""Integers of 64 bits are told apart to the last digit."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_array_equal
from scipy.sparse import csr_array

from skopdist import OpDistNASClassifier
from skopdist._integers import Origin

LABELS = np.arange(48) % 2


def make(**changes):
    settings = {"n_trials": 1, "max_epochs": 4, "n_cells": 1, "channels": 8, "random_state": 0}
    return OpDistNASClassifier(**(settings | changes))


@pytest.mark.parametrize("dtype", [np.int64, np.int32, np.uint8, np.float64, np.float32])
def test_numbers_that_double_precision_holds_stay_as_they_are(dtype):
    X = np.arange(12).reshape(4, 3).astype(dtype)
    origin = Origin.of(X)
    assert origin.smallest is None
    assert_array_equal(origin.count(X), X)


@pytest.mark.parametrize("start", [2**53, 2**62, 1000 - 2**63, 2**63, 2**64 - 1000])
@pytest.mark.parametrize("shape", [(20, 1), (20, 2, 3), (5, 2, 2, 2)])
def test_integers_are_counted_from_the_smallest(start, shape):
    steps = np.arange(int(np.prod(shape))).reshape(shape)
    X = (steps.astype(np.uint64) + np.uint64(start % 2**64)).view(np.uint64 if start >= 2**63 else np.int64)
    origin = Origin.of(X)
    counted = origin.count(X)
    assert counted.dtype == np.float64
    smallest = steps.min(axis=(0, *range(2, steps.ndim)), keepdims=True)
    assert_array_equal(counted, steps - smallest)
    # What comes later may be less, of another type, or a little less exact.
    assert_array_equal(origin.count(X[:1] - np.array(90, X.dtype)), steps[:1] - smallest - 90.0)
    np.testing.assert_allclose(origin.count(X.astype(np.float64)), steps - smallest, atol=abs(start) / 2**51)


def test_the_whole_range():
    X = np.array([[-(2**63), 5], [2**63 - 1, 6]])
    assert Origin.of(X).count(X).tolist() == [[0.0, 5.0], [2.0**64, 6.0]]


@pytest.mark.parametrize("start", [2**53, 10**18])
@pytest.mark.parametrize("kind", [np.asarray, pd.DataFrame, csr_array, list])
def test_identifiers_are_told_apart(start, kind):
    numbers = np.stack([LABELS, np.arange(48) % 3], axis=1)
    expected = make().fit(numbers, LABELS).predict_proba(numbers)
    clf = make().fit(kind(numbers + start), LABELS)
    assert clf.score(kind(numbers + start), LABELS) == 1
    assert_array_equal(clf.predict_proba(kind(numbers + start)), expected)
