"""Tests of tables as they come: which columns hold categories, their levels, and what is refused."""

import datetime
import decimal
import pickle
import re

import numpy as np
import pandas as pd
import pytest

from skopdist._schema import Schema, Table, check_categorical_features

nan = np.nan


def schema_of(X, features="from_dtype", used=None):
    return Schema.of(X, features, used)


def frame(n=6, **columns):
    return pd.DataFrame({"size": np.arange(float(n))}).assign(**columns)


# Which columns

WORDS = np.array(["b", "a", "c"] * 2)


@pytest.mark.parametrize(
    ("column", "levels"),
    [
        (WORDS, ("a", "b", "c")),
        (WORDS.astype(object), ("a", "b", "c")),
        (pd.array(WORDS, dtype="string"), ("a", "b", "c")),
        (pd.Categorical(WORDS), ("a", "b", "c")),
        (pd.Categorical(WORDS, categories=["c", "b", "a", "unused"], ordered=True), ("a", "b", "c")),
        (pd.Categorical([3, 1, 2] * 2), (1, 2, 3)),
        (pd.Categorical([0.5, 1.0, None] * 2), (0.5, 1, None)),
        (pd.Categorical(pd.to_datetime(["2020", "2021", "2020"] * 2)), ("2020-01-01 00:00:00", "2021-01-01 00:00:00")),
        (pd.cut(pd.Series(range(6)), 2, labels=False).astype("category").array, (0, 1)),
        (pd.cut(pd.Series(range(6)), [-1, 2, 6]).array, ("(-1, 2]", "(2, 6]")),
        (np.array([True, False, False] * 2), (0, 1)),
        (pd.array([True, None, False] * 2, dtype="boolean"), (0, 1, None)),
        (pd.Series(["b", None, "a"] * 2, dtype=object), ("a", "b", None)),
        (pd.Series(["b", nan, pd.NA] * 2, dtype=object), ("b", None)),
        (pd.Series(["b", pd.NaT, ""] * 2, dtype=object), ("", "b", None)),
        (pd.Series(["1", "2", "10"] * 2, dtype=object), ("1", "10", "2")),
        (pd.Series([b"b", b"a", "a"] * 2, dtype=object), ("a", "b")),
    ],
)
def test_columns_of_categories(column, levels):
    schema = schema_of(frame(x=column))
    assert schema.levels == (None, levels)
    assert schema.is_categorical.tolist() == [False, True]
    codes = schema.read(frame(x=column))
    assert codes[:, 0].tolist() == list(range(6))
    assert codes.dtype == np.float64
    assert set(codes[:, 1].tolist()) == set(range(len(levels)))
    assert np.array_equal(pickle.loads(pickle.dumps(schema)).read(frame(x=column)), codes)


@pytest.mark.parametrize(
    ("column", "values"),
    [
        (pd.Series([1, 2, None] * 2, dtype=object), [1, 2, nan]),
        (pd.Series([1.5, pd.NA, True] * 2, dtype=object), [1.5, nan, 1]),
        (pd.Series(["1", 2, None] * 2, dtype=object), [1, 2, nan]),
        (pd.Series([None] * 6, dtype=object), [nan] * 3),
        (pd.array([1, None, 3] * 2, dtype="Int64"), [1, nan, 3]),
        (pd.array([0.5, None, 3] * 2, dtype="Float32"), [0.5, nan, 3]),
        (pd.arrays.SparseArray([0.0, 1.0, 0.0] * 2), [0, 1, 0]),
    ],
)
def test_columns_of_numbers(column, values):
    X = frame(x=column, word=WORDS)
    schema = schema_of(X)
    assert schema.is_categorical.tolist() == [False, False, True]
    np.testing.assert_array_equal(schema.read(X)[:3, 1], values)


def test_tables_of_numbers_need_no_description():
    assert schema_of(np.ones((3, 2))) is None
    assert schema_of(frame(x=np.arange(6))) is None
    assert schema_of(frame(x=pd.array([1, None] * 3, dtype="Int64"))) is None
    assert schema_of(frame(x=WORDS), None) is None
    assert schema_of(np.ones((3, 2, 4))) is None
    assert schema_of([[1, 2], [3, 4]]) is None
    assert schema_of(frame(), []) is None


@pytest.mark.parametrize(
    "X",
    [
        [["1", "p"], ["2.5", "q"], ["3", None]],
        [[1, "p"], [2.5, "q"], [3, nan]],
        np.array([[1, "p"], [2.5, "q"], ["3", pd.NA]], dtype=object),
        (("1", "p"), ("2.5", "q"), ("3", None)),
    ],
)
def test_arrays_and_lists_with_words(X):
    schema = schema_of(X)
    assert schema.levels == (None, ("p", "q", None))
    assert schema.read(X).tolist() == [[1, 0], [2.5, 1], [3, 2]]


