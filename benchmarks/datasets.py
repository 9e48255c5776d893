"""OpDistNASClassifier with one network on images, series and tables, beside models that a user would try first.

`practice.py` compares committees, which are the default, at equal seconds.

Every method sees the same training samples and is tested on the same others. The rows are in results/datasets.jsonl;
what is there already is not computed again.

    python benchmarks/datasets.py --suite digits
    python benchmarks/datasets.py --data DIR                  # all suites
    python benchmarks/datasets.py --report

--quick computes one seed on the digits, 1,000 images of Fashion-MNIST, one set of series and two tables, with 4 trials
of 4 epochs.
"""

from __future__ import annotations

import _common as common  # isort: skip - before numpy and torch
import argparse
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from skopdist import Architecture, Cell, OpDistNASClassifier
from skopdist.evaluators import TrainingEvaluator
from skopdist.spaces import SearchSpace
from skopdist.strategies import RandomSearch
from skopdist.training import Predictor, Training

KEYS = ("suite", "dataset", "method", "seed")
OURS = "OpDistNASClassifier"
RANDOM = "OpDistNASClassifier, random search"
# The searches of the estimator: by default, and by the plainest strategy.
SEARCHES = {OURS: None, RANDOM: RandomSearch()}
METHODS = (*SEARCHES, "fixed cell", "gradient boosting", "logistic regression", "majority class")
# The strongest operation, at every place of a cell that is as long as those that are searched.
STRONGEST = {0: "linear_relu", 1: "conv_5", 2: "nor_conv_3x3"}
SEEDS = {"digits": 5, "fashion": 3, "series": 3, "tables": 3}
N_TRIALS = {"digits": 20, "fashion": 4, "series": 20, "tables": 20}
MAX_EPOCHS = {"digits": 20, "fashion": 8, "series": 20, "tables": 20}
FASHION_TRAINING = 10_000
QUICK_SERIES = ("SyntheticControl",)
QUICK_TABLES = ("segmentation", "vowel")
QUICK_IMAGES, QUICK_TRIALS, QUICK_EPOCHS = 1000, 4, 4

_SMALLEST = 1e-6

TIMES = ("fit_seconds", "fit_cpu_seconds", "predict_seconds")

Split = tuple[NDArray[Any], NDArray[Any], NDArray[Any], NDArray[Any]]


def suites(arguments: argparse.Namespace) -> Iterator[tuple[str, str, Callable[[int], Split]]]:
    """Give (suite, data set, function that gives the split of a seed)."""
    for suite in arguments.suite:
        if suite == "digits":
            yield suite, "digits", digits
        elif suite == "fashion":
            yield suite, "Fashion-MNIST 10k", lambda seed: fashion(arguments, seed)
        elif suite == "series":
            file = common.data_file(arguments, "series/ucr_subset.npz")
            with np.load(file) as data:
                names = sorted(key.removesuffix("__X_train") for key in data.files if key.endswith("__X_train"))
            for name in QUICK_SERIES if arguments.quick else names:
                yield suite, name, lambda seed, file=file, name=name: series(file, name)
        else:
            file = common.data_file(arguments, "tables/pmlb_20.npz")
            with np.load(file) as data:
                names = sorted(key.removesuffix("__X") for key in data.files if key.endswith("__X"))
            for name in QUICK_TABLES if arguments.quick else names:
                yield suite, name, lambda seed, file=file, name=name: tables(file, name, seed)


def digits(seed: int) -> Split:
    X, y = load_digits(return_X_y=True)
    X_train, X_test, y_train, y_test = train_test_split(X, y, stratify=y, random_state=seed)
    return X_train.reshape(-1, 1, 8, 8), X_test.reshape(-1, 1, 8, 8), y_train, y_test


def fashion(arguments: argparse.Namespace, seed: int) -> Split:
    X_train, y_train = common.load_images(arguments, "fashion_mnist")
    X_test, y_test = common.load_images(arguments, "fashion_mnist", "test")
    if arguments.quick:
        X_test, y_test = X_test[:QUICK_IMAGES], y_test[:QUICK_IMAGES]
    chosen = common.stratified(y_train, QUICK_IMAGES if arguments.quick else FASHION_TRAINING, seed)
    return X_train[chosen], X_test, y_train[chosen], y_test


def series(file: Any, name: str) -> Split:
    with np.load(file) as data:
        X_train, X_test = (data[f"{name}__X_{part}"][:, None, :] for part in ("train", "test"))
        return X_train, X_test, data[f"{name}__y_train"], data[f"{name}__y_test"]


def tables(file: Any, name: str, seed: int) -> Split:
    with np.load(file) as data:
        X, y = data[f"{name}__X"], data[f"{name}__y"]
    return tuple(train_test_split(X, y, stratify=y, random_state=seed))


