import pytest
import torch
from torch import nn

from skopdist.operations import get_operation, is_zero, register_operation
from skopdist.spaces import DenseSpace, NASBench201Space, SequenceSpace

SHAPES = {0: (), 1: (13,), 2: (7, 5)}
STANDARD = [
    (name, s.n_spatial) for s in (DenseSpace(), SequenceSpace(), NASBench201Space()) for name in s.operation_names
]


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
    network = space.sample(space.uniform(), 3, 0).build((4,), 2)
    assert network(torch.randn(2, 4)).shape == (2, 2)


def test_a_taken_name_is_refused():
    with pytest.raises(ValueError, match=r"operation name 'skip_connect' is taken by .*; choose another name"):
        register_operation("skip_connect")(lambda channels: nn.Identity())


def test_unknown_name():
    with pytest.raises(ValueError, match=r"Unknown operation 'telepathy'.*registered ones are .*register_operation"):
        get_operation("telepathy")
