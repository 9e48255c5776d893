#!/usr/bin/env python3
"""Draws the figures of the documentation from the stored results, each with its data beside it as CSV.

    python benchmarks/figures.py [--output docs/figures] [--claims FILE]

Needs matplotlib.
"""

from __future__ import annotations

import argparse
import csv
import sys
from collections.abc import Sequence
from itertools import product
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from _common import RESULTS, Rows
from claims import ENCODINGS, PREDICTORS, SIZES, TABLES, summary

matplotlib.use("svg")
# Text stays text, and the same data give the same file.
matplotlib.rcParams.update({"svg.fonttype": "none", "svg.hashsalt": "skopdist", "font.size": 9})

from matplotlib import pyplot as plt  # noqa: E402 - after the choice of the backend

# Colours that readers with any colour vision can tell apart (Okabe and Ito), and markers for print.
STYLE = {"distribution": ("#d55e00", "o"), "adjacency": ("#0072b2", "s"), "hybrid": ("#009e73", "^")}
LABEL = {
    "distribution": "distribution alone (the paper's)",
    "adjacency": "one-hot cell (traditional)",
    "hybrid": "hybrid: distribution, slots and paths",
}
TITLE = {
    "digits": "digits\n729 cells",
    "macro-cifar10": "NAS-Bench-Macro\nCIFAR-10",
    "nb201-cifar10": "NAS-Bench-201\nCIFAR-10",
    "nb201-cifar100": "NAS-Bench-201\nCIFAR-100",
    "nb201-imagenet16": "NAS-Bench-201\nImageNet16-120",
    "darts-random": "DARTS, 214 random\nCIFAR-10",
    "darts-oncenas": "DARTS, OnceNAS\nCIFAR-10",
}
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
    figure.savefig(path, metadata={"Date": None})
    plt.close(figure)


def write_csv(path: Path, rows: Sequence[dict[str, Any]]) -> None:
    """Write the data of a figure."""
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, default=Path(__file__).parent.parent / "docs" / "figures")
    parser.add_argument("--claims", type=Path, default=RESULTS / "claims.jsonl", help="the rows of claims.py")
    arguments = parser.parse_args()
    arguments.output.mkdir(parents=True, exist_ok=True)
    rows = summary(Rows(arguments.claims, ()), list(TABLES))
    write_csv(arguments.output / "correlations.csv", rows)
    for predictor, among in product(PREDICTORS, AMONG):
        name = f"correlations, {predictor}, {among}".replace(", ", "_").replace(" ", "_")
        draw_correlations(rows, predictor, among, arguments.output / f"{name}.svg")
    return 0


if __name__ == "__main__":
    sys.exit(main())
