"""What skorch needs to be told: losses with weights, the schedule of the learning rate, an end at divergence."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Mapping
from typing import Any

import torch
from skorch import NeuralNetClassifier
from skorch.callbacks import Callback
from skorch.history import History
from skorch.utils import get_map_location
from torch import Tensor
from torch.utils.data import DataLoader

from skopdist._device import isolated_generators, own_settings

# Modules draw their weights from torch's global generator; trials in threads must take turns at it.
INITIALISATION = threading.Lock()
# The parts of a net that have weights, by the names of skorch.
WITH_WEIGHTS = ("module_", "criterion_")


class AuxiliaryNet(NeuralNetClassifier):
    """A skorch classifier whose loss counts the second logits that a network may return while training.

    Copies and pickles hold the parameters, the weights as arrays and the history: no state of the optimiser, and no
    pickle within the pickle, as skorch has it, which a loader that checks what it loads could not look into.

    Attributes
    ----------
    order_seed : int
        Of the order of the samples, where torch's own loader draws it.
    """

    order_seed = 0

    def __getstate__(self) -> dict[str, Any]:
        state: dict[str, Any] = {"params": self.get_params(deep=False)}
        if self.initialized_:
            state["history"] = list(self.history_)
            state["weights"] = {
                part: {name: tensor.numpy(force=True) for name, tensor in getattr(self, part).state_dict().items()}
                for part in WITH_WEIGHTS
            }
        return state

    def __setstate__(self, state: Mapping[str, Any]) -> None:
        params = dict(state["params"])
        # With a warning and on the CPU, where the GPU is missing.
        device = str(self._check_device(params["device"], get_map_location(params["device"])))
        params |= {
            name: device for name in params if name in ("device", "iterator_train__device", "iterator_valid__device")
        }
        NeuralNetClassifier.__init__(self, **params)
        if "weights" not in state:
            return
        with own_settings(), INITIALISATION, isolated_generators(None):
            self.initialize()
        for part, arrays in state["weights"].items():
            # Copies, for arrays that are read from a file may be read-only, of which torch warns.
            getattr(self, part).load_state_dict({name: torch.tensor(array) for name, array in arrays.items()})
        self.history_ = History(state["history"])

    def get_params_for(self, prefix: str) -> dict[str, Any]:
        """Return the arguments of a part: of torch's loader, with a generator, or it would draw from the global one."""
        params: dict[str, Any] = super().get_params_for(prefix)
        iterator = getattr(self, prefix, None)
        if prefix == "iterator_train" and isinstance(iterator, type) and issubclass(iterator, DataLoader):
            return {"generator": torch.Generator().manual_seed(self.order_seed)} | params
        return params

    def _set_training(self, training: bool = True) -> None:
        """Set the mode where it changes: skorch asks at each step, and a network of many small modules has many."""
        if self.module_.training != training or self.criterion_.training != training:
            super()._set_training(training)

    def get_loss(self, y_pred: Any, y_true: Any, X: Any = None, *args: Any, **kwargs: Any) -> Tensor:
        """Return the loss of logits (n, n_classes), or of two of them, and class indices (n,)."""
        if not isinstance(y_pred, tuple):
            return super().get_loss(y_pred, y_true, X, *args, **kwargs)
        logits, auxiliary = y_pred
        loss: Tensor = super().get_loss(logits, y_true, X, *args, **kwargs)
        return loss + self.module_.auxiliary_weight * super().get_loss(auxiliary, y_true, X, *args, **kwargs)


class WeightedNet(AuxiliaryNet):
    """A skorch classifier whose loss heeds the ``sample_weight`` of a mapping of inputs.

    The criterion then must not reduce its losses: ``criterion__reduction="none"``.
    """

    def get_loss(self, y_pred: Any, y_true: Any, X: Any = None, *args: Any, **kwargs: Any) -> Tensor:
        """Return the mean loss of logits (n, n_classes) and class indices (n,), weighted where X has weights."""
        losses = super().get_loss(y_pred, y_true, X, *args, **kwargs)
        if not isinstance(X, Mapping) or "sample_weight" not in X:
            return losses.mean()
        if losses.ndim == 0:
            raise ValueError(
                f"Samples have weights, but the criterion {type(self.criterion_).__name__} gives one loss for all; "
                "it has to take reduction='none' and return one for each sample."
            )
        return (losses * X["sample_weight"].to(losses.device)).mean()


