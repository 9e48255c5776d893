"""Networks that are trained together are those that are trained one by one."""

import math
import pickle
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from skopdist import Architecture, Cell
from skopdist.networks import Network
from skopdist.operations import register_operation
from skopdist.problem import Problem
from skopdist.spaces import DenseSpace, SequenceSpace
from skopdist.training import Predictor, Trainer, Training, _nets

SPACE = DenseSpace(stems=())
# In double precision, in which rounding has no time to grow.
CLOSE = {"rtol": 1e-9, "atol": 1e-11}


class DoubleNetwork(Network):
    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.double()


@pytest.fixture
def double(monkeypatch):
    monkeypatch.setattr(_nets, "Network", DoubleNetwork)


@pytest.fixture
def groups(monkeypatch):
    """The numbers of networks that are trained together."""
    sizes = []

    def counting(nets, datasets, training, max_time=None, train=_nets.train_together):
        sizes.append(len(nets))
        return train(nets, datasets, training, max_time)

    monkeypatch.setattr(_nets, "train_together", counting)
    return sizes


@pytest.fixture
def exploding(monkeypatch):
    """Let the loss of the network with the seed 1 overflow."""

    def initialize(net, seed, initialize=_nets._initialize):
        initialize(net, seed)
        if seed == 1:
            with torch.no_grad():
                net.module_.classify.weight.mul_(1e300 if net.module_.classify.weight.dtype == torch.float64 else 1e38)

    monkeypatch.setattr(_nets, "_initialize", initialize)


def make_problem(n=50, weight=None, shape=(5,)):
    rng = np.random.default_rng(0)
    y = np.arange(n) % 3
    X = rng.normal(size=(n, *shape)) + rng.normal(size=(3, *shape))[y]
    # A heavy tail goes its own way into a network.
    X[0] *= 1e6
    return Problem.of(X, y, weight)


def trainer_of(problem, **changes):
    recipe = {"max_epochs": 3, "batch_size": 8, "lr": 0.05} | changes
    return Trainer(problem, Training(**recipe), n_cells=2, channels=6, device="cpu")


def draw(n, length=6):
    return [SPACE.sample(SPACE.uniform(), length, seed) for seed in range(n)]


def one_by_one(trainer, architectures, samples, seeds):
    return [trainer.train(*each) for each in zip(architectures, samples, seeds, strict=True)]


def columns(net):
    """The history of a net but for times: of epochs and of batches."""
    rows = [{name: value for name, value in row.items() if name not in ("dur", "batches")} for row in net.history]
    return rows, [batch for row in net.history for batch in row["batches"]]


def assert_equal_nets(net, expected, X, **close):
    close = close or CLOSE
    for (name, value), (_, other) in zip(
        net.module_.named_parameters(), expected.module_.named_parameters(), strict=True
    ):
        np.testing.assert_allclose(value.detach(), other.detach(), err_msg=name, **close)
    np.testing.assert_allclose(Predictor(net.module_, 0)(X), Predictor(expected.module_, 0)(X), **close)
    for mine, theirs in zip(columns(net), columns(expected), strict=True):
        assert [row.keys() for row in mine] == [row.keys() for row in theirs]
        np.testing.assert_allclose(*([[*row.values()] for row in rows] for rows in (mine, theirs)), **close)


RECIPES = {
    "sgd": {},
    "adamw": {"optimizer": "adamw", "lr": 0.003},
    "rmsprop": {"optimizer": torch.optim.RMSprop, "lr": 0.001},
    "no smoothing": {"label_smoothing": 0.0, "weight_decay": 0.0},
    "one batch": {"batch_size": 50},
    "default batches": {"batch_size": None},
}


@pytest.mark.parametrize("recipe", RECIPES)
@pytest.mark.parametrize("weight", [None, np.linspace(1, 50, 50) + 0.5], ids=["even", "uneven"])
def test_together_is_one_by_one(recipe, weight, double, groups, untouched_generators):
    problem = make_problem(weight=weight)
    trainer, architectures, seeds = trainer_of(problem, **RECIPES[recipe]), draw(5), [3, 1, 4, 1, 5]
    samples = [problem.everything] * 5
    nets = trainer.train_many(architectures, samples, seeds)
    assert groups == [5]
    for net, expected in zip(nets, one_by_one(trainer, architectures, samples, seeds), strict=True):
        assert_equal_nets(net, expected, problem.everything.X)


@pytest.mark.parametrize("name", SPACE.operation_names)
def test_every_operation(name, double, groups):
    problem = make_problem()
    trainer = trainer_of(problem)
    architectures = [
        Architecture([Cell([name, other, "linear_relu"], SPACE.potential_edges(3))]) for other in ("none", name)
    ]
    samples = [problem.everything] * 2
    nets = trainer.train_many(architectures, samples, [0, 1])
    assert groups == [2]
    for net, expected in zip(nets, one_by_one(trainer, architectures, samples, [0, 1]), strict=True):
        assert_equal_nets(net, expected, problem.everything.X)