@pytest.mark.parametrize("kind", ["U", "S", "O", np.dtypes.StringDType()])
def test_arrays_of_strings(kind):
    X = np.array([["1", "p"], ["2", "q"]]).astype(kind)
    schema = schema_of(X)
    assert schema.levels == (None, ("p", "q"))
    assert schema.read(X).tolist() == [[1, 0], [2, 1]]
    # As text, whatever type has it.
    assert schema.read([["3", "q"], ["4", "z"]]).tolist() == [[3, 1], [4, -1]]


def test_columns_that_are_named():
    X = frame(x=WORDS, code=[7, 8, 7, 8, 8, 7], flag=[True, False] * 3)
    for features in (
        ["x", "code"],
        [1, 2],
        (2, 1),
        np.array([1, 2]),
        [False, True, True, False],
        pd.Index(["code", "x"]),
    ):
        check_categorical_features(features)
        schema = schema_of(X, features)
        assert schema.levels == (None, ("a", "b", "c"), (7, 8), None)
        assert schema.read(X)[0].tolist() == [0, 1, 0, 1]
    assert schema_of(X.to_numpy(), [1, 2, 3]).levels[1:] == (("a", "b", "c"), (7, 8), (0, 1))


def test_named_columns_of_other_types_count_by_their_text():
    dates = pd.Series([datetime.date(2020, 1, 1), datetime.date(2021, 1, 1), None] * 2, dtype=object)
    X = frame(when=dates, price=pd.Series([decimal.Decimal("1.5"), decimal.Decimal(2), None] * 2, dtype=object))
    assert schema_of(X, ["when", "price"]).levels[1:] == (("2020-01-01", "2021-01-01", None), ("1.5", "2", None))


@pytest.mark.parametrize(
    ("features", "message"),
    [
        (["x", "colour"], r"names the columns \['colour'\], which X does not have; its columns are \['size', 'x'\]"),
        ([0, 2], r"names the columns \[2\], but X has 2 columns; indices are 0 to 1"),
        ([-1], r"names the columns \[-1\]"),
        ([True], r"one boolean for each of the 2 columns of X, got 1"),
    ],
)
def test_named_columns_that_are_not_there(features, message):
    with pytest.raises(ValueError, match=message):
        schema_of(frame(x=WORDS), features)


def test_an_array_has_no_names():
    with pytest.raises(ValueError, match=r"names columns, \['x'\], but X is an array, .* indices or a data frame"):
        schema_of(np.ones((3, 2)), ["x"])
    with pytest.raises(ValueError, match=r"X, of shape \(3, 2, 4\), is no table"):
        schema_of(np.ones((3, 2, 4)), [1])


@pytest.mark.parametrize(
    "features", ["from_types", b"a", 3, 1.5, [1.5], ["a", 1], [["a"], ["b", "c"]], [[1]], {"a": 1}]
)
def test_what_names_no_columns(features):
    with pytest.raises(ValueError, match=r"categorical_features must be 'from_dtype', None, or a sequence of names"):
        check_categorical_features(features)


# Levels


def test_the_order_of_rows_and_of_categories_does_not_matter():
    X = frame(x=pd.Categorical(WORDS))
    assert schema_of(X.iloc[::-1]).levels == schema_of(X).levels


def test_rows_that_do_not_count_have_no_levels():
    X = frame(x=["b", "a", None, "c", "c", "a"])
    used = np.array([True, False, False, True, True, False])
    schema = schema_of(X, used=used)
    assert schema.levels == (None, ("b", "c"))
    assert schema.read(X)[:, 1].tolist() == [0, -1, -1, 1, 1, -1]


def test_levels_that_are_not_known():
    schema = schema_of(frame(x=WORDS))
    assert schema.read(frame(x=["a", "z", None, pd.NA, "c", nan]))[:, 1].tolist() == [0, -1, -1, -1, 2, -1]


@pytest.mark.parametrize("kind", [np.int64, np.uint64])
def test_categories_beyond_double_precision(kind):
    codes = np.array([2**53, 2**53 + 1, 2**62, 2**62 + 1, 2**53, 2**53 + 1], dtype=kind)
    schema = schema_of(codes[:, None], [0])
    assert schema.levels == ((2**53, 2**53 + 1, 2**62, 2**62 + 1),)
    assert schema.read(codes[:, None])[:, 0].tolist() == [0, 1, 2, 3, 0, 1]
    assert schema_of(frame(x=codes), ["x"]).levels[1] == schema.levels[0]


def integers_with_a_gap(values, kind):
    if kind == "polars":
        return pytest.importorskip("polars").Series(values)
    return pd.array([pd.NA if value is None else value for value in values], dtype=kind)


