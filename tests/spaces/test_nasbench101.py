import itertools
from collections import Counter

import numpy as np
import pytest
import torch

from skopdist.encodings import AdjacencyEncoding, HybridEncoding
from skopdist.networks import Network
from skopdist.spaces import NASBench101Space
from skopdist.testing import check_encoding, check_space

SPACE = NASBench101Space()
ONE, THREE, POOL = SPACE.operation_names


def architecture(operations, edges):
    n = len(operations)
    return SPACE.make_architecture([SPACE.make_cell(operations, SPACE.potential_edges(n), SPACE.graph_links(edges))])


def n_params(*args):
    with torch.device("meta"):
        network = Network(architecture(*args), (3, 32, 32), 10, channels=128, n_cells=9)
    return sum(p.numel() for p in network.parameters())


def test_contract():
    check_space(SPACE)


def test_contract_with_other_operations_and_limits():
    check_space(NASBench101Space(["none", "skip_connect", "nor_conv_3x3", "avg_pool_3x3"]), lengths=[1, 2, 5, 8])
    check_space(NASBench101Space(max_edges=60), lengths=[1, 5, 12, 40])


def test_parameters_of_the_inception_like_cell():
    # The example of the benchmark's own notebook, whose query gives this number.
    edges = [(0, 1), (0, 2), (0, 3), (3, 4), (0, 5), (1, 6), (2, 6), (4, 6), (5, 6)]
    assert n_params([ONE, THREE, THREE, THREE, POOL], edges) == 2_694_282


def test_parameters_of_small_cells():
    # By hand: a stem, nine cells and a classifier, in which each convolution has a normalisation.
    def conv(n_in, n_out, kernel):
        return n_in * n_out * kernel**2 + 2 * n_out

    outside = conv(3, 128, 3) + 512 * 10 + 10
    widths = [128] * 4 + [256] * 3 + [512] * 3
    chain = sum(conv(n, m, 1) + conv(m, m, 3) for n, m in itertools.pairwise(widths))
    assert n_params([THREE], [(0, 1), (1, 2)]) == outside + chain
    shortcut = sum(conv(n, m, 1) for n, m in itertools.pairwise(widths))
    assert n_params([THREE], [(0, 1), (0, 2), (1, 2)]) == outside + chain + shortcut


def test_channels_are_divided_and_cut():
    # Vertices 1 and 2 share seven channels; vertex 1 also leads to vertex 2, where one channel is too many.
    network = Network(architecture([THREE, ONE], [(0, 1), (1, 2), (1, 3), (2, 3)]), (1, 5, 5), 2, channels=7, n_cells=1)
    module = network.cells[0]
    assert module.concatenated == {2: 4, 4: 3}
    assert [operation[0].out_channels for operation in module.operations] == [4, 3]
    assert network(torch.randn(2, 1, 5, 5)).shape == (2, 2)


@pytest.mark.parametrize(("length", "max_edges"), [(1, 9), (2, 9), (3, 9), (3, 5), (4, 7)])
def test_wirings_are_drawn_with_equal_probability(length, max_edges):
    space = NASBench101Space(max_edges=max_edges)
    links = space.potential_links(length)
    possible = {
        chosen
        for n in range(len(links) + 1)
        for chosen in itertools.combinations(links, n)
        if space.are_links(chosen, length)
    }
    n_draws = min(40 * len(possible), 4000)
    drawn = Counter(space.sample(space.uniform(), length, seed).cells[0].links for seed in range(n_draws))
    assert set(drawn) <= possible
    expected = n_draws / len(possible)
    statistic = sum((drawn[links] - expected) ** 2 / expected for links in possible)
    n_free = len(possible) - 1
    assert abs(statistic - n_free) < 5 * np.sqrt(2 * n_free) + 1


def test_every_operation_is_on_a_path_and_edges_are_limited():
    for length in (5, 12, 40):
        for seed in range(20):
            cell = SPACE.sample(SPACE.uniform(), length, seed).cells[0]
            assert len(cell.links) <= max(9, length + 4)
            assert cell.live_slots(lambda name: False) == tuple(range(length))


def test_no_wiring():
    chain = SPACE.graph_links([(0, 1), (1, 2), (2, 3)])
    assert SPACE.are_links(chain, 2)
    assert not SPACE.are_links(chain[:-1], 2), "the last vertex leads nowhere"
    assert not SPACE.are_links(SPACE.graph_links([(0, 1), (1, 3), (2, 3)]), 2), "nothing leads to vertex 2"
    assert not SPACE.are_links(SPACE.graph_links([(0, 1), (1, 2), (2, 3), (0, 4)]), 2), "there is no vertex 4"
    assert not NASBench101Space(max_edges=3).are_links(SPACE.potential_links(2), 2)


def test_a_limit_that_no_wiring_meets():
    with pytest.raises(ValueError, match=r"max_edges=9 is too few for a cell of 12 operations, .* 13 edges; raise"):
        NASBench101Space(max_edges=9).sample(SPACE.uniform(), 12)


@pytest.mark.parametrize("encoding", [AdjacencyEncoding, HybridEncoding])
def test_encodings_see_the_links(encoding):
    check_encoding(encoding(), SPACE, lengths=(1, 2, 5))
    bound = encoding().bind(SPACE, 2)
    assert bound.n_dims == 2 * 3 + 6
    points = bound.points(20_000)
    assert len(np.unique(points, axis=0)) == len(points) == 10 * 3**2
    for point in points:
        neighbours = bound.neighbours(point)
        moved = np.abs(neighbours - point).reshape(len(neighbours), -1).sum(axis=1)
        assert set(moved) <= {1, 2}, "a link, or an operation"


def test_isomorphic_cells_are_one_function():
    bound = HybridEncoding().bind(SPACE, 2)
    edges = [(0, 1), (0, 2), (1, 3), (2, 3)]
    one, two, three = bound.keys(
        [
            bound.encode(architecture([ONE, POOL], edges)),
            bound.encode(architecture([POOL, ONE], edges)),
            bound.encode(architecture([POOL, ONE], [(0, 1), (1, 2), (2, 3)])),
        ]
    )
    assert one == two != three


def test_references():
    shortcut, chain, inception = SPACE.reference_architectures()
    edges = [(vertex, vertex + 1) for vertex in range(6)]
    assert chain == architecture([THREE] * 5, edges)
    assert shortcut == architecture([THREE] * 5, [*edges[:-1], (0, 6), edges[-1]])
    edges = [(0, 1), (0, 2), (0, 3), (3, 4), (0, 5), (1, 6), (2, 6), (4, 6), (5, 6)]
    assert inception == architecture([ONE, THREE, THREE, THREE, POOL], edges)
    assert NASBench101Space(max_edges=6).reference_architectures() == (chain,)
    with pytest.raises(ValueError, match=r"max_edges=5 is too few"):
        NASBench101Space(max_edges=5).reference_architectures()
