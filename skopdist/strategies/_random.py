"""Random search over distributions."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from skopdist.distribution import OperationDistribution
from skopdist.encodings import Encoding
from skopdist.strategies._base import Strategy
from skopdist.strategies._smoothing import smoothed_best
from skopdist.trial import Trial


class RandomSearch(Strategy):
    """Draw distributions from a Dirichlet prior.

    Parameters
    ----------
    concentration : float, default=1.0
        Concentration of the symmetric Dirichlet distribution: 1 is uniform on the simplex, smaller values prefer cells
        with few kinds of operations, larger ones an even mixture.

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

    batch_size = None

    def __init__(self, concentration: float = 1.0) -> None:
        self.concentration = concentration

    def _start(self) -> None:
        if not self.concentration > 0:
            raise ValueError(f"concentration must be positive, got {self.concentration!r}.")

    def _suggest(self, n: int) -> Sequence[NDArray[np.float64]]:
        return [draw_point(self.encoding_, self.rng_, self.concentration) for _ in range(n)]

    def _observe(self, trials: Sequence[Trial]) -> None:
        """Learn nothing: trials are independent draws."""

    def _recommend(self, succeeded: Sequence[Trial]) -> OperationDistribution:
        return smoothed_best(self.encoding_, succeeded)


def draw_point(encoding: Encoding, rng: np.random.Generator, concentration: float = 1.0) -> NDArray[np.float64]:
    """Draw a distribution from a symmetric Dirichlet prior and a point of the encoding that has it."""
    names, cell_types = encoding.space_.operation_names, encoding.space_.cell_types
    rows = rng.dirichlet(np.full(len(names), concentration), size=len(cell_types))
    return encoding.from_distribution(OperationDistribution(names, rows, cell_types), rng)
