"""What is held out: whole groups, or what a splitter of scikit-learn says."""

import numpy as np
import pytest
import sklearn
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_array_equal
from sklearn.base import clone
from sklearn.model_selection import (
    GridSearchCV,
    GroupKFold,
    GroupShuffleSplit,
    KFold,
    LeaveOneGroupOut,
    PredefinedSplit,
    ShuffleSplit,
    StratifiedKFold,
    StratifiedShuffleSplit,
    cross_validate,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skopdist import OpDistNASClassifier
from skopdist.evaluators import SupernetEvaluator, TrainingEvaluator
from skopdist.problem import Problem
from skopdist.strategies import DifferentiableSearch
from skopdist.training import Training


def make(**changes):
    settings = {"n_trials": 1, "max_epochs": 30, "n_cells": 1, "channels": 16, "random_state": 0}
    return OpDistNASClassifier(**(settings | changes))


def people(n=40, measured=8, seed=0):
    """Measurements that tell people apart, and a label that has nothing to do with them."""
    rng = np.random.default_rng(seed)
    groups = np.repeat(np.arange(n), measured)
    X = rng.normal(size=(n, 8))[groups] + 0.05 * rng.normal(size=(n * measured, 8))
    return X, rng.permutation(np.arange(n) % 2)[groups], groups


def groups_of(problem, samples):
    return set(problem.groups[samples.rows])


# Groups


def test_groups_make_the_score_an_honest_one():
    X, y, groups = people()
    clf = make(max_epochs=8, channels=32, training=Training(lr=0.02), refit=False)
    leaking = clf.fit(X, y).best_score_
    honest = np.mean([clf.set_params(random_state=i).fit(X, y, groups=groups).best_score_ for i in range(4)])
    assert leaking > 0.9
    assert honest < 0.75


@pytest.mark.parametrize("names", [np.arange(40) * 3 - 5, np.array([f"p{i}" for i in range(40)]), np.arange(40) / 7])
def test_whole_groups_are_held_out(names):
    X, y, groups = people()
    for seed in range(10):
        problem = Problem.of(X, y, groups=names[groups]).split(seed=seed)
        assert not groups_of(problem, problem.training) & groups_of(problem, problem.held_out)
        assert len(problem.held_out) == 80
        assert_array_equal(np.bincount(problem.held_out.labels()), [40, 40])
        assert len(problem.training) == 240
    assert len({tuple(Problem.of(X, y, groups=groups).split(seed=i).held_out.rows) for i in range(5)}) == 5


@pytest.mark.parametrize("fraction", [0.1, 0.4, 0.6])
def test_the_fraction_counts_rows_and_not_groups(fraction):
    rng = np.random.default_rng(0)
    groups = np.repeat(np.arange(60), rng.integers(1, 60, 60))
    y = rng.integers(0, 3, len(groups))
    problem = Problem.of(rng.normal(size=(len(y), 2)), y, groups=groups).split(fraction)
    shares = np.bincount(problem.held_out.labels()) / np.bincount(y)
    np.testing.assert_allclose(shares, fraction, atol=0.03)


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 6)), min_size=2, max_size=40), st.integers(0, 2**32))
def test_every_class_keeps_rows_to_train_on(rows, seed):
    y, groups = np.array(rows).T
    if len(set(y)) < 2 or len(set(groups)) < 2:
        return
    problem = Problem.of(np.arange(len(y), dtype=float)[:, None], y, groups=groups)
    only = {c: set(groups[y == c]) for c in set(y)}
    if all({g} in only.values() for g in set(groups)):
        with pytest.raises(ValueError, match=r"None of the \d groups can be held out, .* all samples of a class"):
            problem.split(seed=seed)
        return
    problem = problem.split(seed=seed)
    assert len(problem.held_out)
    assert set(problem.training.labels()) == set(range(len(problem.classes)))
    assert not groups_of(problem, problem.training) & groups_of(problem, problem.held_out)
    assert len(problem.training) + len(problem.held_out) == len(y)


def test_a_rare_class_is_held_out_where_groups_allow():
    y, groups = np.zeros(100, dtype=int), np.arange(100) // 5
    y[[3, 62]] = 1
    for seed in range(10):
        problem = Problem.of(np.arange(100.0)[:, None], y, groups=groups).split(seed=seed)
        assert_array_equal(np.bincount(problem.held_out.labels(), minlength=2) > 0, True)
        assert_array_equal(np.bincount(problem.training.labels(), minlength=2) > 0, True)


