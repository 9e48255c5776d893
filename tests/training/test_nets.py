import copy
import math
import pickle
from dataclasses import replace

import numpy as np
import pytest
import torch
from drawing import drawing_all_the_time
from hypothesis import given, settings
from hypothesis import strategies as st
from skorch.callbacks import Callback, EarlyStopping, EpochScoring
from skorch.dataset import ValidSplit
from skorch.exceptions import DeviceWarning

from skopdist import Architecture, Cell
from skopdist.operations import Operation
from skopdist.operations._registry import _REGISTRY
from skopdist.operations._stems_minirocket import MiniRocketStem
from skopdist.problem import Problem
from skopdist.spaces import DenseSpace, NASBench201Space, SequenceSpace
from skopdist.training import Predictor, Trainer, Training
from skopdist.training._beginnings import Beginnings

SPACES = {0: DenseSpace(), 1: SequenceSpace(), 2: NASBench201Space()}
SHAPES = {0: (5,), 1: (2, 9), 2: (1, 6, 6)}
RECIPE = {"max_epochs": 2, "batch_size": 8, "lr": 0.05}


def make_arrays(n_spatial=0, n=30):
    """Three classes, each a pattern and noise."""
    rng = np.random.default_rng(0)
    y = np.arange(n) % 3
    X = rng.normal(size=(n, *SHAPES[n_spatial])) + 2 * rng.normal(size=(3, *SHAPES[n_spatial]))[y]
    return (X if n_spatial == 0 else X.astype(np.float32)), y


def make_data(n_spatial=0, n=30, weight=None):
    return Problem.of(*make_arrays(n_spatial, n), weight)


UNEVEN = np.linspace(1, 30, 30) + 0.5


def make_architecture(n_spatial=0, length=3):
    space = SPACES[n_spatial]
    return space.sample(space.uniform(), length, 0)


def fit(n_spatial=0, length=3, data=None, seed=0, held_out=None, channels=4, architecture=None, **changes):
    problem = make_data(n_spatial) if data is None else data
    trainer = Trainer(problem, Training(**(RECIPE | changes)), n_cells=2, channels=channels, device="cpu")
    architecture = make_architecture(problem.n_spatial, length) if architecture is None else architecture
    return trainer.train(architecture, problem.everything, seed, held_out)


def predict(net, X):
    return Predictor(net.module_, X.ndim - 2)(X)


@pytest.mark.parametrize("length", [1, 2, 3, 7, 13, 24, 40])
@pytest.mark.parametrize("n_spatial", SPACES)
def test_every_length_trains(n_spatial, length):
    net = fit(n_spatial, length)
    losses = net.history[:, "train_loss"]
    assert len(losses) == 2
    assert all(math.isfinite(loss) for loss in losses)
    probabilities = predict(net, make_arrays(n_spatial)[0])
    assert probabilities.dtype == np.float64
    np.testing.assert_allclose(probabilities.sum(axis=1), 1)


@pytest.mark.parametrize("n_spatial", SPACES)
def test_learns_what_can_be_learnt(n_spatial):
    X, y = make_arrays(n_spatial, n=60)
    architecture = SPACES[n_spatial].reference_architectures()[0]
    net = fit(n_spatial, data=Problem.of(X, y), max_epochs=20, channels=16, architecture=architecture)
    assert (predict(net, X).argmax(axis=1) == y).mean() > 0.9
    assert net.history[-1, "train_loss"] < net.history[0, "train_loss"]


@pytest.mark.parametrize("n_spatial", SPACES)
def test_the_seed_decides_all(n_spatial, untouched_generators):
    X, _ = make_arrays(n_spatial)
    first = predict(fit(n_spatial, seed=1), X)
    np.testing.assert_array_equal(predict(fit(n_spatial, seed=1), X), first)
    assert not np.array_equal(predict(fit(n_spatial, seed=2), X), first)


@pytest.mark.parametrize(("n_spatial", "batch_size", "n_batches"), [(0, 7, 5), (0, 30, 1), (2, 7, 5)])
def test_steps_are_those_of_all_passes(n_spatial, batch_size, n_batches):
    problem = make_data(n_spatial)
    trainer = Trainer(problem, Training(max_epochs=3, batch_size=batch_size), n_cells=1, channels=4, device="cpu")
    net = trainer.train(make_architecture(n_spatial), problem.training, seed=0)
    steps = sum(len(epoch["batches"]) for epoch in net.history)
    assert trainer.n_steps == steps == 3 * n_batches


