"""Fitted estimators in files of skops, which name every type before anything is made of it."""

import numpy as np
import pytest
from everything import STRATEGIES

from skopdist import OpDistNASClassifier, Refit
from skopdist.encodings import AdjacencyEncoding
from skopdist.strategies import RandomSearch
from skopdist.training import Training

io = pytest.importorskip("skops.io")

SETTINGS = {"n_trials": 2, "max_epochs": 1, "n_cells": 1, "channels": 8, "random_state": 0}
# Whatever else is in a file is of skopdist.
FOREIGN = (
    "skorch.dataset.Dataset",
    "torch.nn.modules.loss.CrossEntropyLoss",
    "torch.optim.adamw.AdamW",
    "torch.optim.sgd.SGD",
    "sklearn.metrics.",
)


def stored(clf, path):
    """Return what skops makes of an estimator, and the types that it does not trust by itself."""
    io.dump(clf, path)
    types = io.get_untrusted_types(file=path)
    return io.load(path, trusted=types), types


def check(clf, X, y, path):
    clf = clf.fit(X, y)
    restored, types = stored(clf, path)
    np.testing.assert_array_equal(restored.predict_proba(X), clf.predict_proba(X))
    assert restored.best_distribution_ == clf.best_distribution_
    assert restored.sample_architecture(5, 0) == clf.sample_architecture(5, 0)
    assert [name for name in types if not name.startswith(("skopdist.", *FOREIGN))] == []
    # It can go on where it stopped.
    longer = restored.set_params(warm_start=True, n_trials=3).fit(X, y)
    expected = clf.set_params(warm_start=True, n_trials=3).fit(X, y)
    np.testing.assert_array_equal(longer.search_results_["score"], expected.search_results_["score"])
    np.testing.assert_array_equal(longer.predict_proba(X), expected.predict_proba(X))


@pytest.mark.parametrize("strategy", STRATEGIES, ids=str)
def test_every_strategy(strategy, iris, tmp_path):
    check(OpDistNASClassifier(strategy, **SETTINGS), *iris, tmp_path / "clf.skops")


@pytest.mark.parametrize("space", ["nasbench201", "image", "nasbench101", "darts", "macro"])
def test_every_space_for_images(space, images, tmp_path):
    X, y = images
    check(OpDistNASClassifier(search_space=space, **SETTINGS), X[:60], y[:60], tmp_path / "clf.skops")


@pytest.mark.parametrize(
    "changes",
    [
        {"encoding": AdjacencyEncoding()},
        {"limits": {"params": 20_000, "flops": 20_000}},
        {"n_members": 2, "refit": Refit(channels=12)},
        {"class_weight": "balanced"},
        {"training": Training(early_stopping=1)},
    ],
    ids=["adjacency", "limits", "committee", "class_weight", "early_stopping"],
)
def test_options(changes, iris, tmp_path):
    X, y = iris
    check(OpDistNASClassifier(**SETTINGS | changes), X, np.array(list("abc"))[y], tmp_path / "clf.skops")


def test_series(series, tmp_path):
    check(OpDistNASClassifier(RandomSearch(), **SETTINGS), *series, tmp_path / "clf.skops")
