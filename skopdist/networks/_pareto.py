"""The trials that are best in score and costs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skopdist.architecture import Architecture
from skopdist.trial import Trial

# So many trials are compared at once with all of the front.
_BLOCK = 128


def pareto_front(
    trials: Sequence[Trial], costs: Mapping[str, Callable[[Architecture], float]]
) -> dict[str, NDArray[Any]]:
    """Return the trials that no other trial beats in score and costs.

    One trial beats another if it is as good in all of them and better in one; equal trials all stay. Trials that failed
    are left out, and so are those of architectures through which nothing passes.

    Parameters
    ----------
    trials : sequence of Trial
    costs : mapping of str to callable ``Architecture -> float``
        Lower is better.

    Returns
    -------
    front : dict of str to ndarray of shape (n,)
        ``trial``, the index, ``score``, and each cost by its name; the highest score first.

    Examples
    --------
    >>> from skopdist.networks import pareto_front
    >>> from skopdist.evaluators import TabularEvaluator
    >>> from skopdist.search import run_search
    >>> from skopdist.spaces import DenseSpace
    >>> from skopdist.strategies import RandomSearch
    >>> table = TabularEvaluator(DenseSpace(stems=()), lambda operations: len(set(operations)))
    >>> result = run_search(RandomSearch(), table, n_trials=30, random_state=0)
    >>> front = pareto_front(result.trials, {"layers": lambda a: sum("linear" in name for name in a.operations)})
    >>> sorted(set(zip(front["score"].tolist(), front["layers"].tolist())), reverse=True)
    [(6.0, 4), (5.0, 3), (4.0, 2)]
    """
    kept = sorted((trial for trial in trials if trial.status == "ok"), key=lambda trial: -trial.score)
    columns = {"trial": np.array([trial.index for trial in kept], dtype=np.int64)}
    columns["score"] = np.array([trial.score for trial in kept])
    for name, cost in costs.items():
        columns[name] = np.array([cost(trial.architecture) for trial in kept])
    values = np.stack([-columns["score"], *(columns[name] for name in costs)], axis=1)  # (n, 1 + n_costs)
    front = _minimal(values)
    return {name: column[front] for name, column in columns.items()}


def _minimal(values: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Mark the rows of (n, k) than which no other row is smaller in one column and not larger in any.

    A row can only be beaten by one that comes earlier in the order of all columns, and then also by one of those that
    nothing beats. So each block of rows is compared with the latter, and memory is linear in the number of rows.
    """
    # Equal rows are beaten by the same rows, and never by each other. Adding zero makes -0.0 and 0.0 equal.
    rows, inverse = np.unique(values + 0.0, axis=0, return_inverse=True)
    minimal = np.zeros(len(rows), dtype=bool)
    for start in range(0, len(rows), _BLOCK):
        block = rows[start : start + _BLOCK]
        stands = ~_no_larger(rows[:start][minimal[:start]], block).any(axis=0)
        block = block[stands]
        among = _no_larger(block, block)
        np.fill_diagonal(among, False)
        minimal[start + np.flatnonzero(stands)] = ~among.any(axis=0)
    return minimal[inverse.reshape(-1)]


def _no_larger(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Compare each row of (n, k) with each of (m, k), shape (n, m): whether no column of the former is larger."""
    no_larger = np.ones((len(a), len(b)), dtype=bool)
    for column in range(a.shape[1]):
        no_larger &= a[:, column, None] <= b[None, :, column]
    return no_larger
