#!/usr/bin/env python3
"""Claim 2, easier to optimise: how many queries each search needs on each encoding, beside searches of other libraries.

    python benchmarks/search_efficiency.py --data DIR [--quick] [--seeds 100] [--tables digits ...] [--redo] [--report]

Every search makes 150 queries one after another, each the evaluation of one architecture, on the complete tables of
`claims.py` (validation accuracy, on NAS-Bench-201 after 200 epochs; NAS-Bench-Macro has test accuracy only). It ends at
the optimum of the table, since nothing more can change its regret: the best accuracy of the table minus the best one
found, in points.

- Regret is the mean over the seeds, with a 95 % interval by the bootstrap over the seeds.
- Queries to within 0.5 or 0.1 points of the optimum, and to the optimum itself, are medians, with a 95 % interval by
  order statistics; ">150" where that takes more than all queries of a search in half of the seeds.
- The speed-up of the distribution over the adjacency encoding is the ratio of these medians, with a 95 % interval by
  the bootstrap; ">" or "<" where one of the medians was not reached, and "-" where neither was.

Hybrid points move as those of the adjacency encoding do, and only a model sees more in them: so only Bayesian
optimisation is run on both. Optuna, Nevergrad and SMAC are left out where they are not installed.

A row holds the whole curves of up to ten seeds, as pairs of a query and the regret after it. Rows are stored one by
one, and no seed is computed again; --quick computes two of the hundred. A test checks that the default strategy meets
its targets in the stored rows.
"""

from __future__ import annotations

import _common as common  # before numpy: it limits the threads
import numpy as np

# isort: split
import sys
import time
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path

from claims import ENCODINGS, TABLES, available
from curves import Curve, Interval, first_within, improvements, mean_interval, median_interval, regret_at, speed_up
from peers import PEERS, installed, search_with_peer

from skopdist.evaluators import TabularEvaluator
from skopdist.search import run_search
from skopdist.strategies import BayesianOptimization, LocalSearch, RandomSearch, RegularizedEvolution, Strategy
from skopdist.trial import Trial

KEYS = ("table", "strategy", "encoding", "seeds")
STRATEGIES: dict[str, Callable[[], Strategy]] = {
    "bayesian": lambda: BayesianOptimization(trial_batch=1),
    "local": lambda: LocalSearch(trial_batch=1),
    "evolution": RegularizedEvolution,
    "sequential": lambda: RandomSearch(sequential=True, trial_batch=1),
    "random": RandomSearch,
}
Method = tuple[str, str]
DEFAULT: Method = ("bayesian", "hybrid")
# In the order of running.
METHODS: dict[Method, str] = {
    DEFAULT: "Bayesian, hybrid (default)",
    ("local", "distribution"): "local, distribution",
    ("local", "adjacency"): "local, cell",
    ("evolution", "distribution"): "evolution, distribution",
    ("evolution", "adjacency"): "evolution, cell",
    ("sequential", "distribution"): "sequential random, distribution",
    ("sequential", "adjacency"): "sequential random, cell",
    ("random", "distribution"): "random, distribution",
    ("random", "adjacency"): "random, cell",
    ("tpe", "distribution"): "Optuna TPE, distribution",
    ("tpe", "adjacency"): "Optuna TPE, cell",
    ("bayesian", "distribution"): "Bayesian, distribution",
    ("bayesian", "adjacency"): "Bayesian, cell",
    ("nevergrad", "adjacency"): "Nevergrad NGOpt, cell",
    ("smac", "adjacency"): "SMAC, cell",
}
TECHNIQUES = {
    "bayesian": "Bayesian",
    "local": "local",
    "evolution": "evolution",
    "sequential": "sequential random",
    "random": "random",
    "tpe": "Optuna TPE",
}
# Those whose tables hold every architecture of their space, and these have nothing but operations.
COMPLETE = ("nb201-cifar10", "nb201-cifar100", "nb201-imagenet16", "digits", "macro-cifar10")
# Regret after 50 queries, median queries to the optimum and share of the seeds that find it, for the default.
TARGETS = {
    "nb201-cifar10": (0.05, 35, 1.0),
    "nb201-cifar100": (0.05, 32, 1.0),
    "nb201-imagenet16": (0.12, 50, 0.98),
}
QUERIES = 150
AT = (10, 25, 50, 100, 150)
MARGINS = (1.0, 0.5, 0.1, 0.0)
SEEDS, QUICK_SEEDS = 100, 2
# They take a hundredth and a fifth of a second for a query.
FEWER_SEEDS = {"nevergrad": 50, "smac": 20}
SEEDS_IN_ROW = 10


