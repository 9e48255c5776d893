"""Tests of descriptions by content."""

import functools
import logging
import os
import pickle
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.metrics import accuracy_score, make_scorer
from skorch.callbacks import EarlyStopping

from skopdist import OperationDistribution, Prior
from skopdist._identity import describe, describe_parts, differences, fingerprint
from skopdist.encodings import Limit
from skopdist.evaluators import TabularEvaluator, TrainingEvaluator
from skopdist.networks import NetworkCosts
from skopdist.spaces import DenseSpace, NASBench201Space
from skopdist.strategies import BayesianOptimization, LocalSearch

WEIGHT = 2.0


def make_closure(value):
    return lambda x: x * value


def outer(x):
    return helper(x) + 1


def helper(x):
    return 3 * x


def weighted(x):
    return x * WEIGHT


class Plain:
    def __init__(self, value):
        self.value = value

    def __call__(self, x):
        return x + self.value


class Slotted:
    __slots__ = ("value",)

    def __init__(self, value):
        self.value = value


def table(change=None):
    scores = {(a, b): float(i) for i, (a, b) in enumerate((a, b) for a in "abcdefghij" for b in "abcdefghij")}
    return scores | (change or {})


SAME = {
    "functions of another name": (lambda x: x + 1, (lambda y: lambda x: x + 1)(0)),
    "closures": (make_closure(3), make_closure(3)),
    "defaults": (lambda x, n=3: x, lambda x, n=3: x),
    "sets in functions": (lambda x: x in {"a", "b", "c"}, lambda x: x in {"c", "b", "a"}),
    "arrays": (np.arange(4.0), np.arange(4.0)),
    "views": (np.arange(8.0)[::2], np.arange(8.0)[::2].copy()),
    "numbers of numpy": (np.float64(0.5), 0.5),
    "mappings in another order": ({"a": 1, "b": 2}, {"b": 2, "a": 1}),
    "tables in another order": (table(), dict(reversed(table().items()))),
    "lists and tuples": (["a", 1], ("a", 1)),
    "objects": (Plain(3), Plain(3)),
    "objects with slots": (Slotted(3), Slotted(3)),
    "partials": (functools.partial(helper, x=1), functools.partial(helper, x=1)),
    "methods": (Plain(1).__call__, Plain(1).__call__),
    "estimators": (LocalSearch(), LocalSearch()),
    "distributions": (OperationDistribution(["a", "b"], [0.5, 0.5]), OperationDistribution(["a", "b"], [0.5, 0.5])),
    "scorers": (make_scorer(accuracy_score), make_scorer(accuracy_score)),
    "callbacks": (EarlyStopping(patience=3), EarlyStopping(patience=3)),
    "generators": (np.random.default_rng(3), np.random.default_rng(3)),
    "tensors": (torch.ones(3), torch.ones(3, requires_grad=True)),
    "modules": (torch.nn.CrossEntropyLoss(weight=torch.ones(3)), torch.nn.CrossEntropyLoss(weight=torch.ones(3))),
    "long texts": ("a" * 1000, "a" * 1000),
}
OTHER = {
    "bodies": (lambda x: x + 1, lambda x: x - 1),
    "constants": (lambda x: x + 1, lambda x: x + 2),
    "names in bodies": (lambda x: x.sum(), lambda x: x.mean()),
    "closures": (make_closure(3), make_closure(4)),
    "closures over arrays": (make_closure(np.arange(500)), make_closure(np.arange(500) + 1)),
    "closures over functions": (make_closure(make_closure(1)), make_closure(make_closure(2))),
    "defaults": (lambda x, n=3: x, lambda x, n=4: x),
    "keyword defaults": (lambda *, n=3: n, lambda *, n=4: n),
    "inner functions": (lambda x: [y + 1 for y in x], lambda x: [y + 2 for y in x]),
    "arrays": (np.arange(4.0), np.arange(4.0) + 1e-12),
    "shapes": (np.zeros((2, 3)), np.zeros((3, 2))),
    "kinds of numbers": (np.zeros(2, np.float32), np.zeros(2, np.float64)),
    "tables": (table(), table({("a", "b"): 7.5})),
    "objects": (Plain(3), Plain(4)),
    "objects with slots": (Slotted(3), Slotted(4)),
    "partials": (functools.partial(helper, x=1), functools.partial(helper, x=2)),
    "methods": (Plain(1).__call__, Plain(2).__call__),
    "methods of texts": ("a".count, "b".count),
    "functions of libraries": (len, max),
    "functions of numpy": (np.add, np.subtract),
    "classes of libraries": (torch.optim.SGD, torch.optim.Adam),
    "estimators": (LocalSearch(), LocalSearch(7)),
    "scorers": (make_scorer(accuracy_score), make_scorer(accuracy_score, greater_is_better=False)),
    "callbacks": (EarlyStopping(patience=3), EarlyStopping(patience=4)),
    "generators": (np.random.default_rng(3), np.random.default_rng(4)),
    "modules": (torch.nn.CrossEntropyLoss(weight=torch.ones(3)), torch.nn.CrossEntropyLoss(weight=torch.zeros(3))),
    "long texts": ("a" * 1000, "a" * 1001),
    "texts and numbers": ("1", 1),
    "priors": (
        Prior(OperationDistribution(["a", "b"], [0.5, 0.5])),
        Prior(OperationDistribution(["a", "b"], [0.5, 0.5]), 5),
    ),
}


@pytest.mark.parametrize("name", SAME)
def test_equal_content_is_described_alike(name):
    one, other = SAME[name]
    assert describe(one) == describe(other)
    assert len(describe(one)) < 150


