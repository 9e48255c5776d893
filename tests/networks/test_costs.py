import csv
import gzip
import os
import pickle
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from skopdist import Architecture, Cell, OperationDistribution
from skopdist.networks import Network, NetworkCosts
from skopdist.operations import is_zero
from skopdist.spaces import DARTSSpace, DenseSpace, MacroSpace, NASBench101Space, NASBench201Space, SequenceSpace

SHAPES = {
    NASBench201Space: (3, 9, 8),
    DARTSSpace: (1, 8, 8),
    NASBench101Space: (2, 9, 5),
    MacroSpace: (3, 8, 9),
    SequenceSpace: (2, 20),
    DenseSpace: (7,),
}


@pytest.mark.parametrize("space", [space() for space in SHAPES], ids=lambda s: type(s).__name__)
@pytest.mark.parametrize(("length", "n_cells"), [(1, 2), (5, 3), (8, 1)])
def test_parts_add_up_to_the_network(space, length, n_cells, untouched_generators):
    shape = SHAPES[type(space)]
    costs = NetworkCosts(shape, 3, channels=4, n_cells=n_cells)
    rng = np.random.default_rng(0)
    # All slots on paths, for torch counts what is computed.
    passing = space.allowed * [not is_zero(name) for name in space.operation_names]
    rows = OperationDistribution.from_counts(space.operation_names, passing, space.cell_types)
    architecture = space.sample(rows, length, rng)
    with torch.random.fork_rng():
        network = Network(architecture, shape, 3, channels=4, n_cells=n_cells).eval()
    assert costs.n_parameters(architecture) == sum(weight.numel() for weight in network.parameters())
    with FlopCounterMode(display=False) as counter:
        network(torch.zeros(1, *shape))
    live = all(len(cell.live_slots(is_zero)) == len(cell.operations) for cell in architecture.cells)
    counted = 2 * costs.flops(architecture)
    assert counted == counter.get_total_flops() if live else counted >= counter.get_total_flops()


@pytest.mark.parametrize(
    ("space", "shape"),
    [
        (NASBench201Space(["nor_conv_3x3"]), (1, 130, 67)),
        (DARTSSpace(["sep_conv_3x3"]), (3, 65, 66)),
        (NASBench101Space(["conv3x3-bn-relu"]), (1, 131, 9)),
        (MacroSpace(["mb_conv_3x3_e3"]), (1, 67, 129)),
        (SequenceSpace(["conv_9"]), (2, 1203)),
    ],
    ids=lambda value: type(value).__name__,
)
def test_sizes_are_followed_through_stems_that_stride(space, shape):
    architecture = space.sample(space.uniform(), 3, 0)
    network = Network(architecture, shape, 3, channels=4, n_cells=3).eval()
    with FlopCounterMode(display=False) as counter:
        network(torch.zeros(1, *shape))
    assert 2 * NetworkCosts(shape, 3, channels=4, n_cells=3).flops(architecture) == counter.get_total_flops()


@pytest.mark.parametrize(
    "cell",
    [
        Cell(["nor_conv_3x3"] * 3, [(0, 1), (0, 2), (1, 3)]),
        Cell(["nor_conv_3x3"], [(1, 2)]),
        Cell(["nor_conv_3x3"], [(0, 1)], [(1, 2), (0, 2)]),
    ],
    ids=["a dead end", "no path", "an input that is added to what is concatenated"],
)
def test_cells_that_no_space_has(cell):
    architecture = Architecture([cell])
    network = Network(architecture, (3, 8, 8), 3, channels=4, n_cells=1).eval()
    costs = NetworkCosts((3, 8, 8), 3, channels=4, n_cells=1)
    assert costs.n_parameters(architecture) == sum(weight.numel() for weight in network.parameters())
    with FlopCounterMode(display=False) as counter:
        network(torch.zeros(1, 3, 8, 8))
    if cell.live_slots(is_zero):
        assert 2 * costs.flops(architecture) == counter.get_total_flops()
    assert costs.latency(architecture) > 0


