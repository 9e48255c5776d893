"""Normal and reduction cells with two inputs, the space of DARTS."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from skopdist.architecture import Architecture, Cell, Edge
from skopdist.spaces._base import SearchSpace

# The cells that [1] found, by the second-order method: 2.76 % test error on CIFAR-10, table 1. The operation of each
# edge, two into every node.
_DARTS_V2: tuple[tuple[tuple[str, Edge], ...], ...] = (
    (
        ("sep_conv_3x3", (0, 2)),
        ("sep_conv_3x3", (1, 2)),
        ("sep_conv_3x3", (0, 3)),
        ("sep_conv_3x3", (1, 3)),
        ("skip_connect", (0, 4)),
        ("sep_conv_3x3", (1, 4)),
        ("skip_connect", (0, 5)),
        ("dil_conv_3x3", (2, 5)),
    ),
    (
        ("max_pool_3x3", (0, 2)),
        ("max_pool_3x3", (1, 2)),
        ("max_pool_3x3", (1, 3)),
        ("skip_connect", (2, 3)),
        ("max_pool_3x3", (0, 4)),
        ("skip_connect", (2, 4)),
        ("max_pool_3x3", (1, 5)),
        ("skip_connect", (2, 5)),
    ),
)


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
    references : sequence of Architecture or None, default=None
        What :meth:`reference_architectures` returns; None takes those that the space names.
    stems : sequence of str or None, default=None
        None or empty: networks of this space have the stem of the literature.

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
    body_types = ("normal", "reduce")
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

    def _references(self, length: int) -> Sequence[Architecture]:
        """List the published cells, and separable convolutions on the inputs, with and without pooling reductions."""
        # As most of the published cells, wide rather than deep. Of a single operation, on the latest input.
        edges = [(source, node) for node in _nodes(length) for source in range(2 - _n_sources(node, length), 2)]
        convolutions, pools = (self.make_cell((name,) * length, edges) for name in ("sep_conv_3x3", "max_pool_3x3"))
        pairs: list[tuple[Cell, ...]] = [(convolutions, pools), (convolutions, convolutions)]
        if length == len(_DARTS_V2[0]):
            pairs.insert(0, tuple(self.make_cell(*zip(*slots, strict=True)) for slots in _DARTS_V2))
        return [self.make_architecture(cells) for cells in pairs]


@lru_cache(maxsize=128)
def _edges(length: int) -> tuple[Edge, ...]:
    return tuple((source, target) for target in _nodes(length) for source in range(target))


def _nodes(length: int) -> range:
    """Return the nodes between the inputs and the output."""
    return range(2, 2 + (length + 1) // 2)


def _n_sources(node: int, length: int) -> int:
    return min(2, length - 2 * (node - 2))
