from itertools import pairwise

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from skopdist import Architecture, Cell
from skopdist.networks import BatchedNetworks, Network, batchable
from skopdist.operations import OperationSize, Stackable, get_operation, register_operation
from skopdist.spaces import DARTSSpace, DenseSpace, SequenceSpace

SPACE = DenseSpace(stems=())
FEATURES, CLASSES, CHANNELS = 3, 4, 6


def make(architectures, n_cells=2):
    torch.manual_seed(0)
    return [Network(a, (FEATURES,), CLASSES, CHANNELS, n_cells).double() for a in architectures]


def architecture_of(*operations):
    return Architecture([Cell(operations, SPACE.potential_edges(len(operations)))])


def assert_computes_the_same(networks):
    """Compare outputs and gradients with those of the networks themselves, and return the latter by name."""
    batched = BatchedNetworks(networks)
    x = torch.randn(len(networks), 5, FEATURES, dtype=torch.float64)
    logits = batched(x)
    assert logits.shape == (len(networks), 5, CLASSES)
    expected = torch.stack([network(part) for network, part in zip(networks, x, strict=True)])
    torch.testing.assert_close(logits, expected)
    # A step of gradient descent on both sides compares all gradients.
    logits.square().sum().backward()
    expected.square().sum().backward()
    before = [{name: p.detach().clone() for name, p in network.named_parameters()} for network in networks]
    with torch.no_grad():
        for parameter in batched.parameters():
            parameter -= 0.1 * parameter.grad
    batched.hand_back()
    for network, old in zip(networks, before, strict=True):
        for name, parameter in network.named_parameters():
            step = 0 if parameter.grad is None else 0.1 * parameter.grad
            torch.testing.assert_close(parameter.detach(), old[name] - step, msg=name)


@settings(max_examples=40)
@given(st.integers(1, 12), st.lists(st.integers(0, 2**32), min_size=1, max_size=5), st.integers(1, 3))
def test_computes_what_the_networks_compute(length, seeds, n_cells):
    architectures = [SPACE.sample(SPACE.uniform(), length, seed) for seed in seeds]
    assert all(batchable(architecture, CHANNELS) for architecture in architectures)
    assert_computes_the_same(make(architectures, n_cells))


@pytest.mark.parametrize("name", SPACE.operation_names)
def test_every_operation(name):
    # Beside others, alone in a cell, and at all places.
    others = SPACE.operation_names
    architectures = [architecture_of(name, a, b) for a, b in pairwise(others)]
    assert_computes_the_same(make([*architectures, architecture_of(name, name, name)]))
    assert_computes_the_same(make([architecture_of(name)] * 2))


@pytest.mark.parametrize(
    "names",
    [
        ["periodic_stem"] * 3,
        ["piecewise_stem"] * 3,
        ["value_stem"] * 3,
        ["piecewise_stem", "linear_stem", "periodic_stem", "linear_stem", "piecewise_stem"],
    ],
    ids="-".join,
)
def test_ways_in(names):
    networks = make([architecture_of("linear_tanh", "gated_linear", "skip_connect")] * len(names))
    for i, (network, name) in enumerate(zip(networks, names, strict=True)):
        torch.manual_seed(i)
        network.stem = get_operation(name).make(OperationSize(FEATURES, CHANNELS)).double()
        if hasattr(network.stem, "adapt"):
            network.stem.adapt(torch.randn(600, FEATURES).round(decimals=1), torch.ones(600))
        if name == "value_stem":
            torch.nn.init.normal_(network.stem.value_weight)
    batched = BatchedNetworks(networks)
    assert len(batched.stem.rows.first) == len(set(names))
    assert_computes_the_same(networks)


def test_cells_whose_output_nothing_reaches():
    # By hand one can wire such cells.
    cut = Architecture([Cell(["linear_relu", "linear_relu"], [(0, 1), (2, 3)])])
    names = SPACE.operation_names
    for others in ([], [architecture_of(*names)], [architecture_of(*["none"] * 6)]):
        assert_computes_the_same(make([cut, cut, *others]))


def test_members_of_one_kind_are_one_product():
    names = ("linear_relu", "linear_silu", "linear_tanh")
    batched = BatchedNetworks(make([architecture_of(*names), architecture_of(*names[::-1])], n_cells=1))
    shapes = [tuple(p.shape) for name, p in batched.cells.named_parameters() if p.shape[1] == CHANNELS]
    assert sorted(shapes) == [(2, CHANNELS, CHANNELS), (4, CHANNELS, CHANNELS)]


def test_modules_that_compute_differently_are_not_computed_as_one():
    for name, step in (("batched_once", 1.0), ("batched_twice", 2.0)):
        register_operation(name, n_spatial=0)(lambda channels, step=step: Shift(channels, step))
    assert_computes_the_same(make([architecture_of("batched_once"), architecture_of("batched_twice")]))


