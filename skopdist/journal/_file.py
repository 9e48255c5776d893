"""A journal's file: found, locked, recognised, and changed only then."""

from __future__ import annotations

import json
import os
import sys
import time
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from io import FileIO
from pathlib import Path
from typing import Any

import numpy as np

from skopdist._version import __version__
from skopdist.trial import Trial

_FORMAT = "skopdist journal"
_VERSION = 1
_BEGINNING = f'{{"format": "{_FORMAT}", "version": '.encode()
_BOM = b"\xef\xbb\xbf"
# Whatever may stand between lines or, after a power cut, in the place of the last one.
_NOTHING = b" \t\r\n\0"
_PAUSE = 0.1


class JournalWarning(UserWarning):
    """A journal does not protect a search as it should: trials are in memory alone, or the file is unlocked."""


@dataclass(frozen=True)
class Contents:
    """The content of a journal's file.

    Attributes
    ----------
    identity : dict of str to str
    seed : int
    trials : tuple of Trial
    first_trial, end : int
        Where the header ends, and where the last whole line does.
    """

    identity: dict[str, str]
    seed: int
    trials: tuple[Trial, ...]
    first_trial: int
    end: int


class JournalFile:
    """A journal's file: locked from opening to closing, changed from :meth:`begin` on."""

    def __init__(self, path: Path, wait: bool) -> None:
        # Those of `path` raise where the file system refuses a name, such as a long one; opening it says so better.
        if os.path.exists(path) and not os.path.isfile(path):
            raise ValueError(f"journal must be the path of a file or a folder, but {path} is neither.")
        if not os.path.isdir(path.parent):
            raise FileNotFoundError(
                f"The folder {path.parent} of the journal {path.name} does not exist; create it, or give another path."
            )
        self.path = path
        self._file, self._is_new = _open_locked(path, wait)
        self._begun = self._warned = False
        self._waiting: list[bytes] = []
        try:
            self.contents = _parse(self._file.readall(), path)
        except OSError as error:
            self.close()
            raise _place_error(error, path) from error
        except BaseException:
            self.close()
            raise
        # Where the next line belongs.
        self._end = 0 if self.contents is None else self.contents.end
        self._first_trial = 0 if self.contents is None else self.contents.first_trial

    def begin(self, identity: Mapping[str, str], seed: int, trials: Sequence[Trial]) -> None:
        """Cut off a torn end, write the header of a new file, and those of the trials that the file has not."""
        try:
            self._file.truncate(self._end)
            if self.contents is None:
                self._write(_line({"format": _FORMAT, "version": _VERSION, "seed": seed, "identity": identity}))
                self._first_trial = self._end
            n_written = 0 if self.contents is None else len(self.contents.trials)
            for trial in trials[n_written:]:
                self._write(_line(trial.to_dict()))
        except OSError as error:
            raise _place_error(error, self.path) from error
        self._begun = True

    def forget(self) -> None:
        """Drop all trials."""
        self._waiting.clear()
        self._file.truncate(self._first_trial)
        self._end = self._first_trial

    def append(self, trial: Trial) -> None:
        """Write a trial, after those that could not be written before."""
        self._waiting.append(_line(trial.to_dict()))
        self._flush(last=False)

    def close(self) -> None:
        """Try once more to write what is left, unlock and close."""
        if self._waiting:
            self._flush(last=True)
        try:
            if self._is_new and not self._begun and not os.fstat(self._file.fileno()).st_size:
                # Nothing came of the search that made this empty file.
                self.path.unlink(missing_ok=True)
            _unlock(self._file)
            self._file.close()
        except OSError:
            # The file system may be gone, and the search must not be lost with it.
            pass

    def _flush(self, last: bool) -> None:
        try:
            while self._waiting:
                self._write(self._waiting[0])
                del self._waiting[0]
        except OSError as error:
            if not self._warned or last:
                n = len(self._waiting)
                self._warned = True
                warnings.warn(
                    f"{'At the end of the search ' if last else ''}{n} trial{'s' * (n > 1)} could not be written to "
                    f"the journal {self.path} ({type(error).__name__}: {error}). "
                    + (
                        "The result has them; a search that is resumed from the journal makes them again."
                        if last
                        else "The search goes on and tries again with each further trial; make room for it."
                    ),
                    JournalWarning,
                    stacklevel=2,
                )

    def _write(self, line: bytes) -> None:
        """Write a line whole, or nothing of it."""
        try:
            self._file.seek(self._end)
            rest = memoryview(line)
            while rest:
                rest = rest[self._file.write(rest) :]
            os.fsync(self._file.fileno())
        except OSError:
            try:
                self._file.truncate(self._end)
            except OSError:
                # Then the next writer cuts it off, here or after another start.
                pass
            raise
        self._end += len(line)