def test_flat_predictions_do_not_depend_on_their_neighbours():
    net, X = fit(), make_arrays()[0]
    together = predict(net, X)
    one_by_one = np.concatenate([predict(net, X[i : i + 1]) for i in range(len(X))])
    np.testing.assert_allclose(one_by_one, together, rtol=1e-13)
    np.testing.assert_allclose(predict(net, X[::-1])[::-1], together, rtol=1e-13)


def test_prediction_leaves_the_net_as_it_was():
    net, X = fit(2), make_arrays(2)[0]
    before = {name: value.clone() for name, value in net.module_.state_dict().items()}
    predict(net, X)
    for name, value in net.module_.state_dict().items():
        assert torch.equal(value, before[name])


@settings(max_examples=25)
@given(st.lists(st.integers(1, 4), min_size=4, max_size=4), st.integers(0, 2**16))
def test_weighted_loss_is_that_of_repeated_samples(repetitions, seed):
    generator = torch.Generator().manual_seed(seed)
    logits = torch.randn(4, 3, generator=generator, dtype=torch.float64)
    y = torch.randint(0, 3, (4,), generator=generator)
    weight = torch.tensor(repetitions, dtype=torch.float64)
    index = torch.repeat_interleave(torch.arange(4), torch.tensor(repetitions))
    weighted, plain = fit(data=make_data(weight=UNEVEN)), fit()
    torch.testing.assert_close(
        weighted.get_loss(logits, y, X={"x": None, "sample_weight": weight / weight.mean()}),
        plain.get_loss(logits[index], y[index], X=None),
    )


def test_a_criterion_that_cannot_weight_is_refused():
    net = fit(data=make_data(weight=UNEVEN))
    net.criterion_ = torch.nn.CrossEntropyLoss()
    with pytest.raises(ValueError, match=r"CrossEntropyLoss gives one loss for all; .*reduction='none'"):
        net.get_loss(torch.zeros(2, 3), torch.tensor([0, 1]), X={"x": None, "sample_weight": torch.ones(2)})


def test_scoring_callbacks_see_plain_labels_beside_weights():
    data = make_data(weight=UNEVEN)
    scoring = EpochScoring("accuracy", lower_is_better=False, on_train=True, name="train_acc")
    net = fit(data=data, net_params={"callbacks": [scoring]})
    assert 0 < net.history[-1, "train_acc"] <= 1


def test_weights_pull_the_prediction():
    X = np.zeros((2, 5))
    even = Problem.of(X, np.array([0, 1]), np.array([1.5, 1.5]))
    heavy = Problem.of(X, np.array([0, 1]), np.array([9.5, 9.5 / 9]))
    p_even, p_heavy = (predict(fit(data=d, max_epochs=60, label_smoothing=0.0), X[:1])[0] for d in (even, heavy))
    assert p_even[0] == pytest.approx(0.5, abs=0.05)
    assert p_heavy[0] == pytest.approx(0.9, abs=0.05)


class Recorder(Callback):
    def __init__(self):
        self.rates, self.sizes = [], []

    def on_batch_begin(self, net, batch=None, training=False, **kwargs):
        self.rates.append(net.optimizer_.param_groups[0]["lr"])
        self.sizes.append(len(batch[0]))


def test_learning_rate_rises_and_falls():
    recorder = Recorder()
    fit(max_epochs=10, net_params={"callbacks": [recorder]})
    rates = recorder.rates
    n_warm = len(rates) // 5
    assert len(rates) == 10 * 4
    assert max(rates) == pytest.approx(RECIPE["lr"])
    assert rates.index(max(rates)) in (n_warm - 1, n_warm)
    assert np.all(np.diff(rates[:n_warm]) > 0)
    assert np.all(np.diff(rates[n_warm:]) <= 0)
    assert 0 <= rates[-1] < 0.05 * RECIPE["lr"]
    assert set(recorder.sizes) == {7, 8}


