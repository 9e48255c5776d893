"""Differentiable search: what it finds, and how it compares with random search and Bayesian optimisation.

Suite "cells": supernets on the very images on which every cell of the table that comes with the package was trained.
The figures are the mean test accuracy of cells drawn from the distribution that was found, and that of the cell whose
score was highest, both looked up in the table. All runs make the same number of passes over the training samples, in
fewer long trials or in more short ones.

Suites "digits" and "fashion": a whole fit, at equal cost in passes over the training samples, the final training left
out. A search by single trainings makes a few of them, a supernet as many trials as the same passes allow, those for
gradients on held-out samples included. What a pass costs in seconds is another matter, and shown beside. Images of
Fashion-MNIST are averaged to 14x14.

The rows are in results/differentiable.jsonl. --quick computes one seed instead of five: on the cells 5 passes instead
of 20, on the digits 4 epochs instead of 15, on Fashion-MNIST 2 instead of 5, with 1,000 images instead of 10,000.

    python benchmarks/differentiable.py [--data DIR] [--suite cells digits fashion] [--quick] [--report]
"""

from __future__ import annotations

import _common as common  # isort: skip - before numpy and torch
import argparse
import time
import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
from datasets import Split, digits, fashion
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from skopdist import OpDistNASClassifier, OperationDistribution
from skopdist.encodings import AdjacencyEncoding, DistributionEncoding, Encoding
from skopdist.evaluators import SupernetEvaluator, TabularEvaluator
from skopdist.search import run_search
from skopdist.strategies import BayesianOptimization, CollapseWarning, DifferentiableSearch, RandomSearch, Strategy
from skopdist.tables import load_digits_cells
from skopdist.training import Training

KEYS = ("suite", "method", "seed")
EPOCHS_PER_TRIAL = 0.25
DIFFERENTIABLE = DifferentiableSearch(n_warmup=15)
METHODS: dict[str, tuple[Strategy, Encoding | None]] = {
    "random search": (RandomSearch(), None),
    "Bayesian optimisation": (BayesianOptimization(trial_batch=1), None),
    "differentiable, one Dirichlet": (DIFFERENTIABLE, DistributionEncoding()),
    "differentiable, one for each edge": (DIFFERENTIABLE, AdjacencyEncoding()),
}
# Suite "cells": passes over the training samples in each trial.
CELLS: dict[str, tuple[float, Encoding]] = {
    "one Dirichlet, 20 trials": (1, DistributionEncoding()),
    "one Dirichlet, 80 trials": (1 / 4, DistributionEncoding()),
    "one Dirichlet, 320 trials": (1 / 16, DistributionEncoding()),
    "one for each edge, 80 trials": (1 / 4, AdjacencyEncoding()),
}
DRAWS = 300
# Trainings that the others make, and the settings that all share.
TRIALS = {"digits": 4, "fashion": 4}
SUITES = ("cells", *TRIALS)
# A supernet's pass is one over three quarters of the samples, and gradients on the other quarter.
COST_OF_PASS = 1 + 1 / 3


@dataclass(frozen=True)
class Scale:
    """How much is computed: passes over the images of the cells, of which a quarter warm up, and settings of fits."""

    seeds: int
    passes: int
    settings: dict[str, dict[str, Any]]
    n_images: int


# On Fashion-MNIST narrow, short and on images of half the side, for a core.
FULL = Scale(5, 20, {"digits": {"max_epochs": 15}, "fashion": {"max_epochs": 5, "channels": 8}}, 10_000)
QUICK = Scale(1, 5, {"digits": {"max_epochs": 4}, "fashion": {"max_epochs": 2, "channels": 8}}, 1000)


def run(suite: str, method: str, seed: int, split: Split, settings: dict[str, Any]) -> dict[str, Any]:
    """Search, train and test."""
    X_train, X_test, y_train, y_test = split
    strategy, encoding = METHODS[method]
    n_trials, evaluator = TRIALS[suite], None
    if strategy.needs_gradient:
        n_trials = round(n_trials * settings["max_epochs"] / COST_OF_PASS / EPOCHS_PER_TRIAL)
        # Its size and recipe are those of the final network, too.
        training = Training(max_epochs=settings["max_epochs"])
        evaluator = SupernetEvaluator(
            epochs_per_trial=EPOCHS_PER_TRIAL, channels=settings.get("channels"), training=training
        )
        settings = {}
    clf = OpDistNASClassifier(
        strategy,
        encoding=encoding,
        evaluator=evaluator,
        n_trials=n_trials,
        n_members=1,
        random_state=seed,
        **settings,
    )
    begin, begin_cpu = time.perf_counter(), time.process_time()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        clf.fit(X_train, y_train)
    return {
        "accuracy": clf.score(X_test, y_test),
        "fit_seconds": time.perf_counter() - begin,
        "fit_cpu_seconds": time.process_time() - begin_cpu,
        "cost": sum(trial.cost for trial in clf.trials_),
        "n_trials": n_trials,
        "collapsed": any(issubclass(w.category, CollapseWarning) for w in caught),
        "distribution": clf.best_distribution_.to_dict(),
        "architecture": str(clf.best_architecture_),
    }


