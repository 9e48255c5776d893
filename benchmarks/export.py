#!/usr/bin/env python3
"""What an exported network is worth: exactness, size of the file, and milliseconds, beside other models.

    python benchmarks/export.py [--quick] [--report]

The data are scikit-learn's digits: 797 to learn from, 1,000 to compare on. For each search space one network and a
committee of four are searched (4 trials, defaults otherwise) and written to files: of ONNX, in single precision and in
8 bits, of torch.export, and by ``save``. Gradient boosting, a random forest and logistic regression, with
scikit-learn's defaults but for scaled features of the latter, are converted by skl2onnx.

- **difference**: the largest absolute difference of a probability to ``predict_proba`` over the 1,000 samples.
- **milliseconds** for a sample, in batches of 1 and of 100: the median of repeated calls of ``predict_proba``, of the
  exported graph in torch, and of onnxruntime with both files. Everything has one thread.

--quick takes two spaces, one trial of one epoch, 100 samples and few calls. Needs onnx, onnxscript, onnxruntime and
skl2onnx.
"""

from __future__ import annotations

import _common as common  # before numpy: it limits the threads
import numpy as np

# isort: split
import sys
import tempfile
from pathlib import Path
from typing import Any

import torch
from _onnx import PEERS, Predict, convert, session, timings, versions
from export_tables import file_table, speed_table
from numpy.typing import NDArray
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from skopdist import OpDistNASClassifier
from skopdist.export import to_onnx, to_torch_export

KEYS = ("model", "members", "seed")
# The shape of a sample for each space, of the same 64 pixels.
SHAPES = {
    "dense": (64,),
    "sequence": (8, 8),
    "nasbench201": (1, 8, 8),
    "nasbench101": (1, 8, 8),
    "darts": (1, 8, 8),
    "macro": (1, 8, 8),
}
COMMITTEE, N_TEST = 4, 1000
SEARCH: dict[str, Any] = {"n_trials": 4}
QUICK_SEARCH: dict[str, Any] = {"n_trials": 1, "max_epochs": 1, "n_cells": 1, "channels": 8}
QUICK_SPACES, QUICK_TEST = ("dense", "nasbench201"), 100
Split = tuple[NDArray[Any], NDArray[Any], NDArray[Any], NDArray[Any]]


def split(seed: int, n_test: int) -> Split:
    X, y = load_digits(return_X_y=True)
    parts = train_test_split(X, y, test_size=N_TEST, stratify=y, random_state=seed)
    return parts[0], parts[1][:n_test], parts[2], parts[3][:n_test]


def measure_network(space: str, members: int, seed: int, quick: bool) -> dict[str, Any]:
    X, X_test, y, y_test = split(seed, QUICK_TEST if quick else N_TEST)
    X, X_test = (part.reshape(-1, *SHAPES[space]) for part in (X, X_test))
    settings = (QUICK_SEARCH if quick else SEARCH) | {"n_members": members, "random_state": seed}
    clf = OpDistNASClassifier(search_space=space, **settings).fit(X, y)
    with tempfile.TemporaryDirectory() as folder:
        path = {name: Path(folder) / name for name in ("a.onnx", "b.onnx", "c.pt2", "d.skopdist")}
        plain = to_onnx(clf, path["a.onnx"], X=X_test, y=y_test)
        small = to_onnx(clf, path["b.onnx"], X=X_test, y=y_test, quantize=True)
        traced = to_torch_export(clf, path["c.pt2"], X=X_test)
        clf.save(path["d.skopdist"])
        module = torch.export.load(path["c.pt2"]).module()

        def by_torch(X: NDArray[Any]) -> NDArray[Any]:
            with torch.inference_mode():
                return module(torch.from_numpy(X)).numpy()

        ways: dict[str, Predict] = {
            "predict_proba": clf.predict_proba,
            "torch": by_torch,
            "onnx": session(path["a.onnx"]),
            "onnx 8 bit": session(path["b.onnx"]),
        }
        return {
            "n_members": len(clf.nets_),
            "parameters": clf.n_parameters_,
            "accuracy": plain.accuracy,
            "difference": plain.largest_difference,
            "torch difference": traced.largest_difference,
            "8 bit difference": small.largest_difference,
            "8 bit agreement": small.agreement,
            "8 bit accuracy": small.exported_accuracy,
            "bytes": plain.n_bytes,
            "8 bit bytes": small.n_bytes,
            "pt2 bytes": traced.n_bytes,
            "saved bytes": path["d.skopdist"].stat().st_size,
            **timings(ways, X_test, quick),
        }


def measure_peer(name: str, seed: int, quick: bool) -> dict[str, Any]:
    X, X_test, y, y_test = split(seed, QUICK_TEST if quick else N_TEST)
    model = PEERS[name]().fit(X, y)
    # Features in single precision, as converted trees take them.
    X_test = X_test.astype(np.float32)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.onnx"
        n_bytes = convert(model, X_test, path)
        ways: dict[str, Predict] = {"predict_proba": model.predict_proba, "onnx": session(path)}
        probabilities = model.predict_proba(X_test)
        return {
            "accuracy": float(np.mean(model.classes_[probabilities.argmax(axis=1)] == y_test)),
            "difference": float(np.abs(ways["onnx"](X_test) - probabilities).max()),
            "bytes": n_bytes,
            **timings(ways, X_test, quick),
        }


def run(rows: common.Rows, seed: int, quick: bool) -> None:
    """Measure what is not there yet."""
    # The others first, which take seconds.
    for name in PEERS:
        if {"model": name, "members": 0, "seed": seed} not in rows:
            found = measure_peer(name, seed, quick)
            rows.add(model=name, members=0, seed=seed, **found, load=common.load_average(), versions=versions())
            print(rows.rows[-1], flush=True)
    for space in QUICK_SPACES if quick else SHAPES:
        for members in (1, COMMITTEE):
            if {"model": space, "members": members, "seed": seed} not in rows:
                found = measure_network(space, members, seed, quick)
                rows.add(
                    model=space, members=members, seed=seed, **found, load=common.load_average(), versions=versions()
                )
                print(rows.rows[-1], flush=True)


def report(rows: common.Rows) -> None:
    print(f"\n{file_table(rows)}\n\n{speed_table(rows)}\n\n{common.machines(rows.rows)}")


def main() -> int:
    options = common.parser(__doc__ or "")
    options.add_argument("--quick", action="store_true", help="two spaces, small networks, few samples and calls")
    options.add_argument("--seed", type=int, default=0)
    arguments = options.parse_args()
    rows = common.rows_of(arguments, "export", KEYS)
    if not arguments.report:
        run(rows, arguments.seed, arguments.quick)
    report(rows)
    return 0


if __name__ == "__main__":
    sys.exit(main())