def with_words(column, kind):
    if kind == "polars":
        return pytest.importorskip("polars").DataFrame({"x": column, "word": list("abcab")[: len(column)]})
    return pd.DataFrame({"x": column, "word": list("abcab")[: len(column)]})


@pytest.mark.parametrize("kind", ["Int64", "UInt64", "polars"])
@pytest.mark.parametrize("offset", [7, 2**53, 2**62])
@pytest.mark.parametrize("is_category", [True, False])
def test_long_integers_are_the_same_beside_missing_values(kind, offset, is_category):
    whole = [offset + i for i in (0, 1, 2, 3, 1)]
    gap = [*whole[:2], None, *whole[3:]]
    named = ["x", "word"] if is_category else ["word"]
    tables = [with_words(integers_with_a_gap(values, kind), kind) for values in (whole, gap)]
    rows = [0, 1, 3, 4]
    for fitted in tables:
        schema = schema_of(fitted, named)
        one, other = (schema.read(table)[:, 0] for table in tables)
        np.testing.assert_array_equal(one[rows], other[rows])
        assert len(set(one[rows])) == 3
        assert other[2] == (schema.levels[0].index(None) if None in (schema.levels[0] or ()) else -1) or np.isnan(
            other[2]
        )


@pytest.mark.parametrize("offset", [2**53, 2**63, -(2**62)])
def test_numbers_beyond_double_precision_beside_categories(offset):
    numbers = np.array([offset + i for i in range(6)], dtype=np.uint64 if offset > 2**62 else np.int64)
    X = frame(id=numbers, x=WORDS)
    schema = schema_of(X)
    assert schema.read(X)[:, 1].tolist() == list(range(6))
    assert schema.read(X.iloc[3:])[:, 1].tolist() == [3, 4, 5]


def test_odd_numbers_as_categories():
    values = np.array([1e30, 1e-30, np.inf, -np.inf, -0.0, nan])
    schema = schema_of(values[:, None], [0])
    assert schema.levels == ((-np.inf, 0, 1e-30, 1e30, np.inf, None),)
    assert schema.read(np.array([[0.0], [1e30], [5.0]]))[:, 0].tolist() == [1, 3, -1]


def test_ten_thousand_levels():
    words = np.array([f"w{i:05d}" for i in range(10_000)])
    schema = schema_of(pd.DataFrame({"x": words}))
    assert schema.levels[0] == tuple(words)
    assert schema.read(pd.DataFrame({"x": words[::-1]}))[:, 0].tolist() == list(range(10_000))[::-1]


# What is refused


@pytest.mark.parametrize(
    ("column", "message"),
    [
        (["a", 1, 2] * 2, r"'x' of X holds text, such as 'a', and numbers, .*convert all of it.* \.astype\(str\)"),
        (["?", 1.5, None] * 2, r"'x' of X holds text, such as '\?', and numbers"),
        ([datetime.date(2020, 1, 1), "a", None] * 2, r"'x' \(object, such as date\); give dates and times as numbers"),
        ([datetime.time(3)] * 6, r"'x' \(object, such as time\); give dates and times as numbers, such as days"),
        ([{}, "a", 1] * 2, r"'x' \(object, such as dict\)"),
        ([decimal.Decimal(1)] * 6, r"'x' \(object, such as Decimal\); convert decimals by \.astype\(float\)"),
        (
            pd.date_range("2020", periods=6),
            r"'x' \(datetime64\[..\]\); give dates and times as numbers, .*Timedelta\(days=1\)",
        ),
        ([10**400] * 6, r"'x' \(object, such as int\)"),
    ],
)
def test_columns_that_are_refused(column, message):
    with pytest.raises(ValueError, match=message):
        schema_of(frame(x=pd.Series(column)))


def test_words_that_were_not_named():
    X = frame(x=WORDS, z=pd.Categorical(WORDS), o=WORDS.astype(object))
    with pytest.raises(
        ValueError,
        match=r"'x' \(text\), 'o' \(text\); name columns of categories in categorical_features",
    ):
        schema_of(X.astype({"x": "str"}), ["z"])


def test_lists_are_no_categories():
    with pytest.raises(ValueError, match=r"'x' of X holds \[1\], which is no category; give series as one array"):
        schema_of(frame(x=pd.Series([[1]] * 6, dtype=object)), ["x"])


def test_arrays_whose_words_stand_among_numbers():
    with pytest.raises(ValueError, match=r"The column 1 of X holds text, such as 'a', and numbers"):
        schema_of(np.array([[1, "a"], [2, 3]], dtype=object))
    with pytest.raises(TypeError, match=r"X must hold numbers, but it holds \{\} in column 0 \(float\(\) argument"):
        schema_of(np.array([[{}, "a"], [2, "b"]], dtype=object))


