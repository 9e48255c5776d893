import itertools
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from everything import ENCODINGS, STRATEGIES
from hypothesis import given
from hypothesis import strategies as st
from sklearn.base import clone

from skopdist import Architecture, Cell, OpDistNASClassifier, OperationDistribution, Scalar
from skopdist.operations import register_operation
from skopdist.spaces import (
    DARTSSpace,
    DenseSpace,
    MacroSpace,
    NASBench101Space,
    NASBench201Space,
    SearchSpace,
    SequenceSpace,
    _drawing,
    make_space,
)
from skopdist.strategies import RandomSearch
from skopdist.testing import check_encoding, check_space, check_strategy

SPACES = [DenseSpace(stems=()), SequenceSpace(stems=()), NASBench201Space()]
LITERATURE = [MacroSpace(), DARTSSpace(), NASBench101Space()]
LENGTHS = range(1, 41)


@pytest.mark.parametrize("space", LITERATURE, ids=str)
@pytest.mark.parametrize("encoding", ENCODINGS, ids=str)
def test_encodings_take_any_space(encoding, space):
    check_encoding(encoding, space, lengths=(1, 2, space.default_length, 12))


@pytest.mark.slow
@pytest.mark.parametrize("space", [*SPACES, *LITERATURE], ids=str)
@pytest.mark.parametrize("encoding", ENCODINGS, ids=str)
def test_encodings_take_any_length(encoding, space):
    check_encoding(encoding, space, lengths=LENGTHS)


@pytest.mark.slow
@pytest.mark.parametrize("space", [*SPACES, *LITERATURE], ids=str)
@pytest.mark.parametrize("encoding", ENCODINGS, ids=str)
@pytest.mark.parametrize("strategy", STRATEGIES, ids=str)
def test_strategies_take_any_space_and_length(strategy, encoding, space):
    # Encodings take every length, which is another test.
    check_strategy(strategy, encoding, space, lengths=(1, 2, 3, 7, 16, 40))


@given(st.sampled_from(SPACES), st.integers(1, 40), st.integers(0, 2**32), st.sampled_from([0.2, 1.0, 5.0]))
def test_encoding_a_sample_gives_counts_within_one_of_the_distribution(space, length, seed, concentration):
    rng = np.random.default_rng(seed)
    # No share for the zero, since redrawing for validity is another matter.
    p = np.concatenate([[0.0], rng.dirichlet(np.full(len(space.operation_names) - 1, concentration))])
    distribution = OperationDistribution(space.operation_names, p)
    architecture = space.sample(distribution, length, rng)
    counts = np.array(architecture.counts(space.operation_names)[0])
    assert counts.sum() == length
    assert (np.abs(counts - length * p) < 1).all()
    np.testing.assert_array_equal(np.asarray(space.encode(architecture)), counts / length)
    assert space.is_valid(architecture)


@given(st.sampled_from(SPACES), st.integers(1, 40), st.integers(0, 2**32))
def test_sampling_the_ratio_of_an_architecture_gives_its_counts_again(space, length, seed):
    first = space.sample(space.uniform(), length, seed)
    second = space.sample(space.encode(first), length, seed + 1)
    assert second.counts(space.operation_names) == first.counts(space.operation_names)


@pytest.mark.parametrize("method", ["systematic", "multinomial"])
@pytest.mark.parametrize("space", SPACES, ids=str)
def test_an_invalid_draw_is_repeated(space, method):
    mostly_none = OperationDistribution(space.operation_names, [0.8, 0.2, *[0] * (len(space.operation_names) - 2)])
    for seed in range(20):
        assert space.is_valid(space.sample(mostly_none, 1, seed, method)), "counts are drawn anew"
        assert space.is_valid(space.sample(mostly_none, 6, seed, method)), "placements are drawn anew"


@pytest.mark.parametrize("space", SPACES, ids=str)
def test_what_cannot_be_valid_is_given_as_it_is(space):
    nothing = OperationDistribution(space.operation_names, np.eye(len(space.operation_names))[0])
    architecture = space.sample(nothing, 6, 0)
    assert set(architecture.operations) == {"none"}
    assert not space.is_valid(architecture)


