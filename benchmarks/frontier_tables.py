"""The tables of ``frontier.py``, of its stored rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import _common as common
import numpy as np

OURS, TWO, AS_SMALL = "skopdist", "skopdist, two networks", "gradient boosting, as small"
# How many networks predict together, within the limit.
MEMBERS = {OURS: 1, TWO: 2}
BUDGETS: dict[str, dict[str, float]] = {
    "5,000 parameters": {"params": 5_000},
    "20,000 parameters": {"params": 20_000},
    "100,000 parameters": {"params": 100_000},
    "1 MFLOP": {"flops": 1e6},
    "10 MFLOPs": {"flops": 1e7},
}
PEERS = ("gradient boosting", "random forest", "logistic regression")


def _mean(rows: Sequence[dict[str, Any]], name: str, form: str, scale: float = 1.0) -> str:
    """Write the mean of an entry; nothing where there is none."""
    if any(row.get(name) is None for row in rows):
        return ""
    return form.format(float(np.mean([row[name] for row in rows])) / scale)


def _line(text: str, rows: Sequence[dict[str, Any]]) -> list[str]:
    sizes = sorted({(row["n_cells"], row["channels"]) for row in rows if "n_cells" in row})
    return [
        text,
        str(len(rows)),
        common.mean_and_deviation([row["accuracy"] for row in rows]),
        ", ".join(f"{n} × {width}" for n, width in sizes),
        _mean(rows, "parameters", "{:,.0f}"),
        _mean(rows, "flops", "{:.2f}", 1e6),
        _mean(rows, "bytes", "{:,.0f}", 1024),
        _mean(rows, "ms onnx 1", "{:.3f}"),
        _mean(rows, "ms onnx 100", "{:.3f}"),
        _mean(rows, "fit_cpu_seconds", "{:.0f}"),
    ]


def frontier_table(rows: common.Rows, dataset: str) -> str:
    """Lay the networks of all limits out beside the other models: means over the seeds."""
    header = [
        dataset, "seeds", "accuracy", "cells × channels", "parameters", "MFLOPs", "KiB, ONNX", "ms, batch of 1",
        "batch of 100", "CPU s",
    ]  # fmt: skip
    body = []
    for model, budgets in (*((m, BUDGETS) for m in (OURS, TWO, AS_SMALL)), *((peer, ("",)) for peer in PEERS)):
        for budget in budgets:
            found = [row for row in rows.select(dataset=dataset, model=model, budget=budget) if "accuracy" in row]
            if found:
                names = {
                    OURS: budget, TWO: f"{budget}, two networks", AS_SMALL: f"gradient boosting, as small as {budget}"
                }  # fmt: skip
                body.append(_line(names.get(model, model), found))
    return common.table(header, body)


def accuracy_text(rows: common.Rows, dataset: str, budget: str) -> str:
    """Write the mean accuracy under a limit; a budget may end in ", two networks"."""
    limit, _, several = budget.partition(", two")
    found = [row["accuracy"] for row in rows.select(dataset=dataset, model=TWO if several else OURS, budget=limit)]
    return f"{np.mean(found):.4f}".removeprefix("0")
