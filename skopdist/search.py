"""The one loop that all strategies and evaluators share."""

from __future__ import annotations

import math
import time
import warnings
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from joblib import delayed
from numpy.typing import NDArray

from skopdist._prior import PRIOR_STRENGTH, Prior, read_prior
from skopdist._random import RandomState, root_entropy, seed, stream
from skopdist._validation import check_positive_integer
from skopdist._workers import Workers
from skopdist.architecture import Architecture
from skopdist.distribution import OperationDistribution
from skopdist.encodings import Encoding
from skopdist.evaluators import Evaluator
from skopdist.journal import Journal
from skopdist.strategies import Strategy
from skopdist.trial import Trial, best_trial

__all__ = ["SearchFailedError", "SearchResult", "run_search"]

# Keys of the independent random streams of a search.
_STRATEGY, _PLACEMENT, _EVALUATION, _EVALUATOR = range(4)


class SearchFailedError(RuntimeError):
    """No trial of a search succeeded.

    Attributes
    ----------
    trials : list of Trial
        The failed trials, each with its reason.
    """

    def __init__(self, message: str, trials: Sequence[Trial]) -> None:
        super().__init__(message, list(trials))
        self.message = message
        self.trials = list(trials)

    def __str__(self) -> str:
        return self.message


@dataclass(frozen=True)
class SearchResult:
    """What a search found.

    Attributes
    ----------
    trials : tuple of Trial
        In the order of suggestion.
    best_distribution : OperationDistribution
        What the strategy recommends.
    best_trial : Trial
        The trial of the highest score.
    strategy : Strategy
        The strategy in its last state.
    stop_reason : {"n_trials", "max_time", "exhausted", "interrupted", "callback"}
        Why the search ended.
    """

    trials: tuple[Trial, ...]
    best_distribution: OperationDistribution
    best_trial: Trial
    strategy: Strategy
    stop_reason: str

    @property
    def best_architecture(self) -> Architecture:
        """What was evaluated best."""
        return self.best_trial.architecture

    @property
    def best_score(self) -> float:
        """The highest score of a trial."""
        return self.best_trial.score

    def table(self) -> dict[str, NDArray[Any]]:
        """Give the trials as columns of equal length, shaped like ``GridSearchCV.cv_results_``.

        Times are left out (``trials`` has them), so that equal searches give equal tables.
        """
        scores = np.array([trial.score for trial in self.trials])
        # The best has rank 1 and equals share a rank; failed trials come last.
        comparable = np.where(np.isnan(scores), -np.inf, scores)
        columns: dict[str, NDArray[Any]] = {
            "trial": np.array([trial.index for trial in self.trials]),
            "status": np.array([trial.status for trial in self.trials]),
            "score": scores,
            "rank": 1 + (comparable[None, :] > comparable[:, None]).sum(axis=1),
            "cost": np.array([trial.cost for trial in self.trials]),
            "seed": np.array([trial.seed for trial in self.trials]),
            "architecture": np.array([str(trial.architecture) for trial in self.trials]),
            "message": np.array([trial.message for trial in self.trials]),
        }
        first = self.trials[0].distribution
        for t, cell_type in enumerate(first.cell_types):
            prefix = "p_" if len(first.cell_types) == 1 else f"p_{cell_type}_"
            for o, name in enumerate(first.operations):
                columns[prefix + name] = np.array([trial.distribution.probabilities[t, o] for trial in self.trials])
        return columns


