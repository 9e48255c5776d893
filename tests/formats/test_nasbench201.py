import csv
import gzip
import os
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from skopdist.formats import read_nasbench201, write_nasbench201
from skopdist.networks import Network
from skopdist.spaces import DARTSSpace, NASBench201Space

DATA = os.environ.get("SKOPDIST_DATA")
SPACE = NASBench201Space()


@given(st.integers(1, 40), st.integers(0, 2**32))
def test_what_is_written_is_read(length, seed):
    architecture = SPACE.sample(SPACE.uniform(), length, seed)
    assert read_nasbench201(write_nasbench201(architecture)) == architecture


def test_a_cell():
    text = "|nor_conv_3x3~0|+|none~0|skip_connect~1|+|avg_pool_3x3~0|none~1|nor_conv_1x1~2|"
    cell = read_nasbench201(text).cells[0]
    assert cell.edges == SPACE.potential_edges(6)
    assert cell.operations == ("nor_conv_3x3", "none", "skip_connect", "avg_pool_3x3", "none", "nor_conv_1x1")
    shuffled = "|nor_conv_3x3~0|+|skip_connect~1|none~0|+|nor_conv_1x1~2|none~1|avg_pool_3x3~0|"
    assert write_nasbench201(read_nasbench201(shuffled)) == text


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", r"Node 1: expected edges between bars, got ''"),
        ("|none~0|+none~0|none~1|", r"Node 2: expected edges between bars, got 'none~0.none~1.'"),
        ("|none~0|+|none~0|telepathy~1|", r"Edge 'telepathy~1' into node 2: Unknown operation 'telepathy'"),
        ("|none~0|+|none~0|none~2|", r"Edge 'none~2' into node 2: the source must be an earlier node, one of 0 to 1"),
        ("|none~0|+|none~0|none~0|", r"Edge 'none~0' into node 2: there is another edge from node 0"),
        ("|none~0|+|none~0|none|", r"Edge 'none' into node 2: expected operation~source"),
        ("|none~0|+|none~0|none~x|", r"Edge 'none~x' into node 2: expected operation~source"),
        ("|none~0|+|none~0|", r"Node 2 lacks an edge from node 1"),
        ("|none~0|+|none~1|+|none~2|", r"A cell of 3 edges has 3 nodes, the input included, but .* has 4; write"),
    ],
)
def test_malformed_cells(text, message):
    with pytest.raises(ValueError, match=message):
        read_nasbench201(text)


def test_writes_no_other_architectures():
    with pytest.raises(ValueError, match=r"A string of NAS-Bench-201 is for architectures of NASBench201Space"):
        write_nasbench201(DARTSSpace().sample(DARTSSpace().uniform(), 8, 0))


def n_params(text, n_classes):
    with torch.device("meta"):
        network = Network(read_nasbench201(text), (3, 32, 32), n_classes, channels=16, n_cells=15)
    return sum(p.numel() for p in network.parameters())


@pytest.mark.data
@pytest.mark.skipif(not DATA, reason="SKOPDIST_DATA is not set")
def test_parameters_of_all_cells():
    with gzip.open(Path(DATA) / "nas" / "nb201_master.csv.gz", "rt") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 5**6
    names = SPACE.operation_names
    everywhere = {name: write_nasbench201(_everywhere(name)) for name in names}
    for column, n_classes in (("params_c10", 10), ("params_c100", 100), ("params_in16", 120)):
        # The slots are alike, so an operation costs a sixth of what six of it cost; the random cells below confirm it.
        base = n_params(everywhere["none"], n_classes)
        more = [(n_params(everywhere[name], n_classes) - base) // 6 for name in names]
        codes = np.array([[int(row[slot]) for slot in ("e01", "e02", "e12", "e03", "e13", "e23")] for row in rows])
        counts = base + np.array(more)[codes].sum(axis=1)
        assert counts.tolist() == [int(row[column]) for row in rows]
        for i in np.random.default_rng(0).choice(len(rows), 10, replace=False):
            assert n_params(rows[i]["arch_str"], n_classes) == int(rows[i][column])


@pytest.mark.data
@pytest.mark.skipif(not DATA, reason="SKOPDIST_DATA is not set")
def test_strings_of_all_cells():
    with gzip.open(Path(DATA) / "nas" / "nb201_master.csv.gz", "rt") as file:
        for row in csv.DictReader(file):
            architecture = read_nasbench201(row["arch_str"])
            codes = [int(row[slot]) for slot in ("e01", "e02", "e12", "e03", "e13", "e23")]
            assert architecture.operations == tuple(SPACE.operation_names[code] for code in codes)
            assert write_nasbench201(architecture) == row["arch_str"]


def _everywhere(name):
    edges = SPACE.potential_edges(6)
    return SPACE.make_architecture([SPACE.make_cell([name] * 6, edges)])
