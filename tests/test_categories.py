"""Tables with categories and gaps, from a data frame to its predictions."""

import pickle
import tracemalloc
import warnings

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.compose import ColumnTransformer, make_column_selector
from sklearn.impute import SimpleImputer
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skopdist import OpDistNASClassifier
from skopdist.strategies import DifferentiableSearch, RandomSearch


def make(**changes):
    settings = {"n_trials": 2, "max_epochs": 2, "n_cells": 1, "channels": 8, "random_state": 0}
    return OpDistNASClassifier(**(settings | changes))


@pytest.fixture
def table():
    """A frame of two numbers, one with gaps, and of four categories, and labels that depend on them."""
    rng = np.random.default_rng(0)
    n = 80
    frame = pd.DataFrame(
        {
            "size": rng.normal(size=n),
            "city": pd.Categorical(rng.choice(["Kyiv", "Oslo", "Rome"], n)),
            "word": rng.choice(["yes", "no", None], n),
            "flag": rng.random(n) < 0.5,
            "gaps": np.where(rng.random(n) < 0.3, np.nan, rng.normal(size=n)),
            "many": [f"w{i % 20}" for i in range(n)],
        }
    )
    y = np.where((frame["size"] > 0) ^ (frame["city"] == "Oslo"), "a", "b")
    return frame, y


def test_categories_are_learnt():
    rng = np.random.default_rng(0)
    X = pd.DataFrame({"x": rng.choice(list("abcd"), 400), "z": rng.choice(list("uv"), 400)})
    X["gap"] = np.where(rng.random(400) < 0.5, np.nan, rng.normal(size=400))
    X["noise"] = rng.normal(size=400)
    # Two of them together, and that a number is missing.
    y = (X["x"].isin(["a", "c"]) ^ (X["z"] == "u")) + 2 * X["gap"].isna()
    clf = make(max_epochs=15, channels=32).fit(X[:300], y[:300])
    assert clf.score(X[300:], y[300:]) > 0.9
    assert clf.is_categorical_.tolist() == [True, True, False, False]
    assert clf.feature_names_in_.tolist() == ["x", "z", "gap", "noise"]
    assert clf.n_features_in_ == 4


def test_a_number_is_no_category(iris):
    X, y = iris
    clf = make().fit(X, y)
    assert clf.is_categorical_ is None
    coded = make(categorical_features=[3]).fit(X, y)
    assert coded.is_categorical_.tolist() == [False] * 3 + [True]
    assert np.isfinite(coded.predict_proba(X + 0.05)).all()


@pytest.mark.parametrize("n_members", [1, 2])
def test_weights_are_repetitions(table, n_members):
    X, y = table
    weight = np.arange(80) % 4
    rows = np.repeat(np.arange(80), weight)
    rows = np.random.default_rng(1).permutation(rows)
    # A level that only rows without weight have is none.
    X.loc[4, "many"] = "only here"
    settings = {"n_members": n_members, "n_trials": 10} if n_members > 1 else {}
    weighted = make(**settings).fit(X, y, sample_weight=weight)
    repeated = make(**settings).fit(X.iloc[rows], y[rows])
    assert weighted.evaluator_.problem_.fingerprint == repeated.evaluator_.problem_.fingerprint
    np.testing.assert_array_equal(weighted.predict_proba(X), repeated.predict_proba(X))


def test_what_a_column_is_called_and_how_it_is_stored_does_not_matter(table):
    X, y = table
    expected = make().fit(X, y)
    codes = X.assign(city=X["city"].astype(str), flag=X["flag"].astype(object).astype("category"))
    for features in ("from_dtype", ["city", "word", "flag", "many"], [False, True, True, True, False, True]):
        clf = make(categorical_features=features).fit(codes, y)
        assert clf.evaluator_.problem_.fingerprint == expected.evaluator_.problem_.fingerprint
        np.testing.assert_array_equal(clf.predict_proba(codes), expected.predict_proba(X))
        np.testing.assert_array_equal(clf.predict_proba(X), expected.predict_proba(X))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        as_array = X.to_numpy(dtype=object)
        np.testing.assert_array_equal(expected.predict_proba(as_array), expected.predict_proba(X))
        array = make(categorical_features=[1, 2, 3, 5]).fit(as_array, y)
    np.testing.assert_array_equal(array.predict_proba(as_array), expected.predict_proba(X))


def test_predictions_do_not_depend_on_the_other_rows(table):
    X, y = table
    clf = make(n_members=2, n_trials=10).fit(X, y)
    together = clf.predict_proba(X)
    np.testing.assert_allclose(np.vstack([clf.predict_proba(X[i : i + 1]) for i in range(5)]), together[:5], rtol=1e-12)


def test_levels_and_gaps_that_fit_did_not_see(table):
    X, y = table
    clf = make().fit(X, y)
    new = X.head(4).assign(city=["Lima", None, "Oslo", "Rome"], size=[np.nan, 1, 2, 3], flag=[None, True, False, pd.NA])
    proba = clf.predict_proba(new)
    assert np.isfinite(proba).all()
    # All that is not known is the same.
    other = new.assign(city=["Quito", np.nan, "Oslo", "Rome"])
    np.testing.assert_array_equal(clf.predict_proba(other), proba)


