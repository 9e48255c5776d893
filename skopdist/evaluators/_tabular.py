"""Scores from a table."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skopdist.architecture import Architecture
from skopdist.evaluators._base import Evaluator, Outcome
from skopdist.spaces import SearchSpace

Operations = tuple[str, ...]
Scores = Mapping[Operations, float] | Callable[[Operations], float]


class TabularEvaluator(Evaluator):
    """Looks scores up, so that a search takes milliseconds.

    Parameters
    ----------
    space : SearchSpace
    scores : mapping or callable
        From an architecture's tuple of operation names, in slot order, to its score; higher is better.
    costs : mapping, callable or None, default=None
        The cost of each evaluation in epoch equivalents, in the same way; None counts 1 for each.

    Notes
    -----
    An architecture that the table does not hold makes a failed trial. Architectures with no path from input to output
    are looked up like all others, for tables have a score for them.

    Examples
    --------
    >>> from skopdist.evaluators import TabularEvaluator
    >>> from skopdist.spaces import NASBench201Space
    >>> space = NASBench201Space()
    >>> evaluator = TabularEvaluator(space, lambda operations: operations.count("nor_conv_3x3") / 6)
    >>> evaluator.evaluate(space.sample(space.uniform(), random_state=0)).score
    0.16666666666666666
    """

    def __init__(self, space: SearchSpace, scores: Scores, costs: Scores | None = None) -> None:
        self.space = space
        self.scores = scores
        self.costs = costs

    @property
    def search_space(self) -> SearchSpace:
        """The space whose architectures it scores."""
        return self.space

    def _fit(self, X: NDArray[Any], y: NDArray[Any], sample_weight: NDArray[np.float64] | None, seed: int) -> None:
        """Take nothing: the table is all there is."""

    def _evaluate(self, architecture: Architecture, mixture: NDArray[np.float64], seed: int) -> Outcome:
        operations = architecture.operations
        cost = 1.0 if self.costs is None else _look_up(self.costs, operations)
        return Outcome(_look_up(self.scores, operations), cost)


def _look_up(table: Scores, operations: Operations) -> float:
    if not isinstance(table, Mapping):
        return float(table(operations))
    if operations not in table:
        raise KeyError(f"the table has no row for {operations}")
    return float(table[operations])
