import copy
import json
import math
import os
import pickle
import signal
import subprocess
import sys
import time

import joblib
import numpy as np
import pandas as pd
import pytest
import torch
from plugins import Misbehaving
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.datasets import load_breast_cancer
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from skorch import NeuralNetClassifier
from skorch.callbacks import EarlyStopping, EpochScoring
from torch import nn

from skopdist import Architecture, OpDistNASClassifier, OperationDistribution, Prior, Refit, Scalar
from skopdist.committee import temper
from skopdist.evaluators import TabularEvaluator, TrainingEvaluator
from skopdist.networks import Network, NetworkCosts
from skopdist.operations import register_operation
from skopdist.operations._registry import _REGISTRY
from skopdist.search import SearchFailedError
from skopdist.spaces import DenseSpace, ImageSpace, NASBench201Space, SequenceSpace
from skopdist.strategies import BayesianOptimization, DifferentiableSearch, LocalSearch, RandomSearch
from skopdist.training import Predictor, Trainer, Training

STRATEGIES = [RandomSearch(), LocalSearch(), BayesianOptimization()]
NAMES = np.array(["setosa", "versicolor", "virginica"])


def make(strategy=None, **changes):
    settings = {"n_trials": 2, "max_epochs": 4, "n_cells": 1, "channels": 8, "random_state": 0}
    return OpDistNASClassifier(strategy, **(settings | changes))


def assert_equal_fits(first, second, X):
    assert list(first.search_results_) == list(second.search_results_)
    for name, column in first.search_results_.items():
        np.testing.assert_array_equal(column, second.search_results_[name], err_msg=name)
    assert first.best_distribution_ == second.best_distribution_
    assert first.best_architecture_ == second.best_architecture_
    np.testing.assert_array_equal(first.predict_proba(X), second.predict_proba(X))


# What a fit gives


@pytest.mark.parametrize("data", ["iris", "series", "images"])
def test_fitted_attributes(data, request, untouched_generators):
    X, y = request.getfixturevalue(data)
    clf = make(n_trials=3).fit(X, y)
    space = {2: DenseSpace, 3: SequenceSpace, 4: ImageSpace}[X.ndim]
    assert isinstance(clf.best_distribution_, OperationDistribution)
    assert clf.best_distribution_.operations == space().operation_names
    assert isinstance(clf.best_architecture_, Architecture)
    assert isinstance(clf.net_, NeuralNetClassifier)
    assert clf.n_features_in_ == X.shape[1]
    assert clf.classes_.tolist() == sorted(set(y))
    assert len(clf.trials_) == 3
    assert clf.best_score_ == max(trial.score for trial in clf.trials_)
    assert {len(column) for column in clf.search_results_.values()} == {3}
    assert isinstance(clf.strategy_, BayesianOptimization)
    assert clf.stop_reason_ == "n_trials"
    probabilities = clf.predict_proba(X)
    assert probabilities.shape == (len(X), len(clf.classes_))
    np.testing.assert_allclose(probabilities.sum(axis=1), 1)
    np.testing.assert_array_equal(clf.predict(X), clf.classes_[probabilities.argmax(axis=1)])
    assert clf.score(X, y) == (clf.predict(X) == y).mean()


def test_learns_iris_and_digits(iris, digits):
    X, y = iris
    assert make(n_trials=3, max_epochs=20, channels=32, n_cells=2).fit(X, y).score(X, y) > 0.8
    X, y = digits
    clf = make(input_shape=(1, 8, 8), n_trials=3, max_epochs=25, channels=16).fit(X[:120], y[:120])
    # Chance is .1, and the 30 images move by .033 each: bits differ between processors.
    assert clf.score(X[120:], y[120:]) > 0.4


@pytest.mark.parametrize("data", ["iris", "series", "images"])
def test_samples_architectures_of_every_length(data, request):
    X, y = request.getfixturevalue(data)
    clf = make(n_trials=1, max_epochs=1).fit(X, y)
    for length in range(1, 41):
        architecture = clf.sample_architecture(length, random_state=length)
        assert architecture.length == length
        network = Network(architecture, X.shape[1:], len(clf.classes_), channels=4, n_cells=1)
        loss = network(torch.as_tensor(X[:4])).square().sum()
        loss.backward()
        assert loss.isfinite()
        if length in (1, 2, 5, 11, 40):
            net = clf.evaluator_.trainer_.train(architecture, clf.evaluator_.problem_.everything, seed=0)
            assert np.isfinite(net.history[-1, "train_loss"])
    assert clf.sample_architecture().length == clf.best_architecture_.length
    assert clf.sample_architecture(9, 0) == clf.sample_architecture(9, 0)
    assert len({clf.sample_architecture(9) for _ in range(5)}) > 1
    with pytest.raises(ValueError, match=r"length must be an integer >= 1.*got 0"):
        clf.sample_architecture(0)


def test_a_cell_of_another_length_is_searched(iris):
    assert make(length=3).fit(*iris).best_architecture_.length == 3


# The same seed gives the same


@pytest.mark.parametrize("strategy", STRATEGIES, ids=str)
def test_the_number_of_workers_changes_nothing(strategy, images, untouched_generators):
    X, y = images
    one = make(strategy, n_trials=4).fit(X, y)
    two = make(strategy, n_trials=4, n_jobs=2).fit(X, y)
    assert_equal_fits(one, two, X)
    with joblib.parallel_config(backend="threading"):
        assert_equal_fits(one, make(strategy, n_trials=4, n_jobs=2).fit(X, y), X)


@pytest.mark.parametrize("data", ["iris", "images"])
def test_a_second_fit_equals_the_first(data, request):
    X, y = request.getfixturevalue(data)
    clf = make().fit(X, y)
    first = copy.deepcopy(clf)
    assert_equal_fits(clf.fit(X, y), first, X)
    assert_equal_fits(clone(clf).fit(X, y), first, X)


def test_generators_of_the_user_are_left_alone_under_failure(iris, untouched_generators):
    with pytest.raises(SearchFailedError):
        make(training=Training(lr=1e12)).fit(*iris)


def test_random_states_of_other_kinds(iris):
    X, y = iris
    for kind in (np.random.RandomState, np.random.default_rng):
        first, second = (make(random_state=kind(3)).fit(X, y) for _ in range(2))
        assert_equal_fits(first, second, X)
    assert make(random_state=None).fit(X, y).score(X, y) > 0.3


@pytest.mark.parametrize("data", ["iris", "images"])
def test_order_and_repetition_are_the_same_as_weights(data, request):
    X, y = request.getfixturevalue(data)
    X, y = X[:60], y[:60] if data == "images" else np.arange(60) % 3
    rng = np.random.default_rng(0)
    weight = rng.integers(1, 4, len(X))
    order = rng.permutation(np.repeat(np.arange(len(X)), weight))
    weighted = make().fit(X, y, sample_weight=weight)
    assert_equal_fits(weighted, make().fit(X[order], y[order]), X)
    permuted = rng.permutation(len(X))
    assert_equal_fits(weighted, make().fit(X[permuted], y[permuted], sample_weight=weight[permuted]), X)
    # Zero is the same as not being there.
    with_zero = np.where(np.arange(len(X)) < 10, 0, weight)
    assert_equal_fits(make().fit(X, y, sample_weight=with_zero), make().fit(X[10:], y[10:], weight[10:]), X)


# Copies


@pytest.mark.parametrize("data", ["iris", "images"])
def test_pickle_and_deepcopy_predict_the_same_and_leave_the_data_out(data, request):
    X, y = request.getfixturevalue(data)
    clf = make(LocalSearch()).fit(X, y)
    for restored in (pickle.loads(pickle.dumps(clf)), copy.deepcopy(clf)):
        np.testing.assert_array_equal(restored.predict_proba(X), clf.predict_proba(X))
        assert restored.best_distribution_ == clf.best_distribution_
        assert restored.sample_architecture(5, 0) == clf.sample_architecture(5, 0)
        assert_equal_fits(restored.fit(X, y), clf, X)
    assert clf.evaluator_.problem_ is not None
    assert not hasattr(pickle.loads(pickle.dumps(clf)).evaluator_, "problem_")
    assert X[0].tobytes() not in pickle.dumps(clf)


