"""What values the input has: units, absurd ones, few distinct rows, heavy tails and types do not keep it from learning.

The tasks are so easy that every network learns them, and the limits so far below that rounding does not matter.
"""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import OneHotEncoder

from skopdist import OpDistNASClassifier


def make(**changes):
    settings = {"n_trials": 1, "max_epochs": 8, "n_cells": 1, "channels": 8, "random_state": 0}
    return OpDistNASClassifier(**(settings | changes))


def make_flat(seed):
    """Three classes, each of which is larger in a feature of its own."""
    rng, y = np.random.default_rng(seed), np.arange(200) % 3
    X = rng.normal(size=(200, 4))
    X[:, :3] += 4 * np.eye(3)[y]
    return X, y


def make_series(seed):
    """Waves of two lengths in the first of two channels."""
    rng, y = np.random.default_rng(seed), np.arange(120) % 2
    X = rng.normal(0, 0.3, size=(120, 2, 24))
    X[:, 0] += np.sin(2 * np.pi * np.arange(24) / np.where(y, 4, 12)[:, None] + rng.uniform(0, 6, (120, 1)))
    return X, y


def make_images(seed):
    """Images of two channels, whose first is bright on the left or on the right."""
    rng, y = np.random.default_rng(seed), np.arange(120) % 2
    X = rng.normal(size=(120, 2, 8, 8))
    X[y == 0, 0, :, :4] += 3
    X[y == 1, 0, :, 4:] += 3
    return X, y


DATA = {"flat": make_flat, "series": make_series, "images": make_images}
KINDS = pytest.mark.parametrize("kind", DATA)


def first_value(kind):
    """The place of a value within a sample, in the channel that matters."""
    return {"flat": (0,), "series": (0, 5), "images": (0, 1, 1)}[kind]


# Units


@KINDS
@pytest.mark.parametrize("unit", [1e-13, 1e13, 1e-30])
def test_units_do_not_matter(kind, unit):
    (X, y), (new, labels) = DATA[kind](0), DATA[kind](1)
    assert make().fit(X * unit, y).score(new * unit, labels) > 0.85


@KINDS
@pytest.mark.parametrize("exponents", [(-13, 13, 0, 200), (-200, -9, 30, 1)])
def test_units_may_differ_from_channel_to_channel(kind, exponents):
    (X, y), (new, labels) = DATA[kind](0), DATA[kind](1)
    units = (10.0 ** np.array(exponents))[: X.shape[1]].reshape(-1, *[1] * (X.ndim - 2))
    assert make().fit(X * units, y).score(new * units, labels) > 0.85


@KINDS
@pytest.mark.parametrize("scale", [1e200, 1e-200, 1e306])
def test_values_at_the_ends_of_double_precision(kind, scale):
    (X, y), (new, labels) = DATA[kind](0), DATA[kind](1)
    clf = make().fit(X * scale, y)
    assert clf.score(new * scale, labels) > 0.85
    assert np.isfinite(clf.predict_proba(new * 1e-300)).all()


# Absurd values


@KINDS
@pytest.mark.parametrize(("value", "share"), [(65535.0, 0.01), (-9999.0, 0.01), (1e30, 0.005), (-1e9, 0.01)])
def test_absurd_values_while_training(kind, value, share):
    (X, y), (new, labels) = DATA[kind](0), DATA[kind](1)
    n = max(1, int(share * len(X)))
    X[(slice(0, n), *first_value(kind))] = value
    assert make().fit(X, y).score(new, labels) > 0.85


@KINDS
@pytest.mark.parametrize("value", [1e200, -1e306])
def test_an_absurd_sample_while_training(kind, value):
    (X, y), (new, labels) = DATA[kind](0), DATA[kind](1)
    X[7] = value
    assert make().fit(X, y).score(new, labels) > 0.85


@pytest.fixture(scope="module")
def fitted():
    return {kind: make().fit(*data(0)) for kind, data in DATA.items()}


@KINDS
@pytest.mark.parametrize("value", [65535.0, -9999.0, 1e30, -1e9, 1e-200, 1e306])
def test_absurd_values_while_predicting(kind, value, fitted):
    clf, X = fitted[kind], DATA[kind](1)[0]
    spoiled = X.copy()
    spoiled[(0, *first_value(kind))] = value
    spoiled[1] = value
    probabilities = clf.predict_proba(spoiled)
    assert np.isfinite(probabilities).all()
    assert_allclose(probabilities.sum(axis=1), 1)
    # The others know nothing of it.
    assert_allclose(probabilities[2:], clf.predict_proba(X)[2:], atol=1e-5)


@pytest.mark.parametrize("value", [-9999.0, 1e30])
def test_one_absurd_pixel_in_each_image_does_not_hide_the_rest(value, fitted):
    X, labels = make_images(1)
    X[(slice(None), *first_value("images"))] = value
    assert fitted["images"].score(X, labels) > 0.75


# Few distinct rows

RNG = np.random.default_rng(0)
BITS = RNG.integers(0, 2, (600, 3))
CATEGORY = RNG.integers(0, 4, 600)
TABLES = {
    "one binary column": (BITS[:, :1], BITS[:, 0], 1.0),
    "the opposite of a column of 3 and 7": (3 + 4 * BITS[:, :1], 1 - BITS[:, 0], 1.0),
    "exclusive or": (BITS[:, :2], BITS[:, 0] ^ BITS[:, 1], 1.0),
    "parity of three": (BITS, BITS.sum(axis=1) % 2, 1.0),
    "one-hot": (np.eye(4)[CATEGORY], CATEGORY, 1.0),
    "ordinal, the middle ones": (CATEGORY[:, None], np.isin(CATEGORY, (1, 2)), 1.0),
    "one column with noise": (BITS[:, :1], BITS[:, 0] ^ (RNG.random(600) < 0.1), 0.85),
}


