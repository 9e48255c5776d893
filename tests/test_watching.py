"""Who watches a fit: callbacks of scikit-learn, the log, and what is printed."""

import logging
import pickle
import subprocess
import sys

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skopdist import OpDistNASClassifier
from skopdist._callbacks import HAS_CALLBACKS
from skopdist.evaluators import TabularEvaluator
from skopdist.search import SearchFailedError, run_search
from skopdist.spaces import NASBench201Space
from skopdist.strategies import RandomSearch
from skopdist.training import Training

needs_callbacks = pytest.mark.skipif(not HAS_CALLBACKS, reason="scikit-learn has no callbacks before 1.9")


def make(**changes):
    settings = {"n_trials": 4, "max_epochs": 1, "n_cells": 1, "channels": 4, "n_members": 3, "random_state": 0}
    return OpDistNASClassifier(RandomSearch(), **(settings | changes))


class Recorder:
    """Records what a callback is told, and stops where it should."""

    def __init__(self, stop=None, error=None):
        self.stop, self.error = stop, error
        self.begun, self.ended, self.trials, self.scores, self.setups = [], [], [], [], []

    def setup(self, estimator, context):
        self.setups.append("setup")

    def teardown(self, estimator, context):
        self.setups.append("teardown")

    def on_fit_task_begin(self, estimator, context):
        self.begun.append((context.task_name, context.task_id))

    def on_fit_task_end(self, estimator, context, *, X, y, metadata, fitted_estimator):
        task = context.task_name, context.task_id
        self.ended.append(task)
        self.trials.append(len(getattr(estimator, "trials_", ())))
        if fitted_estimator is not None:
            self.scores.append((context.task_name, fitted_estimator.score(X, y)))
        if task == self.stop:
            if self.error is not None:
                raise self.error
            return True
        return False


@needs_callbacks
def test_tasks_begin_and_end_in_order(iris):
    recorder = Recorder()
    clf = make().set_callbacks(recorder).fit(*iris)
    trials = [("trial", i) for i in range(4)]
    members = [("member", i) for i in range(3)]
    assert recorder.begun == [("fit", 0), ("search", 0), *trials, ("members", 1), *members]
    assert recorder.ended == [*trials, ("search", 0), *members, ("members", 1), ("fit", 0)]
    assert recorder.setups == ["setup", "teardown"]
    # The trials so far, and in the end the full trainings too.
    assert recorder.trials == [1, 2, 3, 4, 4, 4, 4, 4, 7, 7]
    assert len(clf.trials_) == 7
    # After each member there is an estimator that predicts with those so far.
    assert [name for name, _ in recorder.scores] == ["member"] * 3 + ["fit"]
    assert recorder.scores[-1][1] == clf.score(*iris)


@needs_callbacks
def test_callbacks_change_nothing(iris):
    plain, watched = make().fit(*iris), make().set_callbacks(Recorder()).fit(*iris)
    np.testing.assert_array_equal(plain.predict_proba(iris[0]), watched.predict_proba(iris[0]))
    assert not [name for name in vars(watched) if "callback" in name and name != "_skl_callbacks"]
    assert not [name for name in vars(plain) if "callback" in name]


@needs_callbacks
def test_a_callback_ends_the_search_as_ctrl_c_does(iris):
    recorder = Recorder(stop=("trial", 1))
    clf = make().set_callbacks(recorder).fit(*iris)
    assert clf.stop_reason_ == "callback"
    assert sum(not trial.final for trial in clf.trials_) == 2
    assert len(clf.nets_) == 3
    assert clf.predict(iris[0]).shape == (150,)
    assert ("trial", 2) not in recorder.begun
    assert recorder.ended[-1] == ("fit", 0)


@needs_callbacks
def test_a_callback_ends_the_training_of_members(images):
    recorder = Recorder(stop=("member", 1))
    # Networks for images are trained one after another.
    clf = make().set_callbacks(recorder).fit(*images)
    assert clf.stop_reason_ == "callback"
    assert len(clf.nets_) == 2
    assert clf.predict(images[0]).shape == (150,)
    assert ("member", 2) not in recorder.begun


