#!/usr/bin/env python3
"""Claim 3, any length: does a distribution that was found at one length carry over to others?

    python benchmarks/any_length.py [--images digits fashion] [--data DIR] [--quick] [--report]

A distribution is searched at length 6 on the table of digits cells: what BayesianOptimization recommends after 50
queries. Cells of 1 to 21 operations are drawn from it and from the uniform distribution, and trained as networks of one
cell by the recipe of that table; on the digits, and on 3,000 images of Fashion-MNIST (14x14 pixels, means of four),
which the search never saw. Every seed has another search, other cells and other trainings. Gains are mean differences
of the test accuracies in points, with their standard errors over the seeds. Cells that hold nothing but 3x3
convolutions show what no search is needed for.

Fashion-MNIST needs ``images/fashion_mnist.npz`` in the folder of the data. --quick computes two seeds at lengths 3
and 15, instead of ten at six lengths.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable
from itertools import product
from typing import Any

import numpy as np
from _common import Rows, halved, load_images, machines, parser, rows_of, stratified, table
from make_digits_cells import CHANNELS, EPOCHS, digits, make_trainer
from numpy.typing import NDArray

from skopdist import OperationDistribution
from skopdist.search import run_search
from skopdist.strategies import BayesianOptimization
from skopdist.tables import load_digits_cells

IMAGES = ("digits", "fashion")
SOURCES = ("found", "uniform", "convolutions")
LENGTHS, QUICK_LENGTHS = (1, 3, 6, 10, 15, 21), (3, 15)
SEEDS, QUICK_SEEDS = 10, 2
QUERIES = 50


def fashion(arguments: argparse.Namespace) -> tuple[NDArray[Any], NDArray[Any]]:
    """Give a stratified part of Fashion-MNIST at half its resolution, shape (3000, 1, 14, 14), and its classes."""
    X, y = load_images(arguments, "fashion_mnist")
    chosen = stratified(y, 3000, seed=0)
    return halved(X[chosen]), y[chosen]


def run(rows: Rows, arguments: argparse.Namespace, seeds: Iterable[int], lengths: Iterable[int]) -> None:
    """Compute what is not there yet, seed by seed."""
    evaluator = load_digits_cells()
    space = evaluator.search_space
    trainers = {
        images: make_trainer(space, *(digits() if images == "digits" else fashion(arguments)), CHANNELS, EPOCHS)
        for images in arguments.images
    }
    convolutions = OperationDistribution.from_counts(
        space.operation_names, [[name == "nor_conv_3x3" for name in space.operation_names]], space.cell_types
    )
    for seed in seeds:
        found = run_search(
            BayesianOptimization(trial_batch=1), evaluator, n_trials=QUERIES, random_state=seed
        ).best_distribution
        distributions = dict(zip(SOURCES, (found, space.uniform(), convolutions), strict=True))
        for length, images, source in product(lengths, arguments.images, SOURCES):
            key = {"images": images, "source": source, "length": length, "seed": seed}
            if key not in rows:
                distribution = distributions[source]
                cell = space.sample(distribution, length, random_state=seed)
                figures = trainers[images](cell, seed)
                rows.add(**key, distribution=np.asarray(distribution).tolist(), **figures)


def accuracies(rows: Rows, images: str, length: int) -> dict[str, NDArray[np.float64]]:
    """Give test accuracies in percent by source, over the seeds that all sources have."""
    by_seed = [
        {row["seed"]: 100 * row["test"] for row in rows.select(images=images, length=length, source=source)}
        for source in SOURCES
    ]
    seeds = sorted(set.intersection(*map(set, by_seed)))
    return {source: np.array([of[seed] for seed in seeds]) for source, of in zip(SOURCES, by_seed, strict=True)}


def found_text(rows: Rows) -> str:
    """Give the mean of the distributions that were found, for example ``skip_connect .17, nor_conv_3x3 .83``."""
    found = {row["seed"]: row["distribution"] for row in rows.select(source="found")}
    names = load_digits_cells().search_space.operation_names
    shares = zip(names, np.mean(list(found.values()), axis=0), strict=True)
    return ", ".join(f"{name} {share:.2f}".replace(" 0.", " .") for name, share in shares if share >= 0.005)


def gain_table(rows: Rows, images: Iterable[str]) -> str:
    """Lay out the accuracies by length, and the gains with their standard errors."""
    body = []
    for name, length in product(images, LENGTHS):
        of = accuracies(rows, name, length)
        n = len(of["found"])
        if n > 1:
            gains = [of["found"] - of[source] for source in ("uniform", "convolutions")]
            parameters = [
                np.mean([row["n_parameters"] for row in rows.select(images=name, length=length, source=source)])
                for source in SOURCES
            ]
            body.append((
                f"{name}, {length}",
                *(f"{of[source].mean():.1f}" for source in SOURCES),
                *(f"{gain.mean():.1f} ± {gain.std(ddof=1) / np.sqrt(n):.1f}" for gain in gains),
                f"{(gains[0] > 0).sum()} of {n}",
                " / ".join(f"{count:.0f}" for count in parameters),
            ))  # fmt: skip
    return table(
        ["images, length", *SOURCES, "gain over uniform", "over convolutions", "ahead of uniform", "parameters"], body
    )


def main() -> int:
    assert __doc__ is not None
    options = parser(__doc__)
    options.add_argument(
        "--quick", action="store_true", help=f"{QUICK_SEEDS} seeds instead of {SEEDS}, and fewer lengths"
    )
    options.add_argument("--images", nargs="+", choices=IMAGES, default=["digits"])
    arguments = options.parse_args()
    rows = rows_of(arguments, "any_length", ("images", "source", "length", "seed"))
    if not arguments.report:
        seeds, lengths = (QUICK_SEEDS, QUICK_LENGTHS) if arguments.quick else (SEEDS, LENGTHS)
        run(rows, arguments, range(seeds), lengths)
    print("\nTest accuracy in percent by the length of the cells, and the gain over the uniform distribution\n")
    print(gain_table(rows, IMAGES))
    print(f"\n{machines(rows.rows)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
