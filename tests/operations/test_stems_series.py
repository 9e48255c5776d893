import pytest
import torch

from skopdist.operations import OperationSize, get_operation
from skopdist.operations._stems_series import FixedFilters, NormalizeEach

STEMS = ["conv_9_stem", "multi_scale_stem", "fixed_filter_stem", "normalizing_stem"]


@pytest.mark.parametrize("name", STEMS)
@pytest.mark.parametrize("size", [OperationSize(1, 32, 1), OperationSize(3, 7, 6), OperationSize(2, 1, 11)], ids=str)
@pytest.mark.parametrize("length", [1, 8, 50])
def test_shapes(name, size, length):
    module = get_operation(name).make(size)
    y = module(torch.randn(4, size.channels_in, length))
    assert y.shape == (4, *size.output_shape([length]))
    y.square().sum().backward()
    assert all(p.grad.isfinite().all() for p in module.parameters())
    assert module.eval()(torch.randn(1, size.channels_in, 1)).shape == (1, size.channels_out, 1)


@pytest.mark.parametrize("name", STEMS)
@pytest.mark.parametrize("stride", [1, 5, 8, 12, 40])
def test_every_position_counts(name, stride):
    torch.manual_seed(0)
    module = get_operation(name).make(OperationSize(1, 4, stride))
    x = torch.randn(2, 1, 3 * stride + 2, requires_grad=True)
    module(x)[0].square().sum().backward()
    assert (x.grad[0] != 0).all()


@pytest.mark.parametrize("name", STEMS)
def test_one_that_keeps_the_shape_is_like_one_that_does_not(name):
    assert repr(get_operation(name).make(OperationSize(5, 5))) == repr(get_operation(name).factory(5))


@pytest.mark.parametrize("name", STEMS)
def test_costs_can_be_counted_on_the_meta_device(name):
    with torch.device("meta"):
        module = get_operation(name).make(OperationSize(2, 16, 4))
    assert module(torch.empty(3, 2, 100, device="meta")).shape == (3, 16, 25)


def test_fixed_filters_find_a_peak_where_it_is_and_a_flat_series_is_no_peak():
    filters = FixedFilters(OperationSize(1, 4)).filters
    assert filters.shape == (17, 1, 1, 97)
    assert torch.allclose(filters.norm(dim=3), torch.ones(()))
    assert torch.allclose(filters.sum(dim=3), torch.zeros(()), atol=1e-5), "the level must not count"
    bump = torch.zeros(1, 1, 1, 201)
    bump[..., 95:106] = torch.hann_window(11, periodic=False)
    response = torch.nn.functional.conv2d(bump, filters, padding=(0, 48))[0, :, 0]
    peaks = response[12:]
    assert all(abs(int(place) - 100) <= 1 for place in peaks.argmax(dim=1)[:3])
    assert torch.allclose(response[0], -response[1])


def test_level_and_scale_of_a_series_say_nothing_behind_normalisation():
    torch.manual_seed(0)
    module = get_operation("normalizing_stem").make(OperationSize(2, 8, 3)).eval()
    x = torch.randn(4, 2, 50)
    moved = x * torch.tensor([0.5, 1.0, 2.0, 30.0])[:, None, None] + torch.randn(4, 2, 1)
    assert torch.allclose(module(moved), module(x), atol=2e-3)
    constant = NormalizeEach()(torch.full((1, 1, 9), 5.0))
    assert torch.equal(constant, torch.zeros(1, 1, 9))


def test_many_channels_are_filtered_a_few_at_a_time(monkeypatch):
    torch.manual_seed(0)
    filters, x = FixedFilters(OperationSize(5, 4, 3)).eval(), torch.randn(2, 5, 50)
    expected = filters(x)
    monkeypatch.setattr("skopdist.operations._stems_series._MOST_RESPONSES", 2 * 17 * 50)
    assert torch.allclose(filters(x), expected, atol=1e-6)
