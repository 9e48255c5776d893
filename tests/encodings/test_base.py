from math import comb

import numpy as np
import pytest
from counting import n_calls
from everything import ENCODINGS, STRATEGIES
from sklearn.base import clone

from skopdist.encodings import AdjacencyEncoding, DistributionEncoding, Encoding, Limit, LimitedEncoding
from skopdist.encodings._graph import GraphEncoding
from skopdist.spaces import DARTSSpace, DenseSpace, MacroSpace, NASBench101Space, NASBench201Space, SequenceSpace
from skopdist.testing import check_encoding, check_strategy

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


class Ordinal(Encoding):
    """An encoding that implements no more than it has to: the number of the operation on each edge, and the links."""

    def _n_dims(self):
        return len(self._encode(self.space_.make_whole(self.length_)))

    def _encode(self, architecture):
        space = self.space_
        edges, links = (of(self.length_) for of in (space.potential_edges, space.potential_links))
        rows = []
        for cell in architecture.cells:
            placed = dict(zip(cell.edges, cell.operations, strict=True))
            rows += [1 + space.operation_names.index(placed[edge]) if edge in placed else 0 for edge in edges]
            rows += [link in cell.links for link in links]
        return np.array(rows, dtype=float)

    def _decode(self, point, rng):
        space = self.space_
        edges, links = (of(self.length_) for of in (space.potential_edges, space.potential_links))
        cells = []
        for codes in point.reshape(len(space.cell_types), -1).astype(int):
            placed = {edge: space.operation_names[code - 1] for edge, code in zip(edges, codes, strict=False) if code}
            joined = [link for link, here in zip(links, codes[len(edges) :], strict=True) if here]
            cells.append(space.make_cell(placed.values(), placed, joined))
        return space.make_architecture(cells)


def convolutions(architecture):
    return sum("conv" in name for name in architecture.operations) / architecture.length


def placed(architecture):
    """Not linear in the distribution: later slots cost more."""
    return sum((1 + slot) * len(name) for slot, name in enumerate(architecture.operations))


SPACES = [NASBench201Space(), DenseSpace(), SequenceSpace(), NASBench101Space(), DARTSSpace(), MacroSpace()]


def test_an_encoding_needs_at_most_seven_methods():
    assert Encoding.__abstractmethods__ == {"_n_dims", "_encode", "_decode"}
    assert not GraphEncoding.__abstractmethods__


@pytest.mark.parametrize("space", SPACES, ids=str)
def test_three_methods_meet_the_contract(space):
    check_encoding(Ordinal(), space, lengths=(1, 4, 7))


@pytest.mark.slow
@pytest.mark.parametrize("space", SPACES, ids=str)
def test_three_methods_meet_the_contract_at_any_length(space):
    # The defaults are slow: a few lengths take a minute.
    check_encoding(Ordinal(), space, lengths=(2, 3, 5, 9, 16, 25))


@pytest.mark.parametrize(
    "limit", [Limit("convolutions", convolutions, 0.5), Limit("placed", placed, 150)], ids=["linear", "by slot"]
)
def test_three_methods_meet_the_contract_within_a_limit(limit):
    check_encoding(LimitedEncoding(Ordinal(), [limit]), lengths=(1, 6))


@pytest.mark.parametrize("strategy", STRATEGIES, ids=repr)
def test_every_strategy_runs_on_three_methods(strategy):
    check_strategy(strategy, Ordinal(), NASBench201Space(["none", "skip_connect", "nor_conv_3x3"]))


@pytest.mark.parametrize("space", SPACES, ids=str)
@pytest.mark.parametrize("length", [1, 2, 3, 5])
def test_defaults_agree_with_what_graphs_know(space, length):
    space = clone(space).set_params(operations=space.operation_names[1:4])
    slow, fast = Ordinal().bind(space, length), AdjacencyEncoding().bind(space, length)
    architecture = space.sample(space.uniform(), length, 0)
    point, graph = slow.encode(architecture), fast.encode(architecture)
    assert slow.distribution(point) == fast.distribution(graph)
    moved = [[e.decode(row) for row in e.neighbours(p)] for e, p in ((slow, point), (fast, graph))]
    assert moved[0] == moved[1]
    limit = 2500
    listed = [e.points(limit) for e in (slow, fast)]
    assert [points is None for points in listed] == [slow.points(limit) is None] * 2
    if listed[0] is not None:
        assert {slow.decode(row) for row in listed[0]} == {fast.decode(row) for row in listed[1]}
        assert len(listed[0]) == len(listed[1])
        assert slow.n_architectures(listed[0]).tolist() == [1.0] * len(listed[0])


def test_default_keys_tell_points_apart_and_find_dead_cells():
    space = NASBench201Space(["none", "skip_connect", "nor_conv_3x3"])
    encoding = Ordinal().bind(space, 3)
    points = encoding.points(27)
    keys = encoding.keys(points)
    alive = [space.is_valid(encoding.decode(point)) for point in points]
    assert [key != b"" for key in keys] == alive
    assert 0 < sum(alive) < 27
    assert len(set(keys)) == 1 + sum(alive)


def test_a_default_mixture_becomes_the_nearest_ratio():
    encoding = Ordinal().bind(NASBench201Space())
    point = encoding.from_mixture([[0, 0.3, 0.25, 0.25, 0.2]])
    assert encoding.mixture_shape == (1, 5)
    assert (np.abs(encoding.mixture(point) * 6 - np.array([0, 1.8, 1.5, 1.5, 1.2])) < 1).all()
    np.testing.assert_array_equal(point, encoding.from_mixture([[0, 0.3, 0.25, 0.25, 0.2]]))


@pytest.mark.parametrize("encoding", [*ENCODINGS, Ordinal()], ids=repr)
@pytest.mark.parametrize("space", SPACES, ids=str)
def test_long_cells_are_not_listed(encoding, space):
    bound = encoding.bind(space, 40)
    points = []
    assert n_calls(lambda: points.append(bound.points(20_000))) < 10_000
    (points,) = points
    assert points is None or len(points) == comb(40 + bound.mixture_shape[-1] - 1, 40)
    point = bound.from_distribution(space.uniform(), 0)
    assert len(bound.neighbours(point, 20, 0)) <= 20
