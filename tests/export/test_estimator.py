"""Fitted estimators in files that hold no code."""

import json
import os
import pickle
import sys
from pathlib import Path

import joblib
import numpy as np
import pytest
import torch
from everything import STRATEGIES
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.metrics import accuracy_score, make_scorer
from sklearn.model_selection import GroupShuffleSplit
from skorch.exceptions import DeviceWarning
from torch import nn

from skopdist import OpDistNASClassifier, Prior, Refit
from skopdist.encodings import AdjacencyEncoding
from skopdist.evaluators import TabularEvaluator, TrainingEvaluator
from skopdist.export._tensors import read_tensors, write_tensors
from skopdist.export._values import Encoder
from skopdist.operations import register_operation
from skopdist.spaces import DenseSpace
from skopdist.strategies import RandomSearch
from skopdist.training import Training

SETTINGS = {"n_trials": 2, "max_epochs": 1, "n_cells": 1, "channels": 8, "random_state": 0}
# What is documented to be left out.
LEFT_OUT = {"strategy_", "_limits"}


def stored(clf, path):
    clf.save(path)
    return type(clf).load(path)


def check(clf, X, y, path):
    """Compare an estimator with the one that comes out of a file, also where both go on."""
    clf = clf.fit(X, y)
    loaded = stored(clf, path)
    np.testing.assert_array_equal(loaded.predict_proba(X), clf.predict_proba(X))
    assert set(vars(clf)) - set(vars(loaded)) <= LEFT_OUT
    for name in ("best_distribution_", "best_architecture_", "refit_architecture_", "best_score_", "stop_reason_"):
        assert getattr(loaded, name) == getattr(clf, name)
    assert loaded.classes_.dtype == clf.classes_.dtype
    assert [trial.to_dict() for trial in loaded.trials_] == [trial.to_dict() for trial in clf.trials_]
    for table in ("search_results_", "pareto_front_"):
        expected, found = getattr(clf, table), getattr(loaded, table)
        assert list(found) == list(expected)
        for column, values in expected.items():
            assert found[column].dtype == values.dtype
            np.testing.assert_array_equal(found[column], values)
    assert loaded.sample_architecture(5, 0) == clf.sample_architecture(5, 0)
    assert loaded.net_ is loaded.nets_[0]
    assert [net.history[:, "train_loss"] for net in loaded.nets_] == [net.history[:, "train_loss"] for net in clf.nets_]
    assert repr(loaded) == repr(clf)
    assert repr(clone(loaded)) == repr(clone(clf))
    # It can go on where it stopped, be pickled and saved again.
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(loaded)).predict_proba(X), clf.predict_proba(X))
    np.testing.assert_array_equal(stored(loaded, path).predict_proba(X), clf.predict_proba(X))
    longer = loaded.set_params(warm_start=True, n_trials=3).fit(X, y)
    expected = clf.set_params(warm_start=True, n_trials=3).fit(X, y)
    np.testing.assert_array_equal(longer.predict_proba(X), expected.predict_proba(X))
    return loaded


@pytest.mark.parametrize("strategy", STRATEGIES, ids=str)
def test_every_strategy(strategy, iris, tmp_path):
    check(OpDistNASClassifier(strategy, **SETTINGS), *iris, tmp_path / "a")


@pytest.mark.parametrize("space", ["sequence", "nasbench201", "image", "nasbench101", "darts", "macro"])
def test_every_space(space, images, series, tmp_path):
    X, y = series if space == "sequence" else images
    check(OpDistNASClassifier(search_space=space, **SETTINGS | {"n_members": 2}), X[:60], y[:60], tmp_path / "a")


