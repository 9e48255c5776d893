"""How long a search is, and each of its trials, and what it begins with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from skopdist._random import Stream, seed
from skopdist.architecture import Architecture
from skopdist.budget import SHORT, Budget
from skopdist.encodings import Limit
from skopdist.evaluators import Evaluator, SupervisedEvaluator
from skopdist.journal import Journal
from skopdist.training import Trainer

__all__ = ["Plan"]

# A trial of fewer steps tells nothing: the learning rate has hardly risen.
_FEWEST_STEPS = 40


@dataclass(frozen=True, eq=False)
class Plan:
    """How a search is run.

    Attributes
    ----------
    limits : sequence of Limit
        Those of a single network.
    references : sequence of Architecture
        Known to be good, and within the limits: the search begins with them.
    max_time : float or None
        Seconds of the search.
    fidelity : float
        The share of a full training that each trial is given.
    expected : float
        Seconds that a full training is expected to take; 0 where it is not known.
    """

    limits: Sequence[Limit]
    references: Sequence[Architecture]
    max_time: float | None
    fidelity: float
    expected: float

    @classmethod
    def of(
        cls,
        limits: Sequence[Limit],
        known: Sequence[Architecture],
        *,
        trainer: Trainer,
        evaluator: Evaluator,
        length: int | None,
        book: Journal,
        budget: Budget,
        n_workers: int,
        is_short: bool,
        is_last: bool,
    ) -> Self:
        """Plan a search; where time is limited, after a look at the speed of a training.

        Parameters
        ----------
        limits : sequence of Limit
        known : sequence of Architecture
            Known to be good.
        trainer : Trainer
        evaluator : Evaluator
            Fitted.
        length : int or None
            That of the cells.
        book : Journal
            Open. Trials that are on record in it go on as they began.
        budget : Budget
        n_workers : int
            Trainings that run side by side.
        is_short : bool
            Whether trials are shorter than full trainings.
        is_last : bool
            Whether nothing is trained behind the search, which then has all of the time.
        """
        references = [architecture for architecture in known if all(limit.allows(architecture) for limit in limits)]
        # Those on record go on as they began, also where there was less time then.
        recorded = [trial.planned_fidelity for trial in book.trials] if is_short else []
        if not budget.is_limited:
            return cls(limits, references, None, max(recorded, default=SHORT if is_short else 1.0), 0.0)
        expected = 0.0
        if isinstance(evaluator, SupervisedEvaluator):
            entropy, space = seed(book.seed, Stream.PROBE), evaluator.search_space
            first = references[0] if references else space.sample(space.uniform(), length, entropy)
            expected = trainer.seconds_for(first, trainer.problem.training, entropy, budget.for_probe)
        shortest = min(SHORT, _FEWEST_STEPS / trainer.n_steps) if is_short else 1.0
        seconds, fidelity = budget.for_search(expected, n_workers, shortest)
        left = max(budget.left if is_last else seconds, 1e-3)
        return cls(limits, references, left, max(recorded, default=fidelity), expected)
