"""The figure of any length: accuracy over the length of the cells."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from pathlib import Path
from typing import Any

from _common import Rows
from _drawing import draw_band, plt, save
from any_length import IMAGES, LENGTHS, SOURCES, accuracies
from curves import mean_interval

TITLE = {"digits": "digits, where it was found", "fashion": "Fashion-MNIST"}
STYLE = {
    "found": ("the found distribution", "#009e73", "^"),
    "uniform": ("the uniform distribution", "0.5", "D"),
    "convolutions": ("nothing but convolutions, without a search", "#0072b2", "s"),
}


def length_rows(rows: Rows) -> list[dict[str, Any]]:
    """Give the mean accuracy by images, source and length, with its interval."""
    result = []
    for images, length in product(IMAGES, LENGTHS):
        for source, values in accuracies(rows, images, length).items():
            if len(values):
                mean, low, high = (round(value, 2) for value in mean_interval(values))
                key = {"images": images, "source": source, "length": length}
                interval = {"accuracy_mean": mean, "accuracy_low": low, "accuracy_high": high}
                result.append(key | interval | {"n_seeds": len(values)})
    return result


def draw_lengths(rows: Sequence[dict[str, Any]], path: Path) -> None:
    """Draw accuracy over length, a panel for each kind of images, a line for each source of cells."""
    names = [images for images in IMAGES if any(row["images"] == images for row in rows)]
    figure, axes = plt.subplots(1, len(names), figsize=(4.4 * len(names), 3.6), squeeze=False)
    for axis, images in zip(axes.flat, names, strict=True):
        for source in SOURCES:
            label, colour, marker = STYLE[source]
            found = [row for row in rows if (row["images"], row["source"]) == (images, source)]
            columns = ("length", "accuracy_mean", "accuracy_low", "accuracy_high")
            draw_band(axis, found, columns, color=colour, marker=marker, label=label)
        axis.set_xscale("log")
        axis.set_xticks(LENGTHS, [str(length) for length in LENGTHS])
        axis.minorticks_off()
        axis.grid(alpha=0.3)
        axis.set_title(TITLE[images], fontsize="medium")
    figure.supylabel("test accuracy in percent", fontsize="medium")
    figure.supxlabel("length of the cell, in operations", fontsize="medium", y=0.09)
    figure.suptitle("Cells of other lengths (mean and 95 % band over seeds, by the bootstrap)", fontsize="medium")
    handles, labels = axes[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="lower center", ncol=len(labels), frameon=False, columnspacing=1)
    figure.tight_layout(rect=(0, 0.09, 1, 1))
    save(figure, path)
