#!/usr/bin/env python3
"""The best network under a limit of cost, beside other models: accuracy, parameters, FLOPs, size of the file, latency.

    python benchmarks/frontier.py [--data DIR] [--datasets digits SwedishLeaf] [--seeds 5] [--quick] [--report]

For each limit a search of four trials, three of them of cells that are known to be good if these are within the limit,
and one network that is trained on all training rows, or two that predict together and share the limit; everything else
is the default. Depth and width are open, so that ``fit`` uses the limit up. Networks are written to a file of ONNX. So
are gradient boosting, a random forest and logistic regression (scikit-learn's defaults, but for scaled features of the
latter), by skl2onnx.

"Gradient boosting, as small" has as many iterations as fit into the size of the network's file, and of trees with 4, 8,
16 or 31 leaves those that are best on a quarter of the training rows, held out.

The digits are split 75/25 by seed, as elsewhere; a set of the UCR archive has its official split, so that its seeds are
those of the searches. Milliseconds for a sample, in batches of 1 and of 100, are the median of repeated calls of
onnxruntime in one thread.

--quick takes one limit on the digits, one trial of one epoch and few calls. Needs onnx, onnxscript, onnxruntime and
skl2onnx.
"""

from __future__ import annotations

import _common as common  # before numpy: it limits the threads
import numpy as np

# isort: split
import argparse
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import datasets
from _onnx import PEERS, convert, session, timings, versions
from frontier_tables import AS_SMALL, BUDGETS, MEMBERS, OURS, frontier_table
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.model_selection import train_test_split

from skopdist import OpDistNASClassifier
from skopdist.export import to_onnx
from skopdist.networks import NetworkCosts

KEYS = ("dataset", "model", "budget", "seed")
SEEDS = 5
SEARCH: dict[str, Any] = {"n_trials": 4}
QUICK_SEARCH: dict[str, Any] = {"n_trials": 1, "max_epochs": 1}
LEAVES, MOST_ITERATIONS = (4, 8, 16, 31), 100


def load(arguments: argparse.Namespace, name: str, seed: int) -> datasets.Split:
    if name == "digits":
        return datasets.digits(seed)
    return datasets.series(common.data_file(arguments, "series/ucr_subset.npz"), name)


def measure_network(split: datasets.Split, budget: str, members: int, seed: int, quick: bool) -> dict[str, Any]:
    X, X_test, y, y_test = split
    begin = time.process_time()
    settings = QUICK_SEARCH if quick else SEARCH
    clf = OpDistNASClassifier(limits=BUDGETS[budget], n_members=members, random_state=seed, **settings).fit(X, y)
    seconds = time.process_time() - begin
    shape = clf.sample_shape_
    costs = NetworkCosts(shape, len(clf.classes_), clf.channels_, clf.n_cells_)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.onnx"
        exported = to_onnx(clf, path, X=X_test, y=y_test)
        return {
            "accuracy": clf.score(X_test, y_test),
            "validation": clf.best_score_,
            "n_cells": clf.n_cells_,
            "channels": clf.channels_,
            "trials": [[costs.n_parameters(trial.architecture), trial.score] for trial in clf.trials_],
            "architecture": str(clf.refit_architecture_),
            "parameters": clf.n_parameters_,
            "flops": sum(costs.flops(net.module__architecture) for net in clf.nets_),
            "difference": exported.largest_difference,
            "bytes": exported.n_bytes,
            "fit_cpu_seconds": seconds,
            "n_trials": settings["n_trials"],
            **timings({"onnx": session(path)}, X_test.astype(np.float64), quick),
        }


def measure_peer(split: datasets.Split, model: Any, quick: bool) -> dict[str, Any]:
    X, X_test, y, y_test = flat(split)
    begin = time.process_time()
    model.fit(X, y)
    seconds = time.process_time() - begin
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.onnx"
        n_bytes = convert(model, X, path)
        found = timings({"onnx": session(path)}, X_test, quick)
    return {"accuracy": model.score(X_test, y_test), "bytes": n_bytes, "fit_cpu_seconds": seconds, **found}


def flat(split: datasets.Split) -> datasets.Split:
    """Lay samples out in rows of single precision, as converted trees take them."""
    X, X_test, y, y_test = split
    X, X_test = (part.reshape(len(part), -1).astype(np.float32) for part in (X, X_test))
    return X, X_test, y, y_test


