"""Operations: the registry, and the standard operations by kind of data.

An operation is a name and a factory ``channels -> nn.Module`` that keeps the shape of its input. Registering another
one takes a decorator::

    @register_operation("wide_conv", n_spatial=2)
    def wide_conv(channels):
        return nn.Sequential(...)

Where a cell strides or changes the width of images, an operation that can do so itself is asked to, with its
``resized`` factory; any other one stands behind a 1x1 convolution that does. By a stem, another kind of operation, the
input enters the network; :func:`register_stem` registers a factory of its size. ``skopdist.testing.check_operation`` is
the contract that a new operation or stem has to meet.
"""

# The modules of the standard operations register them; the first ones have no names of their own.
import skopdist.operations._flat
import skopdist.operations._series
import skopdist.operations._stems_flat
import skopdist.operations._stems_images
import skopdist.operations._stems_minirocket
import skopdist.operations._stems_series  # noqa: F401
from skopdist.operations._convolutions import (
    DepthwiseConv,
    FactorizedReduce,
    PointwiseConv,
    conv_bn,
    conv_bn_relu,
    make_conv,
)
from skopdist.operations._ends import average, clear, ending
from skopdist.operations._images import InvertedResidual
from skopdist.operations._passing import Zero, resized_identity
from skopdist.operations._registry import (
    Operation,
    adopt_operations,
    get_operation,
    is_identity,
    is_zero,
    own_operations,
    register_operation,
    register_stem,
)
from skopdist.operations._rows import SeriesConv, SeriesNorm, SeriesPool
from skopdist.operations._sizes import OperationSize
from skopdist.operations._stackable import Stackable

__all__ = [
    "DepthwiseConv",
    "FactorizedReduce",
    "InvertedResidual",
    "Operation",
    "OperationSize",
    "PointwiseConv",
    "SeriesConv",
    "SeriesNorm",
    "SeriesPool",
    "Stackable",
    "Zero",
    "adopt_operations",
    "average",
    "clear",
    "conv_bn",
    "conv_bn_relu",
    "ending",
    "get_operation",
    "is_identity",
    "is_zero",
    "make_conv",
    "own_operations",
    "register_operation",
    "register_stem",
    "resized_identity",
]
