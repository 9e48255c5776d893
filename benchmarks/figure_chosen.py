"""The figure of what ``practice.py`` found, data set by data set: the stems and operations of what predicts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import cycle
from pathlib import Path
from typing import Any

from _common import Rows
from _drawing import plt, save
from practice import OURS

from skopdist.display._drawing import PALETTE

_PANELS = {"stems": "stems of the networks that predict", "operations": "operations of their cells"}


def chosen_rows(rows: Rows) -> list[dict[str, Any]]:
    """List the shares of stems and operations in what predicts, for each suite, budget and data set (first seed)."""
    found = []
    for row in rows.select(method=OURS, seed=0):
        for panel in _PANELS:
            for name, share in sorted(row.get(panel, {}).items()):
                key = {column: row[column] for column in ("suite", "budget", "dataset")}
                found.append({**key, "panel": panel, "name": name, "share": round(share, 4)})
    return found


def draw_chosen(rows: Sequence[dict[str, Any]], path: Path) -> None:
    """Draw a line of bars for each data set: shares of stems on the left, of operations on the right."""
    names = list(dict.fromkeys(row["dataset"] for row in rows))
    figure, axes = plt.subplots(1, 2, figsize=(7.4, 0.2 * len(names) + 1.3), sharey=True, layout="constrained")
    for axis, (panel, title) in zip(axes, _PANELS.items(), strict=True):
        some = [row for row in rows if row["panel"] == panel]
        totals: Counter[str] = Counter()
        for row in some:
            totals[row["name"]] += row["share"]
        left = dict.fromkeys(names, 0.0)
        for (kind, _), colour in zip(totals.most_common(), cycle(PALETTE), strict=False):
            shares = {row["dataset"]: row["share"] for row in some if row["name"] == kind}
            widths = [shares.get(name, 0.0) for name in names]
            axis.barh(names, widths, left=[left[name] for name in names], color=colour, height=0.75, label=kind)
            left = {name: left[name] + width for name, width in zip(names, widths, strict=True)}
        axis.set(title=title, xlim=(0, 1))
        axis.title.set_fontsize("medium")
        axis.tick_params(axis="y", length=0)
        below = -0.35 / figure.get_size_inches()[1]
        axis.legend(loc="upper center", bbox_to_anchor=(0.5, below), frameon=False)
        axis.spines[["top", "right", "left"]].set_visible(False)
    axes[0].invert_yaxis()
    save(figure, path)
