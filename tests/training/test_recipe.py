"""Tests of the description of a training."""

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.datasets import load_digits
from skorch.dataset import ValidSplit

from skopdist.problem import Problem
from skopdist.spaces import DenseSpace
from skopdist.training import Trainer, Training


def test_stores_what_it_is_given_and_clones():
    training = Training(lr=0.5, net_params={"verbose": 0})
    assert clone(training).get_params() == training.get_params()
    assert repr(training) == "Training(lr=0.5, net_params={'verbose': 0})"


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        (
            {"max_epochs": 0},
            r"'max_epochs' parameter of Training must be an int in the range \[1, inf\) or None. Got 0",
        ),
        ({"max_epochs": "many"}, r"'max_epochs' .*Got 'many'"),
        ({"batch_size": 1.5}, r"'batch_size' .*Got 1.5"),
        ({"early_stopping": -1}, r"'early_stopping' .*Got -1"),
        ({"lr": 0}, r"'lr' .*Got 0"),
        ({"lr": np.nan}, r"'lr' .*Got nan"),
        ({"label_smoothing": 1}, r"'label_smoothing' .*\[0.0, 1.0\).*Got 1"),
        ({"weight_decay": -1}, r"'weight_decay' .*Got -1"),
        ({"optimizer": "lion"}, r"'optimizer' .*a class such as torch.optim.Adam.*Got 'lion'"),
        ({"augment": "twirl"}, r"'augment' .*Got 'twirl'"),
        ({"test_time": "twirl"}, r"'test_time' .*Got 'twirl'"),
        ({"precision": "int4"}, r"'precision' .*Got 'int4'"),
        ({"optimizer": int}, r"optimizer must be 'sgd', 'adamw' or a class of torch.optim, got <class 'int'>"),
        ({"net_params": ["lr"]}, r"'net_params' .*Got \['lr'\]"),
        ({"net_params": {"module": torch.nn.Linear}}, r"net_params cannot set 'module'"),
    ],
)
def test_says_what_is_wrong(parameters, message):
    with pytest.raises(ValueError, match=message):
        Training(**parameters).check()


def test_augmentation_of_images_is_for_images():
    problem = Problem.of(np.arange(6.0)[:, None], np.arange(6) % 2)
    with pytest.raises(ValueError, match=r"augment='shift' is for images.*use 'auto' or None"):
        Trainer(problem, Training(augment="shift"), 1, 4, "cpu")


def test_views_are_of_images():
    problem = Problem.of(np.arange(6.0)[:, None], np.arange(6) % 2)
    with pytest.raises(ValueError, match=r"test_time='shift' is for images.*have 0 spatial dimensions; use None"):
        Trainer(problem, Training(test_time="shift"), 1, 4, "cpu")


@pytest.mark.parametrize(("augment", "expected"), [("auto", "shift_flip"), ("shift", "shift"), (None, None)])
def test_images_decide_whether_they_are_mirrored(augment, expected):
    rng = np.random.default_rng(0)
    y = np.arange(80) % 2
    X = rng.normal(size=(2, 1, 6, 6))[y] + 0.1 * rng.normal(size=(80, 1, 6, 6))
    either_way = np.where(np.arange(80)[:, None, None, None] % 4 < 2, X, X[..., ::-1])
    training = Training(augment=augment)
    trainer = Trainer(Problem.of(either_way, y), training, 1, 4, "cpu")
    assert trainer.training.augment == expected
    assert training.augment == augment
    if augment == "auto":
        X, y = load_digits(return_X_y=True)
        digits = Problem.of(X[:100].reshape(-1, 1, 8, 8), y[:100])
        assert Trainer(digits, training, 1, 4, "cpu").training.augment == "shift"
        # Once decided, it stays.
        assert Trainer(digits, trainer.training, 1, 4, "cpu").training.augment == "shift_flip"


@pytest.mark.parametrize(
    ("optimizer", "n_spatial", "expected"),
    [
        ("sgd", 0, (0.05, 0.005, 0.02)),
        ("sgd", 1, (0.1, 0.0005, 0.1)),
        ("sgd", 2, (0.1, 0.0005, 0.1)),
        ("adamw", 0, (0.003, 0.01, 0.02)),
        (torch.optim.Adam, 0, (0.003, 0.0005, 0.02)),
    ],
)
def test_none_takes_what_is_good_for_the_kind_of_data(optimizer, n_spatial, expected):
    training = Training(optimizer=optimizer)
    resolved = training.for_data(40, n_spatial)
    lr = resolved.optimizer_params()["lr"]
    assert (lr, resolved.weight_decay, resolved.label_smoothing) == expected
    assert resolved.for_data(40, n_spatial).get_params() == resolved.get_params()
    # What the user holds stays as it is.
    assert training.weight_decay is None


