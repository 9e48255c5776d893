"""Checks that all contracts share."""

from __future__ import annotations

import copy
import pickle
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, clone

from skopdist.distribution import OperationDistribution
from skopdist.spaces import SearchSpace


def check_parameters(part: BaseEstimator) -> None:
    """Check what scikit-learn's tools need of every part: clone, get_params, pickle, repr."""
    check_constructor(part)
    for how, copied in (
        ("pickle", pickle.loads(pickle.dumps(part))),
        ("copy.deepcopy", copy.deepcopy(part)),
        ("clone", clone(part)),
    ):
        assert repr(copied) == repr(part), f"{how} turned {part!r} into {copied!r}."


def check_constructor(part: BaseEstimator) -> None:
    parameters = part.get_params(deep=False)
    copied = clone(part)
    assert set(copied.get_params(deep=False)) == set(parameters), f"clone changed the parameters of {part!r}."
    for name, value in type(part)(**parameters).get_params(deep=False).items():
        assert value is parameters[name], f"The constructor must store {name!r} as it is, and nothing else."
    assert repr(part).startswith(type(part).__name__), f"repr() gave {part!r}."


def check_refuses(function: Callable[[], object], what: str) -> None:
    try:
        function()
    except ValueError:
        return
    raise AssertionError(f"{what} must raise a ValueError.")


def check_equal(came: NDArray[np.float64], expected: NDArray[np.float64], what: str) -> None:
    same = came.shape == expected.shape and np.allclose(came, expected, rtol=0, atol=1e-9)
    assert same, f"{what} must be {expected}, got {came}."


def draw_distribution(space: SearchSpace, rng: np.random.Generator) -> OperationDistribution:
    """Draw a distribution of a space, uniformly."""
    weights = rng.exponential(size=space.allowed.shape) * space.allowed
    return OperationDistribution.from_counts(space.operation_names, weights, space.cell_types)


@contextmanager
def untouched_generators() -> Iterator[None]:
    """Check that the global generators of numpy and torch are left as they are found."""
    # Not imported: who has torch in use has it among the modules.
    torch = sys.modules.get("torch")
    # The whole state: the position in it moves long before its words do.
    numpy_before = pickle.dumps(np.random.get_state())  # noqa: NPY002
    torch_before = None if torch is None else torch.random.get_rng_state()
    yield
    assert pickle.dumps(np.random.get_state()) == numpy_before, "numpy's global generator was used."  # noqa: NPY002
    if torch is not None and torch_before is not None:
        assert bool((torch_before == torch.random.get_rng_state()).all()), "torch's global generator was used."
