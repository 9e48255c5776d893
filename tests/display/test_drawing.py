from itertools import pairwise

import pytest

from skopdist import Cell, OperationDistribution
from skopdist.display import _drawing
from skopdist.display._drawing import GREY, PALETTE, Drawing, colors_of, shown_operations
from skopdist.spaces import DARTSSpace, DenseSpace, MacroSpace, NASBench101Space, NASBench201Space, SequenceSpace

SPACES = [NASBench201Space(), DARTSSpace(), NASBench101Space(), MacroSpace(), DenseSpace(), SequenceSpace()]


@pytest.mark.parametrize("length", [1, 2, 6, 12, 40])
@pytest.mark.parametrize("space", SPACES, ids=lambda space: type(space).__name__)
def test_every_cell_fits_into_its_picture(space, length):
    for cell in space.sample(space.uniform(), length, random_state=length).cells:
        drawing = Drawing.of(cell)
        assert len(drawing.nodes) == cell.n_nodes
        assert len(drawing.arcs) == len(cell.operations) + len(cell.links)
        places = [place for place, _ in drawing.nodes]
        assert places == sorted(places)
        assert drawing.radius < places[0]
        assert places[-1] + drawing.radius < drawing.width < 2100
        assert -drawing.below <= min(arc.rise for arc in drawing.arcs)
        assert max(arc.rise for arc in drawing.arcs) <= drawing.above < 300
        # Nodes do not touch, and names end before the next one begins.
        gaps = [right - left for left, right in pairwise(places)]
        assert min(gaps) > 2 * drawing.radius
        if drawing.has_names:
            for arc in drawing.arcs:
                if arc.operation and arc.rise == 0:
                    assert _drawing.LETTER * len(arc.operation) <= arc.end - arc.start - 2 * drawing.radius


def test_what_lies_on_no_path_is_known():
    cell = Cell(["none", "linear_relu", "linear_relu"], [(0, 1), (1, 2), (0, 2)])
    assert [arc.is_used for arc in Drawing.of(cell).arcs] == [False, False, True]


def test_links_hang_below_and_inputs_are_numbered():
    cell = Cell(["sep_conv_3x3"], [(0, 2)], [(1, 3), (2, 3)], n_inputs=2)
    drawing = Drawing.of(cell)
    assert [name for _, name in drawing.nodes] == ["in1", "in2", "2", "out"]
    assert [arc.rise > 0 for arc in drawing.arcs] == [True, False, False]
    assert [arc.operation for arc in drawing.arcs] == ["sep_conv_3x3", "", ""]


def test_colors_do_not_depend_on_what_passes_nothing():
    assert colors_of(["none", "skip_connect", "no such operation"]) == {
        "none": GREY,
        "skip_connect": PALETTE[0],
        "no such operation": PALETTE[1],
    }


def test_each_cell_type_has_its_own_operations(monkeypatch):
    names = ["linear_relu", "skip_connect", "plain_stem", "deep_stem"]
    p = OperationDistribution(names, [[0.5, 0.5, 0, 0], [0, 0, 1, 0]], ["cell", "stem"])
    # Without stems all are of all types.
    assert shown_operations(p) == [[0, 1, 2, 3]] * 2
    monkeypatch.setattr(_drawing, "is_stem", lambda name: name.endswith("_stem"))
    assert shown_operations(p) == [[0, 1], [2, 3]]
    # What has a probability is never hidden.
    odd = OperationDistribution(names, [[0.5, 0, 0.5, 0], [0, 0, 1, 0]], ["cell", "stem"])
    assert shown_operations(odd) == [[0, 1, 2], [2, 3]]
