"""Tests of the data, prepared once."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from skopdist.problem import Problem, Samples


@given(
    st.lists(st.tuples(st.integers(0, 3), st.integers(0, 1), st.integers(1, 3)), min_size=2, max_size=20), st.randoms()
)
def test_neither_order_nor_repetition_matters(rows, random):
    rows = [(9, 0, 1), (9, 1, 1), *rows]
    X = np.array([[x, -x] for x, _, _ in rows], dtype=float)
    y = np.array([label for _, label, _ in rows])
    weight = np.array([w for _, _, w in rows], dtype=float)
    weighted = Problem.of(X, y, weight)
    random.shuffle(order := np.repeat(np.arange(len(rows)), weight.astype(int)).tolist())
    spelled_out = Problem.of(X[order], y[order])
    for part in ("everything", "training", "held_out"):
        one, two = (getattr(problem.split(0.4, seed=3), part) for problem in (weighted, spelled_out))
        assert_array_equal(one.inputs(), two.inputs())
        assert_array_equal(one.labels(), two.labels())
        assert_array_equal(one.weight, two.weight)
    assert weighted.fingerprint == spelled_out.fingerprint


def test_missing_values_are_equal():
    X = np.array([[1.0, np.nan], [1.0, 2.0], [1.0, np.nan], [np.nan, 2.0]])
    # Another NaN, by its bits.
    X[2, 1] = np.frombuffer(np.uint64(0x7FF8000000000123).tobytes())[0]
    y = np.array([0, 1, 0, 1])
    problem = Problem.of(X, y)
    assert len(problem.everything) == 3
    assert problem.columns.gaps == (0, 1)
    assert problem.fingerprint == Problem.of(X[::-1], y[::-1]).fingerprint
    assert Problem.of(X.astype(np.float32), y).fingerprint == problem.fingerprint


def test_levels_are_part_of_the_data():
    X, y = np.array([[0.0], [1.0], [0.0], [1.0], [1.0]]), np.array([0, 1, 0, 0, 1])
    problems = [Problem.of(X, y, levels=levels) for levels in (None, [None], [("a", "b")], [("a", "c")])]
    assert [problem.columns is None for problem in problems] == [True, True, False, False]
    assert len({problem.fingerprint for problem in problems}) == 3
    assert problems[2].split(seed=0).training.columns == problems[2].columns


@pytest.mark.parametrize("dtype", [np.float32, np.uint8, np.int64])
def test_equal_values_are_equal_whatever_their_type(dtype):
    X, y = np.random.default_rng(0).integers(0, 200, (50, 3, 4)), np.arange(50) % 3
    first, second = (Problem.of(X.astype(kind), y).split(seed=1) for kind in (np.float64, dtype))
    assert first.fingerprint == second.fingerprint
    assert_array_equal(first.held_out.rows, second.held_out.rows)
    assert_array_equal(first.training.scaling.std, second.training.scaling.std)


def test_the_fingerprint_tells_problems_apart():
    X, y = np.arange(12.0).reshape(6, 2), np.array([0, 1, 0, 1, 0, 1])
    problems = [
        Problem.of(X, y),
        Problem.of(X + 1, y),
        Problem.of(X, y[::-1]),
        Problem.of(X, y.astype(str)),
        Problem.of(X, y, np.arange(1.0, 7)),
        Problem.of(X, y, class_weight={0: 2}),
        Problem.of(X[:, :, None], y),
        Problem.of(X[:4], y[:4]),
    ]
    assert len({problem.fingerprint for problem in problems}) == len(problems)
    # Weights that are all larger by the same factor are the same weights.
    assert Problem.of(X, y, np.full(6, 7.0)).fingerprint == problems[0].fingerprint


def test_nothing_is_copied():
    X, y = np.random.default_rng(0).normal(size=(100, 5)), np.arange(100) % 2
    problem = Problem.of(X, y).split()
    assert problem.everything.X is problem.training.X is problem.held_out.X is X


def test_zeros_of_both_signs_are_equal():
    problem = Problem.of(np.array([[0.0], [-0.0], [1.0], [2.0]]), np.array([1, 1, 0, 0]))
    assert problem.everything.weight.tolist().count(2.0) == 1


def test_rows_of_no_weight_and_their_classes_are_not_there():
    X, y = np.arange(6.0)[:, None], np.array(["a", "b", "c", "a", "b", "c"])
    problem = Problem.of(X, y, np.array([1.0, 1, 0, 1, 1, 0]))
    assert problem.classes.tolist() == ["a", "b"]
    assert len(problem.everything) == 4


def titanic(n):
    """A table of a few categories: few distinct rows, with both labels at each."""
    rng = np.random.default_rng(0)
    X = rng.integers(0, 2, (n, 3)).astype(float)
    return X, (rng.random(n) < 0.2 + 0.6 * X[:, 0]).astype(int)


def test_equal_rows_of_a_table_of_few_distinct_ones_are_observations_of_their_own():
    X, y = titanic(2000)
    problem = Problem.of(X, y).split(seed=0)
    assert len(problem.everything) == 2000
    assert len(problem.held_out) == 500
    # All patterns are on either side, about as often as they are there.
    both = [np.unique(np.c_[part.inputs(), part.labels()], axis=0) for part in (problem.training, problem.held_out)]
    assert_array_equal(*both)
    assert problem.loss_weight(problem.training) is None
    # As weights of distinct rows they are the same observations.
    rows, counts = np.unique(np.c_[X, y], axis=0, return_counts=True)
    weighted = Problem.of(rows[:, :3], rows[:, 3].astype(int), counts.astype(float)).split(seed=0)
    assert weighted.fingerprint == problem.fingerprint
    assert_array_equal(weighted.held_out.inputs(), problem.held_out.inputs())


@pytest.mark.parametrize("n_columns", [1, 2, 4])
@pytest.mark.parametrize("times", [2, 3, 50])
def test_patterns_of_a_balanced_table_are_on_both_sides(n_columns, times):
    patterns = np.indices((2,) * n_columns).reshape(n_columns, -1).T.astype(float)
    X = np.repeat(patterns, 4 * times, axis=0)
    y = (X.sum(axis=1) % 2).astype(int)  # parity: a pattern that is held out whole cannot be predicted
    problem = Problem.of(X, y).split(seed=0)
    assert len(problem.everything) == len(X)
    assert len(np.unique(problem.training.inputs(), axis=0)) == len(patterns)


def test_importance_is_no_number_of_copies():
    X, y = np.arange(40.0)[:, None], np.arange(40) % 2
    for weight in (np.full(40, 1000.0), np.linspace(1, 50.5, 40)):
        assert len(Problem.of(X, y, weight).everything) == 40


def test_class_weights():
    X, y = np.arange(8.0)[:, None], np.array(["a", "a", "a", "b"] * 2)
    assert Problem.of(X, y).class_weight.tolist() == [1, 1]
    np.testing.assert_allclose(Problem.of(X, y, class_weight="balanced").class_weight, [2 / 3, 2])
    assert Problem.of(X, y, class_weight={"b": 5}).class_weight.tolist() == [1, 5]
    # A weight is worth as many samples.
    weight = np.where(y == "b", 3.0, 1.0)
    np.testing.assert_allclose(Problem.of(X, y, weight, "balanced").class_weight, [1, 1])
    # They are for the loss, and not for the scores.
    problem = Problem.of(X, y, class_weight={"b": 5}).split()
    assert problem.held_out.relative_weight is None
    assert np.ptp(problem.loss_weight(problem.training)) > 0


@pytest.mark.parametrize(
    ("weight", "message"),
    [
        ({"a": -1}, r"finite numbers that are not negative, got -1 for the class 'a'"),
        ({"a": np.nan}, r"not negative, got nan for the class 'a'"),
        ({"a": np.inf}, r"not negative, got inf"),
        ({"a": "x"}, r"not negative, got 'x'"),
        ({"a": None}, r"not negative, got None"),
        ({"a": 0, "b": 0}, r"class_weight is zero for all classes"),
        ({"a": 1, "z": 1}, r"class_weight has weights for \['z'\], but none for the classes \['b'\]"),
        ([1, 2], r"class_weight must be a mapping, 'balanced' or None, got \[1, 2\]"),
        ("heavy", r"class_weight must be a mapping, 'balanced' or None, got 'heavy'"),
    ],
)
def test_class_weights_that_cannot_be(weight, message):
    with pytest.raises(ValueError, match=message):
        Problem.of(np.arange(4.0)[:, None], np.array(["a", "b"] * 2), class_weight=weight)


def test_data_that_leave_nothing_to_learn():
    X, y = np.zeros((2, 1)), np.array(["a", "b"])
    with pytest.raises(ValueError, match=r"All sample weights are zero"):
        Problem.of(X, y, np.zeros(2))
    with pytest.raises(ValueError, match=r"at least two classes, but y has only one class: \['a'\]"):
        Problem.of(X, y, np.array([1.0, 0]))


def make(counts):
    y = np.repeat(np.arange(len(counts)), counts)
    return Problem.of(np.arange(len(y), dtype=float)[:, None], y)


@given(st.lists(st.integers(1, 12), min_size=2, max_size=5), st.integers(0, 2**32))
def test_the_split_keeps_every_class_in_training(counts, seed):
    if max(counts) < 2:
        with pytest.raises(ValueError, match=r"two distinct samples"):
            make(counts).split(seed=seed)
        return
    problem = make(counts).split(seed=seed)
    assert sorted([*problem.training.rows, *problem.held_out.rows]) == list(range(sum(counts)))
    assert set(problem.training.labels()) == set(range(len(counts)))
    assert set(problem.held_out.labels()) == {label for label, c in enumerate(counts) if c >= 2}
    assert_array_equal(make(counts).split(seed=seed).training.rows, problem.training.rows)


def test_the_split_takes_the_fraction():
    for fraction, n in ((None, 25), (0.1, 10), (0.5, 50)):
        held_out = make([50, 50]).split(fraction).held_out
        assert len(held_out) == n
        assert np.ptp(np.bincount(held_out.labels())) <= 1


@pytest.mark.parametrize(("counts", "fraction"), [([5, 5, 5], 0.05), ([5, 5, 5], 0.95)])
def test_the_split_refuses_a_part_smaller_than_the_classes(counts, fraction):
    with pytest.raises(
        ValueError, match=r"validation_fraction=.* of 15 distinct samples leaves .*change validation_fract"
    ):
        make(counts).split(fraction)


@pytest.mark.parametrize("n", [2, 4, 7])
def test_folds_hold_out_each_row_once_and_every_class(n):
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(90, 2)), np.repeat([0, 1, 2], [60, 20, 10])
    problem = Problem.of(X, y)
    folds = problem.folds(n, seed=1)
    assert len(folds) == n
    held_out = np.concatenate([fold.held_out.rows for fold in folds])
    assert sorted(held_out) == list(range(90))
    for fold in folds:
        assert set(fold.held_out.rows) | set(fold.training.rows) == set(range(90))
        counts = np.bincount(fold.held_out.labels(), minlength=3)
        assert (np.abs(counts - np.array([60, 20, 10]) / n) < 1).all()
    again = problem.folds(n, seed=1)
    assert all((a.held_out.rows == b.held_out.rows).all() for a, b in zip(folds, again, strict=True))
    assert (problem.folds(n, seed=2)[0].held_out.rows != folds[0].held_out.rows[: len(folds[0].held_out)]).any()


def test_a_class_of_one_row_is_always_trained_on():
    X, y = np.arange(9.0)[:, None], np.array([0, 0, 0, 0, 1, 1, 1, 1, 2])
    folds = Problem.of(X, y).folds(4)
    assert all(8 in fold.training.rows for fold in folds)
    # There are fewer folds where there is less to hold out.
    assert len(Problem.of(X[:3], np.array([0, 0, 1])).folds(4)) == 2


def test_folds_keep_groups_and_classes_together():
    rng = np.random.default_rng(0)
    groups = rng.integers(12, size=120)
    y = (groups % 3 == 0).astype(int)
    # The only group of a third class.
    y[groups == 5] = 2
    problem = Problem.of(rng.normal(size=(120, 2)), y, groups=groups)
    folds = problem.folds(4)
    seen = []
    for fold in folds:
        inside, outside = (set(groups[part.rows]) for part in (fold.held_out, fold.training))
        assert not inside & outside
        assert set(fold.training.labels()) == {0, 1, 2}
        seen.extend(inside)
    assert len(seen) == len(set(seen))
    assert 5 not in seen


def test_thinned_keeps_the_shares_of_the_classes():
    rng = np.random.default_rng(0)
    y = np.repeat([0, 1, 2], [800, 190, 10])
    problem = Problem.of(rng.normal(size=(1000, 2)), y).split(seed=0)
    thin = problem.thinned(75)
    counts = np.bincount(thin.training.labels())
    assert (np.abs(counts - np.bincount(problem.training.labels()) / 10) <= 1).all()
    assert set(thin.training.rows) <= set(problem.training.rows)
    assert thin.held_out is problem.held_out
    assert np.bincount(problem.thinned(5).training.labels()).min() == 1


def test_rows_are_joined_and_cut():
    problem = Problem.of(np.arange(9.0)[:, None], np.arange(9) % 2)
    folds = problem.folds(3)
    joined = Samples.join([fold.held_out for fold in folds])
    assert sorted(joined.rows) == list(range(9))
    assert joined.first(4).rows.tolist() == joined.rows[:4].tolist()
    assert joined.first(100) is joined


@pytest.mark.parametrize("exponent", [-1074, -1000, -600, 600, 1000])
def test_weights_of_any_size(exponent):
    X, y, weight = np.arange(40.0)[:, None], np.arange(40) % 2, 1.0 + np.arange(40) % 3
    plain = Problem.of(X, y, weight).split(seed=0)
    scaled = Problem.of(X, y, np.ldexp(weight, exponent)).split(seed=0)
    assert_array_equal(scaled.training.rows, plain.training.rows)
    assert_array_equal(scaled.loss_weight(scaled.training), plain.loss_weight(plain.training))
    assert_array_equal(scaled.held_out.relative_weight, plain.held_out.relative_weight)


def test_the_largest_weights_can_be_summed():
    problem = Problem.of(np.arange(8.0)[:, None], np.arange(8) % 2, np.full(8, 1.7e308)).split(seed=0)
    assert problem.loss_weight(problem.training) is None


@pytest.mark.parametrize(
    "class_weight",
    ["balanced", {0: 1.7e308, 1: 1e-300}, {0: 5e-324, 1: 5e-324}, {0: 1e300, 1: 0}, {0: 1e-300, 1: 1e300}],
)
@pytest.mark.parametrize(
    "weight", [None, np.full(40, 1.7e308), np.full(40, 5e-324), 10.0 ** np.linspace(-320, 308, 40)]
)
def test_weights_of_classes_and_samples_together(class_weight, weight):
    problem = Problem.of(np.arange(40.0)[:, None], np.arange(40) % 2, weight, class_weight).split(seed=0)
    found = problem.loss_weight(problem.training)
    if found is not None:
        assert np.isfinite(found).all()
        np.testing.assert_allclose(found.mean(), 1)


@pytest.mark.parametrize("value", [10**400, "a", None, 1j, np.array([1, 2]), -1, np.inf])
def test_weights_of_classes_that_cannot_be(value):
    with pytest.raises(ValueError, match=r"class_weight must hold finite numbers .*, got .* for the class 0"):
        Problem.of(np.arange(4.0)[:, None], np.arange(4) % 2, class_weight={0: value})
