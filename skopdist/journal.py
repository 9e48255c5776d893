"""The journal: trials that outlive the process that made them."""

from __future__ import annotations

import json
from pathlib import Path

from skopdist.trial import Trial


class Journal:
    """Trials as lines of a JSON file, one appended as soon as it is known.

    A search that is given the journal of an earlier, interrupted one takes the trials from there and goes on behind
    the last of them.

    Parameters
    ----------
    path : str or Path
        The file; it is made when the first trial is written.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)

    def append(self, trial: Trial) -> None:
        """Write a trial to the end of the file."""
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(trial.to_dict()) + "\n")

    def read(self) -> list[Trial]:
        """Give the trials written so far.

        A last line that a killed process left unfinished is dropped from the file; any other unreadable line raises
        a ValueError with its number.
        """
        if not self.path.exists():
            return []
        lines = self.path.read_text(encoding="utf-8").splitlines(keepends=True)
        # Even if all but its end was written: the next trial would be appended to the same line.
        if lines and not lines[-1].endswith("\n"):
            lines.pop()
            self.path.write_text("".join(lines), encoding="utf-8")
        trials = []
        for number, line in enumerate(lines, start=1):
            try:
                trials.append(Trial.from_dict(json.loads(line)))
            except (ValueError, KeyError, TypeError) as error:
                raise ValueError(f"Line {number} of the journal {self.path} is not a trial: {error}") from error
        return trials
