"""Local search: move to the first better neighbour, restart when there is none."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from skopdist.encodings._base import point_key
from skopdist.strategies._base import Strategy
from skopdist.strategies._drawing import draw_unseen, trial_keys
from skopdist.trial import Trial


class LocalSearch(Strategy):
    """Climb from the best of a few random points to the first better neighbour, and restart at local optima.

    With the distribution encoding a move carries one operation's share to another; with the adjacency encoding it
    changes one edge's operation. No point is asked twice.

    Parameters
    ----------
    n_initial : int, default=5
        Random points from whose best each climb starts. Trials that are observed before count among those of the first.
    trial_batch : int, default=4
        Points suggested together, and so the most trials that can run in parallel.

    See Also
    --------
    RegularizedEvolution : Moves from any of the latest points instead of the best one.

    References
    ----------
    .. [1] White, Nolen, Savani, "Exploring the Loss Landscape in Neural Architecture Search", UAI 2021,
       arXiv 2005.02960.

    Examples
    --------
    >>> from skopdist.evaluators import TabularEvaluator
    >>> from skopdist.search import run_search
    >>> from skopdist.spaces import NASBench201Space
    >>> from skopdist.strategies import LocalSearch
    >>> table = TabularEvaluator(NASBench201Space(), lambda operations: operations.count("nor_conv_3x3"))
    >>> result = run_search(LocalSearch(), table, n_trials=40, random_state=0)
    >>> result.best_distribution["nor_conv_3x3"]
    1.0
    """

    def __init__(self, n_initial: int = 5, trial_batch: int = 4) -> None:
        self.n_initial = n_initial
        self.trial_batch = trial_batch

    def _start(self) -> None:
        if self.n_initial < 1:
            raise ValueError(f"n_initial must be at least 1, got {self.n_initial!r}.")
        self.asked_: set[bytes] = set()
        self._restart()

    def _restart(self) -> None:
        self.n_starts_left_ = self.n_initial
        self.current_: tuple[float, NDArray[np.float64]] | None = None
        self.queue_: list[NDArray[np.float64]] = []

    def _suggest(self, n: int) -> Sequence[NDArray[np.float64]]:
        points: list[NDArray[np.float64]] = []
        while len(points) < n:
            if self.n_starts_left_ > 0:
                point = draw_unseen(self.encoding_, self.rng_, self.prior_counts_, self.asked_)
                if point is None:
                    break
                self.n_starts_left_ -= 1
            elif self.queue_:
                point = self.queue_.pop()
                if point_key(point) in self.asked_:
                    continue
            elif points:
                # The scores of these may open a new neighbourhood: wait for them.
                break
            else:
                self._restart()
                continue
            self.asked_.add(point_key(point))
            points.append(point)
        return points

    def _observe_unasked(self, trials: Sequence[Trial]) -> None:
        self.asked_.update(trial_keys(self.encoding_, trials))
        # A climb may as well begin from the best of these.
        self.n_starts_left_ = max(0, self.n_starts_left_ - len(trials))

    def _observe(self, trials: Sequence[Trial]) -> None:
        for trial in trials:
            if trial.succeeded and (self.current_ is None or trial.score > self.current_[0]):
                self.current_ = (trial.score, self.encoding_.encode(trial.architecture))
                self.queue_ = []
        if self.current_ is not None and not self.queue_ and self.n_starts_left_ == 0:
            neighbours = self.encoding_.neighbours(self.current_[1])
            fresh = [point for point in neighbours if point_key(point) not in self.asked_]
            self.queue_ = [fresh[i] for i in self.rng_.permutation(len(fresh))]

    def _finish(self) -> None:
        self.asked_, self.queue_, self.current_ = set(), [], None
