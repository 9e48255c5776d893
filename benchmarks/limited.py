#!/usr/bin/env python3
"""Search under a limit on FLOPs: NAS-Bench-201, validation accuracy after 200 epochs.

    python benchmarks/limited.py --data DIR [--quick] [--seeds 20] [--tasks cifar10 cifar100 ImageNet16-120] [--report]

DIR (or the environment variable SKOPDIST_DATA) holds ``nas/nb201_master.csv.gz``. The limit is a quarter or a half of
the FLOPs of the largest network, that of the cell of six 3x3 convolutions. Regret is the best accuracy within the limit
minus the best one found, in points, after so many evaluations.

Our strategies work inside the limit and evaluate nothing else. Optuna's TPE asks until what it is given is within the
limit; what is not costs it no evaluation. In one row it is told of a rejected cell that it failed, in the other how far
it is beyond the limit (``constraints_func``). "Random cells" are drawn uniformly from those within the limit. Each
search is a line of the result file, and those that are there are not run again. Optuna is left out where it is not
installed. --quick computes two seeds.
"""

from __future__ import annotations

import _common as common  # before numpy: it limits the threads
import numpy as np

# isort: split
import sys
import warnings
from collections.abc import Mapping
from itertools import product
from typing import Any, cast

from peers import installed

from skopdist.encodings import AdjacencyEncoding, DistributionEncoding, Encoding, HybridEncoding, Limit, LimitedEncoding
from skopdist.evaluators import TabularEvaluator
from skopdist.networks import NetworkCosts
from skopdist.search import run_search
from skopdist.spaces import NASBench201Space
from skopdist.strategies import BayesianOptimization, LocalSearch, RandomSearch, Strategy
from skopdist.tables import load_nasbench201

KEYS = ("task", "share", "method", "seed")
SEEDS, QUICK_SEEDS = 20, 2
SHARES = (0.25, 0.5)
# Sides and classes, from which the FLOPs follow; the published network has 16 channels and 15 cells.
TASKS = {"cifar10": (32, 10), "cifar100": (32, 100), "ImageNet16-120": (16, 120)}
OURS: dict[str, tuple[Strategy, Encoding]] = {
    "Bayesian, hybrid": (BayesianOptimization(trial_batch=1), HybridEncoding()),
    "Bayesian, distribution": (BayesianOptimization(trial_batch=1), DistributionEncoding()),
    "local, adjacency": (LocalSearch(trial_batch=1), AdjacencyEncoding()),
    "local, distribution": (LocalSearch(trial_batch=1), DistributionEncoding()),
    "random, distribution": (RandomSearch(), DistributionEncoding()),
}
TPE = {"Optuna TPE, rejection": False, "Optuna TPE, constraints and rejection": True}
METHODS = (*OURS, "random cells", *TPE)
QUERIES = 50
AT = (10, 25, 50)
# Asked so often for one evaluation, Optuna is taken not to find any.
MOST_REJECTED = 300

Table = Mapping[tuple[str, ...], float]


def flops_table(task: str, scores: Table) -> Table:
    """Count the multiply-adds of all networks."""
    side, n_classes = TASKS[task]
    space = NASBench201Space()
    costs = NetworkCosts((3, side, side), n_classes, channels=16, n_cells=15)
    edges = space.potential_edges(6)
    return {names: costs.flops(space.make_architecture([space.make_cell(names, edges)])) for names in scores}


def ours(method: str, scores: Table, limit: Limit, seed: int) -> tuple[list[float], int]:
    strategy, encoding = OURS[method]
    evaluator = TabularEvaluator(NASBench201Space(), scores)
    result = run_search(
        strategy, evaluator, encoding=LimitedEncoding(encoding, [limit]), n_trials=QUERIES,
        random_state=seed,
    )  # fmt: skip
    if not all(limit.allows(trial.architecture) for trial in result.trials):
        raise AssertionError(f"{method} evaluated a cell beyond the limit.")
    return [trial.score for trial in result.trials], 0


def random_cells(scores: Table, flops: Table, maximum: float, seed: int) -> tuple[list[float], int]:
    allowed = [names for names in scores if flops[names] <= maximum]
    drawn = np.random.default_rng(seed).choice(len(allowed), QUERIES, replace=False)
    return [scores[allowed[i]] for i in drawn], 0


