"""Raw input: what is predicted is read as what was learnt from."""

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sparse
from numpy.testing import assert_array_equal
from sklearn.base import BaseEstimator

from skopdist import OpDistNASClassifier
from skopdist._reader import Reader, with_reader
from skopdist._schema import Table

LABELS = np.arange(12) % 2
NUMBERS = np.random.default_rng(0).normal(size=(12, 6))
WORDS = np.array(["a", "b", None] * 4, dtype=object)
FRAME = pd.DataFrame({"size": NUMBERS[:, 0], "word": WORDS, "id": 2**60 + np.arange(12)})
PIXELS = np.random.default_rng(0).integers(0, 256, (12, 9, 8, 3)).astype(np.uint8)
SERIES = [NUMBERS[i].reshape(2, 3)[:, : 1 + i % 3] for i in range(12)]
# Of every kind, with the parameter input_shape and the shape of a sample.
KINDS = {
    "array": (NUMBERS, None, (6,)),
    "list": (NUMBERS.tolist(), None, (6,)),
    "frame of numbers": (pd.DataFrame(NUMBERS, columns=list("abcdef")), None, (6,)),
    "frame": (FRAME, None, (3,)),
    "objects": (FRAME.to_numpy(), None, (3,)),
    "long integers": (2**60 + np.arange(24).reshape(12, 2), None, (2,)),
    "flat": (NUMBERS, (6,), (6,)),
    "series": (NUMBERS.reshape(12, 2, 3), None, (2, 3)),
    "flat series": (NUMBERS, (2, 3), (2, 3)),
    "series of unequal length": (SERIES, None, (2, 3)),
    "images": (PIXELS, None, (3, 9, 8)),
    "images without channels": (PIXELS[..., 0], None, (1, 9, 8)),
    "flat images": (NUMBERS, [1, 2, 3], (1, 2, 3)),
}


class Estimator(BaseEstimator):
    """Holds what scikit-learn sets."""


def learn(X, input_shape=None, weight=None, **changes):
    estimator = Estimator()
    reader, given = Reader.learn(estimator, X, LABELS, weight, input_shape=input_shape, **changes)
    return estimator, reader, given


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_predicted_is_read_as_what_was_learnt(kind):
    X, input_shape, shape = KINDS[kind]
    estimator, reader, given = learn(X, input_shape)
    assert reader.sample_shape == shape
    assert given.samples.shape == (12, *shape)
    assert_array_equal(given.labels, LABELS)
    assert given.weight is None
    read = reader.read(estimator, X)
    assert read.dtype == given.samples.dtype
    assert_array_equal(read, given.samples)
    assert_array_equal(reader.read(estimator, X[:5]), given.samples[:5])


def test_what_scikit_learn_wants_to_know_is_set_on_the_estimator():
    estimator = learn(FRAME)[0]
    assert estimator.n_features_in_ == 3
    assert estimator.feature_names_in_.tolist() == ["size", "word", "id"]
    assert learn(NUMBERS.reshape(12, 2, 3))[0].n_features_in_ == 2


def test_columns_of_categories():
    _, reader, given = learn(FRAME)
    assert reader.is_categorical.tolist() == [False, True, False]
    assert reader.levels == (None, ("a", "b", None), None)
    assert given.samples[:, 2].tolist() == list(range(12))
    _, reader, _ = learn(NUMBERS)
    assert reader.is_categorical is None
    assert reader.levels is None


def test_rows_of_no_weight_teach_no_levels():
    _, reader, given = learn(FRAME, weight=[0, 1, 1] * 4)
    assert reader.levels[1] == ("b", None)
    assert given.weight.tolist() == [0, 1, 1] * 4
    assert learn(NUMBERS, weight=2)[2].weight.tolist() == [2.0] * 12


@pytest.mark.parametrize("kind", ["csr_array", "coo_matrix"])
@pytest.mark.parametrize("shape", [None, (1, 2, 3)])
def test_sparse_rows_are_read_as_they_are_asked_for(kind, shape):
    X = getattr(sparse, kind)(np.where(NUMBERS > 0, NUMBERS, 0.0))
    estimator, reader, given = learn(X, shape)
    rows = reader.read(estimator, X)
    assert not isinstance(rows, np.ndarray)
    assert rows.shape == given.samples.shape
    assert_array_equal(rows[3:7], given.samples[3:7])


@pytest.mark.parametrize("X", [FRAME, FRAME.to_numpy(), FRAME[["size"]], NUMBERS, NUMBERS.tolist()])
def test_a_prediction_makes_one_table(X, monkeypatch):
    estimator, reader, given = learn(X)
    made = []
    init = Table.__init__
    monkeypatch.setattr(Table, "__init__", lambda self, *args: made.append(self) or init(self, *args))
    assert_array_equal(reader.read(estimator, X), given.samples)
    assert len(made) == 1


def test_numbers_that_became_words():
    estimator, reader, _ = learn(FRAME[["size", "id"]])
    with pytest.raises(ValueError, match=r"The column 'size' of X held numbers in fit, but now holds 'a'"):
        reader.read(estimator, FRAME[["size", "id"]].assign(size="a"))


def test_other_shapes_are_refused():
    estimator, reader, _ = learn(NUMBERS.reshape(12, 2, 3))
    with pytest.raises(ValueError, match=r"X has samples of shape \(2, 4\), but .* is expecting \(2, 3\).*fit it to a"):
        reader.read(estimator, np.ones((3, 2, 4)))
    estimator, reader, _ = learn(SERIES)
    assert reader.read(estimator, np.ones((3, 2, 4))).shape == (3, 2, 4)
    assert np.isnan(reader.read(estimator, np.ones((3, 2, 2)))).any(axis=(0, 1)).tolist() == [False, False, True]


def test_it_says_where_the_axes_are_in_doubt():
    with pytest.warns(UserWarning, match=r"X of shape \(n, 9, 8, 3\) is taken as 9 channels of 8 by 3"):
        learn(PIXELS.astype(float))


# The estimator


@pytest.fixture(scope="module")
def fitted():
    settings = {"n_trials": 1, "max_epochs": 1, "n_cells": 1, "channels": 4, "random_state": 0}
    return OpDistNASClassifier(input_shape=[1, 2, 3], **settings).fit(NUMBERS, LABELS)


def earlier(clf):
    """The state of an estimator as earlier versions had it, with the parts of the reader one by one."""
    state = clf.__getstate__()
    return state | state.pop("_reader").parts()


def test_pickles_of_earlier_versions(fitted):
    restored = OpDistNASClassifier.__new__(OpDistNASClassifier)
    restored.__setstate__(earlier(fitted))
    assert vars(restored).keys() == vars(fitted).keys()
    assert restored._reader.input_shape == (1, 2, 3)
    assert_array_equal(restored.predict_proba(NUMBERS), fitted.predict_proba(NUMBERS))


def test_a_state_without_all_parts_stays_as_it_is(fitted):
    assert with_reader({"input_shape": None}) == {"input_shape": None}
    # A first fit may have failed.
    begun = earlier(fitted)
    del begun["sample_shape_"]
    assert with_reader(begun) == begun
    assert with_reader(vars(fitted)) == vars(fitted)


def test_parameters_that_are_set_behind_a_fit_change_nothing(fitted):
    expected = fitted.predict_proba(NUMBERS)
    fitted.set_params(input_shape=None, categorical_features=[0])
    assert_array_equal(fitted.predict_proba(NUMBERS), expected)
    fitted.set_params(input_shape=[1, 2, 3], categorical_features="from_dtype")
