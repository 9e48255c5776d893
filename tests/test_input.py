"""Values, labels and layouts: what is understood is right, and what is not is refused in words of our own."""

import datetime
import decimal
import enum
import re
import warnings
from collections import UserList, deque
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch

from skopdist import OpDistNASClassifier
from skopdist._input import Layout, open_container, read_labels, read_values, read_weights, shaped


def make(**changes):
    settings = {"n_trials": 1, "max_epochs": 1, "n_cells": 1, "channels": 4, "random_state": 0}
    return OpDistNASClassifier(**(settings | changes))


def pixels(*shape, dtype=np.uint8):
    return np.random.default_rng(0).integers(0, 256, size=shape).astype(dtype)


LABELS = np.arange(24) % 2


# Layouts


@pytest.mark.parametrize(
    ("shape", "dtype", "understood"),
    [
        ((9, 7, 3), np.uint8, (3, 9, 7)),
        ((5, 5, 1), np.uint8, (1, 5, 5)),
        ((12, 30, 4), np.uint8, (4, 12, 30)),
        ((8, 11), np.uint8, (1, 8, 11)),
        ((3, 9, 7), np.uint8, (3, 9, 7)),
        ((3, 24, 4), np.uint8, (3, 24, 4)),
        ((9, 7, 2), np.uint8, (9, 7, 2)),
        ((7, 30), np.uint8, (7, 30)),
        ((784,), np.uint8, (784,)),
        ((9, 7, 3), np.float32, (9, 7, 3)),
        ((8, 11), np.float64, (8, 11)),
        ((9, 7, 3), np.int64, (9, 7, 3)),
    ],
)
def test_certain_layouts(shape, dtype, understood):
    X = pixels(6, *shape, dtype=dtype)
    arranged = Layout.of(X).arrange(X)
    assert arranged.shape[1:] == understood
    assert np.shares_memory(arranged, X)
    meant = Layout.of(X, shape)
    assert meant.arrange(X).shape == X.shape
    assert meant.doubt(shape) is None


@pytest.mark.parametrize(
    ("shape", "lines"),
    [
        ((24, 24, 3), ["np.moveaxis(X, -1, 1)"]),
        ((5, 9, 1), ["np.moveaxis(X, -1, 1)"]),
        ((32, 48, 4), ["np.moveaxis(X, -1, 1)"]),
        ((24, 24), ["X[:, None]"]),
        ((16, 16), ["X[:, None]"]),
        ((64, 2), ["X.transpose(0, 2, 1)"]),
        ((9, 8), ["X.transpose(0, 2, 1)"]),
        ((100, 50), ["X[:, None]", "X.transpose(0, 2, 1)"]),
    ],
)
def test_doubtful_layouts(shape, lines):
    doubt = Layout.of(np.zeros((4, *shape))).doubt()
    assert all(line in doubt for line in [*lines, "input_shape=X.shape[1:]", f"{shape[0]} channels of {shape[1]}"])
    assert sum(line in doubt for line in ("np.moveaxis(X, -1, 1)", "X[:, None]", "X.transpose(0, 2, 1)")) == len(lines)


@pytest.mark.parametrize(
    "shape",
    [(64,), (1, 24), (8, 8), (15, 15), (2, 64), (28, 30), (3, 24, 24), (1, 28, 28), (3, 24, 4), (4, 9, 3), (64, 3, 3),
     (512, 1, 1), (64, 2, 2), (40, 17, 17)],
)  # fmt: skip
def test_layouts_without_a_doubt(shape):
    assert Layout.of(np.zeros((4, *shape))).doubt() is None


def test_the_remedies_of_a_warning_end_it():
    X = np.zeros((4, 24, 20))
    for better in (X[:, None], X.transpose(0, 2, 1)):
        assert Layout.of(better).doubt() is None
    assert Layout.of(np.moveaxis(np.zeros((4, 24, 20, 3)), -1, 1)).doubt() is None


@pytest.mark.parametrize(
    ("shape", "doubtful"), [((12, 20), True), ((20, 12), True), ((12, 18), False), ((40, 90), False)]
)
def test_long_images_of_eight_bits_may_be_series(shape, doubtful):
    X = pixels(4, *shape)
    layout = Layout.of(X)
    assert layout.arrange(X).shape == (4, 1, *shape)
    doubt = layout.doubt()
    assert (doubt is not None) == doubtful
    if doubtful:
        assert f"series of {shape[0]} channels, input_shape={shape} says it" in doubt
        assert Layout.of(X, shape).arrange(X).shape == X.shape
        assert Layout.of(X[:, None]).doubt() is None


