"""Random points, with and without a prior."""

import numpy as np
import pytest

from skopdist.encodings import AdjacencyEncoding, DistributionEncoding
from skopdist.spaces import NASBench201Space
from skopdist.strategies._drawing import draw_point, draw_unseen, point_key

SPACE = NASBench201Space()
NONE, COUNTS = np.zeros((1, 5)), 20 * np.array([[0.0, 0.0, 0.25, 0.75, 0.0]])


def test_the_mean_of_the_draws_is_that_of_the_dirichlet():
    encoding, rng = DistributionEncoding().bind(SPACE), np.random.default_rng(0)
    for counts, concentration in ((NONE, 1.0), (COUNTS, 1.0), (COUNTS, 3.0)):
        drawn = np.mean([draw_point(encoding, rng, counts, concentration) for _ in range(2000)], axis=0)
        expected = (concentration + counts[0]) / (concentration + counts[0]).sum()
        np.testing.assert_allclose(drawn, expected, atol=0.02)


@pytest.mark.parametrize("encoding", [DistributionEncoding(), AdjacencyEncoding()], ids=str)
def test_a_prior_rules_nothing_out(encoding):
    bound, rng = encoding.bind(SPACE, 1), np.random.default_rng(0)
    seen = {point_key(point) for point in bound.points(10) if bound.distribution(point)["avg_pool_3x3"] < 1}
    point = draw_unseen(bound, rng, 1e6 * COUNTS, seen)
    assert bound.distribution(point)["avg_pool_3x3"] == 1
    assert draw_unseen(bound, rng, NONE, seen | {point_key(point)}) is None


def test_draws_near_the_prior_come_first():
    bound, rng = DistributionEncoding().bind(SPACE), np.random.default_rng(0)
    point = draw_unseen(bound, rng, 1e6 * COUNTS, set())
    assert abs(point[3] - 0.75) < 1 / 6
    assert abs(point[2] - 0.25) < 1 / 6
