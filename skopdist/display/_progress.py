"""What a person sees while a fit runs: one line that is drawn anew, or a line for each trial."""

from __future__ import annotations

import logging
import math
import shutil
import sys
import time
from types import TracebackType
from typing import Any, Self, TextIO

from skopdist.display._text import progress_line
from skopdist.trial import Trial

# Columns of the bar.
_BAR = 20
_FULL, _EMPTY = "━", "─"


class Progress:
    """The progress of a fit: its trials, the members behind them, and the time that is left.

    In a terminal and in a notebook one line shows it, which is drawn anew; reasons of failures stand above it, and in
    the end a summary takes its place. Anywhere else, as in a file, each trial and each member prints a line. Where an
    application logs what the library says to the same place, it prints nothing, for it would say everything twice.

    The time left is the mean time of the trials or members that were made, times the number of those that are not. The
    first trial, which warms up, counts until there are others. Before the first member, one is taken to last as long as
    a trial would as a full training; members that train together in one graph are faster. Where `max_time` ends sooner,
    it is what is left.

    Parameters
    ----------
    n_trials : int or None
        How many the search makes; None where time decides.
    n_members : int or None, default=0
        The networks that are trained in the end; None where time decides.
    max_time : float, default=inf
        Seconds that everything may take.
    n_workers : int, default=1
        Trainings that run side by side.
    stream : text file or None, default=None
        None takes the standard output.

    Examples
    --------
    >>> from skopdist import Architecture, Cell, OperationDistribution
    >>> from skopdist.trial import Trial
    >>> p = OperationDistribution(["linear_relu", "skip_connect"], [1, 0])
    >>> trial = Trial(Architecture([Cell(["linear_relu"], [(0, 1)])]), p, score=0.9, duration=1.25, index=0)
    >>> with Progress(n_trials=20) as progress:  # doctest: +ELLIPSIS
    ...     progress.show_trial(trial)
    [ 1/20] score 0.9000 *  best 0.9000    1.2 s  linear_relu 1.00...
    """

    def __init__(
        self,
        n_trials: int | None,
        n_members: int | None = 0,
        max_time: float = math.inf,
        n_workers: int = 1,
        stream: TextIO | None = None,
    ) -> None:
        self.n_trials = n_trials
        self.n_members = n_members
        self.max_time = max_time
        self.n_workers = n_workers
        self.stream = sys.stdout if stream is None else stream
        self._is_live = _is_terminal(self.stream) or _is_notebook(self.stream)
        self._is_quiet = _is_logged_to(self.stream)
        self._best = -math.inf
        self._begin = self._since = time.monotonic()
        self._n_trials_made = self._n_members_made = 0
        # When those were made that say how long others take: trials on record come at once, and are left out.
        self._made: list[float] = []
        # What full trainings would have taken.
        self._trainings: list[float] = []
        self._width = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._draw("")
        if self._is_live and not self._is_quiet and error is None:
            # The line that stays.
            counts = _many(self._n_trials_made, "trial")
            if self._n_members_made:
                counts += f", {_many(self._n_members_made, 'network')}"
            best = f", best trial {self._best:.4f}" if math.isfinite(self._best) else ""
            self._write(f"{counts}{best}, {_clock(time.monotonic() - self._begin)}\n")

    def show_trial(self, trial: Trial, is_known: bool = False) -> None:
        """Show a trial of the search.

        Parameters
        ----------
        trial : Trial
        is_known : bool, default=False
            Whether it was on record, and nothing had to be done.
        """
        self._n_trials_made += 1
        if is_known:
            self._since = time.monotonic()
        else:
            self._made.append(time.monotonic())
            self._trainings.append(trial.duration / trial.fidelity)
        text = progress_line(trial, self.n_trials, self._best)
        if trial.succeeded:
            self._best = max(self._best, trial.score)
        self._show("search", self._n_trials_made, self.n_trials, text, is_news=not trial.succeeded)

    def begin_members(self, n_members: int | None) -> None:
        """Say that the search is over, and how many networks are trained behind it; None where time decides."""
        self.n_members = n_members
        if n_members is not None:
            self.n_trials = self._n_trials_made
        self._since, self._made = time.monotonic(), []
        if self._is_live:
            self._show("training", 0, n_members, "", is_news=False)

    def show_member(self, text: str, is_failed: bool = False) -> None:
        """Show a network that predicts in the end, by what there is to say of it."""
        self._made.append(time.monotonic())
        self._n_members_made += 1
        text = f"[member {_counted(self._n_members_made, self.n_members)}] {text}"
        self._show("training", self._n_members_made, self.n_members, text, is_news=is_failed)

    def seconds_left(self) -> float:
        """Return the seconds that are left, as far as can be told; NaN where there is nothing to tell from."""
        limit = max(0.0, self.max_time - (time.monotonic() - self._begin))
        if self.n_trials is None or self.n_members is None:
            return limit
        n_trials, n_members = self.n_trials - self._n_trials_made, self.n_members - self._n_members_made
        if not self._trainings and not self._made:
            return limit if math.isfinite(limit) else math.nan
        if self._n_members_made:
            # Those that train together are ready at the same moment.
            return min(limit, n_members * (self._made[-1] - self._since) / len(self._made))
        seconds = n_members * self._training_time() / self.n_workers
        if n_trials > 0:
            seconds += n_trials * self._trial_time()
        return min(limit, seconds)

    def _trial_time(self) -> float:
        """Return the seconds from one trial to the next."""
        if len(self._made) < 3:
            return (self._made[-1] - self._since) / len(self._made)
        return (self._made[-1] - self._made[0]) / (len(self._made) - 1)

    def _training_time(self) -> float:
        """Return the seconds of a full training."""
        # The first one warms up.
        counted = self._trainings[1:] if len(self._trainings) > 1 else self._trainings
        return sum(counted) / len(counted) if counted else 0.0

    def _show(self, phase: str, n: int, total: int | None, text: str, is_news: bool) -> None:
        if self._is_quiet:
            return
        left = self.seconds_left()
        rest = f"{_clock(left)} left" if math.isfinite(left) and round(left) else ""
        if not self._is_live:
            self._write(f"{text}  ({rest})\n" if rest else f"{text}\n")
            return
        if is_news:
            self._draw("")
            self._write(f"{text}\n")
        best = f"best {self._best:.4f}" if math.isfinite(self._best) else ""
        full = round(_BAR * self._share(n, total))
        bar = _FULL * full + _EMPTY * (_BAR - full)
        counted = _counted(n, total) if total is not None else f"{n} so far"
        self._draw("  ".join(part for part in (f"{phase:8}", bar, counted, best, rest) if part))

    def _share(self, n: int, total: int | None) -> float:
        """Return the part of this phase that is done: by the clock, where time decides."""
        if total is not None:
            return min(1.0, n / max(1, total))
        return min(1.0, (time.monotonic() - self._begin) / self.max_time)

    def _draw(self, line: str) -> None:
        """Draw over the line that is there; an empty one removes it."""
        if not self._is_live or (not line and not self._width):
            return
        # A line that is broken in two could not be drawn over.
        line = line[: shutil.get_terminal_size().columns - 1]
        # Blanks, and no escape code: notebooks and consoles differ in the codes that they know.
        self._write("\r" + line.ljust(self._width) + ("" if line else "\r"))
        self._width = len(line)

    def _write(self, text: str) -> None:
        if self.stream is None:
            # A program without a console, where print writes nothing either.
            return
        try:
            self.stream.write(text)
        except UnicodeEncodeError:
            # A console with few characters.
            plain = text.replace(_FULL, "#").replace(_EMPTY, "-")
            encoding = getattr(self.stream, "encoding", None) or "ascii"
            self.stream.write(plain.encode(encoding, "replace").decode(encoding))
        self.stream.flush()


def _many(n: int, what: str) -> str:
    return f"{n} {what}{'s' * (n != 1)}"


def _counted(n: int, total: int | None) -> str:
    return str(n) if total is None else f"{n}/{total}"


def _clock(seconds: float) -> str:
    """Return seconds as a person reads them: 42 s, 3:05 or 1:02:03."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def _is_terminal(stream: Any) -> bool:
    try:
        return bool(stream.isatty())
    except (AttributeError, ValueError):
        # No such method, or the file is closed.
        return False


def _is_notebook(stream: Any) -> bool:
    """Whether what is written goes to a notebook, whose kernel has streams of its own."""
    return type(stream).__module__.partition(".")[0] == "ipykernel"


def _is_logged_to(stream: Any) -> bool:
    """Whether the library's log, of what `verbose` shows, goes to where a stream does."""
    logger = logging.getLogger("skopdist")
    if not logger.isEnabledFor(logging.INFO):
        return False
    shown = (stream, sys.stdout, sys.stderr)
    asked: logging.Logger | None = logger
    while asked is not None:
        for handler in asked.handlers:
            if getattr(handler, "stream", None) in shown and handler.level <= logging.INFO:
                return True
        asked = asked.parent if asked.propagate else None
    return False
