import numpy as np
import pytest

from skopdist._random import as_generator, root_entropy, seed, stream


def test_streams_and_seeds_belong_to_their_key():
    draws = {key: stream(1, *key).integers(2**60) for key in ((0,), (1,), (0, 0), (0, 1))}
    assert len(set(draws.values())) == 4
    assert stream(1, 0, 1).integers(2**60) == draws[0, 1]
    assert seed(1, 2, 3) == seed(1, 2, 3) != seed(1, 2, 4)
    assert 0 <= seed(1, 2) < 2**32


def test_generators_go_on():
    rng = np.random.default_rng(0)
    assert as_generator(rng) is rng
    assert root_entropy(np.random.default_rng(0)) == root_entropy(np.random.default_rng(0))
    assert root_entropy(rng) != root_entropy(rng)
    assert root_entropy(np.random.RandomState(0)) == root_entropy(np.random.RandomState(0))
    assert root_entropy(np.int64(5)) == 5
    assert root_entropy(None) != root_entropy(None)


@pytest.mark.parametrize("bad", [-1, 0.5, "a"])
def test_bad_random_states(bad):
    with pytest.raises(ValueError, match=r"random_state must be"):
        root_entropy(bad)
