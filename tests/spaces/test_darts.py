from collections import Counter
from math import comb

import numpy as np
import pytest
import torch

from skopdist import OperationDistribution
from skopdist.encodings import HybridEncoding
from skopdist.formats import known_architectures
from skopdist.networks import Network
from skopdist.networks._cells import CellModule
from skopdist.spaces import DARTSSpace
from skopdist.testing import check_space

SPACE = DARTSSpace()


def cell(*nodes):
    """Make a cell from the (operation, source) pairs of each node."""
    edges = [(source, 2 + i) for i, pairs in enumerate(nodes) for _, source in pairs]
    return SPACE.make_cell([name for pairs in nodes for name, _ in pairs], edges)


def test_contract():
    check_space(SPACE)


def test_contract_with_operations_of_other_spaces():
    check_space(DARTSSpace(["none", "skip_connect", "nor_conv_3x3", "mb_conv_3x3_e3"]), lengths=[1, 2, 5, 8])


def n_params(architecture):
    with torch.device("meta"):
        network = Network(architecture, (3, 32, 32), 10, channels=36, n_cells=20)
    return sum(p.numel() for p in network.parameters())


def test_parameters_of_darts_v2():
    normal = cell(
        [("sep_conv_3x3", 0), ("sep_conv_3x3", 1)],
        [("sep_conv_3x3", 0), ("sep_conv_3x3", 1)],
        [("sep_conv_3x3", 1), ("skip_connect", 0)],
        [("skip_connect", 0), ("dil_conv_3x3", 2)],
    )
    reduce = cell(
        [("max_pool_3x3", 0), ("max_pool_3x3", 1)],
        [("skip_connect", 2), ("max_pool_3x3", 1)],
        [("max_pool_3x3", 0), ("skip_connect", 2)],
        [("skip_connect", 2), ("max_pool_3x3", 1)],
    )
    # Published as 3.3 million.
    assert n_params(SPACE.make_architecture([normal, reduce])) == 3_349_342


def test_a_distribution_for_each_cell_type():
    only = OperationDistribution(SPACE.operation_names, np.eye(7)[[2, 4]], SPACE.cell_types)
    architecture = SPACE.sample(only, 8, 0)
    assert set(architecture.cell("normal").operations) == {"skip_connect"}
    assert set(architecture.cell("reduce").operations) == {"sep_conv_5x5"}


@pytest.mark.parametrize("length", [1, 2, 3, 8, 9])
def test_nodes_have_two_inputs_but_for_an_odd_last_one(length):
    for seed in range(10):
        for drawn in SPACE.sample(SPACE.uniform(), length, seed).cells:
            sources = Counter(target for _, target in drawn.edges)
            assert [sources[node] for node in sorted(sources)] == [2] * (length // 2) + [1] * (length % 2)
            assert drawn.links == tuple((node, 2 + len(sources)) for node in sorted(sources))


def test_wirings_are_drawn_with_equal_probability():
    n_wirings = comb(3, 2) * comb(4, 2)
    drawn = Counter(SPACE.sample(SPACE.uniform(), 6, seed).cells[0].edges for seed in range(200 * n_wirings))
    assert len(drawn) == n_wirings
    assert 120 < min(drawn.values()) <= max(drawn.values()) < 280
    assert not SPACE.is_wiring([(0, 2), (0, 3), (1, 3), (2, 3)], 4)


def test_reduction_cells_stand_at_one_and_two_thirds():
    network = Network(SPACE.sample(SPACE.uniform(), 8, 0), (3, 16, 16), 10, channels=4, n_cells=8)
    before = x = network.stem(torch.randn(1, 3, 16, 16))
    shapes = [(x.shape[1], x.shape[2])]
    for layer in network.cells:
        assert isinstance(layer, CellModule)
        before, x = x, layer(before, x)
        shapes.append((x.shape[1], x.shape[2]))
    assert shapes == [(12, 16), *[(16, 16)] * 2, *[(32, 8)] * 3, *[(64, 4)] * 3]


def test_cells_that_differ_by_the_names_of_their_nodes_are_one_function():
    encoding = HybridEncoding().bind(SPACE, 4)
    reduce = cell([("sep_conv_3x3", 0), ("skip_connect", 1)], [("sep_conv_3x3", 0), ("max_pool_3x3", 1)])
    first = cell([("sep_conv_3x3", 0), ("skip_connect", 1)], [("dil_conv_3x3", 0), ("skip_connect", 1)])
    swapped = cell([("dil_conv_3x3", 0), ("skip_connect", 1)], [("sep_conv_3x3", 0), ("skip_connect", 1)])
    other = cell([("dil_conv_3x3", 1), ("skip_connect", 0)], [("sep_conv_3x3", 1), ("skip_connect", 0)])
    points = [encoding.encode(SPACE.make_architecture([normal, reduce])) for normal in (first, swapped, other)]
    one, two, three = encoding.keys(points)
    assert one == two != three


def test_a_skip_from_an_input_is_no_identity_in_a_reduction_cell():
    encoding = HybridEncoding().bind(DARTSSpace(["skip_connect", "sep_conv_3x3"]), 4)
    # Two skips in a row are one skip, but for the halving of the image by those that leave an input.
    through = cell([("sep_conv_3x3", 0), ("sep_conv_3x3", 1)], [("skip_connect", 0), ("skip_connect", 2)])
    around = cell([("sep_conv_3x3", 0), ("sep_conv_3x3", 1)], [("skip_connect", 0), ("skip_connect", 1)])
    pairs = [[through, through], [through, around], [around, through]]
    keys = encoding.keys([encoding.encode(encoding.space_.make_architecture(pair)) for pair in pairs])
    assert len(set(keys)) == 3


def test_references():
    published, pooling, plain = SPACE.reference_architectures()
    assert published == known_architectures()["darts_v2"].architecture
    assert [set(cell.operations) for cell in pooling.cells] == [{"sep_conv_3x3"}, {"max_pool_3x3"}]
    assert [set(cell.operations) for cell in plain.cells] == [{"sep_conv_3x3"}] * 2
    assert SPACE.reference_architectures(3)[0].cell("normal").edges == ((0, 2), (1, 2), (1, 3))
