import pytest
import torch
from torch import nn
from torch.nn import functional

from skopdist.operations import SeriesConv, SeriesNorm, SeriesPool
from skopdist.operations._rows import at_point, beside, divided


def is_innermost(x):
    """Whether the channels lie beside each other in memory."""
    return x.stride(1) == 1


@pytest.mark.parametrize(("kernel", "stride", "dilation", "groups"), [(3, 1, 1, 1), (9, 3, 1, 1), (5, 1, 4, 6)])
def test_it_convolves_as_torch_convolves_series(kernel, stride, dilation, groups):
    torch.manual_seed(0)
    conv = SeriesConv(6, 12, kernel, stride, dilation, groups)
    x = torch.randn(3, 6, 20)
    expected = functional.conv1d(x, conv.weight.squeeze(2), None, stride, kernel // 2 * dilation, dilation, groups)
    assert torch.allclose(conv(x), expected, atol=1e-6)


@pytest.mark.parametrize(("channels_out", "groups"), [(12, 1), (6, 6), (12, 6), (6, 2)])
def test_a_single_position_is_convolved_as_any(channels_out, groups):
    torch.manual_seed(0)
    conv = SeriesConv(6, channels_out, 5, groups=groups)
    x = torch.randn(3, 6, 1)
    expected = functional.conv1d(x, conv.weight.squeeze(2), None, 1, 2, 1, groups)
    torch.testing.assert_close(conv(x), expected, atol=1e-6, rtol=0)


def test_it_normalises_as_torch_normalises_series():
    x = torch.randn(5, 4, 7)
    ours, theirs = SeriesNorm(4), nn.BatchNorm1d(4)
    assert torch.allclose(ours(x), theirs(x), atol=1e-6)
    assert torch.allclose(ours.eval()(x), theirs.eval()(x), atol=1e-6)


def test_it_pools_as_torch_pools_series():
    x = torch.randn(2, 3, 11)
    assert torch.equal(SeriesPool("max", 3)(x), nn.MaxPool1d(3, 1, 1)(x))
    averages = nn.AvgPool1d(9, 1, 4, count_include_pad=False)(x)
    assert torch.allclose(SeriesPool("avg", 9)(x), averages, atol=1e-6)
    assert torch.equal(SeriesPool("max", 4, 4)(x), nn.MaxPool1d(4, ceil_mode=True)(x))
    assert torch.allclose(SeriesPool("avg", 2, 2)(x)[:, :, -1], x[:, :, -1]), "the last window is cut short"


def test_channels_stay_innermost_from_layer_to_layer():
    layers = nn.Sequential(
        SeriesConv(1, 8, 3), SeriesNorm(8), nn.ReLU(), SeriesPool("max", 3), SeriesConv(8, 8, 9, groups=8)
    ).to(memory_format=torch.channels_last)
    x = torch.randn(4, 1, 16)
    for layer in layers:
        x = layer(x)
        assert is_innermost(x), layer
    assert is_innermost(beside([x, x + x]))


def test_channels_are_divided_evenly():
    assert divided(8, 3) == [3, 3, 2]
    assert divided(2, 3) == [1, 1, 0]


def test_at_a_single_position_kernels_have_one_value():
    module = nn.Sequential(
        nn.ReLU(), SeriesConv(6, 6, 9, dilation=4, groups=6), nn.Sequential(SeriesConv(6, 6, 5), SeriesNorm(6))
    )
    small = at_point(module)
    assert [tuple(weight.shape) for weight in small.parameters()] == [(6, 1, 1, 1), (6, 6, 1, 1), (6,), (6,)]
    assert small(torch.randn(4, 6, 1)).shape == (4, 6, 1)
