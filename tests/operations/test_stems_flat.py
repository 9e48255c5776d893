import pytest
import torch

from skopdist.operations import OperationSize, get_operation
from skopdist.testing import check_operation

NAMES = ("linear_stem", "periodic_stem", "piecewise_stem", "value_stem")


def make(name, features, width):
    torch.manual_seed(0)
    return get_operation(name).make(OperationSize(features, width)).double()


def bins(module, values):
    """Return what a piecewise stem of one feature makes of some values, shape (n, bins)."""
    with torch.no_grad():
        n_bins = module.low.shape[1]
        weight = torch.eye(1 + n_bins, dtype=torch.float64)
        tensors = {"low": module.low, "slope": module.slope, "weight": weight}
        x = torch.as_tensor(values, dtype=torch.float64)[:, None]
        return module.compute(x, tensors | {"bias": torch.full((1 + n_bins,), 0.5, dtype=torch.float64)})[:, 1:]


@pytest.mark.parametrize("name", NAMES)
def test_contract(name):
    check_operation(name)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(("features", "width"), [(1, 4), (3, 5), (7, 7), (2000, 2)])
def test_any_size(name, features, width):
    module = make(name, features, width)
    y = module(torch.randn(6, features, dtype=torch.float64))
    assert y.shape == (6, width)
    y.square().sum().backward()
    assert all(parameter.grad.isfinite().all() for parameter in module.parameters())


@pytest.mark.parametrize("name", NAMES)
def test_shapes_depend_on_the_size_alone(name):
    module = make(name, 5, 4)
    if hasattr(module, "adapt"):
        module.adapt(torch.randn(50, 5), torch.ones(50))
    with torch.device("meta"):
        other = get_operation(name).make(OperationSize(5, 4))
        assert other(torch.empty(3, 5)).shape == (3, 4)
    state, expected = other.state_dict(), module.state_dict()
    assert {name: tensor.shape for name, tensor in state.items()} == {n: t.shape for n, t in expected.items()}


@pytest.mark.parametrize("name", NAMES)
def test_memory_does_not_grow_with_features_squared(name):
    few, many = (sum(p.numel() for p in make(name, features, 1).parameters()) for features in (1000, 10_000))
    assert many < 11 * few


def test_a_periodic_stem_is_linear_in_the_features_and_their_waves():
    module = make("periodic_stem", 2, 3)
    x = torch.randn(4, 2, dtype=torch.float64)
    waves = torch.cos(2 * torch.pi * (x[:, :, None] * module.frequency + module.phase))
    mixed = torch.einsum("nfk,fkd->nfd", waves, module.mix) + module.mix_bias
    inputs = torch.cat([x, mixed.flatten(1)], dim=1)
    torch.testing.assert_close(module(x), inputs @ module.weight + module.bias)


def test_few_values_become_a_thermometer():
    module = make("piecewise_stem", 1, 2)
    column = torch.tensor([-1.0, 0.5, 0.5, 3.0])
    module.adapt(column[:, None], torch.ones(4))
    got = bins(module, [-5.0, -1.0, 0.5, 3.0, 8.0])
    assert torch.equal(got[:, :2], torch.tensor([[0.0, 0], [0, 0], [1, 0], [1, 1], [1, 1]]).double())
    assert (got[:, 2:] == 0).all()


def test_many_values_are_split_at_their_quantiles():
    module = make("piecewise_stem", 1, 2)
    column = torch.linspace(-2, 2, 1601)
    module.adapt(column[:, None], torch.ones(1601))
    torch.testing.assert_close(module.low[0], torch.linspace(-2, 2, 17)[:-1].double(), atol=0.01, rtol=0)
    passed = bins(module, column).sum(1) / 16
    torch.testing.assert_close(passed, torch.linspace(0, 1, 1601).double(), atol=0.01, rtol=0)


def test_a_frequent_value_leaves_edges_for_the_others():
    module = make("piecewise_stem", 1, 2)
    column = torch.cat([torch.zeros(900), torch.linspace(1, 2, 100)])
    module.adapt(column[:, None], torch.ones(1000))
    assert (module.low[0] >= 1).sum() >= 12