def run_search(
    strategy: Strategy,
    evaluator: Evaluator,
    *,
    encoding: Encoding | None = None,
    n_trials: int,
    length: int | None = None,
    batch_size: int | None = None,
    max_time: float | None = None,
    prior: Prior | None = None,
    prior_strength: float = PRIOR_STRENGTH,
    known: Sequence[Trial] = (),
    random_state: RandomState = None,
    n_jobs: int | None = None,
    journal: str | Path | None = None,
    callback: Callable[[Trial], object] | None = None,
) -> SearchResult:
    """Search with a strategy for the architecture that an evaluator scores highest.

    Parameters
    ----------
    strategy : Strategy
    evaluator : Evaluator
    encoding : Encoding or None, default=None
        None takes the strategy's own default.
    n_trials : int
        Number of evaluations.
    length : int or None, default=None
        Number of operations in a cell; None takes the space's default.
    batch_size : int or None, default=None
        How many points are suggested together, and so the most that can be evaluated at a time. None takes the
        strategy's own. The result depends on it, and never on `n_jobs`.
    max_time : float or None, default=None
        Seconds after which no result is waited for any more.
    prior : OperationDistribution, fitted OpDistNASClassifier, str, Path or None, default=None
        What is known from elsewhere, itself or in a file of :meth:`OperationDistribution.save`: random points are drawn
        around this distribution, from a Dirichlet of which it is the mode.
    prior_strength : float, default=20.0
        How many observed operations the prior counts for, beside one of each kind that a search begins with anyway: the
        more, the nearer to the prior are the points, and 0 is none. Nothing is ever ruled out.
    known : sequence of Trial, default=()
        The trials of a shorter search of the same kind, in order: they are not evaluated again, and the result is that
        of a search that was never interrupted. Those of a sequential evaluator count only if they are all, for its
        state is lost with the search.
    random_state : int, Generator, RandomState or None, default=None
    n_jobs : int or None, default=None
        Number of trials that joblib runs in parallel, unless the evaluator is sequential. Which workers they are is for
        ``joblib.parallel_config`` to say: processes of this machine (loky, the default), dask or ray.
    journal : str, Path or None, default=None
        File to which every trial is written when it is known. Trials that it holds already are not evaluated again,
        unless they are some of a sequential evaluator, whose state is lost with its process.
    callback : callable or None, default=None
        Called with each trial, in order; the search ends when it returns True.

    Returns
    -------
    result : SearchResult

    Raises
    ------
    ValueError
        If `n_trials` or another number is out of range, the strategy needs gradients and the evaluator gives none, the
        journal or the known trials are those of another search, or the prior is one over other operations.
    SearchFailedError
        If no trial succeeded.
    KeyboardInterrupt
        If the search is interrupted before a trial has succeeded; later, it ends and gives what it has.

    Examples
    --------
    >>> from skopdist.evaluators import TabularEvaluator
    >>> from skopdist.search import run_search
    >>> from skopdist.spaces import NASBench201Space
    >>> from skopdist.strategies import RandomSearch
    >>> table = TabularEvaluator(NASBench201Space(), lambda operations: operations.count("nor_conv_3x3"))
    >>> result = run_search(RandomSearch(), table, n_trials=30, random_state=0)
    >>> len(result.trials), result.best_score
    (30, 3.0)

    Another search begins with what is known, and may be continued:

    >>> shorter = run_search(RandomSearch(), table, n_trials=2, prior=result.best_distribution, random_state=0)
    >>> longer = run_search(
    ...     RandomSearch(), table, n_trials=5, prior=result.best_distribution, known=shorter.trials, random_state=0
    ... )
    >>> longer.trials[:2] == shorter.trials
    True
    """
    _check_arguments(strategy, evaluator, n_trials, batch_size, max_time)
    entropy = root_entropy(random_state)
    bound = (strategy.default_encoding if encoding is None else encoding).bind(evaluator.search_space, length)
    centre = None if prior is None else read_prior(prior)
    started = strategy.start(bound, stream(entropy, _STRATEGY), centre, prior_strength)
    ready = evaluator.start(bound.length_, n_trials, seed(entropy, _EVALUATOR))
    deadline = None if max_time is None else time.monotonic() + max_time
    batch_size = strategy.batch_size if batch_size is None else batch_size
    book = None if journal is None else Journal(journal)
    written = [] if book is None else book.read()
    records = _Records(written, known, all_or_none=ready.sequential, n_trials=n_trials)

    trials: list[Trial] = []
    stop_reason = "n_trials"
    with Workers(n_jobs) as workers:
        while len(trials) < n_trials and stop_reason == "n_trials":
            room = n_trials - len(trials)
            # A longer search would ask for more here: the first of its points are these, by the contract of strategies.
            points = started.suggest(room if batch_size is None else min(batch_size, room))
            if not len(points):
                stop_reason = "exhausted"
                warnings.warn(
                    "The search space holds no more points: "
                    f"the search ended after {len(trials)} of {n_trials} trials.",
                    stacklevel=2,
                )
                break
            batch = []
            for index, point in enumerate(points, start=len(trials)):
                architecture = bound.decode(point, stream(entropy, _PLACEMENT, index))
                batch.append(
                    _Task(
                        index,
                        architecture,
                        bound.distribution(point),
                        bound.mixture(point),
                        seed(entropy, _EVALUATION, index),
                    )
                )
            results: list[Trial] = []
            evaluated = _evaluate(workers, ready, batch, records)
            try:
                for trial in evaluated:
                    if book is not None and trial.index >= len(written):
                        book.append(trial)
                    results.append(trial)
                    if callback is not None and callback(trial) is True:
                        stop_reason = "callback"
                    elif deadline is not None and time.monotonic() >= deadline:
                        stop_reason = "max_time"
                    if stop_reason != "n_trials":
                        break
            except KeyboardInterrupt:
                if best_trial([*trials, *results]) is None:
                    raise
                stop_reason = "interrupted"
            finally:
                # Ends what is still running.
                evaluated.close()
            trials.extend(results)
            started.observe(results)
    best = best_trial(trials)
    if best is None:
        reasons = sorted({trial.message for trial in trials})
        raise SearchFailedError(
            f"All {len(trials)} trials failed, so there is nothing to choose from. The reasons: " + "; ".join(reasons),
            trials,
        )
    return SearchResult(tuple(trials), started.recommend(), best, started, stop_reason)


