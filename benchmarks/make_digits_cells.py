#!/usr/bin/env python3
"""Makes the table of ``skopdist.tables.load_digits_cells``: every cell of a small space, trained on digits.

    python benchmarks/make_digits_cells.py [--seeds 2] [--progress FILE] [--output FILE]

The cells of NAS-Bench-201's wiring with three operations on six edges are 729. Those that compute the same function (a
skip connection makes a path shorter, and the order of a sum does not matter) are trained as one. 600 images are for
testing; the other 1,197 are halved into those that train and those that validate. Each training is a line of the
progress file, and those that are there already are not run again; seeds come one after another, so that an interrupted
run has all cells with fewer seeds. A cell with no path from input to output is scored as a constant prediction, with no
cost and no parameters.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import io
import itertools
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from _common import Rows
from numpy.typing import NDArray
from sklearn.datasets import load_digits
from sklearn.metrics import accuracy_score
from sklearn.model_selection import train_test_split

from skopdist import Architecture
from skopdist.encodings import AdjacencyEncoding
from skopdist.evaluators import TrainingEvaluator
from skopdist.spaces import NASBench201Space
from skopdist.training import Training

OPERATIONS = ("skip_connect", "nor_conv_3x3", "avg_pool_3x3")
# Small and short enough that the best cells are still far from the 99 % which longer training reaches.
CHANNELS, EPOCHS, SEEDS = 8, 15, 2
LENGTH = 6
Operations = tuple[str, ...]


class TwoScores:
    """A scorer of the validation accuracy that notes the test accuracy of the same net."""

    def __init__(self, X: NDArray[Any], y: NDArray[Any]) -> None:
        self.X, self.y = X, y
        self.test = float("nan")

    def __call__(self, estimator: Any, X: NDArray[Any], y: NDArray[Any]) -> float:
        self.test = float(accuracy_score(self.y, estimator.predict(self.X)))
        return float(accuracy_score(y, estimator.predict(X)))


def representatives(space: NASBench201Space) -> dict[Operations, Operations]:
    """Give, for every cell, the first one that computes the same function."""
    encoding = AdjacencyEncoding().bind(space, LENGTH)
    edges = space.potential_edges(LENGTH)
    cells = list(itertools.product(space.operation_names, repeat=LENGTH))
    points = np.array([encoding.encode(space.make_architecture([space.make_cell(cell, edges)])) for cell in cells])
    first: dict[bytes, Operations] = {}
    return {cell: first.setdefault(key, cell) for cell, key in zip(cells, encoding.keys(points), strict=True)}


def digits() -> tuple[NDArray[Any], NDArray[Any]]:
    """Give scikit-learn's digits as images, shape (1797, 1, 8, 8), and their classes."""
    X, y = load_digits(return_X_y=True)
    return X.reshape(-1, 1, 8, 8).astype(np.float32), y


def make_trainer(
    space: NASBench201Space, X: NDArray[Any], y: NDArray[Any], channels: int, epochs: int
) -> Callable[[Architecture, int], dict[str, Any]]:
    """Give the function that trains a network of one cell with a seed and says what came out.

    A third of the images is for testing; the others are halved into those that train and those that validate.
    """
    X_rest, X_test, y_rest, y_test = train_test_split(X, y, test_size=len(y) // 3 + 1, stratify=y, random_state=0)
    scores = TwoScores(X_test, y_test)
    evaluator = TrainingEvaluator(
        space,
        channels=channels,
        n_cells=1,
        training=Training(max_epochs=epochs, precision="float32"),
        validation_fraction=0.5,
        scoring=scores,
        device="cpu",
    ).fit(X_rest, y_rest, random_state=0)

    def train(architecture: Architecture, seed: int) -> dict[str, Any]:
        trial = evaluator.evaluate(architecture, seed=seed)
        if not trial.succeeded:
            raise RuntimeError(f"{architecture} with the seed {seed}: {trial.message}")
        return {
            "val": trial.score,
            "test": scores.test,
            "cost": trial.cost,
            "n_parameters": trial.info.get("n_parameters", 0),
            "seconds": trial.duration,
        }

    return train


def run(rows: Rows, space: NASBench201Space, n_seeds: int, channels: int, epochs: int) -> None:
    """Train what is not there yet."""
    train = make_trainer(space, *digits(), channels, epochs)
    edges = space.potential_edges(LENGTH)
    functions = list(dict.fromkeys(representatives(space).values()))
    done = {tuple(row[key] for key in rows.keys) for row in rows.rows}
    for seed in range(n_seeds):
        for number, cell in enumerate(functions):
            key = {"cell": "|".join(cell), "seed": seed, "channels": channels, "epochs": epochs}
            if tuple(key[name] for name in rows.keys) not in done:
                # Seeds differ between cells as well, so that no two of them share their luck.
                architecture = space.make_architecture([space.make_cell(cell, edges)])
                rows.add(**key, **train(architecture, 10_000 * seed + number))
        print(f"seed {seed}: {len(functions)} functions", file=sys.stderr, flush=True)


def table_rows(
    rows: Rows, space: NASBench201Space, n_seeds: int, channels: int, epochs: int
) -> tuple[list[str], list[list[str]]]:
    """Give the header and the lines of the table, accuracies in percent."""
    found = {(row["cell"], row["seed"]): row for row in rows.select(channels=channels, epochs=epochs)}
    edges = [f"e{source}{target}" for source, target in space.potential_edges(LENGTH)]
    columns = [f"{split}_{seed}" for split in ("val", "test") for seed in range(n_seeds)]
    header = [*edges, "function", *columns, "cost", "n_parameters"]
    number: dict[Operations, int] = {}
    lines = []
    for cell, function in representatives(space).items():
        results = [found["|".join(function), seed] for seed in range(n_seeds)]
        accuracies = [f"{100 * result[split]:.2f}" for split in ("val", "test") for result in results]
        identifier = number.setdefault(function, len(number))
        one = results[0]
        lines.append([*cell, str(identifier), *accuracies, f"{one['cost']:g}", str(one["n_parameters"])])
    return header, lines


def write_table(path: Path, header: Sequence[str], lines: Sequence[Sequence[str]]) -> None:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([header, *lines])
    # No time stamp: the same rows give the same file.
    path.write_bytes(gzip.compress(text.getvalue().encode(), mtime=0))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--operations", nargs=3, default=OPERATIONS)
    parser.add_argument("--seeds", type=int, default=SEEDS)
    parser.add_argument("--channels", type=int, default=CHANNELS)
    parser.add_argument("--epochs", type=int, default=EPOCHS)
    parser.add_argument("--progress", type=Path, default=Path("build/digits_cells.jsonl"))
    parser.add_argument("--output", type=Path, help="the table (.csv.gz); none is written without it")
    arguments = parser.parse_args()
    space = NASBench201Space(tuple(arguments.operations))
    rows = Rows(arguments.progress, ("cell", "seed", "channels", "epochs"))
    settings = (arguments.seeds, arguments.channels, arguments.epochs)
    run(rows, space, *settings)
    if arguments.output:
        write_table(arguments.output, *table_rows(rows, space, *settings))
    return 0


if __name__ == "__main__":
    sys.exit(main())
