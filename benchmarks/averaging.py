"""What do four networks gain that see the input in four ways, over four that see it in one?

    python benchmarks/averaging.py --data DIR [--tables vehicle german]
    python benchmarks/averaging.py --report

The references of `DenseSpace`, one for each of four stems, are trained with four seeds each on 75 % of the rows of a
table, and tested on the others. Their probabilities are averaged: those of one stem, those of four stems, and all.
--quick takes one table and one pass.
"""

from __future__ import annotations

import _common as common  # isort: skip - before numpy and torch
import itertools
from typing import Any

import datasets
import numpy as np

from skopdist.evaluators import TrainingEvaluator
from skopdist.spaces import DenseSpace
from skopdist.training import Predictor, Training

KEYS = ("table", "seed")
# Without those on which it takes minutes.
TABLES = (
    "churn", "german", "mfeat_factors", "optdigits", "page_blocks", "phoneme", "ring", "satimage", "segmentation",
    "spambase", "texture", "vehicle", "vowel", "waveform_40", "wine_quality_white", "yeast",
)  # fmt: skip
HEADS = {"one": "one network", "same": "four of one stem", "mixed": "four of four stems", "all": "all sixteen"}


def measure(split: datasets.Split, training: Training, seed: int) -> dict[str, Any]:
    """Train the networks, and test averages of them."""
    X_train, X_test, y_train, y_test = split
    evaluator = TrainingEvaluator(training=training).fit(X_train, y_train, random_state=seed)
    problem, references = evaluator.problem_, DenseSpace().reference_architectures()
    n = len(references)
    jobs = list(itertools.product(range(n), repeat=2))
    nets = evaluator.trainer_.train_many(
        [references[i] for i, _ in jobs], [problem.everything] * len(jobs), [1000 * seed + j for _, j in jobs]
    )
    told = {job: Predictor(net.module_, n_spatial=0)(X_test) for job, net in zip(jobs, nets, strict=True)}
    groups = {
        "one": [[job] for job in jobs],
        "same": [[(i, j) for j in range(n)] for i in range(n)],
        # Each network is in one of them.
        "mixed": [[(i, (i + j) % n) for i in range(n)] for j in range(n)],
        "all": [jobs],
    }
    row = {}
    for name, chosen in groups.items():
        averages = [np.mean([told[job] for job in group], axis=0) for group in chosen]
        found = [datasets.quality(average, problem.classes, y_test) for average in averages]
        for what in ("accuracy", "log_loss"):
            row[f"{name}_{what}"] = round(float(np.mean([values[what] for values in found])), 5)
    return row


def averaging_table(rows: common.Rows) -> str:
    """Lay out the means over the tables, and on how many of them four stems are ahead of one."""
    body = []
    for name, head in HEADS.items():
        means = [np.mean([row[f"{name}_{what}"] for row in rows.rows]) for what in ("accuracy", "log_loss")]
        body.append([head, *(f"{mean:.4f}" for mean in means)])
    ahead = sum(row["mixed_accuracy"] > row["same_accuracy"] for row in rows.rows)
    return (
        common.table([f"{len(rows.rows)} tables", "accuracy", "log-loss"], body)
        + f"\n\nFour of four stems are more accurate than four of one on {ahead} of {len(rows.rows)} tables."
    )


def main() -> None:
    arguments = datasets.parse_tables(__doc__ or "", TABLES)
    rows = common.rows_of(arguments, "averaging", KEYS)
    for table, split in datasets.chosen_tables(arguments):
        key = {"table": table, "seed": arguments.seed}
        if key in rows:
            continue
        row = measure(split, Training(max_epochs=1 if arguments.quick else None), arguments.seed)
        rows.add(**key, **row)
        print(*key.values(), row, flush=True)
    print(averaging_table(rows))
    print(common.machines(rows.rows))


if __name__ == "__main__":
    main()