@dataclass(frozen=True)
class _Task:
    """A trial that is still to be made."""

    index: int
    architecture: Architecture
    distribution: OperationDistribution
    mixture: NDArray[np.float64]
    seed: int

    def run(self, evaluator: Evaluator) -> Trial:
        trial = evaluator.evaluate(
            self.architecture, distribution=self.distribution, mixture=self.mixture, seed=self.seed
        )
        return trial.replace(index=self.index)

    def fail(self, message: str) -> Trial:
        return Trial(
            self.architecture,
            self.distribution,
            math.nan,
            seed=self.seed,
            status="failed",
            message=message,
            index=self.index,
        )

    def check(self, trial: Trial, source: str) -> Trial:
        if (trial.index, trial.seed, trial.architecture) != (self.index, self.seed, self.architecture):
            raise ValueError(
                f"{source} {trial.index} (seed {trial.seed}, {trial.architecture}) is not the one that this search "
                f"makes (seed {self.seed}, {self.architecture}). It is that of another search, or of one with other "
                "settings or another random_state: give another file or other trials, or the settings of that search."
            )
        return trial


class _Records:
    """The trials of earlier searches: those of a journal, and those that are known."""

    def __init__(self, journal: Sequence[Trial], known: Sequence[Trial], *, all_or_none: bool, n_trials: int) -> None:
        usable = not all_or_none or len(known) == n_trials
        self.sources = {"The journal's trial": journal, "The known trial": known if usable else ()}
        longest = max(len(trials) for trials in self.sources.values())
        self.n_known = longest if not all_or_none or longest == n_trials else 0

    def find(self, task: _Task) -> Trial | None:
        """Give the trial of a task, checked against all sources, if it need not be made again."""
        found = [
            task.check(trials[task.index], source)
            for source, trials in self.sources.items()
            if task.index < len(trials)
        ]
        return found[0] if task.index < self.n_known else None


def _evaluate(
    workers: Workers, evaluator: Evaluator, batch: Sequence[_Task], records: _Records
) -> Generator[Trial, None, None]:
    """Give the trials of a batch in its order: those on record first, the others as workers finish them."""
    if evaluator.sequential:
        # What earlier trials left behind is gone: unless all are there, they are made again, and come out the same.
        for task in batch:
            trial = records.find(task)
            yield task.run(evaluator) if trial is None else trial
        return
    n_known = sum(task.index < records.n_known for task in batch)
    for task in batch[:n_known]:
        trial = records.find(task)
        assert trial is not None
        yield trial
    tasks, replicas = batch[n_known:], evaluator.replicas
    calls = [delayed(_Task.run)(task, replicas[task.index % len(replicas)]) for task in tasks]
    yield from workers.run(calls, lambda i, message: tasks[i].fail(message))


def _check_arguments(
    strategy: Strategy, evaluator: Evaluator, n_trials: int, batch_size: int | None, max_time: float | None
) -> None:
    for value, expected, name in ((strategy, Strategy, "strategy"), (evaluator, Evaluator, "evaluator")):
        if not isinstance(value, expected):
            raise TypeError(f"{name} must be an instance of {expected.__name__}, got {value!r}.")
    check_positive_integer("n_trials", n_trials)
    if batch_size is not None:
        check_positive_integer("batch_size", batch_size)
    if max_time is not None and not max_time > 0:
        raise ValueError(f"max_time must be a positive number of seconds or None, got {max_time!r}.")
    if strategy.needs_gradient and not evaluator.gives_gradient:
        raise ValueError(
            f"{type(strategy).__name__} learns from gradients, which {type(evaluator).__name__} does not give; "
            "use an evaluator that does, or another strategy."
        )
