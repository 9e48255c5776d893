"""Accuracy and seconds of one training by the size of batches, on large tables.

    python benchmarks/batches.py --data DIR [--tables adult letter magic]
    python benchmarks/batches.py --report

The references of `DenseSpace`, one for each stem, are trained once on 75 % of the rows and tested on the others: with
batches of 128 and the learning rate of smaller tables, and as the library does by default. --quick takes one table and
one pass.
"""

from __future__ import annotations

import _common as common  # isort: skip - before numpy and torch
import time
from typing import Any

import datasets

from skopdist import Architecture
from skopdist.evaluators import TrainingEvaluator
from skopdist.spaces import STEM, DenseSpace
from skopdist.training import Predictor, Training

KEYS = ("table", "stem", "batches", "seed")
TABLES = ("adult", "letter", "magic")
RECIPES: dict[str, dict[str, Any]] = {"128": {"batch_size": 128, "lr": 0.05}, "default": {}}


def stem_of(architecture: Architecture) -> str:
    return architecture.cell(STEM).operations[0]


def measure(architecture: Architecture, split: datasets.Split, training: Training, seed: int) -> dict[str, Any]:
    """Train one network and test it."""
    X_train, X_test, y_train, y_test = split
    evaluator = TrainingEvaluator(training=training).fit(X_train, y_train, random_state=seed)
    problem, trainer = evaluator.problem_, evaluator.trainer_
    begin = time.process_time()
    net = trainer.train(architecture, problem.everything, seed)
    seconds = time.process_time() - begin
    return {
        "rows": len(X_train),
        "batch_size": trainer.training.batch_size_for(len(problem.everything), 0),
        "lr": trainer.training.lr,
        **datasets.quality(Predictor(net.module_, n_spatial=0)(X_test), problem.classes, y_test),
        "cpu_seconds": round(seconds, 1),
    }


def batch_table(rows: common.Rows) -> str:
    """Lay out what was measured, a line for each table and stem."""
    found = {tuple(row[key] for key in KEYS): row for row in rows.rows}
    body = []
    for table, stem, seed in dict.fromkeys((key[0], key[1], key[3]) for key in found):
        pair = [found[key] for key in ((table, stem, batches, seed) for batches in RECIPES) if key in found]
        if len(pair) < len(RECIPES):
            continue
        figures = [
            [str(row["batch_size"]), f"{row['accuracy']:.4f}", f"{row['log_loss']:.3f}", f"{row['cpu_seconds']:.0f}"]
            for row in pair
        ]
        body.append([f"{table}, {pair[0]['rows']:,} rows, `{stem}`", *figures[0], *figures[1]])
    heads = ["batch", "accuracy", "log-loss", "CPU s"]
    return common.table(["table and stem", *heads, *heads], body)


def main() -> None:
    arguments = datasets.parse_tables(__doc__ or "", TABLES)
    rows = common.rows_of(arguments, "batches", KEYS)
    for table, split in datasets.chosen_tables(arguments):
        for architecture in DenseSpace().reference_architectures():
            for batches, recipe in RECIPES.items():
                key = {"table": table, "stem": stem_of(architecture), "batches": batches, "seed": arguments.seed}
                if key in rows:
                    continue
                training = Training(max_epochs=1 if arguments.quick else None, **recipe)
                row = measure(architecture, split, training, arguments.seed)
                rows.add(**key, **row)
                print(*key.values(), row["accuracy"], row["cpu_seconds"], flush=True)
    print(batch_table(rows))
    print(common.machines(rows.rows))


if __name__ == "__main__":
    main()