@pytest.mark.parametrize("shape", [(1, 1), (2, 9), (1, 4, 4)])
def test_a_network_that_does_not_predict_has_diverged(shape):
    # Its loss is finite, for it is one of batches in single precision that have been normalised.
    X = np.random.default_rng(0).normal(size=(8, *shape))
    problem = Problem.of(X, np.array([1, 1, 1, 1, 0, 1, 1, 0]))
    trainer = Trainer.of(problem, Training(lr=1e9, max_epochs=1), 1, 4, "cpu")
    architecture = SPACES[len(shape) - 1].reference_architectures(4)[0]
    with pytest.raises(FloatingPointError, match=r"training diverged: .*; try a smaller lr \(now"):
        trainer.train(architecture, problem.everything, 0)


def test_masks_and_indices_of_an_operation_are_no_large_weights(monkeypatch):
    class Masked(torch.nn.Conv2d):
        def __init__(self, channels):
            super().__init__(channels, channels, 1)
            self.register_buffer("mask", torch.ones(channels, dtype=torch.bool))
            self.register_buffer("places", torch.arange(channels))

    monkeypatch.setitem(_REGISTRY, "masked", Operation("masked", Masked, 2))
    problem = Problem.of(np.random.default_rng(0).normal(size=(8, 1, 4, 4)), np.arange(8) % 2)
    trainer = Trainer.of(problem, Training(max_epochs=1), 1, 4, "cpu")
    net = trainer.train(Architecture([Cell(["masked"], [(0, 1)])]), problem.everything, 0)
    assert any(isinstance(module, Masked) for module in net.module_.modules())


def test_divergence_stops_at_once_and_says_so(untouched_generators):
    with pytest.raises(
        FloatingPointError, match=r"training diverged: the loss is (nan|inf) after epoch \d+; try a smaller lr"
    ):
        fit(max_epochs=50, lr=1e12)


def test_early_stopping_stops_and_keeps_the_best():
    X, y = make_arrays(n=60)
    wrong = Problem.of(X[:30], np.roll(y[:30], 1)).everything
    net = fit(data=Problem.of(X, y), held_out=wrong, early_stopping=2, max_epochs=50)
    losses = net.history[:, "valid_loss"]
    assert len(losses) < 50
    assert len(losses) - 1 - int(np.argmin(losses)) <= 2
    # Without held-out data there is nothing to look at.
    assert len(fit(early_stopping=2, max_epochs=5).history) == 5


def test_ctrl_c_is_not_taken_for_the_end_of_the_training(untouched_generators):
    def interrupted(X, generator):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fit(augment=interrupted)


def test_a_callback_may_end_the_training():
    # As skorch's own do.
    class Stop(Callback):
        def on_epoch_end(self, net, **kwargs):
            if len(net.history) == 3:
                raise KeyboardInterrupt

    net = fit(max_epochs=10, net_params={"callbacks": [Stop(), EarlyStopping("train_loss", patience=9)]})
    assert len(net.history) == 3
    assert not hasattr(net.callbacks[1][1], "schedule_"), "on_train_end was called"


def test_net_params_win():
    net = fit(
        net_params={
            "optimizer": torch.optim.AdamW,
            "optimizer__weight_decay": 0.25,
            "lr": 0.0125,
            "max_epochs": 1,
            "iterator_train": torch.utils.data.DataLoader,
            "batch_size": 5,
        }
    )
    assert isinstance(net.optimizer_, torch.optim.AdamW)
    assert net.optimizer_.param_groups[0]["weight_decay"] == 0.25
    assert net.lr == 0.0125
    assert len(net.history) == 1
    assert len(net.history[0, "batches"]) == 6


def test_weighted_data_through_torch_s_own_loader():
    data = make_data(weight=UNEVEN)
    net = fit(data=data, net_params={"iterator_train": torch.utils.data.DataLoader})
    assert math.isfinite(net.history[-1, "train_loss"])


def test_a_criterion_of_the_user():
    net = fit(net_params={"criterion": torch.nn.CrossEntropyLoss})
    assert type(net.criterion_) is torch.nn.CrossEntropyLoss


