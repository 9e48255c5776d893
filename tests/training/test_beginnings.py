import copy
import gc
import pickle

import numpy as np
import pytest
import torch
from torch import nn

from skopdist import OpDistNASClassifier
from skopdist.networks import Network
from skopdist.operations import register_stem
from skopdist.problem import Problem
from skopdist.spaces import SequenceSpace
from skopdist.training import _beginnings
from skopdist.training._beginnings import Beginning, Beginnings, describe_stem


class RandomKernels(nn.Module):
    """A stem whose features are drawn when it is made."""

    def __init__(self, size):
        super().__init__()
        self.register_buffer("kernels", torch.randn(6, size.channels_in, 3))
        self.mix = nn.Linear(6, size.channels_out)

    def begin(self, x):
        return nn.functional.conv1d(x, self.kernels).amax(dim=2)

    def end(self, features):
        return self.mix(features)[:, :, None]

    def forward(self, x):
        return self.end(self.begin(x))


@register_stem("random_kernels_stem", n_spatial=1, summarizes=True)
def random_kernels_stem(size):
    return RandomKernels(size)


def make_samples(n=8):
    rng = np.random.default_rng(0)
    return Problem.of(rng.normal(size=(n, 1, 16)).astype(np.float32), np.arange(n) % 2).everything


def make(stem, seed=0, channels=4):
    space = SequenceSpace(stems=(stem,))
    architecture = space.sample(space.uniform(), 3, random_state=0)
    torch.manual_seed(seed)
    return Network(architecture, (1, 16), 2, channels=channels, n_cells=1), architecture


def beginning(n=8):
    return Beginning({}, torch.zeros(n, 3))


def test_it_is_found_by_samples_and_stem():
    samples, others = make_samples(), make_samples()
    beginnings, one = Beginnings(), beginning()
    beginnings.keep(samples, "stem", one)
    assert beginnings.find(samples, "stem") is one
    assert beginnings.find(samples, "another stem") is None
    assert beginnings.find(others, "stem") is None


def test_it_is_forgotten_with_the_samples():
    beginnings, samples = Beginnings(), make_samples()
    beginnings.keep(samples, "stem", beginning())
    assert len(beginnings._known) == 1
    del samples
    gc.collect()
    assert len(beginnings._known) == 0


def test_memory_is_bounded(monkeypatch):
    monkeypatch.setattr(_beginnings, "_MOST_BYTES", 8 * 3 * 4)
    beginnings, samples = Beginnings(), make_samples()
    beginnings.keep(samples, "first", beginning())
    beginnings.keep(samples, "second", beginning())
    assert beginnings.find(samples, "first") is not None
    assert beginnings.find(samples, "second") is None


def test_all_is_forgotten_when_asked():
    beginnings, samples = Beginnings(), make_samples()
    beginnings.keep(samples, "stem", beginning())
    beginnings.forget()
    assert beginnings.find(samples, "stem") is None


def test_a_fitted_estimator_keeps_none():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(24, 1, 20)), np.arange(24) % 2
    settings = {"max_epochs": 1, "channels": 4, "n_cells": 1, "n_members": 2, "random_state": 0}
    clf = OpDistNASClassifier(n_trials=2, search_space=SequenceSpace(stems=["minirocket_stem"]), **settings).fit(X, y)
    assert len(clf.evaluator_.trainer_.beginnings._known) == 0


@pytest.mark.parametrize("duplicate", [copy.deepcopy, lambda thing: pickle.loads(pickle.dumps(thing))])
def test_copies_are_empty(duplicate):
    beginnings, samples = Beginnings(), make_samples()
    beginnings.keep(samples, "stem", beginning())
    assert duplicate(beginnings).find(samples, "stem") is None


def test_stems_are_alike_but_for_their_weights():
    assert describe_stem(*make("minirocket_stem", seed=0)) == describe_stem(*make("minirocket_stem", seed=1))
    assert describe_stem(*make("minirocket_stem")) != describe_stem(*make("minirocket_stem", channels=6))
    assert describe_stem(*make("minirocket_stem")) != describe_stem(*make("random_kernels_stem"))


def test_stems_with_other_random_kernels_are_others():
    assert describe_stem(*make("random_kernels_stem", 0)) == describe_stem(*make("random_kernels_stem", 0))
    assert describe_stem(*make("random_kernels_stem", 0)) != describe_stem(*make("random_kernels_stem", 1))
