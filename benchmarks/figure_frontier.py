"""The figure of ``frontier.py``: accuracy over the size of the file and over the latency."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from _common import Rows
from _drawing import plt, save
from frontier_tables import AS_SMALL, BUDGETS, OURS, PEERS, TWO

# Colours as in the other figures, and markers for print.
_STYLE = {
    OURS: ("#d55e00", "o"),
    TWO: ("#cc79a7", "P"),
    AS_SMALL: ("#0072b2", "s"),
    PEERS[0]: ("#0072b2", "D"),
    PEERS[1]: ("#009e73", "^"),
    PEERS[2]: ("#555555", "v"),
}
_LABEL = {
    OURS: "one network within each limit",
    TWO: "two networks within each limit",
    AS_SMALL: "gradient boosting, as small as these",
}
_AXES = {"kib": "KiB of the file of ONNX", "ms": "milliseconds for a sample, onnxruntime"}


def frontier_rows(rows: Rows) -> list[dict[str, Any]]:
    """Average over the seeds what the figure shows: a row for each data set, model and limit."""
    found = []
    for dataset in dict.fromkeys(row["dataset"] for row in rows.rows):
        for model in _STYLE:
            for budget in ("", *BUDGETS):
                some = [r for r in rows.select(dataset=dataset, model=model, budget=budget) if "accuracy" in r]
                if some:
                    found.append(
                        {
                            "dataset": dataset,
                            "model": model,
                            "limit": budget,
                            "n_seeds": len(some),
                            "accuracy": float(np.mean([row["accuracy"] for row in some])),
                            "kib": float(np.mean([row["bytes"] for row in some])) / 1024,
                            "ms": float(np.mean([row["ms onnx 1"] for row in some])),
                        }
                    )
    return found


def draw_frontier(rows: Sequence[dict[str, Any]], path: Path) -> None:
    """Draw a line of two panels for each data set."""
    names = list(dict.fromkeys(row["dataset"] for row in rows))
    figure, axes = plt.subplots(
        len(names), len(_AXES), figsize=(7.4, 2.7 * len(names) + 0.5), sharey="row", squeeze=False, layout="constrained"
    )
    for line, name in zip(axes, names, strict=True):
        for axis, (column, text) in zip(line, _AXES.items(), strict=True):
            for model, (colour, marker) in _STYLE.items():
                some = sorted(
                    (row for row in rows if row["dataset"] == name and row["model"] == model),
                    key=lambda row, column=column: row[column],
                )
                axis.plot(
                    [row[column] for row in some],
                    [row["accuracy"] for row in some],
                    # What has a limit has a front.
                    linestyle="-" if model in _LABEL and column == "kib" else "none",
                    color=colour, marker=marker, markersize=5, label=_LABEL.get(model, model),
                )  # fmt: skip
            axis.set(xscale="log", xlabel=text, title=name)
            axis.xaxis.set_minor_formatter("")
            axis.grid(alpha=0.3)
        line[0].set_ylabel("test accuracy")
    handles, labels = axes[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncol=3, frameon=False)
    save(figure, path)
