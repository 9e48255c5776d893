import numpy as np
import pytest
from sklearn.model_selection import GridSearchCV

from skopdist import OpDistNASClassifier
from skopdist._callbacks import HAS_CALLBACKS
from skopdist.evaluators import TabularEvaluator
from skopdist.search import run_search
from skopdist.spaces import DARTSSpace, NASBench201Space
from skopdist.strategies import RandomSearch
from skopdist.tracking import OptunaTracker

optuna = pytest.importorskip("optuna")
optuna.logging.set_verbosity(optuna.logging.WARNING)
needs_callbacks = pytest.mark.skipif(not HAS_CALLBACKS, reason="scikit-learn has no callbacks before 1.9")


def score(operations):
    if operations[0] == "none":
        raise MemoryError("too large")
    return operations.count("nor_conv_3x3")


@pytest.fixture
def study():
    return optuna.create_study(direction="maximize")


def make(**changes):
    settings = {"n_trials": 2, "max_epochs": 1, "n_cells": 1, "channels": 4, "random_state": 0}
    return OpDistNASClassifier(RandomSearch(), **(settings | changes))


def test_a_study_shows_what_a_search_did(study):
    table = TabularEvaluator(NASBench201Space(), score)
    result = run_search(RandomSearch(), table, n_trials=20, random_state=0, callback=OptunaTracker(study))
    assert len(study.trials) == 20
    assert study.best_value == result.best_score
    for ours, theirs in zip(result.trials, study.trials, strict=True):
        assert theirs.state.name == ("COMPLETE" if ours.succeeded else "FAIL")
        np.testing.assert_allclose(list(theirs.params.values()), np.asarray(ours.distribution))
        assert theirs.user_attrs["architecture"] == str(ours.architecture)
        assert theirs.user_attrs["trial"] == ours.index
    failed = next(trial for trial in study.trials if trial.value is None)
    assert failed.user_attrs["message"] == "MemoryError: too large"
    # Its plots understand them.
    assert len(study.trials_dataframe()) == 20
    assert set(optuna.importance.get_param_importances(study)) == {f"p_{name}" for name in table.space.operation_names}


def test_names_of_several_cell_types(study):
    table = TabularEvaluator(DARTSSpace(), len)
    run_search(RandomSearch(), table, n_trials=2, random_state=0, callback=OptunaTracker(study))
    names = list(study.trials[0].params)
    assert names[0] == "p_normal_max_pool_3x3"
    assert names[-1] == "p_reduce_dil_conv_5x5"


@needs_callbacks
def test_an_estimator_hands_over_trials_and_full_trainings(iris, study):
    clf = make(n_members=2).set_callbacks(OptunaTracker(study)).fit(*iris)
    assert [trial.value for trial in study.trials] == [trial.score for trial in clf.trials_]
    assert [trial.user_attrs["final"] for trial in study.trials] == [False, False, True, True]
    assert {trial.user_attrs["fidelity"] for trial in study.trials} == {0.25, 1.0}
    clf.fit(*iris)
    assert len(study.trials) == 8
    assert len({trial.user_attrs["search"] for trial in study.trials}) == 2


@needs_callbacks
def test_fits_of_a_grid_are_told_apart_also_from_other_processes(iris, tmp_path):
    where = {"study_name": "grid", "storage": f"sqlite:///{tmp_path}/study.db"}
    study = optuna.create_study(direction="maximize", **where)
    clf = make().set_callbacks(OptunaTracker(study))
    GridSearchCV(clf, {"channels": [4, 8]}, cv=2, n_jobs=2).fit(*iris)
    # Optuna 4.5 remembers of a study what this process has added.
    searches = [trial.user_attrs["search"].split() for trial in optuna.load_study(**where).trials]
    assert len(searches) == 10
    assert {place for _, place in searches} == {"0.0", "0.1", "0.2", "0.3", "1"}
    assert len({run for run, _ in searches}) == 1


@needs_callbacks
def test_a_tracker_of_something_else_is_refused(iris, study):
    grid = GridSearchCV(make(), {"channels": [4]}, cv=2).set_callbacks(OptunaTracker(study))
    with pytest.raises(TypeError, match="OptunaTracker is a callback of OpDistNASClassifier, got GridSearchCV"):
        grid.fit(*iris)


def test_a_storage_that_fails_ends_no_search(study, caplog, monkeypatch):
    def fail(trial):
        raise OSError("disk full")

    tracker = OptunaTracker(study)
    monkeypatch.setattr(study, "add_trial", fail)
    table = TabularEvaluator(NASBench201Space(), score)
    assert len(run_search(RandomSearch(), table, n_trials=3, random_state=5, callback=tracker).trials) == 3
    messages = [record.getMessage() for record in caplog.records if record.name.startswith("skopdist.tracking")]
    assert messages == [f"OptunaTracker could not hand on trial {i}: OSError: disk full" for i in range(3)]


def test_a_study_that_minimises_is_refused():
    for directions in (["minimize"], ["maximize", "maximize"]):
        with pytest.raises(ValueError, match="must maximise one objective"):
            OptunaTracker(optuna.create_study(directions=directions))


def test_without_optuna_the_extra_is_named(said_without):
    said = said_without("optuna", "from skopdist.tracking import OptunaTracker", "OptunaTracker(None)")
    assert "pip install 'skopdist[optuna]'" in said
