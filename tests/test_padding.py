import pickle

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.model_selection import GridSearchCV

from skopdist import OpDistNASClassifier
from skopdist._input import read_values
from skopdist._padding import Lengths, are_series, pad, refuse_gaps, trim
from skopdist.export import ExportError, to_onnx, to_torch_export

ENDS = np.array([8, 5, 3, 8, 7, 1])


def make(**changes):
    settings = {"n_trials": 1, "max_epochs": 1, "n_cells": 1, "channels": 4, "random_state": 0}
    return OpDistNASClassifier(**(settings | changes))


@pytest.fixture(scope="module")
def uneven(digits):
    """24 series of 2 channels and 1 to 8 positions, in a list, and their classes."""
    X, y = digits
    chosen = np.flatnonzero(y < 2)[:24]
    return [X[row].reshape(8, 8)[2:4, : ENDS[i % 6]] for i, row in enumerate(chosen)], y[chosen]


@pytest.fixture(scope="module")
def fitted(uneven):
    return make().fit(*uneven)


# Reading


@pytest.mark.parametrize("as_list", [list, tuple, lambda X: np.array([*X, None], dtype=object)[:-1]])
def test_series_are_padded_to_the_longest(uneven, as_list):
    X, _ = uneven
    padded = read_values(as_list(X))
    assert padded.shape == (24, 2, 8)
    assert padded.dtype == np.float64
    for row, one in zip(padded, X, strict=True):
        assert np.array_equal(row[:, : one.shape[1]], one)
        assert np.isnan(row[:, one.shape[1] :]).all()


@pytest.mark.parametrize(
    "X",
    [
        [np.ones(9), np.ones(4)],
        np.array([np.ones(9), np.ones(4)], dtype=object),
        (pd.Series(np.ones(9)), pd.Series(np.ones(4))),
        [torch.ones(9), torch.ones(4)],
        [np.ones((1, 9), dtype=np.int64), np.ones((1, 4), dtype=np.uint8)],
    ],
)
def test_what_series_may_be(X):
    padded = read_values(X)
    assert padded.shape == (2, 1, 9)
    assert np.isnan(padded[1, 0]).tolist() == [False] * 4 + [True] * 5


def test_single_precision_stays():
    assert pad([np.ones((1, 2), np.float32), np.ones((1, 3), np.float32)]).dtype == np.float32


def test_series_end_where_all_channels_do():
    X = np.arange(24.0).reshape(2, 3, 4)
    X[0, :, 2:] = np.nan
    refuse_gaps(X)
    assert trim(X) is X
    assert trim(X[:1]).shape == (1, 3, 2)
    assert trim(X[:, 0]).shape == (2, 4), "these are rows of a table"


@pytest.mark.parametrize(
    ("place", "message"),
    [
        ((1, 0, 1), r"1 values are missing, the first in sample 1, channel 0, at position 1\. .*np\.interp"),
        ((1, 2, 3), r"1 values are missing, the first in sample 1, channel 2, at position 3\. .*all of its channels"),
        ((slice(None), slice(None), 0), r"6 values are missing, the first in sample 0, channel 0, at position 0\."),
        ((1,), r"all values of sample 1 are missing; drop"),
    ],
)
def test_gaps_are_refused(place, message):
    X = np.arange(24.0).reshape(2, 3, 4)
    X[place] = np.nan
    with pytest.raises(ValueError, match=f"Input X contains NaN: {message}"):
        refuse_gaps(X)


def test_gaps_are_found_behind_the_first_block(monkeypatch):
    monkeypatch.setattr("skopdist._padding._BLOCK", 8)
    X = np.ones((5, 1, 4))
    X[3, 0, 1] = np.nan
    with pytest.raises(ValueError, match=r"sample 3, channel 0, at position 1"):
        refuse_gaps(X)


def test_which_lengths_predict_takes():
    whole = np.ones((2, 1, 4))
    cut = whole.copy()
    cut[0, :, 3] = np.nan
    assert Lengths.of(whole, whole, whole) == Lengths(None, False)
    assert Lengths.of(list(whole), whole, whole) == Lengths(4, False)
    assert Lengths.of(cut, cut, cut) == Lengths(4, True)
    assert Lengths.of(cut[:, 0], cut[:, 0], cut) == Lengths(None, True)
    assert Lengths.of(whole[:, 0], whole[:, 0], whole[:, 0]) == Lengths()
    assert not are_series(list(whole[:, 0])), "these may be the rows of a table"


# The estimator


def test_all_forms_are_the_same(uneven, fitted):
    X, y = uneven
    assert fitted.sample_shape_ == (2, 8)
    assert fitted.n_features_in_ == 2
    padded = np.pad(read_values(X), ((0, 0), (0, 0), (0, 3)), constant_values=np.nan)
    again = make().fit(padded, y)
    assert again.sample_shape_ == (2, 8), "behind the end of the longest there is nothing"
    expected = fitted.predict_proba(X)
    assert np.isfinite(expected).all()
    assert np.array_equal(again.predict_proba(X), expected)
    assert np.array_equal(fitted.predict_proba(padded), expected)