def test_the_module_is_not_the_user_s_to_set():
    with pytest.raises(ValueError, match=r"net_params cannot set 'module'"):
        fit(net_params={"module": torch.nn.Linear})


@pytest.mark.parametrize("n_spatial", SPACES)
def test_bfloat16_trains(n_spatial):
    net = fit(n_spatial, precision="bfloat16")
    assert math.isfinite(net.history[-1, "train_loss"])
    assert all(p.dtype == torch.float32 for p in net.module_.parameters())


def test_augmentation_is_for_training_only():
    seen = []

    def augment(X, generator):
        seen.append((X.dtype, tuple(X.shape[1:]), generator.initial_seed()))
        return X + torch.rand(X.shape, generator=generator)

    net = fit(2, augment=augment, seed=7)
    n_seen = len(seen)
    assert set(seen) == {(torch.float32, (1, 6, 6), 7)}
    predict(net, make_arrays(2)[0])
    assert len(seen) == n_seen == 2 * 4


def test_one_sample_for_each_class_is_enough():
    for n_spatial in SPACES:
        assert math.isfinite(fit(n_spatial, data=make_data(n_spatial, n=3)).history[-1, "train_loss"])


def test_integer_pixels():
    X = np.arange(3 * 36, dtype=np.uint8).reshape(3, 1, 6, 6)
    assert np.isfinite(predict(fit(2, data=Problem.of(X, np.arange(3))), X)).all()


def test_a_cell_through_which_nothing_passes_still_trains():
    net = fit(architecture=Architecture([Cell(["none"], [(0, 1)])]))
    assert np.ptp(predict(net, make_arrays()[0]), axis=0).max() < 1e-9


@pytest.mark.parametrize("n_spatial", SPACES)
def test_the_scale_of_the_input_does_not_matter(n_spatial):
    problem = make_data(n_spatial)
    X = problem.everything.X
    # The same rows in the same order: that of a problem depends on the values.
    far = replace(problem, everything=replace(problem.everything, X=X * 1024 + 4096))
    probabilities = predict(fit(n_spatial, data=problem), X)
    np.testing.assert_allclose(predict(fit(n_spatial, data=far), far.everything.X), probabilities, atol=5e-2)


@pytest.mark.parametrize("weight", [None, UNEVEN])
def test_the_loss_counts_a_second_classifier(weight):
    problem = make_data(2, weight=weight)
    samples = problem.everything
    net = fit(2, data=problem, max_epochs=1, net_params={"module__auxiliary_weight": 0.5})
    assert math.isfinite(net.history[-1, "train_loss"])
    net.module_.train()
    given = {"x": torch.from_numpy(samples.inputs())}
    relative = problem.loss_weight(samples)
    if relative is not None:
        given["sample_weight"] = torch.from_numpy(relative).float()
    logits = net.module_(given["x"])
    y = torch.from_numpy(samples.labels())
    both = net.get_loss(logits, y, given)
    first, second = (net.get_loss(each, y, given) for each in logits)
    torch.testing.assert_close(both, first + 0.5 * second)
    assert predict(net, samples.inputs()).shape == (30, 3)


def test_a_stratified_split_of_skorch():
    net = fit(net_params={"train_split": ValidSplit(5, stratified=True)})
    assert len(net.history[:, "valid_loss"]) == 2


def test_read_only_data_are_read_without_a_warning():
    X, y = make_arrays(2)
    X.flags.writeable = y.flags.writeable = False
    assert predict(fit(2, data=Problem.of(X, y)), X).shape == (30, 3)


def test_a_trained_net_holds_no_copy_of_the_data():
    X, y = make_arrays()
    assert X[0].tobytes() not in pickle.dumps(fit(data=Problem.of(X, y)))


def test_held_out_data_leave_with_the_training():
    problem = make_data()
    net = fit(data=problem, held_out=problem.everything.take(np.arange(10)), early_stopping=1)
    assert len(net.history[:, "valid_loss"]) >= 1
    assert net.train_split is None


