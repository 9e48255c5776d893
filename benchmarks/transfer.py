#!/usr/bin/env python3
"""Transfer: does a distribution that was found on one data set shorten the search on another?

    python benchmarks/transfer.py [--suite tables images] [--data DIR] [--quick] [--report]

A distribution is what BayesianOptimization recommends on the source. The search on the target then runs with it as
``prior`` at the default strength, and without; every seed has another source search and another target search.

Tables: source CIFAR-10, targets CIFAR-100 and ImageNet16-120 of NAS-Bench-201 (validation accuracy after 200 epochs);
50 queries on the source; counted are the queries until a cell within one point of the table's best was asked, at most
300. A search that did not get there counts as 301.

Images: source MNIST, target Fashion-MNIST, 1,000 images each at 14x14 pixels (means of four), networks of one cell of 8
channels, 4 epochs, 12 trials on the source and 16 on the target. Counted are the trials until a validation accuracy
(250 held-out images) that the searches without a prior reached on average at their end; 17 where none did.

It needs ``nas/nb201_master.csv.gz``, ``images/mnist.npz`` and ``images/fashion_mnist.npz`` in the folder of the data.
--quick computes 2 seeds of the tables and 1 of the images, instead of 50 and 10, on images with 4 trials on the source
and 6 on the target, of 2 epochs.
"""

from __future__ import annotations

import argparse
import sys
import time
import warnings
from itertools import product
from typing import Any

import numpy as np
from _common import Rows, data_file, halved, load_images, machines, parser, rows_of, stratified, table
from scipy.stats import wilcoxon

from skopdist.distribution import OperationDistribution
from skopdist.encodings import AdjacencyEncoding, Encoding
from skopdist.evaluators import Evaluator, TrainingEvaluator
from skopdist.search import run_search
from skopdist.strategies import BayesianOptimization, LocalSearch, RandomSearch, Strategy
from skopdist.tables import load_nasbench201
from skopdist.training import Training

# With the strategies' own encodings: the distribution for the first two, the hybrid for the last.
STRATEGIES: dict[str, tuple[Strategy, Encoding | None]] = {
    "RandomSearch": (RandomSearch(), None),
    "LocalSearch": (LocalSearch(), None),
    "LocalSearch on cells": (LocalSearch(), AdjacencyEncoding()),
    "BayesianOptimization": (BayesianOptimization(trial_batch=1), None),
}
SEEDS = {"tables": 50, "images": 10}
QUICK_SEEDS = {"tables": 2, "images": 1}
TARGETS = {"tables": ("cifar100", "ImageNet16-120"), "images": ("fashion_mnist",)}
SOURCE = {"tables": "cifar10", "images": "mnist"}
SOURCE_TRIALS = {"tables": 50, "images": 12}
TRIALS = {"tables": 300, "images": 16}
QUICK_SOURCE_TRIALS, QUICK_TRIALS = {"tables": 50, "images": 4}, {"tables": 300, "images": 6}
# On images every trial is a training, and local search is left out.
COMPARED = {"tables": tuple(STRATEGIES), "images": ("RandomSearch", "BayesianOptimization")}
WITHIN = 1.0
N_IMAGES, CHANNELS = 1000, 8
EPOCHS, QUICK_EPOCHS = 4, 2


def evaluator_of(arguments: argparse.Namespace, suite: str, name: str) -> Evaluator:
    """Give what scores architectures on a data set."""
    if suite == "tables":
        return load_nasbench201(data_file(arguments, "nas/nb201_master.csv.gz"), dataset=name)
    X, y = load_images(arguments, name)
    chosen = stratified(y, N_IMAGES, seed=0)
    epochs = QUICK_EPOCHS if arguments.quick else EPOCHS
    trainer = TrainingEvaluator(channels=CHANNELS, n_cells=1, training=Training(max_epochs=epochs), device="cpu")
    return trainer.fit(halved(X[chosen]), y[chosen], random_state=0)


