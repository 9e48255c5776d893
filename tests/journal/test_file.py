"""Tests of a journal's file: recognised before it is touched, whole whatever happens."""

import json
import subprocess
import sys

import numpy as np
import pytest

from skopdist.evaluators import TabularEvaluator
from skopdist.journal import Journal, JournalWarning, read_journal
from skopdist.search import run_search
from skopdist.spaces import NASBench201Space
from skopdist.strategies import RandomSearch

TABLE = TabularEvaluator(NASBench201Space(), lambda operations: operations.count("nor_conv_3x3") / 6)


def search(path, n_trials=4, **settings):
    return run_search(RandomSearch(), TABLE, n_trials=n_trials, random_state=0, journal=path, **settings)


@pytest.fixture
def whole(tmp_path):
    """The bytes of a journal of four trials."""
    search(tmp_path / "whole")
    return (tmp_path / "whole").read_bytes()


def without_times(data):
    return [
        json.loads(line) | {"duration": 0} for line in data.removeprefix(b"\xef\xbb\xbf").splitlines() if line.strip()
    ]


# What is no journal stays as it is


@pytest.mark.parametrize(
    "data",
    [
        b"a,b,c\n1,2,3\n4,5,6",
        b"nonsense",
        b'{"architecture": 3}\n',
        b"[1, 2]\n",
        b'{"format": "something else", "version": 1}\n',
        b"\x89PNG\r\n\x1a\n" + bytes(range(256)),
        "Grüße\n".encode("utf-16"),
    ],
)
def test_another_file_is_refused_untouched(data, tmp_path):
    path = tmp_path / "mydata.csv"
    path.write_bytes(data)
    with pytest.raises(ValueError, match=r"mydata\.csv is no journal of skopdist: expected a header .* give the path"):
        search(path)
    with pytest.raises(ValueError, match=r"is no journal of skopdist"):
        read_journal(path)
    assert path.read_bytes() == data


def test_another_version_of_the_format_is_refused(whole, tmp_path):
    path = tmp_path / "j"
    path.write_bytes(whole.replace(b'"version": 1', b'"version": 2'))
    with pytest.raises(ValueError, match=r"has the format version 2; skopdist \S+ expects 1\. Go on with the skopdist"):
        search(path)


@pytest.mark.parametrize("change", [(b'"seed": 0', b'"seed": null'), (b'"identity": {', b'"identity": {"x": 1, ')])
def test_a_damaged_header_is_refused(change, whole, tmp_path):
    path = tmp_path / "j"
    path.write_bytes(whole.replace(*change, 1))
    with pytest.raises(ValueError, match=r"The header of the journal .* is damaged; expected an identity and a seed"):
        search(path)


@pytest.mark.parametrize("line", [b"nonsense", b"{}", b"[1]", b'{"score": 1}', b"17"])
def test_a_damaged_line_is_refused_by_its_number(line, whole, tmp_path):
    lines = whole.splitlines(keepends=True)
    lines[2] = line + b"\n"
    path = tmp_path / "j"
    path.write_bytes(b"".join(lines))
    with pytest.raises(ValueError, match=r"Line 3 of the journal .* is not a trial .* restore it, remove this line"):
        search(path)
    assert path.read_bytes() == b"".join(lines)


@pytest.mark.parametrize(
    ("order", "message"),
    [
        ([0, 1, 3, 4], r"Line 3 of the journal .* holds the trial 2; expected 1\. Lines are missing or repeated"),
        ([0, 1, 1, 2], r"Line 3 .* holds the trial 0; expected 1"),
        ([0, 2, 1, 3], r"Line 2 .* holds the trial 1; expected 0"),
        ([0, 1, 2, 0, 1, 2], r"Line 4 .* is not a trial"),
        ([1, 2], r"is no journal of skopdist"),
    ],
)
def test_lines_in_another_order_are_refused(order, message, whole, tmp_path):
    lines = whole.splitlines(keepends=True)
    (tmp_path / "j").write_bytes(b"".join(lines[i] for i in order))
    with pytest.raises(ValueError, match=message):
        search(tmp_path / "j")


@pytest.mark.parametrize("name", ["a" * 300, "b" * 300 + "/j", "é" * 200])
def test_a_name_that_the_file_system_refuses(tmp_path, name):
    with pytest.raises(OSError, match=r"The journal .* cannot be read and written to|The folder .* does not exist"):
        search(tmp_path / name)


# What is left of one is gone on with


