"""The contracts pass what is sound, elsewhere in these tests; here they catch what is not."""

import numpy as np
import pytest
import torch
from plugins import Misbehaving
from torch import nn

from skopdist.encodings import DistributionEncoding
from skopdist.evaluators._base import Outcome
from skopdist.operations import _registry, register_operation
from skopdist.spaces import DenseSpace
from skopdist.strategies import RandomSearch
from skopdist.testing import check_encoding, check_evaluator, check_operation, check_space, check_strategy


def halves(channels):
    return nn.Linear(channels, -(-channels // 2))


def closed(channels):
    return nn.Threshold(1e9, 0.0)


class Detached(nn.Module):
    def forward(self, x):
        return x.detach() + torch.ones(1, requires_grad=True)


class Grows(nn.Module):
    def forward(self, x):
        return x / 0


@pytest.mark.parametrize(
    ("factory", "settings", "message"),
    [
        (halves, {}, r"must map \(3, 6\) to \(3, 6\), got \(3, 3\)"),
        (closed, {}, r"is_zero is False, but it gave nothing but zeros"),
        (lambda channels: nn.ReLU(), {"is_zero": True}, r"is_zero is True, but it gave"),
        (lambda channels: nn.Tanh(), {"is_identity": True}, r"is_identity is True, but it changes its input"),
        (lambda channels: Detached(), {}, r"passes no gradient on to its input"),
        (lambda channels: Grows(), {}, r"gave values that are not finite"),
        (lambda channels: nn.BatchNorm1d(channels), {}, None),
    ],
)
def test_operations_that_break_the_contract(factory, settings, message, monkeypatch):
    monkeypatch.setattr(_registry, "_REGISTRY", dict(_registry._REGISTRY))
    register_operation("test_contract", n_spatial=0, **settings)(factory)
    if message is None:
        check_operation("test_contract")
    else:
        with pytest.raises(AssertionError, match=message):
            check_operation("test_contract")


def test_an_operation_on_any_data_is_checked_on_all(monkeypatch):
    monkeypatch.setattr(_registry, "_REGISTRY", dict(_registry._REGISTRY))
    register_operation("test_contract")(lambda channels: nn.BatchNorm1d(channels))
    with pytest.raises(ValueError, match=r"expected 2D or 3D input"):
        check_operation("test_contract")


class Unordered(DenseSpace):
    def _sample_wiring(self, length, rng):
        return tuple(reversed(super()._sample_wiring(length, rng)))


class OneShort(DenseSpace):
    def _sample_wiring(self, length, rng):
        return self._potential_edges(length)

    def _is_wiring(self, edges, length):
        return False


class Forgetful(DenseSpace):
    def __init__(self, operations=None):
        self.operations = None if operations is None else list(operations)


class ForgetfulReferences(DenseSpace):
    def reference_architectures(self, length=None):
        return (self.sample(self.uniform(), length),)


class OtherReferences(DenseSpace):
    def reference_architectures(self, length=None):
        return super().reference_architectures(length + 1)


def test_spaces_that_break_the_contract():
    with pytest.raises(AssertionError, match=r"reference_architectures\(6\) gave others when it was called again"):
        check_space(ForgetfulReferences(), lengths=[6])
    with pytest.raises(AssertionError, match=r"reference_architectures\(3\) gave .* of length 4"):
        check_space(OtherReferences(), lengths=[3])
    with pytest.raises(AssertionError, match=r"not in the order of potential_edges"):
        check_space(Unordered(), lengths=[3])
    with pytest.raises(AssertionError, match=r"which is_wiring\(\) refuses"):
        check_space(OneShort(), lengths=[3])
    with pytest.raises((AssertionError, RuntimeError), match=r"constructor"):
        check_space(Forgetful(["skip_connect", "linear_relu"]), lengths=[3])


class Lossy(DistributionEncoding):
    def _encode(self, architecture):
        return np.round(super()._encode(architecture), 1)


class SelfNeighbour(DistributionEncoding):
    def _neighbours(self, point, rng):
        yield from super()._neighbours(point, rng)
        yield point


class Shrinking(DistributionEncoding):
    def _neighbours(self, point, rng):
        neighbours = list(super()._neighbours(point, rng))
        return iter(neighbours + neighbours[:1])


def test_encodings_that_break_the_contract():
    with pytest.raises((AssertionError, ValueError)):
        check_encoding(Lossy())
    with pytest.raises(AssertionError, match=r"The point itself is among its neighbours"):
        check_encoding(SelfNeighbour())
    with pytest.raises(AssertionError, match=r"1 of \d+ neighbours are repeated"):
        check_encoding(Shrinking())


class UsesGlobalGenerator(RandomSearch):
    def _suggest(self, n):
        np.random.rand()  # noqa: NPY002
        return super()._suggest(n)


class Unseeded(RandomSearch):
    def _suggest(self, n):
        self.rng_ = np.random.default_rng()
        return super()._suggest(n)


class TooMany(RandomSearch):
    def _suggest(self, n):
        return super()._suggest(n + 1)


class Repeats(RandomSearch):
    learns_from_trials = True

    def _suggest(self, n):
        return super()._suggest(1) * n


class Stubborn(RandomSearch):
    def _suggest(self, n):
        return super()._suggest(1) * n

    def _start(self):
        self.rng_ = np.random.default_rng(0)


class Hasty(RandomSearch):
    def _suggest(self, n):
        return super()._suggest(n)[::-1]


class Forgets(RandomSearch):
    def _start(self):
        super()._start()
        self.prior_counts_ = 0 * self.prior_counts_


class AllAtOnce(RandomSearch):
    def _suggest(self, n):
        points = super()._suggest(4)
        self.rng_ = np.random.default_rng(len(points))
        return points[:n]


class Careless(RandomSearch):
    def _finish(self):
        self.trials_ = []


class ExpectsScores(RandomSearch):
    def _observe(self, trials):
        assert all(trial.score == trial.score for trial in trials), "a NaN came"


class ExpectsItsOwn(RandomSearch):
    n_suggested = 0

    def _suggest(self, n):
        self.n_suggested += n
        return super()._suggest(n)

    def _observe(self, trials):
        assert len(self.trials_) <= self.n_suggested, "a trial came that was not suggested"


@pytest.mark.parametrize(
    ("strategy", "message"),
    [
        (UsesGlobalGenerator(), r"numpy's global generator was used"),
        (Unseeded(), r"The points suggested 1 at a time for one seed must be"),
        (TooMany(), r"gave 2 points, more than it was asked for"),
        (Repeats(), r"suggest\(4\) repeats points"),
        (Stubborn(), r"Three seeds gave the same points"),
        (Hasty(), r"After 0 trials, suggest\(2\) beside the first of suggest\(4\) must be"),
        (Forgets(), r"A prior that holds only 'avg_pool_3x3' must move the first suggestions there"),
        (AllAtOnce(), r"The points of suggest\(1\) and suggest\(3\), beside those of suggest\(4\), must be"),
        (Careless(), r"finish\(\) must keep the trials"),
        (ExpectsScores(), r"a NaN came"),
        (ExpectsItsOwn(), r"a trial came that was not suggested"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_strategies_that_break_the_contract(strategy, message):
    with pytest.raises(AssertionError, match=message):
        check_strategy(strategy)


def test_a_strategy_that_hangs_is_found(monkeypatch):
    from skopdist.testing import _strategies

    class Hangs(RandomSearch):
        def _suggest(self, n):
            while len(self.encoding_.space_.operation_names) == 2 and not stop:
                pass
            return super()._suggest(n)

    import sys

    stop = []
    monkeypatch.setattr(_strategies, "_PATIENCE", 0.2)
    monkeypatch.setattr(sys.modules[__name__], "Hangs", Hangs, raising=False)
    Hangs.__qualname__ = "Hangs"
    with pytest.raises(AssertionError, match=r"did not come back within"):
        check_strategy(Hangs())
    stop.append(True)


class Noisy(Misbehaving):
    def _evaluate(self, architecture, mixture, seed):
        return Outcome(float(np.random.default_rng().random()), 1.0)


class Negative(Misbehaving):
    def _evaluate(self, architecture, mixture, seed):
        return Outcome(0.5, -1.0)


class Unwritable(Misbehaving):
    def _evaluate(self, architecture, mixture, seed):
        return Outcome(0.5, 1.0, info={"what": {1, 2}})


def test_evaluators_that_break_the_contract():
    check_evaluator(Misbehaving())
    with pytest.raises(AssertionError, match=r"The evaluation of .* failed: RuntimeError: raised on purpose"):
        check_evaluator(Misbehaving("raise"))
    with pytest.raises(AssertionError, match=r"Two evaluations of .* with the seed 0 gave the scores"):
        check_evaluator(Noisy())
    with pytest.raises(AssertionError, match=r"The cost must not be negative"):
        check_evaluator(Negative())
    with pytest.raises(TypeError, match=r"JSON"):
        check_evaluator(Unwritable())
