"""How raw input is brought to a scale that a network can learn from."""

from __future__ import annotations

import torch
from numpy.typing import ArrayLike
from torch import Tensor, nn

# In standard deviations: beyond the largest, values would overflow when they are squared; those beyond the smaller are
# drawn in smoothly, so that one absurd value among measurements moves nothing.
_LARGEST, _BOUND = 1e6, 8.0


class Standardize(nn.Module):
    """Bring raw input to zero mean and unit variance, and draw in smoothly what is far out.

    What is z standard deviations from the mean becomes ``z / sqrt(1 + (z / 8)**2)``: within three it hardly changes,
    and nothing is beyond 8 (after Holzmüller et al., "Better by Default", NeurIPS 2024, arXiv 2407.04491, section 3.1,
    which takes 3). The statistics are no parameters.

    Parameters
    ----------
    mean, std : array-like of shape (channels,)
        Statistics of the training data. A channel whose deviation is infinite counts as constant, and becomes zero.
    n_spatial : int
    """

    mean: Tensor
    std: Tensor

    def __init__(self, mean: ArrayLike, std: ArrayLike, n_spatial: int) -> None:
        super().__init__()
        shape = (-1, *[1] * n_spatial)
        scale = torch.as_tensor(std, dtype=torch.float64).reshape(shape)
        # Divided before the difference is taken, for the difference of the largest numbers is infinite.
        self.register_buffer("mean", torch.as_tensor(mean, dtype=torch.float64).reshape(shape) / scale)
        self.register_buffer("std", scale)

    def forward(self, x: Tensor) -> Tensor:
        """Standardise a batch of any real dtype, in double precision: equal values give equal results."""
        z = x.to(torch.float64) / self.std
        z = z.sub_(self.mean).clamp_(-_LARGEST, _LARGEST)
        return z / torch.sqrt(1 + (z / _BOUND) ** 2)  # (n, channels, ...)