def test_placement_is_uniformly_random():
    space = NASBench201Space()
    p = OperationDistribution(space.operation_names, [0, 0, 0, 1 / 6, 5 / 6])
    n_draws = 1200
    slots = [space.sample(p, 6, seed).operations.index("nor_conv_3x3") for seed in range(n_draws)]
    assert (np.abs(np.bincount(slots, minlength=6) - n_draws / 6) < 5 * np.sqrt(n_draws * 5 / 36)).all()


@pytest.mark.parametrize("length", [0, -3, 2.0, "6", True])
def test_bad_length(length):
    with pytest.raises(ValueError, match=r"length must be an integer >= 1"):
        DenseSpace().sample(DenseSpace().uniform(), length)


@pytest.mark.parametrize(
    ("operations", "message"),
    [
        (["telepathy"], "Unknown operation 'telepathy'.* The registered ones are .*register_operation"),
        (["nor_conv_3x3"], "DenseSpace needs operations for 0 spatial dimensions; 'nor_conv_3x3' is one for 2"),
        ([], "distinct names, at least one"),
        (["linear_relu", "linear_relu"], "distinct names"),
    ],
)
def test_bad_operations(operations, message):
    with pytest.raises(ValueError, match=message):
        DenseSpace(operations).operation_names  # noqa: B018


def test_refuses_what_belongs_to_another_space():
    with pytest.raises(ValueError, match=r"DenseSpace expects a distribution over .*got one over"):
        DenseSpace().sample(SequenceSpace().uniform(), 3)
    with pytest.raises(ValueError, match=r"DenseSpace expects the operations .*unknown operations .*conv_3"):
        DenseSpace().encode(Architecture([Cell(["conv_3"], [(0, 1)])]))
    with pytest.raises(ValueError, match=r"cell types"):
        DenseSpace().encode(Architecture([Cell(["linear_relu"], [(0, 1)])], ["reduce"]))


@pytest.mark.parametrize("n_spatial", [0, 1, 2])
def test_make_space_takes_the_space_for_the_data(n_spatial):
    space = make_space(None, n_spatial)
    assert isinstance(space, SearchSpace)
    assert space.n_spatial == n_spatial
    assert make_space(space, n_spatial) is space


def test_make_space_knows_names():
    assert isinstance(make_space("dense", 0), DenseSpace)
    assert isinstance(make_space("sequence", 1), SequenceSpace)
    assert isinstance(make_space("nasbench201", 2), NASBench201Space)
    for name, space in (("macro", MacroSpace), ("darts", DARTSSpace), ("nasbench101", NASBench101Space)):
        assert isinstance(make_space(name, 2), space)
    assert isinstance(make_space(None, 2), NASBench201Space)


def test_make_space_refuses_other_things():
    with pytest.raises(
        ValueError, match=r"Unknown search space 'outer'; expected one of \['darts', 'dense', .*or an instance"
    ):
        make_space("outer", 0)
    with pytest.raises(TypeError, match=r"search_space must be None, one of .* or a SearchSpace instance, got 3"):
        make_space(3, 0)
    with pytest.raises(TypeError, match=r"a SearchSpace instance, got <class"):
        make_space(DenseSpace, 0)
    with pytest.raises(ValueError, match=r"DenseSpace takes samples with 0 spatial dimensions.*have 2.*input_shape"):
        make_space("dense", 2)


@pytest.mark.parametrize("name", ["nasbench101", "darts", "macro"])
def test_an_estimator_searches_the_spaces_of_the_literature(name, images):
    X, y = images
    settings = {"n_cells": 2, "channels": 4, "max_epochs": 1, "n_trials": 2, "random_state": 0}
    clf = OpDistNASClassifier(RandomSearch(), search_space=name, length=3, **settings).fit(X, y)
    assert clf.predict(X).shape == y.shape
    assert clf.sample_architecture(7, random_state=0).length == 7


class Sparse(SearchSpace):
    """Any edges between four nodes that reach all of them, and links among the inner nodes, of which one has to be."""

    default_operations = ("linear_relu", "linear_tanh")
    default_length = 4
    n_spatial = 0

    def _potential_edges(self, length):
        return tuple((source, target) for target in range(1, length) for source in range(target))

    def _is_wiring(self, edges, length):
        return {target for _, target in edges} == set(range(1, length))

    def _potential_links(self, length):
        return tuple((source, length - 1) for source in range(length - 1))

    def _are_links(self, links, length):
        return len(links) > 0


