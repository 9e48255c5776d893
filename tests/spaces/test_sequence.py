from skopdist.spaces import SequenceSpace
from skopdist.testing import check_space


def test_contract():
    check_space(SequenceSpace())
