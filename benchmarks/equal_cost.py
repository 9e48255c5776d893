#!/usr/bin/env python3
"""Claim 2 at equal training cost: may short trainings guide the search for what is best after long ones?

    python benchmarks/equal_cost.py --data DIR [--quick] [--seeds 50] [--tables nb201-cifar10 ...] [--redo] [--report]

On NAS-Bench-201, whose cells have been trained for 200 epochs, and once more for 12 with a schedule of their own. A
budget is given in trainings of 200 epochs.

- Guided by 200 epochs: every query costs 200 epochs, and the best cell is the one of the highest score.
- Guided by 12 epochs: every query costs 12, and the search takes all of the budget but five trainings; then the five
  best cells by their score after 12 epochs are trained for 200, and the best of them by that is chosen.

Either way the regret is the best validation accuracy after 200 epochs of all cells, minus that of the cell that was
chosen, in points; the mean over the seeds, with a 95 % interval by the bootstrap. The searches of smaller budgets are
the beginnings of those of larger ones. Bayesian optimisation with 12 epochs stops at a budget of 15, since a suggestion
takes the longer the more has been observed.

- The library's own way, `run_search(fidelity=12 / 200, n_finals=...)`: trials of 12 epochs, and finals of 200, which
  the strategy names. Ten trainings are 83 trials and 5 finals, fifty are 300 and 32.

"All cells by 12 epochs" trains the five best of all 15,625 by that score: where a search guided by it ends. Rows are
stored one by one, with up to ten seeds each, and no seed is computed again; --quick computes two.
"""

from __future__ import annotations

import _common as common  # before numpy: it limits the threads
import numpy as np

# isort: split
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from itertools import product
from pathlib import Path
from typing import cast

from claims import available
from curves import Interval, mean_interval
from scipy.stats import spearmanr
from search_efficiency import ENCODINGS, STRATEGIES, Method, our_search, regret_text
from sklearn.base import clone

from skopdist.evaluators import TabularEvaluator
from skopdist.search import run_search
from skopdist.tables import load_nasbench201

KEYS = ("table", "strategy", "encoding", "guide", "seeds")
TABLES = {"nb201-cifar10": "cifar10", "nb201-cifar100": "cifar100", "nb201-imagenet16": "ImageNet16-120"}
METHODS: dict[Method, str] = {
    ("bayesian", "hybrid"): "Bayesian, hybrid (default)",
    ("bayesian", "distribution"): "Bayesian, distribution",
    ("local", "adjacency"): "local, cell",
    ("random", "adjacency"): "random, cell",
}
# Epochs of the trainings that guide a search, and of those that decide.
SHORT, LONG = 12, 200
# The library's own way, by its budgets: trials of 12 epochs, and finals.
OWN = "12, then finals"
SPENT = {10: (83, 5), 50: (300, 32)}
GUIDES = (LONG, SHORT, OWN)
# Fixed before anything was run.
N_FINAL = 5
# In trainings of 200 epochs.
BUDGETS = (6, 8, 10, 15, 20, 25, 30, 40, 50)
LARGEST = {("bayesian", SHORT): 15}
SEEDS, QUICK_SEEDS = 50, 2
SEEDS_IN_ROW = 10

Cell = tuple[str, ...]
Scores = Mapping[Cell, float]


Guide = int | str


def budgets_of(strategy: str, guide: Guide) -> tuple[int, ...]:
    """Give the budgets that a strategy is run with."""
    if guide == OWN:
        return tuple(SPENT) if strategy == "bayesian" else ()
    return tuple(budget for budget in BUDGETS if budget <= LARGEST.get((strategy, guide), max(BUDGETS)))


def n_queries(budget: int, guide: Guide) -> int:
    """Give the number of queries that a budget allows.

    >>> n_queries(10, 200), n_queries(10, 12)
    (10, 83)
    """
    if guide == OWN:
        return SPENT[budget][0]
    return budget if guide == LONG else (budget - N_FINAL) * LONG // SHORT


def chosen(asked: Sequence[Cell], guide: Scores, final: Scores, n_final: int) -> Cell:
    """Give the best cell by its final score among the `n_final` best by their guiding one, of those that were asked."""
    best = sorted(dict.fromkeys(asked), key=lambda cell: -guide[cell])[:n_final]
    return max(best, key=lambda cell: final[cell])


def search(method: Method, scores: Mapping[int, TabularEvaluator], guide: Guide, seed: int) -> list[float]:
    """Give the regret of each budget."""
    budgets = budgets_of(method[0], guide)
    if guide == OWN:
        table = clone(scores[LONG]).set_params(short_scores={SHORT / LONG: scores[SHORT].scores})
        results = [
            run_search(
                *(STRATEGIES[method[0]](), table),
                encoding=ENCODINGS[method[1]](),
                n_trials=n_trials,
                fidelity=SHORT / LONG,
                n_finals=n_finals,
                random_state=seed,
            )
            for n_trials, n_finals in SPENT.values()
        ]
        return [round(table.optimum - result.best_score, 4) for result in results]
    guide = int(guide)
    trials = our_search(method, scores[guide], seed, n_queries(max(budgets), guide))
    asked = [trial.architecture.operations for trial in trials]
    guiding, final = cast(Scores, scores[guide].scores), cast(Scores, scores[LONG].scores)
    # What has been trained to the end is known: no more trainings decide.
    n_final = N_FINAL if guide == SHORT else 1
    cells = [chosen(asked[: n_queries(budget, guide)], guiding, final, n_final) for budget in budgets]
    return [round(scores[LONG].optimum - final[cell], 4) for cell in cells]


