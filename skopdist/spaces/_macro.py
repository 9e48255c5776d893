"""Chains of layers, the space of NAS-Bench-Macro."""

from __future__ import annotations

from collections.abc import Sequence

from skopdist.architecture import Architecture, Edge
from skopdist.spaces._base import SearchSpace

# The best chain of the table of [1] on CIFAR-10, 93.13 % test accuracy in the mean of three trainings, as indices of
# the default operations. The last two layers of a stage may change places, when one of them is an identity.
_BEST = (2, 2, 2, 1, 2, 2, 2, 0)


class MacroSpace(SearchSpace):
    """Chains of layers for images, each layer one choice: the space of NAS-Bench-Macro [1]_ at its length 8.

    The cell is the whole body of the network, and the distribution one over layers. The layers form three stages of a
    third of the depth; the first layer of a stage halves the image and doubles the width, and an identity there is a
    1x1 convolution. The depth of a network is its length; ``n_cells`` says how often each layer is repeated, which is
    once in the benchmark.

    Parameters
    ----------
    operations : sequence of str or None, default=None
        None takes ``identity`` and the inverted residual blocks ``mb_conv_3x3_e3`` and ``mb_conv_5x5_e6``, with
        kernels of 3 and 5 and expansions by 3 and 6.
    references : sequence of Architecture or None, default=None
        What :meth:`reference_architectures` returns; None takes those that the space names.
    stems : sequence of str or None, default=None
        None or empty: networks of this space have the stem of the literature.

    References
    ----------
    .. [1] Su et al., "Prioritized Architecture Sampling with Monto-Carlo Tree Search", CVPR 2021, arXiv 2103.11922,
       section 4.

    Examples
    --------
    >>> from skopdist.spaces import MacroSpace
    >>> space = MacroSpace()
    >>> space.encode(space.sample(space.uniform(), length=12, random_state=0))
    OperationDistribution(identity=0.33, mb_conv_3x3_e3=0.33, mb_conv_5x5_e6=0.33)
    """

    default_operations = ("identity", "mb_conv_3x3_e3", "mb_conv_5x5_e6")
    default_length = 8
    n_spatial = 2
    layout = "chain"

    def _potential_edges(self, length: int) -> tuple[Edge, ...]:
        return tuple((i, i + 1) for i in range(length))

    def _references(self, length: int) -> Sequence[Architecture]:
        """List the best chain of the benchmark, and those of the larger and of the smaller block alone.

        Of the 6,561 chains on CIFAR-10 these come first, 21st (92.95 %) and 1,470th (91.93 %).
        """
        names = self.default_operations
        chains = [tuple(names[i] for i in _BEST)] if length == len(_BEST) else []
        chains += [("mb_conv_5x5_e6",) * length, ("mb_conv_3x3_e3",) * length]
        edges = self._potential_edges(length)
        return [self.make_architecture([self.make_cell(chain, edges)]) for chain in chains]
