"""The trials of a search under the identity of the search: in memory, and in a file that outlives it."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

import numpy as np

from skopdist._identity import Identity, differences, fingerprint
from skopdist._paths import as_path
from skopdist._random import RandomState, root_entropy
from skopdist._version import __version__
from skopdist.journal._file import JournalFile, read_file
from skopdist.trial import Trial


@dataclass(frozen=True)
class SearchRecord:
    """The trials of a search, with all that they depend on: what another search needs to go on behind them.

    Attributes
    ----------
    identity : dict of str to str
        What the trials depend on (data, settings, strategy, seed, versions, ...), by name, as short texts.
    seed : int
        The integer from which all randomness of the search comes; drawn where ``random_state`` was None.
    trials : tuple of Trial
        In the order of the search, from the first.

    See Also
    --------
    read_journal : The record in a journal's file.
    skopdist.search.run_search : Returns a record, and goes on with one.
    """

    identity: Identity
    seed: int
    trials: tuple[Trial, ...] = field(repr=False)


class Journal:
    """The open journal of one search: its trials, in memory and, where there is a path, in a file.

    The first line of the file is a header with the identity of the search; each further line is a trial. A search takes
    the trials that it finds there and goes on behind the last of them. That is allowed under the same identity only:
    otherwise the file stays as it is, and the error lists what differs.

    Entering the block finds the file, locks it and reads it. :meth:`begin` is called when all else is ready; until then
    nothing is changed. An estimator that searches opens a journal itself, since its data are split by the journal's
    seed, and hands it on to :func:`~skopdist.search.run_search`, which otherwise opens one.

    Parameters
    ----------
    path : str, Path or None
        The file, which need not exist; its folder must. For a folder, the file in it is named by the fingerprint of the
        identity, so that many searches may share a folder. None keeps the trials in memory alone.
    identify : callable
        Returns what the trials depend on, the seed aside, as a dict of short texts. It is called when the answer is
        needed, for describing large data takes time.
    random_state : int, Generator, RandomState or None, default=None
        An integer has to be that of the earlier trials. In all other cases their seed is taken up.
    record : SearchRecord or None, default=None
        Earlier trials in memory.

    Attributes
    ----------
    seed : int
        The integer from which all randomness of the search has to come.
    trials : list of Trial
        Those that are known, in order.
    path : Path or None
        The file itself.

    Raises
    ------
    ValueError
        If the path is empty, the file is no journal or damaged, or the trials are those of another search.
    FileNotFoundError
        If the folder of the file does not exist.
    BlockingIOError
        If another search is writing to the file. In a folder, where names are not chosen by the user, the search waits
        until the other one has ended.

    Warns
    -----
    JournalWarning
        If a trial could not be written. The search goes on; the line is tried again with each further trial.

    Examples
    --------
    >>> from skopdist.journal import Journal
    >>> with Journal(None, lambda: {"data": "none"}, random_state=0) as journal:
    ...     journal.begin()
    ...     sorted(journal.record.identity)
    ['data', 'library', 'seed']
    """

    def __init__(
        self,
        path: str | os.PathLike[str] | None,
        identify: Callable[[], Mapping[str, str]],
        random_state: RandomState = None,
        record: SearchRecord | None = None,
    ) -> None:
        if record is not None and not isinstance(record, SearchRecord):
            raise TypeError(f"record must be the SearchRecord of an earlier search or None, got {record!r}.")
        self.path = None if path is None else as_path(path, "journal", "a file or a folder, or None for no journal")
        # A path does not keep the separator at its end.
        self._must_be_folder = isinstance(path, str) and path.endswith(("/", os.sep))
        self.trials: list[Trial] = []
        self.seed = -1
        self._identify = identify
        self._identity: Identity | None = None
        self._random_state = random_state
        self._earlier = record
        self._file: JournalFile | None = None

    def __enter__(self) -> Self:
        # Drawn in any case, so that a generator moves on by as much whether or not there are earlier trials.
        own = root_entropy(self._random_state)
        chosen = isinstance(self._random_state, int | np.integer)
        written: SearchRecord | None = None
        if self.path is not None:
            named = {"seed": str(own) if chosen else "drawn"}
            is_folder = os.path.isdir(self.path)
            if self._must_be_folder and not is_folder:
                raise FileNotFoundError(f"The folder of journals {str(self.path)!r} does not exist; create it.")
            if is_folder:
                self.path = self.path / f"{fingerprint(self._base() | named)}.jsonl"
            self._file = JournalFile(self.path, wait=is_folder)
        try:
            if self._file is not None:
                found = self._file.contents
                written = None if found is None else SearchRecord(found.identity, found.seed, found.trials)
            earlier = [record for record in (self._earlier, written) if record is not None]
            self.seed = own if chosen or not earlier else earlier[0].seed
            if self._earlier is not None:
                self._check(
                    self._earlier,
                    "record holds",
                    "Restore what differs, or begin anew: record=None, or warm_start=False in an estimator.",
                )
            if written is not None:
                self._check(
                    written,
                    f"journal {self.path} holds",
                    "Restore what differs, or give another file, or a folder, in which every search has its own.",
                )
        except BaseException:
            self.close()
            raise
        # The very objects of the earlier search, where both have them.
        in_memory = () if self._earlier is None else self._earlier.trials
        in_file = () if written is None else written.trials
        self.trials = [*in_memory, *in_file[len(in_memory) :]]
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    @property
    def record(self) -> SearchRecord:
        """The trials so far, and what they depend on."""
        return SearchRecord(self._full(), self.seed, tuple(self.trials))

    def begin(self) -> None:
        """Prepare the file for further trials: cut a torn end, and write what is not there yet.

        Raises
        ------
        OSError
            If the file cannot be written to.
        """
        if self._file is not None:
            record = self.record
            self._file.begin(record.identity, record.seed, record.trials)

    def restart(self) -> None:
        """Forget all trials, also in the file: they will be made again."""
        self.trials.clear()
        if self._file is not None:
            self._file.forget()

    def append(self, trial: Trial) -> None:
        """Add the next trial, and write it to the file; if that fails, a warning says so once."""
        self.trials.append(trial)
        if self._file is not None:
            self._file.append(trial)

    def close(self) -> None:
        """Unlock and close the file."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _base(self) -> Identity:
        if self._identity is None:
            self._identity = {**self._identify(), "library": f"skopdist {__version__}"}
        return self._identity

    def _full(self) -> Identity:
        return self._base() | {"seed": str(self.seed)}

    def _check(self, record: SearchRecord, holder: str, remedy: str) -> None:
        changed = differences(record.identity, self._full())
        if changed:
            raise ValueError(
                f"The {holder} the trials of another search, whose scores mean something else. "
                f"Expected the same search again; what differs: {'; '.join(changed)}. {remedy}"
            )


def read_journal(path: str | os.PathLike[str]) -> SearchRecord:
    """Read a journal's file, and leave it as it is.

    Parameters
    ----------
    path : str or Path

    Returns
    -------
    record : SearchRecord

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If the file is no journal, or damaged other than at its end.
    """
    path = as_path(path, "path", "a journal")
    contents = read_file(path)
    if contents is None:
        raise ValueError(f"{path} is empty; expected a journal, which begins with a header.")
    return SearchRecord(contents.identity, contents.seed, contents.trials)