@pytest.mark.parametrize("strategy", [DifferentiableSearch(n_warmup=1), RandomSearch()], ids=["gradients", "random"])
@pytest.mark.parametrize("columns", [["city", "word"], ["gaps"], ["many"], ["flag", "size"]], ids=lambda c: c[0])
def test_tables_of_any_columns(table, strategy, columns):
    X, y = table
    X = X[columns]
    assert np.isfinite(make(strategy=strategy).fit(X, y).predict_proba(X)).all()


def test_limits_count_categories(table):
    X, y = table
    clf = make(limits={"params": 5000}).fit(X, y)
    assert sum(p.numel() for p in clf.net_.module_.parameters()) <= 5000
    assert clf.pareto_front_["n_parameters"].max() <= 5000
    with pytest.raises(ValueError, match=r"No architecture"):
        make(limits={"params": 200}).fit(X, y)


def test_a_journal_goes_on_with_rows_in_another_order(table, tmp_path):
    X, y = table
    first = make(journal=tmp_path / "trials").fit(X, y)
    again = make(journal=tmp_path / "trials", n_trials=3).fit(X[::-1], y[::-1])
    assert [t.score for t in again.trials_[:2]] == [t.score for t in first.trials_[:2]]
    with pytest.raises(ValueError, match=r"data"):
        make(journal=tmp_path / "trials").fit(X.assign(city=X["city"].astype(str) + "!"), y)
    with pytest.raises(ValueError, match=r"data"):
        make(journal=tmp_path / "trials", categorical_features=["city", "word", "many"]).fit(X, y)


def test_clones_pickles_and_grids(table):
    X, y = table
    clf = make(categorical_features=["city", "many", "word"])
    assert clone(clf).categorical_features == clf.categorical_features
    clf.fit(X, y)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(clf)).predict_proba(X), clf.predict_proba(X))
    grid = GridSearchCV(clf, {"categorical_features": ["from_dtype", ["city", "many", "word"]]}, cv=2).fit(X, y)
    assert np.isfinite(grid.cv_results_["mean_test_score"]).all()
    assert np.isfinite(cross_val_score(make(), X, y, cv=2)).all()


def test_skops(table, tmp_path):
    io = pytest.importorskip("skops.io")
    X, y = table
    clf = make(n_members=2, n_trials=10).fit(X, y)
    io.dump(clf, tmp_path / "clf.skops")
    types = io.get_untrusted_types(file=tmp_path / "clf.skops")
    assert {"skopdist._columns.Columns", "skopdist._schema.Schema"} <= set(types)
    restored = io.load(tmp_path / "clf.skops", trusted=types)
    np.testing.assert_array_equal(restored.predict_proba(X), clf.predict_proba(X))


def test_pipelines_hand_frames_on(table):
    X, y = table
    scale = ColumnTransformer(
        [("numbers", make_pipeline(SimpleImputer(), StandardScaler()), make_column_selector(dtype_include=float))],
        remainder="passthrough",
    ).set_output(transform="pandas")
    model = make_pipeline(scale, make()).fit(X, y)
    assert model[-1].is_categorical_.tolist() == [False, False, True, True, True, True]
    assert np.isfinite(model.predict_proba(X)).all()
    # Without frames, its output is an array of objects.
    plain = make_pipeline(clone(scale).set_output(transform="default"), make()).fit(X, y)
    assert plain[-1].is_categorical_.tolist() == [False, False, True, True, False, True]


def test_polars(table):
    polars = pytest.importorskip("polars")
    X, y = table
    whole = X.astype(object).where(X.notna(), None)
    other = polars.DataFrame({name: whole[name].tolist() for name in whole})
    clf = make().fit(other, y)
    expected = make().fit(X, y)
    assert clf.feature_names_in_.tolist() == list(X.columns)
    np.testing.assert_array_equal(clf.predict_proba(other), expected.predict_proba(X))
    with pytest.raises(ValueError, match=r"must be in the same order"):
        clf.predict(other[:, ::-1])


# Bad input


def test_ten_thousand_levels():
    rng = np.random.default_rng(0)
    X = pd.DataFrame({"x": [f"w{i}" for i in rng.permutation(10_500) % 10_000], "z": rng.normal(size=10_500)})
    y = (X["z"] > 0).astype(int)
    tracemalloc.start()
    clf = make(max_epochs=1, n_trials=1).fit(X, y)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 100 * 2**20
    assert clf.score(X, y) > 0.7


