import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from skopdist import Architecture, Cell
from skopdist.networks import Network
from skopdist.operations import get_operation
from skopdist.spaces import (
    DARTSSpace,
    DenseSpace,
    MacroSpace,
    NASBench101Space,
    NASBench201Space,
    SequenceSpace,
)

SPACES = {0: DenseSpace(), 1: SequenceSpace(), 2: NASBench201Space()}


@settings(max_examples=60)
@given(
    st.sampled_from([0, 1, 2]),
    st.integers(1, 40),
    st.integers(0, 2**32),
    st.lists(st.integers(1, 9), min_size=3, max_size=3),
    st.integers(1, 4),
)
def test_every_valid_architecture_builds_and_runs_forward_and_backward(n_spatial, length, seed, sizes, n_cells):
    space = SPACES[n_spatial]
    architecture = space.sample(space.uniform(), length, seed)
    assert space.is_valid(architecture)
    shape = tuple(sizes[: n_spatial + 1])
    network = Network(architecture, shape, 3, channels=4, n_cells=n_cells)
    logits = network(torch.randn(4, *shape))
    assert logits.shape == (4, 3)
    logits.square().sum().backward()
    assert next(network.parameters()).grad.isfinite().all()


@pytest.mark.parametrize("length", range(1, 41))
@pytest.mark.parametrize("n_spatial", SPACES)
def test_every_length_builds(n_spatial, length):
    space = SPACES[n_spatial]
    architecture = space.sample(space.uniform(), length, length)
    shape = (2, 5, 6)[: n_spatial + 1]
    logits = Network(architecture, shape, 3, channels=4, n_cells=2)(torch.randn(3, *shape))
    logits.sum().backward()
    assert logits.isfinite().all()


def test_parameter_counts_of_nas_bench_201():
    # The published figures, in millions, of all-convolution cells: 15 cells, 16 channels, 10 classes.
    def count(name):
        cell = Cell([name] * 6, NASBench201Space().potential_edges(6))
        network = Network(Architecture([cell]), (3, 32, 32), 10, channels=16, n_cells=15)
        return sum(p.numel() for p in network.parameters()) / 1e6

    assert count("nor_conv_3x3") == pytest.approx(1.531546, abs=1e-6)
    assert count("skip_connect") == count("avg_pool_3x3") == count("none") == pytest.approx(0.073306, abs=1e-6)


def test_dead_edges_are_not_computed_and_change_nothing():
    # Node 1 leads nowhere.
    cell = Cell(["nor_conv_3x3", "skip_connect", "none"], [(0, 1), (0, 2), (1, 2)])
    network = Network(Architecture([cell]), (1, 8, 8), 2, channels=4, n_cells=1)
    network(torch.randn(2, 1, 8, 8)).sum().backward()
    dead = network.cells[0].operations[0]
    assert all(p.grad is None for p in dead.parameters())


@pytest.mark.parametrize("shape", [(1, 300, 2), (1, 5000)])
def test_large_inputs_are_strided_down_by_the_stem(shape):
    space = SPACES[len(shape) - 1]
    network = Network(space.sample(space.uniform(), 3, 0), shape, 2, channels=4, n_cells=1)
    inner = network.stem(torch.randn(2, *shape))
    assert max(inner.shape[2:]) <= 64


def test_evaluation_is_in_full_precision_where_training_is_not():
    space = NASBench201Space()
    architecture = space.sample(space.uniform(), 3, 0)
    torch.manual_seed(0)
    low = Network(architecture, (1, 8, 8), 2, channels=4, n_cells=1, precision="bfloat16")
    torch.manual_seed(0)
    full = Network(architecture, (1, 8, 8), 2, channels=4, n_cells=1)
    x = torch.randn(4, 1, 8, 8)
    assert low(x).dtype == torch.float32
    assert not torch.equal(low(x), full(x))
    # Equal weights, and equal running statistics again.
    low.load_state_dict(full.state_dict())
    assert torch.equal(low.eval()(x), full.eval()(x))


class Mixture(nn.Module):
    """The mean of all candidates, as a supernet has at every potential edge."""

    def __init__(self, names, size):
        super().__init__()
        self.candidates = nn.ModuleList([get_operation(name).make(size) for name in names])

    def forward(self, x):
        return sum(candidate(x) for candidate in self.candidates) / len(self.candidates)


