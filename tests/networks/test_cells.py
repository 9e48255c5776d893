import pytest
import torch
from torch import nn

from skopdist import Cell
from skopdist.networks._cells import CellModule
from skopdist.operations import OperationSize


def same(n, channels=3):
    return [OperationSize(channels, channels)] * n


def test_a_node_is_the_sum_of_its_edges():
    x = torch.randn(2, 3)
    twice = CellModule(Cell(["skip_connect"] * 3, [(0, 1), (0, 2), (1, 2)]), same(3))
    torch.testing.assert_close(twice(x), 2 * x)
    shuffled = CellModule(Cell(["skip_connect"] * 3, [(1, 2), (0, 2), (0, 1)]), same(3))
    torch.testing.assert_close(shuffled(x), 2 * x)
    nothing = CellModule(Cell(["none"], [(0, 1)]), same(1))
    assert (nothing(x) == 0).all()
    unreached = CellModule(Cell(["skip_connect"], [(1, 2)]), same(1))
    assert (unreached(x) == 0).all()


def test_links_to_the_output_are_concatenated_and_those_from_an_input_added():
    x, y = torch.randn(2, 2, 3)
    cell = Cell(["skip_connect"] * 2, [(0, 2), (1, 3)], [(2, 4), (3, 4)], n_inputs=2)
    module = CellModule(cell, same(2))
    assert module.width == 6
    torch.testing.assert_close(module(x, y), torch.cat([x, y], dim=1))
    added = Cell(["skip_connect"], [(1, 2)], [(0, 1), (2, 3), (0, 3)])
    torch.testing.assert_close(CellModule(added, same(1))(x), 2 * x)


def test_a_dead_part_of_the_output_is_zero():
    x = torch.randn(2, 3)
    cell = Cell(["none", "skip_connect"], [(0, 1), (0, 2)], [(1, 3), (2, 3)])
    torch.testing.assert_close(CellModule(cell, same(2))(x), torch.cat([0 * x, x], dim=1))
    dead = Cell(["none", "none"], [(0, 1), (0, 2)], [(1, 3), (2, 3)])
    assert CellModule(dead, same(2))(x).tolist() == [[0] * 6] * 2


def test_modules_of_inputs_and_links_are_applied():
    x = torch.randn(2, 3)
    double = nn.Linear(3, 3, bias=False)
    nn.init.eye_(double.weight).data.mul_(2)
    cell = Cell(["skip_connect"], [(1, 2)], [(0, 1)])
    torch.testing.assert_close(CellModule(cell, same(1), inputs=[double], links=[double])(x), 4 * x)


def test_repeats_stand_in_a_row_and_resize_once():
    made = []

    def make(cell_type, slot, name, size):
        made.append((cell_type, slot, name, size))
        return nn.Linear(size.channels_in, size.channels_out)

    sizes = [OperationSize(3, 6, 2), OperationSize(6, 6)]
    cell = Cell(["identity", "mb_conv_3x3_e3"], [(0, 1), (1, 2)])
    module = CellModule(cell, sizes, "chain", repeats=2, make_operation=make)
    assert made == [
        ("chain", 0, "identity", (3, 6, 2)),
        ("chain", 0, "identity", (6, 6, 1)),
        ("chain", 1, "mb_conv_3x3_e3", (6, 6, 1)),
        ("chain", 1, "mb_conv_3x3_e3", (6, 6, 1)),
    ]
    assert module(torch.randn(5, 3)).shape == (5, 6)
    assert module.width == 6


def test_a_replaced_module_is_used():
    module = CellModule(Cell(["skip_connect"], [(0, 1)]), same(1))
    module.operations[0] = nn.Linear(3, 7)
    assert module(torch.randn(2, 3)).shape == (2, 7)


@pytest.mark.parametrize("training", [True, False])
def test_drop_path_drops_whole_samples_and_keeps_the_mean(training):
    torch.manual_seed(0)
    cell = Cell(["nor_conv_1x1", "skip_connect"], [(0, 1), (0, 2)], [(1, 3), (2, 3)])
    module = CellModule(cell, same(2, 1), drop_path=0.25).train(training)
    plain = CellModule(cell, same(2, 1)).train(training)
    plain.load_state_dict(module.state_dict())
    x = torch.rand(4000, 1, 2, 2)
    convolved, skipped = module(x).split(1, dim=1)
    expected, _ = plain(x).split(1, dim=1)
    assert torch.equal(skipped, x), "identities are never dropped"
    dropped = (convolved == 0).flatten(1).all(1)
    assert float(dropped.float().mean()) == pytest.approx(0.25 if training else 0.0, abs=0.03)
    torch.testing.assert_close(convolved[~dropped], expected[~dropped] / (0.75 if training else 1))
