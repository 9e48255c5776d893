"""Nets in parts."""

import numpy as np
import pytest
from torch import nn

from skopdist import OpDistNASClassifier
from skopdist.training import put_together, take_apart

SETTINGS = {"n_trials": 1, "max_epochs": 3, "n_cells": 1, "channels": 8, "random_state": 0}


@pytest.mark.parametrize("weights", [None, "balanced"])
def test_a_net_is_put_together_again(weights, iris):
    X, y = iris
    net = OpDistNASClassifier(**SETTINGS, class_weight=weights).fit(X[:90], y[:90]).net_
    again = put_together(*take_apart(net))
    assert type(again) is type(net)
    np.testing.assert_array_equal(again.predict_proba(X), net.predict_proba(X))
    assert again.history[:, "train_loss"] == net.history[:, "train_loss"]
    assert "batches" not in again.history[0]
    assert again.lr == net.lr
    # And once more.
    np.testing.assert_array_equal(put_together(*take_apart(again)).predict_proba(X), net.predict_proba(X))


def test_only_what_predicts_and_how_it_was_trained_is_kept(iris):
    net = OpDistNASClassifier(**SETTINGS, net_params={"optimizer__momentum": 0.5, "callbacks": []}).fit(*iris).net_
    parts, weights = take_apart(net)
    assert parts["params"]["optimizer__momentum"] == 0.5
    assert not [name for name in parts["params"] if name.startswith(("callbacks", "iterator", "_"))]
    assert all(name.startswith("module_.") for name in weights)
    # A parameter that nothing asks for is not handed on.
    odd = parts | {"params": parts["params"] | {"iterator_train": "anything", "module": nn.Linear}}
    assert put_together(odd, weights).iterator_train is not odd["params"]["iterator_train"]


def test_other_modules_are_refused(iris):
    net = OpDistNASClassifier(**SETTINGS).fit(*iris).net_
    net.module_ = nn.Linear(4, 3)
    with pytest.raises(TypeError, match="its module is a Linear"):
        take_apart(net)
