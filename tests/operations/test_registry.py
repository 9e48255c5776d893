import pickle
from dataclasses import replace
from functools import partial

import pytest
import torch
from torch import nn

from skopdist.networks import Network
from skopdist.operations import (
    OperationSize,
    _registry,
    adopt_operations,
    get_operation,
    own_operations,
    register_operation,
)
from skopdist.spaces import DenseSpace


@pytest.fixture(autouse=True)
def registry(monkeypatch):
    """A registry that forgets what a test puts into it."""
    monkeypatch.setattr(_registry, "_REGISTRY", dict(_registry._REGISTRY))


def test_an_operation_that_cannot_resize_stands_behind_a_convolution_that_does():
    @register_operation("test_swish", n_spatial=2)
    def swish(channels):
        return nn.SiLU()

    module = get_operation("test_swish").make(OperationSize(3, 5, 2))
    assert isinstance(module[1], nn.SiLU)
    assert module(torch.randn(2, 3, 5, 5)).shape == (2, 5, 3, 3)
    assert isinstance(get_operation("test_swish").make(OperationSize(3, 3)), nn.SiLU)


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


def scaled(channels, factor=1):
    return nn.Linear(channels, factor * channels)


def test_partial_functions_are_factories():
    for _ in range(2):
        register_operation("test_partial", n_spatial=0)(partial(scaled, factor=1))
    assert isinstance(get_operation("test_partial").factory(3), nn.Linear)
    with pytest.raises(ValueError, match=r"'test_partial' is taken by functools.partial"):
        register_operation("test_partial", n_spatial=0)(partial(scaled, factor=2))


def test_bad_registrations():
    with pytest.raises(TypeError, match=r"a name and a factory .*; got 3 and"):
        register_operation(3)(scaled)
    with pytest.raises(TypeError, match=r"a name and a factory .*; got 'test_module' and 'Identity'"):
        register_operation("test_module", n_spatial=0)("Identity")
    with pytest.raises(ValueError, match=r"n_spatial must be one of \(None, 0, 1, 2\), got 3"):
        register_operation("test_volumes", n_spatial=3)(scaled)


def test_a_standard_name_is_taken_even_from_a_factory_of_the_same_name():
    def skip(channels):
        return nn.Identity()

    skip.__qualname__ = get_operation("skip_connect").factory.__qualname__
    with pytest.raises(ValueError, match=r"'skip_connect' is taken"):
        register_operation("skip_connect")(skip)


def test_own_operations_are_those_of_the_user():
    before = own_operations()
    register_operation("test_scaled", n_spatial=0)(partial(scaled, factor=1))
    (added,) = (operation for operation in own_operations() if operation not in before)
    assert (added.name, added.is_standard) == ("test_scaled", False)
    assert own_operations(["skip_connect", "test_scaled", "telepathy"]) == (added,)


def test_another_process_adopts_own_operations(monkeypatch):
    register_operation("test_elsewhere", n_spatial=0)(partial(scaled, factor=1))
    sent = pickle.dumps([operation for operation in own_operations() if operation.name == "test_elsewhere"])
    # As in a new process, which has imported the library and nothing else.
    standard = {name: operation for name, operation in _registry._REGISTRY.items() if operation.is_standard}
    monkeypatch.setattr(_registry, "_REGISTRY", standard)
    with pytest.raises(ValueError, match=r"Unknown operation 'test_elsewhere'"):
        get_operation("test_elsewhere")
    for _ in range(2):
        adopt_operations(pickle.loads(sent))
    assert get_operation("test_elsewhere").factory(4).in_features == 4
    assert [operation.name for operation in own_operations()] == ["test_elsewhere"]


def test_a_worker_that_lives_on_adopts_what_has_changed():
    register_operation("test_known", n_spatial=0)(partial(scaled, factor=1))
    changed = replace(get_operation("test_known"), factory=partial(scaled, factor=2))
    adopt_operations([changed])
    assert get_operation("test_known") is changed


def test_sizes():
    assert OperationSize(4, 4).keeps_shape
    assert not OperationSize(4, 4, 2).keeps_shape
    assert OperationSize(4, 6, 2).output_shape((7, 4)) == (6, 4, 2)
    assert OperationSize(4, 6).output_shape(()) == (6,)
