import pytest
import torch

from skopdist.networks._layouts import get_layout
from skopdist.operations import register_operation
from skopdist.spaces import DARTSSpace, DenseSpace, MacroSpace, NASBench101Space, NASBench201Space

SPACES = [NASBench201Space(), NASBench101Space(), DARTSSpace(), MacroSpace()]


def sides(space, n_cells, side=33):
    """The sides of the image and the widths behind each layer."""
    network = space.sample(space.uniform(), random_state=0).build((1, side, side), 2, channels=8, n_cells=n_cells)
    seen = []
    for layer in network.cells:
        layer.register_forward_hook(lambda module, given, result: seen.append((result.shape[2], result.shape[1])))
    network.eval()(torch.randn(1, 1, side, side))
    return seen


def test_images_are_halved_at_one_and_two_thirds():
    assert sides(NASBench201Space(), 3) == [(33, 8), (17, 16), (17, 16), (9, 32), (9, 32)]
    assert sides(NASBench101Space(), 3) == [(33, 8), (17, 8), (17, 16), (9, 16), (9, 32)]
    assert sides(DARTSSpace(), 3) == [(33, 32), (17, 64), (9, 128)]
    assert sides(MacroSpace(), 1) == [(5, 64)]
    assert sides(DARTSSpace(), 1) == [(33, 32)], "a single cell is a normal one"


@pytest.mark.parametrize("space", SPACES, ids=str)
def test_large_images_are_strided_down_by_the_stem(space):
    network = space.sample(space.uniform(), 2, 0).build((1, 300, 2), 2, channels=4, n_cells=1)
    assert max(network.stem(torch.randn(1, 1, 300, 2)).shape[2:]) <= 64


def test_unknown_layouts():
    assert get_layout("stack").n_spatial is None
    with pytest.raises(
        ValueError, match=r"Unknown layout 'spiral' of an architecture; expected one of \['chain', .*'st"
    ):
        get_layout("spiral")


def test_cells_of_an_own_operation_need_no_layout_of_their_own():
    @register_operation("test_negative")
    def negative(channels):
        return torch.nn.Threshold(0, 0)

    space = DenseSpace(["test_negative"])
    assert space.sample(space.uniform(), 3, 0).build((4,), 2)(torch.randn(2, 4)).shape == (2, 2)