def search(method: Method, evaluator: TabularEvaluator, seed: int) -> list[float]:
    """Give the score of each query, until the optimum is found."""
    if method in PEERS:
        return search_with_peer(PEERS[method][1], evaluator, seed, QUERIES)
    best = evaluator.optimum
    return [trial.score for trial in our_search(method, evaluator, seed, QUERIES, lambda trial: trial.score == best)]


def our_search(
    method: Method, evaluator: TabularEvaluator, seed: int, queries: int, ends: Callable[[Trial], bool] | None = None
) -> tuple[Trial, ...]:
    """Give the trials of a search of ours, fewer than `queries` where one ends it or the distributions run out."""
    strategy, encoding = method
    with warnings.catch_warnings():
        # Some strategies ask no point twice, and some tables have fewer distributions than there are queries.
        warnings.filterwarnings("ignore", message="The search space holds no more points")
        result = run_search(
            STRATEGIES[strategy](),
            evaluator,
            encoding=ENCODINGS[encoding](),
            n_trials=queries,
            random_state=seed,
            callback=ends,
        )
    return result.trials


def curves_of(rows: common.Rows, name: str, method: Method) -> dict[int, Curve]:
    """Give the stored curves of a search by seed."""
    found = rows.select(table=name, strategy=method[0], encoding=method[1])
    return {seed: curve for row in found for seed, curve in zip(row["seeds"], row["curves"], strict=True)}


def near_optimum(evaluator: TabularEvaluator) -> dict[str, list[int]]:
    """Say, by the margin, how many architectures are within it, of how many distributions, and of the optimum's own."""
    assert isinstance(evaluator.scores, Mapping)
    scores = {names: round(evaluator.optimum - score, 4) for names, score in evaluator.scores.items()}
    of_optimum = sorted(min(scores, key=lambda names: scores[names]))
    result = {"any": list(scores)}
    result |= {f"{margin:g}": [names for names in scores if scores[names] <= margin] for margin in MARGINS}
    return {
        key: [len(found), len({tuple(sorted(names)) for names in found}), sum(sorted(n) == of_optimum for n in found)]
        for key, found in result.items()
    }


def run(rows: common.Rows, data: Path | None, tables: Sequence[str], methods: Sequence[Method], seeds: int) -> None:
    """Search with the seeds that are not there yet."""
    evaluators = {name: TABLES[name](data) for name in tables}
    for name, evaluator in evaluators.items():
        if not rows.select(table=name, kind="near the optimum"):
            rows.add(table=name, kind="near the optimum", **near_optimum(evaluator))
    there = [method for method in methods if installed(*method)]
    for method in methods:
        if method not in there:
            print(f"{METHODS[method]} is left out: its library is not installed.", file=sys.stderr)
    for method, (name, evaluator) in product(there, evaluators.items()):
        stored = curves_of(rows, name, method)
        missing = [seed for seed in range(min(seeds, FEWER_SEEDS.get(method[0], seeds))) if seed not in stored]
        for first in range(0, len(missing), SEEDS_IN_ROW):
            some = missing[first : first + SEEDS_IN_ROW]
            begin = time.process_time()
            scores = [search(method, evaluator, seed) for seed in some]
            rows.add(
                table=name,
                strategy=method[0],
                encoding=method[1],
                seeds=some,
                curves=[improvements(found, evaluator.optimum) for found in scores],
                queries=QUERIES,
                n_evaluated=sum(map(len, scores)),
                cpu_seconds=round(time.process_time() - begin, 2),
            )
            print(f"{METHODS[method]}, {name}, seeds {some[0]} to {some[-1]}", file=sys.stderr, flush=True)


