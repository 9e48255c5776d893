"""The stems for images, of shape (n, channels, height, width)."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from skopdist.operations._convolutions import PointwiseConv, conv_bn
from skopdist.operations._registry import register_standard_stem
from skopdist.operations._sizes import OperationSize

# Of images: for their covariance more of them tell hardly more.
_MOST_IMAGES = 256
# Directions of patches at the most, those of the largest variance; 27 are all of those of 3x3 colour pixels.
_MOST_DIRECTIONS = 32
# Added to the variances, which are near 1 for standardised pixels in the direction of a patch's brightness: what varies
# less than this is rather noise.
_FLOOR = 1e-3


class Whitening(nn.Module):
    """Convolve images with the directions in which their patches vary, each scaled to unit variance [1]_.

    Each direction is there with either sign, for a ReLU follows. The filters are set by :meth:`adapt` and not trained;
    a pointwise convolution brings them to the width. Before that they are single pixels.

    Parameters
    ----------
    size : OperationSize

    References
    ----------
    .. [1] Jordan, "94% on CIFAR-10 in 3.29 Seconds on a Single GPU", arXiv 2404.00498, section 3.1.
    """

    filters: Tensor

    def __init__(self, size: OperationSize) -> None:
        super().__init__()
        self.stride, self.kernel = size.stride, max(3, 2 * size.stride - 1)
        n_values = size.channels_in * self.kernel**2
        directions = torch.eye(n_values)[: min(n_values, _MOST_DIRECTIONS)]
        self.register_buffer("filters", self._as_filters(directions, size.channels_in))
        self.mix = PointwiseConv(len(self.filters), size.channels_out)
        self.norm = nn.BatchNorm2d(size.channels_out)

    def _as_filters(self, directions: Tensor, channels: int) -> Tensor:
        return torch.cat([directions, -directions]).reshape(-1, channels, self.kernel, self.kernel)

    def adapt(self, x: Tensor, weight: Tensor) -> None:
        """Set the filters by the patches of some images.

        Parameters
        ----------
        x : Tensor of shape (n, channels, height, width)
            Standardised.
        weight : Tensor of shape (n,)
        """
        x, weight = x[:_MOST_IMAGES], weight[:_MOST_IMAGES]
        patches = functional.unfold(x, self.kernel, padding=self.kernel // 2, stride=self.stride).double()
        n_values = patches.shape[1]
        share = (weight / weight.sum() / patches.shape[2]).double()[:, None]  # (n, 1)
        mean = torch.einsum("nvp,np->v", patches, share.expand(-1, patches.shape[2]))
        away = (patches - mean[:, None]) * share.sqrt()[:, :, None]  # (n, n_values, n_patches)
        flat = away.transpose(0, 1).reshape(n_values, -1)
        variances, directions = torch.linalg.eigh(flat @ flat.T)  # ascending
        n = len(self.filters) // 2
        scaled = (directions / torch.sqrt(variances.clamp(min=0) + _FLOOR)).T.flip(0)[:n]
        # The sign of a direction is the choice of the library that computes it.
        scaled = scaled * torch.sign(scaled.gather(1, scaled.abs().argmax(dim=1, keepdim=True)))
        self.filters.copy_(self._as_filters(scaled, x.shape[1]))

    def forward(self, x: Tensor) -> Tensor:
        """Map (n, channels_in, height, width) to (n, channels_out, height / stride, width / stride), rounded up."""
        x = functional.conv2d(x, self.filters, stride=self.stride, padding=self.kernel // 2)
        result: Tensor = self.norm(self.mix(functional.relu(x)))
        return result


class Mirror(nn.Module):
    """Mirror every other image, drawn at random, while training, for objects that are the same in a mirror."""

    def forward(self, x: Tensor) -> Tensor:
        """Map (n, channels, height, width) to the same shape."""
        if not self.training:
            return x
        mirrored = torch.rand(len(x), 1, 1, 1, device=x.device) < 0.5
        return torch.where(mirrored, x.flip(3), x)


@register_standard_stem("conv_stem", n_spatial=2)
def _conv_stem(size: OperationSize) -> nn.Module:
    return conv_bn(size)


@register_standard_stem("mirror_conv_stem", n_spatial=2)
def _mirror_conv_stem(size: OperationSize) -> nn.Module:
    return nn.Sequential(Mirror(), conv_bn(size))


@register_standard_stem("mirror_whitening_stem", n_spatial=2)
def _mirror_whitening_stem(size: OperationSize) -> nn.Module:
    return nn.Sequential(Mirror(), Whitening(size))


register_standard_stem("whitening_stem", n_spatial=2)(Whitening)
