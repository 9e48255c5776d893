"""The stems for flat input, which bring samples of shape (n, features) to the width of a network."""

from __future__ import annotations

from torch import nn

from skopdist.operations._registry import register_standard_stem
from skopdist.operations._sizes import OperationSize


@register_standard_stem("linear_stem", n_spatial=0)
def _linear_stem(size: OperationSize) -> nn.Module:
    return nn.Linear(size.channels_in, size.channels_out)
