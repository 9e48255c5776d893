import argparse

import numpy as np
import pytest


@pytest.fixture
def common(script):
    return script("_common")


def test_rows_outlive_an_interruption(common, tmp_path):
    path = tmp_path / "folder" / "rows.jsonl"
    rows = common.Rows(path, ("name", "seed"))
    rows.add(name="a", seed=0, value=1.5)
    rows.add(name="a", seed=1, value=2.5)
    # Cut within the second row.
    path.write_text(path.read_text()[:-20])
    resumed = common.Rows(path, ("name", "seed"))
    assert {"name": "a", "seed": 0} in resumed
    assert {"name": "a", "seed": 1} not in resumed
    resumed.add(name="a", seed=1, value=2.5)
    resumed.add(name="b", seed=1, value=3.5)
    again = common.Rows(path, ("name", "seed"))
    assert [row["value"] for row in again.rows] == [1.5, 2.5, 3.5]
    assert again.drop(name="a") == 2
    assert [row["name"] for row in common.Rows(path, ("name", "seed")).rows] == ["b"]


def test_reduced_versions_have_rows_of_their_own(common, tmp_path):
    full, quick, named = (
        common.rows_of(argparse.Namespace(quick=quick, results=results), "claims", ("seed",)).path
        for quick, results in ((False, None), (True, None), (True, tmp_path / "rows.jsonl"))
    )
    assert full == common.RESULTS / "claims.jsonl"
    assert quick.name == full.name
    assert common.RESULTS not in quick.parents
    assert named == tmp_path / "rows.jsonl"


def test_halved_images_are_means_of_four_pixels(common):
    images = np.arange(32, dtype=np.uint8).reshape(2, 1, 4, 4)
    halved = common.halved(images)
    assert halved.shape == (2, 1, 2, 2)
    assert halved[0, 0, 0, 0] == np.mean([0, 1, 4, 5])
    assert halved[1, 0, 1, 1] == np.mean([26, 27, 30, 31])


def test_images_of_another_folder(common, tmp_path, monkeypatch):
    monkeypatch.delenv("SKOPDIST_DATA", raising=False)
    (tmp_path / "images").mkdir()
    stored = {
        f"{name}_{part}": np.zeros((3, 28, 28) if name == "X" else 3) for name in "Xy" for part in ("train", "test")
    }
    np.savez(tmp_path / "images" / "mnist.npz", **stored)
    X, y = common.load_images(argparse.Namespace(data=tmp_path), "mnist", "test")
    assert X.shape == (3, 1, 28, 28)
    assert y.shape == (3,)
    with pytest.raises(SystemExit, match=r"no file images/fashion_mnist.npz"):
        common.load_images(argparse.Namespace(data=tmp_path), "fashion_mnist")
    with pytest.raises(SystemExit, match="give its folder with --data"):
        common.load_images(argparse.Namespace(data=None), "mnist")
