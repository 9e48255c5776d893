from skopdist.networks import NetworkCosts
from skopdist.spaces import ImageSpace, NASBench201Space
from skopdist.testing import check_space


def test_contract():
    check_space(ImageSpace())


def test_networks_are_those_of_the_benchmark_on_fewer_pixels():
    halved, whole = ImageSpace(stems=["conv_stem"]), NASBench201Space(stems=["conv_stem"])
    (architecture,), (other,) = halved.reference_architectures(), whole.reference_architectures()
    assert architecture.cells == other.cells
    costs = NetworkCosts((3, 32, 32), n_classes=10)
    assert costs.n_parameters(architecture) == costs.n_parameters(other)
    assert 3.9 < costs.flops(other) / costs.flops(architecture) < 4.1


def test_small_images_are_not_halved():
    (architecture,) = ImageSpace(stems=["conv_stem"]).reference_architectures()
    (other,) = NASBench201Space(stems=["conv_stem"]).reference_architectures()
    costs = NetworkCosts((1, 15, 20), n_classes=10)
    assert costs.flops(architecture) == costs.flops(other)
