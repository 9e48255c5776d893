"""Strategies and encodings as the values of a grid, with scikit-learn's own tools."""

import numpy as np
import pandas as pd
import pytest
import sklearn
from sklearn.base import clone
from sklearn.metrics import accuracy_score, make_scorer
from sklearn.model_selection import GridSearchCV, KFold, RandomizedSearchCV
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from skopdist import OpDistNASClassifier
from skopdist.display import grid_table
from skopdist.encodings import AdjacencyEncoding, DistributionEncoding, HybridEncoding
from skopdist.strategies import BayesianOptimization, LocalSearch, RandomSearch, RegularizedEvolution
from skopdist.training import Training

STRATEGIES = [RandomSearch(), LocalSearch(), BayesianOptimization(), RegularizedEvolution()]
# Classes of the flowers stand in blocks.
FOLDS = KFold(2, shuffle=True, random_state=0)
ENCODINGS = [DistributionEncoding(), AdjacencyEncoding(), HybridEncoding()]


def make(strategy=None, **changes):
    settings = {"n_trials": 2, "max_epochs": 1, "n_cells": 1, "channels": 4, "random_state": 0}
    return OpDistNASClassifier(strategy, **(settings | changes))


def search(estimator, grid, **changes):
    return GridSearchCV(estimator, grid, **({"cv": 2, "error_score": "raise"} | changes))


def test_every_strategy_on_every_encoding(iris):
    found = search(make(), {"strategy": STRATEGIES, "encoding": ENCODINGS}).fit(*iris)
    assert len(found.cv_results_["params"]) == len(STRATEGIES) * len(ENCODINGS)
    assert np.isfinite(found.cv_results_["mean_test_score"]).all()
    # What the grid holds stays as it was, and the winner has a copy.
    assert not any(hasattr(part, "trials_") or hasattr(part, "space_") for part in [*STRATEGIES, *ENCODINGS])
    winner = found.best_estimator_
    assert winner.strategy is not found.best_params_["strategy"]
    assert winner.strategy_.encoding_.get_params() == found.best_params_["encoding"].get_params()
    assert type(winner.strategy_) is type(found.best_params_["strategy"])
    assert winner.score(*iris) > 0.5


def test_two_workers_find_what_one_finds(digits):
    grid = {"strategy": [RandomSearch(), LocalSearch()], "encoding": ENCODINGS[:2]}
    one, two = (search(make(input_shape=(1, 8, 8)), grid, n_jobs=n_jobs).fit(*digits) for n_jobs in (None, 2))
    for name in ("split0_test_score", "split1_test_score", "rank_test_score"):
        np.testing.assert_array_equal(one.cv_results_[name], two.cv_results_[name])
    assert one.best_estimator_.best_architecture_ == two.best_estimator_.best_architecture_


def test_workers_of_the_grid_and_of_the_search(iris):
    estimator = make(n_jobs=2)
    both = search(estimator, {"strategy": [RandomSearch(), LocalSearch()]}, n_jobs=2).fit(*iris)
    none = search(clone(estimator).set_params(n_jobs=None), {"strategy": [RandomSearch(), LocalSearch()]}).fit(*iris)
    np.testing.assert_array_equal(both.cv_results_["mean_test_score"], none.cv_results_["mean_test_score"])


def test_nested_parameters(iris):
    grid = [
        {"strategy": [LocalSearch()], "strategy__n_initial": [1, 2], "encoding": [None, AdjacencyEncoding()]},
        {"strategy": [RandomSearch()], "strategy__sequential": [False, True]},
    ]
    found = search(make(n_trials=3), grid).fit(*iris)
    assert len(found.cv_results_["params"]) == 6
    for name, value in found.best_params_.items():
        if "__" in name:
            assert found.best_estimator_.get_params()[name] == value


@pytest.mark.parametrize("n_jobs", [None, 2])
def test_inside_a_pipeline(digits, n_jobs):
    X, y = digits
    pipeline = Pipeline([("scale", StandardScaler()), ("clf", make(LocalSearch(), input_shape=(1, 8, 8)))])
    grid = {"scale": [StandardScaler(), "passthrough"], "clf__strategy__n_initial": [1, 2], "clf__length": [3]}
    found = search(pipeline, grid, n_jobs=n_jobs).fit(X, y)
    best = found.best_estimator_["clf"]
    assert best.sample_shape_ == (1, 8, 8)
    assert best.strategy_.n_initial == found.best_params_["clf__strategy__n_initial"]
    assert best.best_architecture_.length == 3
    assert found.predict_proba(X).shape == (150, 10)


def test_unknown_parameters_are_named(iris):
    with pytest.raises(ValueError, match=r"Invalid parameter 'n_initial' for estimator RandomSearch"):
        search(make(RandomSearch()), {"strategy__n_initial": [1]}).fit(*iris)


def test_randomized_search(iris):
    found = RandomizedSearchCV(
        make(), {"strategy": STRATEGIES, "length": range(1, 9)}, n_iter=3, cv=2, random_state=0, error_score="raise"
    ).fit(*iris)
    assert np.isfinite(found.cv_results_["mean_test_score"]).all()


# Metadata routing


@pytest.mark.parametrize("routing", [False, True])
@pytest.mark.parametrize("n_jobs", [None, 2])
def test_weights_reach_the_search(iris, routing, n_jobs):
    X, y = iris
    # Samples of no weight do not exist: without the third class there is nothing of it to predict.
    weight = np.where(y == 2, 0.0, 1.0)
    with sklearn.config_context(enable_metadata_routing=routing):
        estimator = make()
        if routing:
            estimator.set_fit_request(sample_weight=True).set_score_request(sample_weight=True)
        found = search(
            estimator,
            {"strategy": [RandomSearch(), LocalSearch()]},
            n_jobs=n_jobs,
            cv=FOLDS,
        )
        found.fit(X, y, sample_weight=weight)
    assert found.best_estimator_.classes_.tolist() == [0, 1]
    np.testing.assert_array_equal(
        found.predict_proba(X), clone(found.best_estimator_).fit(X[y < 2], y[y < 2]).predict_proba(X)
    )


