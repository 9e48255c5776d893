#!/usr/bin/env python3
"""Keeps the numbers in README and docs equal to the stored results.

    python benchmarks/quote.py            writes the quoted results anew
    python benchmarks/quote.py --check    lists the quotes that differ from the results, and fails if there are any

A quote is text between two comments of Markdown, a word or a whole table, and the first comment names what it shows::

    <!-- result: share nb201-cifar10 -->.46<!-- /result -->

A test checks them; a number that has no such name is not checked.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from _common import RESULTS, Rows, table
from ablations import ablation_table
from any_length import IMAGES, found_text, gain_table
from averaging import averaging_table
from batches import batch_table
from claims import TABLES, best_table, correlation_at, share_between, variance_table, wiring_table
from differentiable import cells_table, fits_table
from equal_cost import budget_table
from equal_cost import correlation_table as short_training_table
from export_tables import file_table, speed_table
from faults import fault_table, left_text
from frontier_tables import accuracy_text, frontier_table
from limited import limited_table
from memory import first_fit_text, fit_table, one_row_text, pickle_table, predict_text
from practice import PARTS, practice_table
from revisions import revision_table
from search_efficiency import (
    COMPLETE,
    DEFAULT,
    all_found,
    median_table,
    near_table,
    queries_text,
    regret_table,
    speed_up_table,
    target_table,
)
from spaces import gains_table, sizes_table
from suggestion_times import suggestion_table
from transfer import transfer_table

from skopdist.tables import load_digits_cells
from skopdist.tables._digits import N_SEEDS

ROOT = Path(__file__).parent.parent
QUOTE = re.compile(r"(<!-- result: (?P<name>[^>]+?) -->)(?P<text>.*?)(<!-- /result -->)", re.DOTALL)


def results(script: str) -> Rows:
    """Open the stored rows of a script."""
    return Rows(RESULTS / f"{script}.jsonl", ())


def short(value: float, digits: int = 3) -> str:
    """Write a number without the zero before its point."""
    return f"{value:.{digits}f}".replace("0.", ".", 1) if abs(value) < 1 else f"{value:.{digits}f}"


def share(name: str) -> str:
    """Give the share of the variance of a table that lies between distributions."""
    (row,) = results("claims").select(table=name, kind="variance")
    return short(row["share"], 2)


def correlations(argument: str) -> str:
    """Lay out rank correlations, for example of ``50, all``."""
    size, _, among = argument.partition(", ")
    return correlation_at(results("claims"), TABLES, among, int(size))


def queries(_: str) -> str:
    """Lay out queries to the optimum of NAS-Bench-201, as a median, and the regret after 50 of them."""
    shown = {
        "`BayesianOptimization`, hybrid encoding": DEFAULT,
        "the same, distribution alone": ("bayesian", "distribution"),
        "`LocalSearch` on cells": ("local", "adjacency"),
        "Optuna's TPE on cells": ("tpe", "adjacency"),
    }
    names = {"nb201-cifar10": "CIFAR-10", "nb201-cifar100": "CIFAR-100", "nb201-imagenet16": "ImageNet16-120"}
    stored = {name: all_found(results("search_efficiency"), name) for name in names}
    body = []
    for text, method in shown.items():
        found = [stored[name][method] for name in names]
        body.append([text, *(f"{queries_text(f.median(0.0)[0])}, {short(f.regret(50)[0])}" for f in found)])
    return table(["", *names.values()], body)


def datasets(_: str) -> str:
    """Lay out test accuracies beside those of other models."""
    methods = {
        "skopdist": "OpDistNASClassifier",
        "with random search": "OpDistNASClassifier, random search",
        "a cell of one fixed operation": "fixed cell",
        "gradient boosting": "gradient boosting",
        "logistic regression": "logistic regression",
    }
    stored = results("datasets")
    suites = {
        "digits": "digits, {seeds} splits",
        "fashion": "Fashion-MNIST, 10,000 training images",
        "series": "{sets} UCR series, mean",
        "tables": "{sets} PMLB tables, mean",
    }
    body = []
    for suite, text in suites.items():
        found = {
            method: {
                (row["dataset"], row["seed"]): row["accuracy"] for row in stored.select(suite=suite, method=method)
            }
            for method in methods.values()
        }
        # Means are over the same data for all; who has not seen all that the fixed cell has seen has none.
        shared = sorted(found["fixed cell"])
        line = [text.format(sets=len({name for name, _ in shared}), seeds=len(shared))]
        for accuracies in found.values():
            if not set(shared) <= set(accuracies):
                line.append("-")
                continue
            values = [accuracies[key] for key in shared]
            spread = f" ± {short(float(np.std(values, ddof=1)), 4)}" if suite == "digits" else ""
            line.append(short(float(np.mean(values)), 4) + spread)
        body.append(line)
    return table(["data", *methods], body)


def digits_cells(_: str) -> str:
    """Say where the variance of the table of the package lies."""
    seeds = [load_digits_cells(seed=seed).scores for seed in range(N_SEEDS)]
    cells = list(seeds[0])
    values = np.array([[scores[cell] for scores in seeds] for cell in cells])
    by_cell = [cell for cell in cells for _ in seeds]
    by_distribution = [tuple(sorted(cell)) for cell in by_cell]
    between = share_between(values.ravel(), by_cell)[0], share_between(values.ravel(), by_distribution)[0]
    return ", ".join(f"{100 * part:.1f} %" for part in between)


def differentiable(suite: str) -> str:
    """Lay out what differentiable searches found, for ``cells``, ``digits`` or ``fashion``."""
    stored = results("differentiable")
    return cells_table(stored) if suite == "cells" else fits_table(stored, suite)


def seconds_ratio(suite: str) -> str:
    """Say how many times the CPU seconds of Bayesian optimisation a differentiable search takes, on average."""
    stored = results("differentiable")
    methods = ("differentiable, one Dirichlet", "Bayesian optimisation")
    seconds = [np.mean([row["fit_cpu_seconds"] for row in stored.select(suite=suite, method=m)]) for m in methods]
    return f"{seconds[0] / seconds[1]:.1f}"


def training_speed(comparison: str) -> str:
    """Give the lowest and the highest of the median ratios of a comparison."""
    ratios = [row["ratio"] for row in results("training_speed").select(comparison=comparison)]
    return f"{short(min(ratios), 2)} to {short(max(ratios), 2)}"


def spaces(shown: str) -> str:
    """Lay out the ``sizes`` of the networks that a search in each space led to, or the ``gains`` of each step."""
    stored = results("spaces")
    return sizes_table(stored, "cpu") if shown == "sizes" else gains_table(stored, "cpu")


RENDERERS: dict[str, Callable[[str], str]] = {
    "share": share,
    "shares": lambda _: variance_table(results("claims"), TABLES),
    "best": lambda _: best_table(results("claims"), TABLES),
    "wiring": lambda _: wiring_table(results("claims"), TABLES),
    "correlations": correlations,
    "ablation": lambda name: ablation_table(results("ablations"), name, TABLES),
    "any-length": lambda _: gain_table(results("any_length"), IMAGES),
    "any-length-found": lambda _: found_text(results("any_length")),
    "queries": queries,
    "regret": lambda name: regret_table(results("search_efficiency"), name),
    "queries-within": lambda margin: median_table(results("search_efficiency"), COMPLETE, float(margin)),
    "speed-up": lambda margin: speed_up_table(results("search_efficiency"), COMPLETE, float(margin)),
    "near-optimum": lambda _: near_table(results("search_efficiency"), COMPLETE),
    "targets": lambda _: target_table(results("search_efficiency")),
    "equal-cost": lambda budget: budget_table(results("equal_cost"), int(budget)),
    "short-trainings": lambda _: short_training_table(results("equal_cost")),
    "suggestion-times": lambda _: suggestion_table(results("suggestion_times")),
    "datasets": datasets,
    "digits-cells": digits_cells,
    "differentiable": differentiable,
    "differentiable-seconds": seconds_ratio,
    "training-speed": training_speed,
    "faults": lambda _: fault_table(results("faults")),
    "faults-left": lambda _: left_text(results("faults")),
    "memory-fit": lambda _: fit_table(results("memory")),
    "memory-first-fit": lambda _: first_fit_text(results("memory")),
    "memory-pickle": lambda _: pickle_table(results("memory")),
    "memory-predict": lambda what: predict_text(results("memory"), what),
    "memory-one-row": lambda what: one_row_text(results("memory"), what),
    "averaging": lambda _: averaging_table(results("averaging")),
    "batches": lambda _: batch_table(results("batches")),
    "revisions": lambda _: revision_table(results("revisions")),
    "practice-parts": lambda what: practice_table(results("practice"), what.split()[0], int(what.split()[1]), PARTS),
    "practice": lambda what: practice_table(results("practice"), what.split()[0], int(what.split()[1])),
    "export-files": lambda _: file_table(results("export")),
    "export-speed": lambda _: speed_table(results("export")),
    "frontier": lambda dataset: frontier_table(results("frontier"), dataset),
    "frontier-accuracy": lambda what: accuracy_text(results("frontier"), *what.split(", ", 1)),
    "limited": lambda _: limited_table(results("limited")),
    "transfer": lambda suite: transfer_table(results("transfer"), suite),
    "spaces": spaces,
}


def render(name: str) -> str:
    """Give the text of a quote, for example of ``share nb201-cifar10``."""
    renderer, _, argument = name.partition(" ")
    if renderer not in RENDERERS:
        raise SystemExit(f"There is no result named {renderer!r}; expected one of {sorted(RENDERERS)}.")
    return RENDERERS[renderer](argument)


def rewritten(text: str) -> str:
    """Give a text with its quotes renewed."""

    def renew(match: re.Match[str]) -> str:
        fresh = render(match["name"])
        # A table stands in lines of its own.
        return match[1] + (f"\n\n{fresh}\n\n" if "\n" in match["text"] else fresh) + match[4]

    return QUOTE.sub(renew, text)


def pages() -> list[Path]:
    """List the files that may quote results."""
    docs = ROOT / "docs"
    # The folders that Sphinx writes hold copies.
    guides = sorted(p for folder in (docs, docs / "guide", docs / "claims") for p in folder.glob("*.md"))
    return [ROOT / "README.md", ROOT / "benchmarks" / "README.md", *guides]


def differences() -> Iterator[str]:
    """Name each quote that differs from the stored result."""
    for page in pages():
        for match in QUOTE.finditer(page.read_text(encoding="utf-8")):
            if match["text"].strip() != render(match["name"]).strip():
                yield f"{page.relative_to(ROOT)}: {match['name']}"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true")
    if parser.parse_args().check:
        found = list(differences())
        print("\n".join(found))
        return 1 if found else 0
    for page in pages():
        page.write_text(rewritten(page.read_text(encoding="utf-8")), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
