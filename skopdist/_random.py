"""Random number generators: explicit, spawned, never global."""

from __future__ import annotations

from enum import IntEnum
from typing import TypeAlias

import numpy as np

RandomState: TypeAlias = int | np.integer | np.random.Generator | np.random.RandomState | None


class Stream(IntEnum):
    """The independent random streams of a fit."""

    SPLIT = 0
    SEARCH = 1
    REFIT = 2
    REFIT_DRAW = 3
    MEMBER = 4
    MEMBER_DRAW = 5
    FOLDS = 6
    PROBE = 7


def as_generator(random_state: RandomState) -> np.random.Generator:
    """Turn whatever scikit-learn users pass as `random_state` into a generator.

    A generator is returned as it is, so that successive calls continue its stream.
    """
    if isinstance(random_state, np.random.Generator):
        return random_state
    return np.random.default_rng(root_entropy(random_state))


def root_entropy(random_state: RandomState) -> int:
    """Return the integer from which all streams of one search are spawned."""
    if random_state is None:
        return int(np.random.SeedSequence().generate_state(1, np.uint64)[0])
    if isinstance(random_state, int | np.integer):
        if random_state < 0:
            raise ValueError(f"random_state must be a non-negative integer, got {random_state}.")
        return int(random_state)
    if isinstance(random_state, np.random.Generator):
        return int(random_state.integers(2**63))
    if isinstance(random_state, np.random.RandomState):
        return int(random_state.randint(2**31 - 1))
    raise ValueError(
        f"random_state must be None, an integer, a numpy Generator or a numpy RandomState, got {random_state!r}."
    )


def stream(entropy: int, *key: int) -> np.random.Generator:
    """Return the independent generator that belongs to `key`, whatever other streams were used before.

    Trials are seeded by their index and not by the order in which workers finish, so `n_jobs` cannot
    change a result.
    """
    return np.random.default_rng(np.random.SeedSequence(entropy, spawn_key=key))


def seed(entropy: int, *key: int) -> int:
    """Return the 32-bit seed that belongs to `key`."""
    return int(np.random.SeedSequence(entropy, spawn_key=key).generate_state(1)[0])
