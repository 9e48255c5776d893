"""The record of one evaluation."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import NDArray

from skopdist.architecture import Architecture
from skopdist.distribution import OperationDistribution

__all__ = ["Trial", "best_trial"]

Status = Literal["ok", "invalid", "failed"]


@dataclass(frozen=True, eq=False)
class Trial:
    """The record of one evaluation.

    Attributes
    ----------
    architecture : Architecture
        The architecture that was evaluated.
    distribution : OperationDistribution
        The distribution that the architecture was drawn from, or its own ratio of operations where nothing was drawn.
    score : float
        Higher is better; NaN if the trial failed.
    score_error : float
        Standard error of the score, as far as it comes from the held-out rows; NaN where it is not known.
    fidelity : float
        Share of the full training that was given, in (0, 1]; 1 is a full training. Scores of different fidelities are
        not compared as equals.
    final : bool
        Whether it is one of the full trainings that decide at the end of a search of shorter ones.
    cost : float
        Passes over the training set (epoch equivalents).
    seed : int
        Seed of the evaluation.
    status : {"ok", "invalid", "failed"}
        An "invalid" architecture has no path from input to output and scores as a constant prediction would.
    message : str
        Why a trial failed; empty otherwise.
    duration : float
        Seconds.
    index : int
        Place in the search, from 0; -1 outside a search.
    gradient : ndarray or None
        Derivative of the score with respect to the probabilities of the operations, where the evaluator has one:
        shape (n_cell_types, k) for one distribution at all slots, (n_cell_types, n_slots, k) for one at each slot.
    info : dict
        Further notes of the evaluator, as JSON values (for example the number of parameters).

    See Also
    --------
    skopdist.search.run_search : Makes trials.
    skopdist.journal.read_journal : Reads trials from a file.
    """

    architecture: Architecture
    distribution: OperationDistribution
    score: float
    cost: float = 0.0
    seed: int = 0
    status: Status = "ok"
    message: str = ""
    duration: float = 0.0
    index: int = -1
    gradient: NDArray[np.float64] | None = None
    info: dict[str, Any] = field(default_factory=dict)
    score_error: float = math.nan
    fidelity: float = 1.0
    final: bool = False

    @property
    def planned_fidelity(self) -> float:
        """The share of the full training that was asked for, where time may have ended the training before."""
        return float(self.info.get("planned_fidelity", self.fidelity))

    @property
    def succeeded(self) -> bool:
        """Whether there is a score to learn from."""
        return self.status != "failed"

    def replace(self, **changes: Any) -> Self:
        """Return a copy with some attributes changed."""
        return dataclasses.replace(self, **changes)

    def to_dict(self) -> dict[str, Any]:
        """Return JSON values that :meth:`from_dict` turns back into this trial."""
        values = {f.name: getattr(self, f.name) for f in dataclasses.fields(self)}
        values["architecture"] = self.architecture.to_dict()
        values["distribution"] = self.distribution.to_dict()
        for name in ("score", "score_error"):
            values[name] = None if math.isnan(values[name]) else values[name]
        values["gradient"] = None if self.gradient is None else self.gradient.tolist()
        return values

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Self:
        """Make the trial that :meth:`to_dict` described."""
        values = dict(data)
        values["architecture"] = Architecture.from_dict(values["architecture"])
        values["distribution"] = OperationDistribution.from_dict(values["distribution"])
        for name in ("score", "score_error"):
            values[name] = math.nan if values.get(name) is None else values[name]
        values["gradient"] = None if values["gradient"] is None else np.array(values["gradient"])
        return cls(**values)


def best_trial(trials: Sequence[Trial]) -> Trial | None:
    """Return the trial of the highest score, the earliest among equals; None if none succeeded.

    Where there are finals, these alone are compared: shorter trainings score lower.
    """
    succeeded = [trial for trial in trials if trial.succeeded]
    return max(succeeded, key=lambda trial: (trial.final, trial.score), default=None)
