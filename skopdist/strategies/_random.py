"""Random search over distributions."""

from __future__ import annotations

import math
from bisect import insort
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from skopdist.encodings._base import point_key
from skopdist.strategies._base import Strategy
from skopdist.strategies._drawing import draw_point, draw_unseen, trial_keys
from skopdist.trial import Trial

# Every so many draws one comes from the prior.
_PRIOR_EVERY = 4
_TRIES = 20


class RandomSearch(Strategy):
    """Draw distributions from a Dirichlet prior, which may concentrate around the best of those seen.

    The sequential form learns. After n trials it picks one of the ceil(sqrt(n)) best distributions at random, adds n
    times this distribution to the concentration of the prior, and draws from the Dirichlet of the sum. So the prior
    counts less with every trial, as it does in Bayesian inference, and the best are an ever smaller part of all trials.
    Every fourth point is drawn from the prior alone, so that nothing is ever ruled out, and no point is asked twice.

    Parameters
    ----------
    concentration : float, default=1.0
        Concentration of the symmetric Dirichlet distribution: 1 is uniform on the simplex, smaller values prefer cells
        with few kinds of operations, larger ones an even mixture. The ``prior`` of
        :func:`~skopdist.search.run_search` adds to it.
    sequential : bool, default=False
        Whether to learn from trials. The draws are then no longer independent.
    trial_batch : int, default=4
        Points suggested together by the sequential form, and so the most trials that can run in parallel. The other
        form has no such limit.

    See Also
    --------
    BayesianOptimization : Learns from trials by a model.

    References
    ----------
    .. [1] Wan, Ru, Esperança, Carlucci, "Approximate Neural Architecture Search via Operation Distribution
       Learning", WACV 2022, arXiv 2111.04670 (random search over distributions).

    Examples
    --------
    >>> from skopdist.encodings import DistributionEncoding
    >>> from skopdist.spaces import DenseSpace
    >>> from skopdist.strategies import RandomSearch
    >>> strategy = RandomSearch().start(DistributionEncoding().bind(DenseSpace(stems=())), random_state=0)
    >>> strategy.suggest(2).round(2)
    array([[0.17, 0.26, 0.01, 0.  , 0.14, 0.42],
           [0.05, 0.06, 0.21, 0.45, 0.24, 0.  ]])
    """

    def __init__(self, concentration: float = 1.0, sequential: bool = False, trial_batch: int = 4) -> None:
        self.concentration = concentration
        self.sequential = sequential
        self.trial_batch = trial_batch

    @property
    def learns_from_trials(self) -> bool:
        """Whether suggestions depend on the trials observed, as those of the sequential form do."""
        return self.sequential

    def _start(self) -> None:
        if not self.concentration > 0:
            raise ValueError(f"concentration must be positive, got {self.concentration!r}.")
        self.n_drawn_ = 0
        self.asked_: set[bytes] = set()
        # The trials that succeeded, the best first: minus the score, and the number of the trial.
        self.ranking_: list[tuple[float, int]] = []

    def _suggest(self, n: int) -> Sequence[NDArray[np.float64]]:
        if not self.sequential:
            return [draw_point(self.encoding_, self.rng_, self.prior_counts_, self.concentration) for _ in range(n)]
        points: list[NDArray[np.float64]] = []
        while len(points) < n:
            # Near the best points a draw often comes back to one of them; elsewhere there is still something to ask.
            draws = (self._draw() for _ in range(_TRIES))
            fresh = (point for point in draws if point_key(point) not in self.asked_)
            point = next(fresh, None)
            if point is None:
                point = draw_unseen(self.encoding_, self.rng_, self.prior_counts_, self.asked_)
            if point is None:
                break
            self.asked_.add(point_key(point))
            points.append(point)
        return points

    def _draw(self) -> NDArray[np.float64]:
        self.n_drawn_ += 1
        n_seen = len(self.ranking_)
        if not n_seen or self.n_drawn_ % _PRIOR_EVERY == 0:
            return draw_point(self.encoding_, self.rng_, self.prior_counts_, self.concentration)
        chosen = self.ranking_[self.rng_.integers(math.ceil(math.sqrt(n_seen)))][1]
        centre = self.encoding_.space_.encode(self.trials_[chosen].architecture)
        counts = self.prior_counts_ + n_seen * centre.probabilities
        return draw_point(self.encoding_, self.rng_, counts, self.concentration)

    def _observe_unasked(self, trials: Sequence[Trial]) -> None:
        self.asked_.update(trial_keys(self.encoding_, trials))

    def _observe(self, trials: Sequence[Trial]) -> None:
        if self.sequential:
            first = len(self.trials_) - len(trials)
            for number, trial in enumerate(trials, start=first):
                if trial.succeeded:
                    insort(self.ranking_, (-trial.score, number))

    def _finish(self) -> None:
        self.asked_, self.ranking_ = set(), []
