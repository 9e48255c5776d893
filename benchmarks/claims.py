#!/usr/bin/env python3
"""Claim 1, discriminating power: what the distribution of operations alone says about an architecture.

    python benchmarks/claims.py --data DIR [--quick] [--tables digits nb201-cifar10 ...] [--redo] [--report]

For each table of validation accuracies:

- the share of their variance that lies between distributions, beside the share that groups of the same sizes would get
  by chance, for all architectures and for those that have a path from input to output;
- the distribution whose architectures are best on average, with their mean and the best one, beside the optimum of the
  table and the distribution that this belongs to;
- where cells may be wired differently, the rank correlation of the accuracy with the number of edges that start at an
  input of the first cell, and with the count of the operation that goes with it most closely;
- the rank correlation (Spearman) between the prediction and the accuracy of the architectures that a predictor was not
  trained on, over all of these and over their best tenth, after training on 10 to 400 random architectures; predictors
  are the Gaussian process of BayesianOptimization and scikit-learn's random forest, each on every encoding, both
  trained on the scores as BayesianOptimization transforms them.

The two samples of the DARTS space have hardly two architectures of one distribution, so the first two points are not
for them. A tenth of a small table holds few architectures, so that correlation is noisy there. Rows are stored one by
one, and none is computed again. --quick computes two seeds instead of ten, after training on 25 and 100 architectures.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from _common import Rows, machines, parser, rows_of, table
from numpy.typing import NDArray
from scipy.stats import spearmanr
from sklearn.ensemble import RandomForestRegressor

from skopdist import Architecture
from skopdist.encodings import AdjacencyEncoding, DistributionEncoding, Encoding, HybridEncoding
from skopdist.evaluators import TabularEvaluator
from skopdist.strategies._bayesian import SMOOTH, transformed
from skopdist.strategies._gaussian_process import AdditiveGaussianProcess
from skopdist.tables import (
    load_darts_random,
    load_digits_cells,
    load_nasbench201,
    load_nasbench_macro,
    load_oncenas,
)

TABLES: dict[str, Callable[[Path | None], TabularEvaluator]] = {
    "digits": lambda data: load_digits_cells(),
    "macro-cifar10": lambda data: load_nasbench_macro(data),
    "nb201-cifar10": lambda data: load_nasbench201(data, dataset="cifar10"),
    "nb201-cifar100": lambda data: load_nasbench201(data, dataset="cifar100"),
    "nb201-imagenet16": lambda data: load_nasbench201(data, dataset="ImageNet16-120"),
    "darts-random": lambda data: load_darts_random(data),
    "darts-oncenas": lambda data: load_oncenas(data),
}
ENCODINGS: dict[str, Callable[[], Encoding]] = {
    "distribution": DistributionEncoding,
    "adjacency": AdjacencyEncoding,
    "hybrid": HybridEncoding,
}
SIZES, QUICK_SIZES = (10, 25, 50, 100, 200, 400), (25, 100)
SEEDS, QUICK_SEEDS = 10, 2
# For the unit of the length scales: the mean squared distance among so many architectures.
_REFERENCE = 400

Array = NDArray[np.float64]
Parts = Mapping[str, Array]


@dataclass(frozen=True)
class Population:
    """The architectures of a table."""

    evaluator: TabularEvaluator
    architectures: list[Architecture]
    scores: Array

    @classmethod
    def of(cls, evaluator: TabularEvaluator) -> Population:
        space = evaluator.search_space
        assert isinstance(evaluator.scores, Mapping)
        architectures = []
        for key in evaluator.scores:
            if not isinstance(key, Architecture):
                key = space.make_architecture([space.make_cell(key, space.potential_edges(len(key)))])
            architectures.append(key)
        return cls(evaluator, architectures, np.array(list(evaluator.scores.values())))

    def groups(self) -> list[Any]:
        """Give the distribution of each architecture."""
        return [self.evaluator.search_space.encode(architecture) for architecture in self.architectures]

    def works(self) -> NDArray[np.bool_]:
        """Whether each architecture has a path from input to output."""
        return np.array([self.evaluator.search_space.is_valid(architecture) for architecture in self.architectures])


def share_between(values: Array, groups: list[Any]) -> tuple[float, float]:
    """Give the share of the variance that lies between groups, and what groups of any members would get by chance."""
    codes: dict[Any, int] = {}
    index = np.array([codes.setdefault(group, len(codes)) for group in groups])
    counts = np.bincount(index)
    means = np.bincount(index, values) / counts
    between = float(counts @ (means - values.mean()) ** 2)
    return between / float(((values - values.mean()) ** 2).sum()), (len(counts) - 1) / (len(values) - 1)


def variance(population: Population) -> dict[str, Any]:
    """Measure what lies between distributions, and what the best of them holds."""
    groups, works = population.groups(), population.works()
    members: dict[Any, list[float]] = {}
    for group, score in zip(groups, population.scores.tolist(), strict=True):
        members.setdefault(group, []).append(score)
    best = max(members, key=lambda group: np.mean(members[group]))
    of_optimum = groups[int(population.scores.argmax())]
    means = sorted((float(np.mean(scores)) for scores in members.values()), reverse=True)
    share, chance = share_between(population.scores, groups)
    working = [group for group, work in zip(groups, works, strict=True) if work]
    working_share, working_chance = share_between(population.scores[works], working)
    return {
        "n_architectures": len(groups),
        "n_distributions": len(members),
        "share": share,
        "share_by_chance": chance,
        "n_working": int(works.sum()),
        "share_working": working_share,
        "share_working_by_chance": working_chance,
        "mean": float(population.scores.mean()),
        "optimum": float(population.scores.max()),
        "best_distribution": _text(best),
        "best_distribution_mean": float(np.mean(members[best])),
        "best_distribution_best": max(members[best]),
        "best_distribution_members": len(members[best]),
        "optimum_distribution": _text(of_optimum),
        "optimum_distribution_mean": float(np.mean(members[of_optimum])),
        "optimum_distribution_rank": 1 + means.index(float(np.mean(members[of_optimum]))),
    }


def _text(distribution: Any) -> str:
    return repr(distribution).removeprefix("OperationDistribution")


def wiring(population: Population) -> dict[str, Any] | None:
    """Compare what wiring says about the accuracy with what counts of operations say; None where all are wired alike.

    The wider and shallower a cell, the more of its edges start at an input.
    """
    cells = [architecture.cells[0] for architecture in population.architectures]
    if len({cell.edges for cell in cells}) == 1:
        return None
    from_inputs = [sum(source < cell.n_inputs for source, _ in cell.edges) for cell in cells]
    counts = {
        (kind, name): [architecture.cell(kind).operations.count(name) for architecture in population.architectures]
        for kind, name in product(population.architectures[0].cell_types, population.evaluator.space.operation_names)
    }
    correlations = {key: float(spearmanr(n, population.scores).statistic) for key, n in counts.items() if np.ptp(n)}
    strongest = max(correlations, key=lambda key: abs(correlations[key]))
    return {
        "edges_from_inputs": float(spearmanr(from_inputs, population.scores).statistic),
        "strongest_count": " ".join(strongest),
        "strongest_count_correlation": correlations[strongest],
    }


def units_of(parts: Parts) -> dict[str, float]:
    """Give the mean squared distance between architectures, by part."""
    reference = np.unique(np.linspace(0, len(next(iter(parts.values()))) - 1, _REFERENCE).astype(np.int64))
    return {name: max(2 * float(part[reference].var(axis=0).sum()), 1e-12) for name, part in parts.items()}


def gaussian_process(parts: Parts, train: NDArray[np.int64], z: Array, seed: int) -> Array:
    """Predict all with the process of the library, whatever is trained on included."""
    model = AdditiveGaussianProcess(units_of(parts), SMOOTH)
    model.fit({name: part[train] for name, part in parts.items()}, z)
    return model.predict(parts)[0]


def random_forest(parts: Parts, train: NDArray[np.int64], z: Array, seed: int) -> Array:
    """Predict all with a forest of 100 trees."""
    X = np.concatenate(list(parts.values()), axis=1)
    return RandomForestRegressor(100, random_state=seed).fit(X[train], z).predict(X)


PREDICTORS: dict[str, Callable[[Parts, NDArray[np.int64], Array, int], Array]] = {
    "gaussian process": gaussian_process,
    "random forest": random_forest,
}


def correlations(
    population: Population, parts: Parts, predictor: str, seed: int, sizes: Iterable[int]
) -> dict[str, Any]:
    """Give the rank correlations by the number of architectures trained on."""
    scores = population.scores
    order = np.random.default_rng(seed).permutation(len(scores))
    overall, top = {}, {}
    begin = time.perf_counter()
    for size in sizes:
        # Half of a small table at most, so that there is something left to predict.
        if size > len(scores) // 2:
            continue
        train, rest = order[:size], order[size:]
        prediction = PREDICTORS[predictor](parts, train, transformed(scores[train], "log"), seed)
        best = rest[scores[rest] >= np.quantile(scores[rest], 0.9)]
        overall[str(size)] = _rank_correlation(prediction[rest], scores[rest])
        top[str(size)] = _rank_correlation(prediction[best], scores[best])
    return {"overall": overall, "top": top, "seconds": time.perf_counter() - begin}


def _rank_correlation(prediction: Array, scores: Array) -> float:
    # A constant prediction ranks nothing; what rounding makes of a constant does not either.
    if np.ptp(prediction) < 1e-9 or np.ptp(scores) == 0:
        return 0.0
    return round(float(spearmanr(prediction, scores).statistic), 4)


def available(tables: Iterable[str], data: Path | None) -> list[str]:
    """Give those tables whose files are there, and say what is missing of the others."""
    found = []
    for name in tables:
        try:
            TABLES[name](data)
        except FileNotFoundError as error:
            print(f"{name} is left out. {error}", file=sys.stderr)
        else:
            found.append(name)
    return found


@cache
def population_of(name: str, data: Path | None) -> Population:
    """Load a table, once."""
    return Population.of(TABLES[name](data))


@cache
def parts_of(name: str, encoding: str, data: Path | None) -> Parts:
    """Give the features of all architectures of a table in an encoding, once."""
    population = population_of(name, data)
    bound = ENCODINGS[encoding]().bind(population.evaluator.search_space, population.architectures[0].length)
    return bound.features(np.array([bound.encode(architecture) for architecture in population.architectures]))


def run(
    rows: Rows, data: Path | None, tables: list[str], encodings: list[str], seeds: int, sizes: Iterable[int]
) -> None:
    """Compute what is not there yet, seed by seed, so that an interrupted run has all tables."""
    for name in tables:
        if not rows.select(table=name, kind="variance"):
            begin = time.perf_counter()
            found = variance(population_of(name, data))
            rows.add(table=name, kind="variance", **found, seconds=time.perf_counter() - begin)
        if not rows.select(table=name, kind="wiring"):
            rows.add(table=name, kind="wiring", **(wiring(population_of(name, data)) or {}))
    for seed, name, encoding, predictor in product(range(seeds), tables, encodings, PREDICTORS):
        key = {"table": name, "kind": "predictor", "encoding": encoding, "predictor": predictor, "seed": seed}
        if key not in rows:
            parts = parts_of(name, encoding, data)
            found = correlations(population_of(name, data), parts, predictor, seed, sizes)
            rows.add(**key, **found)
            print(f"\rseed {seed}, {name}, {encoding}, {predictor}".ljust(80), end="", file=sys.stderr, flush=True)


def summary(rows: Rows, tables: list[str]) -> list[dict[str, Any]]:
    """Give mean, standard error and number of seeds of each correlation."""
    result = []
    for name in tables:
        for encoding in ENCODINGS:
            for predictor in PREDICTORS:
                group = rows.select(table=name, kind="predictor", encoding=encoding, predictor=predictor)
                for part in ("overall", "top"):
                    for size in SIZES:
                        values = [row[part][str(size)] for row in group if str(size) in row[part]]
                        if values:
                            error = np.std(values, ddof=1) / np.sqrt(len(values)) if len(values) > 1 else 0.0
                            result.append(
                                {
                                    "table": name,
                                    "encoding": encoding,
                                    "predictor": predictor,
                                    "among": "all" if part == "overall" else "best tenth",
                                    "n_trained_on": size,
                                    "spearman_mean": round(float(np.mean(values)), 4),
                                    "spearman_standard_error": round(float(error), 4),
                                    "n_seeds": len(values),
                                }
                            )
    return result


def with_several_each(rows: Rows, tables: Iterable[str]) -> list[dict[str, Any]]:
    """Give the rows of those tables whose distributions hold several architectures each, as those of samples do not."""
    found = [row for name in tables for row in rows.select(table=name, kind="variance")]
    return [row for row in found if row["n_architectures"] > 2 * row["n_distributions"]]


def variance_table(rows: Rows, tables: Iterable[str]) -> str:
    """Lay out how much lies between distributions, and by chance."""
    found = with_several_each(rows, tables)
    body = [
        (
            row["table"],
            row["n_architectures"],
            row["n_distributions"],
            f"{row['share']:.3f} ({row['share_by_chance']:.3f})",
            f"{row['share_working']:.3f} ({row['share_working_by_chance']:.3f})",
        )
        for row in found
    ]
    return table(["table", "architectures", "distributions", "all", "with a path"], body)


def best_table(rows: Rows, tables: Iterable[str]) -> str:
    """Lay out the distribution of the highest mean beside the optimum of the table."""
    names = ("best_distribution_mean", "best_distribution_best", "optimum", "optimum_distribution_mean")
    body = [
        (
            row["table"],
            f"{row['mean']:.2f}",
            row["best_distribution_members"],
            *(f"{row[name]:.2f}" for name in names),
            row["optimum_distribution_rank"],
        )
        for row in with_several_each(rows, tables)
    ]
    header = ["table", "mean of all", "its size", "its mean", "its best", "optimum", "mean around the optimum", "rank"]
    return table(header, body)


def wiring_table(rows: Rows, tables: Iterable[str]) -> str:
    """Lay out how wiring and counts of operations go with the accuracy, where architectures are wired differently."""
    found = [row for name in tables for row in rows.select(table=name, kind="wiring") if "edges_from_inputs" in row]
    header = ["table", "edges from inputs (first cell)", "count of an operation, at best", "which"]
    names = ("edges_from_inputs", "strongest_count_correlation")
    return table(header, [(row["table"], *(f"{row[n]:.2f}" for n in names), row["strongest_count"]) for row in found])


def correlation_table(rows: Rows, tables: Iterable[str], among: str) -> str:
    """Lay out the mean rank correlations among "all" or the "best tenth", by the number trained on."""
    tables = list(tables)
    found = [row for row in summary(rows, tables) if row["among"] == among]
    cells = {tuple(row[k] for k in ("table", "predictor", "encoding", "n_trained_on")): row for row in found}
    body = []
    for name, predictor, encoding in product(tables, PREDICTORS, ENCODINGS):
        line = [cells.get((name, predictor, encoding, size)) for size in SIZES]
        if any(line):
            means = ["" if cell is None else f"{cell['spearman_mean']:.2f}" for cell in line]
            body.append((f"{name}, {predictor}, {encoding}", *means))
    return table(["", *map(str, SIZES)], body)


def correlation_at(rows: Rows, tables: Iterable[str], among: str, size: int) -> str:
    """Lay out the mean rank correlations after training on `size` architectures: Gaussian process / random forest."""
    found = [row for row in summary(rows, list(tables)) if (row["among"], row["n_trained_on"]) == (among, size)]
    means = {(row["table"], row["encoding"], row["predictor"]): f"{row['spearman_mean']:.2f}" for row in found}
    names = dict.fromkeys(row["table"] for row in found)
    body = [(name, *(" / ".join(means[name, e, p] for p in PREDICTORS) for e in ENCODINGS)) for name in names]
    return table(["", *ENCODINGS], body)


def report(rows: Rows, tables: list[str]) -> None:
    """Print what is stored."""
    print("\nShare of the variance of the accuracy that lies between distributions (by chance)\n")
    print(variance_table(rows, tables))
    print(
        "\nThe distribution of the highest mean, the optimum of the table, and the rank of the distribution around it\n"
    )
    print(best_table(rows, tables))
    print("\nRank correlation of the accuracy with the wiring, and with the counts of the operations\n")
    print(wiring_table(rows, tables))
    for among in ("all", "best tenth"):
        print(
            f"\nRank correlation of prediction and accuracy, among {among}, by the number of architectures trained on\n"
        )
        print(correlation_table(rows, tables, among))
    print(f"\n{machines(rows.rows)}")


def main() -> int:
    assert __doc__ is not None
    options = parser(__doc__)
    options.add_argument(
        "--quick", action="store_true", help=f"{QUICK_SEEDS} seeds instead of {SEEDS}, and fewer sizes"
    )
    options.add_argument("--tables", nargs="+", choices=list(TABLES), default=list(TABLES))
    options.add_argument("--encodings", nargs="+", choices=list(ENCODINGS), default=list(ENCODINGS))
    options.add_argument("--redo", action="store_true", help="forget the stored correlations that are asked for")
    arguments = options.parse_args()
    rows = rows_of(arguments, "claims", ("table", "kind", "encoding", "predictor", "seed"))
    if not arguments.report:
        tables = available(arguments.tables, arguments.data)
        for name, encoding in product(tables if arguments.redo else [], arguments.encodings):
            rows.drop(table=name, kind="predictor", encoding=encoding)
        seeds, sizes = (QUICK_SEEDS, QUICK_SIZES) if arguments.quick else (SEEDS, SIZES)
        run(rows, arguments.data, tables, arguments.encodings, seeds, sizes)
    report(rows, arguments.tables)
    return 0


if __name__ == "__main__":
    sys.exit(main())