@pytest.mark.parametrize("kind", ["numbers", "text"])
def test_columns_that_change_their_kind(table, kind):
    X, y = table
    clf = make().fit(X, y)
    if kind == "numbers":
        with pytest.raises(ValueError, match=r"'city' of X held text in fit, such as 'Kyiv', but now holds numbers"):
            clf.predict(X.assign(city=1.5))
    else:
        with pytest.raises(ValueError, match=r"'size' of X held numbers in fit, but now holds 'large'; give numbers"):
            clf.predict(X.assign(size="large"))
        plain = make().fit(X[["size", "gaps"]], y)
        with pytest.raises(ValueError, match=r"'size' of X held numbers in fit, but now holds 'large'"):
            plain.predict(X[["size", "gaps"]].assign(size="large"))
        with pytest.raises(ValueError, match=r"column 0 of X held numbers in fit, but now holds 'large'"):
            make().fit(X[["size", "gaps"]].to_numpy(), y).predict([["large", 1.0]])


def test_columns_in_another_order_or_of_other_names(table):
    X, y = table
    clf = make().fit(X, y)
    with pytest.raises(ValueError, match=r"Feature names must be in the same order"):
        clf.predict(X[X.columns[::-1]])
    with pytest.raises(ValueError, match=r"Feature names unseen at fit time:\n- town"):
        clf.predict(X.rename(columns={"city": "town"}))
    with pytest.raises(ValueError, match=r"seen at fit time, yet now missing"):
        clf.predict(X.drop(columns="city"))
    array = make().fit(X.to_numpy(), y)
    with pytest.raises(ValueError, match=r"X has 5 features, but OpDistNASClassifier is expecting 6"):
        array.predict(X.to_numpy()[:, 1:])


@pytest.mark.parametrize("missing", [None, np.nan, pd.NA])
@pytest.mark.parametrize("dtype", [object, "category", float, "Int64", "string"])
def test_nothing_but_missing_values(table, missing, dtype):
    if missing is pd.NA and dtype is float:
        missing = np.nan
    X, y = table
    spoiled = X.assign(nothing=pd.Series([missing] * len(X), dtype=dtype))
    proba = make().fit(spoiled, y).predict_proba(spoiled)
    assert np.isfinite(proba).all()


def test_a_table_of_nothing():
    X, y = np.full((24, 2), np.nan), np.arange(24) % 2
    with pytest.warns(UserWarning, match="X is constant"):
        clf = make().fit(X, y)
    np.testing.assert_allclose(clf.predict_proba(X), 0.5, atol=0.2)
    with pytest.warns(UserWarning, match="X is constant"):
        make().fit(pd.DataFrame({"x": ["a"] * 24, "z": [None] * 24}), y)


def test_constant_columns_change_nothing(table):
    X, y = table
    X = X.assign(same="a", equal=7.0)
    clf = make().fit(X, y)
    np.testing.assert_array_equal(clf.predict_proba(X.assign(same="b", equal=9.0)), clf.predict_proba(X))


def test_huge_and_tiny_numbers_beside_gaps_and_categories(table):
    X, y = table
    clf = make(max_epochs=10).fit(X.assign(huge=X["size"] * 1e30, tiny=X["gaps"] * 1e-30), y)
    assert clf.score(X.assign(huge=X["size"] * 1e30, tiny=X["gaps"] * 1e-30), y) > 0.7


@pytest.mark.parametrize("bad", [np.inf, -np.inf])
def test_infinity_is_refused(table, bad):
    X, y = table
    clf = make().fit(X, y)
    X.loc[3, "size"] = bad
    for call in (lambda: make().fit(X, y), lambda: clf.predict(X)):
        with pytest.raises(ValueError, match=r"X contains infinity"):
            call()


@pytest.mark.parametrize(
    ("features", "message"),
    [
        (["colour"], r"names the columns \['colour'\], which X does not have; its columns are \['size', 'city'"),
        ([0, 17], r"names the columns \[17\], but X has 6 columns"),
        ([True] * 5, r"one boolean for each of the 6 columns of X, got 5"),
        ("by_type", r"categorical_features must be 'from_dtype', None, or a sequence"),
        (["size"], r"but these are neither: 'city' \(categories\), 'word' \(.*; name columns of categories in categor"),
        (None, r"All columns of X must be numbers or booleans, but these are not: 'city' \(category\).*from_dtype"),
    ],
    ids=["name", "index", "mask", "word", "others", "none"],
)
def test_categorical_features_that_do_not_fit(table, features, message):
    with pytest.raises(ValueError, match=message):
        make(categorical_features=features).fit(*table)


def test_series_and_images_have_no_categories(images):
    with pytest.raises(ValueError, match=r"categorical_features=\[0\] names columns, but X, of shape \(150, 1, 8, 8\)"):
        make(categorical_features=[0]).fit(*images)
    X, y = images
    with pytest.raises(ValueError, match=r"no table of shape"):
        make(categorical_features=[0], input_shape=(1, 8, 8)).fit(X.reshape(150, 64), y)


def test_labels_are_not_affected(table):
    X, _ = table
    y = pd.Categorical(np.where(X["size"] > 0, "x", "y"))
    assert make().fit(X, y).classes_.tolist() == ["x", "y"]
