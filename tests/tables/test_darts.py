import csv
import os

import numpy as np
import pytest

from skopdist.encodings import AdjacencyEncoding, DistributionEncoding
from skopdist.spaces import DARTSSpace
from skopdist.tables import load_darts_random, load_oncenas

SPACE = DARTSSpace()
needs_data = pytest.mark.skipif("SKOPDIST_DATA" not in os.environ, reason="SKOPDIST_DATA is not set")


def cell_text(cell, pairs):
    slots = [f"('{name}', {source})" for name, (source, _) in zip(cell.operations, cell.edges, strict=True)]
    if pairs:
        slots = [f"[{first}, {second}]" for first, second in zip(slots[::2], slots[1::2], strict=True)]
    return f"[{', '.join(slots)}]"


def genotype(architecture, pairs=False):
    """The text of the literature, in one of its two forms."""
    normal, reduce = (cell_text(architecture.cell(kind), pairs) for kind in ("normal", "reduce"))
    concat = f"range(2, {architecture.cells[0].n_nodes - 1})"
    return f"Genotype(normal={normal}, normal_concat={concat}, reduce={reduce}, reduce_concat={concat})"


ARCHITECTURES = [SPACE.sample(SPACE.uniform(), random_state=i) for i in range(5)]


def test_random_sample(tmp_path):
    texts = [f"GENOTYPE={genotype(architecture, pairs=True)}" for architecture in ARCHITECTURES]
    np.savez(tmp_path / "sample.npz", genotype=texts, acc=[96.0, 97.0, 97.5, 96.5, 95.0])
    evaluator = load_darts_random(tmp_path / "sample.npz")
    assert list(evaluator.scores) == ARCHITECTURES
    trial = evaluator.evaluate(ARCHITECTURES[2])
    assert (trial.score, trial.cost, trial.info) == (97.5, 600, {"test_score": 97.5})
    assert evaluator.optimum == 97.5
    assert evaluator.evaluate(SPACE.sample(SPACE.uniform(), random_state=9)).status == "failed"


def write_oncenas(path, texts):
    with path.open("w", newline="") as file:
        rows = [[text, 70 + i, 90 + i, 3.5] for i, text in enumerate(texts)]
        csv.writer(file).writerows([["architecture", "valid_acc10", "valid_acc50", "params"], *rows])
    return path


def test_oncenas(tmp_path):
    texts = [genotype(architecture) for architecture in ARCHITECTURES]
    texts[1] = texts[1].replace(ARCHITECTURES[1].operations[0], "none")
    path = write_oncenas(tmp_path / "sample.csv", texts)
    for epochs, first in ((10, 70), (50, 90)):
        evaluator = load_oncenas(path, epochs=epochs)
        trial = evaluator.evaluate(ARCHITECTURES[2])
        assert (trial.score, trial.cost) == (first + 2, epochs)
        assert trial.info == {"test_score": 92.0, "n_parameters": 3.5e6}
    assert "none" in list(evaluator.scores)[1].operations
    with pytest.raises(ValueError, match="epochs must be one of"):
        load_oncenas(path, epochs=600)


def test_an_architecture_that_was_trained_twice_has_the_mean(tmp_path):
    text = genotype(ARCHITECTURES[0])
    name, other = ARCHITECTURES[0].cells[0].operations[:2]
    swapped = text.replace(f"('{name}', 0), ('{other}', 1)", f"('{other}', 1), ('{name}', 0)", 1)
    assert swapped != text
    evaluator = load_oncenas(write_oncenas(tmp_path / "sample.csv", [text, swapped]))
    assert evaluator.scores == {ARCHITECTURES[0]: 90.5}
    with pytest.raises(ValueError, match=r"line 3: repeats the architecture .* of .*line 2"):
        load_oncenas(write_oncenas(tmp_path / "sample.csv", [text, text]))


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (
            lambda text: text.replace("sep_conv_3x3", "conv_77"),
            "entry 0: Pair . of node . of the cell '.*': Unknown operation 'conv_77'",
        ),
        (lambda text: text.replace("', 1)", "', 0)"), "entry 0: .*they must be different nodes"),
        (lambda text: text.split(", reduce=")[0] + ")", "entry 0: .*'reduce' is missing"),
        (lambda text: "nonsense", "entry 0: Expected a genotype such as"),
        (lambda text: text.replace("sep_conv_3x3", "none"), "entry 0: DARTSSpace expects the operations"),
        (
            lambda text: genotype(SPACE.sample(SPACE.uniform(), length=4, random_state=0)),
            "entry 0: .* has 4 operations, not 8",
        ),
    ],
)
def test_refuses_what_is_no_genotype(tmp_path, change, reason):
    np.savez(tmp_path / "sample.npz", genotype=[change(genotype(ARCHITECTURES[0]))], acc=[96.0])
    with pytest.raises(ValueError, match=reason):
        load_darts_random(tmp_path / "sample.npz")


def test_refuses_incomplete_files(tmp_path):
    texts = [genotype(architecture) for architecture in ARCHITECTURES]
    np.savez(tmp_path / "a.npz", genotype=texts)
    with pytest.raises(ValueError, match="has no array 'acc'"):
        load_darts_random(tmp_path / "a.npz")
    np.savez(tmp_path / "b.npz", genotype=texts, acc=[1.0])
    with pytest.raises(ValueError, match="5 genotypes and 1 accuracies"):
        load_darts_random(tmp_path / "b.npz")
    np.savez(tmp_path / "c.npz", genotype=texts, acc=[1.0, 2.0, np.nan, 4.0, 5.0])
    with pytest.raises(ValueError, match="entry 2: acc is missing or NaN"):
        load_darts_random(tmp_path / "c.npz")
    assert len(load_darts_random(tmp_path / "c.npz", on_missing="nan").scores) == 4


@pytest.mark.data
@needs_data
@pytest.mark.parametrize(("load", "n", "best"), [(load_darts_random, 214, 97.56), (load_oncenas, 526, 94.37)])
def test_the_real_samples(load, n, best):
    evaluator = load()
    assert len(evaluator.scores) == n
    assert round(evaluator.optimum, 2) == best
    for encoding in (AdjacencyEncoding, DistributionEncoding):
        bound = encoding().bind(evaluator.search_space)
        assert bound.encode(next(iter(evaluator.scores))).shape == (bound.n_dims,)
