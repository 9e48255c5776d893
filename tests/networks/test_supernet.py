"""Tests of the supernet."""

import copy
import pickle

import pytest
import torch
from torch import nn

from skopdist.networks import Network
from skopdist.networks._supernet import MixedOperation, Mixture, Supernet
from skopdist.operations import OperationSize
from skopdist.spaces import DARTSSpace, DenseSpace, MacroSpace, NASBench201Space, SequenceSpace

SHAPES = {
    NASBench201Space: (2, 8, 8),
    MacroSpace: (2, 8, 8),
    DARTSSpace: (2, 8, 8),
    SequenceSpace: (2, 12),
    DenseSpace: (5,),
}


def make(space_class=NASBench201Space, length=6, **settings):
    torch.manual_seed(0)
    return Supernet(space_class(), length, SHAPES[space_class], 3, **({"channels": 8, "n_cells": 2} | settings))


@pytest.mark.parametrize("length", [1, 2, 6, 9])
@pytest.mark.parametrize("space_class", SHAPES)
@pytest.mark.parametrize("partial_channels", [1, 4, 100])
def test_shared_and_single_mixtures_agree(space_class, length, partial_channels):
    supernet = make(space_class, length, partial_channels=partial_channels)
    space = space_class()
    x = torch.randn(6, *SHAPES[space_class])
    shared = torch.tensor(space.uniform().probabilities, dtype=torch.float32, requires_grad=True)
    single = shared.detach()[:, None].repeat(1, len(space.potential_edges(length)), 1).requires_grad_()
    first, second = supernet(x, shared), supernet(x, single)
    torch.testing.assert_close(first, second)
    first.square().sum().backward()
    second.square().sum().backward()
    torch.testing.assert_close(shared.grad, single.grad.sum(1), rtol=1e-3, atol=1e-3)
    assert shared.grad.abs().sum() > 0


@pytest.mark.parametrize("space_class", SHAPES)
def test_the_gradient_is_the_derivative(space_class):
    supernet = make(space_class).double()
    x = torch.randn(6, *SHAPES[space_class], dtype=torch.float64)
    mixture = torch.tensor(space_class().uniform().probabilities, requires_grad=True)
    (gradient,) = torch.autograd.grad(supernet(x, mixture).square().sum(), mixture)
    for i in range(mixture.shape[1]):
        step = torch.zeros_like(mixture)
        step[0, i] = 1e-7
        with torch.no_grad():
            ahead, behind = (supernet(x, mixture + sign * step).square().sum() for sign in (1, -1))
        torch.testing.assert_close(gradient[0, i], (ahead - behind) / 2e-7, rtol=5e-3, atol=1e-4)


@pytest.mark.parametrize("space_class", SHAPES)
def test_one_architecture_is_the_network_of_its_own(space_class):
    """With one operation at each slot, and the same weights, the supernet is that architecture's network."""
    supernet, space = make(space_class, n_cells=1), space_class()
    architecture = space.sample(space.uniform(), 6, 3)
    network = Network(architecture, SHAPES[space_class], 3, channels=8, n_cells=1)
    weights = supernet.network.state_dict()
    names = space.operation_names
    for key in network.state_dict():
        part = key.split(".")
        if key.startswith("stem.") and "operations" in part:
            row = str(names.index(architecture.cell("stem").operations[0]))
            source = ".".join([*part[:3], "operations", row, *part[3:]])
        elif key.startswith("cells.") and "operations" in part:
            at = part.index("operations")
            slot = int(part[at + 1])
            place = str(supernet.edges.index(architecture.cells[0].edges[slot]))
            row = str(names.index(architecture.cells[0].operations[slot]))
            inner = [*part[: at + 1], place, "operations", row]
            source = ".".join([*inner, *part[at + 2 :]])
        else:
            source = key
        if source in weights:
            own, weight = network.state_dict()[key], weights[source]
            # Behind a stem that summarizes, kernels are only their middle.
            own.copy_(weight if own.ndim < 4 or own.shape[3] > 1 else weight[..., weight.shape[3] // 2, None])
    x = torch.randn(6, *SHAPES[space_class])
    network.train()
    with torch.no_grad():
        expected = network(x)
        torch.testing.assert_close(supernet(x, supernet.one_hot(architecture)), expected)


def test_what_has_no_weight_is_not_computed():
    class Loud(nn.Module):
        def forward(self, x):
            raise AssertionError("computed")

    mixture = Mixture()
    slot = MixedOperation(mixture, "cell", 0, ["skip_connect", "nor_conv_3x3"], OperationSize(4, 4), 1)
    slot.operations[1] = Loud()
    mixture.set(torch.tensor([[[1.0, 0.0]]]), ["cell"])
    x = torch.randn(2, 4, 5, 5)
    torch.testing.assert_close(slot(x), x)
    mixture.set(torch.tensor([[[0.9, 0.1]]]), ["cell"])
    with pytest.raises(AssertionError, match="computed"):
        slot(x)


def test_partial_channels_pass_by_and_are_turned():
    mixture = Mixture()
    slot = MixedOperation(mixture, "cell", 0, ["skip_connect", "none"], OperationSize(8, 8), 4)
    mixture.set(torch.tensor([[[0.5, 0.5]]]), ["cell"])
    x = torch.randn(2, 8, 3)
    torch.testing.assert_close(slot(x), torch.cat([x[:, 2:], x[:, :2] / 2], 1))


def test_partial_channels_make_it_small():
    def size(partial_channels):
        cells = make(partial_channels=partial_channels, channels=16).network.cells
        slots = [m for m in cells.modules() if isinstance(m, MixedOperation)]
        return sum(parameter.numel() for slot in slots for parameter in slot.parameters())

    assert size(4) < size(1) / 10


def test_nothing_passes_where_all_is_none():
    supernet = make()
    mixture = torch.zeros(1, 5)
    mixture[0, 0] = 1.0
    logits = supernet(torch.randn(4, 2, 8, 8), mixture)
    torch.testing.assert_close(logits, logits[:1].expand(4, -1))


@pytest.mark.parametrize("duplicate", [copy.deepcopy, lambda net: pickle.loads(pickle.dumps(net))])
def test_copies_look_up_their_own_mixture(duplicate):
    supernet = make()
    copied = duplicate(supernet)
    x = torch.randn(4, 2, 8, 8)
    mixture = torch.full((1, 5), 0.2)
    expected = supernet(x, mixture)
    torch.testing.assert_close(copied(x, mixture), expected)
    supernet(x, torch.eye(5)[:1])
    torch.testing.assert_close(copied(x, mixture), expected)


def test_all_positions_reach_the_cells_where_one_stem_summarizes():
    supernet = Supernet(SequenceSpace(), 3, (1, 40), 2, channels=4, n_cells=1)
    stem = supernet.network.stem
    supernet.mixture.set(torch.ones(2, 3, len(supernet.operations)), supernet.cell_types)
    assert stem(torch.randn(5, 1, 40)).shape == (5, 4, 40)
