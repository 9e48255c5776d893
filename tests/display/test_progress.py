import io
import logging
import math

import pytest

from skopdist import Architecture, Cell, OperationDistribution
from skopdist.display import Progress
from skopdist.display import _progress as module
from skopdist.trial import Trial


class Terminal(io.StringIO):
    def isatty(self):
        return True


class Clock:
    now = 100.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(module.time, "monotonic", clock)
    return clock


def trial(index=0, score=0.5, **changes):
    distribution = OperationDistribution(["linear_relu", "skip_connect"], [1, 0])
    settings = {"duration": 2.0, "index": index} | changes
    return Trial(Architecture([Cell(["linear_relu"], [(0, 1)])]), distribution, score, **settings)


def failed(index=0):
    return trial(index, math.nan, status="failed", message="MemoryError: too large")


def test_a_file_gets_a_line_for_each_trial_and_member(clock):
    stream = io.StringIO()
    with Progress(3, 1, stream=stream) as progress:
        for i in range(3):
            clock.now += 2
            progress.show_trial(trial(i, 0.5 + i / 10))
        progress.begin_members(1)
        progress.show_member("trained in 1.0 s")
    lines = stream.getvalue().splitlines()
    assert lines[0] == "[1/3] score 0.5000 *  best 0.5000    2.0 s  linear_relu 1.00  (6 s left)"
    assert lines[2].startswith("[3/3] score 0.7000 *")
    assert lines[3] == "[member 1/1] trained in 1.0 s"
    assert "\r" not in stream.getvalue()
    assert "\x1b" not in stream.getvalue()


def test_a_terminal_has_one_line_that_is_drawn_anew(clock):
    stream = Terminal()
    with Progress(4, stream=stream) as progress:
        for i in range(2):
            clock.now += 10
            progress.show_trial(trial(i, 0.5 + i / 10))
        progress.show_trial(failed(2))
    text = stream.getvalue()
    drawn = text.split("\r")
    assert drawn[1] == "search    ━━━━━───────────────  1/4  best 0.5000  30 s left"
    assert "2/4  best 0.6000  20 s left" in drawn[2]
    # The reason of a failure stays, and in the end the summary.
    kept = [line.split("\r")[-1] for line in text.split("\n")]
    assert kept == ["[3/4] failed: MemoryError: too large", "3 trials, best trial 0.6000, 20 s", ""]


def test_a_shorter_line_covers_a_longer_one(clock):
    stream = Terminal()
    progress = Progress(3, stream=stream)
    clock.now += 200
    progress.show_trial(trial(0))
    clock.now += 1
    progress.show_trial(trial(1))
    progress.show_trial(trial(2))
    *_, longer, shorter = stream.getvalue().split("\r")
    assert len(shorter.rstrip()) < len(longer) == len(shorter)


def test_an_error_leaves_an_empty_line():
    stream = Terminal()
    progress = Progress(4, stream=stream)
    progress.show_trial(trial())
    progress.__exit__(ZeroDivisionError, ZeroDivisionError(), None)
    *_, blanks, rest = stream.getvalue().split("\r")
    assert blanks.isspace()
    assert rest == ""


def test_a_console_of_few_characters():
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding="ascii")
    stream.isatty = lambda: True
    with Progress(4, stream=stream) as progress:
        progress.show_trial(trial())
    assert b"search    #####---------------  1/4" in raw.getvalue()


def test_time_left_counts_trials_and_members(clock):
    progress = Progress(10, n_members=4, n_workers=2, stream=io.StringIO())
    assert math.isnan(progress.seconds_left())
    for i in range(4):
        # The first one warms up.
        clock.now += 50 if i == 0 else 1
        progress.show_trial(trial(i, duration=50 if i == 0 else 1, fidelity=0.25))
    # Six trials of a second, and four members of four seconds, two at a time.
    assert progress.seconds_left() == pytest.approx(6 + 8)
    for i in range(4, 10):
        clock.now += 1
        progress.show_trial(trial(i, duration=1, fidelity=0.25))
    progress.begin_members(4)
    assert progress.seconds_left() == pytest.approx(8)
    clock.now += 3
    progress.show_member("")
    assert progress.seconds_left() == pytest.approx(9)


def test_time_left_keeps_within_max_time(clock):
    progress = Progress(100, n_members=4, max_time=30, stream=io.StringIO())
    assert progress.seconds_left() == 30
    clock.now += 5
    progress.show_trial(trial())
    assert progress.seconds_left() == 25
    clock.now += 100
    assert progress.seconds_left() == 0
    # Where time decides all of it will be used.
    open_end = Progress(None, None, max_time=30, stream=io.StringIO())
    clock.now += 1
    open_end.show_trial(trial())
    assert open_end.seconds_left() == 29


def test_where_time_decides_the_bar_is_a_clock(clock):
    stream = Terminal()
    progress = Progress(None, None, max_time=40, stream=stream)
    clock.now += 10
    progress.show_trial(trial())
    assert stream.getvalue().endswith("━━━━━───────────────  1 so far  best 0.5000  30 s left")
    progress.begin_members(None)
    progress.show_member("")
    assert "training  ━━━━━───────────────  1 so far  best" in stream.getvalue()


def test_trials_on_record_say_nothing_of_the_time(clock):
    progress = Progress(10, stream=io.StringIO())
    for i in range(5):
        progress.show_trial(trial(i), is_known=True)
    assert math.isnan(progress.seconds_left())
    clock.now += 3
    progress.show_trial(trial(5))
    assert progress.seconds_left() == pytest.approx(12)


@pytest.mark.parametrize(("seconds", "text"), [(0.4, "0 s"), (59.4, "59 s"), (185, "3:05"), (3723, "1:02:03")])
def test_clock(seconds, text):
    assert module._clock(seconds) == text


@pytest.fixture
def logger():
    logger = logging.getLogger("skopdist")
    before = logger.handlers[:], logger.level
    yield logger
    logger.handlers[:], logger.level = before[0], before[1]
    logger.setLevel(before[1])


def test_what_is_logged_to_the_same_place_is_not_printed_twice(logger, capsys):
    import sys

    handler = logging.StreamHandler(sys.stderr)
    logger.addHandler(handler)
    Progress(3).show_trial(trial())
    assert capsys.readouterr().out.startswith("[1/3]")
    logger.setLevel(logging.INFO)
    Progress(3).show_trial(trial())
    assert capsys.readouterr().out == ""
    handler.setLevel(logging.WARNING)
    Progress(3).show_trial(trial())
    assert capsys.readouterr().out.startswith("[1/3]")


def test_without_an_output_nothing_is_written(monkeypatch):
    # As in a program without a console.
    monkeypatch.setattr("sys.stdout", None)
    with Progress(2) as progress:
        progress.show_trial(trial())
