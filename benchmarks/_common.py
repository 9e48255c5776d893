"""What the benchmark scripts share: data, stored rows, tables.

Importing it before numpy and torch limits them to one thread, since threads of several processes fight for the cores.
"""

from __future__ import annotations

import os

for _name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(_name, "1")

import argparse  # noqa: E402
import json  # noqa: E402
import platform  # noqa: E402
import subprocess  # noqa: E402
from collections.abc import Iterable, Mapping, Sequence  # noqa: E402
from functools import cache  # noqa: E402
from pathlib import Path  # noqa: E402
from typing import Any  # noqa: E402

import numpy as np  # noqa: E402
import sklearn  # noqa: E402
import torch  # noqa: E402
from numpy.typing import NDArray  # noqa: E402

# Beside the scripts and the package, so that neither carries the rows.
RESULTS = Path(__file__).parent.parent / "results"
# What --quick computes is not what README and docs quote, and must not be taken for it.
QUICK_RESULTS = Path(__file__).parent.parent / "build" / "bench" / "quick"

torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))


def parser(description: str) -> argparse.ArgumentParser:
    """A parser with the options of every script."""
    result = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    result.add_argument("--data", type=Path, help="folder of the data sets; by default that of $SKOPDIST_DATA")
    result.add_argument("--results", type=Path, help="file of the rows (JSON lines) instead of the one in results/")
    result.add_argument("--report", action="store_true", help="only print the tables of the stored rows")
    return result


def data_file(arguments: argparse.Namespace, name: str) -> Path:
    """Give the path of a data file, or say how to get at it."""
    folder = arguments.data or os.environ.get("SKOPDIST_DATA")
    if not folder:
        raise SystemExit(f"{name} is needed: give its folder with --data or in the environment variable SKOPDIST_DATA.")
    path = Path(folder) / name
    if not path.exists():
        raise SystemExit(f"There is no file {name} in the folder given by --data or SKOPDIST_DATA.")
    return path


@cache
def machine() -> dict[str, Any]:
    """Describe what the figures were measured on."""
    cpu = platform.processor() or platform.machine()
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        found = {name.strip(): value.strip() for name, colon, value in (line.partition(":") for line in lines) if colon}
        # One name may stand for processors that round differently.
        cpu = f"{found['model name']}, family {found['cpu family']} model {found['model']}"
    except (OSError, KeyError):
        pass
    try:
        commit = subprocess.run(
            ["git", "describe", "--always", "--dirty", "--exclude=*"],
            cwd=Path(__file__).parent, capture_output=True, text=True, check=True,
        ).stdout.strip()  # fmt: skip
    except (OSError, subprocess.CalledProcessError):
        commit = "unknown"
    return {
        "cpu": cpu,
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "sklearn": sklearn.__version__,
        "commit": commit,
    }


def load_average() -> float:
    """Give the number of processes that ran of late, ourselves included: more than cores spoil timings."""
    return os.getloadavg()[0]


class Rows:
    """Rows of figures in a file of JSON lines, each known by some of its entries."""

    def __init__(self, path: Path, keys: Sequence[str]) -> None:
        self.path = path
        self.keys = tuple(keys)
        self.rows: list[dict[str, Any]] = []
        # An interrupted run leaves at most an unfinished last line, which the next row must not continue.
        self._unfinished = False
        if path.exists():
            text = path.read_text()
            self._unfinished = text != "" and not text.endswith("\n")
            for line in text.splitlines():
                try:
                    self.rows.append(json.loads(line))
                except json.JSONDecodeError:
                    continue

    def __contains__(self, key: Mapping[str, Any]) -> bool:
        return any(all(row.get(k) == key[k] for k in self.keys) for row in self.rows)

    def add(self, **row: Any) -> None:
        """Store a row at once, so that an interruption loses nothing that was measured."""
        row["machine"] = machine()
        self.rows.append(row)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("a") as file:
            file.write("\n" * self._unfinished + json.dumps(row) + "\n")
        self._unfinished = False

    def drop(self, **entries: Any) -> int:
        """Forget the rows with these entries, and give their number."""
        kept = [row for row in self.rows if any(row.get(name) != value for name, value in entries.items())]
        dropped = len(self.rows) - len(kept)
        if dropped:
            self.rows = kept
            self.path.write_text("".join(json.dumps(row) + "\n" for row in kept))
        return dropped

    def select(self, **entries: Any) -> list[dict[str, Any]]:
        """Give the rows with these entries."""
        return [row for row in self.rows if all(row.get(name) == value for name, value in entries.items())]


