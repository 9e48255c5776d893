"""How long does a fit with defaults take, and how good is it, beside an earlier revision of the library?

    python benchmarks/revisions.py --data DIR --earlier feb43bb
    python benchmarks/revisions.py --report

Both revisions are taken from the history with ``git archive``, and fit the same samples in processes of their own, one
after the other, with the same seed: two tables, two sets of series, and 1,000 images of Fashion-MNIST. Nothing but
``random_state`` is given to the estimator. CPU seconds are those of `fit` and do not count the import of torch.
--quick takes one table and the revision that is checked out, twice.
"""

from __future__ import annotations

import _common as common  # isort: skip - before numpy and torch
import argparse
import io
import json
import os
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import datasets
import numpy as np

KEYS = ("age", "revision", "dataset", "seed")
TABLES = ("german", "segmentation")
SERIES = ("SyntheticControl", "SwedishLeaf")
IMAGES = 1000
IMAGES_NAME = "Fashion-MNIST, 1,000 images"
# Of a time when a fit was a search, and had no committee.
EARLIER = "feb43bb"

# Run by a process that knows nothing but the revision in its folder.
FIT = """
import json, sys, time, warnings
import numpy as np, torch
from sklearn.metrics import log_loss
from skopdist import OpDistNASClassifier

torch.set_num_threads(1)
warnings.simplefilter("ignore")
with np.load(sys.argv[1]) as data:
    X_train, X_test, y_train, y_test = (data[name] for name in ("X_train", "X_test", "y_train", "y_test"))
model = OpDistNASClassifier(random_state=int(sys.argv[2]))
begin, begin_cpu = time.perf_counter(), time.process_time()
model.fit(X_train, y_train)
seconds, cpu_seconds = time.perf_counter() - begin, time.process_time() - begin_cpu
told = model.predict_proba(X_test)
print(json.dumps({
    "accuracy": float((model.classes_[told.argmax(axis=1)] == y_test).mean()),
    "log_loss": float(log_loss(y_test, np.clip(told, 1e-6, 1), labels=model.classes_)),
    "cpu_seconds": round(cpu_seconds, 2),
    "seconds": round(seconds, 2),
}))
"""


def splits(arguments: argparse.Namespace) -> Iterator[tuple[str, datasets.Split]]:
    """Give the names of the data sets and their splits."""
    tables = common.data_file(arguments, "tables/pmlb_20.npz")
    for name in TABLES[:1] if arguments.quick else TABLES:
        yield name, datasets.tables(tables, name, arguments.seed)
    if arguments.quick:
        return
    series = common.data_file(arguments, "series/ucr_subset.npz")
    for name in SERIES:
        yield name, datasets.series(series, name)
    X_train, X_test, y_train, y_test = datasets.fashion(arguments, arguments.seed)
    chosen = common.stratified(y_train, IMAGES, arguments.seed)
    yield IMAGES_NAME, (X_train[chosen], X_test, y_train[chosen], y_test)


def check_out(revision: str, folder: Path) -> str:
    """Lay the package of a revision into a folder, and give its short name."""
    root = Path(__file__).parent.parent
    git = ["git", "-C", str(root)]
    name = subprocess.run([*git, "rev-parse", "--short", revision], capture_output=True, text=True, check=True)
    archive = subprocess.run([*git, "archive", revision, "skopdist"], capture_output=True, check=True).stdout
    with tarfile.open(fileobj=io.BytesIO(archive)) as file:
        file.extractall(folder, filter="data")
    return name.stdout.strip()


def measure(folder: Path, split: datasets.Split, seed: int) -> dict[str, Any]:
    """Fit with the package in a folder, in a process of its own."""
    with tempfile.TemporaryDirectory() as place:
        file = Path(place) / "split.npz"
        np.savez(file, **dict(zip(("X_train", "X_test", "y_train", "y_test"), split, strict=True)))
        told = subprocess.run(
            [sys.executable, "-c", FIT, str(file), str(seed)],
            cwd=folder, env={**os.environ, "PYTHONPATH": str(folder)}, capture_output=True, text=True, check=True,
        )  # fmt: skip
    row: dict[str, Any] = json.loads(told.stdout.splitlines()[-1])
    return row


def revision_table(rows: common.Rows) -> str:
    """Lay the two revisions side by side, data set by data set."""
    body = []
    for name in dict.fromkeys(row["dataset"] for row in rows.rows):
        by_age = {row["age"]: row for row in rows.select(dataset=name)}
        if set(by_age) != {"earlier", "later"}:
            continue
        earlier, later = by_age["earlier"], by_age["later"]
        ratio = earlier["cpu_seconds"] / later["cpu_seconds"]
        line = [name]
        for row in (earlier, later):
            line += [f"{row['cpu_seconds']:.0f}", f"{row['accuracy']:.4f}", f"{row['log_loss']:.3f}"]
        body.append([*line, f"{ratio:.1f}"])
    head = ["accuracy", "log-loss"]
    return common.table(["data", "earlier: CPU s", *head, "now: CPU s", *head, "times as fast"], body)


def main() -> None:
    parser = common.parser(__doc__ or "")
    parser.add_argument("--earlier", default=EARLIER, help=f"the revision to compare with; {EARLIER} by default")
    parser.add_argument("--later", default="HEAD", help="the revision that is compared; the one checked out by default")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--quick", action="store_true", help="one table, and the revision that is checked out")
    arguments = parser.parse_args()
    rows = common.rows_of(arguments, "revisions", KEYS)
    if not arguments.report:
        revisions = {"earlier": "HEAD" if arguments.quick else arguments.earlier, "later": arguments.later}
        with tempfile.TemporaryDirectory() as place:
            folders = {age: Path(place) / age for age in revisions}
            names = {age: check_out(revision, folders[age]) for age, revision in revisions.items()}
            for dataset, split in splits(arguments):
                for age, name in names.items():
                    key = {"age": age, "revision": name, "dataset": dataset, "seed": arguments.seed}
                    if key in rows:
                        continue
                    row = measure(folders[age], split, arguments.seed)
                    rows.add(**key, **row)
                    print(*key.values(), row, flush=True)
    print(revision_table(rows))
    print(common.machines(rows.rows))


if __name__ == "__main__":
    main()