def test_series_are_no_images_because_they_are_shorter():
    layout = Layout.of(pixels(4, 12, 20, dtype=float))
    assert layout.arrange(pixels(4, 12, 18)).shape == (4, 12, 18)
    # And images that came with their channels may come without.
    assert Layout.of(pixels(4, 1, 12, 18)).arrange(pixels(4, 12, 18)).shape == (4, 1, 12, 18)


def test_labels_without_an_order():
    labels = dict(enumerate("ab"))
    for y in (labels.values(), set("ab"), map(str, "ab"), (label for label in "ab"), labels):
        with pytest.raises(TypeError, match=r"y must be an array or a list of labels, got .* give list\(y\)"):
            read_labels(y)
    assert list(read_labels(deque("ab"))) == ["a", "b"]


def test_polars_series_of_arrays_are_read_alike():
    polars = pytest.importorskip("polars")
    X = np.random.default_rng(0).normal(size=(24, 3))
    clf = make().fit(polars.Series(X), LABELS)
    np.testing.assert_array_equal(clf.predict_proba(polars.Series(X)), clf.predict_proba(X))


@pytest.mark.parametrize("shape", [(9, 7, 3), (8, 8), (6, 6, 1)])
def test_images_in_other_orders_give_the_same_network(shape):
    X = pixels(24, *shape)
    first = np.moveaxis(X, -1, 1) if len(shape) == 3 else X[:, None]
    clf, other = make().fit(X, LABELS), make().fit(np.ascontiguousarray(first), LABELS)
    assert clf.sample_shape_ == other.sample_shape_ == first.shape[1:]
    assert clf.n_features_in_ == first.shape[1]
    expected = other.predict_proba(first)
    # The same samples as they were given, of another type, and with the channels first.
    for again in (X, X.astype(float), first, first.astype(np.float32), list(X), torch.from_numpy(X)):
        assert np.array_equal(clf.predict_proba(again), expected)
    assert np.array_equal(other.predict_proba(X), expected)


def test_one_warning_per_fit_and_none_at_predict_time():
    X = np.random.default_rng(0).normal(size=(24, 9, 2))
    with pytest.warns(UserWarning, match=r"X of shape \(n, 9, 2\) is taken as 9 channels of 2\. .*transpose") as seen:
        clf = make().fit(X, LABELS)
    assert len(seen) == 1
    assert seen[0].filename == __file__
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        clf.predict(X)
        meant = make(input_shape=X.shape[1:]).fit(X, LABELS)
        make().fit(X.transpose(0, 2, 1), LABELS)
    assert np.array_equal(meant.predict_proba(X), clf.predict_proba(X))


def test_an_input_shape_is_that_of_the_channels_first():
    X = pixels(24, 9, 7, 3)
    assert make(input_shape=(3, 9, 7)).fit(X, LABELS).sample_shape_ == (3, 9, 7)
    clf = make(input_shape=(9, 7, 3)).fit(X, LABELS)
    assert clf.sample_shape_ == (9, 7, 3)
    assert clf.predict(X).shape == (24,)


@pytest.mark.parametrize("shape", [(3, 0, 8), (3, 8, 0), (3, 1, 0, 8)])
def test_samples_that_hold_nothing(shape):
    with pytest.raises(ValueError, match=r"The samples of X have the shape .*, which holds no values"):
        shaped(np.zeros(shape), None)


@pytest.mark.parametrize("X", [3.0, np.array(3.0), [], None, "words", {}])
def test_what_is_no_array(X):
    with pytest.raises((ValueError, TypeError), match=r"Expected 2D array, got|must be|Found array"):
        make().fit(X, LABELS)


