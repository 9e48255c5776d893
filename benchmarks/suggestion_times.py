#!/usr/bin/env python3
"""What a suggestion of BayesianOptimization costs, beside Optuna's TPE, and a fit of its Gaussian process.

    python benchmarks/suggestion_times.py --data DIR [--report]

- The seconds of one CPU for a suggestion at 100 observations: the median of ten, on every encoding, on NAS-Bench-201
  and on a space with as many distributions as a cell of DARTS.
- The seconds to fit the Gaussian process to 100 cells of NAS-Bench-201, and to predict all 15,625, beside those of
  scikit-learn's ``GaussianProcessRegressor`` with the same parts and exponential kernels for all of them.

Rows are stored one by one, and nothing is measured again. Optuna is left out where it is not installed.
"""

from __future__ import annotations

import _common as common  # before numpy: it limits the threads
import numpy as np

# isort: split
import sys
import time
import warnings
from collections.abc import Iterator
from pathlib import Path

from claims import ENCODINGS
from peers import installed, tpe
from sklearn.exceptions import ConvergenceWarning
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import ConstantKernel, Kernel, Matern, WhiteKernel

from skopdist.encodings import HybridEncoding
from skopdist.evaluators import TabularEvaluator
from skopdist.operations import register_operation
from skopdist.spaces import NASBench201Space
from skopdist.strategies import BayesianOptimization
from skopdist.strategies._candidates import CandidatePool
from skopdist.strategies._gaussian_process import AdditiveGaussianProcess
from skopdist.tables import load_nasbench201

KEYS = ("kind", "space", "method")
N_OBSERVATIONS, N_TIMED = 100, 10
_NAMES = tuple(f"timing_{i}" for i in range(5))


class SevenOperations(NASBench201Space):
    """A space as large as the cells of DARTS: 3,003 distributions of 7 operations at length 8."""

    default_operations = ("none", "skip_connect", *_NAMES)
    default_length = 8


def seven_operations() -> TabularEvaluator:
    """Give a score over that space; what it is does not matter, as long as there is something to learn."""
    for name in _NAMES:
        register_operation(name, n_spatial=2)(lambda channels: None)
    weight = {name: i for i, name in enumerate(SevenOperations.default_operations)}

    def score(cell: tuple[str, ...]) -> float:
        return sum(weight[operation] * (1 + slot % 3) for slot, operation in enumerate(cell))

    return TabularEvaluator(SevenOperations(), score)


def own_seconds(evaluator: TabularEvaluator, encoding: str) -> Iterator[float]:
    """Give the seconds of each suggestion of the default strategy."""
    bound = ENCODINGS[encoding]().bind(evaluator.search_space)
    strategy = BayesianOptimization().start(bound, 0)
    rng = np.random.default_rng(0)
    while True:
        begin = time.process_time()
        point = strategy.suggest(1)[0]
        yield time.process_time() - begin
        strategy.observe([evaluator.evaluate(bound.decode(point, rng))])


def optuna_seconds(evaluator: TabularEvaluator) -> Iterator[float]:
    """Give the seconds of each suggestion of Optuna's TPE, with the time in which it is told the score before."""
    asked = tpe(evaluator.search_space, 0, N_OBSERVATIONS + N_TIMED + 1)
    begin = time.process_time()
    cell = next(asked)
    while True:
        yield time.process_time() - begin
        begin = time.process_time()
        cell = asked.send(evaluator.scores[cell])


def median_seconds(seconds: Iterator[float]) -> float:
    """Give the median of the first suggestions after 100 observations."""
    timed = [next(seconds) for _ in range(N_OBSERVATIONS + N_TIMED)]
    return float(np.median(timed[N_OBSERVATIONS:]))


class Columns(Matern):
    """Matérn-1/2 on some columns, for scikit-learn."""

    def __init__(self, first=0, last=1, length_scale=1.0, length_scale_bounds=(1e-2, 1e2), nu=0.5):
        super().__init__(length_scale, length_scale_bounds, nu)
        self.first, self.last = first, last

    def __call__(self, X, Y=None, eval_gradient=False):
        cut = slice(self.first, self.last)
        return super().__call__(X[:, cut], None if Y is None else Y[:, cut], eval_gradient)


