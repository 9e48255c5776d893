"""How raw input is brought to a scale that a network can learn from."""

from __future__ import annotations

import torch
from numpy.typing import ArrayLike
from torch import Tensor, nn


class Standardize(nn.Module):
    """Bring raw input to zero mean and unit variance, with statistics that are no parameters.

    Parameters
    ----------
    mean, std : array-like of shape (channels,)
        Statistics of the training data; a constant channel has the standard deviation 1.
    n_spatial : int
    """

    mean: Tensor
    std: Tensor

    def __init__(self, mean: ArrayLike, std: ArrayLike, n_spatial: int) -> None:
        super().__init__()
        # Flat features may be as large as a time stamp, which float32 cannot tell apart before the mean is taken off.
        dtype = torch.float64 if n_spatial == 0 else torch.float32
        shape = (-1, *[1] * n_spatial)
        self.register_buffer("mean", torch.as_tensor(mean, dtype=dtype).reshape(shape))
        self.register_buffer("std", torch.as_tensor(std, dtype=dtype).reshape(shape))

    def forward(self, x: Tensor) -> Tensor:
        """Standardise a batch of any real dtype."""
        return (x.to(self.mean.dtype) - self.mean) / self.std  # (n, channels, ...)