def test_a_space_needs_at_most_five_methods():
    assert SearchSpace.__abstractmethods__ == {"_potential_edges"}


def test_defaults_draw_wirings_and_links_with_equal_probability():
    space, length = Sparse(), 4
    edges, links = space.potential_edges(length), space.potential_links(length)
    wirings = {e for e in itertools.combinations(edges, length) if space.is_wiring(e, length)}
    linkings = {e for n in range(4) for e in itertools.combinations(links, n) if space.are_links(e, length)}
    assert (len(wirings), len(linkings)) == (9, 7)
    rng = np.random.default_rng(0)
    for draw, possible in ((space.sample_wiring, wirings), (space.sample_links, linkings)):
        drawn = Counter(draw(length, rng) for _ in range(200 * len(possible)))
        assert set(drawn) == possible
        assert 130 < min(drawn.values()) <= max(drawn.values()) < 270


def test_a_chain_needs_one_method():
    class Chain(SearchSpace):
        default_operations = ("linear_relu", "skip_connect")
        default_length = 3
        n_spatial = 0

        def _potential_edges(self, length):
            return tuple((i, i + 1) for i in range(length))

    space = Chain()
    assert space.is_wiring([(0, 1), (1, 2)], 2)
    assert space.sample_wiring(2) == ((0, 1), (1, 2))
    assert space.sample_links(2) == space.fixed_links(2) == ()


def test_a_space_without_any_wiring_says_so(monkeypatch):
    monkeypatch.setattr(_drawing, "_REJECTED_DRAWS", 100)
    space = Sparse()
    monkeypatch.setattr(Sparse, "_is_wiring", lambda self, edges, length: False)
    with pytest.raises(RuntimeError, match=r"Sparse: none of 100 random draws was allowed. Implement _sample_wiring"):
        space.sample_wiring(4)


def test_names_are_checked_again_once_an_operation_is_there():
    space = DenseSpace(["test_later", "linear_relu"], stems=())
    with pytest.raises(ValueError, match=r"Unknown operation 'test_later'"):
        space.operation_names  # noqa: B018
    register_operation("test_later", n_spatial=0)(lambda channels: None)
    assert space.operation_names == ("test_later", "linear_relu")


@pytest.mark.parametrize("space", [*SPACES, *LITERATURE], ids=str)
def test_spaces_name_up_to_three_references_at_any_length(space):
    for length in LENGTHS:
        references = space.reference_architectures(length)
        assert 1 <= len(references) <= 3
        assert len(set(references)) == len(references)
        assert {architecture.length for architecture in references} == {length}
        assert all(space.is_valid(architecture) for architecture in references)
        assert references == clone(space).reference_architectures(length)
    assert space.reference_architectures() == space.reference_architectures(space.default_length)


def test_references_have_only_operations_of_the_space():
    assert len(NASBench201Space(["skip_connect", "nor_conv_3x3"]).reference_architectures(3)) == 3
    # The residual cell of six edges needs none.
    assert len(NASBench201Space(["skip_connect", "nor_conv_3x3"]).reference_architectures(6)) == 2
    assert len(NASBench201Space(["none", "nor_conv_3x3"]).reference_architectures(6)) == 1
    assert NASBench201Space(["none", "nor_conv_1x1"]).reference_architectures(6) == ()


def test_references_of_ones_own():
    space = NASBench201Space()
    first, second = (space.sample(space.uniform(), 6, seed) for seed in range(2))
    shorter = space.sample(space.uniform(), 3, 0)
    own = NASBench201Space(references=[second, first, shorter, second])
    assert own.reference_architectures() == (second, first)
    assert own.reference_architectures(3) == (shorter,)
    assert own.reference_architectures(4) == ()
    assert clone(own).reference_architectures() == (second, first)
    many = [space.sample(space.uniform(), 6, seed) for seed in range(9)]
    assert NASBench201Space(references=many).reference_architectures() == tuple(many), "all that were asked for"
    assert NASBench101Space(references=()).reference_architectures() == ()
    for made in (NASBench201Space(references=()), own):
        check_space(made, lengths=[3, 6])