@pytest.mark.parametrize("name", ["piecewise_stem", "value_stem"])
def test_equal_samples_count_as_one_with_their_weights_added(name):
    values = torch.randn(300, 2, generator=torch.Generator().manual_seed(0)).round(decimals=1)
    # Three of four samples are there once, so that this is usual.
    times = torch.ones(300, dtype=torch.int64)
    times[::4] = torch.randint(2, 9, (75,), generator=torch.Generator().manual_seed(1))
    repeated, weighted = make(name, 2, 3), make(name, 2, 3)
    weighted.adapt(values, times.double())
    rows = torch.arange(300).repeat_interleave(times)
    rows = rows[torch.randperm(len(rows), generator=torch.Generator().manual_seed(2))]
    repeated.adapt(values[rows], torch.ones(len(rows)))
    for buffer, other in zip(weighted.buffers(), repeated.buffers(), strict=True):
        assert torch.equal(buffer, other)


@pytest.mark.parametrize("column", [[0.0] * 5, [0.0, 1e-12, 0.0, 1e-12, 0.0], [2.0]])
def test_columns_that_hardly_vary(column):
    module = make("piecewise_stem", 1, 2)
    x = torch.tensor(column, dtype=torch.float64)[:, None]
    module.adapt(x, torch.ones(len(column)))
    assert module(x).isfinite().all()
    assert module.slope.max() <= 1e4


def with_codes():
    """Return a column of 30 codes, of which each comes 40 times, and then 100 numbers that come once each."""
    codes = torch.linspace(-1, 1, 30)
    return codes, torch.cat([codes.repeat(40), torch.linspace(1.5, 2.5, 100)])[:, None]


def effect_of_values(module, x):
    """Return what a value stem adds to the piecewise linear map."""
    with torch.no_grad():
        tensors = {**dict(module.named_parameters()), **dict(module.named_buffers())}
        return module(x) - module.compute(x, tensors | {"value_weight": torch.zeros_like(module.value_weight)})


def test_values_that_come_often_have_a_weight_of_their_own():
    codes, x = with_codes()
    module = make("value_stem", 1, 2)
    module.adapt(x, torch.ones(len(x)))
    torch.nn.init.normal_(module.value_weight)
    # In single precision, and in double precision where the stem is.
    seen = effect_of_values(module, codes[:, None].double())
    assert len(torch.unique(seen, dim=0)) == 30
    places = [int((module.value == code).nonzero()[0, 1]) for code in codes.double()]
    torch.testing.assert_close(seen, module.value_weight[places].detach())
    assert (effect_of_values(module, x[-100:].double()) == 0).all(), "what comes once"
    between = codes[:-1, None].double() + 0.01
    assert (effect_of_values(module, between) == 0).all(), "what is new"


def test_values_matter_by_nothing_until_they_are_learnt():
    codes, x = with_codes()
    value, piecewise = make("value_stem", 1, 2), make("piecewise_stem", 1, 2)
    value.adapt(x, torch.ones(len(x)))
    piecewise.adapt(x, torch.ones(len(x)))
    assert torch.equal(value(codes[:, None].double()), piecewise(codes[:, None].double()))
    value(codes[:, None].double()).square().sum().backward()
    assert (value.value_weight.grad != 0).any(dim=1).sum() == 30


def test_features_that_the_bins_tell_apart_have_no_values():
    module = make("value_stem", 1, 2)
    module.adapt(torch.arange(17.0).repeat(50)[:, None], torch.ones(850))
    assert (module.tolerance < 0).all()
    module.adapt(torch.arange(18.0).repeat(50)[:, None], torch.ones(900))
    assert (module.tolerance > 0).sum() == 18


def test_the_most_frequent_values_are_kept():
    module = make("value_stem", 64, 2)
    assert module.value.shape == (64, 16)
    numbers = torch.arange(40.0)
    x = numbers.repeat_interleave(torch.arange(20, 60))[:, None].expand(-1, 64)
    module.adapt(x, torch.ones(len(x)))
    assert sorted(module.value[5].tolist()) == list(range(24, 40))


def test_bins_are_no_parameters():
    module = make("piecewise_stem", 3, 2)
    assert {name for name, _ in module.named_parameters()} == {"weight", "bias"}