def rows_of(arguments: argparse.Namespace, name: str, keys: Sequence[str]) -> Rows:
    """Open the rows of a script; those of its reduced version are in another file."""
    folder = QUICK_RESULTS if getattr(arguments, "quick", False) else RESULTS
    return Rows(arguments.results or folder / f"{name}.jsonl", keys)


def table(header: Sequence[str], body: Iterable[Sequence[Any]]) -> str:
    """Lay cells out as a Markdown table: text to the left, figures to the right."""
    body = [[str(cell) for cell in line] for line in body]
    widths = [max(len(line[i]) for line in [list(header), *body]) for i in range(len(header))]

    def line(cells: Sequence[str]) -> str:
        aligned = [c.ljust(w) if i == 0 else c.rjust(w) for i, (c, w) in enumerate(zip(cells, widths, strict=True))]
        return "| " + " | ".join(aligned) + " |"

    rule = "|" + "|".join("-" * (w + 1) + ("-" if i == 0 else ":") for i, w in enumerate(widths)) + "|"
    return "\n".join([line(header), rule, *map(line, body)])


def mean_and_deviation(values: Sequence[float], digits: int = 4) -> str:
    """Give "mean ± standard deviation" as text."""
    values_ = np.asarray(values, dtype=float)
    text = f"{values_.mean():.{digits}f}"
    return text if len(values_) == 1 else f"{text} ± {values_.std(ddof=1):.{digits}f}"


def machines(rows: Iterable[Mapping[str, Any]]) -> str:
    """Give one line for each machine of some rows."""
    seen = dict.fromkeys(
        f"{m['cpu']}, {m['threads']} thread of {m['cores']} cores, Python {m['python']}, torch {m['torch']}, "
        f"scikit-learn {m['sklearn']}"
        for m in (row["machine"] for row in rows)
    )
    return "\n".join(f"Measured on: {text}" for text in seen)


def stratified(y: NDArray[Any], n: int, seed: int) -> NDArray[np.intp]:
    """Give the indices of n samples with the class shares of y."""
    rng = np.random.default_rng(seed)
    classes, counts = np.unique(y, return_counts=True)
    wanted = np.floor(counts * n / len(y)).astype(int)
    wanted[np.argsort(-(counts * n / len(y) - wanted))[: n - wanted.sum()]] += 1
    chosen = [rng.choice(np.flatnonzero(y == c), k, replace=False) for c, k in zip(classes, wanted, strict=True)]
    return rng.permutation(np.concatenate(chosen))


def load_images(arguments: argparse.Namespace, name: str, part: str = "train") -> tuple[NDArray[Any], NDArray[Any]]:
    """Give the images of "mnist" or "fashion_mnist", uint8 of shape (n, 1, 28, 28), and their classes."""
    with np.load(data_file(arguments, f"images/{name}.npz")) as arrays:
        X, y = arrays[f"X_{part}"], arrays[f"y_{part}"]
    return X.reshape(-1, 1, 28, 28), y


def halved(images: NDArray[Any]) -> NDArray[np.float32]:
    """Average squares of two by two pixels."""
    n, channels, height, width = images.shape
    parts = images.reshape(n, channels, height // 2, 2, width // 2, 2)
    return parts.mean(axis=(3, 5), dtype=np.float32)