def test_single_precision_differs_by_rounding(groups):
    problem = make_problem()
    trainer, architectures, samples = trainer_of(problem), draw(4), [problem.everything] * 4
    nets = trainer.train_many(architectures, samples, range(4))
    assert groups == [4]
    for net, expected in zip(nets, one_by_one(trainer, architectures, samples, range(4)), strict=True):
        assert_equal_nets(net, expected, problem.everything.X, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("weight", [None, np.linspace(1, 50, 50) + 0.5], ids=["even", "uneven"])
def test_rows_of_their_own(weight, double, groups):
    problem = make_problem(weight=weight)
    trainer, architectures, seeds = trainer_of(problem), draw(6), list(range(6))
    rows = [np.arange(48), np.arange(2, 50), np.arange(41), np.arange(50), np.arange(40), np.arange(48)]
    samples = [problem.everything.take(indices) for indices in rows]
    # Batches of at most 8: 6, 6, 6, 7, 5 and 6.
    assert trainer.groups(architectures, samples) == [[0, 1, 2, 5], [3], [4]]
    nets = trainer.train_many(architectures, samples, seeds)
    assert groups == [4]
    for net, expected in zip(nets, one_by_one(trainer, architectures, samples, seeds), strict=True):
        assert_equal_nets(net, expected, problem.everything.X)


def test_a_network_that_diverges_harms_no_other(exploding, groups):
    problem = make_problem()
    trainer, architectures, samples = trainer_of(problem), draw(3), [problem.everything] * 3
    first, failure, last = trainer.train_many(architectures, samples, [0, 1, 2])
    assert groups == [3]
    with pytest.raises(FloatingPointError) as alone:
        trainer.train(architectures[1], problem.everything, 1)
    assert failure == f"FloatingPointError: {alone.value}"
    expected = one_by_one(trainer, architectures[::2], samples[:2], [0, 2])
    for net, other in zip((first, last), expected, strict=True):
        assert_equal_nets(net, other, problem.everything.X, rtol=1e-3, atol=1e-4)


def test_all_diverge(groups):
    problem = make_problem()
    failures = trainer_of(problem, lr=1e12, max_epochs=50).train_many(draw(2), [problem.everything] * 2, [0, 1])
    assert groups == [2]
    assert all(failure.startswith("FloatingPointError: training diverged: the loss is") for failure in failures)


@pytest.mark.parametrize("error", [MemoryError, torch.cuda.OutOfMemoryError])
def test_a_shortage_of_memory_is_met_by_halves(error, double, monkeypatch):
    sizes = []

    def short(nets, datasets, training, max_time=None, train=_nets.train_together):
        sizes.append(len(nets))
        if len(nets) > 2:
            raise error("a fake shortage")
        return train(nets, datasets, training, max_time)

    problem = make_problem()
    trainer, architectures, samples = trainer_of(problem), draw(5), [problem.everything] * 5
    expected = trainer.train_many(architectures, samples, range(5))
    monkeypatch.setattr(_nets, "train_together", short)
    nets = trainer.train_many(architectures, samples, range(5))
    assert sizes == [5, 2, 3, 2]
    for net, other in zip(nets, expected, strict=True):
        assert_equal_nets(net, other, problem.everything.X)


def test_what_fails_alone_is_reported_for_itself(groups):
    problem = make_problem()
    architectures = [*draw(2), Architecture([Cell(["no such operation"], [(0, 1)])])]
    *nets, failure = trainer_of(problem).train_many(architectures, [problem.everything] * 3, range(3))
    assert groups == [2]
    assert failure.startswith("ValueError: Unknown operation 'no such operation'")
    assert all(math.isfinite(net.history[-1, "train_loss"]) for net in nets)


def cropped(X, generator):
    return X


ALONE = {
    "net_params": {"net_params": {"optimizer__momentum": 0.5}},
    "augmentation": {"augment": cropped},
    "optimiser": {"optimizer": torch.optim.Adafactor},
    "precision": {"precision": "bfloat16"},
    "early stopping": {"early_stopping": 2},
}


@pytest.mark.parametrize("recipe", ALONE)
def test_recipes_for_one_network_at_a_time(recipe, groups):
    problem = make_problem()
    trainer, architectures = trainer_of(problem, **ALONE[recipe]), draw(2)
    samples = [problem.everything] * 2
    held_out = samples if recipe == "early stopping" else None
    nets = trainer.train_many(architectures, samples, [0, 1], held_out)
    assert groups == []
    for i, net in enumerate(nets):
        expected = trainer.train(architectures[i], samples[i], i, None if held_out is None else held_out[i])
        assert_equal_nets(net, expected, problem.everything.X, rtol=0, atol=0)


def test_early_stopping_without_held_out_data_stops_nothing(groups):
    problem = make_problem()
    trainer_of(problem, early_stopping=1).train_many(draw(2), [problem.everything] * 2, [0, 1])
    assert groups == [2]


def test_networks_that_have_no_batched_form(groups, monkeypatch):
    @register_operation("together_dropout", n_spatial=0)
    def dropout(channels):
        return nn.Sequential(nn.Linear(channels, channels), nn.Dropout(0.5))

    problem = make_problem()
    trainer = trainer_of(problem)
    dropping = Architecture([Cell(["together_dropout"] * 6, SPACE.potential_edges(6))])
    architectures = [dropping, *draw(2), dropping, *draw(1, length=3)]
    samples = [problem.everything] * 5
    assert trainer.groups(architectures, samples) == [[0], [1, 2], [3], [4]]
    nets = trainer.train_many(architectures, samples, range(5))
    assert groups == [2]
    assert_equal_nets(nets[0], trainer.train(dropping, problem.everything, 0), problem.everything.X, rtol=0, atol=0)
    monkeypatch.setattr(_nets, "_MOST_BYTES", 50 * 5 * 8)
    assert trainer.groups(architectures, samples) == [[0], [1, 2], [3], [4]]
    # A set of rows of its own.
    samples[4] = problem.everything.take(np.arange(49))
    assert trainer.groups(architectures, samples) == [[0], [1], [2], [3], [4]]
    series = trainer_of(make_problem(shape=(2, 9)))
    convolutions = [SequenceSpace().sample(SequenceSpace().uniform(), random_state=seed) for seed in range(2)]
    assert series.groups(convolutions, [series.problem.everything] * 2) == [[0], [1]]


def test_large_groups_are_divided(monkeypatch):
    monkeypatch.setattr(_nets, "_MOST_TOGETHER", 3)
    problem = make_problem()
    assert trainer_of(problem).groups(draw(7), [problem.everything] * 7) == [[0, 1, 2], [3, 4, 5], [6]]


def test_the_same_twice_and_in_pickles():
    problem = make_problem()
    trainer, architectures, samples = trainer_of(problem), draw(3), [problem.everything] * 3
    nets, again = (trainer.train_many(architectures, samples, range(3)) for _ in range(2))
    for net, other in zip(nets, again, strict=True):
        assert_equal_nets(net, other, problem.everything.X, rtol=0, atol=0)
        dumped = pickle.dumps(net)
        assert problem.everything.X[1].tobytes() not in dumped
        assert_equal_nets(pickle.loads(dumped), net, problem.everything.X, rtol=0, atol=0)


def test_a_network_goes_on_training_alone():
    problem = make_problem()
    net, _ = trainer_of(problem).train_many(draw(2), [problem.everything] * 2, [0, 1])
    data = problem.everything
    net.partial_fit(data.X, data.labels(), epochs=2)
    assert len(net.history) == 5


def test_unequal_numbers_of_batches_are_refused():
    problem = make_problem()
    trainer = trainer_of(problem)
    made = [trainer._make(draw(1)[0], problem.everything.take(np.arange(n)), 0, None) for n in (50, 20)]
    for net, _ in made:
        net.initialize()
    with pytest.raises(ValueError, match=r"need equally many batches, got \[7, 3\]"):
        _nets.train_together(*zip(*made, strict=True), trainer.training)


def test_time_that_is_over_ends_all_of_them(groups):
    problem = make_problem()
    trainer = replace(trainer_of(problem, max_epochs=1000), max_time=0.0)
    nets = trainer.train_many(draw(3), [problem.everything] * 3, range(3))
    assert groups == [3]
    # One batch is made in any case.
    assert [[len(row["batches"]) for row in net.history] for net in nets] == [[1]] * 3
    assert all(np.isfinite(Predictor(net.module_, 0)(problem.everything.X)).all() for net in nets)
    plenty = replace(trainer_of(problem), max_time=1000.0).train_many(draw(3), [problem.everything] * 3, range(3))
    alone = one_by_one(trainer_of(problem), draw(3), [problem.everything] * 3, range(3))
    for net, expected in zip(plenty, alone, strict=True):
        assert_equal_nets(net, expected, problem.everything.X, rtol=0, atol=1e-4)


@pytest.mark.gpu
def test_on_a_gpu(groups):
    problem = make_problem()
    trainer = replace(trainer_of(problem), device="cuda")
    architectures, samples = draw(3), [problem.everything] * 3
    nets = trainer.train_many(architectures, samples, range(3))
    assert groups == [3]
    for net, expected in zip(nets, one_by_one(trainer, architectures, samples, range(3)), strict=True):
        assert net.module_.classify.weight.is_cuda
        np.testing.assert_allclose(
            *(Predictor(each.module_, 0)(problem.everything.X) for each in (net, expected)), rtol=0, atol=1e-2
        )