@given(
    st.lists(st.tuples(st.integers(0, 2), st.integers(0, 1), st.integers(0, 3), st.integers(1, 3)), max_size=20),
    st.randoms(),
)
def test_weights_equal_repetitions_in_groups_too(rows, random):
    rows = [(9, 0, 0, 1), (9, 1, 0, 1), (9, 0, 1, 1), (9, 1, 1, 1), *rows]
    x, y, groups, weight = np.array(rows).T
    weighted = Problem.of(x[:, None].astype(float), y, weight.astype(float), groups=groups)
    random.shuffle(order := np.repeat(np.arange(len(rows)), weight).tolist())
    spelled_out = Problem.of(x[order, None].astype(float), y[order], groups=groups[order])
    assert weighted.fingerprint == spelled_out.fingerprint
    one, two = (problem.split(0.4, seed=3) for problem in (weighted, spelled_out))
    for a, b in ((one.training, two.training), (one.held_out, two.held_out)):
        assert_array_equal(a.inputs(), b.inputs())
        assert_array_equal(a.weight, b.weight)


def test_equal_rows_of_different_groups_are_different_rows():
    X, y = np.array([[0.0], [0.0], [0.0], [1.0]]), np.array([0, 0, 0, 1])
    assert len(Problem.of(X, y).everything) == 2
    problem = Problem.of(X, y, groups=["a", "b", "b", "a"])
    assert sorted(problem.everything.weight) == [1, 1, 2]


def test_groups_are_part_of_the_fingerprint():
    X, y = np.arange(12.0).reshape(6, 2), np.array([0, 1, 0, 1, 0, 1])
    given = [None, [0, 0, 1, 1, 2, 2], [0, 0, 1, 1, 2, 3], [1, 0, 1, 0, 2, 2], range(6)]
    assert len({Problem.of(X, y, groups=groups).fingerprint for groups in given}) == len(given)
    order = [3, 1, 0, 2, 5, 4]
    moved = Problem.of(X[order], y[order], groups=np.array(given[1])[order])
    assert moved.fingerprint == Problem.of(X, y, groups=given[1]).fingerprint


@pytest.mark.parametrize(
    ("groups", "message"),
    [
        (np.ma.array([1, 1, 2, 2, 3, 3], mask=[0, 0, 0, 0, 0, 1]), r"groups must not have masked values, but 1 are"),
        ([1, 2, 3], r"groups must hold one group for each of the 6 rows, got an array of shape \(3,\)"),
        (np.ones((6, 1)), r"got an array of shape \(6, 1\)"),
        ("abcdef", r"got an array of shape \(\)"),
        ([[1], [1, 2], [], [1], [2], [3]], r"one group for each of the 6 rows, but it holds sequences"),
        ([1, 1, 2, 2, 3, np.nan], r"groups must not be missing"),
        (["a", "a", "b", "b", "c", None], r"groups must not be missing"),
        (np.array(["2020-01-01", "NaT"] * 3, dtype="datetime64[D]"), r"groups must not be missing"),
        (np.array(["a", "a", "b", "b", 3, 3], dtype=object), r"one type that can be sorted, .* got int, str"),
        (["a"] * 6, r"two groups at least, .* got \['a'\]: give more groups"),
        ([0, 1, 2, 0, 1, 2], r"None of the 3 groups can be held out"),
    ],
)
def test_groups_that_cannot_be(groups, message):
    X, y = np.arange(6.0)[:, None], np.array(["x", "y", "z"] * 2)
    with pytest.raises(ValueError, match=message):
        make().fit(X, y, groups=groups)


def test_groups_without_weight_are_not_there():
    X, y, groups = people(6)
    weight = np.where(groups < 5, 1.0, 0.0)
    kept = groups < 5
    first = Problem.of(X, y, weight, groups=groups)
    assert first.fingerprint == Problem.of(X[kept], y[kept], groups=groups[kept]).fingerprint
    with pytest.raises(ValueError, match=r"two groups at least"):
        Problem.of(X, np.arange(48) % 2, np.where(groups == 3, 1.0, 0.0), groups=groups)


@pytest.mark.parametrize("evaluator", [TrainingEvaluator(), SupernetEvaluator()])
def test_evaluators_take_groups(evaluator):
    X, y, groups = people(10)
    problem = clone(evaluator).fit(X, y, random_state=0, groups=groups).problem_
    assert not groups_of(problem, problem.training) & groups_of(problem, problem.held_out)


