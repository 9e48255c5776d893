"""What one evaluation gave, and the journal in which trials outlive the process."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import NDArray

from skopdist.architecture import Architecture
from skopdist.distribution import OperationDistribution

Status = Literal["ok", "invalid", "failed"]


@dataclass(frozen=True, eq=False)
class Trial:
    """The record of one evaluation.

    Attributes
    ----------
    architecture : Architecture
        What was evaluated.
    distribution : OperationDistribution
        What the architecture was drawn from, or its own ratio of operations where nothing was drawn.
    score : float
        Higher is better; NaN if the trial failed.
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
        shape (n_cell_types, k) for one distribution at all slots, (n_cell_types, n_slots, k) for one at each.
    info : dict
        Whatever else the evaluator noted, as JSON values (for example the number of parameters).
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

    @property
    def succeeded(self) -> bool:
        """Whether there is a score to learn from."""
        return self.status != "failed"

    def replace(self, **changes: Any) -> Self:
        """Give a copy with some attributes changed."""
        return dataclasses.replace(self, **changes)

    def to_dict(self) -> dict[str, Any]:
        """Give JSON values that :meth:`from_dict` turns back into this trial."""
        values = {f.name: getattr(self, f.name) for f in dataclasses.fields(self)}
        values["architecture"] = self.architecture.to_dict()
        values["distribution"] = self.distribution.to_dict()
        values["score"] = None if math.isnan(self.score) else self.score
        values["gradient"] = None if self.gradient is None else self.gradient.tolist()
        return values

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Self:
        """Make the trial that :meth:`to_dict` described."""
        values = dict(data)
        values["architecture"] = Architecture.from_dict(values["architecture"])
        values["distribution"] = OperationDistribution.from_dict(values["distribution"])
        values["score"] = math.nan if values["score"] is None else values["score"]
        values["gradient"] = None if values["gradient"] is None else np.array(values["gradient"])
        return cls(**values)


def best_trial(trials: Sequence[Trial]) -> Trial | None:
    """Give the trial of the highest score, the earliest among equals; None if none succeeded."""
    succeeded = [trial for trial in trials if trial.succeeded]
    return max(succeeded, key=lambda trial: trial.score, default=None)


class Journal:
    """Trials as lines of a JSON file, one appended as soon as it is known.

    A search that is given the journal of an earlier, interrupted one takes the trials from there and goes on behind
    the last of them.

    Parameters
    ----------
    path : str or Path
        The file; it is made when the first trial is written.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)

    def append(self, trial: Trial) -> None:
        """Write a trial to the end of the file."""
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(trial.to_dict()) + "\n")

    def read(self) -> list[Trial]:
        """Give the trials written so far.

        A last line that a killed process left unfinished is dropped from the file; any other unreadable line raises
        a ValueError with its number.
        """
        if not self.path.exists():
            return []
        lines = self.path.read_text(encoding="utf-8").splitlines(keepends=True)
        # Even if all but its end was written: the next trial would be appended to the same line.
        if lines and not lines[-1].endswith("\n"):
            lines.pop()
            self.path.write_text("".join(lines), encoding="utf-8")
        trials = []
        for number, line in enumerate(lines, start=1):
            try:
                trials.append(Trial.from_dict(json.loads(line)))
            except (ValueError, KeyError, TypeError) as error:
                raise ValueError(f"Line {number} of the journal {self.path} is not a trial: {error}") from error
        return trials
