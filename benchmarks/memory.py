#!/usr/bin/env python3
"""What a fit, a stored model and a prediction take, as ratios to what they are made of.

    python benchmarks/memory.py [--quick] [--report]

- **fit**: the most memory that a fit takes beyond its data (the process's largest resident set, minus that before the
  fit), as a multiple of the data. One trial of one epoch, and the final training; defaults otherwise. A fit to a
  hundred of the rows comes before, for torch loads much of itself only when it first trains; what that takes is told
  apart.
- **pickle**: the size of a fitted estimator's pickle after twenty trials on digits, as a multiple of the weights of
  its network, for each strategy; and the bytes beyond the weights for each trial.
- **predict**: the memory that a prediction of 60,000 images of 28x28 in float64 takes at its most, and what of it the
  process keeps after the third one, both as multiples of the images.
- **one row**: the milliseconds of ``predict_proba`` for one flat row, and their ratio to those of the bare network in
  the same precision: the median of 500 pairs, in turns.

Each is measured in a process of its own, with the libraries loaded. --quick takes a tenth of the rows. Linux only.
"""

from __future__ import annotations

import _common as common  # before numpy: it limits the threads
import numpy as np

# isort: split
import gc
import pickle
import sys
import time
from collections.abc import Callable
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import torch
from numpy.typing import NDArray
from sklearn.datasets import load_digits

from skopdist import OpDistNASClassifier
from skopdist.strategies import (
    BayesianOptimization,
    DifferentiableSearch,
    LocalSearch,
    RandomSearch,
    RegularizedEvolution,
    Strategy,
)

KEYS = ("kind", "case")
SHAPES = {"60,000 x 784": (60_000, 784), "200,000 x 50": (200_000, 50), "1,000,000 x 10": (1_000_000, 10)}
STRATEGIES: dict[str, Strategy] = {
    type(strategy).__name__: strategy
    for strategy in (
        RandomSearch(),
        LocalSearch(),
        RegularizedEvolution(),
        BayesianOptimization(),
        DifferentiableSearch(),
    )
}
N_TRIALS, N_PAIRS = 20, 500
SHORT = {"n_trials": 1, "n_members": 1, "max_epochs": 1, "random_state": 0}


def apart(measure: Callable[..., dict[str, float]], *arguments: Any) -> dict[str, float]:
    """Measure in a process of its own."""
    with get_context("fork").Pool(1) as pool:
        return pool.apply(measure, arguments)


def resident(name: str) -> int:
    """Give the bytes of the resident set of this process: now (VmRSS), or at its largest (VmHWM)."""
    (line,) = [line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith(name)]
    return 1024 * int(line.split()[1])


def begin() -> int:
    """Give the bytes that are resident, and count the largest number anew."""
    gc.collect()
    Path("/proc/self/clear_refs").write_text("5")
    return resident("VmRSS")