@pytest.mark.parametrize(
    ("X", "message"),
    [
        ((row for row in [[1.0], [2.0]]), r"an object of the type generator; give list\(X\)"),
        ({1.0, 2.0}, r"an object of the type set; give list\(X\)"),
        ({"a": [1.0]}.values(), r"an object of the type dict_values; give list\(X\)"),
        ({"a": [1.0]}, r"an object of the type dict; give pandas\.DataFrame\(X\)"),
        (SimpleNamespace(collect=len), r"an object of the type SimpleNamespace; give X\.collect\(\)"),
        (Path("data.csv"), r"an object of the type \w*Path; load the data first"),
        (len, r"an object of the type builtin_function_or_method; load"),
        (None, r"None; load"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_containers_that_cannot_be_opened(X, message):
    with pytest.raises(TypeError, match=rf"X must be an array, a data frame, .* or a list of samples, got {message}"):
        open_container(X)


@pytest.mark.parametrize("X", [[[1.0]], ([1.0],), np.ones((2, 2)), pd.DataFrame({"a": [1]})])
def test_containers_that_are_left_as_they_are(X):
    assert open_container(X) is X


@pytest.mark.parametrize("X", [deque([[1.0], [2.0]]), UserList([[1.0], [2.0]]), range(2)])
def test_other_sequences_are_lists(X):
    assert open_container(X) == list(X)


def test_other_sequences_of_series():
    series = [np.ones((2, 3)), np.ones((2, 5))]
    np.testing.assert_array_equal(read_values(open_container(deque(series))), read_values(series))


def test_tables_of_arrow_become_frames():
    frame = pd.DataFrame({"a": ["x", "y"]})
    table = SimpleNamespace(column_names=["a"], to_pandas=lambda: frame)
    assert open_container(table) is frame


@pytest.mark.parametrize(
    "tensor", [torch.eye(3).to_sparse(), torch.ones(3, 3, device="meta"), torch.eye(3).to_mkldnn()], ids=str
)
def test_tensors_that_are_no_arrays(tensor):
    for name, read in (("X", open_container), ("y", read_labels), ("sample_weight", read_weights)):
        with pytest.raises(
            TypeError, match=rf"{name} holds a tensor that cannot be read as an array \(.*; give a dense one"
        ):
            read(tensor)
        for nested in ([tensor], [[tensor]], (tensor, 1.0)):
            with pytest.raises(TypeError, match=rf"{name} holds a tensor that cannot be read as an array"):
                read(nested)


@pytest.mark.parametrize(
    "make", [list, tuple, lambda rows: [list(row) for row in rows], lambda rows: [rows[0].detach().numpy(), *rows[1:]]]
)
def test_tensors_within_lists_are_read(make):
    tensor = torch.arange(6.0).reshape(3, 2).requires_grad_()
    np.testing.assert_array_equal(read_values(open_container(make(list(tensor)))), tensor.detach().numpy())
    np.testing.assert_array_equal(read_weights(list(tensor[:, 0])), [0, 2, 4])
    series = [tensor[:, :1].T.double(), tensor.T.bfloat16()[:1]]
    assert read_values(open_container(series)).shape == (2, 1, 3)


@pytest.mark.parametrize("shape", [(4,), (2, 5), (1, 3, 3)])
def test_a_series_of_arrays_is_one_array(shape):
    X = np.random.default_rng(0).normal(size=(6, *shape))
    assert np.array_equal(read_values(pd.Series(list(X))), X)


# Columns


def frame(**columns):
    return pd.DataFrame({"a": np.arange(24.0), "b": np.arange(24)[::-1]}).assign(**columns)


DATES = [
    (pd.date_range("2020", periods=24), "datetime64", "pandas.Timedelta(days=1)"),
    (pd.date_range("2020", periods=24, tz="UTC"), "datetime64", "pandas.Timedelta(days=1)"),
    (pd.to_timedelta(np.arange(24), "D"), "timedelta64", "pandas.Timedelta(days=1)"),
    (pd.period_range("2020-01", periods=24, freq="M"), "period", "pandas.Timedelta(days=1)"),
    (pd.Series([datetime.date(2020, 1, 1)] * 24, dtype=object), "object, such as date", "pandas.Timedelta(days=1)"),
    (pd.interval_range(0, 24), "interval", "OneHotEncoder"),
    (LABELS + 1j, "complex128", "real and imaginary parts"),
    (pd.Series([decimal.Decimal(1)] * 24, dtype=object), "object, such as Decimal", ".astype(float)"),
    (pd.Series([np.ones(3)] * 24, dtype=object), "object, such as ndarray", "(n, channels, length)"),
]
WORDS_IN_COLUMNS = [
    (np.array(["p", "q"])[LABELS], "str", "OneHotEncoder or OrdinalEncoder in a ColumnTransformer"),
    (pd.array(np.array(["p", "q"])[LABELS], dtype="string"), "string", "OneHotEncoder"),
    (pd.Categorical(np.array(["p", "q"])[LABELS]), "category", "OneHotEncoder"),
    (pd.Categorical(LABELS), "category", "OneHotEncoder"),
    (pd.Series([1, "p"] * 12, dtype=object), "object, such as str", "OneHotEncoder"),
    (pd.cut(pd.Series(np.arange(24)), 2).array, "category", "OneHotEncoder"),
]


@pytest.mark.parametrize(("column", "found", "remedy"), DATES)
def test_columns_that_are_neither_numbers_nor_categories(column, found, remedy):
    X = frame(**{"of mine": column})
    with pytest.raises(ValueError, match=rf"All columns of X .*: 'of mine' \({re.escape(found)}.*{re.escape(remedy)}"):
        make().fit(X, LABELS)
    clf = make().fit(frame(**{"of mine": 1.0 * LABELS}), LABELS)
    with pytest.raises(ValueError, match=r"'of mine'"):
        clf.predict(X)


@pytest.mark.parametrize(("column", "found", "remedy"), DATES + WORDS_IN_COLUMNS)
def test_columns_that_are_no_numbers_where_none_is_a_category(column, found, remedy):
    X = frame(**{"of mine": column})
    with pytest.raises(ValueError, match=rf"All columns of X .*: 'of mine' \({re.escape(found)}.*{re.escape(remedy)}"):
        make(categorical_features=None).fit(X, LABELS)


def test_all_columns_are_named_up_to_ten():
    words = np.array(["p", "q"])[LABELS]
    with pytest.raises(ValueError, match=r"'c' \(str\), 'd' \(datetime64\[..\]\); give words .*, and give dates .*\.$"):
        read_values(frame(c=words, d=pd.date_range("2020", periods=24)))
    with pytest.raises(ValueError, match=r"'w9' \(str\) and 4 more; give words"):
        read_values(frame(**{f"w{i}": words for i in range(14)}))


@pytest.mark.parametrize(
    "column",
    [
        pd.array(LABELS, dtype="Int64"),
        pd.array(LABELS, dtype="UInt8"),
        pd.array(LABELS * 1.0, dtype="Float32"),
        pd.Series(LABELS, dtype=object),
        pd.Series([1 if i else "0" for i in LABELS], dtype=object),
        pd.arrays.SparseArray(LABELS * 1.0),
        pd.arrays.SparseArray(LABELS, fill_value=1),
    ],
)
def test_columns_that_are_numbers(column):
    expected = make().fit(frame(c=1.0 * LABELS), LABELS)
    clf = make().fit(frame(c=column), LABELS)
    assert clf.feature_names_in_.tolist() == ["a", "b", "c"]
    assert np.array_equal(clf.predict_proba(frame(c=column)), expected.predict_proba(frame(c=1.0 * LABELS)))


@pytest.mark.parametrize(
    "column",
    [LABELS == 1, pd.array(LABELS == 1, dtype="boolean"), pd.Series([str(i) for i in LABELS], dtype=object)],
)
def test_columns_that_are_numbers_where_none_is_a_category(column):
    expected = make().fit(frame(c=1.0 * LABELS), LABELS)
    clf = make(categorical_features=None).fit(frame(c=column), LABELS)
    assert np.array_equal(clf.predict_proba(frame(c=column)), expected.predict_proba(frame(c=1.0 * LABELS)))


@pytest.mark.parametrize("names", [["a", "b"], [0, 1]])
def test_frames_of_sparse_columns_only(names):
    dense = pd.DataFrame(np.eye(4)[:, :2] + 1, columns=names)
    sparse = dense.astype(pd.SparseDtype(float, 1.0))
    assert read_values(sparse).equals(dense)


def test_names_that_are_there_twice():
    with pytest.raises(ValueError, match=r"different names, but 'a' are there more than once; .*to_numpy"):
        make().fit(pd.DataFrame(np.eye(4), columns=list("aaab")), [0, 1] * 2)


@pytest.mark.parametrize(
    ("X", "error", "message"),
    [
        ([["1", "p"], ["2", "q"]], ValueError, r"holds 'p' in column 1 \(could not convert.*OneHotEncoder"),
        (np.array([[1, "p"]], dtype=object), ValueError, r"holds 'p' in column 1"),
        (np.array([["p"]], dtype=np.dtypes.StringDType()), ValueError, r"holds 'p' in column 0"),
        (np.array([[b"p"]]), ValueError, r"holds b'p' in column 0"),
        (np.array([["2020-01-01"]], dtype="M8[D]"), ValueError, r"holds datetime64\[D\]; give dates"),
        (np.array([[3]], dtype="m8[s]"), ValueError, r"holds timedelta64\[s\]; give dates"),
        (np.array([[datetime.date(2020, 1, 1)]]), TypeError, r"holds datetime\.date\(2020, 1, 1\) in column 0"),
        (np.array([[{}, 1]], dtype=object), TypeError, r"holds \{\} in column 0 \(float\(\) argument must be a string"),
        (np.array([[10**400]], dtype=object), ValueError, r"holds 1000.* in column 0 \(int too large"),
        (np.zeros(3, dtype=[("u", float), ("v", int)]), ValueError, r"structured array of the fields \['u', 'v'\]"),
    ],
)
def test_arrays_that_are_no_numbers(X, error, message):
    with pytest.raises(error, match=message):
        read_values(X)


@pytest.mark.parametrize("X", [[["1", "2.5"]], np.array([[1, 2.5]], dtype=object), np.array([[True, 2.5]], object)])
def test_objects_that_are_numbers(X):
    values = read_values(X)
    assert values.dtype == np.float64
    assert values.tolist() == [[1, 2.5]]


# Samples of unequal length


@pytest.mark.parametrize(
    ("X", "message"),
    [
        ([[1, 2, 3], [1, 2]], r"the shortest has 2 values, and the longest has 3; rows .* given as a list of arrays"),
        ([[np.ones(3), np.ones(7)], [np.ones(3), np.ones(3)]], r"shortest has 3 .* longest has 7"),
        (
            [np.ones((1, 9)), np.ones((2, 8))],
            r"number of their channels: sample 0 has 1, and sample 1 has 2; give each",
        ),
        (
            [np.ones((1, 9)), np.ones((2, 9))],
            r"number of their channels: sample 0 has 1, and sample 1 has 2; give each",
        ),
        ([np.ones(9), np.ones((2, 9))], r"differ in shape, such as \(2, 9\) and \(9,\)|differ in length"),
        ([np.ones((1, 4)), np.ones((1, 0))], r"one position at least, but sample 1 has none; drop it"),
        ([np.ones(4), np.ones(0)], r"one position at least, but sample 1 has none; drop it"),
        ([np.ones((1, 9, 8)), np.ones((1, 9, 9))], r"differ in shape, such as \(1, 9, 8\) and \(1, 9, 9\); .*resize"),
        ([[1, 2], 3], r"differ in length: the shortest has 1 .* longest has 2"),
    ],
)
def test_samples_that_differ_in_length(X, message):
    with pytest.raises(ValueError, match=message):
        make().fit(X, [0, 1, 0][: len(X)])


@pytest.mark.parametrize("shape", [(5,), (2, 5)])
def test_objects_that_are_arrays_of_one_length(shape):
    X = np.arange(4.0 * np.prod(shape)).reshape(4, *shape)
    nested = np.empty(X.shape[:-1], dtype=object)
    for place in np.ndindex(nested.shape):
        nested[place] = X[place]
    assert np.array_equal(read_values(nested), X)
    assert np.array_equal(read_values(list(X)), X)


# Labels

WORDS = np.array(["no", "yes"])[LABELS]


@pytest.mark.parametrize(
    ("y", "classes"),
    [
        (LABELS, [0, 1]),
        (LABELS.astype(object), [0, 1]),
        (LABELS * 1.0, [0.0, 1.0]),
        (pd.Series(LABELS, dtype="Int64"), [0, 1]),
        (pd.array(LABELS, dtype="Int8"), [0, 1]),
        (LABELS == 1, [False, True]),
        ((LABELS == 1).astype(object), [False, True]),
        (pd.Series(LABELS == 1, dtype="boolean"), [False, True]),
        (WORDS, ["no", "yes"]),
        (WORDS.tolist(), ["no", "yes"]),
        (WORDS.astype(object), ["no", "yes"]),
        (WORDS.astype(np.dtypes.StringDType()), ["no", "yes"]),
        (pd.Series(WORDS), ["no", "yes"]),
        (pd.Series(WORDS, dtype="string"), ["no", "yes"]),
        (pd.Categorical(WORDS), ["no", "yes"]),
        (pd.Series(WORDS, dtype="category"), ["no", "yes"]),
        (pd.Series(LABELS, dtype="category"), [0, 1]),
        (pd.Series(LABELS == 1, dtype="category"), [False, True]),
    ],
)
def test_labels(iris, y, classes):
    clf = make().fit(iris[0][:24], y)
    assert clf.classes_.tolist() == classes
    assert {type(label) for label in clf.classes_.tolist()} == {type(classes[0])}
    assert set(clf.predict(iris[0]).tolist()) <= set(classes)
    assert 0 <= clf.score(iris[0][:24], np.array(classes)[LABELS]) <= 1


class Colour(enum.Enum):
    RED = 1
    BLUE = 2


@pytest.mark.parametrize(
    ("y", "message"),
    [
        (np.array(["2020", "2021"], dtype="M8[D]")[LABELS], r"of one kind, .* objects of the type date; convert"),
        (np.array([1, 2], dtype="m8[D]")[LABELS], r"objects of the type timedelta; convert"),
        (pd.Series(pd.date_range("2020", periods=2)[LABELS]), r"objects of the type Timestamp"),
        (pd.Series(pd.period_range("2020-01", periods=2, freq="M")[LABELS]), r"objects of the type Period"),
        ([datetime.date(2020, 1, 1), datetime.date(2021, 1, 1)] * 12, r"objects of the type date"),
        ([Colour.RED, Colour.BLUE] * 12, r"objects of the type Colour"),
        ([decimal.Decimal(1), decimal.Decimal(2)] * 12, r"objects of the type Decimal"),
        (["a", 1] * 12, r"it holds numbers and strings; convert them, for example by \[str"),
        (np.array(["a", True], dtype=object)[LABELS], r"it holds booleans and strings"),
        ([True, 2] * 12, r"it holds booleans and numbers"),
        (["a", "b", None] * 8, r"a class label for each sample, but 8 are missing \(None or NaN\), the first in row 2"),
        (["a", "b", np.nan] * 8, r"8 are missing"),
        (np.array([None, 1, 0], dtype=object)[np.arange(24) % 3], r"8 are missing .* row 0"),
        (pd.Series([1, 0, None] * 8, dtype="Int64"), r"8 are missing"),
        (pd.Series(["a", "b", None] * 8, dtype="string"), r"8 are missing"),
        (pd.Categorical.from_codes(LABELS - 1, ["b"]), r"12 are missing"),
        ([("a",), ("b", "c")] * 12, r"objects of the type tuple"),
        ([np.ones(2), np.ones((2, 3))] * 12, r"one label for each sample, but it holds sequences"),
    ],
)
def test_labels_that_are_refused(iris, y, message):
    with pytest.raises(ValueError, match=message):
        make().fit(iris[0][:24], y)


def test_labels_are_left_alone_where_they_are_arrays_of_one_kind():
    for y in (LABELS, LABELS == 1, WORDS, LABELS * 1.0):
        assert read_labels(y) is y


# Tensors, masks and weights


@pytest.mark.parametrize("shape", [(5,), (1, 5), (1, 2, 5)])
def test_tensors_of_any_kind(shape):
    X = np.random.default_rng(0).integers(0, 9, (24, *shape)).astype(float)
    expected = make().fit(X, LABELS).predict_proba(X)
    for tensor in (torch.tensor(X, requires_grad=True), torch.tensor(X).bfloat16(), torch.tensor(X).half()):
        assert np.array_equal(make().fit(tensor, torch.from_numpy(LABELS)).predict_proba(tensor), expected)


def test_masked_values_are_missing():
    X = np.ma.masked_array(np.arange(48.0).reshape(24, 2), mask=False)
    clf = make().fit(X, np.ma.masked_array(LABELS))
    X[3, 1] = np.ma.masked
    for call in (lambda: make().fit(X, LABELS), lambda: clf.predict(X)):
        with pytest.raises(ValueError, match=r"X must not have masked values, but 1 are masked; .*filled"):
            call()
    some = np.ma.masked_array(LABELS, mask=LABELS == 1)
    with pytest.raises(ValueError, match=r"y must not have masked values, but 12"):
        make().fit(X.data, some)
    with pytest.raises(ValueError, match=r"sample_weight must not have masked values, but 12"):
        make().fit(X.data, LABELS, sample_weight=some)


def test_a_frame_without_columns():
    with pytest.raises(ValueError, match=r"Found array with 0 feature\(s\) \(shape=\(24, 0\)\)"):
        make().fit(pd.DataFrame(index=range(24)), LABELS)


def test_a_list_among_numbers_is_shown():
    X = np.ones((3, 2), dtype=object)
    X[1, 1] = [1]
    with pytest.raises(ValueError, match=r"X must hold numbers, but it holds \[1\] in column 1"):
        read_values(X)


def test_sums_that_overflow_are_no_infinity():
    X = np.array([[1.7e308, -1.7e308], [1.7e308, -1.6e308]] * 12)
    assert np.isfinite(make().fit(X, LABELS).predict_proba(X)).all()


def test_labels_that_no_integer_holds():
    with pytest.raises(ValueError, match=r"Unknown label type: continuous"):
        make().fit(np.arange(24.0)[:, None], np.where(LABELS, 1e300, 0.0))


@pytest.mark.parametrize(
    "labels", [[10**30, 1], [2**63, 2**63 + 1, -1], [2**53, 2**53 + 1, 2.0], [-(2**64), 0], pd.Series([10**20, 3])]
)
def test_numbers_that_no_type_tells_apart(labels):
    with pytest.raises(
        ValueError, match=r"y holds numbers that no type of 64 bits tells apart, such as .*str\(label\)"
    ):
        read_labels(labels)


@pytest.mark.parametrize("labels", [[2**63, 2**63 + 1], [2**53, 2**53 + 1, 2], [2**53, 2.0, 2], [1, 1.0, 0]])
def test_long_numbers_that_a_type_tells_apart(labels):
    assert read_labels(labels).tolist() == labels


@pytest.mark.parametrize("dtype", [np.float64, torch.bfloat16, torch.float16])
def test_tensors_of_labels(dtype):
    wanted = [0, 1, 2]
    y = np.array(wanted, dtype=dtype) if isinstance(dtype, type) else torch.tensor(wanted, dtype=dtype)
    assert read_labels(y).tolist() == wanted
    assert read_labels(torch.tensor([0.0, 1.0], requires_grad=True)).tolist() == [0, 1]


@pytest.mark.parametrize(
    "weights",
    [
        ["a"] * 24,
        [[1], [2, 3]],
        [None, {}],
        np.ones(24) * 1j,
        [10**400] * 24,
        np.ones(24, dtype="m8[s]"),
        np.zeros(24, dtype="M8[D]"),
        np.zeros(24, dtype=[("w", float)]),
    ],
    ids=str,
)
def test_weights_that_are_no_numbers(weights):
    with pytest.raises(ValueError, match=r"sample_weight must hold one number for each sample"):
        make().fit(np.arange(24.0)[:, None], LABELS, sample_weight=weights)


@pytest.mark.parametrize(
    "weights",
    [
        2,
        2.5,
        np.float32(2),
        np.array(2.0),
        Fraction(1, 2),
        np.full(24, 2, dtype=object),
        pd.Series([2] * 24, dtype="Int8"),
    ],
)
def test_equal_weights_change_nothing(weights):
    X = np.arange(24.0)[:, None]
    expected = make().fit(X, LABELS).predict_proba(X)
    assert np.array_equal(make().fit(X, LABELS, sample_weight=weights).predict_proba(X), expected)


@pytest.mark.parametrize(
    "shape", [(), (0,), (-1,), (2, -1), (1.0, 2), ("a",), (None,), (True, 4), ((1,), 4), (1, 1, 1, 4)]
)
def test_an_input_shape_that_is_none(shape):
    with pytest.raises(ValueError, match=r"input_shape must hold one to three integers >= 1, .* got \("):
        make(input_shape=shape).fit(np.ones((24, 4)), LABELS)


def test_an_input_shape_that_is_no_number():
    for shape in ([np.int64(1), 4], (1, np.int8(4))):
        assert make(input_shape=shape).fit(np.eye(24, 4), LABELS).sample_shape_ == (1, 4)


@pytest.mark.parametrize("weight", [np.nan, np.inf, 1j, 10**400, decimal.Decimal(1), -1, 0])
def test_a_single_weight_that_cannot_be(weight):
    with pytest.raises(ValueError, match=r"sample_weight must be finite numbers|Negative values|at least one non-zero"):
        make().fit(np.arange(24.0)[:, None], LABELS, sample_weight=weight)
