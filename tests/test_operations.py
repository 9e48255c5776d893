import pytest
import torch
from torch import nn

from skopdist.networks import Network
from skopdist.operations import (
    DepthwiseConv,
    OperationSize,
    PointwiseConv,
    get_operation,
    is_zero,
    register_operation,
)
from skopdist.spaces import DARTSSpace, DenseSpace, MacroSpace, NASBench101Space, NASBench201Space, SequenceSpace

SHAPES = {0: (), 1: (13,), 2: (7, 5)}
SPACES = (DenseSpace(), SequenceSpace(), NASBench201Space(), NASBench101Space(), DARTSSpace(), MacroSpace())
STANDARD = list(dict.fromkeys((name, space.n_spatial) for space in SPACES for name in space.operation_names))


@pytest.mark.parametrize(("name", "n_spatial"), STANDARD)
def test_keeps_the_shape_and_passes_gradients_on(name, n_spatial):
    torch.manual_seed(0)
    module = get_operation(name).factory(6)
    x = torch.randn(3, 6, *SHAPES[n_spatial], requires_grad=True)
    y = module(x)
    assert y.shape == x.shape
    y.square().sum().backward()
    assert x.grad.isfinite().all()
    assert is_zero(name) == bool((y == 0).all())


@pytest.mark.parametrize(("name", "n_spatial"), STANDARD)
def test_works_on_a_batch_of_one_and_on_one_position(name, n_spatial):
    module = get_operation(name).factory(6).eval()
    assert module(torch.randn(1, 6, *[1] * n_spatial)).shape == (1, 6, *[1] * n_spatial)


@pytest.mark.parametrize("size", [OperationSize(6, 6, 2), OperationSize(6, 10, 2), OperationSize(5, 3), (1, 1, 2)])
@pytest.mark.parametrize("name", [name for name, n_spatial in STANDARD if n_spatial == 2])
def test_resizes_images(name, size):
    torch.manual_seed(0)
    size = OperationSize(*size)
    module = get_operation(name).make(size)
    x = torch.randn(3, size.channels_in, 7, 4, requires_grad=True)
    y = module(x)
    assert y.shape == (3, size.channels_out, *((4, 2) if size.stride == 2 else (7, 4)))
    y.square().sum().backward()
    assert x.grad.isfinite().all()
    assert is_zero(name) == bool((y == 0).all())
    assert module.eval()(torch.randn(1, size.channels_in, 1, 1)).shape == (1, size.channels_out, 1, 1)


def test_an_operation_that_cannot_resize_stands_behind_a_convolution_that_does():
    @register_operation("test_swish", n_spatial=2)
    def swish(channels):
        return nn.SiLU()

    module = get_operation("test_swish").make(OperationSize(3, 5, 2))
    assert isinstance(module[1], nn.SiLU)
    assert module(torch.randn(2, 3, 5, 5)).shape == (2, 5, 3, 3)
    assert isinstance(get_operation("test_swish").make(OperationSize(3, 3)), nn.SiLU)


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


def test_standard_operations_fit_their_spaces():
    for name, n_spatial in STANDARD:
        assert get_operation(name).fits(n_spatial)
    assert not get_operation("nor_conv_3x3").fits(1)


def test_skip_is_the_identity():
    x = torch.randn(2, 3, 4, 4)
    assert torch.equal(get_operation("skip_connect").factory(3)(x), x)


def test_register_another_and_the_same_again():
    def register():
        @register_operation("test_linear_elu", n_spatial=0)
        def linear_elu(channels):
            return nn.Sequential(nn.Linear(channels, channels), nn.ELU())

    register()
    register()
    space = DenseSpace(["test_linear_elu", "skip_connect"])
    network = Network(space.sample(space.uniform(), 3, 0), (4,), 2)
    assert network(torch.randn(2, 4)).shape == (2, 2)


def test_a_taken_name_is_refused():
    with pytest.raises(ValueError, match=r"operation name 'skip_connect' is taken by .*; choose another name"):
        register_operation("skip_connect")(lambda channels: nn.Identity())


def test_unknown_name():
    with pytest.raises(ValueError, match=r"Unknown operation 'telepathy'.*registered ones are .*register_operation"):
        get_operation("telepathy")


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
