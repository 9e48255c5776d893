"""The graph of a cell, compared by its ratio of operations, their placement and their paths."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from skopdist.encodings._graph import GraphEncoding


class HybridEncoding(GraphEncoding):
    """A point is the cell's graph, and a model sees its operation distribution, its placement and its paths.

    The distribution predicts well from few observations, the placement from many. A model with one kernel for each part
    learns how much each part matters: the distribution at first, the placement later. The features leave out what makes
    no difference: an operation on no path from input to output counts as absent, and paths are counted whatever edges
    they run over. Points and moves are those of :class:`AdjacencyEncoding`, and so are the searches of all strategies
    that use no features.

    See Also
    --------
    DistributionEncoding : The ratio of operations alone.
    AdjacencyEncoding : The same points, without these features.

    Notes
    -----
    The parts, each with the features of the cell types one after another:

    ``distribution``
        The share of each operation among the cell's slots, where it lies on a path from input to output, and the share
        of slots that are dead.
    ``slots``
        For every edge, which operation it holds (one-hot), or that it is dead; for every potential link, whether it is
        there.
    ``paths``
        The logarithm of the number of paths from input to output; for each operation how often a path holds it, on
        average and at most; and how many operations other than identities the deepest and the shallowest path hold. The
        last two tell a residual connection from a skip elsewhere.
    ``stem``
        Which stem there is (one-hot), in spaces with several.

    The number of features grows with the number of edges, not with the number of paths.

    Examples
    --------
    >>> from skopdist.encodings import HybridEncoding
    >>> from skopdist.spaces import NASBench201Space
    >>> encoding = HybridEncoding().bind(NASBench201Space())
    >>> point = encoding.from_distribution(NASBench201Space().uniform(), random_state=0)
    >>> {name: part.shape for name, part in encoding.features([point]).items()}
    {'distribution': (1, 5), 'slots': (1, 30), 'paths': (1, 11)}
    """

    def _features(self, points: NDArray[np.float64]) -> dict[str, NDArray[np.float64]]:
        table = self._path_table(points)
        live, (_, linked) = table.live, self._bodies(points)
        parts = {
            "distribution": live.sum(axis=1) / self.length_,
            "slots": np.hstack([live.reshape(len(live), live.shape[1] * live.shape[2]), linked]),
            "paths": table.summary(),
        }
        # One row for each cell so far; the sizes are given, for no points at all have no size to infer.
        shaped = {name: part.reshape(len(points), self._n_body * part.shape[1]) for name, part in parts.items()}
        return self._with_stems(shaped, points)
