"""The abstract evaluator: from an architecture to a trial."""

from __future__ import annotations

import copy
import math
import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from skopdist._identity import describe, describe_parts
from skopdist._parameters import HasParameters
from skopdist._random import RandomState, root_entropy
from skopdist._sparse import as_dense
from skopdist.architecture import Architecture
from skopdist.distribution import OperationDistribution
from skopdist.problem import Problem
from skopdist.spaces import SearchSpace
from skopdist.trial import Status, Trial


@dataclass(frozen=True)
class Outcome:
    """The result of one evaluation: the part of a trial that is the evaluator's own.

    Attributes
    ----------
    score : float
    cost : float
        Epoch equivalents.
    score_error : float
        Standard error of the score; NaN where it is not known.
    completed : float
        The share of the training asked for that was done: less than 1 where time ran out.
    status : {"ok", "invalid"}
    gradient : ndarray of the mixture's shape or None
        Derivative of the score, or of what stands in for it, with respect to the mixture.
    info : mapping
        JSON values.
    """

    score: float
    cost: float
    status: Status = "ok"
    gradient: NDArray[np.float64] | None = None
    info: Mapping[str, Any] = field(default_factory=dict)
    score_error: float = math.nan
    completed: float = 1.0


class Evaluator(HasParameters, ABC):
    """Scores architectures of a space.

    ``skopdist.testing.check_evaluator`` is the contract that a new one has to meet.

    Attributes
    ----------
    gives_gradient : bool
        Whether its trials carry the derivative of the score with respect to the mixture.
    sequential : bool
        Whether a trial builds on those before it, so that trials can neither run side by side nor be left out.
    """

    gives_gradient: ClassVar[bool] = False
    sequential: ClassVar[bool] = False
    _data_attributes: ClassVar[tuple[str, ...]] = ()

    @property
    @abstractmethod
    def search_space(self) -> SearchSpace:
        """The space whose architectures it scores."""

    def __sizeof__(self) -> int:
        # Dask and ray ask for it: what is large they send to a worker once, and not with each trial.
        data = (self.__dict__[name] for name in self._data_attributes if name in self.__dict__)
        return object.__sizeof__(self) + sum(map(sys.getsizeof, data))

    @property
    def replicas(self) -> Sequence[Self]:
        """The evaluators among which a search shares out its trials: the i-th goes to the i-th, modulo their number.

        Of trials that are scored together, it is their group that counts; see :meth:`together`.

        Only itself, unless an evaluator has several devices and returns a shallow copy for each.
        """
        return (self,)

    @property
    def fidelities(self) -> Sequence[float] | None:
        """The shares of the full training that an evaluation may be given; None stands for any in (0, 1].

        Only the full one, unless a subclass implements ``_at`` too.
        """
        return (1.0,)

    @property
    def known_settings(self) -> Sequence[str]:
        """The settings of an architecture that it applies, and so the scalars that its space may have.

        None, unless a subclass says otherwise.
        """
        return ()

    def _at(self, fidelity: float) -> Self:
        """Return a shallow copy whose evaluations get a share of the full training, one of `fidelities` below 1."""
        raise NotImplementedError(f"{type(self).__name__} lists fidelities below 1, but has no method _at.")

    def at(self, fidelity: float) -> Self:
        """Return this evaluator at a fidelity: its evaluations get this share of the full training.

        Parameters
        ----------
        fidelity : float
            One of `fidelities`; at 1 it is this evaluator itself.

        Raises
        ------
        ValueError
            If it is none of these.
        """
        known = self.fidelities
        if not 0 < fidelity <= 1 or (known is not None and fidelity not in known):
            expected = "more than 0 and at most 1" if known is None else f"one of {tuple(known)}"
            raise ValueError(f"The fidelity of {type(self).__name__} must be {expected}, got {fidelity!r}.")
        return self if fidelity == 1 else self._at(fidelity)

    def within(self, seconds: float) -> Self:
        """Return this evaluator with a limit of time for each evaluation.

        By default it is this evaluator itself, which cannot be hurried. One that trains returns a shallow copy whose
        trainings end in time.
        """
        return self

    @abstractmethod
    def _evaluate(self, architecture: Architecture, mixture: NDArray[np.float64], seed: int) -> Outcome:
        """Score an architecture, drawn from a mixture; any exception makes a failed trial."""

    def together(self, architectures: Sequence[Architecture]) -> list[list[int]]:
        """Say which of some architectures :meth:`evaluate_many` scores together, in less time than one by one.

        Each by itself, unless a subclass implements ``_evaluate_many`` too.

        Parameters
        ----------
        architectures : sequence of Architecture

        Returns
        -------
        groups : list of list of int
            Indices, each in one group, in the order of the first of each group. The architectures of a group are one
            group by themselves, too.
        """
        return [[i] for i in range(len(architectures))]

    def _evaluate_many(
        self, architectures: Sequence[Architecture], mixtures: Sequence[NDArray[np.float64]], seeds: Sequence[int]
    ) -> list[Outcome | str]:
        """Score the architectures of a group of :meth:`together`; the reason stands in the place of one that failed."""
        raise NotImplementedError(f"{type(self).__name__} names groups, but has no method _evaluate_many.")

    def _fit(self, problem: Problem, seed: int) -> None:
        """Take the data on which architectures are to be scored: nothing, unless a subclass needs them."""

    def fit(
        self,
        X: ArrayLike,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        random_state: RandomState = None,
        groups: ArrayLike | None = None,
    ) -> Self:
        """Take the data on which architectures are to be scored.

        Parameters
        ----------
        X : array-like of shape (n, features), (n, channels, length) or (n, channels, height, width)
            Finite numbers.
        y : array-like of shape (n,)
            Class labels.
        sample_weight : array-like of shape (n,) or None, default=None
        random_state : int, Generator, RandomState or None, default=None
        groups : array-like of shape (n,) or None, default=None
            The group of each sample; whole groups are held out.
        """
        weights = None if sample_weight is None else np.asarray(sample_weight, dtype=np.float64)
        return self.fit_problem(
            Problem.of(np.asarray(as_dense(X)), np.asarray(y), weights, groups=groups), random_state
        )

    def fit_problem(self, problem: Problem, random_state: RandomState = None) -> Self:
        """Take the data of a problem that is made already, for example by an estimator.

        Parameters
        ----------
        problem : Problem
        random_state : int, Generator, RandomState or None, default=None
            Decides what is held out.
        """
        self._fit(problem, root_entropy(random_state))
        return self

    def start(self, length: int, n_trials: int, random_state: RandomState = None) -> Self:
        """Return a copy of this evaluator for a new search.

        Parameters
        ----------
        length : int
            Number of operations in a cell.
        n_trials : int
            The most trials that the search will make.
        random_state : int, Generator, RandomState or None, default=None

        Raises
        ------
        ValueError
            If the space has scalars that the evaluator cannot apply.
        """
        self._check_settings([scalar.name for scalar in self.search_space.scalar_ranges])
        started = copy.copy(self)
        started._start(length, n_trials, root_entropy(random_state))
        return started

    def _check_settings(self, names: Sequence[str]) -> None:
        """Refuse settings that the scores would not depend on."""
        unknown = [name for name in names if name not in self.known_settings]
        if unknown:
            known = f"those that it can are {list(self.known_settings)}" if self.known_settings else "it can apply none"
            raise ValueError(
                f"{type(self).__name__} cannot apply the scalars {unknown}; {known}. Take them out of the space, or "
                "use another evaluator."
            )

    def _start(self, length: int, n_trials: int, seed: int) -> None:
        """Set up the state of a new search, where there is any: nothing, unless the trials are sequential."""

    def identity(self) -> dict[str, str]:
        """Return what its scores depend on, as short texts under names that begin with ``evaluator``.

        Trials of an earlier search are taken up only if this has not changed since.
        """
        parts = {"evaluator": describe(type(self))}
        for name, value in self._identity().items():
            parts |= describe_parts(f"evaluator__{name}", value)
        return parts

    def _identity(self) -> dict[str, Any]:
        """Return what the scores depend on, by name: the parameters.

        A subclass leaves out what changes no score, and adds what it holds beside its parameters, such as data.
        """
        parameters: dict[str, Any] = self.get_params(deep=False)
        return parameters

    def without_data(self) -> Self:
        """Return a copy that knows its space and settings, but holds no samples and so can score nothing."""
        bare = copy.copy(self)
        for name in self._data_attributes:
            bare.__dict__.pop(name, None)
        return bare

    def evaluate(
        self,
        architecture: Architecture,
        *,
        distribution: OperationDistribution | None = None,
        mixture: NDArray[np.float64] | None = None,
        seed: int = 0,
        fidelity: float = 1.0,
    ) -> Trial:
        """Score an architecture.

        Parameters
        ----------
        architecture : Architecture
        distribution : OperationDistribution or None, default=None
            What the architecture was drawn from; None takes its own ratio of operations.
        mixture : ndarray of shape (n_cell_types, k) or (n_cell_types, n_slots, k) or None, default=None
            The probabilities of the operations at each slot, for evaluators that can make something of them; None
            takes the distribution at each.
        seed : int, default=0
            Seed of everything that is random in the evaluation.
        fidelity : float, default=1.0
            The share of the full training that it gets, one of `fidelities`.

        Returns
        -------
        trial : Trial
            With the status "failed" and the reason where the evaluation raised or the score is not finite.

        Raises
        ------
        ValueError
            If the architecture is not one of the space or has settings that this evaluator cannot apply, or the
            fidelity is none of its own.
        """
        evaluator = self.at(fidelity)
        distribution, mixture = self._drawn_from(architecture, distribution, mixture)
        begin = time.perf_counter()
        outcome = attempt(partial(evaluator._evaluate, architecture, mixture, seed))
        return _trial_of(outcome, architecture, distribution, seed, fidelity, time.perf_counter() - begin)

    def evaluate_many(
        self,
        architectures: Sequence[Architecture],
        *,
        distributions: Sequence[OperationDistribution | None] | None = None,
        mixtures: Sequence[NDArray[np.float64]] | None = None,
        seeds: Sequence[int],
        fidelity: float = 1.0,
    ) -> list[Trial]:
        """Score architectures, those of a group of :meth:`together` in less time than one by one.

        The trials are those of :meth:`evaluate`, but for rounding.

        Parameters
        ----------
        architectures : sequence of Architecture
        distributions : sequence of (OperationDistribution or None) or None, default=None
            As :meth:`evaluate` takes one of them.
        mixtures : sequence of ndarray or None, default=None
            Likewise.
        seeds : sequence of int
        fidelity : float, default=1.0
            Of all of them.

        Returns
        -------
        trials : list of Trial
            In their order. The duration of each is its part of the time of all.

        Raises
        ------
        ValueError
            As :meth:`evaluate` does.
        """
        evaluator, none = self.at(fidelity), [None] * len(architectures)
        known = none if distributions is None else distributions
        sources = list(zip(architectures, known, none if mixtures is None else mixtures, strict=True))
        trials: dict[int, Trial] = {}
        for group in self.together(architectures):
            if len(group) == 1:
                (i,) = group
                _, distribution, mixture = sources[i]
                trials[i] = self.evaluate(
                    architectures[i], distribution=distribution, mixture=mixture, seed=seeds[i], fidelity=fidelity
                )
                continue
            drawn_from = [self._drawn_from(*sources[i]) for i in group]
            begin = time.perf_counter()
            outcomes = evaluator._evaluate_many(
                [architectures[i] for i in group], [mixture for _, mixture in drawn_from], [seeds[i] for i in group]
            )
            duration = (time.perf_counter() - begin) / len(group)
            for i, outcome, (distribution, _) in zip(group, outcomes, drawn_from, strict=True):
                trials[i] = _trial_of(outcome, architectures[i], distribution, seeds[i], fidelity, duration)
        return [trials[i] for i in range(len(architectures))]

    def _drawn_from(
        self,
        architecture: Architecture,
        distribution: OperationDistribution | None,
        mixture: NDArray[np.float64] | None,
    ) -> tuple[OperationDistribution, NDArray[np.float64]]:
        """Check an architecture that is to be scored, and say what it was drawn from where that is not given."""
        self.search_space.check_architecture(architecture)
        self._check_settings([name for name, _ in architecture.settings])
        if distribution is None:
            distribution = self.search_space.encode(architecture)
        return distribution, distribution.probabilities if mixture is None else mixture


