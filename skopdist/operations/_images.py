"""The standard operations on images, of shape (n, channels, height, width)."""

from __future__ import annotations

from functools import partial

from torch import Tensor, nn

from skopdist.operations._convolutions import DepthwiseConv, conv_bn_relu, make_conv, relu_conv_bn
from skopdist.operations._registry import ResizedFactory, register_standard
from skopdist.operations._sizes import OperationSize


def _register_2d(name: str, make: ResizedFactory) -> None:
    """Register an operation on images that is made in the same way whether or not it resizes."""

    def factory(channels: int) -> nn.Module:
        return make(OperationSize(channels, channels))

    register_standard(name, n_spatial=2, resized=make)(factory)


# The operations of NAS-Bench-201 (Dong & Yang 2020, arXiv 2001.00326, section 2.1).


def _pool(size: OperationSize, pool: nn.Module) -> nn.Module:
    # Pooling cannot change the width.
    if size.channels_in == size.channels_out:
        return pool
    return nn.Sequential(pool, relu_conv_bn(OperationSize(size.channels_in, size.channels_out), 1))


def _avg_pool_3x3(size: OperationSize) -> nn.Module:
    return _pool(size, nn.AvgPool2d(3, stride=size.stride, padding=1, count_include_pad=False))


_register_2d("nor_conv_1x1", lambda size: relu_conv_bn(size, 1))
_register_2d("nor_conv_3x3", lambda size: relu_conv_bn(size, 3))
_register_2d("avg_pool_3x3", _avg_pool_3x3)


# Further operations of the DARTS space (Liu et al. 2019, arXiv 1806.09055, section 3.1.1).


def _max_pool_3x3(size: OperationSize) -> nn.Module:
    return _pool(size, nn.MaxPool2d(3, stride=size.stride, padding=1))


def _separable(size: OperationSize, kernel: int, dilation: int = 1) -> list[nn.Module]:
    channels_in, channels_out, stride = size
    return [
        nn.ReLU(),
        DepthwiseConv(channels_in, kernel, stride, dilation),
        nn.Conv2d(channels_in, channels_out, 1, bias=False),
        nn.BatchNorm2d(channels_out),
    ]


def _sep_conv(size: OperationSize, kernel: int) -> nn.Module:
    # Twice, of which the first one strides and the second one changes the width.
    first = OperationSize(size.channels_in, size.channels_in, size.stride)
    second = OperationSize(size.channels_in, size.channels_out)
    return nn.Sequential(*_separable(first, kernel), *_separable(second, kernel))


def _dil_conv(size: OperationSize, kernel: int) -> nn.Module:
    return nn.Sequential(*_separable(size, kernel, dilation=2))


_register_2d("max_pool_3x3", _max_pool_3x3)
for _kernel in (3, 5):
    _register_2d(f"sep_conv_{_kernel}x{_kernel}", partial(_sep_conv, kernel=_kernel))
    _register_2d(f"dil_conv_{_kernel}x{_kernel}", partial(_dil_conv, kernel=_kernel))


# The layers of NAS-Bench-Macro (Su et al. 2021, arXiv 2103.11922, section 4.1).


class InvertedResidual(nn.Module):
    """An inverted residual block: widen, convolve each channel by itself, narrow (arXiv 1801.04381, section 3.3).

    Parameters
    ----------
    size : OperationSize
        Where the shape is kept, the input is added to the output.
    kernel : int
    expansion : int
        By how much the input is widened.
    """

    def __init__(self, size: OperationSize, kernel: int, expansion: int) -> None:
        super().__init__()
        channels_in, channels_out, stride = size
        hidden = channels_in * expansion
        self.adds_input = size.keeps_shape
        self.body = nn.Sequential(
            nn.Conv2d(channels_in, hidden, 1, bias=False),
            nn.BatchNorm2d(hidden),
            nn.ReLU(),
            DepthwiseConv(hidden, kernel, stride),
            nn.BatchNorm2d(hidden),
            nn.ReLU(),
            nn.Conv2d(hidden, channels_out, 1, bias=False),
            nn.BatchNorm2d(channels_out),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Map (n, channels_in, height, width) to (n, channels_out, height / stride, width / stride)."""
        y = self.body(x)  # (n, channels_out, ...)
        return x + y if self.adds_input else y


def _resized_layer(size: OperationSize) -> nn.Module:
    return nn.Sequential(
        make_conv(size, 1),
        nn.BatchNorm2d(size.channels_out),
    )


@register_standard("identity", is_identity=True, n_spatial=2, resized=_resized_layer)
def _identity(channels: int) -> nn.Module:
    return nn.Identity()


_register_2d("mb_conv_3x3_e3", partial(InvertedResidual, kernel=3, expansion=3))
_register_2d("mb_conv_5x5_e6", partial(InvertedResidual, kernel=5, expansion=6))


# The operations of NAS-Bench-101 (Ying et al. 2019, arXiv 1902.09635, section 2.1), under their names there.

_register_2d("conv1x1-bn-relu", partial(conv_bn_relu, kernel=1))
_register_2d("conv3x3-bn-relu", partial(conv_bn_relu, kernel=3))
_register_2d("maxpool3x3", _max_pool_3x3)
