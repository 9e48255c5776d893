import pytest
import torch

from skopdist.operations import get_operation, is_identity, is_zero, own_operations
from skopdist.spaces import DARTSSpace, DenseSpace, MacroSpace, NASBench101Space, NASBench201Space, SequenceSpace
from skopdist.testing import check_operation

SPACES = (DenseSpace(), SequenceSpace(), NASBench201Space(), NASBench101Space(), DARTSSpace(), MacroSpace())
STANDARD = list(dict.fromkeys((name, space.n_spatial) for space in SPACES for name in space.operation_names))


@pytest.mark.parametrize("name", dict(STANDARD))
def test_contract(name):
    check_operation(name)


def test_they_fit_their_spaces():
    for name, n_spatial in STANDARD:
        assert get_operation(name).fits(n_spatial)
    assert not get_operation("nor_conv_3x3").fits(1)


def test_they_are_seen_to_be_the_library_s_own():
    assert all(get_operation(name).is_standard for name, _ in STANDARD)
    assert not {operation.name for operation in own_operations()} & set(dict(STANDARD))


def test_the_zero_and_the_identities():
    assert [name for name in dict(STANDARD) if is_zero(name)] == ["none"]
    assert [name for name in dict(STANDARD) if is_identity(name)] == ["skip_connect", "identity"]


@pytest.mark.parametrize("name", ["skip_connect", "identity"])
def test_skips_are_identities(name):
    x = torch.randn(2, 3, 4, 4)
    assert torch.equal(get_operation(name).factory(3)(x), x)
