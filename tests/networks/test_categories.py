"""Tests of the vectors of categories: what they compute, what they cost, and what unseen levels become."""

import numpy as np
import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from skopdist._columns import Columns
from skopdist._scaling import Scaling
from skopdist.committee import Committee
from skopdist.networks import BatchedNetworks, Network, NetworkCosts, Supernet
from skopdist.networks._categories import SplitColumns
from skopdist.problem import Problem
from skopdist.spaces import DenseSpace
from skopdist.training import Predictor, Trainer, Training

SPACE = DenseSpace(stems=())
ARCHITECTURE = SPACE.make_architecture(
    [SPACE.make_cell(["linear_relu", "linear_tanh", "linear_silu"], SPACE.potential_edges(3))]
)
TABLES = {
    "mixed": Columns((0, 3, 0, 12, 2, 30), gaps=(2,)),
    "few": Columns((0, 3, 9)),
    "many": Columns((10, 0, 11)),
    "gaps": Columns((0, 0), gaps=(0, 1)),
    "no numbers": Columns((3, 12, 2)),
    "constant": Columns((1, 1)),
}


def table(columns, n=7, seed=0):
    """Rows of raw values, some of them missing and some of levels that are not known."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, len(columns.n_levels)))
    for i, n_levels in enumerate(columns.n_levels):
        if n_levels:
            X[:, i] = rng.integers(-1, n_levels, n)
        elif i in columns.gaps:
            X[rng.random(n) < 0.5, i] = np.nan
    return X


def scaling_of(columns, shares=None):
    if shares is None:
        shares = np.concatenate([np.full(n, 1 / n) for n in columns.cardinalities] or [[]])
    n, nothing = columns.n_numbers, np.empty(0, dtype=np.intp)
    return Scaling(np.zeros(n), np.ones(n), nothing, np.empty((0, 3)), np.arange(-1.0, 2), np.asarray(shares))


def network_of(columns, scaling=None, seed=0, architecture=ARCHITECTURE):
    torch.manual_seed(seed)
    shape = (len(columns.n_levels),)
    return Network(architecture, shape, 3, channels=6, n_cells=1, scaling=scaling, columns=columns).double()


def vectors(network, columns):
    """The vector of each level of each coded column, as a one-hot code times a matrix would have it."""
    parts = network.categories
    found, begins = [], [0, 0]
    for i, n in enumerate(columns.cardinalities):
        many = int(n > 9)
        weight = (parts.few, parts.many)[many].weight[0, begins[many] : begins[many] + n].detach()
        begins[many] += n
        if many:
            place = 8 * sum(m > 9 for m in columns.cardinalities[:i])
            weight = weight @ parts.widen.weight[:, place : place + 8].T.detach()
        found.append(weight)
    return found


@pytest.mark.parametrize("name", TABLES)
def test_vectors_are_added_to_what_numbers_become(name):
    columns, X = TABLES[name], table(TABLES[name])
    network = network_of(columns, scaling_of(columns))
    numbers, rows = network.prepare(torch.from_numpy(X))
    assert numbers.shape == (7, columns.n_numbers)
    assert torch.isfinite(numbers).all()
    expected = network.stem(numbers)
    if columns.coded:
        for i, weight in zip(columns.coded, vectors(network, columns), strict=True):
            codes = np.isnan(X[:, i]) if i in columns.gaps else X[:, i]
            one_hot = np.equal.outer(codes, np.arange(len(weight)))
            # A level that is not known is the mean of those that are.
            one_hot = np.where(codes[:, None] < 0, 1 / len(weight), one_hot)
            expected = expected + torch.from_numpy(one_hot) @ weight
        torch.testing.assert_close(network.stem(numbers) + network.categories(rows), expected)
    else:
        assert network.categories is None
    torch.testing.assert_close(network(torch.from_numpy(X)), network.classify(network.head(network.cells(expected))))


def test_levels_that_were_not_seen_are_the_weighted_mean():
    columns = Columns((3, 11))
    shares = np.array([0.25, 0.75, 0.0, *np.full(10, 0.1), 0.0])
    network = network_of(columns, scaling_of(columns, shares))
    few, many = vectors(network, columns)
    mean = 0.25 * few[0] + 0.75 * few[1] + many[:10].mean(dim=0)
    _, rows = network.prepare(torch.tensor([[2.0, 10.0], [-1.0, -1.0]], dtype=torch.float64))
    torch.testing.assert_close(network.categories(rows), torch.stack([mean, mean]), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("name", TABLES)
@pytest.mark.parametrize("channels", [4, 7])
def test_costs_are_those_of_the_network(name, channels, untouched_generators):
    columns = TABLES[name]
    shape = (len(columns.n_levels),)
    costs = NetworkCosts(shape, 3, channels=channels, n_cells=2, columns=columns)
    with torch.random.fork_rng():
        network = Network(ARCHITECTURE, shape, 3, channels=channels, n_cells=2, columns=columns).eval()
    assert costs.n_parameters(ARCHITECTURE) == sum(weight.numel() for weight in network.parameters())
    with FlopCounterMode(display=False) as counter:
        network(torch.zeros(1, *shape))
    assert 2 * costs.flops(ARCHITECTURE) == counter.get_total_flops()
    assert costs.latency(ARCHITECTURE) > 0


@pytest.mark.parametrize("name", TABLES)
def test_networks_in_one_graph(name):
    columns = TABLES[name]
    networks = [network_of(columns, scaling_of(columns), seed) for seed in range(3)]
    batched = BatchedNetworks(networks)
    X = [torch.from_numpy(table(columns, seed=seed)) for seed in range(3)]
    prepared = [network.prepare(x) for network, x in zip(networks, X, strict=True)]
    rows = torch.stack([rows for _, rows in prepared])
    logits = batched(torch.stack([x for x, _ in prepared]), rows)
    expected = torch.stack([network(x) for network, x in zip(networks, X, strict=True)])
    torch.testing.assert_close(logits, expected)
    logits.square().sum().backward()
    expected.square().sum().backward()
    with torch.no_grad():
        for parameter in batched.parameters():
            parameter -= 0.1 * parameter.grad
    before = [[p - 0.1 * p.grad for p in network.parameters()] for network in networks]
    batched.hand_back()
    for network, wanted in zip(networks, before, strict=True):
        for (label, parameter), value in zip(network.named_parameters(), wanted, strict=True):
            torch.testing.assert_close(parameter.detach(), value.detach(), msg=label)


def problem_of(n=80):
    rng = np.random.default_rng(0)
    X = np.c_[rng.normal(size=n), rng.integers(0, 3, n), rng.normal(size=n), rng.integers(0, 20, n)]
    X[rng.random(n) < 0.3, 2] = np.nan
    return Problem.of(X, np.arange(n) % 3, levels=[None, (0, 1, 2), None, tuple(range(20))])


@pytest.mark.parametrize("width", ["few rows", "all rows"])
def test_training_together_is_training_one_by_one(width):
    problem = problem_of()
    rows = problem.everything if width == "all rows" else problem.everything.take(np.arange(30))
    trainer = Trainer(problem, Training(max_epochs=2, lr=0.05), n_cells=1, channels=6, device="cpu")
    architectures = [SPACE.sample(SPACE.uniform(), 3, seed) for seed in range(3)]
    nets = trainer.train_many(architectures, [rows] * 3, [0, 1, 2])
    X = problem.everything
    single = []
    for net, architecture, seed in zip(nets, architectures, range(3), strict=True):
        alone = trainer.train(architecture, rows, seed)
        np.testing.assert_allclose(Predictor(net.module_, 0)(X), Predictor(alone.module_, 0)(X), rtol=1e-3, atol=1e-4)
        single.append(Predictor(net.module_, 0)(X))
    committee = Committee(nets, [0.2, 0.3, 0.5], 0)
    assert len(committee.predictors) == 1
    np.testing.assert_allclose(committee(X), np.tensordot([0.2, 0.3, 0.5], single, axes=1), rtol=1e-9)


def test_the_supernet_has_them_too():
    columns = TABLES["mixed"]
    supernet = Supernet(SPACE, 3, (6,), 3, channels=6, n_cells=1, scaling=scaling_of(columns), columns=columns)
    logits = supernet(torch.from_numpy(table(columns)), torch.full((1, len(SPACE.operation_names)), 0.1))
    assert torch.isfinite(logits).all()


def test_ten_thousand_levels_take_bounded_memory():
    columns = Columns((10_000, 0))
    costs = NetworkCosts((2,), 2, channels=64, columns=columns)
    without = NetworkCosts((1,), 2, channels=64)
    assert costs.n_parameters(ARCHITECTURE) - without.n_parameters(ARCHITECTURE) == 8 * 10_000 + 8 * 64


def test_other_weights_do_not_depend_on_the_levels():
    one, two = (network_of(Columns((0, n))) for n in (3, 30))
    torch.testing.assert_close(one.stem.weight, two.stem.weight)
    torch.testing.assert_close(one.classify.weight, two.classify.weight)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_rows_are_whole_numbers(dtype):
    columns = TABLES["mixed"]
    numbers, rows = SplitColumns(columns)(torch.from_numpy(table(columns)).to(dtype))
    assert numbers.dtype == dtype
    assert rows.dtype == torch.int64