def test_weights_are_routed_through_a_pipeline(iris):
    X, y = iris
    weight = np.where(y == 2, 0.0, 1.0)
    with sklearn.config_context(enable_metadata_routing=True):
        scaler = StandardScaler().set_fit_request(sample_weight=False)
        clf = make().set_fit_request(sample_weight=True).set_score_request(sample_weight=True)
        pipeline = Pipeline([("scale", scaler), ("clf", clf)])
        found = search(
            pipeline,
            {"clf__strategy": [RandomSearch(), LocalSearch()]},
            n_jobs=2,
            cv=FOLDS,
        )
        found.fit(X, y, sample_weight=weight)
    assert found.best_estimator_["clf"].classes_.tolist() == [0, 1]
    # Without routing a pipeline is told the step by name.
    again = search(pipeline, {"clf__strategy": [found.best_params_["clf__strategy"]]}, cv=FOLDS)
    again.fit(X, y, clf__sample_weight=weight)
    np.testing.assert_array_equal(again.predict_proba(X), found.predict_proba(X))


def test_weights_reach_the_scorer(iris):
    X, y = iris
    seen = []

    def metric(truth, prediction, sample_weight=None):
        seen.append(None if sample_weight is None else len(sample_weight) == len(truth))
        return accuracy_score(truth, prediction, sample_weight=sample_weight)

    with sklearn.config_context(enable_metadata_routing=True):
        clf = make().set_fit_request(sample_weight=True)
        scorer = make_scorer(metric).set_score_request(sample_weight=True)
        search(clf, {"strategy": [RandomSearch()]}, scoring=scorer).fit(X, y, sample_weight=np.linspace(1, 2, len(y)))
    assert seen == [True, True]


def test_weights_that_nobody_asked_for_are_refused(iris):
    X, y = iris
    with sklearn.config_context(enable_metadata_routing=True):
        found = search(make(), {"strategy": [RandomSearch()]})
        with pytest.raises(ValueError, match=r"sample_weight.*are passed but are not explicitly set as requested"):
            found.fit(X, y, sample_weight=np.ones(len(y)))


# What a person reads


@pytest.fixture(scope="module")
def results():
    from sklearn.datasets import load_iris

    grid = [
        {"clf__strategy": [LocalSearch()], "clf__strategy__n_initial": [1, 2]},
        {"clf__strategy": [RandomSearch(), BayesianOptimization()], "clf__encoding": [AdjacencyEncoding()]},
    ]
    pipeline = Pipeline([("scale", StandardScaler()), ("clf", make())])
    return search(pipeline, grid).fit(*load_iris(return_X_y=True)).cv_results_


def test_the_columns_of_a_grid_are_short(results):
    frame = pd.DataFrame(results)
    assert {str(value) for value in frame["param_clf__strategy"]} == {
        "LocalSearch()",
        "RandomSearch()",
        "BayesianOptimization()",
    }
    assert str(frame["params"][3]) == (
        "{'clf__encoding': AdjacencyEncoding(), 'clf__strategy': BayesianOptimization()}"
    )
    for part in [*STRATEGIES, *ENCODINGS]:
        assert str(part) == f"{type(part).__name__}()"


def test_grid_table(results):
    header, *rows = grid_table(results).splitlines()
    assert header.split() == ["rank", "score", "std", "fit", "s", "strategy", "strategy__n_initial", "encoding"]
    assert [int(row.split()[0]) for row in rows] == sorted(results["rank_test_score"])
    scores = [float(row.split()[1]) for row in rows]
    assert scores == sorted(scores, reverse=True)
    assert scores[0] == pytest.approx(max(results["mean_test_score"]), abs=5e-5)
    assert sum(row.split()[4:] == ["LocalSearch()", "2", "--"] for row in rows) == 1
    assert sum(row.split()[4:] == ["RandomSearch()", "--", "AdjacencyEncoding()"] for row in rows) == 1
    assert len({row.index(row.split()[4]) for row in rows}) == 1
    assert [row.split() for row in grid_table(results, n=2).splitlines()[1:]] == [row.split() for row in rows[:2]]


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.FitFailedWarning", "ignore:One or more of the test scores")
def test_grid_table_of_several_scores_and_failures(iris):
    grid = {"strategy": [LocalSearch(n_initial=1), LocalSearch(n_initial=-1)]}
    found = search(make(), grid, scoring=["accuracy", "f1_macro"], refit="f1_macro", error_score=np.nan).fit(*iris)
    header, best, failed = grid_table(found.cv_results_, scoring="f1_macro").splitlines()
    assert header.split()[1] == "f1_macro"
    assert best.endswith("LocalSearch(n_initial=1)")
    assert failed.split()[1:3] == ["nan", "nan"]
    with pytest.raises(ValueError, match=r"no score named 'score'; it has \['accuracy', 'f1_macro'\]"):
        grid_table(found.cv_results_)


def test_grid_table_of_long_values_keeps_to_one_line_a_candidate(iris):
    long = make().set_params(length=3, training=Training(batch_size=16, lr=0.05), validation_fraction=0.3)
    assert "\n" in str(long)
    found = search(Pipeline([("clf", make())]), {"clf": [long]}).fit(*iris)
    assert len(grid_table(found.cv_results_).splitlines()) == 2