@dataclass(frozen=True)
class Found:
    """What the searches of one method found on one table."""

    curves: Sequence[Curve]

    def regret(self, query: int) -> Interval:
        """Give the mean regret after so many queries, and its interval."""
        return mean_interval([regret_at(curve, query) for curve in self.curves])

    def first(self, margin: float) -> list[float]:
        """Give the first query within a margin of the optimum, by seed."""
        return [first_within(curve, margin) for curve in self.curves]

    def median(self, margin: float) -> Interval:
        """Give the median of the first query within a margin, and its interval."""
        return median_interval(self.first(margin))

    def hits(self, margin: float = 0.0) -> float:
        """Give the share of the seeds that came within a margin."""
        return float(np.mean(np.isfinite(self.first(margin))))


def all_found(rows: common.Rows, name: str) -> dict[Method, Found]:
    """Give what is stored for a table, by method."""
    curves = {method: curves_of(rows, name, method) for method in METHODS}
    return {method: Found(list(found.values())) for method, found in curves.items() if found}


def regret_text(regret: Interval) -> str:
    """Write a mean and its interval.

    >>> regret_text((0.25, 0.2, 0.31))
    '0.250 (0.200 to 0.310)'
    """
    return f"{regret[0]:.3f} ({regret[1]:.3f} to {regret[2]:.3f})"


def queries_text(median: float) -> str:
    """Write a median number of queries; beyond the last query nothing is known.

    >>> queries_text(31.5), queries_text(np.inf)
    ('31.5', '>150')
    """
    return f">{QUERIES}" if median > QUERIES else f"{median:g}"


def median_text(median: Interval) -> str:
    """Write a median and its interval.

    >>> median_text((31.5, 28, 150)), median_text((np.inf, 120, np.inf)), median_text((np.inf, np.inf, np.inf))
    ('31.5 (28 to 150)', '>150 (120 to >150)', '>150')
    """
    middle, low, high = map(queries_text, median)
    return middle if middle == low == high else f"{middle} ({low} to {high})"


def ratio_text(ratio: tuple[float, float], interval: tuple[float, float]) -> str:
    """Write a ratio, or what bounds it, and its interval.

    >>> ratio_text((2.0, 2.0), (1.5, 2.51)), ratio_text((15.1, np.inf), (9.0, np.inf)), ratio_text((0, 0.4), (0, 0.5))
    ('2.0 (1.5 to 2.5)', '>15.1 (9.0 to ∞)', '<0.4 (0.0 to 0.5)')
    """
    low, high = ratio
    if low == 0 and high == np.inf:
        return "-"
    text = f"{low:.1f}" if low == high else f">{low:.1f}" if high == np.inf else f"<{high:.1f}"
    ends = ["∞" if end == np.inf else f"{end:.1f}" for end in interval]
    return f"{text} ({ends[0]} to {ends[1]})"


def margin_text(margin: float) -> str:
    """Say how near to the optimum."""
    return f"within {margin:g} points" if margin else "the optimum"


def near_table(rows: common.Rows, tables: Iterable[str]) -> str:
    """Lay out how many architectures are near the optimum, of how many distributions, and of that of the optimum."""
    found = [row for name in tables for row in rows.select(table=name, kind="near the optimum")]
    keys = {"all": "any"} | {margin_text(margin): f"{margin:g}" for margin in MARGINS}
    body = [(text, *(" / ".join(map(str, row[key])) for row in found)) for text, key in keys.items()]
    return common.table(["", *(row["table"] for row in found)], body)


def regret_table(rows: common.Rows, name: str) -> str:
    """Lay out the regret on a table by the number of queries, and how many seeds find the optimum."""
    body = [
        (
            METHODS[method],
            len(found.curves),
            *(regret_text(found.regret(query)) for query in AT),
            f"{found.hits():.0%}",
        )
        for method, found in all_found(rows, name).items()
    ]
    return common.table(["search", "seeds", *(f"after {query}" for query in AT), "optimum found"], body)


def median_table(rows: common.Rows, tables: Iterable[str], margin: float) -> str:
    """Lay out the median queries to within a margin of the optimum."""
    stored = {name: found for name in tables if (found := all_found(rows, name))}
    body = [
        (text, *(median_text(found[method].median(margin)) if method in found else "" for found in stored.values()))
        for method, text in METHODS.items()
        if any(method in found for found in stored.values())
    ]
    return common.table([margin_text(margin), *stored], body)


