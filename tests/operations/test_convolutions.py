import pytest
import torch
from torch import nn

from skopdist.networks import Network
from skopdist.operations import DepthwiseConv, OperationSize, PointwiseConv, get_operation
from skopdist.spaces import DARTSSpace, MacroSpace, NASBench101Space, NASBench201Space


def test_both_halves_of_a_factorized_reduction_look_at_other_positions():
    reduced = get_operation("skip_connect").make(OperationSize(1, 2, 2)).eval()
    for conv in reduced.convs:
        nn.init.ones_(conv.weight)
    x = torch.arange(1.0, 10.0).reshape(1, 1, 3, 3)
    shown = (reduced(x) * (1 + reduced.norm.eps) ** 0.5).detach()
    torch.testing.assert_close(shown[0, 0], torch.tensor([[1.0, 3.0], [7.0, 9.0]]))
    torch.testing.assert_close(shown[0, 1], torch.tensor([[5.0, 0.0], [0.0, 0.0]]))


@pytest.mark.parametrize(("stride", "dilation"), [(1, 1), (2, 1), (1, 2)])
def test_channels_by_themselves_are_convolved_in_float32_on_a_cpu(stride, dilation):
    conv = DepthwiseConv(3, 5, stride, dilation)
    x = torch.randn(2, 3, 9, 9)
    expected = nn.functional.conv2d(x, conv.conv.weight, None, stride, 2 * dilation, dilation, groups=3)
    torch.testing.assert_close(conv(x), expected)
    with torch.autocast("cpu", torch.bfloat16):
        # Other convolutions heed the precision that is asked for.
        low = conv.conv(x)
        assert low.dtype == torch.bfloat16
        torch.testing.assert_close(conv(x), expected)
        assert conv(low[:, :, :1, :1]).dtype == torch.float32


@pytest.mark.parametrize("side", [7, 8])
@pytest.mark.parametrize("channels", [1, 4, 9])
def test_a_strided_pointwise_convolution_is_torch_s_own(side, channels):
    ours = PointwiseConv(channels, 5, 2)
    theirs = torch.nn.Conv2d(channels, 5, 1, stride=2, bias=False)
    theirs.load_state_dict(ours.state_dict())
    # In double precision and plain memory order, where torch's kernel is sound on every processor.
    x = torch.randn(3, channels, side, side, dtype=torch.float64, requires_grad=True)
    ours, theirs = ours.double(), theirs.double()
    torch.testing.assert_close(ours(x), theirs(x))
    gradients = [torch.autograd.grad(conv(x).square().sum(), [x, conv.weight]) for conv in (ours, theirs)]
    torch.testing.assert_close(*gradients)


@pytest.mark.parametrize("space", [MacroSpace(), DARTSSpace(), NASBench101Space(), NASBench201Space()], ids=str)
def test_no_network_strides_a_pointwise_convolution(space):
    # torch's kernel for it writes beyond its memory on some processors; see PointwiseConv.
    for seed in range(5):
        network = Network(space.sample(space.uniform(), random_state=seed), (3, 16, 16), 2, channels=4, n_cells=4)
        for module in network.modules():
            if isinstance(module, torch.nn.Conv2d) and module.kernel_size == (1, 1):
                assert module.stride == (1, 1)