def run_cells(method: str, seed: int, passes: int) -> dict[str, Any]:
    """Search with a supernet, and look up what was found."""
    epochs_per_trial, encoding = CELLS[method]
    table = load_digits_cells()
    space = table.search_space
    X, y = load_digits(return_X_y=True)
    # The images on which the table's cells were tested stay out.
    X, _, y, _ = train_test_split(X.reshape(-1, 1, 8, 8), y, test_size=len(y) // 3 + 1, stratify=y, random_state=0)
    evaluator = SupernetEvaluator(space, channels=8, n_cells=1, epochs_per_trial=epochs_per_trial)
    n_trials = round(passes / epochs_per_trial)
    begin = time.process_time()
    result = run_search(
        DifferentiableSearch(n_warmup=n_trials // 4),
        evaluator.fit(X, y, random_state=seed),
        encoding=encoding,
        n_trials=n_trials,
        random_state=seed,
    )
    return {
        "cpu_seconds": time.process_time() - begin,
        "cost": sum(trial.cost for trial in result.trials),
        "accuracy_of_draws": mean_accuracy(table, result.best_distribution),
        "accuracy_of_best": table.test_scores[result.best_architecture.operations],
        "distribution": result.best_distribution.to_dict(),
    }


def mean_accuracy(table: TabularEvaluator, distribution: OperationDistribution) -> float:
    """Give the mean test accuracy of cells drawn from a distribution, in percent."""
    rng = np.random.default_rng(0)
    draws = [table.search_space.sample(distribution, random_state=rng).operations for _ in range(DRAWS)]
    return float(np.mean([table.test_scores[draw] for draw in draws]))


def cells_table(rows: common.Rows) -> str:
    """Lay out what supernets found, as the table of digits cells has it."""
    body = []
    for method in CELLS:
        found = rows.select(suite="cells", method=method)
        if found:
            body.append([
                method,
                len(found),
                common.mean_and_deviation([row["accuracy_of_draws"] for row in found], 2),
                common.mean_and_deviation([row["accuracy_of_best"] for row in found], 2),
                f"{np.mean([row['cpu_seconds'] for row in found]):.0f}",
            ])  # fmt: skip
    table = load_digits_cells()
    by_counts: dict[tuple[str, ...], list[float]] = {}
    for cell, accuracy in table.test_scores.items():
        by_counts.setdefault(tuple(sorted(cell)), []).append(accuracy)
    uniform = mean_accuracy(table, table.search_space.uniform())
    body.append(["the uniform distribution", "-", f"{uniform:.2f}", "-", "-"])
    best, optimum = max(map(np.mean, by_counts.values())), max(table.test_scores.values())
    body.append(["the best there is", "-", f"{best:.2f}", f"{optimum:.2f}", "-"])
    return common.table(["search", "seeds", "draws, test %", "best cell, test %", "CPU s"], body)


def fits_table(rows: common.Rows, suite: str) -> str:
    """Lay out whole fits at equal cost, over the seeds that all searches have."""
    found = {method: {row["seed"]: row for row in rows.select(suite=suite, method=method)} for method in METHODS}
    seeds = sorted(set.intersection(*(set(by_seed) for by_seed in found.values())))
    body = []
    for method, by_seed in found.items():
        shared = [by_seed[seed] for seed in seeds]
        body.append([
            method,
            len(shared),
            common.mean_and_deviation([row["accuracy"] for row in shared]),
            f"{np.mean([row['cost'] for row in shared]):.0f}",
            f"{np.mean([row['fit_cpu_seconds'] for row in shared]):.0f}",
            sum(row["collapsed"] for row in shared),
        ])  # fmt: skip
    return common.table(["search", "seeds", "test accuracy", "passes", "CPU s", "collapsed"], body)


def report(rows: common.Rows) -> None:
    print(f"\ncells\n\n{cells_table(rows)}")
    for suite in TRIALS:
        if all(rows.select(suite=suite, method=method) for method in METHODS):
            print(f"\n{suite}\n\n{fits_table(rows, suite)}")
    print(common.machines(rows.rows))


def split_of(arguments: argparse.Namespace, suite: str, seed: int, n_images: int) -> Split:
    if suite == "digits":
        return digits(seed)
    X_train, X_test, y_train, y_test = fashion(arguments, seed)
    X_train, X_test = (common.halved(X[:n_images]) for X in (X_train, X_test))
    return X_train, X_test, y_train[:n_images], y_test[:n_images]


def main() -> None:
    parser = common.parser(__doc__ or "")
    parser.add_argument("--suite", choices=SUITES, nargs="+", default=list(SUITES))
    parser.add_argument("--seeds", type=int, help="the number of seeds, by default 5")
    parser.add_argument("--quick", action="store_true", help="one seed, and shorter searches")
    arguments = parser.parse_args()
    scale = QUICK if arguments.quick else FULL
    rows = common.rows_of(arguments, "differentiable", KEYS)
    if not arguments.report:
        for suite in arguments.suite:
            for seed in range(arguments.seeds or scale.seeds):
                for method in CELLS if suite == "cells" else METHODS:
                    key = {"suite": suite, "method": method, "seed": seed}
                    if key in rows:
                        continue
                    if suite == "cells":
                        row = run_cells(method, seed, scale.passes)
                    else:
                        split = split_of(arguments, suite, seed, scale.n_images)
                        row = run(suite, method, seed, split, scale.settings[suite])
                    rows.add(**key, **row, load=common.load_average())
                    print(key, {name: row[name] for name in row if name.startswith("accuracy")}, flush=True)
    report(rows)


if __name__ == "__main__":
    main()
