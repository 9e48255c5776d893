import numpy as np
import pytest
import torch

from skopdist.operations import OperationSize, clear, ending, get_operation
from skopdist.operations._stems_minirocket import _SOFTNESS, MiniRocketFeatures, _dilations
from skopdist.testing import check_operation


def make_features(x, weight=None):
    features = MiniRocketFeatures(x.shape[1], x.shape[2])
    features.adapt(x, torch.ones(len(x)) if weight is None else weight)
    return features


def test_contract():
    check_operation("minirocket_stem")


def test_kernels():
    kernels = MiniRocketFeatures(1, 30).kernels[:, 0, 0] * _SOFTNESS
    assert kernels.shape == (84, 9)
    assert len(kernels.unique(dim=0)) == 84
    assert (kernels.sum(dim=1).abs() < 1e-5).all(), "the level must not count"
    assert set(kernels.round().flatten().tolist()) == {2, -1}


@pytest.mark.parametrize("n_channels", [2, 5, 40])
def test_kernels_look_at_some_of_many_channels(n_channels):
    kernels = MiniRocketFeatures(n_channels, 30).kernels
    torch.testing.assert_close(kernels, MiniRocketFeatures(n_channels, 30).kernels)
    n_seen = (kernels[:, :, 0, 0] != 0).sum(dim=1)
    assert n_seen.min() >= 1
    assert n_seen.max() == min(n_channels, 9)
    assert (kernels[:, :, 0, 0] != 0).any(dim=0).all(), "no channel is left out"


@pytest.mark.parametrize("length", [1, 2, 5, 9, 24, 500, 20_000])
def test_kernels_are_stretched_as_far_as_the_series_is_long(length):
    dilations = _dilations(length)
    assert len(dilations) == 8
    assert dilations == sorted(dilations)
    assert dilations[0] == 1
    assert 8 * dilations[-1] < max(length, 9)
    assert 16 * dilations[-1] >= length - 1 - 8


def test_features_are_what_they_are_said_to_be():
    torch.manual_seed(0)
    x = torch.randn(6, 2, 30)
    features = make_features(x)
    known = (features._excess(x, None) + 1) / 2
    i, kernel, j = 5, 17, 2
    dilation = _dilations(30)[i]
    padded = np.pad(x.numpy(), [(0, 0), (0, 0), (4 * dilation, 4 * dilation)])
    taps = features.kernels[kernel, :, 0].numpy()
    response = sum(
        taps[channel, tap] * padded[:, channel, tap * dilation : tap * dilation + 30]
        for channel in range(2)
        for tap in range(9)
    )
    shares = (response > features.thresholds[i, kernel, j].item()).mean(axis=1)
    # The threshold is one of the values itself, which counts half, as do those beside it.
    np.testing.assert_allclose(known[:, (i * 4 + j) * 84 + kernel], shares, atol=0.51 / 30)


def test_features_are_standardised_by_the_weights_of_the_samples():
    torch.manual_seed(0)
    x = torch.randn(20, 1, 40)
    plain = make_features(x)(x)[:, :, 0]
    torch.testing.assert_close(plain.mean(dim=0), torch.zeros(2688), atol=1e-4, rtol=0)
    assert (plain.std(dim=0) < 1.03).all()
    weight = torch.linspace(0.1, 2, 20)
    weighted = make_features(x, weight)(x)[:, :, 0]
    torch.testing.assert_close(weight @ weighted, torch.zeros(2688), atol=1e-3, rtol=0)


def test_a_sample_does_not_depend_on_those_beside_it(monkeypatch):
    torch.manual_seed(0)
    x = torch.randn(7, 3, 50, dtype=torch.float64)
    features = MiniRocketFeatures(3, 50).double()
    features.adapt(x, torch.ones(7, dtype=torch.float64))
    whole = features(x)
    monkeypatch.setattr("skopdist.operations._stems_minirocket._BLOCK", 84 * 50 * 2)
    torch.testing.assert_close(features(x), whole, atol=1e-9, rtol=0)
    torch.testing.assert_close(features(x[3:4]), whole[3:4], atol=1e-9, rtol=0)


def test_flat_parts_are_no_matter_of_rounding():
    x = torch.cat([torch.zeros(4, 1, 30), torch.randn(4, 1, 30)], dim=2)
    features = make_features(x)
    torch.testing.assert_close(features(x + 1e-7 * torch.randn(x.shape)), features(x), atol=1e-2, rtol=0)


def test_padding_says_nothing(monkeypatch):
    torch.manual_seed(0)
    # In double precision, for a feature is a share of positions, which a rounding error may move past its threshold.
    x = torch.randn(6, 2, 40, dtype=torch.float64)
    padded = torch.nn.functional.pad(x, (0, 25), value=torch.nan)
    padded[:3, :, 30:] = torch.nan
    features = MiniRocketFeatures(2, 40).double()
    with ending(padded):
        features.adapt(clear(padded), torch.ones(6, dtype=torch.float64))
        known = features(clear(padded))
    with ending(padded[:, :, :40]):
        torch.testing.assert_close(features(clear(padded[:, :, :40])), known, atol=1e-9, rtol=0)
        monkeypatch.setattr("skopdist.operations._stems_minirocket._BLOCK", 1)
        torch.testing.assert_close(features(clear(padded[:, :, :40])), known, atol=1e-9, rtol=0)
    # Those that are not padded are as they are alone, and those that are as if they were so long.
    torch.testing.assert_close(features(x[3:]), known[3:], atol=1e-9, rtol=0)
    torch.testing.assert_close(features(x[:3, :, :30]), known[:3], atol=1e-9, rtol=0)


def test_a_constant_series_has_features_too():
    x = torch.zeros(5, 1, 30)
    assert (make_features(x)(x) == 0).all()


@pytest.mark.parametrize("length", [1, 7, 3000])
def test_series_of_all_lengths_end_in_one_position(length):
    module = get_operation("minirocket_stem").make(OperationSize(2, 5, length))
    assert module(torch.randn(3, 2, length)).shape == (3, 5, 1)