def test_a_pickle_opens_in_another_process(iris, tmp_path):
    X, y = iris
    clf = make().fit(X, NAMES[y])
    joblib.dump(clf, tmp_path / "clf")
    np.save(tmp_path / "X.npy", X)
    code = (
        "import sys, joblib, numpy as np, torch; torch.set_num_threads(1)\n"
        "folder = sys.argv[1]\n"
        "np.save(folder + '/p.npy', joblib.load(folder + '/clf').predict_proba(np.load(folder + '/X.npy')))\n"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=True)
    np.testing.assert_array_equal(np.load(tmp_path / "p.npy"), clf.predict_proba(X))


def test_parameters_are_stored_and_nothing_else():
    strategy = LocalSearch(n_initial=3)
    clf = OpDistNASClassifier(strategy, net_params={"lr": 0.1})
    assert clf.strategy is strategy
    assert clf.get_params()["strategy__n_initial"] == 3
    assert vars(clf).keys() == clf.get_params(deep=False).keys()
    assert clone(clf).strategy is not strategy
    assert clf.set_params(strategy__n_initial=7, n_trials=3).strategy.n_initial == 7
    assert "LocalSearch(n_initial=7)" in repr(clf)


# scikit-learn's tools


def test_pipeline_of_a_scaler_and_flat_images(digits):
    X, y = digits
    pipeline = make_pipeline(StandardScaler(), make(input_shape=(1, 8, 8))).fit(X, y)
    clf = pipeline[-1]
    assert clf.n_features_in_ == 64
    assert clf.best_distribution_.operations == ImageSpace().operation_names
    assert pipeline.predict(X).shape == (150,)
    assert cross_val_score(pipeline, X, y, cv=2, error_score="raise").shape == (2,)
    grid = GridSearchCV(pipeline, {"opdistnasclassifier__strategy": STRATEGIES}, cv=2, error_score="raise").fit(X, y)
    assert grid.predict_proba(X).shape == (150, 10)


def test_flat_and_shaped_images_are_the_same(digits):
    X, y = digits
    flat = make(input_shape=(1, 8, 8)).fit(X, y)
    shaped = make().fit(X.reshape(-1, 1, 8, 8), y)
    np.testing.assert_array_equal(flat.predict_proba(X), shaped.predict_proba(X.reshape(-1, 1, 8, 8)))
    both = make(input_shape=[1, 8, 8]).fit(X.reshape(-1, 1, 8, 8), y)
    np.testing.assert_array_equal(both.predict_proba(X.reshape(-1, 1, 8, 8)), flat.predict_proba(X))


def test_series_from_flat_input(digits):
    X, y = digits
    clf = make(input_shape=(8, 8)).fit(X, y)
    assert clf.best_distribution_.operations == SequenceSpace().operation_names
    assert clf.predict(X).shape == (150,)


def test_calibration_by_temperature(iris):
    X, y = iris
    clf = make().fit(X, y)
    calibrated = CalibratedClassifierCV(FrozenEstimator(clf), method="temperature").fit(X, y)
    np.testing.assert_array_equal(calibrated.predict(X), clf.predict(X))


# Data of every kind


@pytest.mark.parametrize(
    "labels",
    [NAMES, NAMES.astype(object), np.array([5, -1, 300]), np.array([0.0, 1.0, 2.0])],
    ids=["str", "object", "int", "float"],
)
def test_labels_of_any_type(iris, labels):
    X, y = iris
    clf = make().fit(X, labels[y])
    assert set(clf.predict(X)) <= set(labels)
    assert clf.classes_.tolist() == sorted(labels.tolist())
    # Names play no part but for their order.
    order = np.argsort(labels)
    ranks = np.argsort(order)[y]
    np.testing.assert_array_equal(make().fit(X, ranks).predict_proba(X), clf.predict_proba(X))


def test_two_boolean_classes(iris):
    X, y = iris
    clf = make().fit(X, y == 1)
    assert clf.classes_.tolist() == [False, True]
    assert clf.predict(X).dtype == bool


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.float16, np.int64, np.int16, np.uint8])
@pytest.mark.parametrize("data", ["digits", "images"])
def test_numbers_of_any_type(data, dtype, request):
    X, y = request.getfixturevalue(data)
    clf = make(max_epochs=2).fit(X.astype(dtype), y)
    probabilities = clf.predict_proba(X.astype(dtype))
    np.testing.assert_allclose(probabilities.sum(axis=1), 1)
    np.testing.assert_allclose(clf.predict_proba(X), probabilities, atol=1e-6)
    if dtype in (np.int64, np.int16, np.float16):
        np.testing.assert_array_equal(probabilities, make(max_epochs=2).fit(X, y).predict_proba(X))


def test_lists(iris):
    X, y = iris
    clf = make().fit(X.tolist(), y.tolist())
    np.testing.assert_array_equal(clf.predict_proba(X.tolist()), clf.predict_proba(X))


def test_data_frames(iris):
    pandas = pytest.importorskip("pandas")
    X, y = iris
    frame = pandas.DataFrame(X, columns=list("abcd"))
    clf = make().fit(frame, pandas.Series(NAMES[y], name="species"))
    assert clf.feature_names_in_.tolist() == list("abcd")
    assert set(clf.predict(frame)) <= set(NAMES)
    with pytest.raises(ValueError, match=r"feature names should match"):
        clf.predict(frame[list("dcba")])


def test_one_sample_is_predicted_like_many(images):
    X, y = images
    clf = make().fit(X, y)
    np.testing.assert_allclose(clf.predict_proba(X[:1]), clf.predict_proba(X)[:1], atol=1e-6)


# Weights


def test_class_weight(iris):
    X, y = iris
    X, y = X[40:], y[40:]  # 10 of the first class
    balanced = make(class_weight="balanced").fit(X, y)
    n = np.bincount(y)
    spelled_out = make(class_weight={label: len(y) / (3 * n[label]) for label in range(3)}).fit(X, y)
    np.testing.assert_allclose(balanced.predict_proba(X), spelled_out.predict_proba(X), atol=1e-9)
    # Weights of classes are for the training; the trials are scored as without them.
    plain = make().fit(X, y)
    held_out = [clf.evaluator_.problem_.held_out for clf in (balanced, plain)]
    np.testing.assert_array_equal(held_out[0].weight, held_out[1].weight)
    heavy = make(class_weight={0: 50.0}).fit(X, y)
    assert heavy.predict_proba(X)[:, 0].mean() > plain.predict_proba(X)[:, 0].mean()


def test_class_weight_of_string_labels(iris):
    X, y = iris
    heavy = make(class_weight={"virginica": 30.0}).fit(X, NAMES[y])
    assert (heavy.predict(X) == "virginica").mean() > 0.4


# Settings


def test_net_params_reach_skorch(digits):
    X, y = digits
    clf = make(
        net_params={
            "optimizer": torch.optim.AdamW,
            "lr": 0.02,
            "iterator_train": torch.utils.data.DataLoader,
            "callbacks": [EpochScoring("accuracy", name="train_acc", on_train=True, lower_is_better=False)],
        }
    ).fit(X, y)
    assert isinstance(clf.net_.optimizer_, torch.optim.AdamW)
    assert clf.net_.lr == 0.02
    assert 0 <= clf.net_.history[-1, "train_acc"] <= 1
    assert pickle.loads(pickle.dumps(clf)).score(X, y) == clf.score(X, y)


