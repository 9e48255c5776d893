"""Scores from a table."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from skopdist.architecture import Architecture
from skopdist.evaluators._base import Evaluator, Outcome
from skopdist.spaces import SearchSpace

Operations = tuple[str, ...]
Scores = Mapping[Any, float] | Callable[[Operations], float]


class TabularEvaluator(Evaluator):
    """Looks scores up, so that a search takes milliseconds.

    Parameters
    ----------
    space : SearchSpace
    scores : mapping or callable
        From an architecture's tuple of operation names, in slot order, to its score; higher is better. Where the wiring
        matters too, the keys of a mapping may be the architectures themselves.
    costs : mapping, callable or None, default=None
        The cost of each evaluation in epoch equivalents, in the same way; None counts 1 for each.
    test_scores : mapping, callable or None, default=None
        Scores on data that the search must not see, in the same way; trials note theirs in ``info["test_score"]``.
    info : mapping of str to (mapping or callable), or None, default=None
        Whatever else trials shall note in their ``info``, by its name there: for example the number of parameters.
    short_scores : mapping of float to (mapping or callable), or None, default=None
        Scores after shorter trainings, by their fidelity, the share of the full training: ``{12 / 200: table}``. An
        evaluation at a fidelity costs that share.

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

    # Of the full training's cost.
    _share = 1.0

    def __init__(
        self,
        space: SearchSpace,
        scores: Scores,
        costs: Scores | None = None,
        test_scores: Scores | None = None,
        info: Mapping[str, Scores] | None = None,
        short_scores: Mapping[float, Scores] | None = None,
    ) -> None:
        self.space = space
        self.scores = scores
        self.costs = costs
        self.test_scores = test_scores
        self.info = info
        self.short_scores = short_scores

    @property
    def search_space(self) -> SearchSpace:
        """The space whose architectures it scores."""
        return self.space

    @property
    def fidelities(self) -> Sequence[float]:
        """The fidelities of the tables, the full training last."""
        return (*sorted(self.short_scores or {}), 1.0)

    def _at(self, fidelity: float) -> Self:
        short = copy.copy(self)
        short.scores = (self.short_scores or {})[fidelity]
        short._share = fidelity
        return short

    @property
    def optimum(self) -> float:
        """The highest score of the table.

        Raises
        ------
        TypeError
            If the scores are a function and no table, whose highest value nobody can list.
        """
        return _highest(self.scores, "scores")

    @property
    def test_optimum(self) -> float:
        """The highest test score of the table, whatever the score of its architecture.

        Raises
        ------
        TypeError
            If there are no test scores, or they are a function.
        """
        return _highest(self.test_scores, "test_scores")

    def _evaluate(self, architecture: Architecture, mixture: NDArray[np.float64], seed: int) -> Outcome:
        cost = self._share * (1.0 if self.costs is None else float(_look_up(self.costs, architecture)))
        noted = dict(self.info or {}) | ({} if self.test_scores is None else {"test_score": self.test_scores})
        # What a table does not know of an architecture is left out: only its score is needed.
        info = {name: _look_up(table, architecture) for name, table in noted.items() if _holds(table, architecture)}
        return Outcome(float(_look_up(self.scores, architecture)), cost, info=info)


def _holds(table: Scores, architecture: Architecture) -> bool:
    return not isinstance(table, Mapping) or architecture.key_in(table) in table


def _look_up(table: Scores, architecture: Architecture) -> float:
    if not isinstance(table, Mapping):
        return table(architecture.operations)
    key = architecture.key_in(table)
    if key not in table:
        raise KeyError(f"the table has no row for {architecture}")
    return table[key]


def _highest(table: Scores | None, name: str) -> float:
    if not isinstance(table, Mapping):
        raise TypeError(f"Only a mapping has a highest value, and {name} is {table!r}.")
    return float(max(table.values()))
