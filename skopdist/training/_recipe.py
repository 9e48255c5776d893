"""The recipe: how networks are trained, described in one place."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Iterable, Mapping
from copy import copy
from typing import Any, ClassVar, Self

import torch
from sklearn.base import clone
from sklearn.utils._param_validation import validate_parameter_constraints
from torch import nn

from skopdist._parameters import HasParameters
from skopdist._validation import ClassOf, OneOf, PositiveInteger, RealInterval, check_positive_integer
from skopdist.training._augmentation import AUGMENTATIONS, Augmentation

_MOST_SAMPLES_PER_BATCH = 128
# Rows of tables are so cheap that a step mostly costs the same. Where there are many, batches are larger, and then also
# the steps: by the root of what batches are larger by. On three tables of 14,000 to 37,000 rows that took half of the
# seconds or less, and was as accurate.
_MOST_ROWS_PER_BATCH, _BATCHES_OF_MANY_ROWS = 512, 32
# Batches of a pass at least, if they have so many samples.
_FEWEST_BATCHES, _FEWEST_SAMPLES = 4, 16
# By the number of spatial dimensions of a sample.
_FEWEST_SAMPLES_PER_BATCH = {0: 16, 1: 32, 2: 16}
_BATCHES_PER_EPOCH = {0: 16, 1: 8, 2: 16}
# The highest learning rate of the schedule, by what it is for; other optimisers keep skorch's own default.
_LEARNING_RATES: dict[Any, float] = {torch.optim.SGD: 0.1, torch.optim.AdamW: 0.003, torch.optim.Adam: 0.003}
_FUSED = (torch.optim.SGD, torch.optim.Adam, torch.optim.AdamW)
_ELEMENTWISE = (
    *_FUSED, torch.optim.ASGD, torch.optim.Adadelta, torch.optim.Adagrad, torch.optim.Adamax, torch.optim.NAdam,
    torch.optim.RAdam, torch.optim.RMSprop, torch.optim.Rprop,
)  # fmt: skip
_OPTIMIZERS: dict[str, type] = {"sgd": torch.optim.SGD, "adamw": torch.optim.AdamW}
# What stands for None, by the number of spatial dimensions of a sample.
_DEFAULTS: dict[int, dict[str, Any]] = {
    0: {"max_epochs": 20, "optimizer": "sgd", "label_smoothing": 0.02},
    1: {"max_epochs": 40, "optimizer": "adamw", "label_smoothing": 0.1},
    2: {"max_epochs": 20, "optimizer": "sgd", "label_smoothing": 0.1},
}
# And then of SGD for flat input. With little label smoothing, few samples need smaller steps, and with none at all
# their training may collapse.
_FLAT_SGD = {"lr": 0.05, "weight_decay": 0.005}
# AdamW multiplies the decay by its learning rate, which is lower, and does not divide it by the gradient's size.
_DECAYS: dict[Any, float] = {torch.optim.AdamW: 1e-2}
_DECAY = 5e-4
_OF_DATA, _FOUND = "it is that of the data", "the network is built from the architecture that is found"
# What skorch takes and would here have no effect, or break what depends on it, with the reason.
_NOT_FREE = {
    "module": _FOUND,
    "module__architecture": _FOUND,
    "module__input_shape": _OF_DATA,
    "module__n_classes": _OF_DATA,
    "module__scaling": _OF_DATA,
    "module__columns": _OF_DATA,
    "module__precision": "set 'precision' of Training",
    "module__views": "set 'test_time' of Training",
    "classes": "they are those of y",
    "dataset": "samples are prepared once, for all networks",
    "device": "set 'device' of the classifier or evaluator",
    "predict_nonlinearity": "probabilities are the softmax of the logits, which a temperature may divide",
    "warm_start": "set 'warm_start' of the classifier",
}


class Training(HasParameters):
    """How networks are trained: trials, final networks and supernets all follow the same recipe.

    Parameters
    ----------
    max_epochs : int or None, default=None
        Passes over the training data. None takes 40 for series and 20 for other data.
    batch_size : int or None, default=None
        The most samples in a batch; batches are of nearly equal size. None takes a sixteenth of the training data, but
        16 samples at least and 128 at most; of series an eighth, and 32 at least, or a quarter of
        fewer than 128; of more than 4,096 rows of a table a 32nd, and 512 at most.
    lr : float or None, default=None
        The highest learning rate. It rises linearly over the first fifth of the steps, and falls as a cosine to about
        zero. None takes .1 for SGD, but .05 for flat input with "sgd", and in larger batches than of 128 samples more,
        in proportion to the root of their size; .003 for Adam and AdamW; and skorch's default for other optimisers.
    optimizer : {"sgd", "adamw"}, class or None, default=None
        "sgd" has a Nesterov momentum of .9. A class is one of ``torch.optim``; ``net_params`` takes its arguments, such
        as ``{"optimizer__momentum": 0.8}``. None takes "adamw" for series and "sgd" for other data.
    weight_decay : float or None, default=None
        None takes .01 for AdamW, which multiplies it by the learning rate, .005 for flat input with "sgd", and 5e-4
        otherwise.
    label_smoothing : float or None, default=None
        Share of each target that is spread evenly over all classes. None takes .02 for flat input, and .1 for series
        and images.
    augment : {"auto", "shift", "shift_flip"}, callable or None, default="auto"
        "auto" shifts images by up to a 16th of their sides, and leaves everything else as it is. It also mirrors
        every other image, if mirrored training images are recognised as their class by their nearest neighbours:
        photographs are, digits are not. A callable takes a batch of raw samples and a ``torch.Generator``, and returns
        a batch.
    test_time : {"shift", "shift_flip"} or None, default=None
        Views of an image over which predictions are averaged: the image and two that are shifted by a 32nd of its
        sides, or these and their mirror images. Predictions then take three or six times as long, those that score
        trials among them. None takes the image alone.
    early_stopping : int or None, default=None
        Epochs without a better loss on the held-out data after which the training of a trial stops. None trains to the
        end, where the schedule is at its best. A single final network, for which nothing is held out, is trained for as
        many epochs as the best trial. Several final networks are trained to the end: each is scored on the rows that it
        holds out, so these must not decide when its training stops.
    precision : {"auto", "float32", "bfloat16"}, default="auto"
        Precision of the matrix products while training. "auto" takes bfloat16 for images where the hardware multiplies
        it natively, which makes training up to twice as fast.
    net_params : mapping or None, default=None
        Further arguments of ``skorch.NeuralNetClassifier``, such as ``{"callbacks": [...], "iterator_train": ...}``.
        They win over the settings above, and callbacks are added.

    See Also
    --------
    skopdist.OpDistNASClassifier : Takes a recipe as its parameter ``training``.
    skopdist.evaluators.TrainingEvaluator : Scores architectures by training them.

    Examples
    --------
    >>> from skopdist import OpDistNASClassifier
    >>> from skopdist.training import Training
    >>> clf = OpDistNASClassifier(training=Training(max_epochs=10, optimizer="adamw"))
    >>> clf.set_params(training__lr=0.001).training
    Training(lr=0.001, max_epochs=10, optimizer='adamw')
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "max_epochs": [PositiveInteger(), None],
        "batch_size": [PositiveInteger(), None],
        "lr": [RealInterval(0, None, closed="neither"), None],
        "optimizer": [OneOf(*_OPTIMIZERS), ClassOf("torch.optim.Adam"), None],
        "weight_decay": [RealInterval(0, None, closed="left"), None],
        "label_smoothing": [RealInterval(0, 1, closed="left"), None],
        "augment": [OneOf("auto", *AUGMENTATIONS), callable, None],
        "test_time": [OneOf(*AUGMENTATIONS), None],
        "early_stopping": [PositiveInteger(), None],
        "precision": [OneOf("auto", "float32", "bfloat16")],
        "net_params": [Mapping, None],
    }

    # Numbers, once the recipe is resolved.
    weight_decay: Any
    label_smoothing: Any

    def __init__(
        self,
        *,
        max_epochs: int | None = None,
        batch_size: int | None = None,
        lr: float | None = None,
        optimizer: str | type | None = None,
        weight_decay: float | None = None,
        label_smoothing: float | None = None,
        augment: str | Augmentation | None = "auto",
        test_time: str | None = None,
        early_stopping: int | None = None,
        precision: str = "auto",
        net_params: Mapping[str, Any] | None = None,
    ) -> None:
        self.max_epochs = max_epochs
        self.batch_size = batch_size
        self.lr = lr
        self.optimizer = optimizer
        self.weight_decay = weight_decay
        self.label_smoothing = label_smoothing
        self.augment = augment
        self.test_time = test_time
        self.early_stopping = early_stopping
        self.precision = precision
        self.net_params = net_params

    def check(self) -> None:
        """Refuse parameters that are out of range.

        Raises
        ------
        sklearn.utils._param_validation.InvalidParameterError
            A ValueError that names the parameter, what was expected and what came.
        ValueError
            If ``net_params`` sets the module, which is what the search is there to find, or what nothing would look at.
        """
        validate_parameter_constraints(
            self._parameter_constraints, self.get_params(deep=False), caller_name=type(self).__name__
        )
        if isinstance(self.optimizer, type) and not issubclass(self.optimizer, torch.optim.Optimizer):
            raise ValueError(f"optimizer must be 'sgd', 'adamw' or a class of torch.optim, got {self.optimizer!r}.")
        given: dict[Any, Any] = self.given
        odd = [name for name in given if not isinstance(name, str)]
        if odd:
            raise ValueError(f"net_params must name arguments of skorch.NeuralNetClassifier, got {odd[0]!r}.")
        self._check_effect()
        own = {f"net_params[{name!r}]": name for name in ("lr", "max_epochs") if name in given}
        validate_parameter_constraints(
            {
                key: [kind for kind in self._parameter_constraints[name] if kind is not None]
                for key, name in own.items()
            },
            {key: given[name] for key, name in own.items()},
            caller_name=type(self).__name__,
        )
        for name, example in (("optimizer", "torch.optim.Adam"), ("criterion", "torch.nn.CrossEntropyLoss")):
            if name in given and not callable(given[name]):
                raise ValueError(f"net_params[{name!r}] must be a class such as {example}, got {given[name]!r}.")
        # As in skorch, -1 stands for all samples at once.
        if given.get("batch_size", -1) != -1:
            check_positive_integer("net_params['batch_size']", given["batch_size"])
        optimizer: Any = given.get("optimizer", self.optimizer)
        if self.weight_decay and not _takes_decay(optimizer):
            raise ValueError(
                f"The optimizer {optimizer.__name__} has no weight decay, got weight_decay={self.weight_decay!r}; "
                "leave it out, or take another optimizer."
            )
        if not isinstance(self.callbacks, list | tuple):
            raise ValueError(
                f"net_params['callbacks'] must be a list of callbacks, 'disable' or None, got {self.callbacks!r}."
            )
        # skorch takes pairs of a name and a callback, too.
        callbacks = [each[-1] if isinstance(each, tuple | list) and each else each for each in self.callbacks]
        foreign = [each for each in callbacks if not hasattr(each, "on_train_begin")]
        if foreign:
            raise ValueError(
                f"net_params['callbacks'] must hold callbacks of skorch, alone or as (name, callback), got "
                f"{foreign[0]!r}."
            )

    def _check_effect(self) -> None:
        """Refuse arguments of skorch that nothing would look at."""
        given = self.given
        for name in given:
            reason = _NOT_FREE.get("dataset" if name.startswith("dataset__") else name)
            if reason:
                raise ValueError(f"net_params cannot set {name!r}: {reason}.")
            if name.startswith("iterator_valid") and self.early_stopping is None and not given.get("train_split"):
                raise ValueError(
                    f"net_params cannot set {name!r}: nothing is validated while a network is trained unless Training "
                    "has 'early_stopping' or net_params a 'train_split'; predictions have batches of their own."
                )
        criterion = given.get("criterion")
        if isinstance(criterion, type) and issubclass(criterion, nn.NLLLoss):
            raise ValueError(
                f"net_params['criterion'] must take logits, as torch.nn.CrossEntropyLoss does, got {criterion!r}, "
                "which takes logarithms of probabilities."
            )

    @property
    def given(self) -> dict[str, Any]:
        """The arguments of skorch that the user set."""
        return dict(self.net_params or {})

    @property
    def foreign(self) -> dict[str, Any]:
        """The parameters that bring code along of which only a training tells whether it works."""
        parts = {"net_params": self.given, "optimizer": self.optimizer, "augment": self.augment}
        return {name: value for name, value in parts.items() if value and not isinstance(value, str)}

    def for_rehearsal(self) -> Self:
        """Return the recipe without what looks on and prints."""
        params = {name: value for name, value in self.given.items() if not name.startswith("callbacks")}
        return copy(self).set_params(net_params=params | {"verbose": 0} if self.given else None)

    def for_data(self, n_samples: int, n_spatial: int) -> Self:
        """Return the recipe for so many samples with so many spatial dimensions: defaults stand instead of None."""
        # No clone: callbacks in net_params stay those of the user.
        chosen, given = copy(self), self.given
        if (max_epochs := given.pop("max_epochs", None)) is not None:
            # Shorter trainings and longer ones are counted from it.
            chosen.set_params(max_epochs=max_epochs, net_params=given or None)
        chosen._with_defaults(_DEFAULTS[n_spatial])
        if n_spatial == 0 and chosen.optimizer == "sgd" and "optimizer" not in self.given:
            larger = max(1.0, self.batch_size_for(n_samples, n_spatial) / _MOST_SAMPLES_PER_BATCH)
            chosen._with_defaults(_FLAT_SGD | {"lr": math.sqrt(larger) * _FLAT_SGD["lr"]})
        return chosen.set_params(weight_decay=chosen._decay)

    def _with_defaults(self, defaults: Mapping[str, Any]) -> Self:
        """Set what is None."""
        return self.set_params(**{name: value for name, value in defaults.items() if getattr(self, name) is None})

    @property
    def n_epochs(self) -> int:
        """The passes over the training data; see :meth:`for_data`.

        Raises
        ------
        ValueError
            If they depend on data that are not known.
        """
        if self.max_epochs is None:
            raise ValueError("max_epochs is None, so it depends on the data; ask the recipe of for_data().")
        return self.max_epochs

    def with_share(self, share: float) -> Self:
        """Return the recipe of a shorter training: a share of the epochs, one at least."""
        return clone(self).set_params(max_epochs=max(1, round(share * self.n_epochs)))

    @property
    def callbacks(self) -> Any:
        """The callbacks of skorch that the user added: none where they are disabled, for ours are needed."""
        callbacks = self.given.get("callbacks")
        return () if callbacks is None or (isinstance(callbacks, str) and callbacks == "disable") else callbacks

    def batch_size_for(self, n_samples: int, n_spatial: int) -> int:
        """Return the most samples in a batch of a training on so many, with so many spatial dimensions."""
        if self.batch_size is not None:
            return min(self.batch_size, n_samples)
        # So that few samples make some steps, too.
        fewest = min(_FEWEST_SAMPLES_PER_BATCH[n_spatial], max(n_samples // _FEWEST_BATCHES, _FEWEST_SAMPLES))
        wanted = min(max(n_samples // _BATCHES_PER_EPOCH[n_spatial], fewest), _MOST_SAMPLES_PER_BATCH, n_samples)
        if n_spatial == 0:
            return max(wanted, min(n_samples // _BATCHES_OF_MANY_ROWS, _MOST_ROWS_PER_BATCH))
        return wanted

    @property
    def optimizer_class(self) -> Callable[..., torch.optim.Optimizer]:
        """The optimiser, which ``net_params`` may replace; see :meth:`for_data`."""
        chosen = self.given.get("optimizer", self.optimizer)
        if chosen is None:
            raise ValueError("optimizer is None, so it depends on the data; ask the recipe of for_data().")
        return _OPTIMIZERS[chosen] if isinstance(chosen, str) else chosen

    @property
    def _decay(self) -> float:
        if self.weight_decay is not None:
            return self.weight_decay
        return _DECAYS.get(self.optimizer_class, _DECAY) if _takes_decay(self.optimizer_class) else 0.0

    def optimizer_params(self) -> dict[str, Any]:
        """Return the learning rate and the optimiser's arguments, under skorch's names."""
        params: dict[str, Any] = {"optimizer": self.optimizer_class}
        lr = _LEARNING_RATES.get(self.optimizer_class) if self.lr is None else self.lr
        if lr is not None:
            params["lr"] = lr
        if "optimizer" not in self.given:
            if _takes_decay(self.optimizer_class):
                params["optimizer__weight_decay"] = self._decay
            if self.optimizer == "sgd":
                params |= {"optimizer__momentum": 0.9, "optimizer__nesterov": True}
        if self.optimizer_class in _FUSED and "optimizer__foreach" not in self.given:
            # A step in one go, which for many small weights is several times faster.
            params["optimizer__fused"] = True
        own = {name: value for name, value in self.given.items() if name == "lr" or name.startswith("optimizer__")}
        return params | own

    @property
    def is_elementwise(self) -> bool:
        """Whether a step moves each number by what is known of it alone, in which shape it may ever be."""
        return self.optimizer_class in _ELEMENTWISE

    def make_optimizer(self, parameters: Iterable[nn.Parameter]) -> torch.optim.Optimizer:
        """Make the optimiser of networks that are not trained through skorch."""
        params = self.optimizer_params()
        make = params.pop("optimizer")
        return make(parameters, **{name.removeprefix("optimizer__"): value for name, value in params.items()})


def _takes_decay(optimizer: Any) -> bool:
    """Whether an optimiser has a weight decay; a few of torch's have none."""
    return not isinstance(optimizer, type) or "weight_decay" in inspect.signature(optimizer).parameters
