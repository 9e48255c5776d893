"""Normal and reduction cells with two inputs, the space of DARTS."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from skopdist.architecture import Edge
from skopdist.spaces._base import SearchSpace


class DARTSSpace(SearchSpace):
    """Normal and reduction cells for images, each with a distribution of its own: the space of DARTS [1]_.

    The inputs of a cell, its nodes 0 and 1, are the results of the two cells before it. Each node after them is the sum
    of two operations on different earlier nodes, the last one of a single operation where the length is odd; the output
    is the concatenation of these nodes. At the default length of 8 there are four of them, as in the literature.
    Reduction cells stand at one and two thirds of the depth, where operations on an input stride.

    Parameters
    ----------
    operations : sequence of str or None, default=None
        None takes ``max_pool_3x3``, ``avg_pool_3x3``, ``skip_connect``, ``sep_conv_3x3``, ``sep_conv_5x5``,
        ``dil_conv_3x3`` and ``dil_conv_5x5``.

    Notes
    -----
    Published results are those of 20 cells and 36 channels, with the options ``drop_path=0.2`` and
    ``auxiliary_weight=0.4`` of :class:`~skopdist.networks.Network`; an estimator passes them on as
    ``net_params={"module__drop_path": 0.2, "module__auxiliary_weight": 0.4}``. A network of a single cell has no
    reduction cell.

    References
    ----------
    .. [1] Liu, Simonyan, Yang, "DARTS: Differentiable Architecture Search", ICLR 2019, arXiv 1806.09055, sections 2.1
       and 3.1.1.

    Examples
    --------
    >>> from skopdist.spaces import DARTSSpace
    >>> space = DARTSSpace(["skip_connect", "sep_conv_3x3"])
    >>> architecture = space.sample(space.uniform(), length=4, random_state=0)
    >>> architecture.cell("normal").edges
    ((0, 2), (1, 2), (0, 3), (2, 3))
    >>> space.encode(architecture)
    OperationDistribution(normal: skip_connect=0.50, sep_conv_3x3=0.50; reduce: skip_connect=0.50, sep_conv_3x3=0.50)
    """

    default_operations = (
        "max_pool_3x3",
        "avg_pool_3x3",
        "skip_connect",
        "sep_conv_3x3",
        "sep_conv_5x5",
        "dil_conv_3x3",
        "dil_conv_5x5",
    )
    default_length = 8
    n_spatial = 2
    cell_types = ("normal", "reduce")
    layout = "darts"
    n_inputs = 2

    def _potential_edges(self, length: int) -> tuple[Edge, ...]:
        return _edges(length)

    def _sample_wiring(self, length: int, rng: np.random.Generator) -> tuple[Edge, ...]:
        return tuple(
            (source, target)
            for target in _nodes(length)
            for source in sorted(rng.choice(target, _n_sources(target, length), replace=False).tolist())
        )

    def _is_wiring(self, edges: frozenset[Edge], length: int) -> bool:
        counts = Counter(target for _, target in edges)
        return all(counts[target] == _n_sources(target, length) for target in _nodes(length))

    def _fixed_links(self, edges: Sequence[Edge]) -> tuple[Edge, ...]:
        nodes = sorted({target for _, target in edges})
        return tuple((node, nodes[-1] + 1) for node in nodes)


@lru_cache(maxsize=128)
def _edges(length: int) -> tuple[Edge, ...]:
    return tuple((source, target) for target in _nodes(length) for source in range(target))


def _nodes(length: int) -> range:
    """Return the nodes between the inputs and the output."""
    return range(2, 2 + (length + 1) // 2)


def _n_sources(node: int, length: int) -> int:
    return min(2, length - 2 * (node - 2))
