"""Files of torch.export."""

import json
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch

import skopdist
from skopdist import OpDistNASClassifier
from skopdist.export import ExportError, to_torch_export
from skopdist.export._torch import _bucket, _count_below


def test_a_committee(flat, heavy, tmp_path, untouched_generators):
    X, y = heavy
    path = tmp_path / "model.pt2"
    report = to_torch_export(flat, path, X=X, y=y)
    assert list(tmp_path.iterdir()) == [path]
    assert report.largest_difference <= 1e-5
    assert report.exported_accuracy == flat.score(X, y)
    facts = {"metadata.json": ""}
    module = torch.export.load(path, extra_files=facts).module()
    for n in (1, 2, 150):
        np.testing.assert_allclose(module(torch.from_numpy(X[:n])), flat.predict_proba(X[:n]), rtol=0, atol=1e-5)
    assert json.loads(facts["metadata.json"])["classes"] == ["no", "yes"]
    with zipfile.ZipFile(path) as archive:
        contents = b"".join(map(archive.read, archive.namelist()))
    assert str(Path(skopdist.__file__).parent).encode() not in contents


def test_images_of_bytes(imaging, images, tmp_path):
    X = images[0][:20].astype(np.uint8)
    to_torch_export(imaging, tmp_path / "a.pt2", X=X, input_type="uint8")
    found = torch.export.load(tmp_path / "a.pt2").module()(torch.from_numpy(X))
    np.testing.assert_allclose(found, imaging.predict_proba(X), rtol=0, atol=1e-5)


def test_what_predicts_something_else_is_refused(single, tmp_path):
    temperature = single.temperature_
    try:
        # What predicts was made with another one.
        single.temperature_ = 3.0
        with pytest.raises(ExportError, match="nothing was written"):
            to_torch_export(single, tmp_path / "a.pt2")
    finally:
        single.temperature_ = temperature
    assert list(tmp_path.iterdir()) == []


def test_a_damaged_or_half_written_file_never_takes_the_place(single, tmp_path, monkeypatch):
    (tmp_path / "a.pt2").write_text("old")
    monkeypatch.setattr(torch.export, "save", lambda program, file, **_: file.write_bytes(b"half"))
    with pytest.raises(Exception):  # noqa: B017, PT011 - whatever torch says of it
        to_torch_export(single, tmp_path / "a.pt2")
    assert [path.read_text() for path in tmp_path.iterdir()] == ["old"]


@pytest.mark.parametrize("right", [False, True])
def test_counts_are_those_of_a_search(right):
    rng = torch.Generator().manual_seed(0)
    knots = torch.randint(0, 9, (3, 7), generator=rng).double().sort(dim=1).values
    values = torch.cat([knots, torch.tensor([[-torch.inf, torch.inf, 4.5]] * 3)], dim=1)
    expected = torch.searchsorted(knots, values, right=right)
    assert torch.equal(_count_below(knots, values, right=right), expected)
    found = _bucket(values, knots[0], right=right)
    assert torch.equal(found, torch.bucketize(values, knots[0], right=right))
    order = torch.tensor([[2, 0, 1]])
    shuffled = torch.tensor([[2.0, 3.0, 1.0]])
    value = torch.tensor([[2.5]])
    found = _count_below(shuffled, value, out_int32=True, sorter=order)
    assert found.dtype == torch.int32
    assert torch.equal(found, torch.searchsorted(shuffled, value, out_int32=True, sorter=order))


def test_without_fit(tmp_path):
    with pytest.raises(Exception, match="not fitted"):
        to_torch_export(OpDistNASClassifier(), tmp_path / "a.pt2")
    assert list(tmp_path.iterdir()) == []