def test_net_params_with_weights_and_torch_s_loader(iris):
    X, y = iris
    weight = np.linspace(1, 2, len(y))
    clf = make(net_params={"iterator_train": torch.utils.data.DataLoader}).fit(X, y, weight)
    assert clf.score(X, y) > 0.3


def test_skorch_s_own_early_stopping_ends_a_training_and_not_the_search(iris):
    callbacks = [EarlyStopping("train_loss", patience=1, threshold=10, threshold_mode="abs")]
    clf = make(max_epochs=30, net_params={"callbacks": callbacks}).fit(*iris)
    assert clf.stop_reason_ == "n_trials"
    assert len(clf.trials_) == 2
    assert len(clf.net_.history) == 2


def test_early_stopping_passes_its_epochs_on_to_the_refit(iris):
    X, y = iris
    rng = np.random.default_rng(0)
    clf = make(max_epochs=60, training=Training(early_stopping=2), channels=16).fit(X, rng.permutation(y))
    assert all(trial.cost < 60 for trial in clf.trials_)
    best = max(clf.trials_, key=lambda trial: trial.score)
    assert len(clf.net_.history) == best.info["n_epochs"]


@pytest.mark.parametrize("early_stopping", [None, 2])
def test_the_refit_has_epochs_of_its_own(iris, early_stopping):
    clf = make(training=Training(early_stopping=early_stopping), refit=Refit(max_epochs=7), warm_start=True).fit(*iris)
    assert all(trial.cost <= 4 for trial in clf.trials_)
    assert len(clf.net_.history) == 7
    before = clf.trials_
    clf.set_params(refit__max_epochs=3).fit(*iris)
    assert len(clf.net_.history) == 3
    assert clf.trials_[0] is before[0]


@pytest.mark.parametrize("augment", ["auto", "shift", "shift_flip", None, lambda X, generator: X + 1])
def test_augment(images, augment):
    X, y = images
    assert make(max_epochs=1, training=Training(augment=augment)).fit(X, y).predict(X).shape == (150,)


@pytest.mark.parametrize("precision", ["auto", "float32", "bfloat16"])
@pytest.mark.parametrize("data", ["iris", "images"])
def test_precision(data, precision, request):
    X, y = request.getfixturevalue(data)
    clf = make(training=Training(precision=precision)).fit(X, y)
    assert all(parameter.dtype == torch.float32 for parameter in clf.net_.module_.parameters())
    assert clf.predict_proba(X).dtype == np.float64


def test_without_refit_the_findings_are_there_but_no_net(iris):
    X, y = iris
    clf = make().fit(X, y)
    clf.set_params(refit=False).fit(X, y)
    assert clf.best_score_ == max(trial.score for trial in clf.trials_)
    assert clf.sample_architecture(4).length == 4
    with pytest.raises(NotFittedError, match=r"it was fitted with refit=False, or its last fit failed. Fit it with"):
        clf.predict(X)


@pytest.mark.parametrize("scoring", ["roc_auc", "balanced_accuracy", "f1_macro", "neg_log_loss"])
def test_scoring_of_two_named_classes(scoring):
    X, y = load_breast_cancer(return_X_y=True)
    clf = make(scoring=scoring).fit(X[:200], np.array(["malignant", "benign"])[y[:200]])
    assert all(trial.succeeded for trial in clf.trials_), clf.search_results_["message"]


def test_scoring_with_a_positive_label():
    from sklearn.metrics import f1_score, make_scorer

    X, y = load_breast_cancer(return_X_y=True)
    scorer = make_scorer(f1_score, pos_label="malignant")
    clf = make(scoring=scorer, max_epochs=10).fit(X[:200], np.array(["malignant", "benign"])[y[:200]])
    assert clf.best_score_ > 0.7


# On a busy machine a second may be little.
IN_HASTE = pytest.mark.filterwarnings("ignore:max_time=")


@IN_HASTE
def test_max_time(iris):
    clf = make(n_trials=10_000, max_epochs=1, max_time=1.0).fit(*iris)
    assert clf.stop_reason_ == "max_time"
    assert 1 <= len(clf.trials_) < 10_000


@pytest.mark.parametrize("operations", [["linear_relu"], ("skip_connect", "gated_linear")])
def test_a_space_of_other_operations(iris, operations):
    clf = make(strategy=RandomSearch(), search_space=DenseSpace(operations, stems=())).fit(*iris)
    assert clf.best_distribution_.operations == tuple(operations)


def test_a_space_by_name(images):
    assert make(search_space="nasbench201", max_epochs=1).fit(*images).best_architecture_.length == 6


# Search small, train large


@pytest.mark.parametrize("data", ["iris", "images"])
def test_the_final_network_may_be_larger(data, request):
    X, y = request.getfixturevalue(data)
    sizes = {"refit": Refit(length=9, n_cells=2, channels=12)}
    plain, clf = make(max_epochs=1).fit(X, y), make(max_epochs=1, **sizes).fit(X, y)
    assert clf.refit_architecture_.length == 9
    assert clf.refit_architecture_ == make(max_epochs=1, **sizes).fit(X, y).refit_architecture_
    assert clf.net_.module__architecture == clf.refit_architecture_
    assert (clf.net_.module__n_cells, clf.net_.module__channels) == (2, 12)
    assert clf.predict(X).shape == y.shape
    # The search itself is the same, and without these parameters its best architecture is trained.
    assert clf.best_architecture_ == plain.best_architecture_ == plain.refit_architecture_
    assert (plain.net_.module__n_cells, plain.net_.module__channels) == (1, 8)
    counts = clf.evaluator_.search_space.encode(clf.refit_architecture_).probabilities
    assert np.abs(9 * (counts - clf.best_distribution_.probabilities)).max() < 1 + 1e-9


def test_each_size_of_the_final_network_alone(iris):
    wide = make(max_epochs=1, refit=Refit(channels=16)).fit(*iris)
    assert wide.refit_architecture_ == wide.best_architecture_
    assert (wide.net_.module__n_cells, wide.net_.module__channels) == (1, 16)
    assert not hasattr(make(max_epochs=1, refit=False).fit(*iris), "refit_architecture_")


@pytest.mark.parametrize("name", ["length", "n_cells", "channels", "max_epochs"])
@pytest.mark.parametrize("value", [0, -1, 2.5, "large"])
def test_bad_sizes_of_the_final_network(name, value, iris):
    with pytest.raises(ValueError, match=rf"'{name}' parameter of Refit must be an int .*Got {value!r}"):
        make(refit=Refit(**{name: value})).fit(*iris)


# The committee


@pytest.mark.parametrize("data", ["iris", "series", "images"])
def test_members_predict_together(data, request):
    X, y = request.getfixturevalue(data)
    clf = make(RandomSearch(), n_trials=5, n_members=5).fit(X, y)
    assert len(clf.nets_) == 5
    assert clf.net_ is clf.nets_[0]
    assert clf.member_weights_.sum() == pytest.approx(1)
    # The trials of the search are short; the members are trials as well, and those are not.
    search, finals = clf.trials_[:5], clf.trials_[5:]
    assert {trial.fidelity for trial in search} == {0.25}
    assert [(trial.final, trial.fidelity) for trial in finals] == [(True, 1.0)] * 5
    assert clf.search_results_["final"].tolist() == [False] * 5 + [True] * 5
    # The first of several architectures has all folds, or takes turns with one of another stem; on series another one
    # may take so much longer that it has no turn.
    assert {trial.info["fold"] for trial in finals} == {0, 1, 2, 3}
    n_pairs = len({(trial.architecture, trial.info["fold"]) for trial in finals})
    n_architectures = len({net.module__architecture for net in clf.nets_})
    assert (n_pairs, n_architectures) == (5, 2) or (data, n_pairs, n_architectures) == ("series", 4, 1)
    assert {net.module__architecture for net in clf.nets_} <= {trial.architecture for trial in search}
    members = [Predictor(net.module_, X.ndim - 2)(X) for net in clf.nets_]
    average = np.average(members, axis=0, weights=clf.member_weights_)
    np.testing.assert_allclose(clf.predict_proba(X), temper(average, clf.temperature_))
    restored = pickle.loads(pickle.dumps(clf))
    np.testing.assert_array_equal(restored.predict_proba(X), clf.predict_proba(X))
    assert restored.net_ is restored.nets_[0]


