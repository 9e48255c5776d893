#!/usr/bin/env python3
"""Draws the figures of the documentation from the stored results, each with its data beside it as CSV.

    python benchmarks/figures.py [--results DIR] [--output docs/figures]

A figure whose rows are not there is left out. Needs matplotlib.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from _common import RESULTS, Rows
from _drawing import LABEL, STYLE, TITLE, plt, save, write_csv
from claims import ENCODINGS, PREDICTORS, SIZES, TABLES, summary
from figure_any_length import draw_lengths, length_rows
from figure_chosen import chosen_rows, draw_chosen
from figure_frontier import draw_frontier, frontier_rows
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


def with_data(
    script: str, summarise: Callable[[Rows], list[dict[str, Any]]], results: Path, data: Path
) -> list[dict[str, Any]]:
    """Summarise the rows of a script and write what its figures show; give nothing where there are no rows."""
    rows = summarise(Rows(results / f"{script}.jsonl", ()))
    if rows:
        write_csv(data, rows)
    else:
        print(f"No rows of {script}.py: no figures of them.", file=sys.stderr)
    return rows


def claims_figures(results: Path, output: Path) -> None:
    """Draw how well predictors rank."""
    rows = with_data("claims", lambda stored: summary(stored, list(TABLES)), results, output / "correlations.csv")
    for predictor, among in product(PREDICTORS, AMONG) if rows else ():
        name = f"correlations, {predictor}, {among}".replace(", ", "_").replace(" ", "_")
        draw_correlations(rows, predictor, among, output / f"{name}.svg")


def search_figures(results: Path, output: Path) -> None:
    """Draw regret over queries."""
    if rows := with_data("search_efficiency", regret_rows, results, output / "regret.csv"):
        draw_encodings(rows, output / "regret_encodings.svg")
        draw_peers(rows, output / "regret_peers.svg")


def cost_figures(results: Path, output: Path) -> None:
    """Draw regret over the cost of training."""
    if rows := with_data("equal_cost", cost_rows, results, output / "regret_equal_cost.csv"):
        draw_costs(rows, output / "regret_equal_cost.svg")


def length_figures(results: Path, output: Path) -> None:
    """Draw accuracy over the length of the cells."""
    if rows := with_data("any_length", length_rows, results, output / "any_length.csv"):
        draw_lengths(rows, output / "any_length.svg")


def frontier_figures(results: Path, output: Path) -> None:
    """Draw accuracy over the size of the file and over the latency."""
    if rows := with_data("frontier", frontier_rows, results, output / "frontier.csv"):
        draw_frontier(rows, output / "frontier.svg")


def chosen_figures(results: Path, output: Path) -> None:
    """Draw what was chosen for each data set, a figure for each kind of data."""
    rows = with_data("practice", chosen_rows, results, output / "chosen.csv")
    for suite, budget in sorted({(row["suite"], row["budget"]) for row in rows}):
        some = [row for row in rows if (row["suite"], row["budget"]) == (suite, budget)]
        draw_chosen(some, output / f"chosen_{suite}_{budget}.svg")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--results", type=Path, default=RESULTS, help="folder of the stored rows")
    parser.add_argument("--output", type=Path, default=Path(__file__).parent.parent / "docs" / "figures")
    arguments = parser.parse_args()
    arguments.output.mkdir(parents=True, exist_ok=True)
    for draw in (
        claims_figures, search_figures, cost_figures, length_figures, frontier_figures, chosen_figures,
    ):  # fmt: skip
        draw(arguments.results, arguments.output)
    return 0


if __name__ == "__main__":
    sys.exit(main())