def test_an_optimizer_of_skorch_s_arguments_keeps_its_learning_rate():
    recipe = Training(net_params={"optimizer": torch.optim.Adam}).for_data(40, 0)
    assert recipe.optimizer_params() == {"optimizer": torch.optim.Adam, "lr": 0.003, "optimizer__fused": True}


def test_what_is_given_is_taken():
    given = {"lr": 0.5, "weight_decay": 0.0, "label_smoothing": 0.2, "optimizer": "adamw", "max_epochs": 7}
    assert Training(**given).for_data(40, 0).get_params() == Training(**given).get_params()


@pytest.mark.parametrize("shape", [(1,), (1, 5)], ids=len)
def test_a_trainer_resolves_its_recipe(shape):
    problem = Problem.of(np.arange(40.0).reshape(-1, *shape), np.arange(40 // np.prod(shape)) % 2)
    recipe = Training()
    expected = recipe.for_data(40, len(shape) - 1).get_params()
    assert Trainer(problem, recipe, 1, 4, "cpu").training.get_params() == expected
    assert recipe.weight_decay is None


@pytest.mark.parametrize(("n", "expected"), [(10, 10), (100, 16), (1000, 62), (4096, 128), (50_000, 128)])
def test_batches_grow_with_the_data(n, expected):
    assert Training().batch_size_for(n, 2) == expected
    assert Training().batch_size_for(n, 0) == (expected if n < 5000 else 512)
    assert Training().batch_size_for(n, 1) == min(n, {10: 10, 100: 25, 1000: 125}.get(n, 128))
    assert Training(batch_size=30).batch_size_for(n, 1) == min(n, 30)


def test_steps_grow_with_the_batches_of_large_tables():
    rates = {n: Training().for_data(n, 0).lr for n in (100, 4096, 8192, 16_384, 10**6)}
    assert rates == pytest.approx({100: 0.05, 4096: 0.05, 8192: 0.05 * 2**0.5, 16_384: 0.1, 10**6: 0.1})
    assert Training(batch_size=100).for_data(10**6, 0).lr == 0.05
    assert Training(batch_size=512).for_data(10**6, 2).optimizer_params()["lr"] == 0.1
    assert Training(lr=0.01).for_data(10**6, 0).lr == 0.01


@pytest.mark.parametrize(
    ("training", "expected"),
    [
        (Training(optimizer="sgd"), {"optimizer": torch.optim.SGD, "lr": 0.1, "optimizer__weight_decay": 5e-4}),
        (Training(optimizer="adamw"), {"optimizer": torch.optim.AdamW, "lr": 0.003, "optimizer__weight_decay": 1e-2}),
        (Training(optimizer="sgd", weight_decay=0.25), {"lr": 0.1, "optimizer__weight_decay": 0.25}),
        (Training(optimizer=torch.optim.AdamW, lr=0.5), {"optimizer": torch.optim.AdamW, "lr": 0.5}),
        # Another optimiser than ours does not keep our learning rate.
        (Training(net_params={"optimizer": torch.optim.AdamW}), {"optimizer": torch.optim.AdamW, "lr": 0.003}),
        (Training(net_params={"optimizer": torch.optim.RMSprop}), {"optimizer": torch.optim.RMSprop}),
        (Training(net_params={"lr": 0.25}), {"lr": 0.25}),
    ],
    ids=str,
)
def test_the_learning_rate_is_that_of_the_optimizer(training, expected):
    training = training.for_data(40, 2)
    params = training.optimizer_params()
    assert {name: params.get(name) for name in expected} == expected
    if "lr" not in expected:
        assert "lr" not in params
    assert isinstance(training.make_optimizer([torch.nn.Parameter(torch.ones(1))]), expected.get("optimizer", object))


def test_defaults_are_those_of_the_kind_of_data():
    assert [Training().for_data(40, n).max_epochs for n in (0, 1, 2)] == [20, 40, 20]
    assert [Training().for_data(40, n).optimizer for n in (0, 1, 2)] == ["sgd", "adamw", "sgd"]
    assert Training(optimizer="sgd", max_epochs=3).for_data(40, 1).get_params() == {
        **Training().get_params(),
        "optimizer": "sgd",
        "max_epochs": 3,
        "weight_decay": 5e-4,
        "label_smoothing": 0.1,
    }
    assert Training().for_data(40, 1).with_share(0.25).n_epochs == 10


def test_callbacks_stay_those_of_the_user():
    callback = object()
    assert Training(net_params={"callbacks": [callback]}).for_data(40, 1).callbacks[0] is callback


def test_what_depends_on_the_data_is_not_guessed():
    with pytest.raises(ValueError, match=r"max_epochs is None, so it depends on the data; ask .* for_data\(\)"):
        Training().with_share(0.5)
    with pytest.raises(ValueError, match=r"optimizer is None, so it depends on the data; ask .* for_data\(\)"):
        Training().optimizer_params()


@pytest.mark.parametrize(
    ("net_params", "message"),
    [
        ({"batch_size": 0}, r"net_params\['batch_size'\] must be an integer >= 1, got 0"),
        ({"batch_size": 2.5}, r"net_params\['batch_size'\] .* got 2\.5"),
        ({"callbacks": 7}, r"net_params\['callbacks'\] must be a list of callbacks, 'disable' or None, got 7"),
        ({"lr": -1}, r"net_params\['lr'\].* parameter of Training must be a float in the range \(0.* Got -1"),
        ({"lr": "high"}, r"net_params\['lr'\].* Got 'high'"),
        ({"lr": np.nan}, r"net_params\['lr'\].* Got nan"),
        ({"lr": None}, r"net_params\['lr'\].* Got None"),
        ({"max_epochs": 0}, r"net_params\['max_epochs'\].* Got 0"),
        ({"max_epochs": 1.5}, r"net_params\['max_epochs'\].* Got 1\.5"),
        ({"max_epochs": None}, r"net_params\['max_epochs'\].* Got None"),
        ({"optimizer": "sgd"}, r"net_params\['optimizer'\] must be a class such as torch\.optim\.Adam, got 'sgd'"),
        ({"optimizer": None}, r"net_params\['optimizer'\] must be a class .* got None"),
        ({"optimizer": 3}, r"net_params\['optimizer'\] must be a class .* got 3"),
        ({"criterion": "mse"}, r"net_params\['criterion'\] must be a class such as torch\.nn\.CrossEnt.* got 'mse'"),
        ({"callbacks": [7]}, r"net_params\['callbacks'\] must hold callbacks of skorch, alone or .*, got 7"),
        ({"callbacks": [("mine", 7)]}, r"net_params\['callbacks'\] must hold callbacks of skorch, .*, got 7"),
        ({"callbacks": [None]}, r"net_params\['callbacks'\] must hold callbacks of skorch, .*, got None"),
        ({"module__n_classes": 9}, r"net_params cannot set 'module__n_classes': it is that of the data\."),
        ({"module__architecture": None}, r"net_params cannot set 'module__architecture': the network is built from"),
        ({"module__precision": "bfloat16"}, r"net_params cannot set 'module__precision': set 'precision' of Training"),
        ({"module__views": "shift"}, r"net_params cannot set 'module__views': set 'test_time' of Training"),
        ({"classes": [0, 1]}, r"net_params cannot set 'classes': they are those of y"),
        ({"dataset": list}, r"net_params cannot set 'dataset': samples are prepared once"),
        ({"dataset__length": 3}, r"net_params cannot set 'dataset__length': samples are prepared once"),
        ({"device": "cpu"}, r"net_params cannot set 'device': set 'device' of the classifier or evaluator"),
        (
            {"predict_nonlinearity": None},
            r"net_params cannot set 'predict_nonlinearity': probabilities are the soft",
        ),
        ({"warm_start": True}, r"net_params cannot set 'warm_start': set 'warm_start' of the classifier"),
        ({"iterator_valid": list}, r"net_params cannot set 'iterator_valid': nothing is validated while"),
        (
            {"iterator_valid__batch_size": 3, "train_split": None},
            r"cannot set 'iterator_valid__batch_size': nothing is",
        ),
        (
            {"criterion": torch.nn.NLLLoss},
            r"net_params\['criterion'\] must take logits, .* logarithms of prob",
        ),
        ({1: 2}, r"net_params must name arguments of skorch.NeuralNetClassifier, got 1"),
    ],
)
def test_arguments_of_skorch_that_cannot_be(net_params, message):
    with pytest.raises(ValueError, match=message):
        Training(net_params=net_params).check()


@pytest.mark.parametrize(
    "training",
    [
        Training(early_stopping=3, net_params={"iterator_valid__batch_size": 3}),
        Training(net_params={"iterator_valid": torch.utils.data.DataLoader, "train_split": ValidSplit(3)}),
    ],
)
def test_what_validates_while_training_may_have_batches(training):
    training.check()


@pytest.mark.parametrize("net_params", [{"callbacks": None}, {"callbacks": "disable"}, {"batch_size": -1}])
def test_arguments_that_mean_something_to_skorch(net_params):
    problem = Problem.of(np.arange(40.0)[:, None], np.arange(40) % 2).split(seed=0)
    architecture = DenseSpace().sample(DenseSpace().uniform(), random_state=0)
    trainer = Trainer(problem, Training(max_epochs=1, net_params=net_params), 1, 4, "cpu")
    assert len(trainer.train(architecture, problem.training, 0).history) == 1