def test_a_committee_of_operations_whose_cost_cannot_be_counted(series):
    class LooksAtNumbers(nn.Module):
        def forward(self, x):
            return x if float(x.detach().sum()) < math.inf else -x

    register_operation("looks_at_numbers", n_spatial=1)(lambda size: LooksAtNumbers())
    try:
        space = SequenceSpace(["looks_at_numbers", "conv_3"])
        clf = make(RandomSearch(), search_space=space, n_trials=2, n_members=3, max_epochs=1).fit(*series)
        assert len(clf.nets_) == 3
    finally:
        _REGISTRY.pop("looks_at_numbers", None)


def test_the_score_of_a_committee_is_no_luckiest_of_many(iris):
    clf = make(n_trials=6, n_members=4, max_epochs=8).fit(*iris)
    # All rows are held out once, and scored together.
    finals = [trial for trial in clf.trials_ if trial.final]
    assert min(t.score for t in finals) <= clf.best_score_ <= max(t.score for t in finals)
    assert clf.best_score_ == pytest.approx(np.mean([trial.score for trial in finals]), abs=0.01)
    assert 0 <= clf.best_score_error_ < 0.2
    assert clf.best_architecture_ == clf.net_.module__architecture


def test_workers_train_the_same_committee(iris):
    one, two = (make(RandomSearch(), n_members=3, n_trials=4, n_jobs=n).fit(*iris) for n in (None, 2))
    assert_equal_fits(one, two, iris[0])


def test_how_many_members_there_are(iris):
    counts = {n: len(make(RandomSearch(), n_trials=n, max_epochs=1).fit(*iris).nets_) for n in (9, 10)}
    assert counts == {9: 1, 10: 4}
    X, y = iris
    assert len(make(n_trials=10, max_epochs=1, limits={"params": 9000}).fit(X, y).nets_) == 1
    own = TabularEvaluator(DenseSpace(), lambda operations: operations.count("linear_relu"))
    # What a table scores is no accuracy, so it decides alone.
    clf = make(n_trials=5, n_members=2, evaluator=own, n_cells=None, channels=None, max_epochs=1).fit(X, y)
    assert len({net.module__architecture for net in clf.nets_}) == 2
    assert clf.best_score_ == max(trial.score for trial in clf.trials_)
    assert not any(trial.final for trial in clf.trials_)


def test_further_draws_fill_a_committee(iris):
    clf = make(RandomSearch(), n_trials=1, n_members=9).fit(*iris)
    assert len({net.module__architecture for net in clf.nets_}) == 3
    # A space of two cells has no more.
    small = make(RandomSearch(), search_space=DenseSpace(["linear_relu", "skip_connect"]), length=1, n_members=9)
    assert 1 <= len({net.module__architecture for net in small.fit(*iris).nets_}) <= 2
    long = make(RandomSearch(), n_members=3, refit=Refit(length=9)).fit(*iris)
    assert {net.module__architecture.length for net in long.nets_} == {9}


def test_limits_count_the_whole_committee(images):
    X, y = images
    clf = make(RandomSearch(), n_trials=3, n_members=3, channels=8, limits={"params": 9000}).fit(X, y)
    total = sum(parameter.numel() for net in clf.nets_ for parameter in net.module_.parameters())
    assert len(clf.nets_) == 3
    assert total <= 9000


def out_of_memory(*arguments):
    raise MemoryError("made on purpose")


def test_a_member_that_fails_is_left_out(iris, monkeypatch):
    train = Trainer.train
    calls = []

    def failing(self, architecture, samples, seed, held_out=None):
        if self.training.max_epochs == 4:
            calls.append(seed)
            if len(calls) == 2:
                raise FloatingPointError("a fake divergence")
        return train(self, architecture, samples, seed, held_out)

    monkeypatch.setattr("skopdist.training._nets.train_together", out_of_memory)
    # One by one, for want of memory.
    monkeypatch.setattr("skopdist.training._nets.train_together", out_of_memory)
    monkeypatch.setattr(Trainer, "train", failing)
    with pytest.warns(UserWarning, match=r"1 of 3 members of the committee failed.*FloatingPointError: a fake div"):
        clf = make(RandomSearch(), n_trials=4, n_members=3).fit(*iris)
    assert [trial.seed for trial in clf.trials_ if trial.final] == [calls[0], calls[2]]
    assert clf.member_weights_.tolist() == [0.5, 0.5]
    np.testing.assert_allclose(clf.predict_proba(iris[0]).sum(axis=1), 1)


def test_trials_on_record_stay_short_or_full(iris):
    clf = make(n_trials=4, warm_start=True, max_epochs=1).fit(*iris)
    before = clf.trials_
    # Where the number of members is open, a longer search goes on as it began.
    clf.set_params(n_trials=10).fit(*iris)
    assert [a is b for a, b in zip(clf.trials_, before, strict=False)] == [True] * 4
    assert len(clf.nets_) == 1
    with pytest.raises(ValueError, match="The trials on record are full trainings, but n_members=2 goes with short"):
        clf.set_params(n_members=2).fit(*iris)
    with pytest.raises(ValueError, match=r"'n_members' parameter .*Got 0"):
        clf.set_params(n_members=0).fit(*iris)


def test_another_number_of_members_makes_no_trial_anew(iris):
    clf = make(n_trials=3, n_members=2, warm_start=True).fit(*iris)
    before = clf.trials_[:3]
    clf.set_params(n_members=5).fit(*iris)
    assert [a is b for a, b in zip(clf.trials_, before, strict=False)] == [True] * 3
    assert len(clf.nets_) == 5


def test_members_of_groups_see_none_of_what_they_hold_out(iris):
    X, y = iris
    groups = np.arange(150) % 10
    clf = make(n_trials=2, n_members=4, max_epochs=1).fit(X, y, groups=groups)
    assert len(clf.nets_) == 4
    assert np.isfinite(clf.best_score_)


def test_ctrl_c_keeps_the_members_that_there_are(series, monkeypatch):
    train = Trainer.train
    calls = []

    def interrupted(self, architecture, samples, seed, held_out=None):
        if self.training.max_epochs == 4:
            calls.append(seed)
            if len(calls) == 3:
                raise KeyboardInterrupt
        return train(self, architecture, samples, seed, held_out)

    monkeypatch.setattr(Trainer, "train", interrupted)
    clf = make(n_trials=4, n_members=4).fit(*series)
    assert clf.stop_reason_ == "interrupted"
    assert len(clf.nets_) == 2
    calls.clear()
    with pytest.raises(KeyboardInterrupt):
        clone(clf).fit(*series)


def test_the_best_reference_is_among_the_finalists(iris):
    clf = make(RandomSearch(), n_trials=12, n_members=8, max_epochs=2).fit(*iris)
    references = clf.evaluator_.search_space.reference_architectures()
    finals = {trial.architecture for trial in clf.trials_ if trial.final}
    assert len(finals) == 2
    assert finals & set(references)
    # Asked for none, the search begins with none.
    own = make(RandomSearch(), search_space=DenseSpace(references=()), n_trials=4, n_members=2, max_epochs=1).fit(*iris)
    assert own.trials_[0].architecture != references[0]


