"""The abstract strategy: it suggests points, observes trials and recommends a distribution."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, clone

from skopdist._prior import PRIOR_STRENGTH, prior_counts
from skopdist._random import RandomState, as_generator
from skopdist.distribution import OperationDistribution
from skopdist.encodings import DistributionEncoding, Encoding
from skopdist.strategies._smoothing import smoothed_best
from skopdist.trial import Trial


class Strategy(BaseEstimator, ABC):
    """A search technique, written against an encoding and free of data and networks.

    ``start`` is called once, then ``suggest`` and ``observe`` in turn. A new strategy must implement one method,
    ``_suggest``; it may implement ``_start``, ``_observe`` and ``_recommend``, whose docstrings say what the defaults
    do. ``skopdist.testing.check_strategy`` is the contract that it has to meet.

    Attributes
    ----------
    batch_size : int or None
        How many points it likes to suggest at a time; None if it learns nothing from trials, so that all may be
        suggested at once. This, and never the number of workers, decides what is known when a point is suggested.
    needs_gradient : bool
        Whether it learns from ``Trial.gradient`` and so needs an evaluator that gives one.
    """

    needs_gradient: ClassVar[bool] = False
    # What `default_encoding` makes; a subclass names another.
    _encoding_class: ClassVar[type[Encoding]] = DistributionEncoding

    encoding_: Encoding
    rng_: np.random.Generator
    prior_counts_: NDArray[np.float64]
    trials_: list[Trial]

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
        """Learn from trials, in the order of the suggestions; by default nothing, for ``trials_`` holds them anyway."""

    def _recommend(self, succeeded: Sequence[Trial]) -> OperationDistribution:
        """Return the distribution believed best; there is at least one trial that succeeded.

        By default it is the observed distribution whose neighbourhood has the highest mean score.
        """
        return smoothed_best(self.encoding_, succeeded)

    @property
    def batch_size(self) -> int | None:
        """How many points to suggest at a time; see the class. A subclass may state a plain number instead."""
        return 1

    @property
    def default_encoding(self) -> Encoding:
        """The encoding that the strategy works on where the user chose none."""
        return self._encoding_class()

    def start(
        self,
        encoding: Encoding,
        random_state: RandomState = None,
        prior: OperationDistribution | None = None,
        prior_strength: float = PRIOR_STRENGTH,
    ) -> Self:
        """Give a copy of this strategy that begins a new search.

        Parameters
        ----------
        encoding : Encoding
            Bound to a space and a length.
        random_state : int, Generator, RandomState or None, default=None
        prior : OperationDistribution or None, default=None
            What random points are drawn around; None draws them from the whole simplex.
        prior_strength : float, default=20.0
            How many observed operations the prior counts for.

        Raises
        ------
        ValueError
            If a parameter is out of range, or the prior has other operations or cell types than the space.
        """
        started: Self = clone(self)
        started.encoding_ = encoding
        started.rng_ = as_generator(random_state)
        space = encoding.space_
        started.prior_counts_ = prior_counts(prior, prior_strength, space.operation_names, space.cell_types)
        started.trials_ = []
        started._start()
        return started

    def suggest(self, n: int = 1) -> NDArray[np.float64]:
        """Give points to evaluate next.

        Parameters
        ----------
        n : int, default=1

        Returns
        -------
        points : ndarray of shape (n, n_dims)
            Fewer rows, or none, if the space holds no more. The first of them do not depend on `n`, so that a search
            that is continued equals one that was longer from the beginning.
        """
        if n < 1:
            raise ValueError(f"n must be at least 1, got {n}.")
        return np.array(self._suggest(n), dtype=np.float64).reshape(-1, self.encoding_.n_dims)

    def observe(self, trials: Sequence[Trial]) -> None:
        """Learn from the trials of the points suggested last, in their order."""
        self.trials_.extend(trials)
        self._observe(trials)

    def recommend(self) -> OperationDistribution:
        """Give the distribution believed best, not that of one lucky draw.

        Raises
        ------
        ValueError
            If no trial has succeeded yet.
        """
        succeeded = [trial for trial in self.trials_ if trial.succeeded]
        if not succeeded:
            raise ValueError("recommend needs at least one trial that succeeded; observe some first.")
        return self._recommend(succeeded)
