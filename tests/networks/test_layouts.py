import pytest
import torch

from skopdist import Architecture, Cell
from skopdist._strides import slot_strides, stage_starts
from skopdist.networks import Network
from skopdist.networks._cells import CellPlan
from skopdist.networks._layouts import plan_network, series_stride
from skopdist.operations import SeriesConv, register_operation
from skopdist.spaces import DARTSSpace, DenseSpace, MacroSpace, NASBench101Space, NASBench201Space, SequenceSpace

SPACES = [NASBench201Space(), NASBench101Space(), DARTSSpace(), MacroSpace()]


def sides(space, n_cells, side=33):
    """The sides of the image and the widths behind each layer."""
    network = Network(space.sample(space.uniform(), random_state=0), (1, side, side), 2, channels=8, n_cells=n_cells)
    seen = []
    for layer in network.cells:
        layer.register_forward_hook(lambda module, given, result: seen.append((result.shape[2], result.shape[1])))
    network.eval()(torch.randn(1, 1, side, side))
    return seen


def test_images_are_halved_at_one_and_two_thirds():
    assert sides(NASBench201Space(), 3) == [(33, 8), (17, 16), (17, 16), (9, 32), (9, 32)]
    assert sides(NASBench101Space(), 3) == [(33, 8), (17, 8), (17, 16), (9, 16), (9, 32)]
    assert sides(DARTSSpace(), 3) == [(33, 32), (17, 64), (9, 128)]
    assert sides(MacroSpace(), 1) == [(5, 64)]
    assert sides(DARTSSpace(), 1) == [(33, 32)], "a single cell is a normal one"


@pytest.mark.parametrize(
    ("n_cells", "expected"), [(1, [8]), (2, [8, 12]), (3, [8, 12, 16]), (6, [8, 8, 12, 12, 16, 16])]
)
def test_series_are_halved_and_a_cell_costs_about_the_same_at_each_stage(n_cells, expected):
    space = SequenceSpace()
    architecture = space.make_architecture([Cell(["conv_5"], [(0, 1)]), space.make_stem("conv_9_stem")])
    _, layers, _, _ = plan_network(architecture, (1, 48), 2, 8, n_cells)
    cells = [layer for layer in layers if isinstance(layer, CellPlan)]
    assert [cell.width for cell in cells] == expected
    n_positions = [48 >> sorted(set(expected)).index(width) for width in expected]
    costs = [n * width**2 for n, width in zip(n_positions, expected, strict=True)]
    assert max(costs) <= 9 / 8 * min(costs)


@pytest.mark.parametrize("space", SPACES, ids=str)
def test_large_images_are_strided_down_by_the_stem(space):
    network = Network(space.sample(space.uniform(), 2, 0), (1, 300, 2), 2, channels=4, n_cells=1)
    assert max(network.stem(torch.randn(1, 1, 300, 2)).shape[2:]) <= 64


def test_unknown_layouts():
    architecture = Architecture([Cell(["skip_connect"], [(0, 1)])], layout="spiral")
    with pytest.raises(
        ValueError, match=r"Unknown layout 'spiral' of an architecture; expected one of \['chain', .*'st"
    ):
        Network(architecture, (4,), 2)


@pytest.mark.parametrize("space", [*SPACES, SequenceSpace(), DenseSpace()], ids=str)
@pytest.mark.parametrize("length", [1, 2, 5, 8, 13])
@pytest.mark.parametrize("n_cells", [1, 4])
def test_slots_change_shapes_just_where_the_rule_for_encodings_says(space, length, n_cells):
    architecture = space.sample(space.uniform(), length, 0)
    shape = (3, 40, 40)[: space.n_spatial + 1]
    _, layers, _, _ = plan_network(architecture, shape, 2, 8, n_cells)
    for plan in layers:
        if isinstance(plan, CellPlan):
            strides = slot_strides(space.layout, plan.cell_type, plan.cell.edges, plan.cell.n_inputs)
            assert [size.stride for size in plan.sizes] == list(strides)
            assert [size.keeps_shape for size in plan.sizes] == [stride == 1 for stride in strides]


