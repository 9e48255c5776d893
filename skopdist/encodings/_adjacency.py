"""The traditional encoding: which operation sits on which edge."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from skopdist.encodings._graph import GraphEncoding


class AdjacencyEncoding(GraphEncoding):
    """A point is the cell's graph: for every potential edge, one indicator for each operation [1]_.

    An edge that the wiring leaves out has zeros only. The smallest move changes one edge's operation, or carries an
    operation to an unused edge where the space allows other wirings.

    See Also
    --------
    DistributionEncoding : The ratio of operations alone.
    HybridEncoding : The same points, compared by ratio, placement and paths.

    References
    ----------
    .. [1] White, Neiswanger, Nolen, Savani, "A Study on Encodings for Neural Architecture Search", NeurIPS 2020,
       arXiv 2007.04965, section 3 (the one-hot adjacency matrix encoding).

    Examples
    --------
    >>> from skopdist.encodings import AdjacencyEncoding
    >>> from skopdist.spaces import NASBench201Space
    >>> space = NASBench201Space()
    >>> encoding = AdjacencyEncoding().bind(space, length=6)
    >>> point = encoding.from_distribution(space.uniform(), random_state=0)
    >>> point.shape, encoding.neighbours(point).shape
    ((30,), (24, 30))
    """

    def _features(self, points: NDArray[np.float64]) -> dict[str, NDArray[np.float64]]:
        operated, linked = self._bodies(points)
        cells = np.hstack([operated.reshape(len(operated), operated.shape[1] * operated.shape[2]), linked])
        return self._with_stems({"slots": cells.reshape(len(points), self._n_body * cells.shape[1])}, points)