@pytest.mark.parametrize(
    "changes",
    [
        {"encoding": AdjacencyEncoding(), "length": np.int64(4)},
        {"limits": {"params": 20_000, "flops": 20_000}},
        {"n_members": 2, "refit": Refit(channels=12)},
        {"class_weight": "balanced"},
        {"class_weight": {"a": 1, "b": 2.5, "c": 1}},
        {"training": Training(early_stopping=1, optimizer=torch.optim.AdamW)},
        {"validation_fraction": GroupShuffleSplit(1), "scoring": "neg_log_loss"},
        {"net_params": {"optimizer__momentum": 0.5}},
        {"search_space": DenseSpace(["linear_relu", "linear_tanh"])},
        {"evaluator": TrainingEvaluator("dense"), "n_cells": None, "channels": None, "max_epochs": None},
    ],
    ids=[
        "adjacency", "limits", "committee", "class_weight", "class weights", "training", "splitter", "net_params",
        "space", "evaluator",
    ],
)  # fmt: skip
def test_options(changes, iris, tmp_path):
    X, y = iris
    if isinstance(changes.get("validation_fraction"), GroupShuffleSplit):
        clf = OpDistNASClassifier(**SETTINGS | changes).fit(X, y, groups=np.arange(len(X)) % 20)
        np.testing.assert_array_equal(stored(clf, tmp_path / "a").predict_proba(X), clf.predict_proba(X))
        return
    check(OpDistNASClassifier(**SETTINGS | changes), X, np.array(list("abc"))[y], tmp_path / "a")


def test_data_frames_and_long_integers(tmp_path):
    pd = pytest.importorskip("pandas")
    rng = np.random.default_rng(0)
    X = pd.DataFrame({"id": 2**60 + rng.integers(0, 50, 60), "length": rng.normal(size=60)})
    loaded = check(OpDistNASClassifier(**SETTINGS), X, X["length"] > 0, tmp_path / "a")
    assert loaded.feature_names_in_.tolist() == ["id", "length"]


@pytest.mark.parametrize("state", [np.random.default_rng(0), np.random.RandomState(0)], ids=["generator", "state"])
def test_generators_go_on(state, iris, tmp_path):
    clf = OpDistNASClassifier(RandomSearch(), **SETTINGS | {"random_state": state}).fit(*iris)
    loaded = stored(clf, tmp_path / "a")
    assert loaded.random_state is not state
    np.testing.assert_array_equal(loaded.fit(*iris).predict_proba(iris[0]), clf.fit(*iris).predict_proba(iris[0]))


def test_tables_of_scores_and_priors(iris, tmp_path):
    X, y = iris
    space = DenseSpace(["linear_relu", "skip_connect"], stems=())
    scores = {(first, second, "linear_relu"): 0.5 for first in space.operations for second in space.operations}
    settings = {"n_trials": 2, "random_state": 0, "length": 3, "max_epochs": 1, "n_cells": 1, "channels": 8}
    known = OpDistNASClassifier(evaluator=TabularEvaluator(space, scores), **settings).fit(X, y)
    loaded = stored(known, tmp_path / "a")
    assert loaded.evaluator.scores == scores
    np.testing.assert_array_equal(loaded.predict_proba(X), known.predict_proba(X))
    again = stored(OpDistNASClassifier(search_space=space, prior=known, **settings).fit(X, y), tmp_path / "a")
    assert again.prior == Prior(known)


def test_a_search_without_a_final_network(iris, tmp_path):
    clf = OpDistNASClassifier(**SETTINGS, refit=False).fit(*iris)
    loaded = stored(clf, tmp_path / "a")
    assert loaded.best_distribution_ == clf.best_distribution_
    with pytest.raises(NotFittedError):
        loaded.predict(iris[0])


def test_subclasses(iris, tmp_path):
    class Mine(OpDistNASClassifier):
        pass

    clf = Mine(**SETTINGS).fit(*iris)
    assert type(stored(clf, tmp_path / "a")) is Mine
    with pytest.raises(ValueError, match="holds a Mine, and not a OpDistNASClassifier"):
        OpDistNASClassifier.load(tmp_path / "a")


def test_before_fit(tmp_path):
    with pytest.raises(NotFittedError):
        OpDistNASClassifier().save(tmp_path / "a")
    assert list(tmp_path.iterdir()) == []


def test_size(single, tmp_path):
    single.save(tmp_path / "a")
    weights = sum(tensor.nbytes for tensor in single.net_.module_.state_dict().values())
    assert (tmp_path / "a").stat().st_size < weights + 20_000


