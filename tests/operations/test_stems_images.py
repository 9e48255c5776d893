import numpy as np
import pytest
import torch

from skopdist.networks import Network
from skopdist.operations import OperationSize, get_operation
from skopdist.spaces import NASBench201Space
from skopdist.testing import check_operation, check_space

STEMS = ("conv_stem", "whitening_stem", "mirror_conv_stem", "mirror_whitening_stem")


@pytest.fixture
def images():
    """Correlated pixels, as images have them."""
    return torch.tensor(np.cumsum(np.random.default_rng(0).normal(size=(40, 3, 9, 7)), axis=3), dtype=torch.float32)


@pytest.mark.parametrize("name", STEMS)
def test_contract(name):
    check_operation(name)


def test_contract_of_their_space():
    check_space(NASBench201Space(stems=STEMS), lengths=[1, 6])


def test_whitened_patches_vary_alike_in_all_directions(images):
    stem = get_operation("whitening_stem").make(OperationSize(3, 8))
    weight = torch.ones(len(images), dtype=torch.float64)
    stem.adapt(images, weight)
    seen = torch.nn.functional.conv2d(images, stem.filters, padding=1).transpose(0, 1).flatten(1)
    n = len(seen) // 2
    torch.testing.assert_close(seen[:n], -seen[n:])
    covariance = torch.cov(seen[:n])
    off = covariance - torch.diag(covariance.diagonal())
    assert off.abs().max() < 0.05
    assert (covariance.diagonal() < 1.05).all()
    assert covariance.diagonal()[:5].min() > 0.9


@pytest.mark.parametrize("size", [OperationSize(1, 4), OperationSize(3, 8, 2), OperationSize(3, 8, 4)])
def test_filters_do_not_depend_on_the_order_or_on_how_repetition_is_told(size):
    rng = np.random.default_rng(1)
    x = torch.tensor(rng.normal(size=(12, size.channels_in, 11, 9)), dtype=torch.float32)
    one, other = (get_operation("whitening_stem").make(size) for _ in range(2))
    one.adapt(x, torch.ones(12, dtype=torch.float64).index_fill(0, torch.arange(4), 2.0))
    order = torch.tensor([*reversed(range(12)), 3, 2, 1, 0])
    other.adapt(x[order], torch.ones(16, dtype=torch.float64))
    torch.testing.assert_close(one.filters, other.filters, rtol=1e-3, atol=1e-3)


def test_constant_images_leave_finite_filters():
    stem = get_operation("whitening_stem").make(OperationSize(1, 4))
    stem.adapt(torch.zeros(3, 1, 5, 5), torch.ones(3, dtype=torch.float64))
    assert stem(torch.zeros(3, 1, 5, 5)).isfinite().all()


def test_mirrors_only_while_training(images):
    stem = get_operation("mirror_conv_stem").make(OperationSize(3, 4))
    mirror = stem[0]
    torch.manual_seed(0)
    mirrored = mirror.train()(images)
    same = (mirrored == images).flatten(1).all(1)
    turned = (mirrored == images.flip(3)).flatten(1).all(1)
    assert (same | turned).all()
    assert 8 < turned.sum() < 32
    assert mirror.eval()(images) is images


def test_filters_are_not_trained(images):
    architecture = NASBench201Space(stems=["whitening_stem"]).reference_architectures()[0]
    network = Network(architecture, (3, 9, 7), 2, channels=4, n_cells=1)
    assert network.adapts
    network.adapt(images, torch.ones(len(images), dtype=torch.float64))
    assert "stem.operations.0.filters" in dict(network.named_buffers())
    assert network(images).isfinite().all()
    assert not Network(NASBench201Space().reference_architectures()[0], (3, 9, 7), 2).adapts
