"""Differentiable search beside random search and Bayesian optimisation, at equal cost, on images.

Cost is in passes over the training samples, the final training left out: a search by single trainings makes TRIALS of
them, a supernet as many trials of one pass as that buys, gradients on held-out samples included. What a pass costs in
seconds is another matter, and shown beside. The rows are in results/differentiable.jsonl.

    python benchmarks/differentiable.py --suite digits
    python benchmarks/differentiable.py --data DIR --suite fashion
    python benchmarks/differentiable.py --report
"""

from __future__ import annotations

import _common as common  # isort: skip - before numpy and torch
import argparse
import time
import warnings
from typing import Any

from datasets import Split, digits, fashion

from skopdist import OpDistNASClassifier
from skopdist.encodings import AdjacencyEncoding, DistributionEncoding, Encoding
from skopdist.strategies import BayesianOptimization, CollapseWarning, DifferentiableSearch, RandomSearch, Strategy

KEYS = ("suite", "method", "seed")
METHODS: dict[str, tuple[Strategy, Encoding | None]] = {
    "random search": (RandomSearch(), None),
    "Bayesian optimisation": (BayesianOptimization(), None),
    "differentiable, one Dirichlet": (DifferentiableSearch(), DistributionEncoding()),
    "differentiable, one for each edge": (DifferentiableSearch(), AdjacencyEncoding()),
}
# Trainings that the others make, and the settings that all share.
TRIALS = {"digits": 6, "fashion": 4}
SETTINGS: dict[str, dict[str, Any]] = {
    "digits": {"max_epochs": 20},
    # Narrow and short, for a core.
    "fashion": {"max_epochs": 5, "channels": 8},
}
# A supernet's trial: one pass over three quarters of the samples, and gradients on the other quarter.
COST_OF_PASS = 1 + 1 / 3


def run(suite: str, method: str, seed: int, split: Split) -> dict[str, Any]:
    """Search, train and test."""
    X_train, X_test, y_train, y_test = split
    strategy, encoding = METHODS[method]
    n_trials = TRIALS[suite]
    if strategy.needs_gradient:
        n_trials = round(n_trials * SETTINGS[suite]["max_epochs"] / COST_OF_PASS)
    clf = OpDistNASClassifier(strategy, encoding=encoding, n_trials=n_trials, random_state=seed, **SETTINGS[suite])
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


def report(rows: common.Rows) -> None:
    for suite in TRIALS:
        body = []
        for method in METHODS:
            found = rows.select(suite=suite, method=method)
            if found:
                body.append([
                    method,
                    len(found),
                    common.mean_and_deviation([row["accuracy"] for row in found]),
                    f"{sum(row['cost'] for row in found) / len(found):.0f}",
                    f"{sum(row['fit_cpu_seconds'] for row in found) / len(found):.0f}",
                    sum(row["collapsed"] for row in found),
                ])  # fmt: skip
        if body:
            print(f"\n{suite}\n")
            header = ["search", "seeds", "test accuracy", "passes", "CPU s", "collapsed"]
            print(common.table(header, body))
    print(common.machines(rows.rows))


def split_of(arguments: argparse.Namespace, suite: str, seed: int) -> Split:
    if suite == "digits":
        return digits(seed)
    return fashion(common.data_file(arguments, "images/fashion_mnist.npz"), seed)


def main() -> None:
    parser = common.parser(__doc__ or "")
    parser.add_argument("--suite", choices=TRIALS, nargs="+", default=list(TRIALS))
    parser.add_argument("--seeds", type=int, default=5)
    arguments = parser.parse_args()
    rows = common.rows_of(arguments, "differentiable", KEYS)
    if not arguments.report:
        for suite in arguments.suite:
            for seed in range(arguments.seeds):
                for method in METHODS:
                    key = {"suite": suite, "method": method, "seed": seed}
                    if key not in rows:
                        row = run(suite, method, seed, split_of(arguments, suite, seed))
                        rows.add(**key, **row, load=common.load_average())
                        print(f"{key}: {row['accuracy']:.4f}, {row['fit_cpu_seconds']:.0f} CPU s", flush=True)
    report(rows)


if __name__ == "__main__":
    main()
