"""Modules of which several can be computed as one."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping

from torch import Tensor, nn


class Stackable(nn.Module):
    """A module of flat input whose computation takes weights of several modules as well as its own.

    A subclass writes :meth:`compute` instead of ``forward``. It holds its parameters and buffers itself, not within
    submodules, and it draws nothing at random and changes no buffer while it computes. Networks with such modules can
    be trained together in one graph; see :class:`~skopdist.networks.BatchedNetworks`.

    Two modules are computed as one if their ``repr`` and the names and shapes of their parameters and buffers are
    equal. What else matters to the computation belongs in ``extra_repr``.

    Examples
    --------
    >>> import torch
    >>> from torch import nn
    >>> from skopdist.operations import Stackable, register_operation
    >>> class Scale(Stackable):
    ...     def __init__(self, channels):
    ...         super().__init__()
    ...         self.factor = nn.Parameter(torch.ones(channels))
    ...
    ...     def compute(self, x, tensors):
    ...         return x * tensors["factor"].unsqueeze(-2)  # (..., n, channels)
    >>> operation = register_operation("scale", n_spatial=0)(Scale)
    """

    @abstractmethod
    def compute(self, x: Tensor, tensors: Mapping[str, Tensor]) -> Tensor:
        """Map flat input by given weights.

        Parameters
        ----------
        x : Tensor of shape (..., n, channels_in)
        tensors : mapping of str to Tensor
            Parameters and buffers by name, of shape ``(..., *own shape)``. The axes in front, if any, are those of `x`.

        Returns
        -------
        y : Tensor of shape (..., n, channels_out)
        """

    def forward(self, x: Tensor) -> Tensor:
        """Map (n, channels_in) to (n, channels_out)."""
        return self.compute(x, {**dict(self.named_parameters()), **dict(self.named_buffers())})
