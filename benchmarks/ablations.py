#!/usr/bin/env python3
"""Ablations that decide defaults, on tables of validation accuracies.

    python benchmarks/ablations.py [--data DIR] [--quick] [--tables digits nb201-cifar10 ...] [--report]

sampling
    Distributions are drawn from a Dirichlet prior, and 20 cells from each, by systematic and by multinomial sampling.
    The share of the variance between distributions says how much one cell tells of what it was drawn from.
architectures
    A budget of 60 trainings is spent on 60, 30, 20, 12 or 6 random distributions, with one, two, three, five or ten
    cells each; the distribution of the highest mean is chosen. The result is the mean accuracy of 50 new cells drawn
    from it, in points below the highest mean of any distribution on the lattice. 100 repetitions to a seed.
transform
    Regret of BayesianOptimization after 25 and 50 queries, in points, with the scores as they are and with its
    logarithm of the distance to a ceiling.
initial
    The same, by the number of random points before the first fit; by default they follow a Dirichlet distribution, and
    in the last line they hold all operations about equally.
kernel
    The same, by the kernel of its Gaussian process: one for each part of the features (distribution, slots, paths),
    exponential or squared exponential, or one for all features, each part scaled to the same mean squared distance.

All figures are means over seeds; rows are stored one by one, and none is computed again. --quick computes two seeds
instead of 10, and of 20 for the searches.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from _common import Rows, machines, parser, rows_of, table
from claims import TABLES, Population, available, share_between, units_of
from numpy.typing import NDArray

from skopdist import OperationDistribution, Prior
from skopdist.distribution import SAMPLING_METHODS
from skopdist.encodings import Encoding, HybridEncoding
from skopdist.encodings._graph import GraphEncoding
from skopdist.evaluators import TabularEvaluator
from skopdist.search import run_search
from skopdist.strategies import BayesianOptimization

# Those that hold every architecture of their space: a search finds a score wherever it goes.
COMPLETE = [name for name in TABLES if not name.startswith("darts")]
QUERIES = (25, 50)
BUDGET, REPETITIONS = 60, 100


@cache
def evaluator_of(name: str, data: Path | None) -> TabularEvaluator:
    """Load a table, once."""
    return TABLES[name](data)


def draw(evaluator: TabularEvaluator, rng: np.random.Generator) -> OperationDistribution:
    """Draw a distribution, uniformly from the simplex."""
    names = evaluator.search_space.operation_names
    return OperationDistribution(names, rng.dirichlet(np.ones(len(names))))


def scores_of(
    evaluator: TabularEvaluator, p: OperationDistribution, n: int, rng: np.random.Generator, method: str = "systematic"
) -> list[float]:
    """Give the scores of some cells drawn from a distribution."""
    assert isinstance(evaluator.scores, Mapping)
    space = evaluator.search_space
    return [evaluator.scores[space.sample(p, random_state=rng, method=method).operations] for _ in range(n)]


def sampling(evaluator: TabularEvaluator, method: str, seed: int) -> dict[str, float]:
    """Measure how much a cell tells of its distribution."""
    rng = np.random.default_rng(seed)
    distributions = [draw(evaluator, rng) for _ in range(100)]
    drawn = [scores_of(evaluator, p, 20, rng, method) for p in distributions]
    share, _ = share_between(np.concatenate(drawn), [i for i in range(len(drawn)) for _ in range(20)])
    return {"share_between": share, "deviation_within": float(np.sqrt(np.mean(np.var(drawn, axis=1, ddof=1))))}


def highest_mean(evaluator: TabularEvaluator) -> float:
    """Give the highest mean of the cells of any distribution on the lattice."""
    assert isinstance(evaluator.scores, Mapping)
    members: dict[tuple[str, ...], list[float]] = {}
    for cell, score in evaluator.scores.items():
        members.setdefault(tuple(sorted(cell)), []).append(score)
    return max(float(np.mean(scores)) for scores in members.values())


def architectures(evaluator: TabularEvaluator, each: int, seed: int) -> dict[str, float]:
    """Measure the distribution that is chosen after `each` cells of every one."""
    rng = np.random.default_rng(seed)
    found = []
    for _ in range(REPETITIONS):
        distributions = [draw(evaluator, rng) for _ in range(BUDGET // each)]
        means = [np.mean(scores_of(evaluator, p, each, rng)) for p in distributions]
        found.append(np.mean(scores_of(evaluator, distributions[int(np.argmax(means))], 50, rng)))
    mean = float(np.mean(found))
    return {"mean": mean, "regret": highest_mean(evaluator) - mean}


class OnePart(GraphEncoding):
    """The features of HybridEncoding as a single part, so that a model has one kernel for all of them.

    Parameters
    ----------
    units : mapping of str to float
        The mean squared distance between points, by part; afterwards it is one for each.
    """

    def __init__(self, units: Mapping[str, float]) -> None:
        self.units = units

    def _features(self, points: NDArray[np.float64]) -> dict[str, NDArray[np.float64]]:
        parts = HybridEncoding().bind(self.space_, self.length_).features(points)
        return {"all": np.hstack([part / np.sqrt(self.units[name]) for name, part in parts.items()])}


def regret(
    evaluator: TabularEvaluator,
    strategy: BayesianOptimization,
    seed: int,
    encoding: Encoding | None = None,
    prior: OperationDistribution | None = None,
) -> dict[str, float]:
    """Give the regret of a search after some queries."""
    result = run_search(
        strategy,
        evaluator,
        encoding=encoding,
        n_trials=max(QUERIES),
        # The prior matters to the first points alone; so strong, they hardly deviate from it.
        prior=None if prior is None else Prior(prior, strength=1000),
        random_state=seed,
    )
    found = np.maximum.accumulate([trial.score for trial in result.trials])
    return {f"regret_{n}": float(evaluator.optimum - found[n - 1]) for n in QUERIES}


# By name: the smooth parts, and whether there is one part only.
PARTS = ("distribution", "slots", "paths")
KERNELS: dict[str, tuple[Sequence[str], bool]] = {
    "by part, that of paths squared exponential": (("paths",), False),
    "by part, exponential": ((), False),
    "by part, squared exponential": (PARTS, False),
    "one, exponential": ((), True),
    "one, squared exponential": (("all",), True),
}


def with_kernel(evaluator: TabularEvaluator, smooth: Sequence[str], one: bool, seed: int) -> dict[str, float]:
    """Give the regret of a search with another kernel."""
    encoding = OnePart(hybrid_units(evaluator)) if one else HybridEncoding()
    return regret(evaluator, BayesianOptimization(smooth=smooth, trial_batch=1), seed, encoding)


@cache
def hybrid_units(evaluator: TabularEvaluator) -> dict[str, float]:
    """Give the mean squared distance between the architectures of a table, by part of the features."""
    architectures = Population.of(evaluator).architectures
    bound = HybridEncoding().bind(evaluator.search_space, architectures[0].length)
    return units_of(bound.features(np.array([bound.encode(architecture) for architecture in architectures])))


Measure = Callable[[TabularEvaluator, int], dict[str, float]]
ABLATIONS: dict[str, dict[str, Measure]] = {
    "sampling": {method: (lambda e, s, m=method: sampling(e, m, s)) for method in SAMPLING_METHODS},
    "architectures": {f"{n} each": (lambda e, s, n=n: architectures(e, n, s)) for n in (1, 2, 3, 5, 10)},
    "transform": {
        t: (lambda e, s, t=t: regret(e, BayesianOptimization(transform=t, trial_batch=1), s)) for t in ("log", "none")
    },
    "initial": {
        **{
            f"{n}": (lambda e, s, n=n: regret(e, BayesianOptimization(n_initial=n, trial_batch=1), s))
            for n in (1, 3, 5, 10)
        },
        "3, balanced": lambda e, s: regret(e, BayesianOptimization(trial_batch=1), s, prior=e.search_space.uniform()),
    },
    "kernel": {name: (lambda e, s, k=kernel: with_kernel(e, *k, s)) for name, kernel in KERNELS.items()},
}
SEEDS = {"sampling": 10, "architectures": 10, "transform": 20, "initial": 20, "kernel": 20}
QUICK_SEEDS = 2
FIGURES = {
    "sampling": ("share_between", "deviation_within"),
    "architectures": ("mean", "regret"),
    **dict.fromkeys(("transform", "initial", "kernel"), tuple(f"regret_{n}" for n in QUERIES)),
}


def run(rows: Rows, data: Path | None, tables: list[str], ablations: list[str], quick: bool) -> None:
    """Compute what is not there yet, seed by seed, so that an interrupted run has everything."""
    for seed, ablation, name in product(range(max(SEEDS.values())), ablations, tables):
        if seed >= (QUICK_SEEDS if quick else SEEDS[ablation]):
            continue
        for variant, measure in ABLATIONS[ablation].items():
            key = {"ablation": ablation, "table": name, "variant": variant, "seed": seed}
            if key not in rows:
                begin = time.perf_counter()
                figures = measure(evaluator_of(name, data), seed)
                rows.add(**key, **figures, seconds=time.perf_counter() - begin)
                print(f"\rseed {seed}, {ablation}, {name}".ljust(80), end="", file=sys.stderr, flush=True)


def ablation_table(rows: Rows, ablation: str, tables: Iterable[str]) -> str:
    """Lay out the figures of an ablation, each with its standard error."""

    def cell(group: list[dict[str, Any]], name: str) -> str:
        values = np.array([row[name] for row in group])
        error = values.std(ddof=1) / np.sqrt(len(values)) if len(values) > 1 else 0.0
        return f"{values.mean():.3f} ± {error:.3f}"

    body = []
    for name, variant in product(tables, ABLATIONS[ablation]):
        group = rows.select(ablation=ablation, table=name, variant=variant)
        if group:
            body.append((f"{name}, {variant}", *(cell(group, figure) for figure in FIGURES[ablation]), len(group)))
    return table(["", *(figure.replace("_", " ") for figure in FIGURES[ablation]), "seeds"], body)


def report(rows: Rows, tables: list[str], ablations: list[str]) -> None:
    """Print what is stored, with standard errors."""
    for ablation in ablations:
        print(f"\n{ablation}: mean ± standard error\n")
        print(ablation_table(rows, ablation, tables))
    print(f"\n{machines(rows.rows)}")


def main() -> int:
    assert __doc__ is not None
    options = parser(__doc__)
    options.add_argument("--quick", action="store_true", help=f"{QUICK_SEEDS} seeds")
    options.add_argument("--tables", nargs="+", choices=COMPLETE, default=COMPLETE)
    options.add_argument("--ablations", nargs="+", choices=list(ABLATIONS), default=list(ABLATIONS))
    arguments = options.parse_args()
    rows = rows_of(arguments, "ablations", ("ablation", "table", "variant", "seed"))
    if not arguments.report:
        run(rows, arguments.data, available(arguments.tables, arguments.data), arguments.ablations, arguments.quick)
    report(rows, arguments.tables, arguments.ablations)
    return 0


if __name__ == "__main__":
    sys.exit(main())
