"""Spaces whose architectures have a stem of their own, and what else has to know of it."""

import json

import numpy as np
import pytest
import torch
from everything import ENCODINGS, STRATEGIES
from sklearn.datasets import load_wine
from torch import nn

from skopdist import Architecture, Cell, OpDistNASClassifier, OperationDistribution
from skopdist.encodings import AdjacencyEncoding, DistributionEncoding, HybridEncoding, Limit, LimitedEncoding
from skopdist.evaluators import SupernetEvaluator
from skopdist.networks import Network, NetworkCosts, Supernet
from skopdist.operations import get_operation, register_operation, register_stem
from skopdist.spaces import DARTSSpace, DenseSpace, MacroSpace, NASBench201Space
from skopdist.strategies import BayesianOptimization, DifferentiableSearch, LocalSearch
from skopdist.testing import check_encoding, check_evaluator, check_operation, check_space, check_strategy


@register_stem("bent_stem", n_spatial=0)
def bent_stem(size):
    return nn.Sequential(nn.Linear(size.channels_in, size.channels_out), nn.Tanh())


@register_stem("narrow_stem", n_spatial=0)
def narrow_stem(size):
    return nn.Sequential(nn.Linear(size.channels_in, 2), nn.Linear(2, size.channels_out))


class _Shown(nn.Linear):
    """Remembers the mean of what it was shown."""

    def __init__(self, size):
        super().__init__(size.channels_in, size.channels_out)
        self.register_buffer("mean", torch.zeros(size.channels_in))

    def adapt(self, x, weight):
        self.mean.copy_((x * weight[:, None]).sum(0) / weight.sum())


@register_stem("shown_stem", n_spatial=0)
def shown_stem(size):
    return _Shown(size)


STEMS = ["linear_stem", "bent_stem", "narrow_stem"]
SPACE = DenseSpace(["none", "skip_connect", "linear_relu"], stems=STEMS)
IMAGES = NASBench201Space(stems=["conv_stem", "whitening_stem"])


@pytest.mark.parametrize("name", STEMS)
def test_contract_of_a_stem(name):
    check_operation(name)


@pytest.mark.parametrize("space", [SPACE, IMAGES, DenseSpace(stems=["bent_stem"])], ids=["dense", "images", "one"])
def test_contract(space):
    check_space(space, lengths=[1, 2, 3, 6, 7])


@pytest.mark.parametrize("space", [SPACE, IMAGES], ids=["dense", "images"])
@pytest.mark.parametrize("encoding", ENCODINGS, ids=str)
def test_encodings(encoding, space):
    check_encoding(encoding, space)


@pytest.mark.parametrize("encoding", ENCODINGS, ids=str)
def test_limited_encodings(encoding):
    costs = NetworkCosts((7,), 3, channels=8, n_cells=2)
    limit = Limit("params", costs.n_parameters, 500)
    check_encoding(LimitedEncoding(encoding, [limit]), SPACE, lengths=(3, 6))


@pytest.mark.parametrize("strategy", STRATEGIES, ids=str)
def test_strategies(strategy):
    check_strategy(strategy, space=SPACE)


@pytest.mark.slow
@pytest.mark.parametrize("encoding", ENCODINGS, ids=str)
@pytest.mark.parametrize("strategy", STRATEGIES, ids=str)
def test_strategies_on_any_encoding(strategy, encoding):
    check_strategy(strategy, encoding, SPACE)


def test_an_architecture_has_one_stem():
    drawn = [SPACE.sample(SPACE.uniform(), length=5, random_state=seed) for seed in range(60)]
    assert {architecture.cell_types for architecture in drawn} == {("cell", "stem")}
    stems = [architecture.cell("stem") for architecture in drawn]
    assert {stem.edges for stem in stems} == {((0, 1),)}
    assert {stem.operations for stem in stems} == {(name,) for name in STEMS}
    assert all(architecture.length == 5 for architecture in drawn)
    assert not {name for architecture in drawn for name in architecture.cell("cell").operations} & set(STEMS)


def test_a_distribution_has_a_row_for_the_stem():
    uniform = SPACE.uniform()
    np.testing.assert_allclose(uniform.probabilities, [[1 / 3] * 3 + [0] * 3, [0] * 3 + [1 / 3] * 3])
    assert SPACE.allowed.tolist() == [[True] * 3 + [False] * 3, [False] * 3 + [True] * 3]
    assert "cell: none=0.33, skip_connect=0.33, linear_relu=0.33; stem: linear_stem=0.33" in repr(uniform)
    misplaced = OperationDistribution(uniform.operations, np.full((2, 6), 1 / 6), uniform.cell_types)
    assert SPACE.feasible(misplaced) == uniform
    assert SPACE.sample(misplaced, random_state=0) == SPACE.sample(uniform, random_state=0)
    swapped = OperationDistribution(uniform.operations, uniform.probabilities[::-1], uniform.cell_types)
    with pytest.raises(ValueError, match=r"at least one of the operations .*'linear_relu'\) in the cell type 'cell'"):
        SPACE.sample(swapped)