class MyStrategy(RandomSearch):
    """A strategy of the user's."""


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"scoring": make_scorer(accuracy_score)}, r"scoring is a sklearn\.metrics"),
        ({"scoring": lambda clf, X, y: 0.5}, "scoring is the function"),
        ({"strategy": MyStrategy()}, "strategy is a .*MyStrategy"),
        ({"net_params": {"callbacks": [print]}}, r"net_params\['callbacks'\]\[0\] is the function print"),
    ],
    ids=["scorer", "function", "strategy", "callbacks"],
)
def test_code_is_refused_by_name(changes, message, iris, tmp_path):
    clf = OpDistNASClassifier(**SETTINGS).fit(*iris).set_params(**changes)
    with pytest.raises(TypeError, match=rf"{message}.*set_params"):
        clf.save(tmp_path / "a")
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def registry(monkeypatch):
    """Forget the operations that a test registers."""
    module = sys.modules[register_operation.__module__]
    monkeypatch.setattr(module, "_REGISTRY", dict(module._REGISTRY))
    return module._REGISTRY


def test_operations_of_ones_own_have_to_be_registered(iris, tmp_path, registry):
    register_operation("mine", n_spatial=0)(lambda channels: nn.Linear(channels, channels))
    clf = OpDistNASClassifier(search_space=DenseSpace(["mine"], stems=()), **SETTINGS | {"n_trials": 1}).fit(*iris)
    np.testing.assert_array_equal(stored(clf, tmp_path / "a").predict_proba(iris[0]), clf.predict_proba(iris[0]))
    del registry["mine"]
    with pytest.raises(ValueError, match=r"needs the operations \['mine'\], which are not registered: import"):
        OpDistNASClassifier.load(tmp_path / "a")
    register_operation("mine", n_spatial=0)(lambda channels: nn.Linear(channels, channels, bias=False))
    with pytest.raises(ValueError, match=r"cannot be read .*register those"):
        OpDistNASClassifier.load(tmp_path / "a")


@pytest.fixture
def saved(single, tmp_path):
    single.save(tmp_path / "model")
    return tmp_path / "model"


def rewritten(path, sign=True, **texts):
    """Change texts of a file, and sign it anew, as an attacker would."""
    from skopdist.export._estimator import _digest

    arrays, known = read_tensors(path)
    known |= texts
    if sign:
        known["sha256"] = _digest(known["state"], arrays)
    write_tensors(path, arrays, known)
    return path


def refused(path):
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the caller looks at the message
        OpDistNASClassifier.load(path)
    assert str(path) in str(caught.value)
    return str(caught.value)


def test_missing(tmp_path):
    with pytest.raises(FileNotFoundError):
        OpDistNASClassifier.load(tmp_path / "no")


