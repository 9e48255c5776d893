#!/usr/bin/env python3
"""How many queries each strategy needs on each encoding: NAS-Bench-201, validation accuracy after 200 epochs.

    python benchmarks/search_efficiency.py --data DIR [--seeds 50] [--strategies bayesian local ...]

DIR (or the environment variable SKOPDIST_DATA) holds ``nas/nb201_master.csv.gz``: one row for each of the 15,625 cells,
with the operation codes ``e01 e02 e12 e03 e13 e23`` and accuracies in percent such as ``c10_val_200``.

Regret is the best accuracy of the table minus the best one found, in points, as the mean over the seeds; "median" is
the number of queries until the optimum itself is found, ">" where that takes more than all of them; "hits" are the
seeds that find it at all. A search ends there, since nothing more can change its row. Every search is one line of the
result file, and those that are there already are not run again. Optuna's TPE is a row where Optuna is installed. Run
with OMP_NUM_THREADS=1.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import cast

import numpy as np
import pandas as pd

from skopdist.benchmarks import load_nasbench201
from skopdist.encodings import AdjacencyEncoding, DistributionEncoding, Encoding, HybridEncoding
from skopdist.evaluators import TabularEvaluator
from skopdist.operations import register_operation
from skopdist.search import run_search
from skopdist.spaces import NASBench201Space
from skopdist.strategies import BayesianOptimization, LocalSearch, RandomSearch, RegularizedEvolution, Strategy

DATASETS = {"c10": "cifar10", "c100": "cifar100", "in16": "ImageNet16-120"}
TASKS = {"c10_val_200": "CIFAR-10", "c100_val_200": "CIFAR-100", "in16_val_200": "ImageNet16-120"}
STRATEGIES: dict[str, Callable[[], Strategy]] = {
    "bayesian": BayesianOptimization,
    "local": LocalSearch,
    "evolution": RegularizedEvolution,
    "sequential": lambda: RandomSearch(sequential=True),
    "random": RandomSearch,
}
ENCODINGS: dict[str, Callable[[], Encoding]] = {
    "distribution": DistributionEncoding,
    "adjacency": AdjacencyEncoding,
    "hybrid": HybridEncoding,
}
SLOTS = ["e01", "e02", "e12", "e03", "e13", "e23"]
# regret after 50 queries, median queries to the optimum, hits within 150; for the default BayesianOptimization.
TARGETS = {"c10_val_200": (0.05, 35, 1.0), "c100_val_200": (0.05, 32, 1.0), "in16_val_200": (0.12, 50, 0.98)}
AT = (25, 50, 100, 150)

Table = dict[tuple[str, ...], float]


def load_table(data: Path, task: str) -> Table:
    prefix, split, epochs = task.split("_")
    evaluator = load_nasbench201(data, dataset=DATASETS[prefix], split=split, epochs=int(epochs))
    return cast(Table, evaluator.scores)


def search(strategy: str, encoding: str, table: Table, seed: int, queries: int) -> list[float]:
    if strategy == "tpe":
        return [score for score, _ in optuna_tpe(table, seed, queries)]
    evaluator, best = TabularEvaluator(NASBench201Space(), table), max(table.values())
    result = run_search(
        STRATEGIES[strategy](),
        evaluator,
        encoding=ENCODINGS[encoding](),
        n_trials=queries,
        batch_size=1,
        random_state=seed,
        callback=lambda trial: trial.score == best,
    )
    return [trial.score for trial in result.trials]


def optuna_tpe(table: Table, seed: int, queries: int) -> Iterator[tuple[float, float]]:
    """Give the score of each trial, and the seconds that its suggestion took."""
    import optuna  # noqa: PLC0415 - optional

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study = optuna.create_study(direction="maximize", sampler=optuna.samplers.TPESampler(seed=seed))
    names = NASBench201Space().operation_names
    for _ in range(queries):
        begin = time.process_time()
        trial = study.ask()
        cell = tuple(trial.suggest_categorical(slot, names) for slot in SLOTS)
        seconds = time.process_time() - begin
        study.tell(trial, table[cell])
        yield table[cell], seconds


def summary(scores: list[float], best: float, queries: int) -> dict[str, object]:
    found = np.maximum.accumulate(scores)
    first = int(np.argmax(found == best)) + 1 if found[-1] == best else None
    regret = {str(n): round(float(best - found[min(n, len(found)) - 1]), 4) for n in AT if n <= queries}
    return {"regret": regret, "first": first, "queries": queries}


def suggestion_seconds(encoding: Encoding, score: Callable[[tuple[str, ...]], float], observations: int = 100) -> float:
    """Give the median time of a suggestion of the default strategy, over the last tenth of the observations."""
    evaluator = TabularEvaluator(encoding.space_, score)
    strategy = BayesianOptimization().start(encoding, 0)
    rng, seconds = np.random.default_rng(0), []
    for _ in range(observations + 10):
        begin = time.process_time()
        point = strategy.suggest(1)[0]
        seconds.append(time.process_time() - begin)
        strategy.observe([evaluator.evaluate(encoding.decode(point, rng))])
    return float(np.median(seconds[observations - 10 :]))


class SevenOperations(NASBench201Space):
    """A space as large as the cells of DARTS: 3,003 distributions of 7 operations at length 8."""

    default_operations = ("none", "skip_connect", *(f"timing_{i}" for i in range(5)))
    default_length = 8


def print_times(table: Table) -> None:
    for i in range(5):
        register_operation(f"timing_{i}", n_spatial=2)(lambda channels: None)
    print("\nSeconds of one CPU for a suggestion at 100 observations, median")
    for name, encoding in ENCODINGS.items():
        bound = encoding().bind(NASBench201Space())
        print(f"  NAS-Bench-201, {name:12s} {suggestion_seconds(bound, table.__getitem__):.4f}")
    weight = {name: i for i, name in enumerate(SevenOperations.default_operations)}
    for name, encoding in ENCODINGS.items():
        bound = encoding().bind(SevenOperations())

        def score(cell: tuple[str, ...]) -> float:
            return sum(weight[operation] * (1 + slot % 3) for slot, operation in enumerate(cell))

        print(f"  7 operations, length 8, {name:12s} {suggestion_seconds(bound, score):.4f}")
    try:
        seconds = [second for _, second in optuna_tpe(table, 0, 110)]
    except ImportError:
        print("  Optuna is not installed")
    else:
        print(f"  NAS-Bench-201, Optuna TPE   {np.median(seconds[90:]):.4f}")


def print_gaussian_process(table: Table) -> None:
    """Compare the Gaussian process with scikit-learn's, with the same kernel on the same 100 observations."""
    from sklearn.gaussian_process import GaussianProcessRegressor  # noqa: PLC0415 - for this comparison only
    from sklearn.gaussian_process.kernels import ConstantKernel, Kernel, Matern, WhiteKernel  # noqa: PLC0415

    from skopdist.strategies._candidates import CandidatePool  # noqa: PLC0415
    from skopdist.strategies._gaussian_process import AdditiveGaussianProcess  # noqa: PLC0415

    class Columns(Matern):
        """Matérn-1/2 on some columns."""

        def __init__(self, first=0, last=1, length_scale=1.0, length_scale_bounds=(1e-2, 1e2), nu=0.5):
            super().__init__(length_scale, length_scale_bounds, nu)
            self.first, self.last = first, last

        def __call__(self, X, Y=None, eval_gradient=False):
            cut = slice(self.first, self.last)
            return super().__call__(X[:, cut], None if Y is None else Y[:, cut], eval_gradient)

    pool = CandidatePool(HybridEncoding().bind(NASBench201Space()), np.random.default_rng(0), np.zeros((1, 5)))
    rng = np.random.default_rng(0)
    rows = rng.choice(len(pool.points), 100, replace=False)
    z = np.array([table[pool.encoding.decode(pool.points[row]).operations] for row in rows])
    z = (z - z.mean()) / z.std()
    units = pool.units()
    begin = time.process_time()
    own = AdditiveGaussianProcess(units)
    own.fit(pool.select(rows), z)
    middle = time.process_time()
    own.predict(pool.parts)
    print(f"\nFit at 100 observations {middle - begin:.3f} s, prediction of all {time.process_time() - middle:.3f} s")
    X = np.concatenate([part / np.sqrt(units[name]) for name, part in pool.parts.items()], axis=1)
    kernel: Kernel = WhiteKernel(0.02)
    first = 0
    for part in pool.parts.values():
        kernel = kernel + ConstantKernel(1 / len(pool.parts)) * Columns(first, first + part.shape[1])
        first += part.shape[1]
    begin = time.process_time()
    peer = GaussianProcessRegressor(kernel).fit(X[rows], z)
    middle = time.process_time()
    peer.predict(X, return_std=True)
    print(f"scikit-learn's          {middle - begin:.3f} s, prediction of all {time.process_time() - middle:.3f} s")