def columns(name):
    folder = os.environ.get("SKOPDIST_DATA")
    if not folder or not (Path(folder) / "nas" / name).exists():
        pytest.skip(f"SKOPDIST_DATA holds no nas/{name}")
    with gzip.open(Path(folder) / "nas" / name, "rt") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize(
    ("task", "side", "n_classes"), [("c10", 32, 10), ("c100", 32, 100), ("in16", 16, 120)], ids=lambda v: str(v)
)
def test_published_columns_of_nasbench201(task, side, n_classes):
    space = NASBench201Space()
    costs = NetworkCosts((3, side, side), n_classes, channels=16, n_cells=15)
    for row in columns("nb201_master.csv.gz")[::50]:
        names = [space.operation_names[int(row[slot])] for slot in ("e01", "e02", "e12", "e03", "e13", "e23")]
        architecture = space.make_architecture([space.make_cell(names, space.potential_edges(6))])
        assert costs.flops(architecture) == pytest.approx(1e6 * float(row[f"flops_M_{task}"]), rel=1e-4)
        assert costs.n_parameters(architecture) == int(row[f"params_{task}"])


def test_published_columns_of_nasbench_macro():
    space = MacroSpace()
    costs = NetworkCosts((3, 32, 32), 10, channels=32, n_cells=1)
    for row in columns("nas_bench_macro_c10.csv.gz")[::50]:
        names = [space.operation_names[int(digit)] for digit in row["arch"]]
        architecture = space.make_architecture([space.make_cell(names, space.potential_edges(8))])
        assert costs.flops(architecture) == int(row["flops"])
        assert costs.n_parameters(architecture) == int(row["params"])


def test_latency_is_measured_once_and_added_up(untouched_generators):
    space = NASBench201Space()
    costs = NetworkCosts((1, 8, 8), 3, channels=4, n_cells=1, device="cpu")

    def latency(*names):
        return costs.latency(space.make_architecture([space.make_cell(names, space.potential_edges(3))]))

    conv, skip = latency(*["nor_conv_3x3"] * 3), latency(*["skip_connect"] * 3)
    assert 0 < skip < conv
    assert latency(*["nor_conv_3x3"] * 3) == conv
    # Edges (0, 1), (0, 2), (1, 2): each convolution takes as long as another one.
    assert latency("skip_connect", "nor_conv_3x3", "skip_connect") == pytest.approx((conv + 2 * skip) / 3)
    # On no path: not computed.
    assert latency("none", "skip_connect", "nor_conv_3x3") == latency("none", "skip_connect", "skip_connect") < skip
    assert pickle.loads(pickle.dumps(costs)).latency(
        space.make_architecture([space.make_cell(["skip_connect"] * 3, space.potential_edges(3))])
    ) == skip  # fmt: skip


def test_limits_are_those_that_are_given():
    costs = NetworkCosts((7,), 3)
    assert costs.limits({}) == costs.limits({"params": None, "flops": None}) == []
    limits = costs.limits({"latency": 0.1, "flops": None, "params": np.int64(1000)})
    assert [(limit.name, limit.maximum) for limit in limits] == [('limits["latency"]', 0.1), ('limits["params"]', 1000)]
    assert limits[1].cost == costs.n_parameters
    with pytest.raises(
        ValueError, match=r"Unknown limits \['size'\]; the known ones are \['params', 'flops', 'latency'\]"
    ):
        costs.limits({"size": 3, "params": 100})


@pytest.mark.parametrize("value", [-1, 0, float("nan"), "10k", True])
@pytest.mark.parametrize("name", ["params", "flops", "latency"])
def test_limits_that_are_no_positive_numbers(name, value):
    with pytest.raises(ValueError, match=rf'limits\["{name}"\] must be a positive number, got {value!r}'):
        NetworkCosts((7,), 3).limits({name: value})


@pytest.mark.parametrize("sizes", [{"channels": 12}, {"n_cells": 2}, {"channels": 4, "n_cells": 1, "lr": 0.1}])
def test_the_size_that_an_architecture_carries_counts(sizes):
    space = NASBench201Space()
    bare = space.sample(space.uniform(), random_state=0)
    costs = NetworkCosts((3, 8, 8), n_classes=3, channels=8, n_cells=4)
    own = {name: value for name, value in sizes.items() if name != "lr"}
    expected = NetworkCosts((3, 8, 8), n_classes=3, **{"channels": 8, "n_cells": 4} | own)
    sized = replace(bare, settings=sizes)
    assert costs.n_parameters(sized) == expected.n_parameters(bare) != costs.n_parameters(bare)
    assert costs.flops(sized) == expected.flops(bare)
