import itertools
from collections import Counter

import pytest

from skopdist.spaces import DenseSpace

SPACE = DenseSpace()


@pytest.mark.parametrize(("length", "n_nodes"), [(1, 2), (2, 3), (3, 3), (4, 4), (6, 4), (7, 5), (10, 5), (11, 6)])
def test_cells_have_the_fewest_nodes(length, n_nodes):
    cell = SPACE.sample(SPACE.uniform(), length, 0).cells[0]
    assert cell.n_nodes == n_nodes
    assert len(SPACE.potential_edges(length)) == n_nodes * (n_nodes - 1) // 2


@pytest.mark.parametrize("length", [2, 4, 5, 7, 8])
def test_wirings_are_drawn_with_equal_probability(length):
    edges = SPACE.potential_edges(length)
    possible = {e for e in itertools.combinations(edges, length) if SPACE.is_wiring(e, length)}
    n_draws = 200 * len(possible)
    # The first placement that is valid is taken, and without zeros every placement is.
    space = DenseSpace(["linear_relu", "skip_connect"])
    drawn = Counter(space.sample(space.uniform(), length, seed).cells[0].edges for seed in range(n_draws))
    assert set(drawn) == possible
    assert min(drawn.values()) > 100
    assert max(drawn.values()) < 300


@pytest.mark.parametrize(
    ("edges", "length"),
    [
        ([(0, 1), (1, 2)], 3),
        ([(0, 1), (0, 2), (0, 2)], 3),
        ([(0, 1), (0, 2), (0, 3)], 3),
        ([(0, 2), (1, 2)], 2),
        ([(1, 0)], 1),
    ],
)
def test_other_edges_are_no_wiring(edges, length):
    assert not SPACE.is_wiring(edges, length)


def test_wirings():
    assert SPACE.is_wiring([(0, 1)], 1)
    assert SPACE.is_wiring([(1, 2), (0, 1)], 2)
