"""Predictions where time is limited."""

import numpy as np
import pytest
import torch

from skopdist.problem import Problem
from skopdist.training import Predictor, affordable
from skopdist.training import _prediction as prediction


@pytest.fixture(scope="module")
def rows():
    X = np.random.default_rng(0).normal(size=(700, 3))
    return Problem.of(X, np.arange(700) % 2).everything


@pytest.fixture
def clock(monkeypatch):
    """A clock that is a second further whenever it is looked at."""
    times = iter(range(100))
    monkeypatch.setattr(prediction.time, "monotonic", lambda: float(next(times)))


class Counting:
    """Predicts, and notes how many rows it was given."""

    def __init__(self, predict=None):
        torch.manual_seed(0)
        self.predict = Predictor(torch.nn.Linear(3, 2), 0) if predict is None else predict
        self.asked = []

    def __call__(self, rows):
        self.asked.append(len(rows))
        return self.predict(rows)


@pytest.mark.parametrize(("seconds", "n"), [(0.0, 256), (1.0, 256), (1.5, 384), (2.0, 512), (100.0, 700)])
def test_so_many_rows_are_predicted_as_there_is_time_for_and_each_once(rows, seconds, n, clock, untouched_generators):
    with torch.random.fork_rng():
        counting = Counting()
    chosen, predict = affordable(rows, seconds, counting)
    assert chosen.rows.tolist() == rows.rows[:n].tolist()
    probabilities = predict(chosen)
    assert sum(counting.asked) == n
    np.testing.assert_array_equal(probabilities, counting.predict(chosen))


def test_other_rows_are_predicted_as_before(rows, clock):
    with torch.random.fork_rng():
        counting = Counting()
    chosen, predict = affordable(rows, 2.0, counting)
    others = rows.take(np.arange(600, 700))
    np.testing.assert_array_equal(predict(others), counting.predict(others))
    np.testing.assert_array_equal(predict(chosen.inputs()), counting.predict(chosen))


def test_of_few_rows_all_are_predicted_at_once(rows):
    with torch.random.fork_rng():
        counting = Counting()
    few = rows.first(256)
    assert affordable(few, 0.0, counting) == (few, counting)
    assert counting.asked == []
