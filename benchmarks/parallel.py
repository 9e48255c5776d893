"""Wall time of a search on digits with one and with two workers, and whether both find the same.

    python benchmarks/parallel.py [--quick] [--report]

--quick makes one search of 6 trials of 3 epochs, instead of three of 12 of 10.
"""

from __future__ import annotations

import _common as common  # isort: skip - before numpy and torch
import time

import numpy as np
from joblib import Parallel, delayed
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from skopdist import OpDistNASClassifier

KEYS = ("n_jobs", "seed", "repetition")


def fit(n_jobs: int, seed: int, n_trials: int, max_epochs: int) -> tuple[OpDistNASClassifier, float]:
    """Search on digits, and give the estimator and its seconds; the final training is no part of it."""
    X, y = load_digits(return_X_y=True)
    X, _, y, _ = train_test_split(X, y, stratify=y, random_state=seed)
    clf = OpDistNASClassifier(
        n_trials=n_trials, max_epochs=max_epochs, input_shape=(1, 8, 8), n_jobs=n_jobs, random_state=seed, refit=False
    )
    begin = time.perf_counter()
    clf.fit(X, y)
    return clf, time.perf_counter() - begin


def equal(a: dict[str, np.ndarray], b: dict[str, np.ndarray]) -> bool:
    return a.keys() == b.keys() and all(np.array_equal(a[k], b[k], equal_nan=a[k].dtype.kind == "f") for k in a)


def report(rows: common.Rows) -> None:
    body, ratios = [], []
    for one in rows.select(n_jobs=1):
        for two in rows.select(n_jobs=2, seed=one["seed"], repetition=one["repetition"]):
            ratios.append(one["seconds"] / two["seconds"])
            body.append([
                one["seed"], one["n_trials"], f"{one['seconds']:.1f}", f"{two['seconds']:.1f}", f"{ratios[-1]:.2f}",
                "yes" if two["same_results"] else "NO",
                f"{one['load']:.1f} / {two['load']:.1f}",
            ])  # fmt: skip
    header = ["seed", "trials", "1 worker s", "2 workers s", "speed-up", "same results", "load before"]
    print(common.table(header, body))
    if ratios:
        print(f"\nMedian speed-up {np.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f}).")
    print(common.machines(rows.rows))


def main() -> None:
    parser = common.parser(__doc__ or "")
    parser.add_argument("--quick", action="store_true", help="one short search")
    arguments = parser.parse_args()
    repetitions, n_trials, max_epochs = (1, 6, 3) if arguments.quick else (3, 12, 10)
    rows = common.rows_of(arguments, "parallel", KEYS)
    if not arguments.report:
        # Workers are started, and import torch, once in a session; that is not part of a search.
        Parallel(n_jobs=2)(delayed(fit)(1, 0, 1, 1) for _ in range(2))
        for repetition in range(repetitions):
            keys = [{"n_jobs": n_jobs, "seed": repetition, "repetition": repetition} for n_jobs in (1, 2)]
            if all(key in rows for key in keys):
                continue
            found = []
            for key in keys:
                rows.drop(**key)
                load = common.load_average()
                clf, seconds = fit(key["n_jobs"], key["seed"], n_trials, max_epochs)
                found.append(clf.search_results_)
                rows.add(
                    **key,
                    seconds=seconds,
                    validation_score=clf.best_score_,
                    load=load,
                    n_trials=n_trials,
                    max_epochs=max_epochs,
                    same_results=equal(found[0], found[-1]),
                )
                print(f"{key}: {seconds:.1f} s", flush=True)
    report(rows)


if __name__ == "__main__":
    main()