def speed_up_table(rows: common.Rows, tables: Iterable[str], margin: float) -> str:
    """Lay out how many times fewer queries a technique needs on distributions, or hybrid points, than on cells."""
    stored = {name: found for name in tables if (found := all_found(rows, name))}
    pairs = {text: (technique, "distribution") for technique, text in TECHNIQUES.items()}
    pairs["Bayesian, hybrid"] = DEFAULT
    body = []
    for text, method in pairs.items():
        line = []
        for found in stored.values():
            both = found.get((method[0], "adjacency")), found.get(method)
            firsts = [one.first(margin) for one in both if one is not None]
            line.append(ratio_text(*speed_up(firsts[0], firsts[1], QUERIES)) if len(firsts) == 2 else "")
        if any(line):
            body.append((text, *line))
    return common.table([margin_text(margin), *stored], body)


def target_table(rows: common.Rows) -> str:
    """Lay out what the default strategy reaches, beside its targets."""
    body = []
    for name, (regret, median, hits) in TARGETS.items():
        found = all_found(rows, name).get(DEFAULT)
        if found:
            body.append(
                (
                    name,
                    len(found.curves),
                    f"{regret_text(found.regret(50))}, at most {regret}",
                    f"{median_text(found.median(0.0))}, at most {median}",
                    f"{found.hits():.0%}, at least {hits:.0%}",
                )
            )
    return common.table(["", "seeds", "regret after 50", "queries to the optimum", f"found by {QUERIES}"], body)


def missed(rows: common.Rows) -> list[str]:
    """Name the tables on which the default strategy misses a target."""
    result = []
    for name, (regret, median, hits) in TARGETS.items():
        found = all_found(rows, name).get(DEFAULT)
        if found and not (found.regret(50)[0] <= regret and found.median(0.0)[0] <= median and found.hits() >= hits):
            result.append(name)
    return result


def report(rows: common.Rows, tables: Sequence[str]) -> None:
    """Print what is stored."""
    print("\nArchitectures / their distributions / architectures of the optimum's own distribution\n")
    print(near_table(rows, tables))
    for name in tables:
        if all_found(rows, name):
            print(f"\n{name}: regret in points of accuracy after so many queries (95 % interval)\n")
            print(regret_table(rows, name))
    for margin in MARGINS:
        print(f"\nMedian queries to {margin_text(margin)} (95 % interval)\n")
        print(median_table(rows, tables, margin))
        print("\nMedian queries on cells over those on distributions, or on hybrid points (95 % interval)\n")
        print(speed_up_table(rows, tables, margin))
    print(f"\nTargets of the default strategy\n\n{target_table(rows)}")
    print(f"\nMissed on: {', '.join(missed(rows)) or 'none'}\n\n{common.machines(rows.rows)}")


def main() -> int:
    options = common.parser(__doc__ or "")
    options.add_argument("--quick", action="store_true", help=f"{QUICK_SEEDS} seeds instead of {SEEDS}")
    options.add_argument("--seeds", type=int, help="so many seeds, but of Nevergrad and SMAC no more than 50 and 20")
    options.add_argument("--tables", nargs="+", choices=COMPLETE, default=list(COMPLETE))
    options.add_argument("--strategies", nargs="+", choices=list(dict.fromkeys(s for s, _ in METHODS)))
    options.add_argument("--redo", action="store_true", help="forget the stored curves that are asked for")
    arguments = options.parse_args()
    rows = common.rows_of(arguments, "search_efficiency", KEYS)
    if not arguments.report:
        methods = [method for method in METHODS if arguments.strategies is None or method[0] in arguments.strategies]
        for name, (strategy, encoding) in product(arguments.tables if arguments.redo else [], methods):
            rows.drop(table=name, strategy=strategy, encoding=encoding)
        seeds = arguments.seeds or (QUICK_SEEDS if arguments.quick else SEEDS)
        run(rows, arguments.data, available(arguments.tables, arguments.data), methods, seeds)
    report(rows, arguments.tables)
    return 0


if __name__ == "__main__":
    sys.exit(main())
