"""Files of ONNX, run by onnxruntime."""

import json
import logging
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.exceptions import NotFittedError
from torch import nn

import skopdist
from skopdist import OpDistNASClassifier, Refit
from skopdist.export import ExportError, to_onnx
from skopdist.operations import register_operation
from skopdist.spaces import DenseSpace

pytest.importorskip("onnx")
pytest.importorskip("onnxscript")
runtime = pytest.importorskip("onnxruntime")

SETTINGS = {"n_trials": 2, "n_members": 2, "max_epochs": 2, "n_cells": 1, "channels": 8, "random_state": 0}


def run(path, X):
    """Return what a file makes of samples."""
    session = runtime.InferenceSession(path, providers=["CPUExecutionProvider"])
    (given,), (returned,) = session.get_inputs(), session.get_outputs()
    assert (given.name, returned.name, given.shape[0]) == ("X", "probabilities", "n")
    return session.run(None, {"X": X})[0]


def check(clf, X, path, **options):
    """Compare a file with the estimator, and on one sample, and three, with itself."""
    report = to_onnx(clf, path, X=X, **options)
    found = run(path, X)
    np.testing.assert_allclose(found, clf.predict_proba(X), rtol=0, atol=1e-5)
    assert report.largest_difference <= 1e-5
    for n in (1, 3):
        np.testing.assert_allclose(run(path, X[:n]), found[:n], rtol=0, atol=1e-5)
    return report


def test_a_committee_for_flat_input(flat, heavy, tmp_path, untouched_generators):
    X, y = heavy
    path = tmp_path / "model.onnx"
    threads, grad = torch.get_num_threads(), torch.is_grad_enabled()
    report = check(flat, X, path, y=y)
    assert (torch.get_num_threads(), torch.is_grad_enabled()) == (threads, grad)
    assert report.n_bytes == path.stat().st_size
    assert report.accuracy == report.exported_accuracy == flat.score(X, y)
    assert list(tmp_path.iterdir()) == [path]
    # Values that the training data have nothing of.
    odd = np.array([[1e200, -1e200, 1e-300, 1e9, -7.0], [0.0, -0.0, 1e30, -1e9, 0.0]])
    np.testing.assert_allclose(run(path, odd), flat.predict_proba(odd), rtol=0, atol=1e-5)
    found = runtime.InferenceSession(path).get_modelmeta()
    facts = {name: json.loads(value) for name, value in found.custom_metadata_map.items()}
    assert facts["classes"] == ["no", "yes"]
    assert facts["input_shape"] == [5]
    assert facts["members"] == 2
    assert facts["versions"]["torch"] == torch.__version__
    assert found.producer_name == "skopdist"
    # Nothing of where it was made.
    assert str(Path(skopdist.__file__).parent).encode() not in path.read_bytes()


def test_double_precision(flat, heavy, tmp_path):
    X, _ = heavy
    to_onnx(flat, tmp_path / "a.onnx", X=X, precision="float64")
    np.testing.assert_allclose(run(tmp_path / "a.onnx", X), flat.predict_proba(X), rtol=0, atol=1e-9)


SPACES = [
    "sequence",
    "nasbench201",
    *(pytest.param(name, marks=pytest.mark.slow) for name in ("darts", "nasbench101", "macro")),
]


@pytest.mark.parametrize("space", SPACES)
def test_a_committee_of_every_space(space, images, series, tmp_path):
    X, y = series if space == "sequence" else images
    settings = SETTINGS | {"n_cells": 3 if space != "macro" else 1}
    clf = OpDistNASClassifier(search_space=space, **settings).fit(X, y)
    assert len(clf.nets_) == 2
    check(clf, X, tmp_path / "a.onnx")


@pytest.mark.parametrize(
    "form", ["channels last", *(pytest.param(name, marks=pytest.mark.slow) for name in ("flat", "no channels"))]
)
def test_raw_images(form, digits, tmp_path):
    X, y = digits
    input_shape = (1, 8, 8) if form == "flat" else None
    if form != "flat":
        X = np.kron(X.reshape(-1, 8, 8), np.ones((2, 2))).astype(np.uint8)
        X = np.repeat(X[..., None], 3, axis=3) if form == "channels last" else X
    clf = OpDistNASClassifier(**SETTINGS | {"n_members": 1}, input_shape=input_shape).fit(X, y)
    check(clf, X, tmp_path / "a.onnx")


