"""A search as text: a progress line, a leaderboard, the table of a grid search."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from skopdist.distribution import OperationDistribution
from skopdist.trial import Trial


def progress_line(trial: Trial, n_trials: int | None, best: float) -> str:
    """Say in one line what a trial gave.

    A star marks a score above the best one before it, and a tilde one that is not above it by its standard error.

    Parameters
    ----------
    trial : Trial
    n_trials : int or None
        How many the search makes; None where time decides.
    best : float
        The highest score before it.

    Examples
    --------
    >>> from skopdist import Architecture, Cell, OperationDistribution
    >>> from skopdist.trial import Trial
    >>> p = OperationDistribution(["linear_relu", "skip_connect"], [1, 0])
    >>> trial = Trial(Architecture([Cell(["linear_relu"], [(0, 1)])]), p, score=0.9, duration=1.25, index=0)
    >>> progress_line(trial, n_trials=20, best=0.5)
    '[ 1/20] score 0.9000 *  best 0.9000    1.2 s  linear_relu 1.00'
    """
    width = len(str(n_trials))
    head = f"[{trial.index + 1}]" if n_trials is None else f"[{trial.index + 1:{width}d}/{n_trials}]"
    if not trial.succeeded:
        return f"{head} failed: {trial.message}"
    mark = " "
    if trial.score > best:
        mark = "~" if trial.score - best <= trial.score_error else "*"
    return (
        f"{head} score {trial.score:.4f} {mark}  best {max(trial.score, best):.4f}  {trial.duration:5.1f} s  "
        f"{describe(trial.distribution)}"
    )


def describe(distribution: OperationDistribution) -> str:
    """Name the operations that a distribution uses, the most frequent first."""
    rows = []
    for row in distribution.probabilities:
        pairs = sorted(zip(row, distribution.operations, strict=True), key=lambda pair: -pair[0])
        rows.append(", ".join(f"{name} {p:.2f}" for p, name in pairs if p >= 0.005))
    return "; ".join(rows)


@dataclass(frozen=True)
class Entry:
    """A line of a leaderboard: a trial, or the full trainings of one architecture, each scored on rows of its own.

    Parameters
    ----------
    trials : tuple of Trial
        At least one; of one architecture and one fidelity.
    """

    trials: tuple[Trial, ...]

    @property
    def score(self) -> float:
        """The mean of the scores."""
        return float(np.mean([trial.score for trial in self.trials]))

    @property
    def score_error(self) -> float:
        """The standard error of the mean, for scores on different rows."""
        return math.hypot(*(trial.score_error for trial in self.trials)) / len(self.trials)

    @property
    def duration(self) -> float:
        """Seconds of all trainings."""
        return sum(trial.duration for trial in self.trials)

    @property
    def name(self) -> str:
        """Where the trials are in ``trials_``."""
        places = [trial.index for trial in self.trials]
        if len(places) == 1:
            return f"trials_[{places[0]}]"
        if places == [*range(places[0], places[-1] + 1)]:
            return f"trials_[{places[0]}:{places[-1] + 1}]"
        return f"trials_[{places[0]}] and {len(places) - 1} more"


def rank(trials: Sequence[Trial], n: int) -> list[Entry]:
    """Return the `n` best entries, the best first; where there are finals, these full trainings alone are compared."""
    finals = [trial for trial in trials if trial.final and trial.succeeded]
    if finals:
        groups: dict[Any, list[Trial]] = {}
        for trial in finals:
            groups.setdefault((trial.architecture, trial.fidelity), []).append(trial)
        entries = [Entry(tuple(group)) for group in groups.values()]
    else:
        entries = [Entry((trial,)) for trial in trials if trial.succeeded]
    return sorted(entries, key=lambda entry: -entry.score)[:n]


def leaderboard(trials: Sequence[Trial] | Any, n: int = 5, references: Mapping[str, float] | None = None) -> str:
    """Return a table of the best trials, and of the references that they have to beat.

    Where there are finals, these full trainings alone are compared. Those of one architecture were scored on different
    rows, so they share a line, with their mean. A tilde marks a score that is not told apart from the best one: the two
    differ by less than the standard error of either.

    Parameters
    ----------
    trials : sequence of Trial, fitted OpDistNASClassifier or SearchResult
    n : int, default=5
        Number of lines shown, references aside.
    references : mapping of str to float or None, default=None
        Names and scores of other models, on the same held-out data.

    Returns
    -------
    table : str
        The highest score first, with its standard error where that is known. A model is named by its place in
        ``trials_``.

    Raises
    ------
    TypeError
        If `trials` is something else.
    """
    entries = rank(trials_of(trials), n)
    rows = [(entry.score, entry.score_error, entry.name, describe(entry.trials[0].distribution)) for entry in entries]
    rows += [(score, math.nan, name, "(reference)") for name, score in (references or {}).items()]
    if not rows:
        return "No trial has succeeded."
    rows.sort(key=lambda row: -row[0])
    width = max(len(name) for _, _, name, _ in rows)
    has_errors = any(math.isfinite(error) for _, error, _, _ in rows)
    lines = [f"{'score':>7}  {'error   ' if has_errors else ''}{'model':{width}}  distribution"]
    best, best_error = rows[0][:2]
    for i, (score, error, name, text) in enumerate(rows):
        shown = f"{error:.4f}" if math.isfinite(error) else ""
        mark = "~" if i and best - score <= max(error, best_error) else " "
        lines.append(f"{score:7.4f}  {f'{shown:6}{mark} ' if has_errors else ''}{name:{width}}  {text}")
    return "\n".join(lines)


def trials_of(source: Any) -> Sequence[Trial]:
    """Return the trials themselves, or those of a fitted estimator or of the result of a search."""
    trials = getattr(source, "trials_", getattr(source, "trials", source))
    if isinstance(trials, Sequence) and all(isinstance(trial, Trial) for trial in trials):
        return trials
    raise TypeError(
        "Expected a fitted OpDistNASClassifier, a SearchResult or a sequence of trials, such as clf.trials_, got an "
        f"object of the type {type(source).__name__}."
    )


def grid_table(cv_results: Mapping[str, Any], n: int | None = None, scoring: str = "score") -> str:
    """Return the ``cv_results_`` of a ``GridSearchCV`` as a table that fits a terminal.

    Parameters
    ----------
    cv_results : mapping
    n : int or None, default=None
        How many candidates are shown; None shows all.
    scoring : str, default="score"
        The name of the score, where the search computed several.

    Returns
    -------
    table : str
        One row a candidate, the best first: rank, mean and standard deviation of the score over the splits, mean
        seconds of a fit, and a column for each parameter, without the names of the parts that lead to all of them.

    Raises
    ------
    ValueError
        If there is no such score.

    Examples
    --------
    >>> from skopdist.strategies import LocalSearch, RandomSearch
    >>> results = {
    ...     "mean_fit_time": [1.5, 1.25],
    ...     "param_clf__strategy": [RandomSearch(), LocalSearch(n_initial=2)],
    ...     "mean_test_score": [0.91, 0.93],
    ...     "std_test_score": [0.01, 0.02],
    ...     "rank_test_score": [2, 1],
    ... }
    >>> print(grid_table(results))
    rank   score     std  fit s  strategy
       1  0.9300  0.0200    1.2  LocalSearch(n_initial=2)
       2  0.9100  0.0100    1.5  RandomSearch()
    """
    if f"rank_test_{scoring}" not in cv_results:
        known = [name.removeprefix("rank_test_") for name in cv_results if name.startswith("rank_test_")]
        raise ValueError(f"cv_results has no score named {scoring!r}; it has {known}.")
    names = [name.removeprefix("param_") for name in cv_results if name.startswith("param_")]
    order = np.argsort(cv_results[f"rank_test_{scoring}"], kind="stable")[:n]
    table = [["rank", scoring, "std", "fit s", *_without_common_parts(names)]]
    for i in order:
        mean, std = (cv_results[f"{what}_test_{scoring}"][i] for what in ("mean", "std"))
        figures = [str(cv_results[f"rank_test_{scoring}"][i]), f"{mean:.4f}", f"{std:.4f}"]
        # A parameter that only other candidates have is masked, and prints as two dashes; a long one takes lines.
        values = [" ".join(str(cv_results[f"param_{name}"][i]).split()) for name in names]
        table.append([*figures, f"{cv_results['mean_fit_time'][i]:.1f}", *values])
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    # Figures stand to the right, parameters to the left.
    cells = [
        [
            text.rjust(width) if j < 4 else text.ljust(width)
            for j, (text, width) in enumerate(zip(row, widths, strict=True))
        ]
        for row in table
    ]
    return "\n".join("  ".join(row).rstrip() for row in cells)


def _without_common_parts(names: Sequence[str]) -> list[str]:
    """Leave out what all names have before their last part, such as a pipeline's "clf__"."""
    parts = [name.split("__") for name in names]
    common = 0
    while len({path[common] for path in parts}) == 1 and all(len(path) > common + 1 for path in parts):
        common += 1
    return ["__".join(path[common:]) for path in parts]
