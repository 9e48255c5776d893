"""What is wrong with the input is said with what was expected, what came and what to do; see also each part's own."""

import numpy as np
import pytest
import torch
from sklearn.exceptions import NotFittedError

from skopdist import OpDistNASClassifier
from skopdist.spaces import DenseSpace, SequenceSpace
from skopdist.strategies import LocalSearch
from skopdist.training import Training


def make(**changes):
    settings = {"n_trials": 2, "max_epochs": 1, "n_cells": 1, "channels": 4, "random_state": 0}
    return OpDistNASClassifier(**(settings | changes))


@pytest.fixture(scope="module")
def fitted(iris):
    return make().fit(*iris)


@pytest.mark.parametrize(
    ("data", "bad"),
    [(data, bad) for data in ("iris", "series", "images") for bad in (np.nan, np.inf, -np.inf)][1:],
)
def test_nan_and_infinity(data, bad, request):
    X, y = request.getfixturevalue(data)
    spoiled = X.copy()
    spoiled[(3, *[0] * (X.ndim - 1))] = bad
    with pytest.raises(ValueError, match=r"Input X contains (NaN|infinity)"):
        make().fit(spoiled, y)
    clf = make().fit(X, y)
    with pytest.raises(ValueError, match=r"Input X contains (NaN|infinity)"):
        clf.predict(spoiled)


@pytest.mark.parametrize(
    ("shape", "place"),
    [
        ((2, 9), r"2 values are missing, the first in sample 3, channel 1, at position 7\. .*np\.interp"),
        ((1, 6, 5), r"2 values are missing, the first in sample 3, channel 0, at position \(2, 4\)\. .*drop"),
    ],
)
@pytest.mark.parametrize("is_flat", [True, False])
def test_gaps_in_series_and_images(shape, place, is_flat):
    X = np.random.default_rng(0).normal(size=(20, *shape))
    y = np.arange(20) % 2
    holed = X.copy()
    holed[(slice(3, 5), -1, 7)[: X.ndim] if X.ndim == 3 else (slice(3, 5), 0, 2, 4)] = np.nan
    if is_flat:
        X, holed = X.reshape(20, -1), holed.reshape(20, -1)
    clf = make(input_shape=shape).fit(X, y)
    for call in (lambda: make(input_shape=shape).fit(holed, y), lambda: clf.predict(holed)):
        with pytest.raises(ValueError, match=rf"Input X contains NaN: {place}"):
            call()


def test_nan_labels(iris):
    X, y = iris
    with pytest.raises(ValueError, match=r"Input y contains NaN"):
        make().fit(X, np.where(y == 0, np.nan, y))


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ((30,), r"Expected 2D array, got 1D array instead"),
        (
            (30, 1, 2, 3, 4),
            r"Found array with dim 5, while OpDistNASClassifier expects \(n, features\), .*height, width\)",
        ),
        ((30, 0), r"0 feature\(s\) .* a minimum of 1 is required"),
        ((1, 4), r"1 sample\(s\)|a minimum of 2 is required"),
    ],
)
def test_wrong_dimensions(shape, message):
    with pytest.raises(ValueError, match=message):
        make().fit(np.ones(shape), np.arange(shape[0]) % 2)


def test_lengths_that_differ(iris):
    X, y = iris
    with pytest.raises(ValueError, match=r"inconsistent numbers of samples"):
        make().fit(X, y[:-1])
    with pytest.raises(ValueError, match=r"sample_weight.shape == \(3,\)"):
        make().fit(X, y, sample_weight=[1, 2, 3])


@pytest.mark.parametrize("weight", [-1.0, np.nan])
def test_weights_that_cannot_be(iris, weight):
    X, y = iris
    with pytest.raises(ValueError, match=r"[Nn]egative|NaN"):
        make().fit(X, y, sample_weight=np.where(y == 0, weight, 1.0))


@pytest.mark.parametrize("shape", [(1, 8, 7), (3, 8, 8), (65,), (8, 9), (2**40, 2**40)])
def test_an_input_shape_that_does_not_fit(digits, shape):
    with pytest.raises(
        ValueError, match=r"input_shape=.* does not fit: it holds \d+ values, but the samples .*\(64,\); give"
    ):
        make(input_shape=shape).fit(*digits)


def test_an_input_shape_of_too_many_dimensions(digits):
    with pytest.raises(ValueError, match=r"OpDistNASClassifier expects|input_shape"):
        make(input_shape=(1, 1, 8, 8)).fit(*digits)


@pytest.mark.parametrize(
    ("space", "error", "message"),
    [
        (
            "outer",
            ValueError,
            r"'search_space' parameter of OpDistNASClassifier must be .*'darts'.* Got 'outer'",
        ),
        (7, ValueError, r"'search_space' parameter of OpDistNASClassifier must be .*Got 7"),
        (SequenceSpace(), ValueError, r"SequenceSpace takes samples with 1 spatial dim.*data have 0; choose another"),
        (DenseSpace(["telepathy"]), ValueError, r"Unknown operation 'telepathy'.* The registered ones are"),
        (DenseSpace(["relu", "linear_relu"]), ValueError, r"Unknown operation 'relu'\. Is it .*'linear_relu'.*\?"),
        (DenseSpace(["nor_conv_3x3"]), ValueError, r"DenseSpace needs operations for 0 .*'nor_conv_3x3' is one for 2"),
    ],
    ids=["name", "type", "dimensions", "operation", "misspelt", "foreign"],
)
def test_unknown_spaces_and_operations(iris, space, error, message):
    with pytest.raises(error, match=message):
        make(search_space=space).fit(*iris)


