import csv
import gzip
import os
from pathlib import Path

import pytest
import torch

from skopdist.formats import known_architectures, write_genotype, write_nasbench201
from skopdist.networks import Network
from skopdist.spaces import DARTSSpace, NASBench201Space

DATA = os.environ.get("SKOPDIST_DATA")
KNOWN = known_architectures()


@pytest.mark.parametrize("name", KNOWN)
def test_parameters(name):
    row = KNOWN[name]
    with torch.device("meta"):
        network = Network(row.architecture, (3, 32, 32), 10, channels=row.channels, n_cells=row.n_cells)
    assert sum(p.numel() for p in network.parameters()) == row.n_params


def test_parameters_as_published():
    assert KNOWN["darts_v2"].n_params == pytest.approx(3.3e6, abs=0.05e6)
    assert KNOWN["drnas_cifar10"].n_params == pytest.approx(4.1e6, abs=0.05e6)


def test_they_belong_to_their_spaces():
    for name, row in KNOWN.items():
        space = NASBench201Space() if name.startswith("nasbench201") else DARTSSpace()
        space.encode(row.architecture)
        assert (write_nasbench201 if space.layout == "stack" else write_genotype)(row.architecture)
        assert row.source
        with pytest.raises(TypeError):
            row.accuracies["CIFAR-10"] = 100.0


@pytest.mark.data
@pytest.mark.skipif(not DATA, reason="SKOPDIST_DATA is not set")
def test_best_cells_of_nas_bench_201():
    with gzip.open(Path(DATA) / "nas" / "nb201_master.csv.gz", "rt") as file:
        rows = list(csv.DictReader(file))
    columns = {"CIFAR-10": "c10_test_200", "CIFAR-100": "c100_test_200", "ImageNet16-120": "in16_test_200"}
    for name, known in KNOWN.items():
        if not name.startswith("nasbench201"):
            continue
        row = next(row for row in rows if row["arch_str"] == write_nasbench201(known.architecture))
        for data_set, accuracy in known.accuracies.items():
            assert accuracy == pytest.approx(float(row[columns[data_set]]), abs=0.0051)
    for name, data_set in (("cifar10", "CIFAR-10"), ("cifar100", "CIFAR-100"), ("imagenet16", "ImageNet16-120")):
        best = max(rows, key=lambda row: float(row[columns[data_set]]))
        assert write_nasbench201(KNOWN[f"nasbench201_best_{name}"].architecture) == best["arch_str"]