@pytest.mark.parametrize(
    ("fitted", "new", "message"),
    [
        (np.arange(6), WORDS, r"'x' of X held numbers in fit, but now holds 'b'; give numbers, and NaN"),
        (np.arange(6), pd.Categorical(WORDS), r"held numbers in fit, but now holds"),
        (np.arange(6), pd.date_range("2020", periods=6), r"now holds Timestamp.*; .*give dates and times as numbers"),
        (
            WORDS,
            np.arange(6),
            r"'x' of X held text in fit, such as 'a', but now holds numbers, such as 0; .*astype\(str",
        ),
        (WORDS, np.arange(6) / 2, r"held text in fit"),
        (WORDS, [True] * 6, r"held text in fit"),
        (pd.Categorical([1, 2] * 3), WORDS, r"held numbers in fit, such as 1, but now holds text, such as 'b'"),
    ],
)
def test_columns_that_change_their_kind(fitted, new, message):
    schema = schema_of(frame(x=fitted, word=WORDS))
    with pytest.raises(ValueError, match=message):
        schema.read(frame(x=new, word=WORDS))


def test_errors_name_what_stands_first():
    """And not what a set of texts happens to hold first, which differs from process to process."""
    schema = schema_of(frame(x=pd.Categorical([1, 2] * 3), word=WORDS))
    for word in ("q", "z", "c"):
        words = np.array([word, *"abdef"])
        with pytest.raises(ValueError, match=rf"now holds text, such as '{word}'"):
            schema.read(frame(x=words, word=WORDS))


class Bare:
    """Its text is its address."""


class Named(Bare):
    def __repr__(self):
        return "named"


@pytest.mark.parametrize("column", [[Bare(), "a"] * 3, [Bare() for _ in range(6)], ["a", None, object()] * 2])
def test_objects_without_a_text_are_no_categories(column):
    kind = next(type(value).__name__ for value in column if isinstance(value, Bare) or type(value) is object)
    with pytest.raises(ValueError, match=rf"'x' of X holds objects of the type {kind}, whose text differs from run to"):
        schema_of(frame(x=pd.Series(column, dtype=object)), ["x"])


def test_objects_with_a_text_are_categories():
    assert ("a", "named") in schema_of(frame(x=pd.Series([Named(), "a"] * 3, dtype=object)), ["x"]).levels


def test_columns_whose_type_changes_and_whose_values_do_not():
    schema = schema_of(frame(x=np.arange(6), flag=[True, False] * 3, word=WORDS))
    new = frame(x=[str(i) for i in range(6)], flag=[1.0, 0.0] * 3, word=pd.Categorical(WORDS))
    assert np.array_equal(schema.read(new)[:, 1], np.arange(6))
    assert schema.read(new)[:, 2].tolist() == [1, 0] * 3
    # All missing, which has no kind.
    assert schema.read(frame(x=[None] * 6, flag=[None] * 6, word=[nan] * 6))[:, 2:].tolist() == [[-1, -1]] * 6


def test_tables_that_turn_up_after_a_fit_of_numbers():
    schema = Schema.of_numbers(2)
    assert schema.read([[1, "2"]]).tolist() == [[1, 2]]
    with pytest.raises(ValueError, match=re.escape("The column 1 of X held numbers in fit, but now holds 'a'")):
        schema.read([[1, "a"]])


def test_a_table_is_made_once():
    X = frame(x=WORDS)
    table = Table.of(X)
    assert Table.of(table) is table
    assert schema_of(table).levels == schema_of(X).levels
    assert np.array_equal(schema_of(X).read(table), schema_of(X).read(X))


# Polars


def test_polars():
    polars = pytest.importorskip("polars")
    X = polars.DataFrame(
        {
            "number": [1.5, None, 3.0],
            "whole": [1, None, 3],
            "word": ["b", None, "a"],
            "flag": [True, None, False],
            "category": polars.Series(["v", "u", None], dtype=polars.Categorical),
            "enum": polars.Series(["u", "v", "u"], dtype=polars.Enum(["v", "u"])),
            "nothing": [None] * 3,
        }
    )
    schema = schema_of(X)
    assert schema.levels == (None, None, ("a", "b", None), (0, 1, None), ("u", "v", None), ("u", "v"), None)
    expected = [[1.5, 1, 1, 1, 1, 0, nan], [nan, nan, 2, 2, 0, 1, nan], [3, 3, 0, 0, 2, 0, nan]]
    np.testing.assert_array_equal(schema.read(X), expected)
    with pytest.raises(ValueError, match=r"'day' \(Date\); give dates"):
        schema_of(polars.DataFrame({"day": [datetime.date(2020, 1, 1)]}))
