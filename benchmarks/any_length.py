#!/usr/bin/env python3
"""Claim 3, any length: does a distribution that was found at one length carry over to others?

    python benchmarks/any_length.py [--images digits fashion] [--data DIR] [--quick] [--report]

A distribution is searched at length 6 on the table of digits cells: what BayesianOptimization recommends after 50
queries. Cells of 1 to 21 operations are drawn from it and from the uniform distribution, and trained as networks of one
cell by the recipe of that table; on the digits, and on 3,000 images of Fashion-MNIST (14x14 pixels, means of four),
which the search never saw. Every seed has another search, other cells and other trainings. The gain is the mean
difference of the test accuracies in points, with its standard error over the seeds.

Fashion-MNIST needs ``images/fashion_mnist.npz`` in the folder of the data. --quick computes two of the ten seeds.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable
from itertools import product
from typing import Any

import numpy as np
from _common import Rows, data_file, machines, parser, rows_of, stratified, table
from make_digits_cells import CHANNELS, EPOCHS, digits, make_trainer
from numpy.typing import NDArray

from skopdist.benchmarks import load_digits_cells
from skopdist.search import run_search
from skopdist.strategies import BayesianOptimization

IMAGES = ("digits", "fashion")
LENGTHS = (1, 3, 6, 10, 15, 21)
SEEDS, QUICK_SEEDS = 10, 2
QUERIES = 50


def fashion(arguments: argparse.Namespace) -> tuple[NDArray[Any], NDArray[Any]]:
    """Give a stratified part of Fashion-MNIST at half its resolution, shape (3000, 1, 14, 14), and its classes."""
    with np.load(data_file(arguments, "images/fashion_mnist.npz")) as arrays:
        X, y = arrays["X_train"], arrays["y_train"]
    chosen = stratified(y, 3000, seed=0)
    return X[chosen].reshape(-1, 1, 14, 2, 14, 2).mean(axis=(3, 5)).astype(np.float32), y[chosen]


def run(rows: Rows, arguments: argparse.Namespace, seeds: int) -> None:
    """Compute what is not there yet, seed by seed."""
    evaluator = load_digits_cells()
    space = evaluator.search_space
    trainers = {
        images: make_trainer(space, *(digits() if images == "digits" else fashion(arguments)), CHANNELS, EPOCHS)
        for images in arguments.images
    }
    for seed in range(seeds):
        found = run_search(BayesianOptimization(), evaluator, n_trials=QUERIES, random_state=seed).best_distribution
        for length, images in product(LENGTHS, arguments.images):
            for source, distribution in (("found", found), ("uniform", space.uniform())):
                key = {"images": images, "source": source, "length": length, "seed": seed}
                if key not in rows:
                    cell = space.sample(distribution, length, random_state=seed)
                    figures = trainers[images](cell, seed)
                    rows.add(**key, distribution=np.asarray(distribution).tolist(), **figures)


def gain_table(rows: Rows, images: Iterable[str]) -> str:
    """Lay out the accuracies by length."""
    body = []
    for name, length in product(images, LENGTHS):
        found, uniform = (
            {row["seed"]: 100 * row["test"] for row in rows.select(images=name, length=length, source=source)}
            for source in ("found", "uniform")
        )
        seeds = sorted(found.keys() & uniform.keys())
        if len(seeds) > 1:
            gains = np.array([found[seed] - uniform[seed] for seed in seeds])
            means = [f"{np.mean([accuracies[seed] for seed in seeds]):.1f}" for accuracies in (found, uniform)]
            error = gains.std(ddof=1) / np.sqrt(len(seeds))
            body.append((f"{name}, length {length}", *means, f"{gains.mean():.1f} ± {error:.1f}", len(seeds)))
    return table(["", "found", "uniform", "gain", "seeds"], body)


def main() -> int:
    assert __doc__ is not None
    options = parser(__doc__)
    options.add_argument("--quick", action="store_true", help=f"{QUICK_SEEDS} seeds instead of {SEEDS}")
    options.add_argument("--images", nargs="+", choices=IMAGES, default=["digits"])
    arguments = options.parse_args()
    rows = rows_of(arguments, "any_length", ("images", "source", "length", "seed"))
    if not arguments.report:
        run(rows, arguments, QUICK_SEEDS if arguments.quick else SEEDS)
    print("\nTest accuracy in percent by the length of the cells, and the gain over the uniform distribution\n")
    print(gain_table(rows, IMAGES))
    print(f"\n{machines(rows.rows)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