@pytest.mark.parametrize("name", OTHER)
def test_other_content_is_described_otherwise(name):
    one, other = OTHER[name]
    assert describe(one) != describe(other)


def test_a_cache_changes_nothing():
    cached = functools.lru_cache(helper)
    before = describe(cached)
    cached(3)
    assert describe(cached) == before != describe(functools.lru_cache(weighted))
    costs = NetworkCosts((1, 8, 8), 10, channels=4, n_cells=1)
    limit = Limit("parameters", costs.n_parameters, 1e6)
    before = describe(limit)
    space = NASBench201Space()
    limit.of(space.sample(space.uniform(), random_state=0))
    assert describe(limit) == before
    assert describe(Limit("parameters", costs.flops, 1e6)) != before
    assert describe(Limit("parameters", NetworkCosts((1, 9, 9), 10, channels=4, n_cells=1).n_parameters, 1e6)) != before


def test_what_a_function_refers_to_is_part_of_it(monkeypatch):
    before = describe(outer), describe(weighted)
    monkeypatch.setattr(sys.modules[__name__], "helper", lambda x: 4 * x)
    monkeypatch.setattr(sys.modules[__name__], "WEIGHT", 3.0)
    assert describe(outer) != before[0]
    assert describe(weighted) != before[1]


def test_the_methods_of_an_own_class_are_part_of_it():
    def make(body, base=TabularEvaluator):
        return type("Own", (base,), {"_evaluate": body, "__module__": __name__, "__qualname__": "Own"})

    one, same, other = make(lambda self: 1), make(lambda self: 1), make(lambda self: 2)
    assert describe(one) == describe(same) != describe(other)
    assert describe(make(None, one)) != describe(make(None, other))


def test_what_is_part_of_itself():
    loop = [1]
    loop.append(loop)

    def recursive(n):
        return recursive(n - 1) if n else 0

    assert "itself" in describe(loop)
    assert describe(recursive).startswith("function ")


def test_what_cannot_be_pickled():
    assert describe(threading.Lock()) == describe(threading.Lock())
    assert describe(logging.getLogger("a.b")) == "logger a.b"
    assert describe(Path("here")) == "path 'here'"
    assert describe(np) == "module numpy"
    assert describe(i for i in range(3)).startswith("builtins.generator")


def test_descriptions_hold_in_another_process():
    values = [describe(one) for one, _ in SAME.values()] + [describe(other) for _, other in OTHER.values()]
    code = (
        "import importlib, os, sys; sys.path.insert(0, os.getcwd())\n"
        "module = importlib.import_module(sys.argv[1])\n"
        "OTHER, SAME, describe = module.OTHER, module.SAME, module.describe\n"
        "print('\\n'.join([describe(a) for a, _ in SAME.values()] + [describe(b) for _, b in OTHER.values()]))\n"
    )
    folder = Path(__file__).parents[__name__.count(".")]
    # With other hashes of texts, on which the order of sets depends.
    environment = os.environ | {"PYTHONHASHSEED": "7"}
    done = subprocess.run(
        [sys.executable, "-c", code, __name__],
        capture_output=True,
        text=True,
        check=True,
        env=environment,
        cwd=folder,
    )
    assert done.stdout.splitlines() == values


def test_parts_have_names_of_their_own():
    assert describe_parts("strategy", BayesianOptimization()) == {
        "strategy": "BayesianOptimization",
        "strategy__n_initial": "3",
        "strategy__smooth": "('paths')",
        "strategy__transform": "'log'",
        "strategy__trial_batch": "4",
    }
    nested = describe_parts("evaluator", TabularEvaluator(NASBench201Space(("none", "skip_connect")), len))
    assert nested["evaluator__space__operations"] == "('none', 'skip_connect')"
    assert describe_parts("seed", 3) == {"seed": "3"}


def test_differences_are_sentences():
    one = {"a": "1", "b": "2", "c": "3"}
    assert differences(one, dict(one)) == []
    assert differences(one, {"a": "1", "b": "5", "d": "4"}) == [
        "b: 2 then, 5 now",
        "c: 3 then, not given now",
        "d: not given then, 4 now",
    ]
    assert fingerprint(one) == fingerprint(dict(reversed(one.items()))) != fingerprint(one | {"a": "2"})


# Of evaluators


def test_of_a_table_its_content_counts():
    space = NASBench201Space()
    tables = [{("none",) * 6: 0.1}, {("none",) * 6: 0.2}, len, max]
    identities = [TabularEvaluator(space, scores).identity() for scores in tables]
    assert len({fingerprint(identity) for identity in identities}) == 4
    assert set(differences(identities[0], identities[1])) == {
        "evaluator__scores: {('none', 'none', 'none', 'none', 'none', 'none'): 0.1} then, "
        "{('none', 'none', 'none', 'none', 'none', 'none'): 0.2} now"
    }


def test_of_a_training_the_data_count_and_the_device_does_not(iris):
    X, y = iris

    def identity(X=X, y=y, random_state=0, **settings):
        return TrainingEvaluator(**settings).fit(X, y, random_state=random_state).identity()

    assert identity() == identity(device="cpu")
    assert any(name.startswith("evaluator__data") for name in identity())
    space = DenseSpace(["linear_relu", "skip_connect"])
    for other in ({"X": X + 1e-9}, {"y": y[::-1]}, {"random_state": 1}, {"n_cells": 2}, {"space": space}):
        assert identity(**other) != identity()
    copied = pickle.loads(pickle.dumps(TrainingEvaluator().fit(X, y, random_state=0)))
    assert copied.identity() == identity()