@pytest.mark.parametrize("n_spatial", SPACES)
@pytest.mark.parametrize(
    "duplicate", [copy.deepcopy, lambda net: pickle.loads(pickle.dumps(net))], ids=["copy", "pickle"]
)
def test_copies_are_equal_and_hold_no_state_of_the_optimiser(n_spatial, duplicate, untouched_generators):
    net = fit(n_spatial, net_params={"criterion__weight": torch.tensor([1.0, 2.0, 3.0])})
    X, _ = make_arrays(n_spatial)
    copied = duplicate(net)
    assert type(copied) is type(net)
    assert copied.history == net.history
    assert copied.optimizer_.state_dict()["state"] == {}
    assert torch.equal(copied.criterion_.weight, net.criterion_.weight)
    np.testing.assert_array_equal(predict(copied, X), predict(net, X))
    np.testing.assert_array_equal(copied.predict_proba(X.astype(np.float32)), net.predict_proba(X.astype(np.float32)))
    # It is a net as any other, and can be trained further.
    copied.partial_fit(X.astype(np.float32), make_arrays(n_spatial)[1])
    assert len(copied.history) == 2 * len(net.history)


def test_a_net_that_is_not_trained_is_copied_as_it_is():
    net = fit()
    bare = pickle.loads(pickle.dumps(type(net)(**net.get_params(deep=False))))
    assert not bare.initialized_
    assert bare.get_params(deep=False).keys() == net.get_params(deep=False).keys()


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_net_of_a_gpu_opens_without_one():
    net = fit()
    state = net.__getstate__()
    for name in ("device", "iterator_train__device", "iterator_valid__device"):
        assert state["params"][name] == "cpu"
        state["params"][name] = "cuda"
    opened = type(net).__new__(type(net))
    with pytest.warns(DeviceWarning):
        opened.__setstate__(state)
    X = make_arrays()[0].astype(np.float32)
    np.testing.assert_array_equal(opened.predict_proba(X), net.predict_proba(X))


# What comes before the first weights


def minirocket(channels=2):
    space = SequenceSpace(stems=("minirocket_stem",))
    return space.sample(space.uniform(), 3, 0)


@pytest.mark.parametrize("weight", [None, UNEVEN])
def test_what_has_no_weights_is_computed_once(weight, monkeypatch):
    calls = []
    begin = MiniRocketStem.begin
    monkeypatch.setattr(MiniRocketStem, "begin", lambda stem, x: calls.append(len(x)) or begin(stem, x))
    data = make_data(1, weight=weight)
    X, _ = make_arrays(1)
    once = predict(fit(data=data, architecture=minirocket()), X)
    # A single sample tells how much memory it takes.
    assert calls == [1, 30, 30], "a look at one sample, the training, the prediction"
    monkeypatch.setattr("skopdist.training._nets._MOST_BEGUN", 0)
    again = predict(fit(data=data, architecture=minirocket()), X)
    assert len(calls) > 3 + 2 * 3, "too large to be kept, and computed for each batch"
    np.testing.assert_allclose(again, once, atol=1e-4)


def test_where_time_is_short_a_part_of_the_samples_is_trained_on(monkeypatch):
    monkeypatch.setattr("skopdist.training._nets._BEGUN_AT_ONCE", 8)
    problem = make_data(1)
    trainer = Trainer(problem, Training(**RECIPE), n_cells=1, channels=4, device="cpu", max_time=0.0)
    net = trainer.train(minirocket(), problem.everything, 0)
    assert net.history[0, "batches", 0, "train_batch_size"] == 8
    assert len(net.history) == 1
    later = replace(trainer, max_time=None).train(minirocket(), problem.everything, 0)
    assert sum(batch["train_batch_size"] for batch in later.history[0, "batches"]) == 30, "a part is not kept"


def test_what_has_no_weights_is_computed_once_for_all_trainings(monkeypatch):
    calls = []
    begin = MiniRocketStem.begin
    monkeypatch.setattr(MiniRocketStem, "begin", lambda stem, x: calls.append(len(x)) or begin(stem, x))
    problem = make_data(1).split(seed=0)
    trainer = Trainer(problem, Training(**RECIPE), n_cells=1, channels=4, device="cpu")
    trainer.train(minirocket(), problem.everything, 0)
    assert calls == [1, 30]
    later = trainer.train(minirocket(), problem.everything, 1)
    assert calls == [1, 30]
    alone = replace(trainer, beginnings=Beginnings()).train(minirocket(), problem.everything, 1)
    assert calls == [1, 30] * 2
    for name, value in alone.module_.state_dict().items():
        torch.testing.assert_close(later.module_.state_dict()[name], value, rtol=0, atol=0)
    trainer.train(minirocket(), problem.training, 0)
    assert calls == [1, 30] * 2 + [1, len(problem.training)], "other rows"