def test_a_single_finalist_has_to_be_clearly_better_than_a_reference(iris):
    clf = make(RandomSearch(), n_trials=8, n_members=2, max_epochs=2).fit(*iris)
    references = clf.evaluator_.search_space.reference_architectures()
    (final,) = {trial.architecture for trial in clf.trials_ if trial.final}
    scores = {trial.architecture: trial for trial in clf.trials_ if not trial.final}
    best = max((scores[a] for a in references), key=lambda trial: trial.score)
    gap = scores[final].score - best.score
    assert final == best.architecture or gap > np.hypot(scores[final].score_error, best.score_error)


# Time


@IN_HASTE
@pytest.mark.parametrize("changes", [{}, {"n_members": 1}, {"n_members": 3, "n_trials": 4}, {"n_jobs": 2}])
def test_a_limit_of_time_always_leads_to_something(iris, changes):
    X, y = iris
    clf = make(**({"max_time": 2.0, "n_trials": None} | changes)).fit(X, y)
    assert 1 <= len(clf.nets_) <= changes.get("n_members", 32)
    np.testing.assert_allclose(clf.predict_proba(X).sum(axis=1), 1)
    assert sum(not trial.final for trial in clf.trials_) >= 1


@pytest.mark.parametrize("strategy", [None, DifferentiableSearch()], ids=lambda s: type(s).__name__)
def test_hardly_any_time_is_warned_of(strategy, images):
    X, y = images
    with pytest.warns(UserWarning, match=r"max_time=1e-06 was too short for a pass over the data"):
        clf = make(strategy, max_time=1e-6, n_trials=3, n_members=2).fit(X, y)
    assert len(clf.nets_) == 1
    np.testing.assert_allclose(clf.predict_proba(X).sum(axis=1), 1)


def test_full_trials_cut_by_time_say_so(images):
    X, y = images
    with pytest.warns(UserWarning, match="too short"):
        clf = make(max_time=1e-6, n_members=1).fit(X, y)
    (trial,) = clf.trials_
    assert 0 < trial.fidelity < 1


# What is known beforehand


LINEAR = DenseSpace().encode(DenseSpace().reference_architectures()[0])


def guided(strategy=None, **changes):
    """A search that trains nothing."""
    table = TabularEvaluator(DenseSpace(), lambda operations: operations.count("linear_relu"))
    return make(strategy, evaluator=table, **({"refit": False, "n_trials": 3} | changes))


def test_a_prior_from_another_fit(iris, tmp_path):
    def distributions(prior):
        clf = guided(prior=None if prior is None else Prior(prior, 50), n_trials=6).fit(*iris)
        return [trial.distribution for trial in clf.trials_]

    first = guided(n_trials=30, n_members=1).fit(*iris)
    first.best_distribution_.save(tmp_path / "p.json")
    expected = distributions(first.best_distribution_)
    assert distributions(first) == distributions(tmp_path / "p.json") == expected
    assert expected != distributions(None)


def test_a_prior_is_a_parameter_like_any_other(iris):
    frozen = FrozenEstimator(guided().fit(*iris))
    assert clone(guided(prior=LINEAR)).prior == LINEAR
    grid = GridSearchCV(make(n_trials=1, max_epochs=1), {"prior": [None, LINEAR, frozen]}, cv=2).fit(*iris)
    assert len(grid.cv_results_["params"]) == 3


def test_bad_priors(iris, tmp_path):
    foreign = OperationDistribution.uniform(["linear_relu", "magic"])
    with pytest.raises(
        ValueError, match=r"prior is one over other operations: \['magic'\] are not in the search space"
    ):
        guided(prior=foreign).fit(*iris)
    with pytest.raises(NotFittedError, match=r"given as prior has no best_distribution_"):
        guided(prior=make()).fit(*iris)
    (tmp_path / "p.json").write_text("{}")
    with pytest.raises(ValueError, match=r"p\.json holds no distribution"):
        guided(prior=tmp_path / "p.json").fit(*iris)


@pytest.mark.parametrize("strategy", STRATEGIES, ids=str)
def test_warm_start_equals_one_longer_fit(strategy, iris):
    clf = make(strategy, max_epochs=1, warm_start=True).fit(*iris)
    first = clf.trials_
    clf.set_params(n_trials=5).fit(*iris)
    assert [a is b for a, b in zip(clf.trials_, first, strict=False)] == [True] * 2
    assert_equal_fits(clf, make(strategy, max_epochs=1, n_trials=5).fit(*iris), iris[0])


def test_warm_start_of_a_differentiable_search_makes_its_trials_anew(iris):
    clf = make(DifferentiableSearch(n_warmup=1), max_epochs=1, warm_start=True).fit(*iris).set_params(n_trials=4)
    expected = make(DifferentiableSearch(n_warmup=1), max_epochs=1, n_trials=4).fit(*iris)
    assert_equal_fits(clf.fit(*iris), expected, iris[0])
    trials = clf.trials_
    assert [a is b for a, b in zip(clf.fit(*iris).trials_, trials, strict=True)] == [True] * 4


def test_warm_start_with_the_same_number_of_trials_only_refits(iris):
    clf = make(max_epochs=1, warm_start=True).fit(*iris)
    before, predicted = clf.trials_, clf.predict_proba(iris[0])
    clf.fit(*iris)
    assert [a is b for a, b in zip(clf.trials_, before, strict=True)] == [True] * 2
    np.testing.assert_array_equal(clf.predict_proba(iris[0]), predicted)
    clf.set_params(refit=Refit(length=11, channels=4)).fit(*iris)
    assert clf.refit_architecture_.length == 11
    assert clf.trials_[0] is before[0]


@pytest.mark.parametrize("random_state", [None, np.random.RandomState(0), np.random.default_rng(0)], ids=str)
def test_warm_start_keeps_the_randomness_of_the_first_fit(random_state, iris):
    clf = guided(LocalSearch(), random_state=random_state, warm_start=True).fit(*iris)
    before = clf.trials_
    clf.set_params(n_trials=7).fit(*iris)
    assert [a is b for a, b in zip(clf.trials_, before, strict=False)] == [True] * 3
    again = clf.set_params(warm_start=False).fit(*iris).trials_
    assert [t.seed for t in again[:3]] != [t.seed for t in before]


def test_warm_start_goes_on_in_a_copy(iris):
    clf = make(max_epochs=1, warm_start=True).fit(*iris)
    copied = pickle.loads(pickle.dumps(clf)).set_params(n_trials=4).fit(*iris)
    assert_equal_fits(copied, make(max_epochs=1, n_trials=4).fit(*iris), iris[0])
    # A clone has no trials, and begins anew.
    assert len(clone(clf).fit(*iris).trials_) == 2


def test_warm_start_refuses_another_search(iris):
    X, y = iris
    clf = guided(warm_start=True).fit(X, y)
    with pytest.raises(
        ValueError,
        match=r"what differs: data: other X, y, weights or groups\. Restore .*warm_start=False in an estimator",
    ):
        clf.fit(X[:-1], y[:-1])
    with pytest.raises(ValueError, match=r"what differs: length: None then, 4 now; seed: 0 then, 1 now\."):
        clf.set_params(length=4, random_state=1).fit(X, y)
    with pytest.raises(ValueError, match=r"n_trials=2 must be at least 3, the number of trials of the last fit"):
        clf.set_params(length=None, random_state=0, n_trials=2).fit(X, y)
    # A refusal changes nothing.
    assert len(clf.set_params(n_trials=4).fit(X, y).trials_) == 4
    assert len(clf.set_params(warm_start=False, n_trials=2, length=4).fit(X, y).trials_) == 2


