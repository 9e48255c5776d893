"""The graph that exporters are given, and samples to compare it on."""

import copy
import dataclasses

import numpy as np
import pytest
import torch
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skopdist import OpDistNASClassifier
from skopdist._input import Layout, shaped
from skopdist._integers import Origin
from skopdist.export import ExportError
from skopdist.export._graph import RawInput, check_fitted, check_precision, choose_input_type, draw_inputs, make_graph

RNG = np.random.default_rng(0)
PIXELS = RNG.integers(0, 256, (5, 20, 24, 3), dtype=np.uint8)
IDENTIFIERS = np.array([[2**62 + 1, 3], [-(2**63), 4], [2**63 - 1, -5], [2**62, 0]])


@pytest.mark.parametrize(
    ("X", "input_shape"),
    [
        (PIXELS, None),
        (PIXELS[..., 0], None),
        (PIXELS.astype(np.float32).transpose(0, 3, 1, 2), None),
        (RNG.normal(size=(5, 64)), (1, 8, 8)),
        (RNG.normal(size=(5, 64)), (4, 16)),
        (RNG.normal(size=(5, 64)), None),
        (IDENTIFIERS, None),
        (IDENTIFIERS.astype(float), None),
    ],
    ids=[
        "channels last",
        "no channels",
        "channels first",
        "flat image",
        "flat series",
        "flat",
        "long",
        "long as float",
    ],
)
def test_raw_input_is_arranged_as_by_the_estimator(X, input_shape):
    layout = Layout.of(X, input_shape)
    samples = shaped(layout.arrange(X), input_shape)
    origin = Origin.of(IDENTIFIERS if X.shape == IDENTIFIERS.shape else samples)
    found = RawInput(layout, samples.shape[1:], origin)(torch.from_numpy(X.copy()))
    assert found.dtype == torch.float64
    np.testing.assert_array_equal(found.numpy(), origin.count(samples))


def test_the_graph_predicts_as_the_estimator(flat, heavy):
    X, _ = heavy
    before = {name: tensor.clone() for name, tensor in flat.net_.module_.state_dict().items()}
    for precision, tolerance in (("float32", 1e-6), ("float64", 1e-12)):
        found = make_graph(flat, precision)(torch.from_numpy(X)).numpy()
        np.testing.assert_allclose(found, flat.predict_proba(X), rtol=0, atol=tolerance)
    after = flat.net_.module_.state_dict()
    assert all(torch.equal(before[name], after[name]) for name in before)


def test_precisions(flat, imaging):
    check_precision(flat, "float64")
    with pytest.raises(ValueError, match=r"precision must be one of .*float16"):
        check_precision(flat, "float16")
    with pytest.raises(ValueError, match="flat input"):
        check_precision(imaging, "float64")


def test_members_without_weight_are_left_out(flat):
    weights = flat.member_weights_
    try:
        flat.member_weights_ = np.array([0.0, 1.0])
        assert len(make_graph(flat, "float32").members) == 1
    finally:
        flat.member_weights_ = weights


def test_drawn_samples_are_in_the_form_of_the_data_and_of_its_size(flat, heavy):
    X, _ = heavy
    drawn = draw_inputs(flat, 2000)
    np.testing.assert_allclose(np.median(drawn[:, :2], axis=0), np.median(X[:, :2], axis=0), atol=0.2)
    np.testing.assert_allclose(drawn[:, :2].std(axis=0), X[:, :2].std(axis=0), rtol=0.2)
    np.testing.assert_array_equal(drawn, draw_inputs(flat, 2000))


def test_input_types(flat):
    assert choose_input_type(flat, None) == "float64"
    assert choose_input_type(flat, "float32") == "float32"
    with pytest.raises(ValueError, match=r"input_type must be one of .*float16"):
        choose_input_type(flat, "float16")


def test_what_has_no_network_is_refused(single):
    with pytest.raises(NotFittedError):
        check_fitted(OpDistNASClassifier())
    with pytest.raises(TypeError, match="last step"):
        check_fitted(make_pipeline(StandardScaler(), single))


def test_a_search_without_a_final_network_is_refused(iris):
    clf = OpDistNASClassifier(n_trials=1, max_epochs=1, n_cells=1, channels=4, refit=False).fit(*iris)
    with pytest.raises(NotFittedError, match="refit=False"):
        check_fitted(clf)


def test_unsigned_integers_beyond_all_others_are_refused(single):
    clf = copy.copy(single)
    clf._reader = dataclasses.replace(clf._reader, origin=Origin(np.array([2**63 + 1], dtype=np.uint64)))
    with pytest.raises(ExportError, match="uint64"):
        make_graph(clf, "float32")
