"""Limits of cost that a fit uses up."""

import pickle

import pytest
from sklearn.base import clone

from skopdist import OpDistNASClassifier
from skopdist.display import estimator_html
from skopdist.evaluators import TabularEvaluator, TrainingEvaluator
from skopdist.journal import read_journal
from skopdist.networks import NetworkCosts
from skopdist.spaces import DenseSpace
from skopdist.strategies import DifferentiableSearch, RandomSearch

SMALL = {"n_trials": 2, "max_epochs": 1, "random_state": 0}
ONE_BATCH = {"n_trials": 1, "max_epochs": 1, "training__batch_size": 1000, "random_state": 0}


def make(strategy=None, **parameters):
    return OpDistNASClassifier(RandomSearch() if strategy is None else strategy).set_params(**(SMALL | parameters))


def n_parameters(clf):
    return sum(p.numel() for net in clf.nets_ for p in net.module_.parameters())


@pytest.mark.parametrize("space", ["nasbench201", "darts", "nasbench101", "macro", "sequence", "dense"])
def test_the_trained_network_is_within_the_limit(space, digits):
    X, y = digits
    shape = {"sequence": (8, 8), "dense": None}.get(space, (1, 8, 8))
    small = make(search_space=space, input_shape=shape, limits={"params": 12_000}, **ONE_BATCH).fit(X, y)
    assert n_parameters(small) <= 12_000
    net = small.net_
    assert (net.module__n_cells, net.module__channels) == (small.n_cells_, small.channels_)
    # It is not what it is without a limit.
    usual = {"dense": 64, "sequence": 32}.get(space, 16)
    assert small.n_cells_ < 3 or small.channels_ < usual


def test_several_kinds_of_limits_hold(images):
    X, y = images
    limits = {"params": 20_000, "flops": 200_000, "latency": 10.0}
    clf = make(limits=limits, **ONE_BATCH).fit(X, y)
    costs = NetworkCosts((1, 8, 8), len(clf.classes_), clf.channels_, clf.n_cells_)
    assert (clf.n_cells_, clf.channels_) == (1, 8)
    assert costs.flops(clf.refit_architecture_) <= 200_000
    assert n_parameters(clf) == costs.n_parameters(clf.refit_architecture_) <= 20_000


def test_what_is_given_is_not_touched(iris):
    X, y = iris
    clf = make(n_cells=2, channels=5, limits={"params": 9000}).fit(X, y)
    assert (clf.n_cells_, clf.channels_) == (2, 5)
    clf = make(channels=5, limits={"params": 9000}).fit(X, y)
    assert (clf.n_cells_, clf.channels_) == (3, 5)
    clf = make(n_cells=2, limits={"params": 9000}).fit(X, y)
    assert clf.n_cells_ == 2
    assert (clf.n_cells, clf.channels) == (2, None)
    # No limit is no reason for another size.
    clf = make(limits={"params": None}).fit(X, y)
    assert (clf.n_cells_, clf.channels_) == (3, 64)


def test_an_evaluator_keeps_its_own_size(iris):
    evaluator = TrainingEvaluator(n_cells=1, channels=8)
    clf = make(evaluator=evaluator, max_epochs=None, limits={"params": 9000}).fit(*iris)
    assert (clf.n_cells_, clf.channels_) == (1, 8)
    # A table has none.
    table = TabularEvaluator(DenseSpace(), lambda operations: operations.count("linear_relu"))
    clf = make(evaluator=table, limits={"params": 9000}).fit(*iris)
    assert n_parameters(clf) <= 9000
    assert (clf.n_cells_, clf.channels_) != (3, 64)


@pytest.mark.parametrize("parameters", [{"n_members": 2, "n_trials": 4}, {"max_time": 60.0}], ids=str)
def test_however_it_is_fitted(parameters, iris):
    clf = make(limits={"params": 9000}, **parameters).fit(*iris)
    assert n_parameters(clf) <= 9000


def test_a_committee_has_smaller_networks(iris):
    one, three = (make(limits={"params": 9000}, n_members=n, n_trials=1).fit(*iris) for n in (1, 3))
    assert (three.n_cells_, three.channels_) < (one.n_cells_, one.channels_)
    assert n_parameters(three) <= 9000


def test_a_supernet_has_the_size_too(iris):
    clf = make(DifferentiableSearch(n_warmup=1), limits={"params": 9000}, refit=False).fit(*iris)
    assert clf.evaluator_.channels == clf.channels_ != 64


def test_a_limit_that_nothing_meets(images):
    message = (
        r"No architecture of length 6 in ImageSpace is within the limit limits\[\"params\"\]=100, where the "
        r"smallest possible cost is \d+\. Raise the limit, .* n_cells=1, channels=4"
    )
    with pytest.raises(ValueError, match=message):
        make(limits={"params": 100}).fit(*images)


def test_a_journal_knows_the_size(iris, tmp_path):
    path = tmp_path / "trials.jsonl"
    first = make(limits={"params": 9000}, journal=path).fit(*iris)
    identity = read_journal(path).identity
    assert identity["channels"] == str(first.channels_)
    assert identity["n_cells"] == str(first.n_cells_)
    # What was chosen may be given instead.
    size = {"n_cells": first.n_cells_, "channels": first.channels_}
    again = make(limits={"params": 9000}, journal=path, n_trials=3, **size).fit(*iris)
    assert [t.score for t in again.trials_[:2]] == [t.score for t in first.trials_]
    with pytest.raises(ValueError, match=r"channels: \d+ then, \d+ now; limits: .*9000.* then, .*90000.* now"):
        make(limits={"params": 90_000}, journal=path).fit(*iris)


def test_a_warm_start_keeps_the_size(iris, monkeypatch):
    scale = 1e-3
    monkeypatch.setattr(NetworkCosts, "latency", lambda self, a: scale * self.n_parameters(a))
    clf = make(limits={"latency": 9.0}, warm_start=True).fit(*iris)
    size = clf.n_cells_, clf.channels_
    # As if the machine were busier by a tenth.
    scale *= 1.1
    clf.set_params(n_trials=3).fit(*iris)
    assert (clf.n_cells_, clf.channels_) == size
    assert len(clf.trials_) == 3


def test_clones_and_pickles(iris):
    clf = make(limits={"params": 9000}).fit(*iris)
    loaded = pickle.loads(pickle.dumps(clf))
    assert (loaded.n_cells_, loaded.channels_) == (clf.n_cells_, clf.channels_)
    assert (loaded.predict_proba(iris[0]) == clf.predict_proba(iris[0])).all()
    again = clone(clf)
    assert not hasattr(again, "channels_")
    assert (again.fit(*iris).predict_proba(iris[0]) == clf.predict_proba(iris[0])).all()


def test_a_notebook_shows_the_size(iris):
    clf = make(limits={"params": 9000}).fit(*iris)
    assert f"n_cells={clf.n_cells_}, channels={clf.channels_}, " in estimator_html(clf)