def fit_seconds(evaluator: TabularEvaluator) -> dict[str, tuple[float, float]]:
    """Give the seconds of a fit and of a prediction, ours and scikit-learn's."""
    pool = CandidatePool(HybridEncoding().bind(evaluator.search_space), np.random.default_rng(0), np.zeros((1, 5)))
    rng = np.random.default_rng(0)
    rows = rng.choice(len(pool.points), N_OBSERVATIONS, replace=False)
    z = np.array([evaluator.evaluate(pool.encoding.decode(pool.points[row], rng)).score for row in rows])
    z = (z - z.mean()) / z.std()
    units = pool.units()
    begin = time.process_time()
    own = AdditiveGaussianProcess(units)
    own.fit(pool.select(rows), z)
    middle = time.process_time()
    own.predict(pool.parts)
    seconds = {"ours": (middle - begin, time.process_time() - middle)}

    X = np.concatenate([part / np.sqrt(units[name]) for name, part in pool.parts.items()], axis=1)
    kernel: Kernel = WhiteKernel(0.02)
    first = 0
    for part in pool.parts.values():
        last = first + part.shape[1]
        kernel = kernel + ConstantKernel(1 / len(pool.parts)) * Columns(first, last)
        first = last
    begin = time.process_time()
    with warnings.catch_warnings():
        # Of a parameter near its bound.
        warnings.simplefilter("ignore", ConvergenceWarning)
        peer = GaussianProcessRegressor(kernel).fit(X[rows], z)
    middle = time.process_time()
    peer.predict(X, return_std=True)
    return seconds | {"scikit-learn": (middle - begin, time.process_time() - middle)}


def run(rows: common.Rows, data: Path | None) -> None:
    """Measure what is not there yet."""
    evaluators = {"NAS-Bench-201": load_nasbench201(data), "7 operations, length 8": seven_operations()}
    for name, evaluator in evaluators.items():
        found = {f"Bayesian, {encoding}": own_seconds(evaluator, encoding) for encoding in ENCODINGS}
        # Its parameters are slots, and the other space has cells of several wirings.
        if name == "NAS-Bench-201" and installed("tpe", "adjacency"):
            found["Optuna TPE, cell"] = optuna_seconds(evaluator)
        for method, seconds in found.items():
            key = {"kind": "suggestion", "space": name, "method": method}
            if key not in rows:
                rows.add(**key, seconds=round(median_seconds(seconds), 5), load=common.load_average())
    if not rows.select(kind="fit"):
        for method, (fit, predict) in fit_seconds(evaluators["NAS-Bench-201"]).items():
            rows.add(kind="fit", space="NAS-Bench-201", method=method, fit=round(fit, 4), predict=round(predict, 4))


def suggestion_table(rows: common.Rows) -> str:
    """Lay out the milliseconds of a suggestion."""
    found = rows.select(kind="suggestion")
    spaces = list(dict.fromkeys(row["space"] for row in found))
    milliseconds = {(row["method"], row["space"]): f"{1000 * row['seconds']:.1f}" for row in found}
    methods = dict.fromkeys(row["method"] for row in found)
    return common.table(
        ["ms for a suggestion at 100 observations", *spaces],
        [(method, *(milliseconds.get((method, space), "") for space in spaces)) for method in methods],
    )


def report(rows: common.Rows) -> None:
    """Print what is stored."""
    print(f"\n{suggestion_table(rows)}\n")
    body = [(row["method"], f"{row['fit']:.3f}", f"{row['predict']:.3f}") for row in rows.select(kind="fit")]
    print(common.table(["Gaussian process", "s to fit 100 cells", "s to predict all"], body))
    print(f"\n{common.machines(rows.rows)}")


def main() -> int:
    options = common.parser(__doc__ or "")
    options.add_argument("--quick", action="store_true", help="the same: there is nothing to leave out")
    arguments = options.parse_args()
    rows = common.rows_of(arguments, "suggestion_times", KEYS)
    if not arguments.report:
        run(rows, arguments.data)
    report(rows)
    return 0


if __name__ == "__main__":
    sys.exit(main())
