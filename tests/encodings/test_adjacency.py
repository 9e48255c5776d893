import pytest

from skopdist.encodings import AdjacencyEncoding
from skopdist.spaces import DenseSpace, NASBench201Space, SequenceSpace
from skopdist.testing import check_encoding


@pytest.mark.parametrize("space", [NASBench201Space(), DenseSpace(), SequenceSpace()], ids=str)
def test_contract(space):
    check_encoding(AdjacencyEncoding(), space)


@pytest.mark.parametrize("length", [1, 4, 6, 7, 12])
def test_decodes_into_the_very_architecture(length):
    space = NASBench201Space()
    encoding = AdjacencyEncoding().bind(space, length)
    for seed in range(5):
        architecture = space.sample(space.uniform(), length, seed)
        assert encoding.decode(encoding.encode(architecture), seed + 1) == architecture


def test_neighbours_rewire_where_the_space_allows():
    space = DenseSpace(["linear_relu", "skip_connect"], stems=())
    encoding = AdjacencyEncoding().bind(space, 4)
    # Six potential edges on four nodes; (0,1), (1,2), (2,3) are fixed, so one of the others is used.
    point = encoding.encode(space.sample(space.uniform(), 4, 0))
    wirings = {encoding.decode(row).cells[0].edges for row in encoding.neighbours(point)}
    assert len(wirings) == 3
    assert len(encoding.neighbours(point)) == 4 + 2