def test_cut_and_changed_files(saved):
    data = saved.read_bytes()
    for end in (0, 7, 100, len(data) // 2, len(data) - 1):
        saved.write_bytes(data[:end])
        assert "damaged" in refused(saved)
    # A bit of a weight, near the end.
    changed = bytearray(data)
    changed[-20] ^= 1
    saved.write_bytes(bytes(changed))
    assert "was changed after it was written" in refused(saved)
    rewritten(saved, sign=False, state=json.dumps({}))
    assert "was changed" in refused(saved)


def test_other_versions(saved):
    rewritten(saved, skopdist_format="2", versions=json.dumps({"skopdist": "9.0"}))
    message = refused(saved)
    assert "version '2'" in message
    assert "skopdist 9.0" in message
    assert "Install a newer skopdist" in message
    assert "version that wrote it" in refused(rewritten(saved, skopdist_format="0"))
    assert "unknown version" in refused(rewritten(saved, skopdist_format="", versions="no JSON"))


def test_files_of_something_else(saved, tmp_path):
    assert "no estimator" in refused(rewritten(saved, skopdist_kind=""))
    write_tensors(saved, {"weight": np.zeros(3)}, {})
    assert "no estimator" in refused(saved)
    np.savez(tmp_path / "a.npz", np.zeros(3))
    assert "no file that OpDistNASClassifier.save wrote" in refused(tmp_path / "a.npz")


class Hostile:
    """Touches a file when it is opened."""

    def __init__(self, mark):
        self.mark = mark

    def __reduce__(self):
        return os.mkdir, (str(self.mark),)


@pytest.mark.parametrize("form", ["pickle", "joblib", "npy", "torch", "within"])
def test_a_hostile_pickle_runs_nothing(form, saved, tmp_path):
    mark, evil = tmp_path / "mark", Hostile(tmp_path / "mark")
    path = tmp_path / "evil"
    if form == "pickle":
        path.write_bytes(pickle.dumps(evil))
    elif form == "joblib":
        joblib.dump(evil, path)
    elif form == "npy":
        np.save(tmp_path / "evil.npy", np.array([evil], dtype=object))
        path = tmp_path / "evil.npy"
    elif form == "torch":
        torch.save(evil, path)
    else:
        # In the bytes of an array, and in a text, of a file that is otherwise in order.
        arrays, texts = read_tensors(saved)
        path, code = saved, pickle.dumps(evil)
        arrays["array.0"] = np.frombuffer(code, np.uint8)
        write_tensors(path, arrays, texts | {"state": pickle.dumps(evil, 0).decode("latin1")})
        rewritten(path)
    refused(path)
    assert not mark.exists()
    pickle.loads(pickle.dumps(evil))
    assert mark.exists()


def hostile_states(state):
    """Yield states of a file in whose JSON a class or a function would be called."""
    call = {"class": "os.system", "arguments": {"command": "exit 1"}}
    yield state | {"objects": [call]}
    yield state | {"objects": [call | {"class": "builtins.exec"}]}
    yield state | {"params": {"strategy": {"type": "os.system"}}}
    yield state | {"params": {"no_such_parameter": 1}}
    yield state | {"nets": [{"dict": [["params", {"dict": [["module", {"type": "os.system"}]]}]]}]}
    yield state | {"nets": [1]}
    yield state | {"nets": [{"dict": []}]}
    yield state | {"attributes": {"trials_": {"object": 10**6}}}
    yield {}


def test_hostile_json_is_refused(saved, monkeypatch):
    def called(*args, **kwargs):
        raise AssertionError("called")

    monkeypatch.setattr(os, "system", called)
    data = saved.read_bytes()
    _, texts = read_tensors(saved)
    for state in hostile_states(json.loads(texts["state"])):
        saved.write_bytes(data)
        refused(rewritten(saved, state=json.dumps(state)))
    for text in ("[]", "null", "{", "[" * 10**5):
        saved.write_bytes(data)
        refused(rewritten(saved, state=text))


def test_a_module_that_a_file_names_is_not_imported(saved):
    _, texts = read_tensors(saved)
    state = json.loads(texts["state"])
    name = "antigravity"
    assert name not in sys.modules
    refused(rewritten(saved, state=json.dumps(state | {"objects": [{"class": f"{name}.fly", "arguments": {}}]})))
    assert name not in sys.modules


def test_net_parameters_from_a_file_are_only_those_that_are_known(saved, single):
    _, texts = read_tensors(saved)
    state = json.loads(texts["state"])
    (pair,) = [pair for pair in state["nets"][0]["dict"] if pair[0] == "params"]
    encode = Encoder()
    pair[1]["dict"] += [["iterator_train", "os"], ["callbacks", encode([], "x")], ["module", "os.system"]]
    net = OpDistNASClassifier.load(rewritten(saved, state=json.dumps(state))).net_
    assert type(net.module_) is type(single.net_.module_)
    assert net.iterator_train != "os"


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
def test_networks_for_a_device_that_is_missing_are_on_the_cpu(saved, single, iris):
    _, texts = read_tensors(saved)
    state = json.loads(texts["state"])
    (pair,) = [pair for pair in state["nets"][0]["dict"] if pair[0] == "params"]
    (device,) = [item for item in pair[1]["dict"] if item[0] == "device"]
    device[1] = "cuda:0"
    rewritten(saved, state=json.dumps(state))
    with pytest.warns(DeviceWarning, match="cpu"):
        loaded = OpDistNASClassifier.load(saved)
    np.testing.assert_array_equal(loaded.predict_proba(iris[0]), single.predict_proba(iris[0]))


def test_paths_may_be_texts_and_begin_at_home(single, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    single.save("~/model")
    assert Path(tmp_path / "model").exists()
    assert OpDistNASClassifier.load("~/model").classes_.tolist() == [0, 1, 2]
    with pytest.raises(FileNotFoundError, match="make it first"):
        single.save(os.fspath(tmp_path / "no" / "model"))