def test_shares_of_the_stems_are_kept_by_draws():
    p = OperationDistribution(SPACE.operation_names, [[0, 0, 1, 0, 0, 0], [0, 0, 0, 0.75, 0.25, 0]], SPACE.cell_types)
    drawn = [SPACE.sample(p, 3, seed).cell("stem").operations[0] for seed in range(400)]
    assert set(drawn) == {"linear_stem", "bent_stem"}
    assert 0.65 < drawn.count("linear_stem") / len(drawn) < 0.85


def test_without_stems_the_layout_has_its_own():
    space = DenseSpace(stems=[])
    assert space.cell_types == ("cell",)
    architecture = space.sample(space.uniform(), random_state=0)
    assert isinstance(Network(architecture, (4,), 2).stem, nn.Linear)
    assert NASBench201Space().cell_types == ("cell",)


def test_cells_without_a_stem_get_the_first_one():
    cell = SPACE.make_cell(["linear_relu"] * 6, SPACE.potential_edges(6))
    architecture = SPACE.make_architecture([cell])
    assert architecture.cell("stem") == Cell(["linear_stem"], [(0, 1)])
    assert architecture == SPACE.make_architecture([cell, SPACE.make_stem("linear_stem")])


def test_the_linear_stem_is_the_layout_of_before():
    cell = Cell(["linear_relu"], [(0, 1)])
    plain, searched = Architecture([cell]), Architecture([cell, Cell(["linear_stem"], [(0, 1)])], ["cell", "stem"])
    networks = []
    for architecture in (plain, searched):
        torch.manual_seed(0)
        networks.append(Network(architecture, (4,), 3))
    x = torch.randn(5, 4)
    torch.testing.assert_close(networks[0](x), networks[1](x), rtol=0, atol=0)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: DenseSpace(stems=["linear_relu"]), r"'linear_relu' among its stems, but it is no stem"),
        (lambda: DenseSpace(["linear_stem"]), r"'linear_stem' among its operations, but it is a stem"),
        (lambda: DenseSpace(stems=["conv_stem"]), r"stems for 0 spatial dimensions; 'conv_stem' is one for 2"),
        (lambda: DenseSpace(stems=["bent_stem", "bent_stem"]), r"stems must be distinct"),
        (lambda: DenseSpace(stems=["a stem of nobody"]), r"Unknown operation 'a stem of nobody'"),
        *((lambda kind=kind: kind(stems=["conv_stem"]), r"stem of its own") for kind in (DARTSSpace, MacroSpace)),
    ],
)
def test_unfit_stems_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make().operation_names  # noqa: B018 - where it is checked


def test_unfit_architectures_are_refused():
    relu, linear = Cell(["linear_relu"], [(0, 1)]), Cell(["linear_stem"], [(0, 1)])
    for cells in ([relu, relu], [linear, linear], [linear, relu]):
        with pytest.raises(ValueError, match="unknown operations"):
            SPACE.check_architecture(Architecture(cells, SPACE.cell_types))
    with pytest.raises(ValueError, match="cell types"):
        SPACE.encode(Architecture([relu]))
    odd = Architecture([relu, Cell(["linear_stem"], [(0, 2)])], SPACE.cell_types)
    with pytest.raises(ValueError, match="its stem is no cell of one operation"):
        DenseSpace(stems=STEMS, references=[odd]).reference_architectures(1)


def test_references_try_the_stems():
    references = SPACE.reference_architectures()
    assert [architecture.cell("stem").operations[0] for architecture in references] == STEMS
    assert len({architecture.cell("cell") for architecture in references}) == 1


def test_features_show_the_stem_apart():
    rows = SPACE.reference_architectures()
    for encoding in (HybridEncoding(), AdjacencyEncoding(), DistributionEncoding()):
        bound = encoding.bind(SPACE, 6)
        parts = bound.features([bound.encode(architecture) for architecture in rows])
        assert len(np.unique(parts["stem"], axis=0)) == 3
        assert len({bound.keys([bound.encode(architecture)])[0] for architecture in rows}) == 3
        # All else is equal.
        assert all(len(np.unique(part, axis=0)) == 1 for name, part in parts.items() if name != "stem")


def test_moves_change_the_stem_too():
    bound = AdjacencyEncoding().bind(SPACE, 3)
    point = bound.encode(SPACE.reference_architectures(3)[0])
    decoded = [bound.decode(neighbour) for neighbour in bound.neighbours(point)]
    others = [a for a in decoded if a.cell("cell") == SPACE.reference_architectures(3)[0].cell("cell")]
    assert {a.cell("stem").operations[0] for a in others} == set(STEMS[1:])
    assert len(decoded) == 3 * 2 + 2


