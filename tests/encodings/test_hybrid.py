"""Tests of the hybrid encoding, and of the features that all encodings give."""

import numpy as np
import pytest

from skopdist import Architecture, Cell
from skopdist.encodings import AdjacencyEncoding, DistributionEncoding, HybridEncoding
from skopdist.operations import is_identity
from skopdist.spaces import DARTSSpace, DenseSpace, MacroSpace, NASBench101Space, NASBench201Space, SequenceSpace
from skopdist.testing import check_encoding

ENCODINGS = [DistributionEncoding, AdjacencyEncoding, HybridEncoding]
EDGES = ((0, 1), (0, 2), (1, 2), (0, 3), (1, 3), (2, 3))


def cell(*codes):
    names = NASBench201Space().operation_names
    return Architecture([Cell(tuple(names[code] for code in codes), EDGES)])


@pytest.mark.parametrize("space", [None, DenseSpace()], ids=str)
def test_contract(space):
    check_encoding(HybridEncoding(), space)


@pytest.fixture
def hybrid():
    return HybridEncoding().bind(NASBench201Space())


def keys(encoding, *architectures):
    return encoding.keys(np.array([encoding.encode(architecture) for architecture in architectures]))


def test_dead_operations_make_no_difference(hybrid):
    # Node 1 is reached by nothing, so whatever leaves it is dead.
    one, other = cell(0, 3, 2, 1, 3, 3), cell(0, 3, 0, 1, 0, 3)
    first, second = keys(hybrid, one, other)
    assert first == second
    parts = hybrid.features([hybrid.encode(one), hybrid.encode(other)])
    for part in parts.values():
        np.testing.assert_array_equal(part[0], part[1])
    np.testing.assert_allclose(parts["distribution"][0], [1 / 6, 0, 2 / 6, 0, 3 / 6])


def test_a_skip_is_transparent(hybrid):
    # One convolution from input to output, over node 1 or over node 2.
    one, other, longer = cell(1, 0, 0, 0, 3, 0), cell(0, 3, 0, 0, 0, 1), cell(3, 0, 0, 0, 3, 0)
    first, second, third = keys(hybrid, one, other, longer)
    assert first == second != third


def test_no_path_has_an_empty_key(hybrid):
    assert keys(hybrid, cell(3, 3, 3, 0, 0, 0), cell(0, 0, 3, 0, 3, 3)) == [b"", b""]
    assert not hybrid.features([hybrid.encode(cell(3, 3, 3, 0, 0, 0))])["paths"].any()


def test_number_of_functions_of_nas_bench_201(hybrid):
    points = hybrid.points(20_000)
    assert points.shape == (15_625, 30)
    assert len(np.unique(points, axis=0)) == 15_625
    # Fewer than the 6,466 of the benchmark, which keeps a sum apart from the same sum behind a skip.
    assert len(set(hybrid.keys(points))) == 4930


def test_path_features_by_hand(hybrid):
    # Paths: the skip 0>3, and 3x3 then 1x1 over node 1.
    part = hybrid.features([hybrid.encode(cell(3, 0, 0, 1, 2, 0))])["paths"][0]
    passing = ["skip_connect", "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3"]
    assert passing == [name for name in NASBench201Space().operation_names if name != "none"]
    np.testing.assert_allclose(part[0], np.log1p(2) / np.log1p(4))
    np.testing.assert_allclose(part[1:5], np.array([0.5, 0.5, 0.5, 0]) / 3)
    np.testing.assert_allclose(part[5:9], np.array([1, 1, 1, 0]) / 3)
    # The deepest path holds two operations, the shallowest only the skip.
    np.testing.assert_allclose(part[9:], np.array([2, 0]) / 3)