def tpe(scores: Table, flops: Table, maximum: float, seed: int, constrained: bool) -> tuple[list[float], int]:
    """Give the scores of what was evaluated, and how many cells were rejected."""
    import optuna  # noqa: PLC0415 - optional

    def excess(trial: Any) -> tuple[float]:
        return (trial.user_attrs["excess"],)

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    # Of releases that know a newer way, too.
    warnings.filterwarnings("ignore", message=".*constraints_func", module="optuna")
    sampler = optuna.samplers.TPESampler(seed=seed, constraints_func=excess if constrained else None)
    study = optuna.create_study(direction="maximize", sampler=sampler)
    names, slots = NASBench201Space().operation_names, range(6)
    rejected = optuna.trial.TrialState.PRUNED if constrained else optuna.trial.TrialState.FAIL
    found: list[float] = []
    n_asked = 0
    while len(found) < QUERIES and n_asked < MOST_REJECTED * QUERIES:
        n_asked += 1
        trial = study.ask()
        cell = tuple(trial.suggest_categorical(f"slot {slot}", names) for slot in slots)
        trial.set_user_attr("excess", flops[cell] / maximum - 1)
        if flops[cell] > maximum:
            study.tell(trial, state=rejected)
        else:
            found.append(scores[cell])
            study.tell(trial, scores[cell])
    return found, n_asked - len(found)


def limited_table(rows: common.Rows) -> str:
    """Lay out the mean regret after all evaluations, and how many seeds found the best within the limit."""
    cases = [case for case in product(TASKS, SHARES) if rows.select(task=case[0], share=case[1])]
    body = []
    for method in METHODS:
        line: list[Any] = [method]
        for task, share in cases:
            found = [row["regret"][str(QUERIES)] for row in rows.select(task=task, share=share, method=method)]
            line.append(f"{np.mean(found):.2f}, {np.mean(np.array(found) < 1e-9):.0%}" if found else "-")
        body.append(line)
    return common.table(["search", *(f"{task}, {share:.0%}" for task, share in cases)], body)


def report(rows: common.Rows) -> None:
    for task in TASKS:
        for share in SHARES:
            body = []
            for method in METHODS:
                found = rows.select(task=task, share=share, method=method)
                if found:
                    regrets = [common.mean_and_deviation([row["regret"][str(n)] for row in found], 3) for n in AT]
                    hits = sum(row["regret"][str(QUERIES)] < 1e-9 for row in found)
                    rejected = sum(row["rejected"] for row in found) / len(found)
                    body.append([method, len(found), *regrets, f"{hits / len(found):.0%}", f"{rejected:.0f}"])
            if body:
                first = rows.select(task=task, share=share)[0]
                print(
                    f"\n{task}, {share:.0%} of the largest network's FLOPs: {first['n_allowed']} of 15625 cells, the "
                    f"best of them {first['best']:.2f} %\n"
                )
                print(
                    common.table(["search", "seeds", *(f"regret@{n}" for n in AT), "optimum found", "rejected"], body)
                )
    print(common.machines(rows.rows))


def main() -> None:
    parser = common.parser(__doc__ or "")
    parser.add_argument("--seeds", type=int, help=f"the number of seeds, by default {SEEDS}")
    parser.add_argument("--quick", action="store_true", help=f"{QUICK_SEEDS} seeds")
    parser.add_argument("--tasks", nargs="+", choices=TASKS, default=["cifar10", "ImageNet16-120"])
    parser.add_argument("--methods", nargs="+", choices=METHODS, default=list(METHODS))
    arguments = parser.parse_args()
    rows = common.rows_of(arguments, "limited", KEYS)
    if not arguments.report:
        path = common.data_file(arguments, "nas/nb201_master.csv.gz")
        tables = {task: cast(Table, load_nasbench201(path, dataset=task).scores) for task in arguments.tasks}
        counted = {task: flops_table(task, scores) for task, scores in tables.items()}
        there = [method for method in arguments.methods if method not in TPE or installed("tpe", "adjacency")]
        for method in arguments.methods:
            if method not in there:
                print(f"{method} is left out: its library is not installed.", file=sys.stderr)
        for seed in range(arguments.seeds or (QUICK_SEEDS if arguments.quick else SEEDS)):
            for task, scores in tables.items():
                flops = counted[task]
                for share in SHARES:
                    maximum = share * max(flops.values())
                    allowed = [score for names, score in scores.items() if flops[names] <= maximum]
                    for method in there:
                        key = {"task": task, "share": share, "method": method, "seed": seed}
                        if key in rows:
                            continue
                        if method in OURS:
                            found, rejected = ours(method, scores, Limit("flops", flops, maximum), seed)
                        elif method in TPE:
                            found, rejected = tpe(scores, flops, maximum, seed, TPE[method])
                        else:
                            found, rejected = random_cells(scores, flops, maximum, seed)
                        best = np.maximum.accumulate(found)
                        regret = {str(n): float(max(allowed) - best[min(n, len(best)) - 1]) for n in AT}
                        rows.add(**key, regret=regret, rejected=rejected, n_allowed=len(allowed), best=max(allowed))
                        print(f"{key}: {regret}, {rejected} rejected", flush=True)
    report(rows)


if __name__ == "__main__":
    main()