@pytest.mark.parametrize("length", [1, 2, 5, 8])
@pytest.mark.parametrize(
    "space",
    [DenseSpace(), SequenceSpace(), NASBench201Space(), NASBench101Space(), DARTSSpace(), MacroSpace()],
    ids=str,
)
def test_all_candidates_may_stand_at_all_potential_edges(space, length):
    slots = set()

    def make_operation(cell_type, slot, name, size):
        slots.add((cell_type, slot))
        return Mixture(kinds[cell_type].operations, size)

    architecture, kinds = space.make_whole(length), {kind.cell_type: kind for kind in space.kinds(length)}
    shape = (2, 7, 9)[: space.n_spatial + 1]
    network = Network(architecture, shape, 3, channels=4, n_cells=2, make_operation=make_operation)
    assert slots == {(kind.cell_type, slot) for kind in kinds.values() for slot in range(len(kind.edges))}
    network(torch.randn(3, *shape)).square().sum().backward()
    if "none" not in space.operation_names:
        assert all(p.grad is not None and p.grad.isfinite().all() for p in network.parameters())


@pytest.mark.parametrize("space", [NASBench201Space(), NASBench101Space(), DARTSSpace(), MacroSpace()], ids=str)
@pytest.mark.parametrize("n_cells", [1, 2, 5])
def test_a_second_classifier_trains_the_first_half(space, n_cells):
    architecture = space.sample(space.uniform(), random_state=0)
    network = Network(architecture, (2, 8, 8), 3, channels=4, n_cells=n_cells, auxiliary_weight=0.4, drop_path=0.2)
    x = torch.randn(4, 2, 8, 8)
    logits, auxiliary = network(x)
    assert logits.shape == auxiliary.shape == (4, 3)
    auxiliary.square().sum().backward()
    assert network.stem[0].weight.grad.abs().sum() > 0
    assert network.classify.weight.grad is None
    assert network.eval()(x).shape == (4, 3)


def test_the_second_classifier_of_darts_has_as_many_parameters():
    architecture = DARTSSpace().sample(DARTSSpace().uniform(), random_state=0)
    with torch.device("meta"):
        with_head = Network(architecture, (3, 32, 32), 10, channels=36, n_cells=20, auxiliary_weight=0.4)
        without = Network(architecture, (3, 32, 32), 10, channels=36, n_cells=20)
    extra = sum(p.numel() for p in with_head.parameters()) - sum(p.numel() for p in without.parameters())
    # At two thirds a cell is four times four times 36 wide: convolutions, normalisations, and a linear map.
    assert extra == 576 * 128 + 2 * 128 + 128 * 768 * 4 + 2 * 768 + 768 * 10 + 10


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"drop_path": 1.0}, r"drop_path must be at least 0 and less than 1, got 1.0"),
        ({"drop_path": -0.1}, r"drop_path must be at least 0 and less than 1, got -0.1"),
        ({"auxiliary_weight": -1.0}, r"auxiliary_weight must not be negative, got -1.0"),
        ({"auxiliary_weight": 0.4}, r"auxiliary_weight is for images, but samples have 0 spatial dimensions"),
    ],
)
def test_bad_options(options, message):
    architecture = DenseSpace().sample(DenseSpace().uniform(), 3, 0)
    with pytest.raises(ValueError, match=message):
        Network(architecture, (4,), 2, **options)


def test_operations_for_other_inputs_are_refused():
    architecture = Architecture([Cell(["nor_conv_3x3"], [(0, 1)])])
    with pytest.raises(
        ValueError, match=r"'nor_conv_3x3' takes samples with 2 spatial dimensions.*has 0.*another space"
    ):
        Network(architecture, (4,), 3)
    unknown = Architecture([Cell(["telepathy"], [(0, 1)])])
    with pytest.raises(
        ValueError, match=r"Unknown operation 'telepathy'.* The registered ones are .*register_operation"
    ):
        Network(unknown, (4,), 3)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"input_shape": (1, 2, 3, 4)}, r"input_shape must be .*got \(1, 2, 3, 4\)"),
        ({"input_shape": (0,)}, r"positive sizes, got \(0,\)"),
        ({"n_classes": 0}, "n_classes must be at least 1, got 0"),
        ({"channels": 0}, "channels must be at least 1, got 0"),
        ({"n_cells": 0}, "n_cells must be at least 1, got 0"),
    ],
)
def test_bad_sizes_are_refused(arguments, message):
    architecture = Architecture([Cell(["skip_connect"], [(0, 1)])])
    with pytest.raises(ValueError, match=message):
        Network(architecture, **({"input_shape": (4,), "n_classes": 3} | arguments))


@pytest.mark.parametrize("space", [NASBench101Space(["skip_connect"]), DARTSSpace(["skip_connect"])], ids=str)
def test_layouts_for_images_refuse_other_inputs(space):
    architecture = space.sample(space.uniform(), random_state=0)
    with pytest.raises(ValueError, match=r"The layout '\w+' takes samples with 2 spatial dimensions.* has 1; sample"):
        Network(architecture, (2, 9), 3)