def make_data(shape: tuple[int, ...]) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Draw data of three classes."""
    X = np.random.default_rng(0).standard_normal(shape)
    rows = X.reshape(len(X), -1)
    return X, (rows[:, 0] > 0).astype(np.int64) + (rows[:, 1] > 1)


def fitting(n: int, width: int) -> dict[str, float]:
    X, y = make_data((n, width))
    before = begin()
    OpDistNASClassifier(**SHORT).fit(X[:100].copy(), y[:100])
    first = resident("VmHWM") - before
    before = begin()
    OpDistNASClassifier(**SHORT).fit(X, y)
    return {"data_bytes": X.nbytes, "peak_bytes": resident("VmHWM") - before, "first_fit_bytes": first}


def storing(strategy: str) -> dict[str, float]:
    X, y = load_digits(return_X_y=True)
    clf = OpDistNASClassifier(STRATEGIES[strategy], **SHORT | {"n_trials": N_TRIALS}).fit(X[:300], y[:300])
    weights = sum(tensor.nbytes for tensor in clf.net_.module_.state_dict().values())
    return {"weight_bytes": weights, "pickle_bytes": len(pickle.dumps(clf)), "n_trials": N_TRIALS}


def predicting(n: int) -> dict[str, float]:
    X, y = make_data((n, 1, 28, 28))
    clf = OpDistNASClassifier(**SHORT, n_cells=1, channels=4).fit(X[:500].copy(), y[:500])
    # What torch keeps from the first call of its kernels is no matter of the number of images.
    clf.predict_proba(X[:512])
    before = begin()
    kept = []
    for _ in range(3):
        clf.predict_proba(X)
        gc.collect()
        kept.append(resident("VmRSS") - before)
    return {"data_bytes": X.nbytes, "peak_bytes": resident("VmHWM") - before, "kept_bytes": kept[-1]}


def one_row() -> dict[str, float]:
    X, y = make_data((300, 10))
    clf = OpDistNASClassifier(**SHORT).fit(X, y)
    bare = clf._predictor.predictors[0].module
    row = X[:1]
    x = torch.from_numpy(row)
    times: list[list[float]] = [[], []]
    for _ in range(N_PAIRS):
        start = time.perf_counter()
        clf.predict_proba(row)
        middle = time.perf_counter()
        with torch.inference_mode():
            bare(x)
        times[0].append(middle - start)
        times[1].append(time.perf_counter() - middle)
    whole, alone = np.array(times)
    return {
        "milliseconds": 1000 * float(np.median(whole)),
        "bare_milliseconds": 1000 * float(np.median(alone)),
        "ratio": float(np.median(whole / alone)),
        "load": common.load_average(),
    }


def run(rows: common.Rows, quick: bool) -> None:
    """Measure what is not there yet."""
    share = 10 if quick else 1
    tasks: list[tuple[str, str, Callable[..., dict[str, float]], tuple[Any, ...]]] = [
        *(("fit", case, fitting, (n // share, width)) for case, (n, width) in SHAPES.items()),
        *(("pickle", name, storing, (name,)) for name in STRATEGIES),
        ("predict", "60,000 images", predicting, (60_000 // share,)),
        ("one row", "10 features", one_row, ()),
    ]
    for kind, case, measure, arguments in tasks:
        if {"kind": kind, "case": case} not in rows:
            rows.add(kind=kind, case=case, **apart(measure, *arguments))
            print(rows.rows[-1], flush=True)


def times(part: float, whole: float) -> str:
    return f"{part / whole:.2f}"


def fit_table(rows: common.Rows) -> str:
    """Lay out the peak of fits beyond their data."""
    body = [
        [row["case"], f"{row['data_bytes'] / 2**20:.0f}", times(row["peak_bytes"], row["data_bytes"])]
        for row in rows.select(kind="fit")
    ]
    return common.table(["data, float64", "MiB", "most memory beyond them, as a multiple"], body)


def first_fit_text(rows: common.Rows) -> str:
    """Give the MiB that the first fit of a process takes, however small it is."""
    return f"{max(row['first_fit_bytes'] for row in rows.select(kind='fit')) / 2**20:.0f}"


def pickle_table(rows: common.Rows) -> str:
    """Lay out the sizes of pickles."""
    body = []
    for row in rows.select(kind="pickle"):
        beyond = (row["pickle_bytes"] - row["weight_bytes"]) / row["n_trials"]
        weights = f"{row['weight_bytes'] / 1024:.0f}"
        body.append([f"`{row['case']}`", weights, times(row["pickle_bytes"], row["weight_bytes"]), f"{beyond:.0f}"])
    return common.table(["strategy", "KiB of weights", "pickle, as a multiple", "bytes beyond, for each trial"], body)


def predict_text(rows: common.Rows, what: str) -> str:
    """Say what a prediction takes at its most (``peak``), or what is ``kept`` of it, as a multiple of the images."""
    (row,) = rows.select(kind="predict")
    return f"{row[f'{what}_bytes'] / row['data_bytes']:.3f}".replace("0.", ".", 1)


def one_row_text(rows: common.Rows, what: str) -> str:
    """Give the ``milliseconds`` of one row, or their ``ratio`` to those of the bare network."""
    (row,) = rows.select(kind="one row")
    return f"{row[what]:.1f}"


def report(rows: common.Rows) -> None:
    print(f"\n{fit_table(rows)}\n\n{pickle_table(rows)}")
    if rows.select(kind="fit"):
        print(f"\nThe first fit of a process takes {first_fit_text(rows)} MiB more.")
    if rows.select(kind="predict"):
        peak, kept = (predict_text(rows, what) for what in ("peak", "kept"))
        print(f"\nPredicting images takes {peak} of their bytes at the most, and {kept} are kept.")
    if rows.select(kind="one row"):
        milliseconds, ratio = (one_row_text(rows, what) for what in ("milliseconds", "ratio"))
        print(f"One row takes {milliseconds} ms, {ratio} times the bare network.")
    print(f"\n{common.machines(rows.rows)}")


def main() -> int:
    options = common.parser(__doc__ or "")
    options.add_argument("--quick", action="store_true", help="a tenth of the rows")
    arguments = options.parse_args()
    rows = common.rows_of(arguments, "memory", KEYS)
    if not arguments.report:
        run(rows, arguments.quick)
    report(rows)
    return 0


if __name__ == "__main__":
    sys.exit(main())