def as_small(split: datasets.Split, most: int) -> tuple[Any, dict[str, int]] | None:
    """Return gradient boosting of at most so many bytes, and its size; None if one iteration is larger."""
    X, _, y, _ = flat(split)
    parts = train_test_split(X, y, stratify=y, random_state=0)
    best: tuple[float, dict[str, int]] | None = None
    for leaves in LEAVES:
        size = {"max_leaf_nodes": leaves, "max_iter": iterations_within(X, y, leaves, most)}
        if size["max_iter"]:
            model = HistGradientBoostingClassifier(random_state=0, early_stopping=False, **size)
            score = model.fit(parts[0], parts[2]).score(parts[1], parts[3])
            if best is None or score > best[0]:
                best = score, size
    if best is None:
        return None
    return HistGradientBoostingClassifier(random_state=0, early_stopping=False, **best[1]), best[1]


def iterations_within(X: Any, y: Any, leaves: int, most: int) -> int:
    """Return the most iterations of which the file has at most so many bytes."""
    with tempfile.TemporaryDirectory() as folder:

        def size(n: int) -> int:
            model = HistGradientBoostingClassifier(
                random_state=0, early_stopping=False, max_leaf_nodes=leaves, max_iter=n
            )
            return convert(model.fit(X, y), X, Path(folder) / "a.onnx")

        # Between two that are known, the size is nearly linear.
        low, high = 0, MOST_ITERATIONS + 1
        guess = max(1, int((most - 2 * size(1) + size(2)) / max(1, size(2) - size(1))))
        while low + 1 < high:
            guess = min(max(guess, low + 1), high - 1)
            there = size(guess)
            low, high = (guess, high) if there <= most else (low, guess)
            guess = guess + 1 if there <= most else int(guess * most / there)
        return low


def run(arguments: argparse.Namespace, rows: common.Rows) -> None:
    """Measure what is not there yet: the other models, which take seconds, first."""
    quick = arguments.quick
    for seed in range(1 if quick else arguments.seeds):
        for name in arguments.datasets:
            split = load(arguments, name, seed)

            def add(model: str, budget: str, name: str = name, seed: int = seed, **found: Any) -> None:
                key = {"dataset": name, "model": model, "budget": budget, "seed": seed}
                rows.add(**key, **found, load=common.load_average(), versions=versions())
                print({**key, "accuracy": found.get("accuracy"), "bytes": found.get("bytes")}, flush=True)

            for model, make in PEERS.items():
                if {"dataset": name, "model": model, "budget": "", "seed": seed} not in rows:
                    add(model, "", **measure_peer(split, make(), quick))
            for budget in arguments.budgets:
                for model, members in MEMBERS.items():
                    if {"dataset": name, "model": model, "budget": budget, "seed": seed} not in rows:
                        add(model, budget, **measure_network(split, budget, members, seed, quick))
                if {"dataset": name, "model": AS_SMALL, "budget": budget, "seed": seed} not in rows:
                    (ours,) = rows.select(dataset=name, model=OURS, budget=budget, seed=seed)
                    found = as_small(split, ours["bytes"])
                    # A row says so where there is none.
                    row = {} if found is None else measure_peer(split, found[0], quick) | found[1]
                    add(AS_SMALL, budget, **row)


def main() -> int:
    options = common.parser(__doc__ or "")
    options.add_argument("--quick", action="store_true", help="one limit on the digits, one trial, few calls")
    options.add_argument("--seeds", type=int, default=SEEDS)
    options.add_argument("--datasets", nargs="+", default=["digits", "SwedishLeaf"])
    options.add_argument("--budgets", nargs="+", choices=BUDGETS, default=list(BUDGETS))
    arguments = options.parse_args()
    if arguments.quick:
        arguments.datasets, arguments.budgets = ["digits"], arguments.budgets[:1]
    rows = common.rows_of(arguments, "frontier", KEYS)
    if not arguments.report:
        run(arguments, rows)
    for name in dict.fromkeys(row["dataset"] for row in rows.rows):
        print(f"\n{frontier_table(rows, name)}")
    print(f"\n{common.machines(rows.rows)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