@pytest.mark.parametrize("name", TABLES)
def test_few_distinct_rows(name):
    X, y, expected = TABLES[name]
    clf = make(n_trials=2, max_epochs=15, channels=16).fit(X[:400].astype(float), y[:400])
    assert clf.score(X[400:], y[400:]) >= expected
    assert clf.best_score_ >= expected - 0.05


@pytest.mark.parametrize("seed", [0, 1])
def test_a_table_of_a_few_categories_is_level_with_logistic_regression(seed):
    # As in the table of those who were on the Titanic: three columns, and as many distinct rows as patterns of these.
    rng = np.random.default_rng(seed)
    words = np.stack([rng.choice(w, 1200, p=p) for w, p in (
        (["child", "adult"], [0.1, 0.9]), (["f", "m"], [0.3, 0.7]), (["1", "2", "3", "crew"], [0.15, 0.13, 0.32, 0.4])
    )], axis=1)  # fmt: skip
    lived = 0.2 + 0.5 * (words[:, 1] == "f") + 0.2 * (words[:, 0] == "child") - 0.1 * (words[:, 2] == "3")
    y = (rng.random(1200) < lived).astype(int)
    X = OneHotEncoder(sparse_output=False).fit_transform(words)
    expected = LogisticRegression().fit(X[:800], y[:800]).score(X[800:], y[800:])
    clf = make(n_trials=2, max_epochs=15, channels=16).fit(X[:800], y[:800])
    assert clf.score(X[800:], y[800:]) >= expected - 0.03


# Heavy tails


@pytest.mark.parametrize(
    "tail",
    [
        lambda z: np.exp(8 * z),
        lambda z: -np.exp(-20 * z),
        lambda z: np.sign(z) * np.abs(z) ** 15,
        lambda z: np.tan(np.pi * np.clip(z / 6, -0.499, 0.499)) ** 3,
    ],
    ids=["lognormal", "to the left", "both sides", "tangent"],
)
def test_heavy_tails(tail):
    rng = np.random.default_rng(0)
    z, new = rng.normal(size=(300, 2)), rng.normal(size=(300, 2))
    clf = make(max_epochs=12).fit(tail(z), (z[:, 0] > 0).astype(int))
    assert clf.score(tail(new), (new[:, 0] > 0).astype(int)) > 0.85


# Types and memory

WAYS = {
    "float64": lambda X: X.astype(float),
    "float32": lambda X: X.astype(np.float32),
    "int64": lambda X: X.astype(np.int64),
    "int16": lambda X: X.astype(np.int16),
    "big-endian": lambda X: X.astype(">f8"),
    "long double": lambda X: X.astype(np.longdouble),
    "object": lambda X: X.astype(object),
    "list": lambda X: X.tolist(),
    "column order": lambda X: np.asfortranarray(X.astype(float)),
    "every second row": lambda X: np.repeat(X, 2, axis=0)[::2],
    "from the end": lambda X: np.ascontiguousarray(X[::-1])[::-1],
    "half of the columns": lambda X: np.repeat(X.astype(float), 2, axis=1)[:, ::2],
}
FEWER_WAYS = ["float64", "float32", "object", "column order", "from the end"]


@KINDS
def test_types_and_order_in_memory_do_not_matter(kind):
    X, y = DATA[kind](0)
    X = np.clip(60 + 20 * X, 0, 255).astype(np.uint8)
    ways = WAYS | {"frame": pd.DataFrame} if X.ndim == 2 else {name: WAYS[name] for name in FEWER_WAYS}
    plain = make(max_epochs=1).fit(X, y)
    expected = plain.predict_proba(X)
    for name, way in ways.items():
        clf = make(max_epochs=1).fit(way(X), y)
        assert_array_equal(clf.evaluator_.problem_.held_out.rows, plain.evaluator_.problem_.held_out.rows, name)
        assert clf.best_score_ == plain.best_score_, name
        assert_array_equal(clf.predict_proba(way(X)), expected, name)


# Nothing to learn from


@pytest.mark.parametrize(
    "X", [np.ones((30, 2)), np.full((30, 1, 8), 7), np.zeros((30, 1, 5, 5)), np.full((30, 1), 0.1 + 0.2)]
)
def test_constant_input_is_warned_of(X):
    y = np.arange(30) % 3 // 2
    with pytest.warns(UserWarning, match=r"X is constant, in all of its features or channels") as seen:
        clf = make(max_epochs=60).fit(X, y)
    assert len(seen) == 1
    assert seen[0].filename == __file__
    assert clf.predict(X).tolist() == [0] * 30
    # One that varies is enough, and what stands in the others later counts for nothing.
    varied = np.concatenate([X, X], axis=1).astype(float)
    varied[y == 1, 0] += 1
    clf = make(max_epochs=60).fit(varied, y)
    assert clf.score(varied, y) > 0.9
    moved = varied.copy()
    moved[:, X.shape[1] :] = 99
    assert_array_equal(clf.predict(moved), clf.predict(varied))
