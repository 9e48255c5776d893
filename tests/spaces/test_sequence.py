from skopdist.spaces import SequenceSpace
from skopdist.testing import check_space


def test_contract():
    check_space(SequenceSpace())


def test_all_operations_on_series_make_a_space():
    check_space(SequenceSpace(["conv_3", "sep_conv_19", "multi_sep_conv", "inception", "avg_pool_9", "none"]))


def test_references_are_of_the_strongest_operation():
    for architecture in SequenceSpace().reference_architectures():
        assert set(architecture.cell("cell").operations) <= {"conv_5", "skip_connect", "none"}