def _open_locked(path: Path, wait: bool) -> tuple[FileIO, bool]:
    """Open a file for reading and writing, and lock it; also return whether it had to be made."""
    while True:
        is_new = not os.path.exists(path)
        try:
            file = FileIO(os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0), 0o666), "r+")
        except OSError as error:
            raise _place_error(error, path) from error
        try:
            while not _lock(file, path):
                if not wait:
                    raise BlockingIOError(
                        f"The journal {path} is in use by another search. Wait until that has ended, or give another "
                        "file, or a folder, in which every search has its own."
                    )
                time.sleep(_PAUSE)
            # Who had the lock before may have removed the file when nothing came of it.
            if path.exists() and os.path.samestat(os.fstat(file.fileno()), path.stat()):
                return file, is_new
        except BaseException:
            file.close()
            raise
        file.close()


if sys.platform == "win32":
    import msvcrt

    # Locks are mandatory there: a byte that nobody reads.
    _LOCKED_BYTE = 2**40

    def _lock(file: FileIO, path: Path) -> bool:
        file.seek(_LOCKED_BYTE)
        try:
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        finally:
            file.seek(0)
        return True

    def _unlock(file: FileIO) -> None:
        file.seek(_LOCKED_BYTE)
        msvcrt.locking(file.fileno(), msvcrt.LK_UNLCK, 1)

else:
    import fcntl

    def _lock(file: FileIO, path: Path) -> bool:
        """Lock a file for this opening of it, so that two searches of one process are told apart as well."""
        try:
            fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        except OSError as error:
            warnings.warn(
                f"The file system of {path} has no locks ({error}): see that no two searches write to it at once.",
                JournalWarning,
                stacklevel=2,
            )
        return True

    def _unlock(file: FileIO) -> None:
        """Leave it to closing, which unlocks."""


def _place_error(error: OSError, path: Path) -> OSError:
    """Say of an error of the file system what it means for a search that has not begun."""
    return type(error)(
        error.errno,
        f"The journal {path} cannot be read and written to ({error.strerror}), and no trial was made; make room for "
        "it, or give another path",
    )


def _line(values: Mapping[str, Any]) -> bytes:
    return (json.dumps(values, default=_plain) + "\n").encode()


def _plain(value: Any) -> Any:
    """Turn what JSON does not know, which evaluators may have noted, into something that it does."""
    return value.tolist() if isinstance(value, np.ndarray | np.generic) else repr(value)


def read_file(path: Path) -> Contents | None:
    """Read a journal's file as it is; None if nothing is written there yet."""
    return _parse(path.read_bytes(), path)


def _parse(data: bytes, path: Path) -> Contents | None:
    """Read the bytes of a journal, down to the last line that is whole."""
    end = len(_BOM) if data.startswith(_BOM) else 0
    body = data[end:]
    if not body.strip(_NOTHING) or _BEGINNING.startswith(body):
        return None
    last = end + len(body.rstrip(_NOTHING))
    header: dict[str, Any] | None = None
    trials: list[Trial] = []
    number = first_trial = 0
    while end < last:
        number += 1
        stop = data.find(b"\n", end) + 1 or len(data)
        line = data[end:stop]
        # A process that was killed leaves half a line; a power cut may leave bytes of zero as well.
        if stop >= last and (b"\n" not in line or b"\0" in line):
            if header is None and not line.startswith(_BEGINNING):
                raise _no_journal(path)
            break
        if line.strip() and header is None:
            header, first_trial = _read_header(line, path), stop
        elif line.strip():
            trials.append(_read_trial(line, path, number, len(trials)))
        end = stop
    return None if header is None else Contents(header["identity"], header["seed"], tuple(trials), first_trial, end)


def _read_header(line: bytes, path: Path) -> dict[str, Any]:
    try:
        header = json.loads(line)
    except ValueError:
        raise _no_journal(path) from None
    if not isinstance(header, dict) or header.get("format") != _FORMAT:
        raise _no_journal(path)
    if header.get("version") != _VERSION:
        raise ValueError(
            f"The journal {path} has the format version {header.get('version')!r}; skopdist {__version__} expects "
            f"{_VERSION}. Go on with the skopdist that wrote it, or give another file."
        )
    identity, seed = header.get("identity"), header.get("seed")
    is_sound = isinstance(identity, dict) and all(isinstance(text, str) for text in identity.values())
    if not is_sound or not isinstance(seed, int) or isinstance(seed, bool) or seed < 0:
        raise ValueError(f"The header of the journal {path} is damaged; expected an identity and a seed. Restore it.")
    return header


def _read_trial(line: bytes, path: Path, number: int, index: int) -> Trial:
    try:
        trial = Trial.from_dict(json.loads(line))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(
            f"Line {number} of the journal {path} is not a trial ({type(error).__name__}: {error}). The file was "
            "changed by something else: restore it, remove this line and all behind it, or give another file."
        ) from error
    if trial.index != index:
        raise ValueError(
            f"Line {number} of the journal {path} holds the trial {trial.index}; expected {index}. Lines are missing "
            "or repeated: restore the file, remove this line and all behind it, or give another file."
        )
    return trial


def _no_journal(path: Path) -> ValueError:
    return ValueError(
        f"{path} is no journal of skopdist: expected a header with the identity of a search in the first line. "
        "The file was left as it is; give the path of a journal, or one where there is no file yet."
    )
