"""Arrays and texts in one file, in the format of safetensors.

The format (https://github.com/safetensors/safetensors, "Format") is the length of a header, the header, which is JSON,
and the bytes of the arrays one after the other. Nothing in it is more than a number or a text. Its own library would do
as well; but writing takes a few lines and reading some checks, and so an estimator can be saved wherever the library
is installed. The tests read what is written here with safetensors itself, and the other way round.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Arrays = dict[str, NDArray[Any]]

_DTYPES = {
    "BOOL": "|b1", "U8": "|u1", "I8": "|i1", "U16": "<u2", "I16": "<i2", "F16": "<f2", "U32": "<u4", "I32": "<i4",
    "F32": "<f4", "U64": "<u8", "I64": "<i8", "F64": "<f8",
}  # fmt: skip
_NAMES = {np.dtype(dtype): name for name, dtype in _DTYPES.items()}
# As the library itself has it: a longer header is none.
_LONGEST_HEADER = 100_000_000
_TEXTS = "__metadata__"


def write_tensors(path: Path, arrays: Mapping[str, NDArray[Any]], texts: Mapping[str, str]) -> None:
    """Write arrays and texts to a file.

    Raises
    ------
    TypeError
        If the format has no name for the type of an array.
    """
    header: dict[str, Any] = {_TEXTS: dict(texts)}
    parts, end = [], 0
    # The widest first, so that all begin at multiples of their width.
    for name, array in sorted(arrays.items(), key=lambda item: (-item[1].dtype.itemsize, item[0])):
        dtype = array.dtype.newbyteorder("<")
        if dtype not in _NAMES:
            raise TypeError(f"The array {name!r} is of type {array.dtype}, which the format of safetensors lacks.")
        data = np.ascontiguousarray(array, dtype=dtype).tobytes()
        header[name] = {"dtype": _NAMES[dtype], "shape": list(array.shape), "data_offsets": [end, end + len(data)]}
        parts.append(data)
        end += len(data)
    text = json.dumps(header, ensure_ascii=False, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with path.open("wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        file.writelines(parts)


def read_tensors(path: Path) -> tuple[Arrays, dict[str, str]]:
    """Read arrays and texts from a file.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If it is none of this format, was cut, or does not fit together.
    """
    data = path.read_bytes()
    length = int.from_bytes(data[:8], "little")
    if len(data) < 8 or length > min(_LONGEST_HEADER, len(data) - 8):
        raise ValueError("it is no file in the format of safetensors, or was cut")
    try:
        header = json.loads(data[8 : 8 + length].decode(), object_pairs_hook=_unique)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"its header is no JSON ({error})") from error
    if not isinstance(header, dict):
        raise ValueError("its header is no mapping")
    texts = header.pop(_TEXTS, {})
    if not isinstance(texts, dict) or not all(isinstance(text, str) for text in texts.values()):
        raise ValueError("its header holds something else than texts beside the arrays")
    return _arrays(header, memoryview(data)[8 + length :]), texts


def _arrays(header: Mapping[str, Any], data: memoryview) -> Arrays:
    found: Arrays = {}
    end = 0
    try:
        entries = sorted(header.items(), key=lambda item: tuple(item[1]["data_offsets"]))
        for name, entry in entries:
            dtype, shape, (start, stop) = np.dtype(_DTYPES[entry["dtype"]]), entry["shape"], entry["data_offsets"]
            if start != end or not all(type(side) is int and side >= 0 for side in shape):
                raise ValueError(f"the place of the array {name!r} is not behind the one before it")
            if stop > len(data):
                raise ValueError(f"the array {name!r} ends beyond the file: it was cut")
            if stop - start != math.prod(shape) * dtype.itemsize:
                raise ValueError(f"the array {name!r} has another number of bytes than its shape {shape} takes")
            # A copy: parts of a file in memory are read-only.
            found[name] = np.frombuffer(data[start:stop], dtype).reshape(shape).copy()
            end = stop
    except (KeyError, TypeError, IndexError, AttributeError) as error:
        raise ValueError(f"its header describes no arrays ({type(error).__name__}: {error})") from error
    if end != len(data):
        raise ValueError(f"it has {len(data)} bytes of arrays where its header describes {end}: it was cut or added to")
    return found


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Make a mapping of which no key is there twice, for readers differ in which one counts."""
    mapping = dict(pairs)
    if len(mapping) < len(pairs):
        raise ValueError("a name is there twice")
    return mapping
