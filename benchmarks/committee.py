"""What a committee adds to a search: its best cells together, beside one cell, and beside one cell with other seeds.

Every row of a data set and seed comes from the same search. Members are trained on all training samples. The control
"best cell, other seeds" says how much of the gain is averaging alone, and "fixed cell, other seeds" what a committee is
worth without any search. The rows are in results/committee.jsonl; what is there already is not computed again.

    python benchmarks/committee.py --data DIR
    python benchmarks/committee.py --report

--quick computes one seed of the digits with 4 trials of 4 epochs.
"""

from __future__ import annotations

import _common as common  # isort: skip - before numpy and torch
import argparse
import time
from typing import Any

import datasets
import numpy as np
from scipy.stats import wilcoxon
from sklearn.metrics import log_loss

from skopdist import Architecture, Cell, OpDistNASClassifier
from skopdist.committee import Committee, train_members

KEYS = ("dataset", "method", "seed")
MEMBERS = 5
N_TRIALS, MAX_EPOCHS = 10, 20
SEEDS = (1, 2)
# Larger tables take hours.
MOST_ROWS = 6000
ONE, THREE, FIVE = "one network", "committee of 3", "committee of 5"
SAME, FIXED = "best cell, 5 seeds", "fixed cell, 5 seeds"
METHODS = (ONE, THREE, FIVE, SAME, FIXED)


def splits(arguments: argparse.Namespace) -> Any:
    """Yield (name, seed, split) for each data set of a size that is affordable."""
    arguments.suite = ["digits"] if arguments.quick else ["digits", "tables"]
    for _, name, split in datasets.suites(arguments):
        for seed in SEEDS[:1] if arguments.quick else SEEDS:
            parts = split(seed)
            if len(parts[0]) + len(parts[1]) < MOST_ROWS:
                yield name, seed, parts


def measure(name: str, seed: int, split: datasets.Split, quick: bool, rows: common.Rows) -> None:
    X_train, X_test, y_train, y_test = split
    n_trials, max_epochs = (4, 4) if quick else (N_TRIALS, MAX_EPOCHS)
    begin = time.process_time()
    clf = OpDistNASClassifier(n_trials=n_trials, max_epochs=max_epochs, n_members=MEMBERS, random_state=seed)
    clf.fit(X_train, y_train)
    seconds = time.process_time() - begin
    trainer, n_spatial = clf.evaluator_.trainer_, X_train.ndim - 2
    edges = clf.best_architecture_.cells[0].edges
    fixed = Architecture([Cell([datasets.STRONGEST[n_spatial]] * len(edges), edges)])
    nets: dict[str, Any] = {ONE: clf.nets_[:1], THREE: clf.nets_[:3], FIVE: clf.nets_}
    for method, architecture in ((SAME, clf.best_architecture_), (FIXED, fixed)):
        trained = train_members(trainer, [architecture] * MEMBERS, range(1000, 1000 + MEMBERS), None)
        nets[method] = [net for net in trained if not isinstance(net, str)]
    for method, members in nets.items():
        probabilities = Committee(members, [1 / len(members)] * len(members), n_spatial)(X_test)
        rows.add(
            dataset=name, method=method, seed=seed, n_trials=n_trials, n_members=len(members),
            accuracy=float((clf.classes_[probabilities.argmax(axis=1)] == y_test).mean()),
            log_loss=float(log_loss(y_test, probabilities, labels=clf.classes_)), fit_cpu_seconds=seconds,
        )  # fmt: skip


def report(rows: common.Rows) -> str:
    """Return the means over data sets, and how each method compares with one network."""

    def by_dataset(method: str, figure: str) -> dict[str, float]:
        names = dict.fromkeys(row["dataset"] for row in rows.select(method=method))
        return {n: float(np.mean([r[figure] for r in rows.select(method=method, dataset=n)])) for n in names}

    body = []
    one = {figure: by_dataset(ONE, figure) for figure in ("accuracy", "log_loss")}
    for method in METHODS:
        cells = [method]
        for figure, sign in (("accuracy", 1), ("log_loss", -1)):
            values = by_dataset(method, figure)
            gains = np.array([sign * (values[n] - one[figure][n]) for n in values])
            cells.append(f"{np.mean(list(values.values())):.4f}")
            cells.append("" if method == ONE else f"{(gains > 0).sum()}/{(gains < 0).sum()}")
            cells.append("" if method == ONE or not gains.any() else f"{wilcoxon(gains).pvalue:.3f}")
        body.append(cells)
    header = ["", "accuracy", "better/worse", "p", "log-loss", "better/worse", "p"]
    text = common.table(header, body)
    return f"{len(one['accuracy'])} data sets, seeds {sorted({row['seed'] for row in rows.rows})}\n\n{text}"


def main() -> None:
    parser = common.parser(__doc__)
    parser.add_argument("--quick", action="store_true", help="a reduced version, for a first look")
    arguments = parser.parse_args()
    rows = common.rows_of(arguments, "committee", KEYS)
    if not arguments.report:
        for name, seed, split in splits(arguments):
            if {"dataset": name, "method": FIXED, "seed": seed} not in rows:
                rows.drop(dataset=name, seed=seed)
                measure(name, seed, split, arguments.quick, rows)
    print(report(rows))
    print(common.machines(rows.rows))


if __name__ == "__main__":
    main()