def one_cycle(step: int, n_steps: int) -> float:
    """Return the factor on the learning rate: up over a fifth of the steps, then half a cosine down to about zero.

    After Smith & Topin, arXiv 1708.07120, with the cosine of Loshchilov & Hutter, arXiv 1608.03983.
    """
    warm = max(1, n_steps // 5)
    if step < warm:
        return (step + 1) / warm
    return 0.5 * (1 + math.cos(math.pi * min(1.0, (step - warm + 1) / (n_steps - warm + 1))))


class Schedule:
    """The factor of :func:`one_cycle`, by the step or by the time that has passed, whichever is further.

    Parameters
    ----------
    n_steps : int
    max_time : float or None, default=None
        Seconds after which it is over; None lets the steps decide alone.
    """

    def __init__(self, n_steps: int, max_time: float | None = None) -> None:
        self.n_steps = n_steps
        self.max_time = math.inf if max_time is None else max_time
        self.begin = time.monotonic()

    def __call__(self, step: int) -> float:
        """Return the factor at a step."""
        at_least = min(self.n_steps - 1, int(self._passed() * self.n_steps))
        return one_cycle(max(step, at_least), self.n_steps)

    @property
    def is_over(self) -> bool:
        """Whether the time has passed."""
        return self._passed() >= 1

    def _passed(self) -> float:
        """Return the share of the time that has passed."""
        return (time.monotonic() - self.begin) / self.max_time if self.max_time > 0 else 1.0


class OneCycle(Callback):
    """Multiply the learning rate by :func:`one_cycle`, step by step.

    Parameters
    ----------
    max_time : float or None, default=None
        Seconds after which the training ends at the latest. A training that would take longer goes through the schedule
        as time passes, so that its learning rate has come down when it ends.
    """

    def __init__(self, max_time: float | None = None) -> None:
        self.max_time = max_time

    def on_train_begin(self, net: NeuralNetClassifier, X: Any = None, y: Any = None, **kwargs: Any) -> None:
        """Plan all steps of the training."""
        training_set, _ = net.get_split_datasets(X, y)
        n_steps = net.max_epochs * len(net.get_iterator(training_set, training=True))
        self.factor_ = Schedule(n_steps, self.max_time)
        self.schedule_ = torch.optim.lr_scheduler.LambdaLR(net.optimizer_, self.factor_)

    def on_batch_end(self, net: NeuralNetClassifier, training: bool = False, **kwargs: Any) -> None:
        """Take the next learning rate, or end the training when its time is over."""
        if training:
            self.schedule_.step()
            if self.factor_.is_over:
                # As skorch's own callbacks end a training.
                raise KeyboardInterrupt

    def on_train_end(self, net: NeuralNetClassifier, X: Any = None, y: Any = None, **kwargs: Any) -> None:
        """Forget the schedule, which belongs to this training and cannot be pickled."""
        del self.schedule_, self.factor_


def passes(net: NeuralNetClassifier, n_samples: int) -> float:
    """Count the passes over the training samples that a net has made, the last of which may have been cut short."""
    sizes = (batch.get("train_batch_size", 0) for epoch in net.history for batch in epoch["batches"])
    return sum(sizes) / n_samples


class StopOnDivergence(Callback):
    """Raise as soon as an epoch's training loss is not finite, instead of training on."""

    def on_epoch_end(self, net: NeuralNetClassifier, **kwargs: Any) -> None:
        """Look at the epoch's training loss."""
        self._check(net, net.history[-1, "train_loss"])

    def on_train_end(self, net: NeuralNetClassifier, **kwargs: Any) -> None:
        """Look at the loss of the last batch, where the training ended within an epoch."""
        if "train_loss" not in net.history[-1]:
            self._check(net, net.history[-1, "batches", -1, "train_loss"])

    def _check(self, net: NeuralNetClassifier, loss: float) -> None:
        if not math.isfinite(loss):
            raise FloatingPointError(
                f"training diverged: the loss is {loss} after epoch {len(net.history)}; try a smaller lr (now {net.lr})"
            )