def test_each_sample_stands_alone(uneven, fitted):
    X, _ = uneven
    alone = np.concatenate([fitted.predict_proba([one]) for one in X])
    assert np.allclose(alone, fitted.predict_proba(X), atol=1e-6)
    arrays = np.concatenate([fitted.predict_proba(one[None]) for one in X])
    assert np.allclose(alone, arrays, atol=1e-6)


def test_longer_series_than_in_fit(uneven, fitted):
    X, _ = uneven
    longer = np.tile(X[0], 3)
    together = fitted.predict_proba([longer, *X])
    assert np.allclose(together[:1], fitted.predict_proba([longer]), atol=1e-6)
    assert np.allclose(together[1:], fitted.predict_proba(X), atol=1e-6)


def test_series_without_an_axis_of_channels(uneven):
    X, y = [one[0] for one in uneven[0]], uneven[1]
    clf = make().fit(X, y)
    assert clf.sample_shape_ == (1, 8)
    assert np.allclose(clf.predict_proba(X[:1]), clf.predict_proba(X)[:1], atol=1e-6)


def test_a_list_of_series_of_one_length_says_that_others_may_come(uneven):
    X, y = uneven
    whole = [np.tile(one, 8)[:, :8] for one in X]
    clf = make().fit(whole, y)
    assert clf.predict(X).shape == (24,)
    strict = make().fit(np.array(whole), y)
    assert np.array_equal(strict.predict_proba(whole), clf.predict_proba(whole))
    for other in (X[1:2], np.tile(whole, 2)):
        with pytest.raises(ValueError, match=r"is expecting \(2, 8\), .*list of arrays of shape \(channels, length\)"):
            strict.predict(other)


def test_flat_rows_of_series_may_be_padded(uneven):
    X, y = uneven
    flat = pad(X)[:, 0]
    clf = make(input_shape=(1, 8)).fit(flat, y)
    expected = make().fit(flat[:, None], y).predict_proba(flat[:, None])
    assert np.array_equal(clf.predict_proba(flat), expected)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda X: [*X[:-1], np.ones((3, 4))], r"number of their channels|2 features"),
        (lambda X: [*X[:-1], np.ones((2, 0))], r"one position at least, but sample 23 has none"),
        (lambda X: [*X[:-1], np.full((2, 4), np.nan)], r"all values of sample 23 are missing"),
        (lambda X: [*X[:-1], np.array([[1, np.nan, 1]] * 2)], r"the first in sample 23, channel 0, at position 1\."),
        (lambda X: [*X[:-1], np.array([[1, np.inf, 1]] * 2)], r"contains infinity"),
        (lambda X: [*X[:-1], np.array([["a", "b"]] * 2)], r"holds 'a'"),
    ],
)
def test_bad_series(uneven, fitted, spoil, message):
    X, y = uneven
    for call in (lambda: make().fit(spoil(X), y), lambda: fitted.predict(spoil(X))):
        with pytest.raises(ValueError, match=message):
            call()


def test_series_of_other_channels(fitted):
    with pytest.raises(ValueError, match=r"samples of shape \(3, 5\), but OpDistNASClassifier is expecting \(2, "):
        fitted.predict([np.ones((3, 4)), np.ones((3, 5))])


@pytest.mark.parametrize("strategy", ["DifferentiableSearch"])
def test_searches_with_shared_weights(uneven, strategy):
    from skopdist import strategies

    clf = make(strategy=getattr(strategies, strategy)(), n_trials=2).fit(*uneven)
    assert all(trial.status == "ok" for trial in clf.trials_)
    assert np.isfinite(clf.predict_proba(uneven[0])).all()


def test_weights_groups_and_members(uneven):
    X, y = uneven
    clf = make(n_trials=2, n_members=2).fit(X, y, sample_weight=1 + np.arange(24) % 2, groups=np.arange(24) // 2)
    assert np.isfinite(clf.predict_proba(X)).all()


def test_a_grid_search_over_a_list(uneven):
    grid = GridSearchCV(make(), {"channels": [2, 4]}, cv=2, error_score="raise").fit(*uneven)
    assert grid.predict(uneven[0]).shape == (24,)


def test_storing(uneven, fitted, tmp_path):
    X, _ = uneven
    expected = fitted.predict_proba(X)
    fitted.save(tmp_path / "clf.skop")
    for stored in (pickle.loads(pickle.dumps(fitted)), OpDistNASClassifier.load(tmp_path / "clf.skop")):
        assert np.array_equal(stored.predict_proba(X), expected)


@pytest.mark.parametrize("export", [to_onnx, to_torch_export])
def test_exports_are_refused(fitted, tmp_path, export):
    pytest.importorskip("onnxscript")
    with pytest.raises(ExportError, match=r"series of unequal length.*resample"):
        export(fitted, tmp_path / "clf")
