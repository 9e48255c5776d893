"""Paths are expanded, and what names no file is refused by the name of the parameter."""

from pathlib import Path, PurePosixPath

import pytest

from skopdist._paths import as_path
from skopdist.export import read_state_dict
from skopdist.journal import Journal, read_journal


@pytest.mark.parametrize("path", ["a.json", Path("a.json"), PurePosixPath("a.json")])
def test_a_path(path):
    assert as_path(path, "journal", "a file") == Path("a.json")


def test_the_folder_of_the_user(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    assert as_path("~/a.json", "journal", "a file") == tmp_path / "a.json"


@pytest.mark.parametrize(
    ("path", "error", "message"),
    [
        (7, TypeError, r"got 7\."),
        (b"a.json", TypeError, r"got b'a\.json'\."),
        (None, TypeError, r"got None\."),
        ("", ValueError, r"got '', which is blank"),
        (" \t", ValueError, r"which is blank"),
        ("a\0b", ValueError, r"a character of zero"),
        ("~nobody_has_this_name/a", ValueError, r"there is no such user here; write the folder out"),
    ],
)
def test_what_is_no_path(path, error, message):
    with pytest.raises(error, match=rf"journal must be the path of a file, .*{message}"):
        as_path(path, "journal", "a file")


@pytest.mark.parametrize("path", ["", "a\0b", "~nobody_has_this_name/a"])
def test_readers_and_writers_name_the_parameter(path):
    for call in (read_journal, read_state_dict, lambda path: Journal(path, dict)):
        with pytest.raises(ValueError, match=r"(path|journal) must be the path of a"):
            call(path)