@pytest.mark.parametrize(
    "changes",
    [
        {"net_params": {"callbacks": [EpochScoring("accuracy", on_train=True, lower_is_better=False)]}},
        {"early_stopping": 2},
    ],
)
def test_those_who_look_at_the_samples_find_them_as_they_are(changes):
    data = make_data(1)
    net = fit(data=data, architecture=minirocket(), held_out=data.everything, **changes)
    assert np.isfinite(net.history[:, "train_loss"]).all()


def test_the_time_of_what_is_computed_once_is_not_multiplied(monkeypatch):
    now = [0.0]
    monkeypatch.setattr("skopdist.training._nets.time.monotonic", lambda: now[0])
    begin = MiniRocketStem.begin

    def slow(stem, x):
        now[0] += 10.0
        return begin(stem, x)

    monkeypatch.setattr(MiniRocketStem, "begin", slow)
    problem = make_data(1)
    trainer = Trainer(problem, Training(**RECIPE | {"max_epochs": 50}), n_cells=1, channels=4, device="cpu")
    assert trainer.seconds_for(minirocket(), problem.everything, 0, 1e9) == 20.0


@pytest.fixture(scope="module")
def sized():
    """An architecture for iris with settings."""
    space = DenseSpace(stems=())
    return replace(
        space.reference_architectures()[0],
        settings={
            "channels": 24,
            "n_cells": 2,
            "lr": 0.02,
            "weight_decay": 0.3,
            "label_smoothing": 0.2,
            "batch_size": 50,
        },
    )


def flat_trainer(iris, **settings):
    return Trainer.of(Problem.of(*iris), Training(max_epochs=2, **settings), 1, 8, "cpu")


def test_settings_take_the_place_of_the_trainer_s(iris, sized):
    trainer = flat_trainer(iris)
    rows = trainer.problem.everything
    net = trainer.train(sized, rows, 0)
    alike = Trainer.of(
        trainer.problem,
        Training(max_epochs=2, lr=0.02, weight_decay=0.3, label_smoothing=0.2, batch_size=50),
        n_cells=2,
        channels=24,
        device="cpu",
    ).train(replace(sized, settings=()), rows, 0)
    for name, tensor in alike.module_.state_dict().items():
        assert torch.equal(net.module_.state_dict()[name], tensor)
    assert len(net.module_.cells) == 2
    assert net.module_.classify.in_features == 24
    assert (net.optimizer_.defaults["lr"], net.optimizer_.defaults["weight_decay"]) == (0.02, 0.3)
    assert net.criterion_.label_smoothing == 0.2
    assert (trainer.channels, trainer.n_cells, trainer.training.lr) == (8, 1, 0.05)


def test_drop_path_is_a_setting(iris, sized):
    trainer = flat_trainer(iris)
    dropping = replace(sized, settings={"drop_path": 0.4})
    assert trainer.train(dropping, trainer.problem.everything, 0).module_.cells[0].drop.probability == 0.4
    rows = [trainer.problem.everything] * 2
    assert trainer.groups([dropping] * 2, rows) == [[0], [1]]


def test_networks_of_equal_settings_train_together(iris, sized):
    trainer = flat_trainer(iris)
    rows = trainer.problem.everything
    other = replace(sized, settings={"lr": 0.05, "channels": 8})
    architectures = [sized, other, sized, replace(sized, settings=())]
    assert trainer.groups(architectures, [rows] * 4) == [[0, 2], [1], [3]]
    nets = trainer.train_many(architectures, [rows] * 4, [0, 1, 2, 3])
    for net, architecture, seed in zip(nets, architectures, range(4), strict=True):
        alone = trainer.train(architecture, rows, seed)
        for name, tensor in alone.module_.state_dict().items():
            torch.testing.assert_close(net.module_.state_dict()[name], tensor, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ({"lr": 0.1}, "lr"),
        ({"module__channels": 4}, "channels"),
        ({"optimizer__weight_decay": 0.1}, "weight_decay"),
        ({"criterion": torch.nn.MultiMarginLoss}, "label_smoothing"),
    ],
)
def test_settings_that_net_params_would_undo(iris, sized, given, name):
    settings = {"lr": 0.1, "channels": 4, "weight_decay": 0.1, "label_smoothing": 0.1}
    architecture = replace(sized, settings={name: settings[name]})
    trainer = flat_trainer(iris, net_params=given)
    with pytest.raises(ValueError, match=f"The setting '{name}' of an architecture would have no effect"):
        trainer.train(architecture, trainer.problem.everything, 0)


