"""Does `max_time` hold? Seconds of whole fits under a limit, from 100 rows to 60,000 images, with one and two workers.

    python benchmarks/time_limit.py [--data DIR] [--budgets 10 60]
    python benchmarks/time_limit.py --report

A fit may take a tenth and two seconds more than its limit. Every fit has to end with something that predicts. With two
workers the limit includes their start. The rows are in results/time_limit.jsonl; what is there already is not computed
again. --quick takes 100 rows and two seconds.
"""

from __future__ import annotations

import _common as common  # isort: skip - before numpy and torch
import argparse
import time
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.datasets import make_classification

from skopdist import OpDistNASClassifier
from skopdist.strategies import BayesianOptimization, DifferentiableSearch

KEYS = ("data", "strategy", "budget", "n_jobs")
STRATEGIES = {"bayesian": BayesianOptimization, "differentiable": DifferentiableSearch}
BUDGETS = (10, 60)
ALLOWED_SHARE, ALLOWED_SECONDS = 0.1, 2.0

Data = tuple[NDArray[Any], NDArray[Any]]


def rows_of(n: int) -> Data:
    return make_classification(n, 20, n_informative=8, n_classes=3, random_state=0)


def series(n: int, length: int) -> Data:
    rng = np.random.default_rng(0)
    y = rng.integers(3, size=n)
    phases = rng.uniform(0, 2 * np.pi, size=(n, 1))
    X = np.sin(np.arange(length) * (0.1 + 0.05 * y[:, None]) + phases) + rng.normal(scale=0.5, size=(n, length))
    return X[:, None], y


def images(n: int) -> Data:
    """Images of noise with a bright quarter, as large as those of Fashion-MNIST: only their number and size matter."""
    rng = np.random.default_rng(0)
    y = rng.integers(4, size=n)
    X = rng.integers(0, 150, size=(n, 1, 28, 28), dtype=np.uint8)
    for label, (row, column) in enumerate(((0, 0), (0, 14), (14, 0), (14, 14))):
        X[y == label, :, row : row + 14, column : column + 14] += 100
    return X, y


DATA: dict[str, Callable[[], Data]] = {
    "100 rows": lambda: rows_of(100),
    "5,000 rows": lambda: rows_of(5000),
    "200,000 rows": lambda: rows_of(200_000),
    "500 series of 500": lambda: series(500, 500),
    "1,000 images": lambda: images(1000),
    "60,000 images": lambda: images(60_000),
}


def measure(X: NDArray[Any], y: NDArray[Any], strategy: str, budget: float, n_jobs: int) -> dict[str, Any]:
    clf = OpDistNASClassifier(STRATEGIES[strategy](), max_time=budget, n_jobs=n_jobs, random_state=0)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        begin = time.monotonic()
        clf.fit(X, y)
        seconds = time.monotonic() - begin
    return {
        "seconds": round(seconds, 2),
        "n_trials": sum(not trial.final for trial in clf.trials_),
        "n_members": len(clf.nets_),
        "passes": round(float(np.mean([len(net.history) for net in clf.nets_])), 1),
        "fidelity": round(float(clf.trials_[0].fidelity), 3),
        "training_accuracy": float((clf.predict(X[:1000]) == y[:1000]).mean()),
        "warnings": sorted({str(w.message)[:60] for w in caught}),
        "load": round(common.load_average(), 1),
    }


def limit_table(rows: common.Rows) -> str:
    """Lay out the seconds of the fits beside their limits."""
    body = []
    for row in rows.rows:
        allowed = row["budget"] * (1 + ALLOWED_SHARE) + ALLOWED_SECONDS
        body.append(
            (
                row["data"],
                row["strategy"],
                row["n_jobs"],
                row["budget"],
                f"{row['seconds']:.1f}",
                "yes" if row["seconds"] <= allowed else "no",
                row["n_trials"],
                row["n_members"],
            )
        )
    return common.table(["data", "strategy", "workers", "limit s", "seconds", "held", "trials", "members"], body)


def main() -> None:
    parser = common.parser(__doc__ or "")
    parser.add_argument("--budgets", type=float, nargs="+", default=list(BUDGETS))
    parser.add_argument("--only", nargs="+", choices=list(DATA), default=list(DATA))
    parser.add_argument("--quick", action="store_true", help="100 rows and two seconds")
    parser.add_argument("--redo", action="store_true", help="forget the stored rows that are asked for")
    arguments: argparse.Namespace = parser.parse_args()
    rows = common.rows_of(arguments, "time_limit", KEYS)
    if not arguments.report:
        names, budgets = (["100 rows"], [2.0]) if arguments.quick else (arguments.only, arguments.budgets)
        for name in names:
            data: Data | None = None
            for strategy, n_jobs, budget in [
                (s, n, b) for b in budgets for s, n in (("bayesian", 1), ("bayesian", 2), ("differentiable", 1))
            ]:
                key = {"data": name, "strategy": strategy, "budget": budget, "n_jobs": n_jobs}
                if arguments.redo:
                    rows.drop(**key)
                if key in rows:
                    continue
                data = DATA[name]() if data is None else data
                row = measure(*data, strategy, budget, n_jobs)
                rows.add(**key, **row)
                print(f"{name:18} {strategy:14} {n_jobs} workers {budget:4} s: {row}", flush=True)
    print(limit_table(rows))
    print(common.machines(rows.rows))


if __name__ == "__main__":
    main()
