"""What the figures share: how they look, and the file of their data."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure

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


def draw_band(axis: Axes, rows: Sequence[dict[str, Any]], columns: tuple[str, str, str, str], **style: Any) -> None:
    """Draw the rows of a line: the columns hold x, the mean, and the two ends of the band."""
    x, mean, low, high = ([row[column] for row in rows] for column in columns)
    axis.plot(x, mean, markersize=4, **style)
    axis.fill_between(x, low, high, color=style["color"], alpha=0.15, linewidth=0)


def save(figure: Figure, path: Path) -> None:
    """Write a figure, without the date."""
    figure.savefig(path, metadata={"Date": None} if path.suffix == ".svg" else None)
    plt.close(figure)


def write_csv(path: Path, rows: Sequence[dict[str, Any]]) -> None:
    """Write the data of a figure."""
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