def test_depth_tells_a_residual_connection_from_a_skip_elsewhere(hybrid):
    residual, elsewhere = hybrid.features(
        [hybrid.encode(cell(3, 3, 3, 1, 3, 3)), hybrid.encode(cell(1, 3, 3, 3, 3, 3))]
    )["paths"]
    np.testing.assert_allclose(residual[9:], np.array([3, 0]) / 3)
    np.testing.assert_allclose(elsewhere[9:], np.array([2, 1]) / 3)


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("space", [NASBench201Space, DenseSpace, SequenceSpace])
@pytest.mark.parametrize("length", [1, 2, 6, 8, 40])
def test_features_of_any_space_and_length(encoding, space, length):
    bound = encoding().bind(space(), length)
    points = np.array([bound.from_distribution(space().uniform(), seed) for seed in range(5)])
    parts = bound.features(points)
    assert parts
    assert len(bound.keys(points)) == 5
    assert all(bound.keys(points))
    for name, part in parts.items():
        assert np.isfinite(part).all(), name
        assert part.shape == (5, bound.features(points[:0])[name].shape[1])
    if encoding is HybridEncoding:
        assert parts["paths"].shape == (5, 3 + 2 * (len(space().kinds(1)[0].operations) - 1))
        assert 0 <= parts["paths"].min()
        assert parts["paths"].max() <= 1


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_listed_points_are_all_points(encoding):
    bound = encoding().bind(NASBench201Space(["skip_connect", "nor_conv_1x1"]), 2)
    points = bound.points(100)
    # Two operations on the two edges that join next nodes; with the third, three wirings of which one is allowed.
    assert len(points) == (3 if encoding is DistributionEncoding else 4)
    assert bound.points(2) is None
    for point in points:
        np.testing.assert_array_equal(bound.encode(bound.decode(point, 0)), point)


def test_number_of_architectures():
    bound = DistributionEncoding().bind(NASBench201Space())
    assert bound.n_architectures(bound.points(1000)).sum() == 5**6
    assert HybridEncoding().bind(NASBench201Space()).n_architectures(np.eye(2, 30)).tolist() == [1, 1]


def test_points_of_the_wrong_shape_are_refused(hybrid):
    with pytest.raises(ValueError, match=r"Expected points of shape \(n_points, 30\)"):
        hybrid.features(np.zeros(30))


def test_moves_are_those_of_the_adjacency(hybrid):
    adjacency = AdjacencyEncoding().bind(NASBench201Space())
    point = hybrid.encode(cell(3, 3, 3, 1, 3, 2))
    np.testing.assert_array_equal(hybrid.neighbours(point), adjacency.neighbours(point))
    assert hybrid.decode(point) == cell(3, 3, 3, 1, 3, 2)


def paths_of(cell):
    """All paths from an input to the output, each as the operations that it holds."""
    steps = [*zip(cell.edges, cell.operations, strict=True), *((link, None) for link in cell.links)]

    def onwards(node, held):
        if node == cell.n_nodes - 1:
            yield held
        for (source, target), name in steps:
            if source == node and name != "none":
                yield from onwards(target, held if name is None else (*held, name))

    return [path for node in range(cell.n_inputs) for path in onwards(node, ())]


@pytest.mark.parametrize("space", [NASBench201Space(), NASBench101Space(), DARTSSpace(), MacroSpace()], ids=str)
@pytest.mark.parametrize("length", [1, 4, 6])
def test_path_features_are_those_of_all_paths(space, length):
    encoding = HybridEncoding().bind(space, length)
    passing = [name for name in space.operation_names if name != "none"]
    whole = paths_of(space.make_whole(length).cells[0])
    longest = max(len(path) for path in whole)
    for seed in range(5):
        architecture = space.sample(space.uniform(), length, seed)
        expected = []
        for cell in architecture.cells:
            paths = paths_of(cell)
            counts = np.array([[path.count(name) for name in passing] for path in paths])
            expected += [np.log1p(len(paths)) / np.log1p(len(whole))]
            depths = [sum(not is_identity(name) for name in path) for path in paths]
            expected += [*counts.mean(axis=0) / longest, *counts.max(axis=0) / longest]
            expected += [max(depths) / longest, min(depths) / longest]
        features = encoding.features([encoding.encode(architecture)])["paths"][0]
        np.testing.assert_allclose(features, expected)
