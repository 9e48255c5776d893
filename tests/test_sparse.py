"""Sparse data are taken as the dense array that they stand for."""

import numpy as np
import pytest
import scipy.sparse as sparse
from numpy.testing import assert_array_equal
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder
from sklearn.utils import get_tags

from skopdist import OpDistNASClassifier, _sparse
from skopdist.evaluators import TrainingEvaluator


def make(**changes):
    settings = {"n_trials": 1, "max_epochs": 2, "n_cells": 1, "channels": 4, "random_state": 0}
    return OpDistNASClassifier(**(settings | changes))


@pytest.fixture(scope="module")
def table():
    X = np.random.default_rng(0).integers(0, 4, (60, 16)) * np.random.default_rng(1).integers(0, 2, (60, 16))
    return X, (X[:, 0] > X[:, 1]).astype(int)


@pytest.mark.parametrize("shape", [None, (1, 16), (1, 4, 4)])
@pytest.mark.parametrize("kind", ["csr_array", "csc_matrix", "coo_array", "lil_matrix", "bsr_array"])
def test_sparse_and_dense_give_the_same(kind, shape, table):
    X, y = table
    expected = make(input_shape=shape).fit(X, y)
    given = getattr(sparse, kind)(X)
    clf = make(input_shape=shape).fit(given, y)
    assert clf.best_score_ == expected.best_score_
    assert_array_equal(clf.predict_proba(given), expected.predict_proba(X))
    # Either may follow the other.
    assert_array_equal(clf.predict(X), expected.predict(given))


@pytest.mark.parametrize("dtype", [np.float32, np.uint8, np.int16, np.bool_])
def test_sparse_data_of_any_type(dtype, table):
    X, y = table
    X = X.astype(dtype)
    expected = make().fit(X, y).predict_proba(X)
    assert_array_equal(make().fit(sparse.csr_array(X), y).predict_proba(sparse.coo_matrix(X)), expected)


def test_duplicate_entries_are_added(table):
    X, y = table
    rows, columns = X.nonzero()
    halves = np.r_[X[rows, columns], X[rows, columns]] / 2
    twice = sparse.coo_array((halves, (np.r_[rows, rows], np.r_[columns, columns])), shape=X.shape)
    assert_array_equal(make().fit(twice, y).predict_proba(twice), make().fit(X, y).predict_proba(X))


def test_images_in_a_sparse_array(table):
    X, y = table
    images = X.reshape(60, 1, 4, 4)
    given = sparse.coo_array(images)
    assert_array_equal(make().fit(given, y).predict(given), make().fit(images, y).predict(images))


def test_one_hot_categories_as_they_come(table):
    X, y = table
    model = make_pipeline(OneHotEncoder(), make()).fit(X, y)
    assert model.predict(X).shape == (60,)
    assert get_tags(model[-1]).input_tags.sparse


def test_an_evaluator_takes_them_too(table):
    X, y = table
    fitted = TrainingEvaluator().fit(sparse.csr_array(X), y, random_state=0)
    assert fitted.problem_.fingerprint == TrainingEvaluator().fit(X, y, random_state=0).problem_.fingerprint


def test_values_that_are_not_finite(table):
    X, y = table
    X = X.astype(float)
    X[3, 5] = np.inf
    with pytest.raises(ValueError, match=r"Input X contains infinity"):
        make().fit(sparse.csc_array(X), y)
    X[3, 5] = np.nan
    expected = make().fit(X, y).predict_proba(X)
    clf = make().fit(sparse.csc_array(X), y)
    assert np.array_equal(clf.predict_proba(sparse.csr_array(X)), expected)


@pytest.mark.parametrize("shape", [None, (1, 4, 4)])
def test_more_than_fits_into_memory_is_predicted(shape, table, monkeypatch):
    X, y = table
    clf = make(input_shape=shape).fit(X, y)
    repeated = np.tile(X, (20, 1))
    monkeypatch.setattr(_sparse, "_MOST_BYTES", 10_000)
    with pytest.raises(ValueError, match=r"would take .* GiB as a dense array"):
        make().fit(sparse.csr_array(repeated), np.tile(y, 20))
    assert_array_equal(clf.predict_proba(sparse.csr_array(repeated)), clf.predict_proba(repeated))


def test_sparse_rows_of_another_shape(table):
    X, y = table
    with pytest.raises(ValueError, match=r"X has 15 features, but OpDistNASClassifier is expecting 16"):
        make(input_shape=(1, 4, 4)).fit(X, y).predict(sparse.csr_array(X[:, :15]))
    clf = make().fit(np.repeat(X[:, :2, None], 5, axis=2), y)
    with pytest.raises(ValueError, match=r"X has samples of shape \(2,\), but OpDist.* is expecting \(2, 5\)"):
        clf.predict(sparse.csr_array(X[:, :2]))
    with pytest.raises(ValueError, match=r"0 sample\(s\)"):
        make().fit(X, y).predict(sparse.csr_array((0, 16)))
