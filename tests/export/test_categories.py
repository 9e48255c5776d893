"""Exports of tables with categories, which go into the files as codes."""

import json

import numpy as np
import pandas as pd
import pytest

from skopdist import OpDistNASClassifier
from skopdist.export import to_onnx, to_state_dict, to_torch_export


@pytest.fixture(scope="module")
def table():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"size": rng.normal(size=120), "kind": rng.choice(list("xyz"), 120)})
    frame["place"] = rng.choice([f"town {i}" for i in range(30)], 120)
    frame.loc[::7, "size"] = np.nan
    frame.loc[::9, "kind"] = None
    return frame, ((frame["size"].fillna(0) > 0) ^ (frame["kind"] == "x")).astype(int).to_numpy()


@pytest.fixture(scope="module")
def clf(table):
    settings = {"n_trials": 2, "n_members": 2, "max_epochs": 2, "n_cells": 1, "channels": 8, "random_state": 0}
    return OpDistNASClassifier(**settings).fit(*table)


@pytest.mark.parametrize("with_samples", [True, False])
@pytest.mark.parametrize("export", [to_onnx, to_torch_export, to_state_dict])
def test_files_predict_alike(clf, table, export, with_samples, tmp_path, capfd):
    X, y = table if with_samples else (None, None)
    report = export(clf, tmp_path / "model", X=X, y=y)
    assert report.largest_difference < 1e-5
    assert report.n_samples == (120 if with_samples else 64)
    if with_samples:
        assert report.exported_accuracy == report.accuracy == clf.score(X, y)
    assert capfd.readouterr() == ("", "")


def test_the_levels_are_in_the_file(clf, table, tmp_path):
    onnx = pytest.importorskip("onnx")
    to_onnx(clf, tmp_path / "model.onnx")
    facts = {p.key: p.value for p in onnx.load(tmp_path / "model.onnx").metadata_props}
    levels = json.loads(facts["categories"])
    assert levels["1"] == ["x", "y", "z", None]
    assert levels["2"] == sorted(table[0]["place"].unique())
    assert set(levels) == {"1", "2"}


def test_codes_go_in_as_double_precision(clf, tmp_path):
    with pytest.raises(ValueError, match=r"categories or text goes into files as float64, got input_type='int64'"):
        to_onnx(clf, tmp_path / "model.onnx", input_type="int64")
    assert not list(tmp_path.iterdir())