def parse_tables(doc: str, names: Sequence[str]) -> argparse.Namespace:
    """Parse the arguments of a script on tables, by default those of these names."""
    parser = common.parser(doc)
    parser.add_argument("--tables", nargs="+", default=names)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--quick", action="store_true", help="one table and one pass")
    return parser.parse_args()


def chosen_tables(arguments: argparse.Namespace) -> Iterator[tuple[str, Split]]:
    """Yield the names and splits of the tables that are to be measured: none for a report."""
    for name in () if arguments.report else arguments.tables[:1] if arguments.quick else arguments.tables:
        yield name, tables(common.data_file(arguments, "tables/pmlb_20.npz"), name, arguments.seed)


def quality(probabilities: NDArray[Any], classes: NDArray[Any], y: NDArray[Any]) -> dict[str, float]:
    """Give the accuracy and the log-loss of probabilities, none of which counts as less than a millionth."""
    probabilities = np.clip(probabilities, _SMALLEST, 1)
    probabilities /= probabilities.sum(axis=1, keepdims=True)
    return {
        "accuracy": float((classes[probabilities.argmax(axis=1)] == y).mean()),
        "log_loss": float(log_loss(y, probabilities, labels=classes)),
    }


def fixed_cell(space: SearchSpace) -> Architecture:
    """Make the cell of the strongest operation only, as long as those that are searched."""
    edges = space.sample(space.uniform(), random_state=0).cells[0].edges
    return Architecture([Cell([STRONGEST[space.n_spatial]] * len(edges), edges)], layout=space.layout)


class FixedCell:
    """A cell of the strongest operation only, trained as the estimator trains what it found."""

    def __init__(self, seed: int, max_epochs: int) -> None:
        self.seed = seed
        self.max_epochs = max_epochs

    def fit(self, X: NDArray[Any], y: NDArray[Any]) -> FixedCell:
        if X.ndim == 4 and X.dtype != np.uint8:
            X = X.astype(np.float32)
        training = Training(max_epochs=self.max_epochs)
        self.evaluator = TrainingEvaluator(training=training).fit(X, y, random_state=self.seed)
        architecture = fixed_cell(self.evaluator.search_space)
        self.net = self.evaluator.trainer_.train(architecture, self.evaluator.problem_.everything, self.seed)
        return self

    def predict(self, X: NDArray[Any]) -> NDArray[Any]:
        probabilities = Predictor(self.net.module_, X.ndim - 2)(X)
        return self.evaluator.problem_.classes[probabilities.argmax(axis=1)]

    def cost(self) -> float:
        return float(len(self.net.history))


def make(method: str, suite: str, seed: int, n_trials: int, max_epochs: int) -> Any:
    flatten = FunctionTransformer(lambda X: X.reshape(len(X), -1))
    if method in SEARCHES:
        return OpDistNASClassifier(
            SEARCHES[method], n_trials=n_trials, n_members=1, max_epochs=max_epochs, random_state=seed
        )
    if method == "fixed cell":
        return FixedCell(seed, max_epochs)
    if method == "gradient boosting":
        return make_pipeline(flatten, HistGradientBoostingClassifier(random_state=seed))
    if method == "logistic regression":
        # A small C for pixels, which otherwise overfit and need thousands of iterations.
        model = LogisticRegression(max_iter=1000, C=0.01 if suite == "fashion" else 1.0)
        return make_pipeline(flatten, StandardScaler(), model)
    return make_pipeline(flatten, clone(DummyClassifier()))


def measure(method: str, suite: str, seed: int, split: Split, n_trials: int, max_epochs: int) -> dict[str, Any]:
    """Fit and test one method, and give its figures."""
    X_train, X_test, y_train, y_test = split
    model = make(method, suite, seed, n_trials, max_epochs)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        begin, begin_cpu = time.perf_counter(), time.process_time()
        model.fit(X_train, y_train)
        fitted, fitted_cpu = time.perf_counter(), time.process_time()
    accuracy = float(np.mean(model.predict(X_test) == y_test))
    row = {
        "accuracy": accuracy,
        "fit_seconds": round(fitted - begin, 3),
        "fit_cpu_seconds": round(fitted_cpu - begin_cpu, 3),
        "predict_seconds": round(time.perf_counter() - fitted, 3),
        "n_train": len(y_train),
        "n_test": len(y_test),
        "shape": list(X_train.shape[1:]),
        "n_classes": len(np.unique(y_train)),
    }
    if method in SEARCHES:
        trainer = model.evaluator_.trainer_
        row |= {
            "epochs": sum(trial.cost for trial in model.trials_) + len(model.net_.history),
            "n_trials": len(model.trials_),
            "validation_score": model.best_score_,
            "architecture": str(model.best_architecture_),
            "best_distribution": dict(
                zip(
                    model.best_distribution_.operations,
                    np.asarray(model.best_distribution_).round(4).tolist(),
                    strict=True,
                )
            ),
            "recipe": {
                "channels": trainer.channels,
                "n_cells": trainer.n_cells,
                "max_epochs": trainer.training.max_epochs,
                "batch_size": trainer.training.batch_size_for(len(trainer.problem.training), trainer.problem.n_spatial),
                "lr": trainer.training.optimizer_params()["lr"],
            },
        }
    elif method == "fixed cell":
        row["epochs"] = model.cost()
    return row


