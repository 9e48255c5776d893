"""The convolutions of images that operations and networks are made of."""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from skopdist.operations._sizes import OperationSize


class PointwiseConv(nn.Conv2d):
    """Convolve images with kernels of 1x1, without bias; a stride leaves positions out before the convolution.

    The sums are those of a strided convolution. torch's own kernel for it is avoided: on processors with AVX2 and
    without AVX-512, the backward pass of oneDNN (torch 2.13) writes beyond its memory where the kernel is 1x1, the
    stride 2, the channels are innermost in memory and fewer than 8, and the process dies.

    Parameters
    ----------
    channels_in, channels_out : int
    stride : int, default=1
    """

    def __init__(self, channels_in: int, channels_out: int, stride: int = 1) -> None:
        super().__init__(channels_in, channels_out, 1, bias=False)
        self.skip = stride

    def forward(self, x: Tensor) -> Tensor:
        """Map (n, channels_in, height, width) to (n, channels_out, height / stride, width / stride), rounded up."""
        return super().forward(x if self.skip == 1 else x[:, :, :: self.skip, :: self.skip])


def make_conv(size: OperationSize, kernel: int) -> nn.Conv2d:
    """Make a convolution of images with kernels of an odd size, without bias, that keeps the sides or strides."""
    if kernel == 1:
        return PointwiseConv(*size)
    return nn.Conv2d(size.channels_in, size.channels_out, kernel, size.stride, kernel // 2, bias=False)


def relu_conv_bn(size: OperationSize, kernel: int) -> nn.Module:
    """Make a ReLU, a convolution of images and batch normalisation."""
    return nn.Sequential(
        nn.ReLU(),
        make_conv(size, kernel),
        nn.BatchNorm2d(size.channels_out),
    )


def conv_bn(size: OperationSize) -> nn.Sequential:
    """Make a convolution of images, and batch normalisation.

    Its kernels see every position of the input, whatever the stride.

    The kernel is 3 wide up to a stride of 2. Beyond, neighbouring kernels overlap by one position less than the stride:
    2 * stride - 1 is the narrowest symmetric kernel that reaches the last position of any size. Such a convolution
    multiplies less per position of the input than one 3 wide that does not stride. Averages before a narrow kernel
    would cost even less, and hide all that varies faster than the stride.
    """
    channels_in, channels_out, stride = size
    kernel = max(3, 2 * stride - 1)
    conv = nn.Conv2d(channels_in, channels_out, kernel, stride=stride, padding=kernel // 2, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(channels_out))


def conv_bn_relu(size: OperationSize, kernel: int) -> nn.Module:
    """Make a convolution of images, batch normalisation and ReLU."""
    return nn.Sequential(
        make_conv(size, kernel),
        nn.BatchNorm2d(size.channels_out),
        nn.ReLU(),
    )


class DepthwiseConv(nn.Module):
    """Convolve each channel of images by itself, without bias.

    Where training is in bfloat16 on a CPU this is computed in float32: torch's kernels for bfloat16 take two to twenty
    times as long there, when they dilate, stride or are larger than three.

    Parameters
    ----------
    channels, kernel : int
    stride, dilation : int, default=1
    """

    def __init__(self, channels: int, kernel: int, stride: int = 1, dilation: int = 1) -> None:
        super().__init__()
        padding = kernel // 2 * dilation
        self.conv = nn.Conv2d(channels, channels, kernel, stride, padding, dilation, groups=channels, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """Map (n, channels, height, width) to (n, channels, height / stride, width / stride)."""
        if x.device.type != "cpu" or not torch.is_autocast_enabled("cpu"):
            return cast(Tensor, self.conv(x))
        with torch.autocast("cpu", enabled=False):
            return cast(Tensor, self.conv(x.float()))


class FactorizedReduce(nn.Module):
    """Halve every axis by two 1x1 convolutions, one of which looks at every other position and one at the rest.

    Parameters
    ----------
    channels_in, channels_out : int
    """

    def __init__(self, channels_in: int, channels_out: int) -> None:
        super().__init__()
        half = channels_out // 2
        # A single channel leaves nothing for the second convolution.
        widths = [width for width in (channels_out - half, half) if width]
        self.convs = nn.ModuleList([PointwiseConv(channels_in, width, 2) for width in widths])
        self.norm = nn.BatchNorm2d(channels_out)

    def forward(self, x: Tensor) -> Tensor:
        """Map (n, channels_in, height, width) to (n, channels_out, height / 2, width / 2), rounded up."""
        x = functional.relu(x)
        # Odd sides are padded for the shifted half; on even sides nothing looks at the padding.
        shifted = functional.pad(x, (0, 1, 0, 1))[:, :, 1:, 1:]
        halves = [conv(part) for conv, part in zip(self.convs, (x, shifted), strict=False)]
        return self.norm(torch.cat(halves, dim=1))  # (n, channels_out, height / 2, width / 2)