def attempt(evaluation: Callable[[], Outcome]) -> Outcome | str:
    """Return the outcome of an evaluation, or the reason why it failed."""
    try:
        return evaluation()
    except Exception as error:  # noqa: BLE001 - whatever a trial raises, the search goes on
        return f"{type(error).__name__}: {error}"


def _trial_of(
    outcome: Outcome | str,
    architecture: Architecture,
    distribution: OperationDistribution,
    seed: int,
    fidelity: float,
    duration: float,
) -> Trial:
    failure = outcome if isinstance(outcome, str) else ""
    if isinstance(outcome, str):
        outcome = Outcome(math.nan, 0.0)
    elif not math.isfinite(outcome.score):
        failure = f"The score is {outcome.score}; a finite number was expected."
    return Trial(
        architecture=architecture,
        distribution=distribution,
        score=math.nan if failure else float(outcome.score),
        cost=float(outcome.cost),
        seed=seed,
        status="failed" if failure else outcome.status,
        message=failure,
        duration=duration,
        gradient=outcome.gradient,
        info=dict(outcome.info) | ({"planned_fidelity": float(fidelity)} if outcome.completed < 1 else {}),
        score_error=math.nan if failure else float(outcome.score_error),
        fidelity=float(fidelity * outcome.completed),
    )
