"""Files that are there whole or not at all."""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from skopdist._paths import as_path

PathLike = str | os.PathLike[str]


@contextmanager
def written_whole(path: PathLike) -> Iterator[Path]:
    """Hand out a path in a folder beside a file, and let what is written there take the file's place in the end.

    Where the block raises, it is removed, and whatever stood at the path stays as it was.

    Parameters
    ----------
    path : str or Path

    Raises
    ------
    FileNotFoundError
        If the folder does not exist.
    IsADirectoryError
        If the path is a folder.
    ValueError
        If the path is something else that is no regular file, such as a device.
    PermissionError
        If nothing may be written to the folder.
    """
    target = as_path(path, "path", "a file to write")
    if target.is_dir() or not target.name:
        raise IsADirectoryError(f"Expected the path of a file to write, but {path!r} is a folder; add a name to it.")
    if target.exists() and not target.is_file():
        raise ValueError(f"Expected the path of a file to write, but {path!r} is a device, a pipe or the like.")
    if not target.parent.is_dir():
        raise FileNotFoundError(
            f"There is no folder {str(target.parent)!r} to write {target.name!r} to; make it first."
        )
    # A folder, for some writers put the name of the file into it.
    folder = target.with_name(f".{target.name}.{secrets.token_hex(4)}")
    try:
        # Before anything is computed, so that a folder that is read-only is known at once.
        folder.mkdir()
    except OSError as error:
        kind = PermissionError if isinstance(error, PermissionError) else OSError
        raise kind(
            f"Nothing can be written to the folder {str(target.parent)!r} ({error.strerror}); give a path in another "
            "one."
        ) from error
    try:
        neighbour = folder / target.name
        yield neighbour
        os.replace(neighbour, target)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
