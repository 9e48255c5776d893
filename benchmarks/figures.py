#!/usr/bin/env python3
"""Draws the figures of the documentation from the stored results, each with its data beside it as CSV.

    python benchmarks/figures.py [--results DIR] [--output docs/figures]

A figure whose rows are not there is left out. Needs matplotlib.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from _common import RESULTS, Rows
from _drawing import LABEL, STYLE, TITLE, plt, save, write_csv
from claims import ENCODINGS, PREDICTORS, SIZES, TABLES, summary
from figure_any_length import draw_lengths, length_rows
from search_figures import cost_rows, draw_costs, draw_encodings, draw_peers, regret_rows

AMONG = {"all": "all that it was not trained on", "best tenth": "the best tenth of those that it was not trained on"}
_COLUMNS = 4


def draw_correlations(rows: Sequence[dict[str, Any]], predictor: str, among: str, path: Path) -> None:
    """Draw rank correlation over the number of architectures trained on, a panel for each table."""
    rows = [row for row in rows if row["predictor"] == predictor and row["among"] == among]
    names = [name for name in TABLES if any(row["table"] == name for row in rows)]
    n_lines, n_columns = -(-len(names) // _COLUMNS), min(len(names), _COLUMNS)
    figure, axes = plt.subplots(
        n_lines, n_columns, figsize=(2.4 * n_columns, 2.3 * n_lines + 1), sharex=True, sharey=True, squeeze=False
    )
    for axis, name in zip(axes.flat, names, strict=False):
        for encoding in ENCODINGS:
            found = [row for row in rows if row["table"] == name and row["encoding"] == encoding]
            x = [row["n_trained_on"] for row in found]
            mean = np.array([row["spearman_mean"] for row in found])
            band = 1.96 * np.array([row["spearman_standard_error"] for row in found])
            colour, marker = STYLE[encoding]
            axis.plot(x, mean, color=colour, marker=marker, markersize=4, label=LABEL[encoding])
            axis.fill_between(x, mean - band, mean + band, color=colour, alpha=0.2, linewidth=0)
        axis.axhline(0, color="0.6", linewidth=0.8)
        axis.set_xscale("log")
        axis.set_xticks(SIZES, [str(size) for size in SIZES])
        axis.minorticks_off()
        axis.tick_params(labelbottom=True)
        axis.grid(alpha=0.3)
        axis.set_title(TITLE[name], fontsize="medium")
    for axis in axes.flat[len(names) :]:
        axis.set_axis_off()
    figure.supylabel("Spearman correlation", fontsize="medium")
    figure.supxlabel("architectures trained on", y=0.3 / n_lines**2, fontsize="medium")
    figure.suptitle(
        f"{predictor.capitalize()}: predicted against measured accuracy\n"
        f"among {AMONG[among]} (mean and 95 % band over seeds)",
        fontsize="medium",
    )
    handles, labels = axes[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="lower center", ncol=len(labels), frameon=False)
    figure.tight_layout(rect=(0, 0.26 / n_lines**2, 1, 1))
    save(figure, path)


def claims_figures(results: Path, output: Path) -> None:
    """Draw how well predictors rank."""
    rows = summary(Rows(results / "claims.jsonl", ()), list(TABLES))
    if not rows:
        print("No rows of claims.py: no figures of correlations.", file=sys.stderr)
        return
    write_csv(output / "correlations.csv", rows)
    for predictor, among in product(PREDICTORS, AMONG):
        name = f"correlations, {predictor}, {among}".replace(", ", "_").replace(" ", "_")
        draw_correlations(rows, predictor, among, output / f"{name}.svg")


def search_figures(results: Path, output: Path) -> None:
    """Draw regret over queries."""
    rows = regret_rows(Rows(results / "search_efficiency.jsonl", ()))
    if not rows:
        print("No rows of search_efficiency.py: no figures of regret over queries.", file=sys.stderr)
        return
    write_csv(output / "regret.csv", rows)
    draw_encodings(rows, output / "regret_encodings.svg")
    draw_peers(rows, output / "regret_peers.svg")


def cost_figures(results: Path, output: Path) -> None:
    """Draw regret over the cost of training."""
    rows = cost_rows(Rows(results / "equal_cost.jsonl", ()))
    if not rows:
        print("No rows of equal_cost.py: no figure of regret over the cost.", file=sys.stderr)
        return
    write_csv(output / "regret_equal_cost.csv", rows)
    draw_costs(rows, output / "regret_equal_cost.svg")


def length_figures(results: Path, output: Path) -> None:
    """Draw accuracy over the length of the cells."""
    rows = length_rows(Rows(results / "any_length.jsonl", ()))
    if not rows:
        print("No rows of any_length.py: no figure of accuracy over length.", file=sys.stderr)
        return
    write_csv(output / "any_length.csv", rows)
    draw_lengths(rows, output / "any_length.svg")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--results", type=Path, default=RESULTS, help="folder of the stored rows")
    parser.add_argument("--output", type=Path, default=Path(__file__).parent.parent / "docs" / "figures")
    arguments = parser.parse_args()
    arguments.output.mkdir(parents=True, exist_ok=True)
    for draw in (claims_figures, search_figures, cost_figures, length_figures):
        draw(arguments.results, arguments.output)
    return 0


if __name__ == "__main__":
    sys.exit(main())