@needs_callbacks
def test_ctrl_c_in_a_callback(iris):
    clf = make().set_callbacks(Recorder(stop=("trial", 1), error=KeyboardInterrupt())).fit(*iris)
    assert clf.stop_reason_ == "interrupted"
    assert len(clf.nets_) == 3
    recorder = Recorder(stop=("trial", 1), error=KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        clone(make()).set_callbacks(recorder).fit(*iris)
    assert recorder.setups[-1] == "teardown"


@needs_callbacks
def test_an_error_of_a_callback_is_raised_and_all_are_torn_down(iris):
    recorder = Recorder(stop=("trial", 1), error=ZeroDivisionError())
    clf = make().set_callbacks(recorder)
    with pytest.raises(ZeroDivisionError):
        clf.fit(*iris)
    assert recorder.setups == ["setup", "teardown"]
    assert not hasattr(clf, "_callback_fit_ctx")


@needs_callbacks
def test_a_failed_search_tears_down(iris):
    recorder = Recorder()
    clf = make(training=Training(lr=1e12)).set_callbacks(recorder)
    with pytest.raises(SearchFailedError):
        clf.fit(*iris)
    assert recorder.setups == ["setup", "teardown"]


@needs_callbacks
@pytest.mark.parametrize("n_jobs", [1, 2])
def test_callbacks_of_a_grid_see_into_its_fits(iris, n_jobs):
    from sklearn.callback import ScoringMonitor

    monitor = ScoringMonitor(scoring="accuracy")
    clf = make(n_members=2).set_callbacks(monitor)
    grid = GridSearchCV(clf, {"channels": [4, 8]}, cv=2, n_jobs=n_jobs).fit(*iris)
    # Two candidates, two splits and a last fit, with two members and the whole each.
    log = monitor.get_logs().data_as_pandas
    assert len(log) == 5 * 3
    assert log["accuracy"].between(0, 1).all()
    assert grid.best_estimator_.stop_reason_ == "n_trials"


class Watcher(Recorder):
    """A recorder that a grid hands down."""

    max_propagation_depth = None

    def on_fit_task_end(self, estimator, context):
        path, asked = [], context
        while asked is not None:
            path.insert(0, asked.task_name)
            asked = asked.parent
        self.ended.append(".".join(path))
        # Never the rest of the grid, for each fit keeps its best so far.
        return context.task_name == "trial"


@needs_callbacks
def test_a_stop_ends_a_search_of_a_grid_and_not_the_grid(iris):
    watcher = Watcher()
    grid = GridSearchCV(make(n_members=1), {"channels": [4, 8]}, cv=2).set_callbacks(watcher).fit(*iris)
    assert watcher.setups == ["setup", "teardown"]
    assert sum(path.endswith("search.trial") for path in watcher.ended) == 5
    assert grid.best_estimator_.stop_reason_ == "callback"
    assert grid.predict(iris[0]).shape == (150,)


@needs_callbacks
def test_in_a_pipeline(iris):
    recorder = Recorder()
    make_pipeline(StandardScaler(), make(n_trials=2, n_members=1).set_callbacks(recorder)).fit(*iris)
    assert ("trial", 1) in recorder.ended


@needs_callbacks
def test_the_bars_of_scikit_learn(iris, capsys):
    pytest.importorskip("rich")
    from sklearn.callback import ProgressBar

    make(n_trials=2, n_members=1).set_callbacks(ProgressBar()).fit(*iris)
    out = capsys.readouterr().out
    assert "OpDistNASClassifier - search" in out
    assert "OpDistNASClassifier - members" in out
    # Where time decides, nobody knows how many tasks there are.
    make(n_trials=None, n_members=None, max_time=1.5).set_callbacks(ProgressBar()).fit(*iris)


@needs_callbacks
def test_a_search_that_goes_on_shows_the_trials_on_record_too(iris):
    recorder = Recorder()
    clf = make(n_trials=2, n_members=1, warm_start=True).fit(*iris)
    clf.set_params(n_trials=3).set_callbacks(recorder).fit(*iris)
    assert [task for task in recorder.ended if task[0] == "trial"] == [("trial", i) for i in range(3)]


@needs_callbacks
def test_without_a_final_network_there_is_one_phase(iris):
    recorder = Recorder()
    make(refit=False).set_callbacks(recorder).fit(*iris)
    assert not [task for task in recorder.begun if "member" in task[0]]
    assert recorder.scores == []


@needs_callbacks
def test_a_pickle_holds_its_callbacks(iris):
    clf = pickle.loads(pickle.dumps(make(n_trials=2, n_members=1).set_callbacks(Recorder()).fit(*iris)))
    assert clf.predict(iris[0]).shape == (150,)


def test_below_1_9_callbacks_are_refused_and_all_else_is_there():
    code = (
        "try:\n"
        "    import skorch, sklearn.callback, sklearn.linear_model, sklearn.model_selection, sklearn.pipeline\n"
        "    del sklearn.callback.CallbackSupportMixin\n"
        "except ImportError:\n"
        "    pass\n"
        "from sklearn.datasets import load_iris\n"
        "from skopdist import OpDistNASClassifier\n"
        "clf = OpDistNASClassifier(n_trials=1, max_epochs=1, n_cells=1, channels=4, random_state=0, verbose=1)\n"
        "clf.fit(*load_iris(return_X_y=True))\n"
        "try: clf.set_callbacks()\n"
        "except NotImplementedError as error: print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "[1/1] score" in done.stdout
    assert "need scikit-learn 1.9 or newer, and this is" in done.stdout


# The log


def test_trials_and_members_are_logged(iris, caplog, capsys):
    caplog.set_level(logging.INFO, "skopdist")
    make().fit(*iris)
    assert capsys.readouterr() == ("", "")
    assert {record.name for record in caplog.records} == {"skopdist.search", "skopdist.classifier"}
    lines = [record.getMessage() for record in caplog.records]
    assert [line[:4] for line in lines] == ["[1] ", "[2] ", "[3] ", "[4] ", "memb", "memb", "memb"]


def test_failures_are_warnings(caplog, capsys):
    def score(operations):
        if operations[0] == "none":
            raise MemoryError("too large")
        return operations.count("nor_conv_3x3")

    run_search(RandomSearch(), TabularEvaluator(NASBench201Space(), score), n_trials=20, random_state=0)
    assert caplog.records
    assert {record.levelname for record in caplog.records} == {"WARNING"}
    assert all("failed: MemoryError: too large" in record.getMessage() for record in caplog.records)


def test_an_application_that_set_nothing_up_hears_nothing():
    code = (
        "from skopdist.evaluators import TabularEvaluator\n"
        "from skopdist.search import run_search\n"
        "from skopdist.spaces import NASBench201Space\n"
        "from skopdist.strategies import RandomSearch\n"
        "table = TabularEvaluator(NASBench201Space(), lambda o: o.count('none') or 1 / 0)\n"
        "run_search(RandomSearch(), table, n_trials=20, random_state=0)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("", "")


# What is printed


def test_verbose_prints_a_line_for_each_trial_and_member(iris, capsys):
    make().fit(*iris)
    assert capsys.readouterr() == ("", "")
    make(verbose=1).fit(*iris)
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == ["[1/4]", "[2/4]", "[3/4]", "[4/4]", "[member", "[member", "[member"]


@pytest.mark.filterwarnings("ignore:max_time=")
def test_time_left_is_within_max_time(iris, capsys):
    make(n_trials=None, n_members=None, max_time=2.0, verbose=1).fit(*iris)
    out = capsys.readouterr().out
    assert "[1] score" in out
    assert "[member 1] " in out
    assert {line.rpartition("(")[2] for line in out.splitlines() if "left" in line} <= {"1 s left)", "2 s left)"}


def test_fit_time(iris):
    clf = make(n_trials=1, n_members=1).fit(*iris)
    assert 0 < sum(trial.duration for trial in clf.trials_) < clf.fit_time_


def test_warnings_name_the_line_that_called_fit(iris):
    X, y = iris
    with pytest.warns(UserWarning, match="X is constant") as caught:
        make(n_trials=1, n_members=1).fit(np.ones_like(X), y)
    assert caught[0].filename == __file__
    with pytest.warns(UserWarning, match="max_time=.* too short for a pass") as caught:
        make(n_trials=1, n_members=1, max_time=1e-3).fit(np.tile(X, (40, 1)), np.tile(y, 40))
    assert {warning.filename for warning in caught} == {__file__}
