import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from skopdist import Cell
from skopdist.networks._cells import CellModule, CellPlan, Part
from skopdist.networks._layouts import plan_network
from skopdist.operations import OperationSize
from skopdist.spaces import DARTSSpace, MacroSpace, NASBench101Space


def make(cell, channels=3, **settings):
    """The module of a cell whose operations all keep the shape."""
    return CellModule(CellPlan(cell, (OperationSize(channels, channels),) * len(cell.operations)), **settings)


def doubling(size):
    linear = nn.Linear(size.channels_in, size.channels_out, bias=False)
    nn.init.eye_(linear.weight).data.mul_(2)
    return linear


def test_a_node_is_the_sum_of_its_edges():
    x = torch.randn(2, 3)
    twice = make(Cell(["skip_connect"] * 3, [(0, 1), (0, 2), (1, 2)]))
    torch.testing.assert_close(twice(x), 2 * x)
    shuffled = make(Cell(["skip_connect"] * 3, [(1, 2), (0, 2), (0, 1)]))
    torch.testing.assert_close(shuffled(x), 2 * x)
    nothing = make(Cell(["none"], [(0, 1)]))
    assert (nothing(x) == 0).all()
    unreached = make(Cell(["skip_connect"], [(1, 2)]))
    assert (unreached(x) == 0).all()


def test_links_to_the_output_are_concatenated_and_those_from_an_input_added():
    x, y = torch.randn(2, 2, 3)
    cell = Cell(["skip_connect"] * 2, [(0, 2), (1, 3)], [(2, 4), (3, 4)], n_inputs=2)
    module = make(cell)
    assert module.width == 6
    torch.testing.assert_close(module(x, y), torch.cat([x, y], dim=1))
    added = Cell(["skip_connect"], [(1, 2)], [(0, 1), (2, 3), (0, 3)])
    torch.testing.assert_close(make(added)(x), 2 * x)


def test_a_dead_part_of_the_output_is_zero():
    x = torch.randn(2, 3)
    cell = Cell(["none", "skip_connect"], [(0, 1), (0, 2)], [(1, 3), (2, 3)])
    torch.testing.assert_close(make(cell)(x), torch.cat([0 * x, x], dim=1))
    dead = Cell(["none", "none"], [(0, 1), (0, 2)], [(1, 3), (2, 3)])
    assert make(dead)(x).tolist() == [[0] * 6] * 2


def test_modules_of_inputs_and_links_are_applied():
    x = torch.randn(2, 3)
    size = OperationSize(3, 3)
    double = (Part(doubling, size),)
    cell = Cell(["skip_connect"], [(1, 2)], [(0, 1)])
    torch.testing.assert_close(CellModule(CellPlan(cell, (size,), inputs=double, links=double))(x), 4 * x)


def test_repeats_stand_in_a_row_and_resize_once():
    made = []

    def make_linear(cell_type, slot, name, size):
        made.append((cell_type, slot, name, tuple(size)))
        return nn.Linear(size.channels_in, size.channels_out)

    sizes = (OperationSize(3, 6, 2), OperationSize(6, 6))
    cell = Cell(["identity", "mb_conv_3x3_e3"], [(0, 1), (1, 2)])
    module = CellModule(CellPlan(cell, sizes, "chain", repeats=2), make_linear)
    assert made == [
        ("chain", 0, "identity", (3, 6, 2)),
        ("chain", 0, "identity", (6, 6, 1)),
        ("chain", 1, "mb_conv_3x3_e3", (6, 6, 1)),
        ("chain", 1, "mb_conv_3x3_e3", (6, 6, 1)),
    ]
    assert module(torch.randn(5, 3)).shape == (5, 6)
    assert module.width == 6


def test_a_replaced_module_is_used():
    module = make(Cell(["skip_connect"], [(0, 1)]))
    module.operations[0] = nn.Linear(3, 7)
    assert module(torch.randn(2, 3)).shape == (2, 7)


@pytest.mark.parametrize("training", [True, False])
def test_drop_path_drops_whole_samples_and_keeps_the_mean(training):
    torch.manual_seed(0)
    cell = Cell(["nor_conv_1x1", "skip_connect"], [(0, 1), (0, 2)], [(1, 3), (2, 3)])
    module = make(cell, 1, drop_path=0.25).train(training)
    plain = make(cell, 1).train(training)
    plain.load_state_dict(module.state_dict())
    x = torch.rand(4000, 1, 2, 2)
    convolved, skipped = module(x).split(1, dim=1)
    expected, _ = plain(x).split(1, dim=1)
    assert torch.equal(skipped, x), "identities are never dropped"
    dropped = (convolved == 0).flatten(1).all(1)
    assert float(dropped.float().mean()) == pytest.approx(0.25 if training else 0.0, abs=0.03)
    torch.testing.assert_close(convolved[~dropped], expected[~dropped] / (0.75 if training else 1))


def test_an_edge_beside_a_link_to_the_output_is_added_to_what_is_concatenated():
    x = torch.randn(2, 3)
    beside = Cell(["skip_connect", "skip_connect"], [(0, 1), (1, 2)], [(1, 2)])
    torch.testing.assert_close(make(beside)(x), 2 * x)


@pytest.mark.parametrize("space", [DARTSSpace(), MacroSpace(), NASBench101Space()], ids=str)
@given(st.integers(0, 2**32), st.integers(1, 9), st.integers(1, 3))
def test_plans_know_the_shapes_that_modules_compute(space, seed, length, n_cells):
    architecture = space.sample(space.uniform(), length, seed)
    _, layers, _, _ = plan_network(architecture, (2, 9, 6), 3, 4, n_cells)
    torch.manual_seed(seed)
    for plan in layers:
        if isinstance(plan, CellPlan):
            # The older result of a DARTS network may be larger, and is then halved.
            sides = [(8, 6)] * plan.cell.n_inputs
            given_sizes = [part.size for part in plan.inputs] if plan.inputs else [first_size(plan)]
            if given_sizes[0].stride == 2:
                sides[0] = (15, 12)
            inputs = [torch.randn(2, size.channels_in, *s) for size, s in zip(given_sizes, sides, strict=True)]
            _, result = plan.work(sides)
            assert CellModule(plan)(*inputs).shape == (2, plan.width, *result)


def first_size(plan):
    """The size of what leaves the only input."""
    for (source, _), size in zip(plan.cell.edges, plan.sizes, strict=True):
        if source == 0:
            return size
    return next(part.size for (source, _), part in zip(plan.cell.links, plan.links, strict=True) if source == 0)