# A rehearsal


def rehearse(**changes):
    trainer = Trainer(make_data(), Training(**(RECIPE | changes)), n_cells=2, channels=4, device="cpu")
    trainer.rehearse(make_architecture(), 0)


@pytest.mark.parametrize(
    "changes",
    [
        {"net_params": {"a": 1}},
        {"net_params": {"optimizer__nope": 1}},
        {"net_params": {"optimizer__momentum": "x"}},
        {"net_params": {"criterion": torch.nn.MSELoss}},
        {"net_params": {"criterion__weight": [1, 2]}},
        {"net_params": {"train_split": 3}},
        {"net_params": {"module__x": 1}},
        {"net_params": {"iterator_train": int}},
        {"optimizer": torch.optim.SparseAdam},
        {"optimizer": torch.optim.Optimizer},
        {"augment": lambda X: X},
        {"augment": lambda X, generator: None},
        {"augment": lambda X, generator: X[:1]},
    ],
)
def test_a_recipe_that_cannot_work_is_refused(changes, untouched_generators):
    (name,) = changes
    with pytest.raises(
        ValueError, match=rf"Networks cannot be trained with {name}=.*: a first step fails \(\w+: .*Change"
    ):
        rehearse(**changes)


class Counting(Callback):
    """Counts the trainings that it sees."""

    def __init__(self, seen):
        self.seen = seen

    def on_train_begin(self, net, X=None, y=None, **kwargs):
        self.seen.append(1)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"optimizer": torch.optim.Rprop},
        {"optimizer": torch.optim.LBFGS},
        {"optimizer": torch.optim.NAdam},
        {"net_params": {"train_split": ValidSplit(5, stratified=True)}},
        {"net_params": {"batch_size": -1, "verbose": 1}},
        # Divergence depends on the data, and is for the trials to show.
        {"net_params": {"lr": 1e30}},
        {"augment": lambda X, generator: X.double()},
    ],
)
def test_a_recipe_that_works_is_not_refused(changes, untouched_generators, capsys):
    rehearse(**changes)
    assert not capsys.readouterr().out


def test_a_rehearsal_shows_itself_to_no_callback():
    seen = []
    rehearse(net_params={"callbacks": [("counting", Counting(seen))], "callbacks__counting__seen": seen})
    assert not seen


def test_a_network_that_fails_by_itself_is_for_the_trials(monkeypatch):
    def broken(self, *args, **kwargs):
        raise RuntimeError("this network is broken")

    monkeypatch.setattr("skopdist.networks.Network.forward", broken)
    rehearse(optimizer=torch.optim.NAdam)


@pytest.mark.parametrize("optimizer", [torch.optim.Rprop, torch.optim.LBFGS])
def test_an_optimizer_without_weight_decay_trains(optimizer):
    assert math.isfinite(fit(optimizer=optimizer).history[-1]["train_loss"])
    with pytest.raises(
        ValueError, match=rf"The optimizer {optimizer.__name__} has no weight decay, got .*=0\.1; leave"
    ):
        Training(optimizer=optimizer, weight_decay=0.1).check()


# Threads


@pytest.mark.parametrize("n_spatial", SPACES)
def test_what_other_threads_draw_does_not_matter(n_spatial):
    expected = fit(n_spatial, max_epochs=1).module_.state_dict()
    with drawing_all_the_time():
        found = fit(n_spatial, max_epochs=1).module_.state_dict()
    for name, tensor in expected.items():
        assert torch.equal(tensor, found[name]), name
