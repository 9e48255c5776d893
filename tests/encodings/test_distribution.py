import numpy as np
import pytest

from skopdist.encodings import DistributionEncoding
from skopdist.spaces import DenseSpace, NASBench201Space, SequenceSpace
from skopdist.testing import check_encoding


@pytest.mark.parametrize("space", [NASBench201Space(), DenseSpace(stems=()), SequenceSpace()], ids=str)
def test_contract(space):
    check_encoding(DistributionEncoding(), space)


def test_a_point_is_the_distribution():
    space = NASBench201Space()
    encoding = DistributionEncoding().bind(space)
    architecture = space.sample(space.uniform(), random_state=0)
    np.testing.assert_array_equal(encoding.encode(architecture), np.asarray(space.encode(architecture)))


def test_a_move_carries_the_share_of_one_operation():
    encoding = DistributionEncoding().bind(NASBench201Space(), 6)
    point = np.array([0, 0, 1 / 6, 5 / 6, 0])
    moves = encoding.neighbours(point) - point
    # Two operations can give, each to four others.
    assert moves.shape == (8, 5)
    np.testing.assert_allclose(np.abs(moves).sum(axis=1), 2 / 6)
    np.testing.assert_allclose(moves.sum(axis=1), 0, atol=1e-12)
    assert (encoding.neighbours(point) > -1e-12).all()


def test_long_walks_stay_on_the_simplex():
    encoding = DistributionEncoding().bind(DenseSpace(stems=()), 7)
    rng = np.random.default_rng(0)
    point = encoding.encode(DenseSpace(stems=()).sample(DenseSpace(stems=()).uniform(), 7, 0))
    for _ in range(200):
        point = rng.choice(encoding.neighbours(point))
        counts = np.array(encoding.decode(point, rng).counts(DenseSpace(stems=()).operation_names)[0])
        np.testing.assert_allclose(point * 7, counts, atol=1e-6)
