"""How raw input is brought to a scale that a network can learn from."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from skopdist._scaling import Scaling

# In standard deviations: beyond the largest, values would overflow when they are squared; those beyond the smaller are
# drawn in smoothly, so that one absurd value among measurements moves nothing.
_LARGEST, _BOUND = 1e6, 8.0


class Standardize(nn.Module):
    """Bring raw input to zero mean and unit variance, and draw in smoothly what is far out.

    What is z standard deviations from the mean becomes ``z / sqrt(1 + (z / 8)**2)``: within three it hardly changes,
    and nothing is beyond 8 (after Holzmüller et al., "Better by Default", NeurIPS 2024, arXiv 2407.04491, section 3.1,
    which takes 3). Heavy-tailed features, of which no unit fits all values, become normal scores instead. Missing
    values of flat input become 0. The statistics are no parameters.

    Parameters
    ----------
    scaling : Scaling
        Statistics of the training data.
    n_spatial : int
    """

    mean: Tensor
    std: Tensor
    heavy: Tensor
    knots: Tensor
    scores: Tensor

    def __init__(self, scaling: Scaling, n_spatial: int) -> None:
        super().__init__()
        shape = (-1, *[1] * n_spatial)
        # Copies: who loads other weights writes into them, and the statistics may be read-only, or shared.
        scale = torch.tensor(scaling.std, dtype=torch.float64).reshape(shape)
        # Divided before the difference is taken, for the difference of the largest numbers is infinite.
        self.register_buffer("mean", torch.tensor(scaling.mean, dtype=torch.float64).reshape(shape) / scale)
        self.register_buffer("std", scale)
        for name in ("heavy", "knots", "scores"):
            self.register_buffer(name, torch.tensor(getattr(scaling, name)))

    def forward(self, x: Tensor) -> Tensor:
        """Standardise a batch of any real dtype, in double precision: equal values give equal results."""
        x = x.to(torch.float64)
        z = (x / self.std).sub_(self.mean).clamp_(-_LARGEST, _LARGEST)
        z = z / torch.sqrt(1 + (z / _BOUND) ** 2)  # (n, channels, ...)
        if len(self.heavy):
            z[:, self.heavy] = self._scores(x[:, self.heavy].T.contiguous()).T
        return torch.nan_to_num_(z, nan=0.0) if z.ndim == 2 else z

    def _scores(self, x: Tensor) -> Tensor:
        """Map values, shape (n_heavy, n), to normal scores, linearly between knots."""
        right = torch.searchsorted(self.knots, x, right=True).clamp_(1, self.knots.shape[1] - 1)
        low, high = self.knots.gather(1, right - 1), self.knots.gather(1, right)
        # Half of each, for differences of the largest numbers are infinite.
        gap = high / 2 - low / 2
        share = torch.where(gap > 0, (x / 2 - low / 2) / torch.where(gap > 0, gap, 1.0), (x >= high).double())
        share = share.clamp_(0, 1)
        return torch.lerp(self.scores[right - 1], self.scores[right], share)
