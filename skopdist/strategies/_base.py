"""The abstract strategy: it suggests points, observes trials and recommends a distribution."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from copy import copy
from typing import ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone

from skopdist._parameters import HasParameters
from skopdist._prior import PriorLike, as_prior, prior_counts
from skopdist._random import RandomState, as_generator
from skopdist._validation import check_positive_integer
from skopdist.architecture import Architecture
from skopdist.distribution import OperationDistribution
from skopdist.encodings import DistributionEncoding, Encoding
from skopdist.strategies._smoothing import smoothed_best
from skopdist.trial import Trial


class Strategy(HasParameters, ABC):
    """A search technique, written against an encoding and free of data and networks.

    ``start`` is called once, then ``suggest`` and ``observe`` in turn, and ``finish`` at the end. A new strategy must
    implement one method, ``_suggest``; it may implement ``_start``, ``_observe``, ``_recommend``, ``_finalists``,
    ``_forecasts`` and ``_finish``, whose docstrings say what the defaults do. ``skopdist.testing.check_strategy`` is
    the contract that it has to meet.

    Attributes
    ----------
    trial_batch : int
        How many points are suggested together, and so the most trials that can run in parallel. This number, and never
        the number of workers, decides what is known when a point is suggested. It is 1 unless a subclass has a
        parameter of this name.
    needs_gradient : bool
        Whether the strategy learns from ``Trial.gradient`` and so needs an evaluator that gives one.

    See Also
    --------
    skopdist.search.run_search : Runs a strategy.
    """

    trial_batch: int = 1
    needs_gradient: ClassVar[bool] = False
    # What `default_encoding` makes; a subclass names another.
    _encoding_class: ClassVar[type[Encoding]] = DistributionEncoding

    encoding_: Encoding
    rng_: np.random.Generator
    prior_counts_: NDArray[np.float64]
    trials_: list[Trial]
    n_waiting_: int

    @abstractmethod
    def _suggest(self, n: int) -> Sequence[NDArray[np.float64]]:
        """Return `n` points; fewer, or none, if there are no more to ask about.

        The first points must be the same for every `n`. Random ones should be drawn around ``prior_counts_``, shape
        (n_cell_types, k): the operations that are taken as seen.
        """

    def _start(self) -> None:
        """Set up the state of a new search; by default there is none.

        ``encoding_``, ``rng_``, ``prior_counts_`` and the empty list ``trials_`` are there.
        """

    def _observe(self, trials: Sequence[Trial]) -> None:
        """Learn from trials, in the order of the suggestions; by default nothing, for ``trials_`` holds them anyway.

        Trials of architectures that were not suggested may be among them, most often before the first suggestion.
        """

    def _observe_unasked(self, trials: Sequence[Trial]) -> None:
        """Take note of trials of architectures that were not suggested, just before ``_observe`` is given them, too.

        By default nothing. Who asks no point twice counts their points as asked.
        """

    def _recommend(self, succeeded: Sequence[Trial]) -> OperationDistribution:
        """Return the distribution believed best; there is at least one trial that succeeded.

        By default it is the observed distribution whose neighbourhood has the highest mean score.
        """
        return smoothed_best(self.encoding_, succeeded)

    def _finalists(self, succeeded: Sequence[Trial]) -> Sequence[Trial]:
        """Return the trials in the order in which their architectures deserve a full training.

        By default it is that of their scores, the earlier ones first among equals.
        """
        return sorted(succeeded, key=lambda trial: -trial.score)

    def _forecasts(self) -> NDArray[np.float64]:
        """Return what the strategy predicts of each trial from those before it, shape (n_trials,).

        By default NaN, for a strategy without a model predicts nothing.
        """
        return np.full(len(self.trials_), np.nan)

    def _finish(self) -> None:
        """Drop the attributes that only suggestions need, so that a finished strategy is small: none, unless told."""

    @property
    def learns_from_trials(self) -> bool:
        """Whether suggestions depend on the trials observed: True, unless a subclass says otherwise.

        If they do not, ``suggest(a)`` and then ``suggest(b)`` have to give the points of ``suggest(a + b)``.
        """
        return True

    @property
    def points_at_once(self) -> int | None:
        """How many points a search asks for together: ``trial_batch``, or None where trials teach nothing.

        Then any number may be asked for, which keeps all workers busy.
        """
        return self.trial_batch if self.learns_from_trials else None

    @property
    def default_encoding(self) -> Encoding:
        """The encoding that the strategy works on where the user chose none."""
        return self._encoding_class()

    def start(
        self,
        encoding: Encoding,
        random_state: RandomState = None,
        prior: PriorLike | None = None,
    ) -> Self:
        """Return a copy of this strategy that begins a new search.

        Parameters
        ----------
        encoding : Encoding
            Bound to a space and a length.
        random_state : int, Generator, RandomState or None, default=None
        prior : Prior, OperationDistribution or None, default=None
            What random points are drawn around; None draws them from the whole simplex.

        Raises
        ------
        ValueError
            If a parameter is out of range, or the prior has other operations or cell types than the space.
        """
        check_positive_integer("trial_batch", self.trial_batch)
        started: Self = clone(self)
        started.encoding_ = encoding
        started.rng_ = as_generator(random_state)
        space = encoding.space_
        started.prior_counts_ = prior_counts(as_prior(prior), space.operation_names, space.cell_types)
        started.trials_ = []
        started.n_waiting_ = 0
        started._start()
        return started

    def suggest(self, n: int = 1) -> NDArray[np.float64]:
        """Return points to evaluate next.

        Parameters
        ----------
        n : int, default=1

        Returns
        -------
        points : ndarray of shape (n, n_dims)
            Fewer rows, or none, if the space holds no more. The first of them do not depend on `n`, so that a search
            that is continued equals one that was longer from the beginning.

        Raises
        ------
        ValueError
            If `n` is less than 1, or the strategy has been finished.
        """
        self._check_running()
        if n < 1:
            raise ValueError(f"n must be at least 1, got {n}.")
        points = np.array(self._suggest(n), dtype=np.float64).reshape(-1, self.encoding_.n_dims)
        self.n_waiting_ += len(points)
        return points

    def observe(self, trials: Sequence[Trial]) -> None:
        """Learn from the trials of the points suggested last, in their order.

        Where no suggested point waits for its trial, trials of any architectures of the space and length may be
        observed, such as those of :meth:`SearchSpace.reference_architectures` before the first suggestion. A strategy
        that asks no point twice will not ask these, and each learns from them as from its own, but for
        :class:`DifferentiableSearch`: it has no draw that their gradients could be traced to.

        Parameters
        ----------
        trials : sequence of Trial
        """
        self._check_running()
        self.trials_.extend(trials)
        n_suggested = min(self.n_waiting_, len(trials))
        self.n_waiting_ -= n_suggested
        if len(trials) > n_suggested:
            self._observe_unasked(trials[n_suggested:])
        self._observe(trials)

    def recommend(self) -> OperationDistribution:
        """Return the distribution believed best, which need not be that of the luckiest trial.

        Raises
        ------
        ValueError
            If no trial has succeeded yet.
        """
        succeeded = [trial for trial in self.trials_ if trial.succeeded]
        if not succeeded:
            raise ValueError("recommend needs at least one trial that succeeded; observe some first.")
        return self._recommend(succeeded)

    def finalists(self, n: int) -> list[Architecture]:
        """Return the architectures that are to be trained in full, as far as the trials can tell.

        Parameters
        ----------
        n : int

        Returns
        -------
        architectures : list of Architecture
            At most `n`, all distinct, the most promising first. Those through which nothing passes are left out, unless
            there is nothing else.
        """
        ranked = self._finalists([trial for trial in self.trials_ if trial.succeeded])
        passing = [trial.architecture for trial in ranked if trial.status == "ok"]
        return list(dict.fromkeys(passing or [trial.architecture for trial in ranked]))[:n]

    def forecasts(self) -> NDArray[np.float64]:
        """Return the score that the strategy's model predicts of each trial, from the trials before it alone.

        Beside the scores they show what the model is worth. They are computed afterwards, one trial after another; with
        many trials, some at a time. During the search, points that were suggested together knew as little of each
        other.

        Returns
        -------
        forecasts : ndarray of shape (n_trials,)
            NaN where nothing is predicted: of the first trials, of those beyond three hundred, and of all where the
            strategy has no model.
        """
        return self._forecasts()

    def finish(self) -> Self:
        """Return a small copy of this strategy, as it is kept when the search is over.

        It has its parameters and trials, and can :meth:`recommend` and name :meth:`finalists`; it can neither suggest
        nor observe any more. A finished strategy, and its pickle, are about as large as its trials.
        """
        finished = copy(self)
        finished._finish()
        # No generator, no further points.
        finished.__dict__.pop("rng_", None)
        return finished

    def _check_running(self) -> None:
        if not hasattr(self, "rng_"):
            raise ValueError(
                f"This {type(self).__name__} is not in a search: it was not started, or its search is over. Call start "
                "to begin another one; to go on with a search, give its record to run_search."
            )
