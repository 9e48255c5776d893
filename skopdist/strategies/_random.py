"""Random search over distributions."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from skopdist.strategies._base import Strategy
from skopdist.strategies._drawing import draw_point, draw_unseen, point_key

_SEQUENTIAL_BATCH = 4
# Every so many draws one comes from the prior.
_PRIOR_EVERY = 4
_TRIES = 20


class RandomSearch(Strategy):
    """Draw distributions from a Dirichlet prior, which may concentrate around the best of those seen.

    The sequential form draws the n-th distribution from a Dirichlet whose concentration is that of the prior, plus n
    times one of the ceil(sqrt(n)) best distributions: the prior fades like a posterior's, and the best are an ever
    smaller part of what has been seen. It takes turns with the prior itself, so that nothing is ever ruled out, and
    asks no point twice.

    Parameters
    ----------
    concentration : float, default=1.0
        Concentration of the symmetric Dirichlet distribution: 1 is uniform on the simplex, smaller values prefer cells
        with few kinds of operations, larger ones an even mixture. What is known from elsewhere, the ``prior`` of
        :func:`~skopdist.search.run_search`, adds to it.
    sequential : bool, default=False
        Whether to learn from trials. The draws are then no longer independent, and fewer are suggested at a time.

    References
    ----------
    .. [1] Wan, Ru, Esperança, Carlucci, "Approximate Neural Architecture Search via Operation Distribution
       Learning", WACV 2022, arXiv 2111.04670 (random search over distributions).

    Examples
    --------
    >>> from skopdist.encodings import DistributionEncoding
    >>> from skopdist.spaces import DenseSpace
    >>> from skopdist.strategies import RandomSearch
    >>> strategy = RandomSearch().start(DistributionEncoding().bind(DenseSpace()), random_state=0)
    >>> strategy.suggest(2).round(2)
    array([[0.17, 0.26, 0.01, 0.  , 0.14, 0.42],
           [0.05, 0.06, 0.21, 0.45, 0.24, 0.  ]])
    """

    def __init__(self, concentration: float = 1.0, sequential: bool = False) -> None:
        self.concentration = concentration
        self.sequential = sequential

    @property
    def batch_size(self) -> int | None:
        """How many points it likes to suggest at a time; all, unless it learns from trials."""
        return _SEQUENTIAL_BATCH if self.sequential else None

    def _start(self) -> None:
        if not self.concentration > 0:
            raise ValueError(f"concentration must be positive, got {self.concentration!r}.")
        self.n_drawn_ = 0
        self.asked_: set[bytes] = set()

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
        seen = [trial for trial in self.trials_ if trial.succeeded]
        if not seen or self.n_drawn_ % _PRIOR_EVERY == 0:
            return draw_point(self.encoding_, self.rng_, self.prior_counts_, self.concentration)
        best = sorted(seen, key=lambda trial: -trial.score)[: math.ceil(math.sqrt(len(seen)))]
        centre = self.encoding_.space_.encode(best[self.rng_.integers(len(best))].architecture)
        counts = self.prior_counts_ + len(seen) * centre.probabilities
        return draw_point(self.encoding_, self.rng_, counts, self.concentration)
