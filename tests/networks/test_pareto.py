import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from skopdist import Architecture, Cell, OperationDistribution
from skopdist.networks import pareto_front
from skopdist.trial import Trial


def trial(index, n_layers, score, status="ok"):
    cell = Cell(["linear_relu"] * n_layers, [(i, i + 1) for i in range(n_layers)])
    return Trial(Architecture([cell]), OperationDistribution(["linear_relu"], [1.0]), score, index=index, status=status)


def test_pareto_front():
    trials = [
        trial(0, 3, 0.8),
        trial(1, 1, 0.5),
        trial(2, 3, 0.7),
        trial(3, 2, 0.5),
        trial(4, 2, 0.6),
        trial(5, 9, float("nan"), "failed"),
        trial(6, 1, 0.99, "invalid"),
        trial(7, 1, 0.5),
    ]
    front = pareto_front(trials, {"layers": lambda architecture: architecture.length})
    assert {name: column.tolist() for name, column in front.items()} == {
        "trial": [0, 4, 1, 7],
        "score": [0.8, 0.6, 0.5, 0.5],
        "layers": [3, 2, 1, 1],
    }
    assert len(pareto_front(trials[5:7], {"layers": lambda architecture: 1})["trial"]) == 0


@given(
    st.lists(st.tuples(*[st.sampled_from([0.0, -0.0, 0.5, 1.0, 2.0, float("inf"), float("nan")])] * 3), max_size=12),
    st.integers(0, 2),
    st.sampled_from([1, 2, 128]),
)
def test_the_front_is_that_of_the_definition(rows, n_costs, block):
    trials = [trial(i, i + 1, score) for i, (score, *_) in enumerate(rows)]
    costs = {f"cost{j}": lambda architecture, j=j: rows[architecture.length - 1][1 + j] for j in range(n_costs)}
    values = [(-score, *others[:n_costs]) for score, *others in rows]

    def beats(a, b):
        pairs = list(zip(a, b, strict=True))
        return all(x <= y for x, y in pairs) and any(x < y for x, y in pairs)

    expected = {i for i, b in enumerate(values) if not any(beats(a, b) for a in values)}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("skopdist.networks._pareto._BLOCK", block)
        front = pareto_front(trials, costs)
    assert set(front["trial"].tolist()) == expected
    assert len(front["trial"]) == len(expected)


@pytest.mark.parametrize("is_front", [True, False])
def test_the_front_of_many_trials_needs_little_memory(is_front):
    n, rng = 20_000, np.random.default_rng(0)
    scores, noise = rng.random(n), rng.random(n)
    trials = [trial(i, 1, float(score)) for i, score in enumerate(scores)]
    # Either nothing beats anything, which is the worst case, or most trials are beaten.
    ids = [id(one.architecture) for one in trials]
    values = dict(zip(ids, scores if is_front else noise, strict=True))
    tracemalloc.start()
    front = pareto_front(trials, {"cost": lambda architecture: values[id(architecture)]})
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert (len(front["trial"]) == n) == is_front
    assert peak < 30e6, f"{peak / 1e6:.0f} MB"