def test_what_is_not_finite_stays_with_its_member():
    networks = make([architecture_of("linear_relu", "none", "gated_linear")] * 3)
    x = torch.randn(3, 5, FEATURES, dtype=torch.float64)
    expected = [network(part) for network, part in zip(networks, x, strict=True)]
    with torch.no_grad():
        networks[1].stem.weight[0, 0] = torch.nan
    batched = BatchedNetworks(networks)
    logits = batched(x)
    logits.sum().backward()
    assert logits[1].isnan().all()
    for i in (0, 2):
        torch.testing.assert_close(logits[i], expected[i])
        assert batched.stem.rows.first[0].weight.grad[i].isfinite().all()


class Shared(nn.Sequential):
    """One linear map, twice."""

    def __init__(self, channels):
        linear = nn.Linear(channels, channels)
        super().__init__(linear, linear)


def frozen(channels):
    return nn.Linear(channels, channels).requires_grad_(False)


def hooked(channels):
    linear = nn.Linear(channels, channels)
    linear.register_forward_hook(lambda module, inputs, output: output * 2)
    return linear


class Shift(Stackable):
    """Of a number that is no tensor, and one that is a buffer."""

    def __init__(self, channels, step=1.0):
        super().__init__()
        self.step = step
        self.shift = nn.Parameter(torch.randn(channels))
        self.register_buffer("scale", torch.rand(channels))

    def extra_repr(self):
        return f"step={self.step}"

    def compute(self, x, tensors):
        return self.step * x * tensors["scale"].unsqueeze(-2) + tensors["shift"].unsqueeze(-2)


class OwnForward(Shift):
    def forward(self, x):
        return super().forward(x) * 2


class Nested(Shift):
    def __init__(self, channels):
        super().__init__(channels)
        self.inner = nn.Linear(channels, channels)


def failing(channels):
    raise RuntimeError("on purpose")


OTHERS = {
    "batched_elu": (lambda c: nn.Sequential(nn.Sequential(nn.Linear(c, c, bias=False)), nn.ELU(0.5)), True),
    "batched_norm": (lambda c: nn.Sequential(nn.LayerNorm(c, elementwise_affine=False), nn.Identity()), True),
    "batched_no_bias": (lambda c: nn.LayerNorm(c, bias=False), True),
    "batched_stackable": (Shift, True),
    "batched_stackables": (lambda c: nn.Sequential(Shift(c), nn.Tanh(), Shift(c, step=2.0)), True),
    "batched_own_forward": (OwnForward, False),
    "batched_nested": (Nested, False),
    "batched_dropout": (lambda c: nn.Sequential(nn.Linear(c, c), nn.Dropout(0.1)), False),
    "batched_batch_norm": (lambda c: nn.BatchNorm1d(c), False),
    "batched_in_place": (lambda c: nn.Sequential(nn.Linear(c, c), nn.ReLU(inplace=True)), False),
    "batched_glu": (lambda c: nn.Sequential(nn.Linear(c, 2 * c), nn.GLU(dim=0)), False),
    "batched_subclass": (lambda c: nn.Sequential(Shared(c)), False),
    "batched_shared": (lambda c: nn.Sequential(*Shared(c)), False),
    "batched_frozen": (frozen, False),
    "batched_hooked": (hooked, False),
    "batched_failing": (failing, False),
}


@pytest.mark.parametrize("name", OTHERS)
def test_operations_of_the_user(name):
    factory, expected = OTHERS[name]
    register_operation(name, n_spatial=0)(factory)
    architecture = architecture_of(name, "linear_relu", "skip_connect")
    assert batchable(architecture, CHANNELS) is expected
    if expected:
        assert_computes_the_same(make([architecture, architecture_of("skip_connect", "linear_relu", name)]))


def test_only_plain_cells_of_known_operations():
    assert not batchable(architecture_of("an unknown operation"), CHANNELS)
    assert not batchable(DARTSSpace().sample(DARTSSpace().uniform(), random_state=0), CHANNELS)
    assert not batchable(SequenceSpace().sample(SequenceSpace().uniform(), random_state=0), CHANNELS)
    linked = Architecture([Cell(["linear_relu", "linear_relu"], [(0, 1), (1, 2)], [(0, 2)])])
    assert not batchable(linked, CHANNELS)


def test_unknown_layers_are_refused():
    networks = make([architecture_of("linear_relu")])
    networks[0].head.append(nn.Dropout())
    with pytest.raises(ValueError, match=r"The layer Dropout.* has no batched form"):
        BatchedNetworks(networks)
