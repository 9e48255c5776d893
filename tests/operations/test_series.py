import pytest
import torch

from skopdist.operations import OperationSize, get_operation
from skopdist.testing import check_operation

KEPT = [
    "conv_3",
    "conv_9",
    "dil_conv_9",
    "sep_conv_9",
    "sep_conv_19",
    "multi_sep_conv",
    "inception",
    "max_pool_3",
    "avg_pool_9",
]


@pytest.mark.parametrize("name", KEPT)
@pytest.mark.parametrize("channels", [1, 2, 3, 32])
@pytest.mark.parametrize("length", [1, 2, 13])
def test_shapes_stay_whatever_the_width_and_the_length(name, channels, length):
    module = get_operation(name).factory(channels)
    assert module(torch.randn(3, channels, length)).shape == (3, channels, length)


@pytest.mark.parametrize("name", KEPT)
def test_contract(name):
    check_operation(name)


@pytest.mark.parametrize(
    ("name", "reach"),
    [("conv_3", 1), ("conv_9", 4), ("dil_conv_9", 16), ("sep_conv_19", 9), ("multi_sep_conv", 19), ("inception", 19)],
)
def test_how_far_they_look(name, reach):
    torch.manual_seed(0)
    module = get_operation(name).factory(16).eval()
    x = torch.rand(1, 16, 81, requires_grad=True)
    module(x)[:, :, 40].sum().backward()
    seen = (x.grad[0] != 0).any(dim=0).nonzero()
    assert (int(seen.min()), int(seen.max())) == (40 - reach, 40 + reach)


def test_separable_ones_have_few_parameters():
    def count(name):
        return sum(p.numel() for p in get_operation(name).make(OperationSize(32, 32)).parameters())

    assert count("sep_conv_19") == 32 * 19 + 32 * 32 + 64
    assert count("multi_sep_conv") == 11 * 9 + 11 * 19 + 10 * 39 + 32 * 32 + 64
    assert count("multi_sep_conv") < count("inception") < count("conv_9")
