"""Weights alone, in a file of safetensors."""

import json

import numpy as np
import pytest
import torch
from sklearn.exceptions import NotFittedError

from skopdist import Architecture, OpDistNASClassifier
from skopdist.export import ExportError, read_state_dict, to_state_dict
from skopdist.export._tensors import write_tensors


@pytest.mark.parametrize("name", ["flat", "imaging"])
def test_what_is_read_is_what_the_networks_have(name, request, tmp_path):
    clf = request.getfixturevalue(name)
    report = to_state_dict(clf, tmp_path / "a.safetensors")
    assert report.largest_difference <= 1e-5
    arrays, description = read_state_dict(str(tmp_path / "a.safetensors"))
    for i, (net, member) in enumerate(zip(clf.nets_, description["members"], strict=True)):
        state = net.module_.state_dict()
        for part, tensor in state.items():
            np.testing.assert_array_equal(arrays.pop(f"members.{i}.{part}"), tensor)
        assert Architecture.from_dict(member["architecture"]) == net.module__architecture
        assert (member["channels"], member["n_cells"]) == (8, 1)
        assert member["weight"] == clf.member_weights_[i]
    assert arrays == {}
    assert description["temperature"] == clf.temperature_
    assert description["classes"] == clf.classes_.tolist()


def test_the_library_of_the_format_reads_it(single, tmp_path):
    library = pytest.importorskip("safetensors")
    to_state_dict(single, tmp_path / "a.safetensors")
    with library.safe_open(tmp_path / "a.safetensors", "pt") as file:
        names = [name.removeprefix("members.0.") for name in file.keys()]
        state = {name: file.get_tensor(f"members.0.{name}") for name in names}
        description = json.loads(file.metadata()["description"])
    assert torch.equal(state["classify.weight"], single.net_.module_.classify.weight)
    assert description["input_shape"] == [4]


def test_what_cannot_be_written(single, tmp_path, monkeypatch):
    def refuse(*args):
        raise TypeError("The array 'x' is of type complex")

    monkeypatch.setattr("skopdist.export._state_dict.write_tensors", refuse)
    with pytest.raises(ExportError, match=r"complex.*Nothing was written"):
        to_state_dict(single, tmp_path / "a")
    with pytest.raises(NotFittedError):
        to_state_dict(OpDistNASClassifier(), tmp_path / "a")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "texts",
    [
        {},
        {"skopdist_kind": "estimator", "skopdist_format": "1"},
        {"skopdist_kind": "networks", "skopdist_format": "2"},
        {"skopdist_kind": "networks", "skopdist_format": "1"},
        {"skopdist_kind": "networks", "skopdist_format": "1", "description": "{"},
    ],
    ids=["foreign", "estimator", "newer", "no description", "no JSON"],
)
def test_other_files_are_refused(texts, tmp_path):
    write_tensors(tmp_path / "a", {"x": np.zeros(3)}, texts)
    with pytest.raises(ValueError, match="no file that to_state_dict wrote"):
        read_state_dict(tmp_path / "a")
    with pytest.raises(FileNotFoundError):
        read_state_dict(tmp_path / "b")
