"""The figures of search efficiency: regret over queries, and over the cost of training."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from pathlib import Path
from typing import Any

import equal_cost
import numpy as np
from _common import Rows
from _drawing import LABEL, STYLE, TITLE, draw_band, plt, save
from claims import ENCODINGS
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from search_efficiency import COMPLETE, DEFAULT, METHODS, QUERIES, TECHNIQUES, Method, all_found

# Queries whose regret is drawn: about as dense as a logarithmic axis shows.
_GRID = sorted({1, QUERIES, *np.geomspace(1, QUERIES, 20).round().astype(int).tolist()})
_TICKS = (1, 3, 10, 30, 100)
_BAND = "mean and 95 % band over seeds, by the bootstrap"
# Below this many points the axis is linear, so that it has a place for a regret of 0.
_LINEAR = 0.1
# The default beside the others, on cells: colour, line and marker.
PEERS: dict[Method, tuple[str, str, str, str]] = {
    DEFAULT: ("Bayesian, hybrid encoding (default)", "#009e73", "-", "^"),
    ("local", "adjacency"): ("local search", "#0072b2", "-", "s"),
    ("evolution", "adjacency"): ("regularised evolution", "#cc79a7", "-", "v"),
    ("random", "adjacency"): ("random search", "0.5", "-", ""),
    ("tpe", "adjacency"): ("Optuna TPE", "#d55e00", "--", "o"),
    ("smac", "adjacency"): ("SMAC", "#e69f00", "--", "D"),
    ("nevergrad", "adjacency"): ("Nevergrad NGOpt", "#56b4e9", "--", "P"),
}
COSTS: dict[Method, tuple[str, str]] = {
    ("bayesian", "hybrid"): ("#009e73", "^"),
    ("bayesian", "distribution"): ("#d55e00", "o"),
    ("local", "adjacency"): ("#0072b2", "s"),
    ("random", "adjacency"): ("0.5", "D"),
}


def regret_rows(rows: Rows) -> list[dict[str, Any]]:
    """Give the mean regret by table, method and query, with its interval."""
    result = []
    for name in COMPLETE:
        for (strategy, encoding), found in all_found(rows, name).items():
            for query in _GRID:
                mean, low, high = (round(value, 4) for value in found.regret(query))
                key = {"table": name, "strategy": strategy, "encoding": encoding, "query": query}
                result.append(key | _interval(mean, low, high, len(found.curves)))
    return result


def cost_rows(rows: Rows) -> list[dict[str, Any]]:
    """Give the mean regret by table, method, guide and budget, with its interval."""
    result = []
    for name, method, guide in product(equal_cost.TABLES, equal_cost.METHODS, equal_cost.GUIDES):
        n_seeds = len(equal_cost.regrets_of(rows, name, method, guide))
        for budget, regret in equal_cost.regrets(rows, name, method, guide).items():
            mean, low, high = (round(value, 4) for value in regret)
            key = {"table": name, "strategy": method[0], "encoding": method[1], "guiding_epochs": guide}
            result.append(key | {"budget": budget} | _interval(mean, low, high, n_seeds))
    return result


def _interval(mean: float, low: float, high: float, n_seeds: int) -> dict[str, Any]:
    return {"regret_mean": mean, "regret_low": low, "regret_high": high, "n_seeds": n_seeds}


def draw_encodings(rows: Sequence[dict[str, Any]], path: Path) -> None:
    """Draw regret over queries: a line of panels for each technique, a column for each table, a line an encoding."""
    tables = _tables(rows)
    techniques = [name for name in TECHNIQUES if any(row["strategy"] == name for row in rows)]
    figure, axes = plt.subplots(
        len(techniques), len(tables), sharex=True, sharey=True, squeeze=False,
        figsize=(2.1 * len(tables) + 0.6, 1.6 * len(techniques) + 1.2),
    )  # fmt: skip
    for (technique, name), axis in zip(product(techniques, tables), axes.flat, strict=True):
        for encoding in ENCODINGS:
            found = _line(rows, table=name, strategy=technique, encoding=encoding)
            colour, marker = STYLE[encoding]
            _draw(axis, found, "query", color=colour, marker=marker, markevery=3, label=LABEL[encoding])
        _log_axes(axis, _TICKS)
    for axis, name in zip(axes[0], tables, strict=True):
        axis.set_title(TITLE[name], fontsize="medium")
    for axis, technique in zip(axes[:, -1], techniques, strict=True):
        axis.yaxis.set_label_position("right")
        axis.set_ylabel(TECHNIQUES[technique], fontsize="medium")
    _finish(figure, axes[0, 0], "architectures evaluated", f"Regret by encoding ({_BAND})")
    save(figure, path)


def draw_peers(rows: Sequence[dict[str, Any]], path: Path) -> None:
    """Draw regret over queries, a panel for each table: the default beside other searches, all but it on cells."""
    _draw_panels(
        _tables(rows),
        [
            (label, {"strategy": method[0], "encoding": method[1]}, colour, line, marker)
            for method, (label, colour, line, marker) in PEERS.items()
        ],
        rows, "query", _TICKS, "architectures evaluated",
        f"Regret of the default and of others on cells; dashed: other libraries\n({_BAND})", path,
    )  # fmt: skip


def draw_costs(rows: Sequence[dict[str, Any]], path: Path) -> None:
    """Draw regret over the cost, a panel for each table: guided by long and by short trainings."""
    lines = {equal_cost.LONG: "-", equal_cost.SHORT: "--"}
    _draw_panels(
        _tables(rows),
        [
            (
                f"{METHODS[method].removesuffix(' (default)')}, {guide} epochs",
                {"strategy": method[0], "encoding": method[1], "guiding_epochs": guide}, colour, line, marker,
            )
            for (method, (colour, marker)), (guide, line) in product(COSTS.items(), lines.items())
        ],
        rows, "budget", (6, 10, 20, 50), "cost of the search, in trainings of 200 epochs",
        f"Regret at equal cost; dashed: guided by 12 epochs, then five trainings of 200\n({_BAND})", path,
    )  # fmt: skip


def _draw_panels(
    tables: Sequence[str],
    lines: Sequence[tuple[str, dict[str, Any], str, str, str]],
    rows: Sequence[dict[str, Any]],
    x: str,
    ticks: Sequence[int],
    label: str,
    title: str,
    path: Path,
) -> None:
    figure, axes = plt.subplots(
        1, len(tables), figsize=(max(2.5 * len(tables) + 0.6, 10), 4.2), sharex=True, sharey=True, squeeze=False
    )
    drawn = [line for line in lines if _line(rows, **line[1])]
    for axis, name in zip(axes.flat, tables, strict=True):
        for text, key, colour, line, marker in drawn:
            found = _line(rows, table=name, **key)
            every = 3 if x == "query" else 1
            _draw(axis, found, x, color=colour, linestyle=line, marker=marker, markevery=every, label=text)
        _log_axes(axis, ticks)
        axis.set_title(TITLE[name], fontsize="medium")
    _finish(figure, axes[0, 0], label, title)
    save(figure, path)


def _tables(rows: Sequence[dict[str, Any]]) -> list[str]:
    return [name for name in COMPLETE if any(row["table"] == name for row in rows)]


def _line(rows: Sequence[dict[str, Any]], **key: Any) -> list[dict[str, Any]]:
    return [row for row in rows if all(row[name] == value for name, value in key.items())]


def _draw(axis: Axes, rows: Sequence[dict[str, Any]], x: str, **style: Any) -> None:
    # Drawn without data as well: the legend of the first panel names what any has.
    draw_band(axis, rows, (x, "regret_mean", "regret_low", "regret_high"), **style)


def _log_axes(axis: Axes, ticks: Sequence[int]) -> None:
    axis.set_xscale("log")
    axis.set_xticks(ticks, [str(tick) for tick in ticks])
    axis.set_yscale("symlog", linthresh=_LINEAR, linscale=0.6)
    axis.set_yticks((0, 0.1, 1, 10), ("0", "0.1", "1", "10"))
    axis.set_ylim(-0.015, 30)
    axis.minorticks_off()
    axis.grid(alpha=0.3)


def _finish(figure: Figure, axis: Axes, label: str, title: str) -> None:
    handles, labels = axis.get_legend_handles_labels()
    columns = 4 if len(labels) > 4 else len(labels)
    height = 0.22 * -(-len(labels) // columns) + 0.1
    figure.supylabel("regret in points of validation accuracy", fontsize="medium")
    figure.supxlabel(label, fontsize="medium", y=(height + 0.02) / figure.get_figheight())
    figure.suptitle(title, fontsize="medium", y=0.995)
    figure.legend(handles, labels, loc="lower center", ncol=columns, frameon=False)
    figure.tight_layout(rect=(0, height / figure.get_figheight(), 1, 1))
