"""Regularised evolution: tournaments among the young."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from skopdist.encodings._base import point_key
from skopdist.strategies._base import Strategy
from skopdist.strategies._drawing import draw_unseen, trial_keys
from skopdist.trial import Trial


class RegularizedEvolution(Strategy):
    """Mutate the best of a random sample of the population, and let the oldest die [1]_.

    A mutation is one of the encoding's smallest moves. No point is asked twice: where all neighbours of a parent have
    been, a random point takes the child's place.

    Parameters
    ----------
    population_size : int, default=10
        How many of the latest points may become parents; the first so many are random. NAS-Bench-201 [2]_ uses this
        default and that of `sample_size` for its regularised evolution.
    sample_size : int, default=3
        How many of the population compete to be the parent.
    trial_batch : int, default=1
        Points suggested together, and so the most trials that can run in parallel.

    See Also
    --------
    LocalSearch : Moves from the best point alone.

    References
    ----------
    .. [1] Real, Aggarwal, Huang, Le, "Regularized Evolution for Image Classifier Architecture Search", AAAI 2019,
       arXiv 1802.01548, algorithm 1.
    .. [2] Dong and Yang, "NAS-Bench-201: Extending the Scope of Reproducible Neural Architecture Search",
       ICLR 2020, arXiv 2001.00326, section 5.

    Examples
    --------
    >>> from skopdist.evaluators import TabularEvaluator
    >>> from skopdist.search import run_search
    >>> from skopdist.spaces import NASBench201Space
    >>> from skopdist.strategies import RegularizedEvolution
    >>> table = TabularEvaluator(NASBench201Space(), lambda operations: operations.count("nor_conv_3x3"))
    >>> result = run_search(RegularizedEvolution(), table, n_trials=60, random_state=0)
    >>> result.best_distribution["nor_conv_3x3"]
    1.0
    """

    def __init__(self, population_size: int = 10, sample_size: int = 3, trial_batch: int = 1) -> None:
        self.population_size = population_size
        self.sample_size = sample_size
        self.trial_batch = trial_batch

    def _start(self) -> None:
        if not 1 <= self.sample_size <= self.population_size:
            raise ValueError(
                "sample_size must be between 1 and population_size, so that the population holds a sample; got "
                f"sample_size={self.sample_size!r} and population_size={self.population_size!r}."
            )
        self.asked_: set[bytes] = set()
        self.population_: deque[tuple[float, NDArray[np.float64]]] = deque(maxlen=self.population_size)

    def _suggest(self, n: int) -> Sequence[NDArray[np.float64]]:
        points: list[NDArray[np.float64]] = []
        while len(points) < n:
            point = self._child() if len(self.asked_) >= self.population_size and self.population_ else None
            if point is None:
                point = draw_unseen(self.encoding_, self.rng_, self.prior_counts_, self.asked_)
            if point is None:
                point = self._last_resort()
            if point is None:
                break
            self.asked_.add(point_key(point))
            points.append(point)
        return points

    def _child(self) -> NDArray[np.float64] | None:
        size = min(self.sample_size, len(self.population_))
        sample = self.rng_.choice(len(self.population_), size, replace=False)
        parent = self.population_[max(sample.tolist(), key=lambda i: self.population_[i][0])][1]
        return self._mutant(parent)

    def _mutant(self, parent: NDArray[np.float64]) -> NDArray[np.float64] | None:
        fresh = [point for point in self.encoding_.neighbours(parent) if point_key(point) not in self.asked_]
        return fresh[self.rng_.integers(len(fresh))] if fresh else None

    def _last_resort(self) -> NDArray[np.float64] | None:
        """Return a point that no draw finds, such as one without a path, next to any of the population."""
        mutants = (self._mutant(point) for _, point in self.population_)
        return next((point for point in mutants if point is not None), None)

    def _observe_unasked(self, trials: Sequence[Trial]) -> None:
        self.asked_.update(trial_keys(self.encoding_, trials))

    def _observe(self, trials: Sequence[Trial]) -> None:
        for trial in trials:
            if trial.succeeded:
                self.population_.append((trial.score, self.encoding_.encode(trial.architecture)))

    def _finish(self) -> None:
        self.asked_ = set()
        del self.population_