def test_warm_start_after_a_fit_that_failed(iris):
    broken = TabularEvaluator(DenseSpace(), lambda operations: 1 / 0)
    clf = guided().fit(*iris).set_params(evaluator=broken, warm_start=True, length=2)
    with pytest.raises(
        ValueError, match=r"differs: evaluator__scores: function \w+ then, function \w+ now; length: None"
    ):
        clf.fit(*iris)
    with pytest.raises(SearchFailedError):
        clf.set_params(warm_start=False).fit(*iris)
    assert {trial.architecture.length for trial in clf.trials_} == {2}


# Other evaluators


def test_a_table_may_guide_the_search(iris):
    X, y = iris
    table = TabularEvaluator(DenseSpace(), lambda operations: operations.count("linear_relu"))
    clf = make(LocalSearch(), evaluator=table, n_trials=60).fit(X, y)
    assert clf.best_architecture_.cell("cell").operations == ("linear_relu",) * 6
    assert clf.predict(X).shape == (150,)


def test_an_evaluator_s_own_recipe_is_that_of_the_whole_fit(images):
    X, y = images
    evaluator = TrainingEvaluator(channels=32, n_cells=1, training=Training(max_epochs=1, lr=0.025))
    clf = OpDistNASClassifier(
        RandomSearch(), evaluator=evaluator, limits={"params": 30_000}, n_trials=3, random_state=0
    ).fit(X, y)
    assert {trial.cost for trial in clf.trials_} == {1.0}
    assert all(trial.info["n_parameters"] <= 30_000 for trial in clf.trials_)
    assert sum(p.numel() for p in clf.net_.module_.parameters()) <= 30_000
    assert (len(clf.net_.history), clf.net_.lr, clf.net_.module__channels) == (1, 0.025, 32)
    clf.set_params(refit=Refit(max_epochs=3)).fit(X, y)
    assert len(clf.net_.history) == 3


@pytest.mark.parametrize(
    "parameters",
    [
        {"channels": 8},
        {"max_epochs": 3},
        {"training": Training()},
        {"net_params": {}},
        {"scoring": "f1_macro"},
        {"validation_fraction": 0.5},
        {"search_space": "dense"},
        {"device": "cpu"},
    ],
    ids=lambda parameters: next(iter(parameters)),
)
def test_what_an_evaluator_decides_is_not_said_twice(parameters, iris):
    clf = OpDistNASClassifier(evaluator=TrainingEvaluator(), n_trials=1, **parameters)
    with pytest.raises(ValueError, match=rf"{next(iter(parameters))}=.* are both given.*give them to the evaluator"):
        clf.fit(*iris)


def test_a_table_leaves_the_recipe_to_the_estimator(iris):
    table = TabularEvaluator(DenseSpace(), lambda operations: operations.count("linear_relu"))
    clf = make(RandomSearch(), evaluator=table, channels=12, max_epochs=3, training=Training(lr=0.025)).fit(*iris)
    assert (len(clf.net_.history), clf.net_.lr, clf.net_.module__channels) == (3, 0.025, 12)


@pytest.mark.parametrize("training", [None, Training(weight_decay=0.25)])
def test_a_grid_sets_parameters_of_the_recipe(training, iris):
    grid = GridSearchCV(make(n_trials=1, training=training), {"training__lr": [0.01, 0.02]}, cv=2).fit(*iris)
    assert len(grid.cv_results_["params"]) == 2
    assert grid.best_estimator_.net_.lr in (0.01, 0.02)
    assert grid.estimator.training is training


def test_the_estimator_s_own_names_win_over_those_of_the_recipe(iris):
    clf = make(max_epochs=2, training=Training(max_epochs=9), net_params={"verbose": 0}).fit(*iris)
    assert len(clf.net_.history) == 2
    assert len(make(max_epochs=None, training=Training(max_epochs=3)).fit(*iris).net_.history) == 3


def test_the_default_strategy_is_bayesian_optimisation(iris):
    assert_equal_fits(make(n_trials=6).fit(*iris), make(BayesianOptimization(), n_trials=6).fit(*iris), iris[0])


# Failure


def seeds_of_trials(X, y, n_trials, **changes):
    return [t.seed for t in make(evaluator=Misbehaving(), n_trials=n_trials, refit=False, **changes).fit(X, y).trials_]


def test_failed_trials_are_recorded_and_the_rest_is_used(iris):
    X, y = iris
    seeds = seeds_of_trials(X, y, 5)
    clf = make(evaluator=Misbehaving("raise", seeds[1:3]), n_trials=5).fit(X, y)
    assert clf.search_results_["status"].tolist() == ["ok", "failed", "failed", "ok", "ok"]
    assert clf.search_results_["message"][1] == "RuntimeError: raised on purpose"
    assert clf.predict(X).shape == (150,)


def test_divergence_is_a_failure_with_its_reason(iris):
    clf = make(training=Training(lr=1e12), n_trials=3)
    with pytest.raises(
        SearchFailedError, match=r"All 3 trials failed.*FloatingPointError: training diverged.*smaller lr"
    ):
        clf.fit(*iris)
    assert len(clf.trials_) == 3
    assert all("training diverged" in trial.message for trial in clf.trials_)
    with pytest.raises(NotFittedError):
        clf.predict(iris[0])


def test_a_failed_second_fit_leaves_no_older_net(iris):
    clf = make().fit(*iris)
    with pytest.raises(SearchFailedError):
        clf.set_params(training__lr=1e12).fit(*iris)
    with pytest.raises(NotFittedError):
        clf.predict(iris[0])


def test_where_the_final_training_fails_the_best_trial_predicts(images, monkeypatch):
    X, y = images
    plain = make(n_trials=3).fit(X, y)
    train = Trainer.train

    def failing(self, architecture, samples, seed, held_out=None):
        if len(samples) == len(self.problem.everything):
            raise MemoryError("a fake shortage")
        return train(self, architecture, samples, seed, held_out)

    monkeypatch.setattr("skopdist.training._nets.train_together", out_of_memory)
    monkeypatch.setattr(Trainer, "train", failing)
    with pytest.warns(UserWarning, match=r"The final training failed \(MemoryError: a fake shortage\).*best trial"):
        clf = make(n_trials=3).fit(X, y)
    assert clf.best_architecture_ == clf.refit_architecture_ == plain.best_architecture_
    problem = plain.evaluator_.problem_
    held_out = problem.held_out
    assert clf.score(held_out.inputs(), problem.classes[held_out.labels()]) == clf.best_score_
    table = TabularEvaluator(NASBench201Space(), lambda operations: 1.0)
    clf = make(n_trials=1, evaluator=table)
    with pytest.raises(RuntimeError, match=r"The final training failed. The reason: MemoryError: a fake shortage"):
        clf.fit(X, y)
    with pytest.raises(NotFittedError, match=r"or its last fit failed"):
        clf.predict(X)


def test_ctrl_c_keeps_the_best_so_far(iris):
    X, y = iris
    seeds = seeds_of_trials(X, y, 4)
    clf = make(evaluator=Misbehaving("interrupt", seeds[2:3]), n_trials=4).fit(X, y)
    assert clf.stop_reason_ == "interrupted"
    assert len(clf.trials_) == 2
    assert clf.predict(X).shape == (150,)
    with pytest.raises(KeyboardInterrupt):
        make(evaluator=Misbehaving("interrupt", seeds[:1]), n_trials=4).fit(X, y)


def test_ctrl_c_in_the_midst_of_a_training(images):
    X, y = images
    n_calls = []

    def augment(batch, generator):
        n_calls.append(1)
        # The first trial takes 4 x 8 batches at most.
        if len(n_calls) == 40:
            raise KeyboardInterrupt
        return batch

    clf = make(n_trials=5, max_epochs=4, training=Training(augment=augment)).fit(X, y)
    assert clf.stop_reason_ == "interrupted"
    assert 1 <= len(clf.trials_) < 5


