"""Paths as users give them."""

from __future__ import annotations

import os
from pathlib import Path

__all__ = ["as_path"]


def as_path(path: object, name: str, what: str) -> Path:
    """Return a path with the user's folder in the place of ``~``.

    Parameters
    ----------
    path : str or Path
    name : str
        The parameter that it is.
    what : str
        What it should be the path of, as an error says it.

    Raises
    ------
    TypeError
        If it is no path.
    ValueError
        If it is blank or no file can have it as its name, or if there is no such user.

    Examples
    --------
    >>> from skopdist._paths import as_path
    >>> as_path("trials.jsonl", "journal", "a file or a folder").name
    'trials.jsonl'
    """
    message = f"{name} must be the path of {what}, got {path!r}"
    if not isinstance(path, str | os.PathLike) or not isinstance(os.fspath(path), str):
        raise TypeError(f"{message}.")
    if not os.fspath(path).strip():
        raise ValueError(f"{message}, which is blank.")
    if "\0" in os.fspath(path):
        raise ValueError(f"{message}, in which there is a character of zero.")
    try:
        return Path(path).expanduser()
    except RuntimeError as error:
        raise ValueError(f"{message}, but there is no such user here; write the folder out.") from error
