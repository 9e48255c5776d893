import csv
import gzip
import os
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from skopdist.encodings import HybridEncoding
from skopdist.networks import Network
from skopdist.spaces import MacroSpace
from skopdist.testing import check_space

SPACE = MacroSpace()
DATA = os.environ.get("SKOPDIST_DATA")


def chain(text):
    names = [SPACE.operation_names[int(digit)] for digit in text]
    return SPACE.make_architecture([SPACE.make_cell(names, SPACE.potential_edges(len(names)))])


def n_params(text):
    with torch.device("meta"):
        network = Network(chain(text), (3, 32, 32), 10, channels=32, n_cells=1)
    return sum(p.numel() for p in network.parameters())


def test_contract():
    check_space(SPACE)


def test_contract_with_operations_of_other_spaces():
    check_space(MacroSpace(["none", "skip_connect", "nor_conv_3x3", "avg_pool_3x3", "sep_conv_3x3"]), [1, 2, 3, 8])


def test_the_wiring_is_a_chain():
    assert SPACE.potential_edges(3) == ((0, 1), (1, 2), (2, 3))
    assert not SPACE.is_wiring([(0, 1), (1, 2)], 3)


def test_layers_form_three_stages():
    network = Network(chain("11111111"), (3, 32, 32), 10, channels=32, n_cells=1)
    x = network.stem(torch.randn(1, 3, 32, 32))
    shapes = []
    for layer in network.cells[0].operations:
        x = layer(x)
        shapes.append((x.shape[1], x.shape[2]))
    assert shapes == [(64, 16)] * 2 + [(128, 8)] * 3 + [(256, 4)] * 3
    assert network.head(x).shape[1] == 1280


def test_each_layer_can_be_repeated():
    network = Network(chain("102"), (1, 9, 7), 3, channels=4, n_cells=3)
    assert [len(layer) for layer in network.cells[0].operations] == [3, 3, 3]
    assert network(torch.randn(2, 1, 9, 7)).shape == (2, 3)


def test_an_identity_is_none_where_the_network_strides():
    encoding = HybridEncoding().bind(SPACE)

    def keys(*texts):
        return encoding.keys(np.array([encoding.encode(chain(text)) for text in texts]))

    # Slots 0, 2 and 5 stride: an identity there has weights of its own.
    first, second = keys("01111111", "10111111")
    assert first != second
    first, second, third = keys("11101111", "11110111", "11011111")
    assert first == second != third


def test_parameters_of_some_chains_of_nas_bench_macro():
    # Rows of the published table.
    assert n_params("00000000") == 387_882
    assert n_params("00000001") == 791_594
    assert n_params("00000002") == 1_219_370


def test_multiplications_of_some_chains_of_nas_bench_macro():
    # Rows of the published table; torch counts a multiplication and an addition as two.
    for text, published in (("00000000", 7_713_280), ("00000001", 14_115_328)):
        with torch.device("meta"):
            network = Network(chain(text), (3, 32, 32), 10, channels=32, n_cells=1)
            x = torch.empty(1, 3, 32, 32)
        with FlopCounterMode(display=False) as counter:
            network(x)
        assert counter.get_total_flops() == 2 * published


def test_chains_are_one_function_if_their_identities_sit_elsewhere_in_a_stage():
    encoding = HybridEncoding().bind(SPACE)
    keys = dict.fromkeys(["11000000", "10010000", "11100000", "12100000", "10100000"])
    for text in keys:
        (keys[text],) = encoding.keys([encoding.encode(chain(text))])
    # Layers 0, 2 and 5 stride, and layer 1 is the only other one of the first stage.
    assert len(set(keys.values())) == len(keys)
    moved = [encoding.keys([encoding.encode(chain(text))])[0] for text in ("00010000", "00001000", "01000000")]
    assert moved[0] == moved[1] != moved[2]


@pytest.mark.data
@pytest.mark.skipif(not DATA, reason="SKOPDIST_DATA is not set")
def test_equal_keys_have_equal_costs_in_nas_bench_macro():
    encoding, costs = HybridEncoding().bind(SPACE), {}
    with gzip.open(Path(DATA) / "nas" / "nas_bench_macro_c10.csv.gz", "rt") as file:
        rows = list(csv.DictReader(file))
    keys = encoding.keys([encoding.encode(chain(row["arch"])) for row in rows])
    for key, row in zip(keys, rows, strict=True):
        costs.setdefault(key, set()).add((row["params"], row["flops"]))
    # Three layers that stride, and one, two and two others behind them, of whose identities nobody sees the place.
    assert len(costs) == 3**3 * 3 * 7 * 7
    assert all(len(found) == 1 for found in costs.values())


@pytest.mark.data
@pytest.mark.skipif(not DATA, reason="SKOPDIST_DATA is not set")
def test_parameters_of_all_chains_of_nas_bench_macro():
    with gzip.open(Path(DATA) / "nas" / "nas_bench_macro_c10.csv.gz", "rt") as file:
        published = {row["arch"]: int(row["params"]) for row in csv.DictReader(file)}
    assert len(published) == 3**8
    # Slots are independent of each other, which the random chains below confirm.
    base = n_params("0" * 8)
    more = [[n_params("0" * slot + digit + "0" * (7 - slot)) - base for digit in "012"] for slot in range(8)]
    for text, count in published.items():
        assert base + sum(more[slot][int(digit)] for slot, digit in enumerate(text)) == count, text
    rng = np.random.default_rng(0)
    for text in rng.choice(list(published), 50, replace=False):
        assert n_params(text) == published[text], text


def test_references():
    assert SPACE.reference_architectures() == tuple(chain(text) for text in ("22212220", "22222222", "11111111"))
    assert SPACE.reference_architectures(3) == (chain("222"), chain("111"))


@pytest.mark.data
@pytest.mark.skipif(not DATA, reason="SKOPDIST_DATA is not set")
def test_the_first_reference_is_the_best_chain_of_nas_bench_macro():
    with gzip.open(Path(DATA) / "nas" / "nas_bench_macro_c10.csv.gz", "rt") as file:
        accuracies = {row["arch"]: float(row["mean_acc"]) for row in csv.DictReader(file)}
    assert accuracies["22212220"] == max(accuracies.values())
    ranks = [sum(other > accuracies[text] for other in accuracies.values()) for text in ("22222222", "11111111")]
    assert ranks == [20, 1469]
