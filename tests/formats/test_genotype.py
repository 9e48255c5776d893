import csv
import gzip
import os
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from skopdist.formats import read_genotype, write_genotype
from skopdist.networks import Network
from skopdist.spaces import DARTSSpace, MacroSpace

DATA = os.environ.get("SKOPDIST_DATA")
SPACE = DARTSSpace()
GOOD = (
    "Genotype(normal=[('sep_conv_3x3', 0), ('skip_connect', 1), ('max_pool_3x3', 2), ('dil_conv_5x5', 0)], "
    "normal_concat=range(2, 4), "
    "reduce=[('avg_pool_3x3', 1), ('avg_pool_3x3', 0), ('sep_conv_5x5', 1), ('dil_conv_3x3', 2)], "
    "reduce_concat=[2, 3])"
)


@given(st.integers(1, 40), st.integers(0, 2**32))
def test_what_is_written_is_read(length, seed):
    architecture = SPACE.sample(SPACE.uniform(), length, seed)
    assert read_genotype(write_genotype(architecture)) == architecture


def test_a_genotype():
    architecture = read_genotype(GOOD)
    assert architecture.cell("normal").operations == ("sep_conv_3x3", "skip_connect", "dil_conv_5x5", "max_pool_3x3")
    assert architecture.cell("normal").edges == ((0, 2), (1, 2), (0, 3), (2, 3))
    assert SPACE.is_wiring(architecture.cell("reduce").edges, 4)
    assert "reduce=[('avg_pool_3x3', 0), ('avg_pool_3x3', 1)" in write_genotype(architecture)


def test_other_ways_to_write_it():
    expected = read_genotype(GOOD)
    grouped = re.sub(r"(\('\w+', \d\), \('\w+', \d\))", r"[\1]", GOOD)
    positional = re.sub(r"\b(normal|reduce)(_concat)?=", "", GOOD)
    assert grouped != GOOD != positional
    for text in (grouped, positional, f"GENOTYPE = {GOOD}", f"\n  genotypes.{GOOD}\n"):
        assert read_genotype(text) == expected, text


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("'max_pool_3x3'", "'max_pool_9x9'", "Pair 1 of node 3 of the cell 'normal': Unknown operation 'max_pool_9x9'"),
        ("'max_pool_3x3'", "'conv_3'", "Pair 1 of node 3 of the cell 'normal': the operation 'conv_3' is not one for"),
        ("'max_pool_3x3'", "7", "Pair 1 of node 3 of the cell 'normal': expected the name of an operation, got 7"),
        ("('max_pool_3x3', 2)", "('max_pool_3x3', 3)", "must be an earlier node, one of 0 to 2, got 3"),
        ("('max_pool_3x3', 2)", "('max_pool_3x3', -1)", "must be an earlier node, one of 0 to 2, got -1"),
        (
            "('max_pool_3x3', 2)",
            "('max_pool_3x3', 0)",
            "Pair 2 of node 3 .*'normal': the source 0 is that of the other",
        ),
        ("('max_pool_3x3', 2)", "('max_pool_3x3',)", "Pair 1 of node 3 .* expected .operation, source., got"),
        ("range(2, 4)", "range(2, 5)", "normal_concat names the node 4, but the cell has the nodes .2, 3."),
        ("[2, 3]", "[3]", "reduce_concat lacks the node 2"),
        ("[2, 3]", "2", "reduce_concat must be a list of nodes, got 2"),
        ("[2, 3]", "open('file')", "The field 'reduce_concat' .* must be a list or a range of literals; got open"),
        (", reduce_concat=[2, 3]", "", "'reduce_concat' is missing"),
        ("reduce_concat", "output", "got one named 'output'"),
        ("Genotype(", "(", "Expected a genotype such as"),
        ("Genotype(", "Genotype(]", "this cannot be parsed"),
    ],
)
def test_malformed_genotypes(old, new, message):
    assert old in GOOD
    with pytest.raises(ValueError, match=message):
        read_genotype(GOOD.replace(old, new, 1))


@pytest.mark.parametrize("genes", ["[]", "'sep_conv_3x3'", "[[('sep_conv_3x3', 0)], [('sep_conv_3x3', 0)]]"])
def test_malformed_cells(genes):
    text = re.sub(r"normal=\[.*?\], normal", f"normal={genes}, normal", GOOD)
    with pytest.raises(ValueError, match=r"the cell 'normal' must|The cell 'normal' must"):
        read_genotype(text)
    with pytest.raises(ValueError, match=r"cannot be parsed"):
        read_genotype("")


def test_writes_no_other_architectures():
    chain = MacroSpace().sample(MacroSpace().uniform(), 3, 0)
    with pytest.raises(ValueError, match=r"A genotype is for architectures of DARTSSpace, .* got the layout 'chain'"):
        write_genotype(chain)


@pytest.mark.data
@pytest.mark.skipif(not DATA, reason="SKOPDIST_DATA is not set")
def test_measured_genotypes():
    folder = Path(DATA) / "nas"
    with np.load(folder / "darts_random214_c10.npz") as file:
        for text in file["genotype"]:
            assert read_genotype(write_genotype(read_genotype(text))) == read_genotype(text)
    with gzip.open(folder / "darts_oncenas545_c10.csv.gz", "rt") as file:
        rows = list(csv.DictReader(file))
    counts = {}
    for row in rows[::40]:
        with torch.device("meta"):
            network = Network(read_genotype(row["architecture"]), (3, 32, 32), 10, channels=36, n_cells=20)
        counts[row["weights_index"]] = sum(p.numel() for p in network.parameters())
    # Their parameters were counted in the same network.
    assert counts == {row["weights_index"]: round(float(row["params"]) * 1e6) for row in rows[::40]}