def test_stages_start_at_one_and_two_thirds():
    assert [sorted(stage_starts(depth)) for depth in range(1, 7)] == [[], [1], [1, 2], [1, 2], [1, 3], [2, 4]]
    assert slot_strides("chain", "cell", [(i, i + 1) for i in range(8)], 1) == (2, 1, 2, 1, 1, 2, 1, 1)
    assert slot_strides("darts", "reduce", [(0, 2), (1, 2), (0, 3), (2, 3)], 2) == (2, 2, 2, 1)
    assert slot_strides("darts", "normal", [(0, 2), (1, 2)], 2) == (1, 1)


# Operations that see every position themselves, so that only the stem could skip one.
SEEING = [
    NASBench201Space(["nor_conv_3x3"]),
    NASBench101Space(["conv3x3-bn-relu"]),
    DARTSSpace(["sep_conv_3x3"]),
    MacroSpace(["mb_conv_3x3_e3"]),
]
LARGE = [(space, shape) for space in SEEING for shape in [(1, 224, 224), (3, 65, 40), (1, 192, 2), (1, 129, 300)]]
LARGE += [(SequenceSpace(["conv_9"]), shape) for shape in [(1, 20_000), (2, 513), (1, 1536), (1, 1537)]]


@pytest.mark.parametrize(("space", "shape"), LARGE, ids=str)
def test_every_position_of_the_input_counts(space, shape):
    torch.manual_seed(0)
    network = Network(space.sample(space.uniform(), 3, 0), shape, 3, channels=8, n_cells=2)
    x = torch.randn(2, *shape, requires_grad=True)
    network(x)[:, 0].sum().backward()
    assert (x.grad != 0).any(dim=1).all(), "a position has no gradient"


@pytest.mark.parametrize("length", [1, 8, 64, 65, 512, 513, 720, 1250, 20_000])
def test_cells_work_on_half_of_64_to_64_positions_of_a_long_series(length):
    stride = series_stride(length)
    positions = -(-length // stride)
    assert positions <= 64
    assert positions >= min(length, 32)
    assert stride <= 8 or stride % 4 == 0


def test_channels_of_series_stay_innermost():
    space = SequenceSpace()
    network = Network(space.reference_architectures()[0], (2, 200), 3, channels=8, n_cells=3)
    seen = []
    for layer in [network.stem, *network.cells, network.head]:
        layer.register_forward_hook(lambda module, given, result: seen.append(result.stride(1)))
    network(torch.randn(4, 2, 200))
    assert seen == [1] * len(seen), "a copy is made"


@pytest.mark.parametrize("space", SEEING, ids=str)
def test_stems_of_small_images_are_those_of_the_literature(space):
    architecture = space.sample(space.uniform(), 3, 0)
    for side, stride in [(1, 1), (64, 1), (65, 2), (128, 2)]:
        conv = Network(architecture, (1, side, side), 3, channels=8, n_cells=1).stem[0]
        assert (conv.kernel_size, conv.stride, conv.padding) == ((3, 3), (stride, stride), (1, 1))


def test_cells_of_an_own_operation_need_no_layout_of_their_own():
    @register_operation("test_negative")
    def negative(channels):
        return torch.nn.Threshold(0, 0)

    space = DenseSpace(["test_negative"])
    assert Network(space.sample(space.uniform(), 3, 0), (4,), 2)(torch.randn(2, 4)).shape == (2, 2)


def test_behind_a_stem_that_summarizes_nothing_is_halved():
    space = SequenceSpace(operations=("conv_5", "sep_conv_19"), stems=("minirocket_stem",))
    network = Network(space.sample(space.uniform(), 6, 0), (2, 50), 3, channels=8, n_cells=6)
    assert [type(layer).__name__ for layer in network.cells] == ["CellModule"] * 2, "the first third, and no reductions"
    kernels = {module.kernel_size for module in network.cells.modules() if isinstance(module, SeriesConv)}
    assert kernels == {(1, 1)}
    assert network(torch.randn(4, 2, 50)).shape == (4, 3)