def test_long_integers(tmp_path):
    rng = np.random.default_rng(0)
    X = np.column_stack([2**60 + rng.integers(0, 50, 100), rng.integers(-5, 5, 100)])
    clf = OpDistNASClassifier(**SETTINGS | {"n_members": 1}).fit(X, (X[:, 0] - 2**60 > 25).astype(int))
    check(clf, X, tmp_path / "a.onnx")


@pytest.mark.slow
def test_single_precision_input(single, iris, tmp_path):
    X = iris[0].astype(np.float32)
    check(single, X, tmp_path / "a.onnx", input_type="float32")


@pytest.mark.slow
def test_a_final_network_of_another_size(iris, tmp_path):
    X, y = iris
    clf = OpDistNASClassifier(**SETTINGS, refit=Refit(length=9, n_cells=2, channels=12)).fit(X, y)
    check(clf, X, tmp_path / "a.onnx")


def test_eight_bits(imaging, images, tmp_path, caplog, capsys):
    X, y = images
    report = to_onnx(imaging, tmp_path / "a.onnx", X=X, y=y, quantize=True)
    assert 1e-5 < report.largest_difference < 0.5
    assert report.accuracy == imaging.score(X, y)
    found = run(tmp_path / "a.onnx", X)
    np.testing.assert_allclose(np.abs(found - imaging.predict_proba(X)).max(), report.largest_difference, rtol=0.1)
    assert report.exported_accuracy == np.mean(imaging.classes_[found.argmax(axis=1)] == y)
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []
    assert capsys.readouterr() == ("", "")


def test_eight_bits_need_samples_and_single_precision(single, iris, tmp_path):
    with pytest.raises(ValueError, match="needs X"):
        to_onnx(single, tmp_path / "a.onnx", quantize=True)
    with pytest.raises(ValueError, match="precision='float32'"):
        to_onnx(single, tmp_path / "a.onnx", X=iris[0], quantize=True, precision="float64")


def test_without_onnxruntime_onnx_itself_compares(single, iris, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    assert to_onnx(single, tmp_path / "a.onnx", X=iris[0][:5]).largest_difference < 1e-5
    with pytest.raises(ImportError, match=r"onnxruntime is needed.*skopdist\[onnx\]"):
        to_onnx(single, tmp_path / "b.onnx", X=iris[0][:5], quantize=True)


@pytest.mark.parametrize("missing", ["onnx", "onnxscript"])
def test_without_the_extra(missing, single, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, missing, None)
    with pytest.raises(ImportError, match=r"pip install 'skopdist\[onnx\]'"):
        to_onnx(single, tmp_path / "a.onnx")
    assert list(tmp_path.iterdir()) == []


class Sorted(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.linear = nn.Linear(channels, channels)

    def forward(self, x):
        return self.linear(x).sort(dim=1).values


class Branching(Sorted):
    def forward(self, x):
        return self.linear(x) if x.sum() > 0 else -self.linear(x)


class LogGamma(Sorted):
    def forward(self, x):
        return torch.lgamma(self.linear(x).abs() + 1)


@pytest.fixture
def own(monkeypatch):
    """Register operations of the user's, and forget them again."""
    module = sys.modules[register_operation.__module__]
    monkeypatch.setattr(module, "_REGISTRY", dict(module._REGISTRY))
    for cls in (Sorted, Branching, LogGamma):
        register_operation(cls.__name__, n_spatial=0)(cls)


def fit_with(name, iris):
    settings = SETTINGS | {"n_trials": 1, "n_members": 1}
    return OpDistNASClassifier(search_space=DenseSpace([name]), **settings).fit(*iris)


def test_operations_of_ones_own(own, iris, tmp_path):
    check(fit_with("Sorted", iris), iris[0], tmp_path / "a.onnx")


@pytest.mark.parametrize(
    ("name", "message"),
    [("Branching", "torch cannot trace it"), ("LogGamma", r"does not know what to make of it .*lgamma")],
)
def test_operations_that_cannot_be_exported(name, message, own, iris, tmp_path):
    clf = fit_with(name, iris)
    (tmp_path / "a.onnx").write_text("what was there before")
    with pytest.raises(ExportError, match=rf"{message}.*'{name}'"):
        to_onnx(clf, tmp_path / "a.onnx")
    assert [path.read_text() for path in tmp_path.iterdir()] == ["what was there before"]


def test_before_fit(tmp_path):
    with pytest.raises(NotFittedError):
        to_onnx(OpDistNASClassifier(), tmp_path / "a.onnx")
    assert list(tmp_path.iterdir()) == []


def test_to_a_folder_that_is_not_there(single, tmp_path):
    with pytest.raises(FileNotFoundError, match="make it first"):
        to_onnx(single, tmp_path / "no" / "a.onnx")
