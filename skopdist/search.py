"""The one loop that all strategies and evaluators share."""

from __future__ import annotations

import logging
import math
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np
from joblib import effective_n_jobs
from numpy.typing import NDArray

from skopdist._identity import Identity, describe, describe_parts
from skopdist._prior import Prior, PriorLike, as_prior
from skopdist._random import RandomState, root_entropy, seed, stream
from skopdist._signals import uninterrupted
from skopdist._tasks import Task, evaluate
from skopdist._validation import check_positive_integer
from skopdist._workers import Workers
from skopdist.architecture import Architecture
from skopdist.display import progress_line, share_places
from skopdist.distribution import OperationDistribution
from skopdist.encodings import Encoding
from skopdist.evaluators import Evaluator
from skopdist.journal import Journal, SearchRecord
from skopdist.operations import Operation, own_operations
from skopdist.spaces import SearchSpace
from skopdist.strategies import Strategy
from skopdist.trial import Trial, best_trial

__all__ = ["SearchFailedError", "SearchResult", "run_search", "space_identity", "tabulate"]

_LOGGER = logging.getLogger(__name__)

# Keys of the independent random streams of a search.
_STRATEGY, _PLACEMENT, _EVALUATION, _EVALUATOR, _FINAL = range(5)
# Points drawn at a time for each worker where trials teach nothing: the first trial begins at once, and at the end of
# such a round no worker waits for long.
_AHEAD = 32
# Of the time of a search that ends with finals, the part for what comes before them.
_BEFORE_FINALS = 0.5


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
    """The trials of a search, and what they lead to.

    Attributes
    ----------
    trials : tuple of Trial
        In the order of suggestion; the finals last.
    best_distribution : OperationDistribution
        The distribution that the strategy recommends; after finals, that of the best of them.
    best_trial : Trial
        The trial of the highest score; after finals, the best of them.
    strategy : Strategy
        The strategy at the end of the search: its parameters, its trials and what :meth:`Strategy.recommend` needs.
    stop_reason : {"n_trials", "max_time", "exhausted", "interrupted", "callback"}
        Why the search ended.

    See Also
    --------
    run_search : Makes it.
    skopdist.OpDistNASClassifier : Searches, and trains what it has found.
    """

    trials: tuple[Trial, ...]
    best_distribution: OperationDistribution
    best_trial: Trial
    strategy: Strategy
    stop_reason: str
    _make_record: Callable[[], SearchRecord] = field(repr=False, compare=False)

    def __getstate__(self) -> dict[str, Any]:
        # The data, which a record is made from, stay behind.
        record = self.record
        return self.__dict__ | {"record": record, "_make_record": None}

    @cached_property
    def record(self) -> SearchRecord:
        """The record with which a later search goes on behind this one; see :func:`run_search`."""
        return self._make_record()

    @property
    def best_architecture(self) -> Architecture:
        """The architecture of the highest score."""
        return self.best_trial.architecture

    @property
    def best_score(self) -> float:
        """The highest score of a trial."""
        return self.best_trial.score

    def table(self) -> dict[str, NDArray[Any]]:
        """Return the trials as columns of equal length, shaped like ``GridSearchCV.cv_results_``.

        Times are left out (``trials`` has them), so that equal searches give equal tables.
        """
        return tabulate(self.trials)


def tabulate(trials: Sequence[Trial]) -> dict[str, NDArray[Any]]:
    """Return trials as columns of equal length; see :meth:`SearchResult.table`."""
    scores = np.array([trial.score for trial in trials])
    columns: dict[str, NDArray[Any]] = {
        "trial": np.array([trial.index for trial in trials]),
        "status": np.array([trial.status for trial in trials]),
        "score": scores,
        "score_error": np.array([trial.score_error for trial in trials]),
        "rank": _ranks(scores, np.array([trial.final for trial in trials])),
        "fidelity": np.array([trial.fidelity for trial in trials]),
        "final": np.array([trial.final for trial in trials]),
        "cost": np.array([trial.cost for trial in trials]),
        "seed": np.array([trial.seed for trial in trials]),
        "architecture": np.array([str(trial.architecture) for trial in trials]),
        "message": np.array([trial.message for trial in trials]),
    }
    places = share_places(trials[0].distribution)
    columns |= {
        name: np.array([trial.distribution.probabilities[place] for trial in trials]) for name, place in places.items()
    }
    settings = [dict(trial.architecture.settings) for trial in trials]
    return columns | {f"scalar_{name}": np.array([chosen[name] for chosen in settings]) for name in settings[0]}


