import numpy as np
import pytest

from skopdist.encodings import AdjacencyEncoding, DistributionEncoding
from skopdist.spaces import DenseSpace, NASBench201Space

BOUND = [encoding().bind(NASBench201Space(), 6) for encoding in (DistributionEncoding, AdjacencyEncoding)]


@pytest.mark.parametrize("encoding", BOUND, ids=lambda e: type(e).__name__)
def test_bad_points(encoding):
    for point in (np.zeros(3), np.full(encoding.n_dims, np.nan), np.zeros((1, encoding.n_dims))):
        for method in (encoding.decode, encoding.distribution, encoding.neighbours):
            with pytest.raises(ValueError, match=f"Expected a point of {encoding.n_dims} finite coordinates, got"):
                method(point)


@pytest.mark.parametrize("encoding", BOUND, ids=lambda e: type(e).__name__)
def test_refuses_what_belongs_elsewhere(encoding):
    space = NASBench201Space()
    with pytest.raises(ValueError, match=r"Expected an architecture of length 6, got length 3"):
        encoding.encode(space.sample(space.uniform(), 3, 0))
    with pytest.raises(ValueError, match=r"NASBench201Space expects the operations"):
        encoding.encode(DenseSpace().sample(DenseSpace().uniform(), 6, 0))
    with pytest.raises(ValueError, match=r"NASBench201Space expects a distribution over"):
        encoding.from_distribution(DenseSpace().uniform())


def test_bind_takes_the_default_length_and_refuses_bad_ones():
    assert DistributionEncoding().bind(DenseSpace()).length_ == DenseSpace.default_length
    with pytest.raises(ValueError, match=r"length must be an integer >= 1"):
        DistributionEncoding().bind(DenseSpace(), 0)


@pytest.mark.parametrize("encoding", BOUND, ids=lambda e: type(e).__name__)
def test_mixtures_are_kept_as_they_are(encoding):
    mixture = np.random.default_rng(0).dirichlet(np.ones(5), size=encoding.mixture_shape[:-1])
    np.testing.assert_array_equal(encoding.mixture(encoding.from_mixture(mixture)), mixture)