def test_all_points_of_a_small_space():
    points = AdjacencyEncoding().bind(SPACE, 1).points(100)
    assert len(points) == 3 * 3
    assert len(DistributionEncoding().bind(SPACE, 1).points(100)) == 3 * 3
    assert len(HybridEncoding().bind(SPACE, 3).points(100)) == 3**3 * 3
    assert DistributionEncoding().bind(SPACE, 3).points(10 * 3 - 1) is None


@pytest.mark.parametrize("space", [SPACE, IMAGES], ids=["dense", "images"])
def test_costs_count_the_stem(space):
    shape = (7,) if space is SPACE else (3, 9, 7)
    costs = NetworkCosts(shape, 3, channels=8, n_cells=2)
    for seed in range(6):
        architecture = space.sample(space.uniform(), random_state=seed)
        network = Network(architecture, shape, 3, channels=8, n_cells=2)
        assert costs.n_parameters(architecture) == sum(parameter.numel() for parameter in network.parameters())
    wide, narrow = (SPACE.reference_architectures()[i] for i in (0, 2))
    flat = NetworkCosts((7,), 3, channels=8, n_cells=2)
    assert flat.flops(wide) - flat.flops(narrow) == 7 * 8 - (7 * 2 + 2 * 8)


def test_supernet_holds_all_stems_and_shares_them():
    supernet = Supernet(SPACE, 3, (7,), 2, channels=8)
    uniform = torch.tensor(SPACE.uniform().probabilities, dtype=torch.float32, requires_grad=True)
    supernet(torch.randn(5, 7), uniform).square().sum().backward()
    assert (uniform.grad[1, 3:] != 0).all()
    assert (uniform.grad[1, :3] == 0).all()
    architecture = SPACE.reference_architectures(3)[1]
    alone = supernet.one_hot(architecture)
    assert supernet(torch.randn(5, 7), alone).shape == (5, 2)
    np.testing.assert_array_equal(alone[1, 0].numpy(), [0, 0, 0, 0, 1, 0])


def test_supernet_evaluator_contract():
    X, y = load_wine(return_X_y=True)
    check_evaluator(SupernetEvaluator(SPACE, n_cells=1, channels=4).fit(X[::2], y[::2], random_state=0))


@pytest.mark.parametrize("strategy", [BayesianOptimization(), LocalSearch(), DifferentiableSearch()], ids=str)
def test_a_fit_finds_a_stem(strategy):
    X, y = load_wine(return_X_y=True)
    clf = OpDistNASClassifier(strategy, search_space=SPACE, n_trials=6, max_epochs=10, n_cells=1, random_state=0)
    clf.fit(X, y)
    stem = clf.best_distribution_.probabilities[1]
    assert stem[:3].sum() == 0
    assert stem[3:].sum() == pytest.approx(1)
    assert clf.best_architecture_.cell("stem").operations[0] in STEMS
    assert clf.sample_architecture(12, random_state=0).length == 12
    assert clf.score(X, y) > 0.8
    assert {"p_cell_none", "p_stem_bent_stem"} <= set(clf.search_results_)
    assert not {"p_stem_none", "p_cell_bent_stem"} & set(clf.search_results_)
    again = Architecture.from_dict(json.loads(clf.best_architecture_.to_json()))
    assert again == clf.best_architecture_


def test_a_stem_is_shown_weighted_samples_once():
    X, y = load_wine(return_X_y=True)
    space = DenseSpace(["linear_relu"], stems=["shown_stem"])
    settings = {"search_space": space, "n_trials": 1, "max_epochs": 1, "n_cells": 1, "channels": 4, "random_state": 0}
    weight = np.where(y == 0, 2.0, 1.0)
    weighted = OpDistNASClassifier(**settings).fit(X, y, sample_weight=weight)
    repeated = OpDistNASClassifier(**settings).fit(np.r_[X, X[y == 0]], np.r_[y, y[y == 0]])
    means = [clf.net_.module_.stem.operations[0].mean for clf in (weighted, repeated)]
    # Standardised by the same weights, so that only the smooth bound leaves something.
    assert 0 < means[0].abs().max() < 0.2
    torch.testing.assert_close(means[0], means[1])


def test_stems_of_the_user_are_registered_like_operations():
    with pytest.raises(ValueError, match="is taken by"):
        register_operation("bent_stem", n_spatial=0)(lambda channels: nn.Identity())
    with pytest.raises(TypeError, match="A stem is a name and a factory"):
        register_stem("no factory", n_spatial=0)(3)
    assert get_operation("bent_stem").is_stem
    assert not get_operation("bent_stem").is_standard