def test_one_class(iris):
    X, y = iris
    with pytest.raises(ValueError, match=r"at least two classes, but y has only one class: \[7\]"):
        make().fit(X, np.full(len(y), 7))
    with pytest.raises(ValueError, match=r"at least two classes, but y has only one class: \[1\]"):
        make().fit(X, y, sample_weight=(y == 1).astype(float))


def test_numbers_to_be_predicted_are_no_classes(iris):
    X, _ = iris
    with pytest.raises(ValueError, match=r"Unknown label type: continuous"):
        make().fit(X, X[:, 0])


def test_fewer_samples_than_classes_in_the_validation_split(iris):
    X, y = iris
    with pytest.raises(
        ValueError, match=r"validation_fraction=0.01 of 149 distinct samples leaves 147 .* and 2 to valid"
    ):
        make(validation_fraction=0.01).fit(X, y)
    with pytest.raises(ValueError, match=r"None of the 3 classes has two distinct samples.*add samples"):
        make().fit(X[[0, 60, 120]], y[[0, 60, 120]])


@pytest.mark.parametrize("n_trials", [0, -1, 1.5, "many"])
def test_n_trials(iris, n_trials):
    with pytest.raises(ValueError, match=r"'n_trials' parameter of OpDist.* must be an int in the range \[1, inf\)"):
        make(n_trials=n_trials).fit(*iris)


@pytest.mark.parametrize(
    ("parameters", "error", "message"),
    [
        ({"strategy": "random"}, ValueError, r"'strategy' parameter of .* an instance of .*Strategy' .*Got 'random'"),
        ({"encoding": "hybrid"}, ValueError, r"'encoding' parameter of .*Got 'hybrid'"),
        ({"evaluator": "table"}, ValueError, r"'evaluator' parameter of .*Got 'table'"),
        ({"length": 0}, ValueError, r"'length' parameter of .*Got 0"),
        ({"length": 2.5}, ValueError, r"'length' .*Got 2\.5"),
        ({"n_cells": 0}, ValueError, r"'n_cells' .*Got 0"),
        ({"channels": -4}, ValueError, r"'channels' .*Got -4"),
        ({"max_epochs": 0}, ValueError, r"'max_epochs' .*Got 0"),
        ({"training": Training(batch_size=0)}, ValueError, r"'batch_size' parameter of Training .*Got 0"),
        ({"training": Training(lr=-0.1)}, ValueError, r"'lr' parameter of Training .*Got -0\.1"),
        ({"training": Training(augment="shift")}, ValueError, r"augment='shift' is for images.*use 'auto' or None"),
        ({"training": "fast"}, ValueError, r"'training' .*Got 'fast'"),
        (
            {"n_jobs": 0},
            ValueError,
            r"n_jobs must be a number of workers, .*; got 0",
        ),
        ({"max_time": -1}, ValueError, r"'max_time' .*Got -1"),
        ({"max_time": "1h"}, ValueError, r"'max_time' .*Got '1h'"),
        ({"refit": "no"}, ValueError, r"'refit' .*Got 'no'"),
        ({"strategy": LocalSearch(trial_batch=0)}, ValueError, r"trial_batch must be an integer >= 1, got 0"),
        ({"limits": 50_000}, ValueError, r"'limits' .*Got 50000"),
        ({"limits": {"params": "1M"}}, ValueError, r"limits must have positive numbers as values, .*got .*'1M'"),
        ({"limits": {"params": 10**400}}, ValueError, r"limits must have positive numbers as values, .*got"),
        ({"limits": {"params": True}}, ValueError, r"limits\[\"params\"\] must be a positive number, got True"),
        ({"limits": {"size": 3}}, ValueError, r"Unknown limits \['size'\]; the known ones are"),
        ({"validation_fraction": 1.5}, ValueError, r"'validation_fraction' .*Got 1\.5"),
        ({"device": "toaster"}, ValueError, r"device must be 'auto', a device of torch .*got 'toaster'"),
        ({"class_weight": "heavy"}, ValueError, r"'class_weight' .*Got 'heavy'"),
        ({"class_weight": [1, 2, 3]}, ValueError, r"'class_weight' .*Got \[1, 2, 3\]"),
        ({"class_weight": {0: -1}}, ValueError, r"finite numbers that are not negative, got -1 for the class 0"),
        ({"scoring": "beauty"}, ValueError, r"'scoring' .*Got 'beauty'"),
        ({"warm_start": "yes"}, ValueError, r"'warm_start' .*Got 'yes'"),
        ({"journal": 7}, ValueError, r"'journal' .*Got 7"),
        ({"verbose": "loud"}, ValueError, r"'verbose' .*Got 'loud'"),
        ({"random_state": -1}, ValueError, r"random_state"),
        ({"net_params": {"module": torch.nn.Linear}}, ValueError, r"net_params cannot set 'module'"),
    ],
    ids=lambda value: str(next(iter(value.items()))) if isinstance(value, dict) else "",
)
def test_parameters(iris, parameters, error, message):
    with pytest.raises(error, match=message):
        make(**parameters).fit(*iris)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
