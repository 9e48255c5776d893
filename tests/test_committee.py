"""Tests of networks that predict together; those of whole fits are beside the classifier's."""

import numpy as np

from skopdist.committee import choose_members
from skopdist.evaluators import TabularEvaluator
from skopdist.search import run_search
from skopdist.spaces import DenseSpace
from skopdist.strategies import RandomSearch

SPACE = DenseSpace()


def search(score, n_trials=12):
    return run_search(RandomSearch(), TabularEvaluator(SPACE, score), n_trials=n_trials, random_state=0).trials


def draw(i):
    return SPACE.sample(SPACE.uniform(), random_state=i)


def test_the_best_come_first_and_each_once():
    trials = search(lambda operations: operations.count("linear_relu"))
    chosen = choose_members([*trials, *trials], 4, draw)
    scores = [architecture.operations.count("linear_relu") for architecture in chosen]
    assert len(set(chosen)) == 4
    assert scores == sorted((trial.score for trial in trials), reverse=True)[:4]


def test_failed_trials_are_no_members():
    trials = search(lambda operations: np.nan if "none" in operations else 1.0)
    assert all("none" not in a.operations for a in choose_members(trials, 2, draw)[:1])


def test_draws_come_behind_the_trials_and_end():
    trials = search(len, n_trials=1)
    chosen = choose_members(trials, 3, draw)
    assert chosen[0] == trials[0].architecture
    assert len(set(chosen)) == 3
    assert choose_members(trials, 3, lambda i: trials[0].architecture) == chosen[:1]
