from dataclasses import replace

import numpy as np
import pytest
from everything import ENCODINGS

from skopdist import Scalar
from skopdist.encodings import DistributionEncoding, HybridEncoding, Limit, LimitedEncoding, ScalarEncoding
from skopdist.networks import NetworkCosts
from skopdist.spaces import DenseSpace, NASBench101Space, NASBench201Space
from skopdist.testing import check_encoding

LR = Scalar("lr", 0.001, 0.1, log=True)
WIDTH = Scalar("channels", 4, 32, log=True, integer=True)
SPACE = NASBench201Space(scalars=[LR, WIDTH])


@pytest.mark.parametrize("encoding", ENCODINGS, ids=str)
@pytest.mark.parametrize(
    "space",
    [SPACE, DenseSpace(scalars=[WIDTH]), NASBench101Space(scalars=[LR])],
    ids=lambda space: type(space).__name__,
)
def test_contract(encoding, space):
    check_encoding(encoding, space, lengths=(1, 4))


def test_a_space_without_scalars_is_encoded_as_ever():
    bound = HybridEncoding().bind(NASBench201Space())
    assert isinstance(bound, HybridEncoding)
    assert "scalars" not in bound.features(np.zeros((0, bound.n_dims)))


def test_one_coordinate_follows_for_each_scalar():
    bound, plain = DistributionEncoding().bind(SPACE), DistributionEncoding().bind(NASBench201Space())
    assert bound.n_dims == plain.n_dims + 2
    architecture = replace(SPACE.sample(SPACE.uniform(), random_state=0), settings={"lr": 0.01, "channels": 32})
    point = bound.encode(architecture)
    assert point[-2:] == pytest.approx([WIDTH.unit(32), 0.5])
    np.testing.assert_array_equal(point[:-2], plain.encode(replace(architecture, settings=())))
    decoded = bound.decode(point, 0)
    assert decoded.settings == (("channels", 32), ("lr", 0.01))
    assert bound.features([point])["scalars"].shape == (1, 2)
    assert bound.keys([point]) != bound.keys(
        [bound.encode(replace(architecture, settings={"lr": 0.02, "channels": 32}))]
    )


def test_moves_are_of_the_cells_or_of_one_scalar():
    bound = DistributionEncoding().bind(SPACE)
    point = bound.encode(SPACE.sample(SPACE.uniform(), random_state=0))
    changed = bound.neighbours(point) != point
    assert (changed[:, :-2].any(axis=1) ^ changed[:, -2] ^ changed[:, -1]).all()
    assert (changed[:, -2:].sum(axis=0) == 4).all()
    few = bound.neighbours(point, 2, 0) != point
    assert few[:, -2:].any(axis=1).sum() == 1


def test_random_points_have_random_scalars():
    bound, rng = DistributionEncoding().bind(SPACE), np.random.default_rng(0)
    drawn = np.array([bound.from_distribution(SPACE.uniform(), rng)[-2:] for _ in range(300)])
    assert np.abs(drawn.mean(axis=0) - 0.5).max() < 0.06
    assert drawn.std(axis=0) == pytest.approx([12**-0.5] * 2, abs=0.03)


def test_an_architecture_needs_the_settings_of_the_space():
    bound = DistributionEncoding().bind(SPACE)
    bare = NASBench201Space().sample(SPACE.uniform(), random_state=0)
    with pytest.raises(ValueError, match=r"expects architectures with the settings \['channels', 'lr'\].* got \{\}"):
        bound.encode(bare)
    with pytest.raises(ValueError, match=r"lr must be between 0.001 and 0.1, got 1.0"):
        bound.encode(replace(bare, settings={"channels": 8, "lr": 1.0}))


def test_it_may_be_named_too():
    assert isinstance(ScalarEncoding(HybridEncoding()).bind(SPACE).inner_, HybridEncoding)
    check_encoding(ScalarEncoding(DistributionEncoding()), lengths=(3,))


@pytest.mark.parametrize("most", [500, 4000])
@pytest.mark.parametrize("encoding", [DistributionEncoding(), HybridEncoding()], ids=str)
def test_limits_count_the_width(encoding, most):
    costs = NetworkCosts((1, 8, 8), n_classes=3, n_cells=1)
    limited = LimitedEncoding(encoding, costs.limits({"params": most}))
    check_encoding(limited, SPACE, lengths=(3,))
    bound, rng = limited.bind(SPACE, 3), np.random.default_rng(0)
    drawn = [bound.decode(bound.from_distribution(SPACE.uniform(), rng), rng) for _ in range(60)]
    assert max(map(costs.n_parameters, drawn)) <= most
    # What costs nothing is not lowered.
    assert 0.3 < np.mean([dict(architecture.settings)["lr"] > 0.01 for architecture in drawn]) < 0.7
    largest = bound.encode(SPACE.make_architecture([SPACE.make_cell(["nor_conv_3x3"] * 3, SPACE.potential_edges(3))]))
    largest[-2] = 1.0
    assert costs.n_parameters(bound.decode(largest, 0)) <= most


def test_a_limit_that_no_size_meets():
    limit = Limit("width", lambda architecture: dict(architecture.settings)["channels"], 3)
    with pytest.raises(ValueError, match="width=3, where the smallest possible cost is 4"):
        LimitedEncoding(DistributionEncoding(), [limit]).bind(SPACE)