def test_a_gpu_that_is_not_there(iris):
    with pytest.raises(
        ValueError, match=r"device='cuda' was asked for, but torch finds no CUDA device; use 'auto' or 'cpu'"
    ):
        make(device="cuda").fit(*iris)


@pytest.mark.parametrize("method", ["predict", "predict_proba", "sample_architecture"])
def test_before_fitting(iris, method):
    arguments = () if method == "sample_architecture" else iris[:1]
    with pytest.raises(NotFittedError, match=r"OpDistNASClassifier instance is not fitted yet"):
        getattr(make(), method)(*arguments)


def test_predicting_with_another_shape(iris, images, fitted):
    X, _ = iris
    with pytest.raises(ValueError, match=r"X has 3 features, but OpDistNASClassifier is expecting 4 features"):
        fitted.predict(X[:, :3])
    with pytest.raises(ValueError, match=r"Expected 2D array, got 1D array|expecting"):
        fitted.predict(X[0])
    X, y = images
    clf = make().fit(X, y)
    with pytest.raises(ValueError, match=r"X has samples of shape \(1, 8, 7\), but OpDistNAS.*expecting \(1, 8, 8\)"):
        clf.predict(X[:, :, :, :7])
    with pytest.raises(
        ValueError, match=r"shape \(64,\), but .* expecting \(1, 8, 8\).*pass X.reshape\(len\(X\), 1, 8, 8\)"
    ):
        clf.predict(X.reshape(len(X), -1))
    with pytest.raises(ValueError, match=r"expecting \(1, 8, 8\).*; give a single sample as X\[None\]"):
        clf.predict(X[0])
    with pytest.raises(ValueError, match=r"expecting \(4,\).*; pass X.reshape\(len\(X\), -1\)"):
        fitted.predict(np.ones((3, 2, 2)))


def test_predicting_with_the_channels_last():
    rng = np.random.default_rng(0)
    y = np.arange(12) % 2
    with pytest.raises(ValueError, match=r"\(8, 8, 3\), but .* expecting \(3, 8, 8\).*; pass np.moveaxis\(X, -1, 1\)"):
        make(channels=4).fit(rng.normal(size=(12, 3, 8, 8)), y).predict(np.ones((2, 8, 8, 3)))
    with pytest.raises(ValueError, match=r"\(9, 3\), but .* expecting \(3, 9\).*; pass X.transpose\(0, 2, 1\)"):
        make(channels=4).fit(rng.normal(size=(12, 3, 9)), y).predict(np.ones((2, 9, 3)))


@pytest.mark.parametrize("is_flat", [True, False])
def test_samples_may_be_flat_or_not_where_their_shape_is_given(is_flat):
    X, y = np.random.default_rng(0).normal(size=(12, 3, 8, 8)), np.arange(12) % 2
    flat = X.reshape(12, -1)
    clf = make(channels=4, input_shape=(3, 8, 8)).fit(flat if is_flat else X, y)
    np.testing.assert_array_equal(clf.predict_proba(flat), clf.predict_proba(X))
    with pytest.raises(ValueError, match="expecting"):
        clf.predict(flat[:, 1:])


def test_nothing_to_predict(fitted):
    with pytest.raises(ValueError, match=r"0 sample\(s\)"):
        fitted.predict(np.empty((0, 4)))


def test_words_where_none_is_a_category(iris):
    with pytest.raises(
        ValueError, match=r"X must hold numbers, but it holds 'a' in column 0 \(could not convert string.*OneHotEncoder"
    ):
        make(categorical_features=None).fit([["a", "b"], ["c", "d"]] * 4, [0, 1] * 4)


def test_sparse_data_that_would_fill_the_memory(iris):
    from scipy.sparse import csr_array

    wide = csr_array((150, 10_000_000))
    with pytest.raises(ValueError, match=r"shape \(150, 10000000\) would .* 11.2 GiB .* at most 1 GiB .*SVD"):
        make().fit(wide, iris[1])
    clf = make().fit(csr_array(iris[0]), iris[1])
    with pytest.raises(ValueError, match=r"X has 10000000 features, but OpDistNASClassifier is expecting 4"):
        clf.predict(wide)


@pytest.mark.parametrize("name", ["params", "flops", "latency"])
def test_limits_that_no_architecture_meets(name, iris):
    message = rf'No architecture of length 6 in DenseSpace .* limits\["{name}"\]=1e-09, .* cost is \d'
    with pytest.raises(ValueError, match=message):
        make(limits={name: 1e-9}).fit(*iris)
    with pytest.raises(ValueError, match=rf'limits\["{name}"\] must be a positive number, got -1'):
        make(limits={name: -1}).fit(*iris)
