from skopdist.distribution import lattice
from skopdist.formats import known_architectures
from skopdist.spaces import NASBench201Space
from skopdist.testing import check_space


def test_contract():
    check_space(NASBench201Space())


def test_slots_are_those_of_the_benchmark():
    assert NASBench201Space().potential_edges(6) == ((0, 1), (0, 2), (1, 2), (0, 3), (1, 3), (2, 3))
    assert NASBench201Space().operation_names == (
        "none",
        "skip_connect",
        "nor_conv_1x1",
        "nor_conv_3x3",
        "avg_pool_3x3",
    )


def test_has_210_distributions():
    assert len(lattice(len(NASBench201Space().operation_names), 6)) == 210


def test_references_are_known_architectures():
    known = known_architectures()
    best, residual, plain = NASBench201Space().reference_architectures()
    assert best == known["nasbench201_best_cifar100"].architecture
    assert residual == known["nasbench201_resnet"].architecture
    assert set(plain.operations) == {"nor_conv_3x3"}
