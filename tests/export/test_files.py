import os
import stat
from pathlib import Path

import pytest

from skopdist.export._files import written_whole


def test_a_file_takes_its_place_in_the_end(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("old")
    with written_whole(path) as file:
        file.write_text("new")
        assert path.read_text() == "old"
        assert file.name == path.name
    assert path.read_text() == "new"
    assert list(tmp_path.iterdir()) == [path]


def test_an_error_leaves_what_was_there(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("old")

    def fail():
        with written_whole(str(path)) as file:
            file.write_text("half")
            raise RuntimeError("halfway")

    with pytest.raises(RuntimeError, match="halfway"):
        fail()
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    ("name", "error", "message"),
    [("no/a.txt", FileNotFoundError, "make it first"), ("", IsADirectoryError, "is a folder")],
)
def test_paths_that_cannot_be(name, error, message, tmp_path):
    with pytest.raises(error, match=message), written_whole(tmp_path / name):
        pytest.fail("begun all the same")


def test_a_folder_that_is_read_only_is_known_at_once(tmp_path, monkeypatch):
    # Modes of folders do not keep an administrator from writing.
    def refuse(self, *args, **kwargs):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "mkdir", refuse)
    with pytest.raises(PermissionError, match=r"Nothing can be written.*another"), written_whole(tmp_path / "a.txt"):
        pytest.fail("begun all the same")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="the system has no named pipes")
def test_what_is_no_regular_file_stays(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ValueError, match="a device, a pipe or the like"), written_whole(tmp_path / "pipe"):
        pass
    assert [path.name for path in tmp_path.iterdir()] == ["pipe"]
    assert stat.S_ISFIFO(os.stat(tmp_path / "pipe").st_mode)