def print_results(rows: list[dict], tasks: list[str]) -> bool:
    """Print the table and say whether the default strategy meets its targets."""
    frame = pd.DataFrame(rows)
    reached = True
    for task in tasks:
        print(f"\n{TASKS.get(task, task)}")
        print(
            f"  {'strategy':12s} {'encoding':13s} seeds  " + " ".join(f"regret@{n:<4d}" for n in AT) + " median  hits"
        )
        for (strategy, encoding), group in frame[frame.task == task].groupby(["strategy", "encoding"], sort=False):
            regrets = [np.mean([r.get(str(n), np.nan) for r in group.regret]) for n in AT]
            queries = group.queries.max()
            first = np.array([queries + 1 if f is None or f != f else f for f in group["first"]])
            median, hits = np.median(first), np.mean(first <= queries)
            shown = f">{queries}" if median > queries else f"{median:.0f}"
            print(
                f"  {strategy:12s} {encoding:13s} {len(group):5d}  "
                + " ".join(f"{regret:<11.3f}" for regret in regrets)
                + f" {shown:>6s} {hits:5.0%}"
            )
            if (strategy, encoding) == ("bayesian", "hybrid") and task in TARGETS:
                regret, most, least = TARGETS[task]
                if not (regrets[1] <= regret and median <= most and hits >= least):
                    reached = False
                    print(f"  -- target: regret@50 <= {regret}, median <= {most}, hits >= {least:.0%}")
    return reached


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=os.environ.get("SKOPDIST_DATA"))
    parser.add_argument("--seeds", type=int, default=50)
    parser.add_argument("--queries", type=int, default=150)
    parser.add_argument("--tasks", nargs="+", default=list(TASKS), help="columns of the table")
    parser.add_argument("--strategies", nargs="+", default=[*STRATEGIES, "tpe"], choices=[*STRATEGIES, "tpe"])
    parser.add_argument("--encodings", nargs="+", default=list(ENCODINGS), choices=list(ENCODINGS))
    parser.add_argument("--output", type=Path, default=Path(__file__).parent / "results" / "search_efficiency.jsonl")
    parser.add_argument("--no-times", action="store_true", help="do not time suggestions")
    parser.add_argument("--gaussian-process", action="store_true", help="only compare with scikit-learn's")
    arguments = parser.parse_args()
    if arguments.data is None:
        parser.error("give the folder of the data: --data DIR, or the environment variable SKOPDIST_DATA")
    if arguments.gaussian_process:
        print_gaussian_process(load_table(arguments.data, "c10_val_200"))
        return 0
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    lines = arguments.output.read_text().splitlines() if arguments.output.exists() else []
    known = {tuple(row[key] for key in ("strategy", "encoding", "task", "seed")): row for row in map(json.loads, lines)}
    rows = []
    with arguments.output.open("a") as file:
        for strategy in arguments.strategies:
            # An encoding of ours makes no difference to Optuna.
            for encoding in arguments.encodings if strategy in STRATEGIES else ["adjacency"]:
                for task in arguments.tasks:
                    table = load_table(arguments.data, task)
                    best = max(table.values())
                    for seed in range(arguments.seeds):
                        key = (strategy, encoding, task, seed)
                        if key not in known:
                            try:
                                scores = search(strategy, encoding, table, seed, arguments.queries)
                            except ImportError:
                                print("Optuna is not installed: no row for TPE")
                                break
                            row = dict(zip(("strategy", "encoding", "task", "seed"), key, strict=True))
                            known[key] = row | summary(scores, best, arguments.queries)
                            file.write(json.dumps(known[key]) + "\n")
                            file.flush()
                        rows.append(known[key])
                    print(f"\r{strategy} {encoding} {task}".ljust(60), end="", file=sys.stderr, flush=True)
    reached = print_results(rows, arguments.tasks)
    if not arguments.no_times:
        print_times(load_table(arguments.data, arguments.tasks[0]))
    return 0 if reached else 1


if __name__ == "__main__":
    sys.exit(main())
