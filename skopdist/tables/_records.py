"""Reading of tables: their files, their rows, and the errors in them."""

from __future__ import annotations

import csv
import gzip
import math
import os
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, TypeVar

from skopdist.architecture import Architecture
from skopdist.spaces import SearchSpace

Key = TypeVar("Key", bound=Hashable)
# Where a record stands, for messages, and what it holds.
Record = tuple[str, Mapping[str, Any]]
OnMissing = Literal["raise", "nan"]


def find_file(path: str | Path | None, name: str, origin: str) -> Path:
    """Return the path of a table.

    Parameters
    ----------
    path : str, Path or None
        The file, or a folder that holds `name`; None takes the folder of the environment variable SKOPDIST_DATA.
    name : str
        Relative path in the folder.
    origin : str
        Where such a file comes from.

    Raises
    ------
    FileNotFoundError
        If it is not there; the message says what to do.
    """
    given = os.environ.get("SKOPDIST_DATA") if path is None else path
    if not given:
        raise FileNotFoundError(
            f"No path was given and SKOPDIST_DATA is not set: give the file, or a folder that holds {name}. {origin}"
        )
    found = Path(given)
    if found.is_dir():
        found = found / name if (found / name).exists() else found / Path(name).name
    if not found.exists():
        raise FileNotFoundError(f"There is no file {found}. {origin}")
    return found


def check_belongs(architecture: Architecture, space: SearchSpace) -> Architecture:
    """Return an architecture, or raise an error if it is not one of a space at its default length."""
    space.check_architecture(architecture)
    if architecture.length != space.default_length:
        raise ValueError(f"{architecture} has {architecture.length} operations, not {space.default_length}.")
    return architecture


def csv_records(path: Path, columns: Sequence[str]) -> Iterator[Record]:
    """Read the lines of a (gzipped) CSV file that must have some columns."""
    opened = gzip.open(path, "rt", newline="") if path.suffix == ".gz" else path.open(newline="")
    with opened as file:
        reader = csv.DictReader(file)
        absent = [name for name in columns if name not in (reader.fieldnames or ())]
        if absent:
            raise ValueError(f"{path} has no column {absent[0]!r}; expected the columns {', '.join(columns)}.")
        for row in reader:
            yield f"{path.name}, line {reader.line_num}", row


def collect(
    records: Iterable[Record],
    parse: Callable[[Mapping[str, Any]], Key],
    columns: Sequence[str],
    *,
    expected: Iterable[Key] = (),
    on_missing: OnMissing = "raise",
) -> dict[str, dict[Key, float]]:
    """Turn records into one mapping for each column, from architecture to number.

    Parameters
    ----------
    records : iterable of (str, mapping)
    parse : callable
        Returns the architecture of a record, or raises a ValueError with the reason why the record is none.
    columns : sequence of str
        The numbers to take.
    expected : iterable, default=()
        Architectures of which each must have a record.
    on_missing : {"raise", "nan"}, default="raise"
        "nan" leaves out what is missing: records that lack a number, and architectures that lack a record.

    Raises
    ------
    ValueError
        If a record is no architecture, repeats one, or holds a number that is not finite, or there are architectures
        without a record; with the first such record, and the reason.
    """
    if on_missing not in ("raise", "nan"):
        raise ValueError(f"on_missing must be 'raise' or 'nan', got {on_missing!r}.")
    seen: dict[Key, str] = {}
    numbers: dict[str, dict[Key, float]] = {name: {} for name in columns}
    for where, record in records:
        try:
            key = parse(record)
            values = [_number(record[name], name) for name in columns]
        except ValueError as error:
            raise ValueError(f"{where}: {error}") from error
        if key in seen:
            raise ValueError(f"{where}: repeats the architecture {_text(key)} of {seen[key]}.")
        seen[key] = where
        absent = [name for name, value in zip(columns, values, strict=True) if math.isnan(value)]
        if absent and on_missing == "raise":
            raise ValueError(
                f"{where}: {absent[0]} is missing or NaN; on_missing='nan' loads a table without such rows."
            )
        if not absent:
            for name, value in zip(columns, values, strict=True):
                numbers[name][key] = value
    missing = [key for key in expected if key not in seen]
    if missing and on_missing == "raise":
        raise ValueError(
            f"{len(missing)} architectures have no row, the first of them {_text(missing[0])}; on_missing='nan' loads "
            "a partial table."
        )
    if not next(iter(numbers.values())):
        raise ValueError("The table holds no architecture.")
    return numbers


def _number(text: Any, name: str) -> float:
    if text is None or text == "":
        return math.nan
    try:
        value = float(text)
    except (TypeError, ValueError):
        raise ValueError(f"{name} is {text!r}; expected a number.") from None
    if math.isinf(value):
        raise ValueError(f"{name} is infinite; expected a finite number.")
    return value


def _text(key: Hashable) -> str:
    return "|".join(map(str, key)) if isinstance(key, tuple) else str(key)