def test_a_journal_cut_anywhere_is_resumed(whole, tmp_path):
    ends = np.cumsum([len(line) for line in whole.splitlines(keepends=True)])
    cuts = {0, 1, 2, 5, 40, *range(0, len(whole), 97), *(end + d for end in ends for d in (-1, 0, 1)), len(whole)}
    path = tmp_path / "j"
    for cut in sorted(cut for cut in cuts if cut <= len(whole)):
        path.write_bytes(whole[:cut])
        n_whole = sum(cut >= end for end in ends)
        with Journal(path, lambda: read_journal(tmp_path / "whole").identity, 0) as journal:
            assert len(journal.trials) == max(0, n_whole - 1), f"cut at {cut}"
            assert path.read_bytes() == whole[:cut], "nothing changes before the search begins"
        search(path)
        assert without_times(path.read_bytes()) == without_times(whole), f"cut at {cut}"


DAMAGES = {
    "BOM": lambda data: b"\xef\xbb\xbf" + data,
    "CRLF": lambda data: data.replace(b"\n", b"\r\n"),
    "BOM, CRLF and a torn end": lambda data: (b"\xef\xbb\xbf" + data.replace(b"\n", b"\r\n"))[:-30],
    "blank lines": lambda data: b"\n \n" + data.replace(b"\n", b"\n\n"),
    "NULs behind half a line": lambda data: data[: len(data) // 2] + b"\0" * 300,
    "NULs and a line end behind half a line": lambda data: data[: len(data) // 2] + b"\0" * 300 + b"\n",
    "NULs behind a whole line": lambda data: data + b"\0" * 300,
    "NULs in the last line": lambda data: data[:-60] + b"\0" * 30 + data[-30:],
    "nothing but NULs": lambda data: b"\0" * 500,
    "NULs in the header": lambda data: data[:60] + b"\0" * 500 + b"\n",
    "nothing but blanks": lambda data: b"\n\n  ",
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_what_editors_and_power_cuts_leave_is_read(damage, whole, tmp_path):
    path = tmp_path / "j"
    path.write_bytes(DAMAGES[damage](whole))
    expected = search(None).table()
    for n_trials in (4, 5):
        table = search(path, n_trials).table()
        np.testing.assert_array_equal(table["score"][:4], expected["score"])
    assert len(read_journal(path).trials) == 5
    assert b"\0" not in path.read_bytes()


def test_a_torn_end_is_cut_in_place(whole, tmp_path):
    path = tmp_path / "j"
    path.write_bytes(whole[:-40])
    (tmp_path / "link").hardlink_to(path)
    search(path)
    assert (tmp_path / "link").read_bytes() == path.read_bytes()
    assert without_times(path.read_bytes()) == without_times(whole)


def test_read_journal_changes_nothing(whole, tmp_path):
    path = tmp_path / "j"
    path.write_bytes(whole[:-40])
    assert len(read_journal(path).trials) == 3
    assert path.read_bytes() == whole[:-40]
    path.write_bytes(b"")
    with pytest.raises(ValueError, match=r"is empty; expected a journal"):
        read_journal(path)
    with pytest.raises(FileNotFoundError):
        read_journal(tmp_path / "none")


def test_numbers_of_numpy_may_be_noted(tmp_path):
    noted = {"a": lambda _: np.float32(0.5), "b": lambda _: np.int64(3), "c": lambda _: np.arange(2), "d": lambda _: 1j}
    run_search(
        RandomSearch(), TabularEvaluator(TABLE.space, TABLE.scores, info=noted), n_trials=1, journal=tmp_path / "j"
    )
    assert read_journal(tmp_path / "j").trials[0].info == {"a": 0.5, "b": 3, "c": [0, 1], "d": "1j"}


# What cannot be written does not end the search


class FullDisk:
    """A file that takes only so many bytes, and half of a line before it says so."""

    def __init__(self, file, room):
        self.file, self.room = file, room

    def write(self, data):
        n = min(len(data), self.room - self.file.tell())
        if n <= 0:
            raise OSError(28, "No space left on device")
        # As the operating system does, less than was asked for.
        return self.file.write(data[: max(1, n // 2)])

    def __getattr__(self, name):
        return getattr(self.file, name)


def fill_up(monkeypatch, room):
    """Let every journal's file be on a disk with so much room."""
    disks = []
    make = sys.modules["skopdist.journal._file"].FileIO
    monkeypatch.setattr(
        "skopdist.journal._file.FileIO", lambda *args: disks.append(FullDisk(make(*args), room)) or disks[-1]
    )
    return disks


def test_on_a_full_disk_the_search_goes_on(tmp_path, monkeypatch, whole):
    ends = np.cumsum([len(line) for line in whole.splitlines(keepends=True)])
    fill_up(monkeypatch, int(ends[2]) + 100)
    with pytest.warns(JournalWarning) as caught:
        result = search(tmp_path / "j")
    assert len(result.trials) == 4
    assert [str(w.message).split(" (")[0] for w in caught] == [
        f"1 trial could not be written to the journal {tmp_path / 'j'}",
        f"At the end of the search 2 trials could not be written to the journal {tmp_path / 'j'}",
    ]
    assert "No space left on device" in str(caught[0].message)
    # What was found before is kept, without half a line, and the search can be resumed.
    assert without_times((tmp_path / "j").read_bytes()) == without_times(whole)[:3]
    monkeypatch.undo()
    search(tmp_path / "j")
    assert without_times((tmp_path / "j").read_bytes()) == without_times(whole)


def test_when_there_is_room_again_everything_is_written(tmp_path, monkeypatch, whole):
    disks = fill_up(monkeypatch, len(whole) // 2)

    def make_room(trial):
        if trial.index == 2:
            disks[0].room = 10**6

    with pytest.warns(JournalWarning) as caught:
        search(tmp_path / "j", callback=make_room)
    assert len(caught) == 1
    assert without_times((tmp_path / "j").read_bytes()) == without_times(whole)


def test_without_room_for_a_header_no_trial_is_made(tmp_path, monkeypatch):
    fill_up(monkeypatch, 50)
    evaluated = []
    evaluator = TabularEvaluator(TABLE.space, lambda operations: evaluated.append(1) or 0.5)
    with pytest.raises(
        OSError, match=r"cannot be read and written to \(No space left on device\), and no trial was made; make room"
    ):
        run_search(RandomSearch(), evaluator, n_trials=2, random_state=0, journal=tmp_path / "j")
    assert evaluated == []


def test_a_lost_file_system_does_not_end_the_search(tmp_path, monkeypatch):
    def lost(*_):
        raise OSError(5, "Input/output error")

    def lose(trial):
        if trial.index == 1:
            monkeypatch.setattr("os.fsync", lost)
            monkeypatch.setattr(FullDisk, "truncate", lost, raising=False)
            monkeypatch.setattr(FullDisk, "close", lost, raising=False)

    disks = fill_up(monkeypatch, 10**6)
    with pytest.warns(JournalWarning, match=r"Input/output error"):
        result = search(tmp_path / "j", callback=lose)
    assert len(result.trials) == 4
    disks[0].file.close()


@pytest.mark.skipif(sys.platform == "win32", reason="there are no such limits")
def test_a_file_that_may_not_grow(tmp_path):
    """The limit that the operating system sets, in a process of its own."""
    code = (
        "import resource, sys, warnings\n"
        "from skopdist.evaluators import TabularEvaluator\n"
        "from skopdist.search import run_search\n"
        "from skopdist.spaces import NASBench201Space\n"
        "from skopdist.strategies import RandomSearch\n"
        "table = TabularEvaluator(NASBench201Space(), lambda operations: 0.5)\n"
        "for limit in (4000, resource.RLIM_INFINITY):\n"
        "    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))\n"
        "    with warnings.catch_warnings(record=True) as caught:\n"
        "        warnings.simplefilter('always')\n"
        "        result = run_search(RandomSearch(), table, n_trials=30, random_state=0, journal=sys.argv[1])\n"
        "    lines = open(sys.argv[1]).read().splitlines(True)\n"
        "    print(len(result.trials), len(caught), len(lines), lines[-1].endswith('\\n'))\n"
    )
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path / "j")], capture_output=True, text=True, check=True)
    first, second = (line.split() for line in done.stdout.splitlines())
    assert first[:2] == ["30", "2"]
    assert 1 < int(first[2]) < 31
    assert first[3] == "True"
    assert second == ["30", "0", "31", "True"]


@pytest.mark.skipif(sys.platform == "win32", reason="processes are killed otherwise there")
def test_a_search_that_is_killed_again_and_again(tmp_path):
    code = (
        "import os, signal, sys\n"
        "from skopdist.journal import read_journal\n"
        "sys.path.insert(0, sys.argv[3])\n"
        "from test_file import search\n"
        "def kill(trial):\n"
        "    if trial.index == int(sys.argv[2]):\n"
        "        os.kill(os.getpid(), signal.SIGKILL)\n"
        "search(sys.argv[1], callback=kill)\n"
    )
    here = str(__import__("pathlib").Path(__file__).parent)
    for n in (0, 2):
        done = subprocess.run([sys.executable, "-c", code, str(tmp_path / "j"), str(n), here], check=False)
        assert done.returncode == -9
        assert len(read_journal(tmp_path / "j").trials) == n + 1
    np.testing.assert_array_equal(search(tmp_path / "j").table()["score"], search(None).table()["score"])
