"""The tables of ``export.py``, of its stored rows."""

from __future__ import annotations

from typing import Any

import _common as common

SPACES = ("dense", "sequence", "nasbench201", "nasbench101", "darts", "macro")
PEERS = ("gradient boosting", "random forest", "logistic regression")
BATCHES = (1, 100)
# What is timed, and its name in the table.
WAYS = {"predict_proba": "predict_proba", "torch": "torch", "onnx": "onnxruntime", "onnx 8 bit": "in 8 bits"}


def _models(rows: common.Rows) -> list[tuple[str, dict[str, Any]]]:
    """Return the rows of the first seed in the order of the tables, each with its name."""
    found = []
    for name in (*SPACES, *PEERS):
        for row in sorted(rows.select(model=name), key=lambda row: (row["seed"], row["members"])):
            committee = f", {row['members']} members" if row["members"] > 1 else ""
            found.append((f"`{name}`{committee}" if name in SPACES else name, row))
    return found


def _shown(row: dict[str, Any], name: str, form: str) -> str:
    return form.format(row[name]) if row.get(name) is not None else ""


def _kilobytes(row: dict[str, Any], name: str) -> str:
    return f"{row[name] / 1024:.0f}" if row.get(name) is not None else ""


def file_table(rows: common.Rows) -> str:
    """Lay out exactness, and the sizes of files in KiB."""
    header = [
        "digits", "parameters", "accuracy", "difference", "KiB, ONNX", "in 8 bits", "accuracy in 8 bits", "KiB, `.pt2`",
        "KiB, `save`",
    ]  # fmt: skip
    body = [
        [
            text,
            _shown(row, "parameters", "{:,}"),
            _shown(row, "accuracy", "{:.3f}"),
            _shown(row, "difference", "{:.0e}"),
            *(_kilobytes(row, name) for name in ("bytes", "8 bit bytes")),
            _shown(row, "8 bit accuracy", "{:.3f}"),
            *(_kilobytes(row, name) for name in ("pt2 bytes", "saved bytes")),
        ]
        for text, row in _models(rows)
    ]
    return common.table(header, body)


def speed_table(rows: common.Rows) -> str:
    """Lay out the milliseconds for a sample, in batches of 1 and of 100."""
    header = ["ms for a sample", *(f"{text}, {n}" for n in BATCHES for text in WAYS.values())]
    body = [
        [text, *(_shown(row, f"ms {way} {n}", "{:.3f}") for n in BATCHES for way in WAYS)]
        for text, row in _models(rows)
    ]
    return common.table(header, body)