def _ranks(scores: NDArray[np.float64], final: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Return 1 for the best trial; equals share a rank, finals come before the others, and failed trials last."""
    comparable = np.stack([np.isfinite(scores), final, np.where(np.isfinite(scores), scores, 0.0)], axis=1)
    _, places, counts = np.unique(-comparable, axis=0, return_inverse=True, return_counts=True)
    return 1 + (np.cumsum(counts) - counts)[places.ravel()]


def run_search(
    strategy: Strategy,
    evaluator: Evaluator,
    *,
    encoding: Encoding | None = None,
    n_trials: int,
    length: int | None = None,
    max_time: float | None = None,
    prior: PriorLike | None = None,
    begin_with: Sequence[Architecture] = (),
    fidelity: float = 1.0,
    n_finals: int = 0,
    record: SearchRecord | None = None,
    random_state: RandomState = None,
    n_jobs: int | None = None,
    journal: str | Path | Journal | None = None,
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
        Number of trials, those of an earlier search included, and the finals not.
    length : int or None, default=None
        Number of operations in a cell; None takes the space's default.
    max_time : float or None, default=None
        Time limit in seconds. When it has passed, the search waits for no further trial, and an evaluator that trains
        ends the training under way. The finals have the second half of it.
    prior : Prior, OperationDistribution, fitted OpDistNASClassifier, str, Path or None, default=None
        What is known from elsewhere: random points are drawn around this distribution. All but a :class:`Prior`, which
        has a strength of its own, count as one of the default strength.
    begin_with : sequence of Architecture, default=()
        Architectures that are evaluated first, such as those of :meth:`SearchSpace.reference_architectures`. The
        strategy observes them as it does its own.
    fidelity : float, default=1.0
        The share of the full training that a trial is given, one of the evaluator's; see :attr:`Evaluator.fidelities`.
    n_finals : int, default=0
        Number of architectures that are evaluated at full fidelity when the search is over, as further trials. The
        strategy names them, and the best of them is the best trial.
    record : SearchRecord or None, default=None
        The ``record`` of an earlier result of the same search. Its trials are not evaluated again, and the result is
        that of one longer search. Where each trial builds on those before it, as in a supernet, the state is lost with
        the earlier search: its trials count if they are all, and are made anew otherwise.
    random_state : int, Generator, RandomState or None, default=None
        An integer has to be that of the record or journal, if there is one; otherwise the seed on record is taken up.
    n_jobs : int or None, default=None
        Number of trials that joblib runs in parallel, unless the evaluator is sequential. It never changes the result.
        ``joblib.parallel_config`` decides which workers they are: processes of this machine (loky, the default), dask
        or ray.
    journal : str, Path, Journal or None, default=None
        File to which every trial is written when it is known, and from which a search that was interrupted is resumed;
        or a folder, in which each search has a file of its own. It is a record on disk, and treated as `record` is. An
        estimator may give a :class:`~skopdist.journal.Journal` that it has opened.
    callback : callable or None, default=None
        Called with each trial, in order; the search ends when it returns True. :mod:`skopdist.tracking` has some.

    Returns
    -------
    result : SearchResult

    Raises
    ------
    ValueError
        If `n_trials` or another number is out of range, the strategy needs gradients and the evaluator gives none, the
        record or the journal is that of another search (the message lists what differs), or the prior is one over
        other operations.
    SearchFailedError
        If no trial succeeded.
    KeyboardInterrupt
        If the search is interrupted before a trial has succeeded; later, it ends and returns what it has.

    See Also
    --------
    skopdist.OpDistNASClassifier : Searches on data, and trains the best architecture.
    skopdist.journal.read_journal : Reads the record in a journal.

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

    Short trainings may guide the search, and full ones decide among a few:

    >>> short = {0.1: lambda operations: operations.count("nor_conv_3x3") - operations.count("nor_conv_1x1")}
    >>> two = TabularEvaluator(NASBench201Space(), table.scores, short_scores=short)
    >>> result = run_search(RandomSearch(), two, n_trials=30, fidelity=0.1, n_finals=2, random_state=0)
    >>> [trial.fidelity for trial in result.trials[-3:]], round(sum(trial.cost for trial in result.trials), 1)
    ([0.1, 1.0, 1.0], 5.0)

    A search may begin with what is known from another one, and may be continued:

    >>> settings = {"prior": result.best_distribution, "random_state": 0}
    >>> shorter = run_search(RandomSearch(), table, n_trials=2, **settings)
    >>> longer = run_search(RandomSearch(), table, n_trials=5, record=shorter.record, **settings)
    >>> longer.trials[:2] == shorter.trials
    True
    """
    _check_arguments(strategy, evaluator, n_trials, max_time, n_finals)
    begin_with = tuple(begin_with)
    known = as_prior(prior)
    bound = (strategy.default_encoding if encoding is None else encoding).bind(evaluator.search_space, length)
    with ExitStack() as stack:
        if isinstance(journal, Journal):
            if record is not None:
                raise ValueError("Give an open Journal or a record, not both: the journal has its record already.")
            if journal.seed < 0:
                raise ValueError("The Journal is not open; enter it first: `with Journal(...) as journal:`.")
            book, entropy = journal, root_entropy(random_state)
        else:
            identify = partial(_identify, strategy, evaluator, bound, known, begin_with, fidelity)
            book = stack.enter_context(Journal(journal, identify, random_state, record))
            entropy = book.seed
        search = _Search(
            strategy.start(bound, stream(entropy, _STRATEGY), known),
            evaluator.start(bound.length_, n_trials, seed(entropy, _EVALUATOR)),
            bound,
            book,
            entropy,
            n_trials,
            begin_with,
            fidelity,
            n_finals,
            max_time=max_time,
            callback=callback,
        )
        search.recall()
        with Workers(n_jobs) as workers:
            search.run(workers, _AHEAD * max(1, effective_n_jobs(n_jobs)))
            search.decide(workers)
        return search.result()


def _check_arguments(
    strategy: Strategy, evaluator: Evaluator, n_trials: int, max_time: float | None, n_finals: int
) -> None:
    for value, expected, name in ((strategy, Strategy, "strategy"), (evaluator, Evaluator, "evaluator")):
        if not isinstance(value, expected):
            raise TypeError(f"{name} must be an instance of {expected.__name__}, got {value!r}.")
    check_positive_integer("n_trials", n_trials)
    if n_finals:
        check_positive_integer("n_finals", n_finals)
    if max_time is not None and not max_time > 0:
        raise ValueError(f"max_time must be a positive number of seconds or None, got {max_time!r}.")
    if strategy.needs_gradient and not evaluator.gives_gradient:
        raise ValueError(
            f"{type(strategy).__name__} learns from gradients, which {type(evaluator).__name__} does not give; "
            "use an evaluator that does, or another strategy."
        )


def _identify(
    strategy: Strategy,
    evaluator: Evaluator,
    encoding: Encoding,
    prior: Prior | None,
    begin_with: Sequence[Architecture],
    fidelity: float,
) -> Identity:
    """Describe what the trials of a search depend on, the seed and the library aside."""
    return {
        **describe_parts("strategy", strategy),
        **describe_parts("encoding", encoding),
        **space_identity(evaluator.search_space),
        **evaluator.identity(),
        "length": describe(encoding.length_),
        "prior": describe(prior),
        "begin_with": describe([str(architecture) for architecture in begin_with]),
        "fidelity": describe(fidelity),
    }


def space_identity(space: SearchSpace) -> Identity:
    """Describe a space, and those of its operations that are not the library's own, by their code."""
    own = {f"operation__{operation.name}": describe(operation) for operation in own_operations(space.operation_names)}
    return describe_parts("space", space) | own


@dataclass
class _Search:
    """A search under way."""

    strategy: Strategy
    evaluator: Evaluator
    encoding: Encoding
    journal: Journal
    entropy: int
    n_trials: int
    begin_with: Sequence[Architecture]
    fidelity: float
    n_finals: int
    max_time: float | None
    callback: Callable[[Trial], object] | None
    trials: list[Trial] = field(default_factory=list)
    finals: list[Trial] = field(default_factory=list)
    known: Sequence[Trial] = ()
    known_finals: Mapping[Any, Trial] = field(default_factory=dict)
    stop_reason: str = ""

    def __post_init__(self) -> None:
        self.evaluator.at(self.fidelity)
        seconds = math.inf if self.max_time is None else self.max_time
        # By the clock on the wall, which workers have too.
        self.end = time.time() + seconds
        self.deadline = self.end - (seconds * (1 - _BEFORE_FINALS) if self.n_finals and self.max_time else 0.0)

    def recall(self) -> None:
        """Take up the trials that are on record, as far as they can be used, and prepare the journal for more."""
        known, sequential = self.journal.trials, self.evaluator.sequential
        if sequential and len(known) > self.n_trials:
            raise ValueError(
                f"There are {len(known)} trials on record. Each builds on those before it, so that a search of "
                f"n_trials={self.n_trials} would be another one; give n_trials={len(known)}, more, or another journal."
            )
        self.journal.begin()
        if sequential and len(known) < self.n_trials:
            # What earlier trials left behind is gone, and a longer search may train each of them differently.
            self.journal.restart()
        # A search that was shorter wrote its finals between the trials of this one.
        trials = [trial for trial in self.journal.trials if not trial.final]
        self.known = tuple(trial if trial.index == i else trial.replace(index=i) for i, trial in enumerate(trials))
        self.known_finals = {(t.architecture, t.seed): t for t in self.journal.trials if t.final}

    def run(self, workers: Workers, n_ahead: int) -> None:
        """Make trials until there is a reason to stop; `n_ahead` points at a time where trials teach nothing."""
        while not self.stop_reason:
            try:
                tasks = self._next_tasks(n_ahead)
            except KeyboardInterrupt:
                self._end_by_interrupt(self.trials)
                break
            if tasks:
                self._make(workers, tasks)
            else:
                self.stop_reason = "exhausted"
                warnings.warn(
                    "The search space holds no more points: "
                    f"the search ended after {len(self.trials)} of {self.n_trials} trials.",
                    stacklevel=3,
                )
            if not self.stop_reason and len(self.trials) >= self.n_trials:
                self.stop_reason = "n_trials"

    def decide(self, workers: Workers) -> None:
        """Evaluate the finalists of the strategy at full fidelity."""
        if not self.n_finals or best_trial(self.trials) is None:
            return
        self.deadline = self.end
        finalists = self.strategy.finalists(self.n_finals)
        tasks = [
            self._task_of(len(self.trials) + i, architecture, seed(self.entropy, _FINAL, i), 1.0)
            for i, architecture in enumerate(finalists)
        ]
        known = [self.known_finals.get((task.architecture, task.seed)) for task in tasks]
        finals = list(known)
        evaluated = evaluate(workers, self.evaluator, tasks, known)
        try:
            for i, (trial, is_next_ready) in enumerate(evaluated):
                if known[i] is None:
                    final = finals[i] = trial.replace(final=True)
                    self._write(final)
                    if self._reason_to_stop(trial, is_next_ready):
                        break
        except KeyboardInterrupt:
            self.stop_reason = "interrupted"
        finally:
            evaluated.close()
        made = [final for final in finals if final is not None]
        self.finals.extend(final.replace(index=i) for i, final in enumerate(made, start=len(self.trials)))

    def result(self) -> SearchResult:
        """Sum up the search."""
        trials = [*self.trials, *self.finals]
        best = best_trial(trials)
        if best is None:
            reasons = sorted({trial.message for trial in trials})
            raise SearchFailedError(
                f"All {len(trials)} trials failed, so there is nothing to choose from. The reasons: "
                + "; ".join(reasons),
                trials,
            )
        recommended = best.distribution if best.final else self.strategy.recommend()
        strategy, journal = self.strategy.finish(), self.journal
        return SearchResult(tuple(trials), recommended, best, strategy, self.stop_reason, lambda: journal.record)

    def _next_tasks(self, n_ahead: int) -> list[Task]:
        """Ask the strategy for points, and draw an architecture at each; what is known comes first."""
        first = len(self.trials)
        given = self.begin_with[first : self.n_trials]
        if given:
            return [
                self._task_of(i, architecture, seed(self.entropy, _EVALUATION, i), self.fidelity)
                for i, architecture in enumerate(given, start=first)
            ]
        at_once = self.strategy.points_at_once
        # A longer search would ask for more at its end: the first of its points are these, by the contract.
        n = min(n_ahead if at_once is None else at_once, self.n_trials - first)
        return [self._task(i, point) for i, point in enumerate(self.strategy.suggest(n), start=first)]

    def _task(self, index: int, point: NDArray[np.float64]) -> Task:
        return Task(
            index,
            self.encoding.decode(point, stream(self.entropy, _PLACEMENT, index)),
            self.encoding.distribution(point),
            self.encoding.mixture(point),
            seed(self.entropy, _EVALUATION, index),
            self.fidelity,
            self.deadline,
            self._operations,
        )

    def _task_of(self, index: int, architecture: Architecture, entropy: int, fidelity: float) -> Task:
        """Make the task of an architecture that was not drawn."""
        point = self.encoding.encode(architecture)
        ratio = self.encoding.space_.encode(architecture)
        mixture = self.encoding.mixture(point)
        return Task(index, architecture, ratio, mixture, entropy, fidelity, self.deadline, self._operations)

    @cached_property
    def _operations(self) -> tuple[Operation, ...]:
        return own_operations(self.encoding.space_.operation_names)

    def _make(self, workers: Workers, tasks: Sequence[Task]) -> None:
        """Make the trials of some tasks, unless the search ends before, and let the strategy observe them."""
        made: list[Trial] = []
        evaluated = evaluate(workers, self.evaluator, tasks, [self._recall(task) for task in tasks])
        try:
            for trial, is_next_ready in evaluated:
                if trial.index >= len(self.known):
                    self._write(trial)
                self._log(trial, made)
                made.append(trial)
                self.stop_reason = self._reason_to_stop(trial, is_next_ready)
                if self.stop_reason:
                    break
        except KeyboardInterrupt:
            self._end_by_interrupt([*self.trials, *made])
        finally:
            # Ends what is still running.
            evaluated.close()
        try:
            # A strategy that has seen half of them could not recommend anything.
            with uninterrupted():
                self.trials.extend(made)
                self.strategy.observe(made)
        except KeyboardInterrupt:
            self._end_by_interrupt(self.trials)

    def _recall(self, task: Task) -> Trial | None:
        """Return the trial of a task, if it is on record."""
        return task.recognise(self.known[task.index]) if task.index < len(self.known) else None

    def _log(self, trial: Trial, made: Sequence[Trial]) -> None:
        level = logging.INFO if trial.succeeded else logging.WARNING
        if _LOGGER.isEnabledFor(level):
            best = best_trial([*self.trials, *made])
            _LOGGER.log(level, "%s", progress_line(trial, None, -math.inf if best is None else best.score))

    def _write(self, trial: Trial) -> None:
        """Add a trial to the journal, numbered by its place there: finals of shorter searches may be in between."""
        place = len(self.journal.trials)
        self.journal.append(trial if trial.index == place else trial.replace(index=place))

    def _end_by_interrupt(self, trials: Sequence[Trial]) -> None:
        """End the search with the best so far, within the handling of an interrupt; raise it where there is none."""
        if best_trial(trials) is None:
            raise
        self.stop_reason = "interrupted"

    def _reason_to_stop(self, trial: Trial, is_next_ready: bool) -> str:
        if self.callback is not None and self.callback(trial) is True:
            return "callback"
        # What was made together with this one costs no more time.
        return "max_time" if time.time() >= self.deadline and not is_next_ready else ""
