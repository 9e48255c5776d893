"""What is drawn while a network is trained does not depend on who else draws."""

import numpy as np
import pytest
import torch
from drawing import drawing_all_the_time
from skorch.callbacks import Callback
from torch import nn
from torch.utils._python_dispatch import _get_current_dispatch_mode
from torch.utils.data import DataLoader

from skopdist import OpDistNASClassifier
from skopdist.operations import register_operation
from skopdist.problem import Problem
from skopdist.spaces import DenseSpace, ImageSpace, SequenceSpace
from skopdist.strategies import DifferentiableSearch
from skopdist.training import Trainer, Training
from skopdist.training._drawing import drawing_from

SPACES = {0: DenseSpace, 1: SequenceSpace, 2: ImageSpace}
SHAPES = {0: (5,), 1: (2, 9), 2: (1, 6, 6)}
MAKERS = {
    (0, "dropout"): lambda channels: nn.Sequential(nn.Linear(channels, channels), nn.Dropout(0.5)),
    (0, "alpha"): lambda channels: nn.AlphaDropout(0.3),
    (0, "rrelu"): lambda channels: nn.RReLU(),
    (1, "dropout"): lambda channels: nn.Dropout1d(0.5),
    (1, "feature"): lambda channels: nn.FeatureAlphaDropout(0.3),
    (2, "dropout"): lambda channels: nn.Sequential(nn.Conv2d(channels, channels, 1), nn.Dropout2d(0.5)),
}
for (n_dims, kind), maker in MAKERS.items():
    register_operation(f"drawing_{kind}_{n_dims}", n_spatial=n_dims)(maker)


class Meddling(Callback):
    """Draws from the global generator at each step, as another thread might."""

    def __init__(self, seed):
        self.seed = seed

    def on_batch_begin(self, net, **kwargs):
        torch.manual_seed(self.seed + len(net.history))


def make_data(n_spatial):
    rng = np.random.default_rng(0)
    y = np.arange(30) % 3
    X = rng.normal(size=(30, *SHAPES[n_spatial])) + rng.normal(size=(3, *SHAPES[n_spatial]))[y]
    return X.astype(np.float32), y


def weights(meddling_seed, space, augment="auto", **net_params):
    """Train a network while the global generator has numbers of another seed, and return its weights."""
    problem = Problem.of(*make_data(space.n_spatial))
    net_params["callbacks"] = [Meddling(meddling_seed)]
    training = Training(max_epochs=2, batch_size=8, augment=augment, net_params=net_params)
    trainer = Trainer(problem, training, n_cells=2, channels=8, device="cpu")
    net = trainer.train(space.sample(space.uniform(), random_state=0), problem.everything, 0)
    return torch.cat([tensor.flatten() for tensor in net.module_.state_dict().values()])


def assert_independent(space, **params):
    assert torch.equal(weights(1, space, **params), weights(2, space, **params))


@pytest.mark.parametrize(("n_spatial", "kind"), MAKERS)
def test_operations_that_draw(n_spatial, kind):
    assert_independent(SPACES[n_spatial](operations=(f"drawing_{kind}_{n_spatial}",), stems=()))


@pytest.mark.parametrize("n_spatial", SPACES)
def test_drop_path(n_spatial):
    assert_independent(SPACES[n_spatial](), module__drop_path=0.3)


@pytest.mark.parametrize("stem", ["mirror_conv_stem", "mirror_whitening_stem"])
@pytest.mark.parametrize("augment", [None, "shift_flip"])
def test_mirroring(stem, augment):
    assert_independent(ImageSpace(stems=(stem,)), augment=augment)


@pytest.mark.parametrize("n_spatial", SPACES)
def test_the_order_of_the_loader_of_torch(n_spatial):
    assert_independent(SPACES[n_spatial](), iterator_train=DataLoader)


def test_the_loader_of_torch_may_have_a_generator():
    found = [
        weights(
            1,
            DenseSpace(),
            iterator_train=DataLoader,
            iterator_train__generator=torch.Generator().manual_seed(seed),
        )
        for seed in (3, 3, 4)
    ]
    assert torch.equal(found[0], found[1])
    assert not torch.equal(found[0], found[2])


def test_draws_differ_from_step_to_step_and_by_the_seed():
    x = torch.ones(40)
    network = nn.Sequential(nn.Dropout(0.5))
    found = []
    for seed in (1, 1, 2):
        with drawing_from(network, seed):
            found += [network(x), network(x)]
    assert torch.equal(torch.stack(found[:2]), torch.stack(found[2:4]))
    assert len({tuple(each.tolist()) for each in found}) == 4


class Failing(nn.Dropout):
    def __init__(self, error):
        super().__init__()
        self.error = error

    def forward(self, x):
        raise self.error


@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError])
def test_nothing_is_left_of_it_after_an_error(error):
    module = Failing(error)
    with pytest.raises(error), drawing_from(module, 0):
        module(torch.ones(3))
    assert _get_current_dispatch_mode() is None
    assert not module._forward_hooks
    assert not module._forward_pre_hooks


def test_hooks_of_others_may_fail_first():
    module = nn.Dropout(0.5)

    def fail(*_):
        raise ValueError("of another one")

    module.register_forward_pre_hook(fail)
    with drawing_from(module, 0), pytest.raises(ValueError, match=r"of another one"):
        module(torch.ones(3))
    assert _get_current_dispatch_mode() is None


@pytest.mark.parametrize("strategy", [None, DifferentiableSearch(n_warmup=1)], ids=["default", "differentiable"])
@pytest.mark.parametrize("n_spatial", SPACES)
def test_equal_fits_beside_threads_that_draw(n_spatial, strategy):
    X, y = make_data(n_spatial)
    stems = {0: ("linear_stem",), 1: (), 2: ("mirror_conv_stem",)}[n_spatial]
    space = SPACES[n_spatial](operations=("skip_connect", f"drawing_dropout_{n_spatial}"), stems=stems)

    def probabilities():
        clf = OpDistNASClassifier(
            strategy,
            search_space=space,
            n_trials=2,
            max_epochs=2,
            n_cells=1,
            channels=8,
            training=Training(net_params={"module__drop_path": 0.2}),
            device="cpu",
            random_state=0,
        )
        return clf.fit(X, y).predict_proba(X)

    expected = probabilities()
    with drawing_all_the_time():
        found = probabilities()
    np.testing.assert_array_equal(found, expected)