@pytest.mark.parametrize(
    ("architecture", "message"),
    [
        (Cell(["conv_3"], [(0, 1)]), r"DenseSpace expects the operations .*unknown operations \['conv_3'\]"),
        (Cell(["none"], [(0, 1)]), r"it has no path from its input to its output"),
        (Cell(["linear_relu"] * 2, [(0, 1), (0, 2)]), r"its wiring is none of this space"),
        (Cell(["linear_relu"], [(0, 1)], [(0, 1)]), r"its wiring is none of this space"),
        (Cell(["linear_relu"] * 2, [(1, 2), (0, 1)]), r"not in the order of potential_edges"),
    ],
)
def test_references_of_another_space_are_refused(architecture, message):
    with pytest.raises(ValueError, match=message):
        DenseSpace(references=[Architecture([architecture])], stems=()).reference_architectures(7)


def test_other_bad_references():
    with pytest.raises(TypeError, match=r"references must be instances of Architecture, got 'linear_relu'"):
        DenseSpace(references=["linear_relu"], stems=()).reference_architectures()
    with pytest.raises(ValueError, match=r"its layout is 'chain', not 'stack'"):
        DenseSpace(
            references=[Architecture([Cell(["linear_relu"], [(0, 1)])], layout="chain")], stems=()
        ).reference_architectures()
    with pytest.raises(ValueError, match=r"length must be an integer >= 1"):
        DenseSpace().reference_architectures(0)


class Plain(Sparse):
    """A space of a user, whose constructor knows of no references."""

    def __init__(self, operations=None):
        self.operations = operations


def test_spaces_of_users_need_not_know_of_references():
    assert Plain().reference_architectures() == ()
    assert clone(Plain()).reference_architectures() == ()


class Named(DenseSpace):
    default_stems = ()

    def _references(self, length):
        foreign = Architecture([Cell(["conv_3"], [(0, 1)])])
        blocked = Architecture([Cell(["none"], [(0, 1)])])
        longer = Architecture([Cell(["linear_relu"] * 2, [(0, 1), (1, 2)])])
        good = [Architecture([Cell([name], [(0, 1)])]) for name in (*self.default_operations[:0:-1], "gated_linear")]
        return [good[0], foreign, blocked, longer, *good]


def test_what_a_space_names_wrongly_is_left_out():
    references = Named().reference_architectures(1)
    assert [architecture.operations for architecture in references] == [
        ("gated_linear",),
        ("linear_tanh",),
        ("linear_silu",),
        ("linear_relu",),
    ], "each once, and four at the most"
    check_space(Named(), lengths=[1, 3])


def test_scalars_have_their_usual_values_unless_chosen():
    lr, depth = Scalar("lr", 0.001, 0.1, log=True, default=0.05), Scalar("n_cells", 1, 3, integer=True)
    plain = NASBench201Space()
    space = NASBench201Space(scalars=[lr, depth])
    assert space.scalar_ranges == (lr, depth)
    settings = (("lr", 0.05), ("n_cells", 2))
    assert space.sample(space.uniform(), random_state=0).settings == settings
    assert [a.settings for a in space.reference_architectures()] == [settings] * 3
    mine = plain.sample(plain.uniform(), random_state=0)
    given = space.set_params(references=[mine]).reference_architectures()
    assert [(a.cells, a.settings) for a in given] == [(mine.cells, settings)]
    assert space.without_scalars().scalar_ranges == ()
    assert plain.without_scalars() is plain


def test_settings_are_those_of_the_scalars_and_in_range():
    space = NASBench201Space(scalars=[Scalar("lr", 0.001, 0.1)])
    architecture = space.sample(space.uniform(), random_state=0)
    beyond = replace(architecture, settings={"lr": 0.2})
    with pytest.raises(ValueError, match=r"as a reference: lr must be between 0.001 and 0.1, got 0.2"):
        space.set_params(references=[beyond]).reference_architectures()
    with pytest.raises(ValueError, match=r"expects architectures with the settings \[\], .* got \{'lr': 0.05"):
        NASBench201Space().check_architecture(architecture)


def test_bad_scalars():
    with pytest.raises(TypeError, match="scalars must be instances of Scalar, got 'lr'"):
        NASBench201Space(scalars=["lr"]).scalar_ranges  # noqa: B018
    with pytest.raises(ValueError, match=r"distinct names, got \['lr', 'lr'\]"):
        NASBench201Space(scalars=[Scalar("lr", 0, 1), Scalar("lr", 0, 2)]).scalar_ranges  # noqa: B018
