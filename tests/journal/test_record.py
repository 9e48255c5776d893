"""Tests of the record of a search: what it goes on with, and what it refuses."""

import threading
import time

import numpy as np
import pytest
from sklearn.model_selection import GridSearchCV, StratifiedKFold, cross_validate

from skopdist import OpDistNASClassifier
from skopdist.evaluators import TabularEvaluator
from skopdist.journal import Journal, SearchRecord, read_journal
from skopdist.search import run_search
from skopdist.spaces import NASBench201Space
from skopdist.strategies import RandomSearch

TABLE = TabularEvaluator(NASBench201Space(), lambda operations: operations.count("nor_conv_3x3") / 6)
TRIALS = run_search(RandomSearch(), TABLE, n_trials=3, random_state=0).trials


def identify():
    return {"data": "some", "lr": "0.1"}


def make(**changes):
    settings = {"n_trials": 2, "max_epochs": 1, "n_cells": 1, "channels": 4, "random_state": 0}
    return OpDistNASClassifier(**(settings | changes))


def test_without_a_path_trials_are_in_memory_alone(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with Journal(None, identify, random_state=7) as journal:
        journal.begin()
        journal.append(TRIALS[0])
    assert journal.record.trials == TRIALS[:1]
    assert (journal.seed, journal.record.seed, journal.record.identity["seed"]) == (7, 7, "7")
    assert list(tmp_path.iterdir()) == []


def test_data_are_described_only_when_needed(tmp_path):
    def never():
        raise AssertionError("described")

    with Journal(None, never) as journal:
        journal.begin()
        journal.append(TRIALS[0])
    with pytest.raises(AssertionError, match="described"):
        _ = journal.record
    with pytest.raises(AssertionError, match="described"), Journal(tmp_path, never):
        pass


def test_the_file_gives_back_what_was_written(tmp_path):
    with Journal(tmp_path / "j", identify, 7) as journal:
        journal.begin()
        for trial in TRIALS:
            journal.append(trial)
            # At once, and not when the search ends.
            assert len(read_journal(tmp_path / "j").trials) == trial.index + 1
    record = read_journal(tmp_path / "j")
    assert record.identity == journal.record.identity
    assert [trial.to_dict() for trial in record.trials] == [trial.to_dict() for trial in TRIALS]
    with Journal(tmp_path / "j", identify, None) as again:
        assert again.seed == 7
        assert len(again.trials) == 3


@pytest.mark.parametrize("random_state", [None, np.random.default_rng(1), 5])
def test_everything_that_differs_is_listed(random_state, tmp_path):
    with Journal(tmp_path / "j", identify, 7) as journal:
        journal.begin()
    with pytest.raises(ValueError, match=r"lr: 0\.1 then, 0\.2 now; n_cells: not given then, 3 now") as caught:
        Journal(tmp_path / "j", lambda: {"data": "some", "lr": "0.2", "n_cells": "3"}, random_state).__enter__()
    # A seed that the user did not choose is no difference.
    assert ("seed: 7 then, 5 now" in str(caught.value)) == (random_state == 5)
    # And the lock is gone.
    with Journal(tmp_path / "j", identify, 7):
        pass


def test_another_version_of_the_library_is_refused(tmp_path, monkeypatch):
    with Journal(tmp_path / "j", identify, 7) as journal:
        journal.begin()
    monkeypatch.setattr("skopdist.journal._record.__version__", "9.9.9")
    with pytest.raises(ValueError, match=r"library: skopdist \S+ then, skopdist 9\.9\.9 now"):
        Journal(tmp_path / "j", identify, 7).__enter__()


def test_a_second_search_at_once_is_refused(tmp_path):
    with Journal(tmp_path / "j", identify, 7) as first:
        first.begin()
        with pytest.raises(
            BlockingIOError, match=r"j is in use by another search\. Wait until that has ended, or give"
        ):
            Journal(tmp_path / "j", identify, 7).__enter__()
        first.append(TRIALS[0])
    assert len(read_journal(tmp_path / "j").trials) == 1


def test_in_a_folder_the_second_search_waits_and_goes_on(tmp_path):
    seen = []

    def second():
        with Journal(tmp_path, identify, 7) as journal:
            seen.append(len(journal.trials))

    with Journal(tmp_path, identify, 7) as first:
        first.begin()
        thread = threading.Thread(target=second)
        thread.start()
        time.sleep(0.3)
        assert seen == []
        first.append(TRIALS[0])
    thread.join(30)
    assert seen == [1]


def test_a_search_that_never_began_leaves_nothing_to_one_that_waits(tmp_path):
    def second():
        with Journal(tmp_path, identify, 7) as journal:
            journal.begin()

    with Journal(tmp_path, identify, 7):
        thread = threading.Thread(target=second)
        thread.start()
        time.sleep(0.3)
    thread.join(30)
    # The second one wrote to a file that is there, and not to the one that the first removed.
    assert [len(read_journal(path).trials) for path in tmp_path.iterdir()] == [0]


def test_an_open_journal_and_a_record_are_one_too_many():
    record = SearchRecord({}, 0, ())
    with Journal(None, identify, 0) as journal, pytest.raises(ValueError, match=r"open Journal or a record, not both"):
        run_search(RandomSearch(), TABLE, n_trials=2, journal=journal, record=record)
    with pytest.raises(ValueError, match=r"The Journal is not open; enter it first"):
        run_search(RandomSearch(), TABLE, n_trials=2, journal=Journal(None, identify, 0))


# With the estimator


def scores_of(estimators):
    return [clf.search_results_["score"].tolist() for clf in estimators]


def test_cross_validation_with_a_folder(iris, tmp_path):
    def validate(**changes):
        folds = StratifiedKFold(3, shuffle=True, random_state=0)
        result = cross_validate(make(**changes), *iris, cv=folds, return_estimator=True, error_score="raise")
        return scores_of(result["estimator"])

    expected = validate()
    assert validate(journal=tmp_path) == expected
    assert len(list(tmp_path.iterdir())) == 3
    written = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert validate(journal=tmp_path) == expected
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == written


def test_a_grid_search_with_a_folder(iris, tmp_path):
    grid = {"max_epochs": [1, 2], "refit": [True, False]}
    with_journal, without = (
        GridSearchCV(
            make(random_state=None, **changes), grid, cv=2, scoring=best_score, error_score="raise", refit=False
        )
        for changes in ({"journal": tmp_path}, {})
    )
    with_journal.set_params(n_jobs=2).fit(*iris)
    # Whether there is a final network makes no other search.
    assert len(list(tmp_path.iterdir())) == 4
    assert {len(read_journal(path).trials) for path in tmp_path.iterdir()} == {2}
    scores = with_journal.cv_results_["mean_test_score"]
    assert scores[0] == scores[1]
    assert scores[2] == scores[3]
    assert without.fit(*iris).cv_results_["mean_test_score"].shape == (4,)


def best_score(clf, X, y):
    return clf.best_score_


@pytest.mark.parametrize("random_state", [None, "generator", "legacy"])
def test_an_interrupted_fit_resumes_without_a_seed(random_state, iris, tmp_path):
    made = {"generator": np.random.default_rng, "legacy": np.random.RandomState}.get(random_state, lambda: None)
    first = make(journal=tmp_path / "j", random_state=made()).fit(*iris)
    longer = make(journal=tmp_path / "j", random_state=made(), n_trials=4).fit(*iris)
    assert scores_of([longer])[0][:2] == scores_of([first])[0]
    assert [trial.seed for trial in longer.trials_[:2]] == [trial.seed for trial in first.trials_]


@pytest.mark.parametrize(
    ("changes", "difference"),
    [
        ({"max_epochs": 3}, "max_epochs: 1 then, 3 now"),
        ({"scoring": lambda clf, X, y: -1000.0}, "scoring: None then, function"),
        ({"strategy": RandomSearch()}, "strategy: BayesianOptimization then, RandomSearch now"),
        ({"class_weight": {0: 2.0}}, "class_weight: None then, {0: 2.0} now"),
    ],
    ids=["recipe", "scorer", "strategy", "weights"],
)
def test_the_journal_of_other_settings_is_refused(changes, difference, iris, tmp_path):
    make(journal=tmp_path / "j").fit(*iris)
    with pytest.raises(ValueError, match=difference):
        make(journal=tmp_path / "j", **changes).fit(*iris)


def test_the_journal_of_other_data_is_refused(iris, tmp_path):
    X, y = iris
    make(journal=tmp_path / "j").fit(X, y)
    before = (tmp_path / "j").read_bytes()
    rng = np.random.default_rng(0)
    for other in ((X, rng.permutation(y)), (X + 1e-9, y), (X[:-1], y[:-1])):
        with pytest.raises(ValueError, match=r"what differs: data: "):
            make(journal=tmp_path / "j").fit(*other)
    assert (tmp_path / "j").read_bytes() == before