def run(rows: Rows, arguments: argparse.Namespace, suite: str, seeds: int) -> None:
    """Compute what is not there yet, seed by seed."""
    source = evaluator_of(arguments, suite, SOURCE[suite])
    targets = {name: evaluator_of(arguments, suite, name) for name in TARGETS[suite]}
    source_trials, trials = (QUICK_SOURCE_TRIALS, QUICK_TRIALS) if arguments.quick else (SOURCE_TRIALS, TRIALS)
    # Some of them ask no point twice, and NAS-Bench-201 has fewer distributions than there are trials.
    warnings.filterwarnings("ignore", message="The search space holds no more points")
    for seed in range(seeds):
        prior = found(rows, source, suite, seed, source_trials[suite])
        for (target, evaluator), strategy, with_prior in product(targets.items(), COMPARED[suite], (False, True)):
            key = {"suite": suite, "target": target, "strategy": strategy, "prior": with_prior, "seed": seed}
            if key in rows:
                continue
            # Where the best is known, the search may end as soon as it is near.
            enough = evaluator.optimum - WITHIN if suite == "tables" else np.inf
            begin = time.perf_counter()
            searcher, encoding = STRATEGIES[strategy]
            result = run_search(
                searcher,
                evaluator,
                encoding=encoding,
                n_trials=trials[suite],
                prior=prior if with_prior else None,
                random_state=seed,
                callback=lambda trial, enough=enough: trial.score >= enough,
            )
            scores = [trial.score for trial in result.trials]
            figures = {"reached": result.stop_reason == "callback", "n_trials": len(scores), "best": max(scores)}
            if suite == "images":
                figures["scores"] = scores
            rows.add(**key, **figures, seconds=time.perf_counter() - begin)


def found(rows: Rows, source: Evaluator, suite: str, seed: int, n_trials: int) -> OperationDistribution:
    """Give the distribution that is found on the source with a seed, and store it."""
    key = {"suite": suite, "target": SOURCE[suite], "strategy": "BayesianOptimization", "prior": False, "seed": seed}
    if key not in rows:
        result = run_search(BayesianOptimization(trial_batch=1), source, n_trials=n_trials, random_state=seed)
        distribution = result.best_distribution.to_dict()
        rows.add(**key, n_trials=len(result.trials), best=result.best_score, distribution=distribution)
    return OperationDistribution.from_dict(rows.select(**key)[0]["distribution"])


def transfer_table(rows: Rows, suite: str) -> str:
    """Lay out the trials to the same score, with and without the prior."""
    body = []
    for target, strategy in product(TARGETS[suite], COMPARED[suite]):
        chosen = [
            {row["seed"]: row for row in rows.select(suite=suite, target=target, strategy=strategy, prior=prior)}
            for prior in (False, True)
        ]
        seeds = sorted(chosen[0].keys() & chosen[1].keys())
        if not seeds:
            continue
        enough = float(np.mean([chosen[0][seed]["best"] for seed in seeds]))
        without, with_prior = (np.array([trials_of(part[seed], suite, enough) for seed in seeds]) for part in chosen)
        # Pairs of one seed share the source and nothing else.
        p = wilcoxon(without, with_prior).pvalue if (without != with_prior).any() else 1.0
        wins, losses = (with_prior < without).sum(), (with_prior > without).sum()
        best = [np.mean([part[seed]["best"] for seed in seeds]) for part in chosen]
        body.append(
            (
                f"{target}, {strategy}",
                f"{np.median(without):.0f}",
                f"{np.median(with_prior):.0f}",
                f"{without.mean():.1f}",
                f"{with_prior.mean():.1f}",
                f"{wins} : {losses}",
                f"{p:.2g}",
                len(seeds),
                # On tables a search ends where it is near the best.
                *([f"{100 * best[0]:.1f} / {100 * best[1]:.1f}"] if suite == "images" else []),
            )
        )
    columns = ["median without", "with", "mean without", "with", "sooner : later", "Wilcoxon p", "seeds"]
    return table(["", *columns, *(["best score, %"] if suite == "images" else [])], body)


def trials_of(row: dict[str, Any], suite: str, enough: float) -> int:
    """Count the trials until the score, one more than there were where it was not reached."""
    if suite == "tables":
        return row["n_trials"] + (not row["reached"])
    hits = np.flatnonzero(np.array(row["scores"]) >= enough)
    return int(hits[0]) + 1 if len(hits) else row["n_trials"] + 1


def main() -> int:
    assert __doc__ is not None
    options = parser(__doc__)
    options.add_argument("--quick", action="store_true", help="a few seeds, and shorter searches on images")
    options.add_argument("--suite", nargs="+", choices=tuple(SEEDS), default=list(SEEDS))
    options.add_argument("--seeds", type=int, help="the number of seeds, instead of 50 and 10")
    arguments = options.parse_args()
    rows = rows_of(arguments, "transfer", ("suite", "target", "strategy", "prior", "seed"))
    for suite in arguments.suite:
        if not arguments.report:
            run(rows, arguments, suite, arguments.seeds or (QUICK_SEEDS if arguments.quick else SEEDS)[suite])
        print(f"\n{suite.capitalize()}: trials to the same score, without and with the prior\n")
        print(transfer_table(rows, suite))
    print(f"\n{machines(rows.rows)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