def report(rows: common.Rows) -> None:
    for suite in SEEDS:
        stored = rows.select(suite=suite)
        if not stored:
            continue
        names = list(dict.fromkeys(row["dataset"] for row in stored))
        print(f"\n## {suite}: test accuracy, mean over the seeds\n")
        body, means = [], {}
        for name in names:
            line: list[Any] = [name]
            for method in METHODS:
                found = rows.select(suite=suite, dataset=name, method=method)
                values = [row["accuracy"] for row in found]
                means[name, method] = np.mean(values) if values else np.nan
                line.append(common.mean_and_deviation(values) if values else "-")
            line.append(len({row["seed"] for row in stored if row["dataset"] == name and row["method"] == OURS}))
            body.append(line)
        if len(names) > 1:
            complete = [n for n in names if all(np.isfinite(means[n, m]) for m in METHODS)]
            body.append(["mean", *(f"{np.mean([means[n, m] for n in complete]):.4f}" for m in METHODS), len(complete)])
            wins = [
                "-" if m == OURS else "{}-{}-{}".format(*_wins([means[n, OURS] - means[n, m] for n in complete]))
                for m in METHODS
            ]
            body.append(["ours better-equal-worse", *wins, ""])
        print(common.table(["data set", *METHODS, "seeds"], body))
        print("\nCost of a fit, median over the rows: passes over the training set, and seconds in one thread\n")
        body = []
        for method in METHODS:
            found = rows.select(suite=suite, method=method)
            if found:
                epochs = [row["epochs"] for row in found if "epochs" in row]
                seconds = [np.median([row[name] for row in found]) for name in TIMES]
                passes = f"{np.median(epochs):.0f}" if epochs else "-"
                body.append([method, passes, *(f"{value:.2f}" for value in seconds)])
        print(common.table(["method", "epochs", "fit s", "fit CPU s", "predict s"], body))
    print("\n" + common.machines(rows.rows))


def _wins(differences: list[float]) -> tuple[int, int, int]:
    signs = np.sign(np.round(differences, 6))
    return int((signs > 0).sum()), int((signs == 0).sum()), int((signs < 0).sum())


def main() -> None:
    parser = common.parser(__doc__ or "")
    parser.add_argument("--suite", nargs="+", choices=list(SEEDS), default=list(SEEDS))
    parser.add_argument("--seeds", type=int, help="number of seeds; by default 5 for digits and 3 for the others")
    parser.add_argument("--methods", nargs="+", choices=METHODS, default=list(METHODS))
    parser.add_argument("--datasets", nargs="+", help="only these data sets of a suite")
    parser.add_argument("--quick", action="store_true", help="one seed, fewer data, and shorter searches")
    parser.add_argument("--redo", action="store_true", help="forget the stored rows that are asked for")
    arguments = parser.parse_args()
    rows = common.rows_of(arguments, "datasets", KEYS)
    if not arguments.report:
        # Seeds outermost, so that an interrupted run has all data sets.
        work = [
            (seed, *item)
            for seed in range(max(SEEDS.values()) if arguments.seeds is None else arguments.seeds)
            for item in suites(arguments)
        ]
        for seed, suite, name, load in work:
            if seed >= (1 if arguments.quick else arguments.seeds or SEEDS[suite]):
                continue
            if arguments.datasets and name not in arguments.datasets:
                continue
            split: Split | None = None
            for method in arguments.methods:
                key = {"suite": suite, "dataset": name, "method": method, "seed": seed}
                if arguments.redo:
                    rows.drop(**key)
                if key in rows:
                    continue
                split = load(seed) if split is None else split
                size = (QUICK_TRIALS, QUICK_EPOCHS) if arguments.quick else (N_TRIALS[suite], MAX_EPOCHS[suite])
                row = measure(method, suite, seed, split, *size)
                rows.add(**key, **row)
                print(
                    f"{suite:8} {name:32} {method:20} seed {seed}: {row['accuracy']:.4f}  {row['fit_seconds']:.1f} s",
                    flush=True,
                )
    report(rows)


if __name__ == "__main__":
    main()