def test_ctrl_c_ends_all_that_clones_were_fitted_for(iris, tmp_path):
    X, y = iris
    seeds = seeds_of_trials(X, y, 4)
    clf = clone(make(evaluator=Misbehaving("interrupt", seeds[2:3]), n_trials=4))
    with pytest.raises(KeyboardInterrupt, match="The search of a clone was interrupted"):
        clf.fit(X, y)
    # The mark sees to it that a second search would not be interrupted.
    evaluator = Misbehaving("interrupt", seeds[2:3], mark=str(tmp_path / "mark"))
    with pytest.raises(KeyboardInterrupt):
        cross_val_score(make(evaluator=evaluator, n_trials=4), X, y)
    assert (tmp_path / "mark").exists()
    # A pipeline fits its last step itself, and no clone of it.
    pipe = make_pipeline(StandardScaler(), make(evaluator=Misbehaving("interrupt", seeds[2:3]), n_trials=4))
    assert pipe.fit(X, y)[-1].stop_reason_ == "interrupted"
    with pytest.raises(KeyboardInterrupt):
        clone(pipe).fit(X, y)


INTERRUPTED = """
import signal, sys, torch
from sklearn.datasets import load_iris
from sklearn.model_selection import GridSearchCV
from skopdist import OpDistNASClassifier

torch.set_num_threads(1)
# What a shell runs in the background ignores it, and so would its children.
signal.signal(signal.SIGINT, signal.default_int_handler)
clf = OpDistNASClassifier(n_trials=1000, max_epochs=3, n_cells=1, channels=8, journal=sys.argv[1], random_state=0)
if sys.argv[2] != "fit":
    clf = GridSearchCV(clf, {"channels": [8, 16, 32]}, cv=2, n_jobs=None if sys.argv[2] == "None" else int(sys.argv[2]))
clf.fit(*load_iris(return_X_y=True))
print("ended", clf.stop_reason_, len(clf.predict_proba([[1, 2, 3, 4]])))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="there are no such signals")
@pytest.mark.parametrize("what", ["fit", "None", pytest.param("2", marks=pytest.mark.slow)])
def test_a_signal_ends_a_grid_and_leaves_a_fit_with_the_best_so_far(what, tmp_path):
    # In a folder each search has a journal of its own, from which one sees that trials are made.
    command = [sys.executable, "-c", INTERRUPTED, str(tmp_path), what]
    # A session of its own, so that the signal reaches the workers as Ctrl-C in a terminal does.
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    try:
        deadline = time.monotonic() + 120
        while not any(path.read_bytes().count(b"\n") > 3 for path in tmp_path.iterdir()):
            assert process.poll() is None, process.communicate()
            assert time.monotonic() < deadline
            time.sleep(0.1)
        os.killpg(process.pid, signal.SIGINT)
        out, err = process.communicate(timeout=60)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
    if what == "fit":
        assert (process.returncode, out) == (0, "ended interrupted 1\n"), err
    else:
        assert process.returncode == -signal.SIGINT, err
        assert "KeyboardInterrupt" in err
        # Searches that would have come later have not begun.
        assert len(list(tmp_path.iterdir())) <= (1 if what == "None" else int(what))


# The journal


def test_a_killed_search_goes_on_behind_its_journal(iris, tmp_path):
    X, y = iris
    whole = make(n_trials=5).fit(X, y)
    journal = tmp_path / "trials.jsonl"
    code = (
        "import os, signal, sys, torch; torch.set_num_threads(1)\n"
        "from sklearn.datasets import load_iris\n"
        "from skopdist import OpDistNASClassifier\n"
        "from skopdist.journal import Journal\n"
        "append = Journal.append\n"
        "def killing(self, t):\n"
        "    append(self, t)\n"
        "    if t.index == 2:\n"
        "        open(self.path, 'a').write('{\"architecture\": {')\n"
        "        os.kill(os.getpid(), signal.SIGKILL)\n"
        "Journal.append = killing\n"
        "OpDistNASClassifier(n_trials=5, max_epochs=4, n_cells=1, channels=8, random_state=0, journal=sys.argv[1])"
        ".fit(*load_iris(return_X_y=True))\n"
    )
    done = subprocess.run([sys.executable, "-c", code, str(journal)], check=False)
    assert done.returncode == -9
    assert len(journal.read_text().splitlines()) == 1 + 4
    assert_equal_fits(make(n_trials=5, journal=journal).fit(X, y), whole, X)
    records = [json.loads(line) for line in journal.read_text().splitlines()[1:]]
    assert [record["index"] for record in records] == list(range(5))


def test_the_journal_of_another_search_is_refused(iris, tmp_path):
    make(journal=tmp_path / "j").fit(*iris)
    with pytest.raises(ValueError, match=r"holds the trials of another search.*seed: 0 then, 1 now.*give another file"):
        make(journal=tmp_path / "j", random_state=1).fit(*iris)


def test_nothing_is_written_unasked(iris, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    make().fit(*iris).predict(iris[0])
    assert os.listdir(tmp_path) == []


# Limits


@pytest.mark.parametrize("strategy", [RandomSearch(), BayesianOptimization(), DifferentiableSearch(n_warmup=1)])
def test_no_trial_is_beyond_the_limits(strategy, images):
    X, y = images
    most = NetworkCosts((1, 8, 8), len(np.unique(y)), channels=4, n_cells=1)
    space = NASBench201Space()
    half = space.make_architecture(
        [space.make_cell(["nor_conv_3x3"] * 3 + ["skip_connect"] * 3, space.potential_edges(6))]
    )
    limits = {"params": most.n_parameters(half), "flops": most.flops(half), "latency": 10.0}
    clf = make(strategy, channels=4, max_epochs=1, n_trials=3, refit=False, limits=limits).fit(X, y)
    for trial in clf.trials_:
        assert most.n_parameters(trial.architecture) <= limits["params"]
        assert most.flops(trial.architecture) <= limits["flops"]
    front = clf.pareto_front_
    assert list(front) == ["trial", "score", "n_parameters", "flops", "latency"]
    assert front["score"][0] == max(trial.score for trial in clf.trials_ if trial.status == "ok")
    assert front["flops"].max() <= limits["flops"]


def test_without_a_limit_the_front_shows_parameters(iris):
    clf = make().fit(*iris)
    front = clf.pareto_front_
    assert list(front) == ["trial", "score", "n_parameters"]
    for index, score, n_parameters in zip(*front.values(), strict=True):
        assert clf.trials_[index].score == score
        assert clf.trials_[index].info["n_parameters"] == n_parameters


# With a GPU


@pytest.mark.gpu
@pytest.mark.parametrize("data", ["iris", "series", "images"])
def test_cuda_trains_and_its_pickle_opens_on_a_cpu(data, request, tmp_path):
    X, y = request.getfixturevalue(data)
    clf = make(device="cuda").fit(X, y)
    assert next(clf.net_.module_.parameters()).is_cuda
    joblib.dump(clf, tmp_path / "clf")
    np.save(tmp_path / "X.npy", X)
    code = (
        "import sys, joblib, numpy as np\n"
        "folder = sys.argv[1]\n"
        "np.save(folder + '/p.npy', joblib.load(folder + '/clf').predict_proba(np.load(folder + '/X.npy')))\n"
    )
    environment = os.environ | {"CUDA_VISIBLE_DEVICES": ""}
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=True, env=environment)
    np.testing.assert_allclose(np.load(tmp_path / "p.npy"), clf.predict_proba(X), atol=1e-3)


@pytest.mark.gpu
def test_cuda_in_worker_processes(images, untouched_generators):
    X, y = images
    clf = make(device="cuda", n_jobs=2, n_trials=3).fit(X, y)
    assert all(trial.succeeded for trial in clf.trials_), clf.search_results_["message"]


@pytest.mark.gpu
def test_cuda_leaves_its_generator_alone(images):
    before = torch.cuda.get_rng_state()
    make(device="cuda").fit(*images)
    assert torch.equal(torch.cuda.get_rng_state(), before)


@pytest.mark.parametrize("shape", [(1, 1, 1), (3, 1, 1), (1, 2, 1), (1, 1), (2, 3), (1, 4, 4)])
@pytest.mark.parametrize("batch_size", [1, 2])
@pytest.mark.parametrize("n", [5, 9])
def test_small_batches_of_small_maps(shape, batch_size, n):
    y = np.arange(n) % 2
    X = np.random.default_rng(0).normal(size=(n, *shape)) + y.reshape(-1, *[1] * len(shape))
    clf = make(RandomSearch(), max_epochs=2, n_cells=3, training=Training(batch_size=batch_size)).fit(X, y)
    assert all(trial.succeeded for trial in clf.trials_), clf.search_results_["message"]
    np.testing.assert_allclose(clf.predict_proba(X).sum(axis=1), 1)


# Spaces with scalars


SCALARS = (
    Scalar("channels", 4, 16, integer=True, default=8),
    Scalar("lr", 0.01, 0.1, log=True),
    Scalar("n_cells", 1, 2, integer=True),
)


@pytest.fixture(scope="module")
def scaled(iris):
    space = DenseSpace(scalars=SCALARS)
    return OpDistNASClassifier(search_space=space, n_trials=10, max_epochs=4, random_state=0).fit(*iris)


def test_scalars_follow_the_architecture_to_the_members(scaled, iris):
    for net in scaled.nets_:
        settings = dict(net.module__architecture.settings)
        assert (net.module__channels, net.module__n_cells, net.lr) == (
            settings["channels"],
            settings["n_cells"],
            settings["lr"],
        )
        assert net.module_.classify.in_features == settings["channels"]
    assert scaled.refit_architecture_ == scaled.best_architecture_ == scaled.net_.module__architecture
    assert scaled.sample_architecture(12, random_state=0).settings == scaled.best_architecture_.settings
    assert len(scaled.search_results_["scalar_lr"]) == len(scaled.trials_)
    costs = NetworkCosts((4,), 3)
    for trial, n in zip(scaled.pareto_front_["trial"], scaled.pareto_front_["n_parameters"], strict=True):
        assert costs.n_parameters(scaled.trials_[trial].architecture) == n


def test_copies_with_scalars_predict_alike(scaled, iris, tmp_path):
    scaled.save(tmp_path / "model")
    expected = scaled.predict_proba(iris[0])
    for copied in (OpDistNASClassifier.load(tmp_path / "model"), pickle.loads(pickle.dumps(scaled))):
        np.testing.assert_array_equal(copied.predict_proba(iris[0]), expected)
        assert copied.best_architecture_ == scaled.best_architecture_
        assert copied.search_space.scalars == SCALARS
    assert clone(scaled).search_space.scalars == SCALARS


def test_a_grid_of_scalars(iris):
    clf = OpDistNASClassifier(search_space=DenseSpace(stems=()), n_trials=1, max_epochs=1, n_cells=1, random_state=0)
    grid = GridSearchCV(clf, {"search_space__scalars": [(), SCALARS[:1]]}, cv=2).fit(*iris)
    assert [len(p["search_space__scalars"]) for p in grid.cv_results_["params"]] == [0, 1]


def test_a_larger_final_network_wins_over_its_scalar(iris):
    space = DenseSpace(stems=(), scalars=SCALARS[:2])
    small = {"n_trials": 2, "max_epochs": 1, "n_cells": 1, "random_state": 0}
    clf = OpDistNASClassifier(search_space=space, **small, refit=Refit(channels=48, length=3)).fit(*iris)
    assert clf.net_.module__channels == dict(clf.refit_architecture_.settings)["channels"] == 48
    assert clf.net_.lr == dict(clf.best_architecture_.settings)["lr"]


def test_a_space_whose_cells_pass_nothing_on_is_told(iris):
    clf = OpDistNASClassifier(
        search_space=DenseSpace(["none"]), n_trials=2, max_epochs=1, n_cells=1, channels=4, random_state=0
    )
    with pytest.warns(UserWarning, match="No architecture of the search has a path .* Give a search space") as caught:
        clf.fit(*iris)
    assert caught[0].filename == __file__


def test_parameters_are_those_of_all_members(iris):
    clf = OpDistNASClassifier(n_trials=2, n_members=2, max_epochs=1, n_cells=1, channels=4, random_state=0)
    with pytest.raises(AttributeError):
        _ = clf.n_parameters_
    clf.fit(*iris)
    assert clf.n_parameters_ == sum(p.numel() for net in clf.nets_ for p in net.module_.parameters())
    assert clf.n_parameters_ > max(sum(p.numel() for p in net.module_.parameters()) for net in clf.nets_)


def test_a_refused_fit_leaves_what_predicts_as_it_is(iris):
    X, y = iris
    words = np.array(["u", "v", "w"])
    one, other = (pd.DataFrame({"a": X[:, 0], "b": chosen[y]}) for chosen in (words, words[::-1]))
    clf = make(warm_start=True, max_epochs=1).fit(one, y)
    expected = clf.predict_proba(one)
    with pytest.raises(ValueError, match="another search"):
        clf.fit(other.assign(b=["x", *other["b"][1:]]), y)
    with pytest.raises(ValueError, match=r"labels|class"):
        clf.fit(other, np.zeros(len(y)))
    np.testing.assert_array_equal(clf.predict_proba(one), expected)


def test_trials_go_on_as_they_began_where_nothing_is_to_predict(iris):
    clf = make(n_trials=2, n_members=2, max_epochs=4, warm_start=True).fit(*iris)
    clf.set_params(refit=False, n_trials=4, n_members=None).fit(*iris)
    assert [trial.fidelity for trial in clf.trials_] == [0.25] * 4


def test_a_number_of_epochs_for_skorch_is_that_of_a_full_training(iris):
    settings = {"n_trials": 2, "n_members": 2, "max_epochs": None}
    one = make(net_params={"max_epochs": 8}, **settings).fit(*iris)
    assert [trial.cost for trial in one.trials_] == [2, 2, 8, 8]
    other = make(net_params={"max_epochs": 8}, refit=Refit(max_epochs=3), **settings).fit(*iris)
    assert [trial.cost for trial in other.trials_ if trial.final] == [3, 3]


def test_what_predicts_is_the_best_architecture(iris, monkeypatch):
    # As where there is no time for another one.
    monkeypatch.setattr("skopdist._final.rank_finalists", lambda search, *_: [search.trials[0].architecture])
    clf = make(RandomSearch(), n_trials=6, n_members=1, max_epochs=2).fit(*iris)
    first = clf.trials_[0]
    assert first.score < max(trial.score for trial in clf.trials_)
    assert clf.best_architecture_ == clf.refit_architecture_ == clf.net_.module__architecture == first.architecture
    assert (clf.best_score_, clf.best_score_error_) == (first.score, first.score_error)
    assert clf.best_distribution_ == clf.evaluator_.search_space.encode(first.architecture)


def test_members_without_folds_are_no_failures(iris, monkeypatch):
    monkeypatch.setattr("skopdist.problem.Problem.folds", lambda *_: [])
    clf = make(n_trials=2, n_members=2, max_epochs=1).fit(*iris)
    assert len(clf.nets_) == 2
    assert not any(trial.final for trial in clf.trials_)


def test_a_failed_fit_keeps_nothing_that_was_computed_once(iris, monkeypatch):
    forgotten = []
    monkeypatch.setattr("skopdist.training._beginnings.Beginnings.forget", lambda self: forgotten.append(self))
    with pytest.raises(SearchFailedError):
        make(training=Training(lr=1e20), max_epochs=2).fit(*iris)
    assert forgotten