def test_groups_and_weights_are_routed():
    X, y, groups = people(12)
    weight = np.linspace(1, 2, len(y))
    with sklearn.config_context(enable_metadata_routing=True):
        clf = make(max_epochs=2)
        clf.set_fit_request(groups=True, sample_weight=True).set_score_request(sample_weight=True)
        model = make_pipeline(StandardScaler().set_fit_request(sample_weight=False), clf)
        model.fit(X, y, groups=groups, sample_weight=weight)
        assert_array_equal(model[-1].evaluator_.problem_.given.groups, groups)
        search = GridSearchCV(model, {"opdistnasclassifier__channels": [4, 8]}, cv=GroupKFold(3), error_score="raise")
        search.fit(X, y, groups=groups, sample_weight=weight)
        problem = search.best_estimator_[-1].evaluator_.problem_
        assert_array_equal(problem.given.groups, groups)
        assert not groups_of(problem, problem.training) & groups_of(problem, problem.held_out)
        kwargs = {"groups": groups, "sample_weight": weight}
        done = cross_validate(clf, X, y, params=kwargs, cv=GroupKFold(3), return_estimator=True, error_score="raise")
        for fold, (train, _) in zip(done["estimator"], GroupKFold(3).split(X, y, groups), strict=True):
            assert_array_equal(fold.evaluator_.problem_.given.groups, groups[train])


# Splitters


@pytest.mark.parametrize(
    "splitter",
    [
        GroupShuffleSplit(1, test_size=0.3, random_state=1),
        StratifiedShuffleSplit(1, random_state=1),
        ShuffleSplit(1, train_size=0.5, test_size=0.2, random_state=1),
        StratifiedKFold(4),
        KFold(3),
        LeaveOneGroupOut(),
        PredefinedSplit(np.arange(320) % 5 - 1),
    ],
)
def test_the_first_split_decides(splitter):
    X, y, groups = people()
    names = np.array(["no", "yes"])[y]
    groups = groups if "Group" in type(splitter).__name__ else None
    train, test = next(splitter.split(X, names, groups))
    problem = Problem.of(X, names, groups=groups).split(splitter)
    assert sorted(problem.training.rows) == sorted(train)
    assert sorted(problem.held_out.rows) == sorted(test)


@pytest.mark.parametrize("strategy", [None, DifferentiableSearch(n_warmup=1)])
def test_a_fit_takes_a_splitter(strategy):
    X, y, groups = people(10)
    splitter = GroupShuffleSplit(3, test_size=0.3, random_state=1)
    clf = make(strategy=strategy, validation_fraction=splitter, max_epochs=2).fit(X, y, groups=groups)
    assert sorted(clf.evaluator_.problem_.held_out.rows) == sorted(next(splitter.split(X, y, groups))[1])
    again = clone(clf).fit(X, y, groups=groups)
    assert_array_equal(again.predict_proba(X), clf.predict_proba(X))


def test_a_splitter_without_a_seed_has_that_of_the_fit(untouched_generators):
    X, y, _ = people(10)
    splitter = StratifiedShuffleSplit(1, test_size=0.3)
    problem = Problem.of(X, y)
    one, two, other = (problem.split(splitter, seed).held_out.rows for seed in (1, 1, 2**70))
    assert_array_equal(one, two)
    assert set(one) != set(other)
    assert splitter.random_state is None


def test_copies_are_where_the_splitter_puts_them():
    X, y = np.array([[0.0], [0.0], [0.0], [1.0], [1.0], [2.0], [3.0]]), np.array([0, 0, 0, 1, 1, 0, 1])
    problem = Problem.of(X, y).split(PredefinedSplit([-1, -1, 0, -1, -1, 0, 0]))
    there = [
        sorted(zip(part.inputs().ravel(), part.weight, strict=True)) for part in (problem.training, problem.held_out)
    ]
    assert there == [[(0, 2), (1, 2)], [(0, 1), (2, 1), (3, 1)]]
    # A weight is as good as copies on one side.
    weight = [2, 1, 2, 1, 1]
    weighted = Problem.of(X[[0, 2, 3, 5, 6]], y[[0, 2, 3, 5, 6]], weight).split(PredefinedSplit([-1, 0, -1, 0, 0]))
    assert_array_equal(weighted.training.inputs(), problem.training.inputs())
    assert_array_equal(weighted.training.weight, problem.training.weight)


def test_copies_that_are_observations_of_their_own():
    # Twenty and thirty copies, of which six and ten are held out: each is a row of its own.
    X, y = np.repeat([[0.0], [1.0]], [20, 30], axis=0), np.repeat([0, 1], [20, 30])
    fold = np.r_[np.where(np.arange(20) < 6, 0, -1), np.where(np.arange(30) < 10, 0, -1)]
    problem = Problem.of(X, y).split(PredefinedSplit(fold))
    for part, counts in ((problem.held_out, (6, 10)), (problem.training, (14, 20))):
        assert tuple(np.bincount(part.labels())) == counts
        assert set(part.weight) == {1}


