import pytest

from skopdist import Scalar
from skopdist.encodings import AdjacencyEncoding, DistributionEncoding
from skopdist.spaces import DenseSpace, NASBench201Space
from skopdist.strategies import RandomSearch
from skopdist.testing import check_strategy


@pytest.mark.parametrize("space", [NASBench201Space(), DenseSpace()], ids=str)
@pytest.mark.parametrize("encoding", [None, DistributionEncoding(), AdjacencyEncoding()], ids=str)
def test_contract(encoding, space):
    check_strategy(RandomSearch(), encoding, space)


def test_concentration_decides_how_mixed_the_distributions_are():
    encoding = DistributionEncoding().bind(NASBench201Space())
    largest = {
        c: RandomSearch(concentration=c).start(encoding, 0).suggest(200).max(axis=1).mean() for c in (0.1, 1.0, 50.0)
    }
    assert largest[0.1] > 0.8 > largest[1.0] > 0.4 > largest[50.0] > 0.2


@pytest.mark.parametrize("concentration", [0, -1.0])
def test_bad_concentration(concentration):
    with pytest.raises(ValueError, match=f"concentration must be positive, got {concentration}"):
        RandomSearch(concentration).start(DistributionEncoding().bind(DenseSpace()))


@pytest.mark.parametrize("sequential", [False, True])
def test_contract_with_scalars(sequential):
    space = NASBench201Space(scalars=[Scalar("lr", 0.001, 0.1, log=True), Scalar("n_cells", 1, 3, integer=True)])
    check_strategy(RandomSearch(sequential=sequential), AdjacencyEncoding(), space)
