"""Draws that are repeated until they are as a space allows."""

import numpy as np
import pytest

from skopdist.architecture import Cell
from skopdist.spaces import _drawing
from skopdist.spaces._drawing import draw_cell, draw_edges

NAMES = ("none", "nor_conv_3x3")


def chain(operations):
    return Cell(operations, tuple((i, i + 1) for i in range(len(operations))), ())


def test_a_cell_has_a_path_where_the_distribution_allows_one():
    rng = np.random.default_rng(0)
    for _ in range(20):
        assert draw_cell(chain, NAMES, np.array([0.5, 0.5]), 2, rng, "multinomial").operations == NAMES[1:] * 2
    assert draw_cell(chain, NAMES, np.array([1.0, 0.0]), 2, rng, "systematic").operations == NAMES[:1] * 2


def test_counts_that_lead_nowhere_are_not_placed_again_and_again(monkeypatch):
    monkeypatch.setattr(_drawing, "_PLACEMENT_DRAWS", 7)
    made = []

    def make(operations):
        made.append(operations)
        return chain(operations)

    # Half of each operation is always one of each, so that a chain of two has no path.
    cell = draw_cell(make, NAMES, np.array([0.5, 0.5]), 2, np.random.default_rng(0), "systematic")
    assert sorted(cell.operations) == sorted(NAMES)
    assert len(made) == 7


def test_edges_are_drawn_until_they_are_accepted(monkeypatch):
    drawn = iter([[(0, 1)], [(0, 2)], [(1, 2), (0, 1)]])
    assert draw_edges(lambda: next(drawn), lambda edges: (1, 2) in edges, "Mine", "_draw") == ((1, 2), (0, 1))
    monkeypatch.setattr(_drawing, "_REJECTED_DRAWS", 5)
    with pytest.raises(RuntimeError, match=r"Mine: none of 5 random draws was allowed\. Implement _draw, so that"):
        draw_edges(list, lambda edges: False, "Mine", "_draw")