def test_rows_without_weight_count_for_the_splitter_and_are_left_out():
    X, y, _ = people(10)
    weight = np.where(np.arange(80) % 7 == 0, 0.0, 1.0)
    train, test = next(KFold(4).split(X))
    problem = Problem.of(X, y, weight).split(KFold(4))
    assert set(problem.training.rows) == {i for i in train if i % 7}
    assert set(problem.held_out.rows) == {i for i in test if i % 7}


def test_with_a_splitter_the_order_is_part_of_what_identifies_the_data():
    X, y, _ = people(10)
    order = np.random.default_rng(0).permutation(80)
    one, two = Problem.of(X, y), Problem.of(X[order], y[order])
    assert one.fingerprint_for(0.3) == two.fingerprint_for(0.3) == one.fingerprint
    assert one.fingerprint_for(KFold(4)) != two.fingerprint_for(KFold(4))


def test_a_journal_is_refused_where_the_splitter_or_the_order_changes(tmp_path):
    X, y, _ = people(10)
    settings = {"max_epochs": 1, "journal": tmp_path / "journal.jsonl"}
    make(validation_fraction=KFold(4), **settings).fit(X, y)
    make(validation_fraction=KFold(4), **settings).fit(X, y)
    with pytest.raises(ValueError, match=r"validation_fraction"):
        make(validation_fraction=KFold(5), **settings).fit(X, y)
    with pytest.raises(ValueError, match=r"data"):
        make(validation_fraction=KFold(4), **settings).fit(X[::-1], y[::-1])


class Fixed:
    """A splitter of one's own."""

    def __init__(self, *parts):
        self.parts = parts

    def split(self, X, y=None, groups=None):
        yield from [self.parts] if self.parts else []


def test_a_splitter_of_ones_own():
    X, y, _ = people(10)
    first = Problem.of(X, y).split(Fixed(range(60), range(60, 80)))
    masks = Problem.of(X, y).split(Fixed(np.arange(80) < 60, np.arange(80) >= 60))
    assert_array_equal(first.held_out.rows, masks.held_out.rows)
    assert set(first.held_out.rows) == set(range(60, 80))


@pytest.mark.parametrize(
    ("splitter", "message"),
    [
        (Fixed(), r"makes no split of the data"),
        (Fixed(range(80), []), r"holds out no row with a weight"),
        (Fixed([], range(80)), r"leaves no row of the classes \[0, 1\] to train on"),
        (Fixed(range(8), range(8, 80)), r"leaves no row of the classes \[[01]\] to train on"),
        (Fixed(range(60), range(50, 80)), r"trains on 10 of the rows that it holds out, such as row 50"),
        (Fixed(range(60), range(60, 81)), r"cannot split the data: its parts must be indices of the 80 rows"),
        (Fixed([0.5, 1.5], [3]), r"its parts must be indices"),
        (Fixed([[1]], [[3]]), r"its parts must be indices"),
        (Fixed([1, 2, 3]), r"cannot split the data"),
        (KFold(200), r"KFold\(.*cannot split the data: Cannot have number of splits"),
        (GroupShuffleSplit(1), r"cannot split the data: The 'groups' parameter should not be None"),
        (PredefinedSplit([0] * 79), r"is made for 79 rows, but X has 80"),
    ],
)
def test_splitters_that_do_not_split(splitter, message):
    X, y, _ = people(10)
    with pytest.raises(ValueError, match=message):
        make(validation_fraction=splitter).fit(X, y)


def test_a_splitter_that_ignores_groups_says_so():
    X, y, groups = people(10)
    with pytest.warns(UserWarning, match=r"groups parameter is ignored by StratifiedKFold"):
        Problem.of(X, y, groups=groups).split(StratifiedKFold(4))


@pytest.mark.parametrize("wrong", ["0.3", 1.5, [0, 1], object()])
def test_what_is_no_splitter(wrong):
    X, y, _ = people(10)
    with pytest.raises(ValueError, match=r"'validation_fraction' parameter .*must be"):
        make(validation_fraction=wrong).fit(X, y)
    with pytest.raises(ValueError, match=r"'validation_fraction' parameter .*must be"):
        TrainingEvaluator(validation_fraction=wrong).fit(X, y)