def limit(scores: Mapping[int, TabularEvaluator]) -> dict[str, float]:
    """Say what is known once all cells are trained for 12 epochs."""
    short, final = cast(Scores, scores[SHORT].scores), cast(Scores, scores[LONG].scores)
    values = np.array([(short[cell], final[cell]) for cell in final])
    best = values[values[:, 1] >= np.quantile(values[:, 1], 0.9)]
    cell = chosen(list(final), short, final, N_FINAL)
    return {
        "regret": round(scores[LONG].optimum - final[cell], 4),
        "spearman": round(float(spearmanr(*values.T).statistic), 4),
        "spearman_best_tenth": round(float(spearmanr(*best.T).statistic), 4),
    }


def regrets_of(rows: common.Rows, name: str, method: Method, guide: Guide) -> dict[int, list[float]]:
    """Give the stored regrets by seed."""
    found = rows.select(table=name, strategy=method[0], encoding=method[1], guide=guide)
    return {seed: regrets for row in found for seed, regrets in zip(row["seeds"], row["regrets"], strict=True)}


def run(rows: common.Rows, data: Path | None, tables: Iterable[str], methods: Iterable[Method], seeds: int) -> None:
    """Search with the seeds that are not there yet."""
    evaluators = {
        name: {epochs: load_nasbench201(data, dataset=TABLES[name], epochs=epochs) for epochs in (SHORT, LONG)}
        for name in tables
    }
    for name, scores in evaluators.items():
        if not rows.select(table=name, strategy="all cells"):
            rows.add(table=name, strategy="all cells", **limit(scores))
    for method, guide, (name, scores) in product(methods, GUIDES, evaluators.items()):
        if not budgets_of(method[0], guide):
            continue
        stored = regrets_of(rows, name, method, guide)
        missing = [seed for seed in range(seeds) if seed not in stored]
        for first in range(0, len(missing), SEEDS_IN_ROW):
            some = missing[first : first + SEEDS_IN_ROW]
            begin = time.process_time()
            rows.add(
                table=name,
                strategy=method[0],
                encoding=method[1],
                guide=guide,
                seeds=some,
                budgets=budgets_of(method[0], guide),
                regrets=[search(method, scores, guide, seed) for seed in some],
                cpu_seconds=round(time.process_time() - begin, 2),
            )
            print(f"{METHODS[method]}, {guide}, {name}, seeds {some[0]} to {some[-1]}", file=sys.stderr, flush=True)


def regrets(rows: common.Rows, name: str, method: Method, guide: Guide) -> dict[int, Interval]:
    """Give the mean regret of each budget, and its interval."""
    columns = zip(*regrets_of(rows, name, method, guide).values(), strict=True)
    return dict(zip(budgets_of(method[0], guide), map(mean_interval, columns), strict=False))


def budget_table(rows: common.Rows, budget: int) -> str:
    """Lay out the regrets of a budget, guided by long and by short trainings."""
    names = [name for name in TABLES if rows.select(table=name, strategy="all cells")]
    body = []
    for (method, text), guide in product(METHODS.items(), GUIDES):
        found = [regrets(rows, name, method, guide).get(budget) for name in names]
        if any(found):
            label = f"{text}, {guide}" if guide == OWN else f"{text}, {guide} epochs"
            body.append((label, n_queries(budget, guide), *("" if f is None else regret_text(f) for f in found)))
    ends = [rows.select(table=name, strategy="all cells")[0]["regret"] for name in names]
    body.append(("all cells by 12 epochs", 15625, *(f"{regret:.3f}" for regret in ends)))
    return common.table([f"{budget} trainings", "queries", *names], body)


def correlation_table(rows: common.Rows) -> str:
    """Lay out how well 12 epochs rank the cells as 200 do."""
    found = [row for name in TABLES for row in rows.select(table=name, strategy="all cells")]
    body = [(row["table"], f"{row['spearman']:.2f}", f"{row['spearman_best_tenth']:.2f}") for row in found]
    return common.table(["rank correlation of the scores after 12 and 200 epochs", "all cells", "best tenth"], body)


def report(rows: common.Rows) -> None:
    """Print what is stored."""
    if not rows.rows:
        print("Nothing is stored: it takes the table of NAS-Bench-201.")
        return
    print(f"\n{correlation_table(rows)}")
    for budget in BUDGETS:
        print(f"\nRegret in points of accuracy at the cost of {budget} trainings of {LONG} epochs (95 % interval)\n")
        print(budget_table(rows, budget))
    print(f"\n{common.machines(rows.rows)}")


def main() -> int:
    options = common.parser(__doc__ or "")
    options.add_argument("--quick", action="store_true", help=f"{QUICK_SEEDS} seeds instead of {SEEDS}")
    options.add_argument("--seeds", type=int)
    options.add_argument("--tables", nargs="+", choices=list(TABLES), default=list(TABLES))
    options.add_argument("--strategies", nargs="+", choices=list(dict.fromkeys(s for s, _ in METHODS)))
    options.add_argument("--redo", action="store_true", help="forget the stored regrets that are asked for")
    arguments = options.parse_args()
    rows = common.rows_of(arguments, "equal_cost", KEYS)
    if not arguments.report:
        tables = available(arguments.tables, arguments.data)
        methods = [method for method in METHODS if arguments.strategies is None or method[0] in arguments.strategies]
        for name, (strategy, encoding) in product(tables if arguments.redo else [], methods):
            rows.drop(table=name, strategy=strategy, encoding=encoding)
        run(rows, arguments.data, tables, methods, arguments.seeds or (QUICK_SEEDS if arguments.quick else SEEDS))
    report(rows)
    return 0


if __name__ == "__main__":
    sys.exit(main())
