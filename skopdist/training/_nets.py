"""Training through skorch: the only place that constructs a net."""

from __future__ import annotations

import math
import time
import traceback
import warnings
from collections.abc import Sequence
from contextlib import nullcontext, suppress
from copy import copy
from dataclasses import dataclass, field, replace
from typing import Any, Self

import numpy as np
import torch
from skorch import NeuralNetClassifier
from skorch.callbacks import Callback, EarlyStopping
from skorch.helper import predefined_split
from torch import Tensor, nn

from skopdist._device import DrawnFrom, computing, resolve_precision
from skopdist.architecture import Architecture
from skopdist.networks import Network, NetworkCosts, batchable, usual_size
from skopdist.problem import Problem, Samples, rows_of_bytes
from skopdist.training._augmentation import make_augmentation
from skopdist.training._batches import Batches, BegunData, TensorData, count_batches
from skopdist.training._beginnings import Beginning, Beginnings, describe_stem
from skopdist.training._drawing import drawing_from
from skopdist.training._mirroring import bears_mirroring
from skopdist.training._prediction import Predictor
from skopdist.training._recipe import Training
from skopdist.training._skorch import INITIALISATION, AuxiliaryNet, OneCycle, StopOnDivergence, WeightedNet, passes
from skopdist.training._together import train_together

PREDICTION_BATCH = 512
# Networks in one graph: more of them gain little.
_MOST_TOGETHER = 16
# Samples of networks in one graph are standardised beforehand, each set of rows once; these take half of so many bytes.
_MOST_BYTES = 2**30
# What comes before the first weights is computed once if it takes at most so many bytes, for so many samples at a time,
# and in this share of the time of a training.
_MOST_BEGUN, _BEGUN_AT_ONCE, _BEGINNING = 2**30, 64, 0.5
# Samples that a network sees before its training, the most of rows and of other data.
_MOST_ROWS_SHOWN, _MOST_SHOWN = 16_384, 4096
# Where weights or statistics are so large, the probabilities of so many rows are looked at after a training.
_LARGE, _ROWS_CHECKED = 1e6, 16
# The settings of an architecture that a trainer applies, and what skorch calls them: those of the network, and those of
# the recipe.
_OF_NETWORK = {"channels": "module__channels", "n_cells": "module__n_cells", "drop_path": "module__drop_path"}
_OF_RECIPE = {
    "batch_size": "batch_size",
    "label_smoothing": "criterion__label_smoothing",
    "lr": "lr",
    "weight_decay": "optimizer__weight_decay",
}
SETTINGS = _OF_NETWORK | _OF_RECIPE


@dataclass(frozen=True)
class Trainer:
    """Trains networks of one size, by one recipe, on the data of one problem.

    Parameters
    ----------
    problem : Problem
    training : Training
        Afterwards as it is resolved for this kind of data.
    n_cells : int
        Depth.
    channels : int
        Width of the first cell.
    device : str
        As torch spells it.
    max_time : float or None, default=None
        Seconds after which a training ends, between two batches, at the latest. It makes one batch at least.
    drop_path : float, default=0.0
        The probability with which an operation's result is dropped while training; see
        :class:`~skopdist.networks.Network`.
    beginnings : Beginnings, optional
        What earlier trainings computed that later ones need again.

    Raises
    ------
    ValueError
        If the recipe is out of range or does not fit the data.
    """

    problem: Problem
    training: Training
    n_cells: int
    channels: int
    device: str
    max_time: float | None = None
    drop_path: float = 0.0
    beginnings: Beginnings = field(default_factory=Beginnings, repr=False, compare=False)

    def __post_init__(self) -> None:
        self.training.check()
        # From here on nothing depends on the data any more.
        training = self.training.for_data(len(self.problem.training), self.problem.n_spatial)
        if self.problem.n_spatial == 2 and training.augment == "auto":
            training.augment = "shift_flip" if bears_mirroring(self.problem.training) else "shift"
        if training.test_time is not None and self.problem.n_spatial != 2:
            raise ValueError(
                f"test_time={training.test_time!r} is for images, but samples have {self.problem.n_spatial} spatial "
                "dimensions; use None."
            )
        object.__setattr__(self, "training", training)
        make_augmentation(training.augment, self.problem.n_spatial)

    @classmethod
    def of(cls, problem: Problem, training: Training, n_cells: int | None, channels: int | None, device: str) -> Self:
        """Make a trainer of networks whose size need not be given.

        None takes 3 cells, and a first cell 16 channels wide for images, 32 for series and 64 for flat input.
        """
        depth, width = usual_size(problem.n_spatial)
        return cls(problem, training, n_cells or depth, channels or width, device)

    def costs(self) -> NetworkCosts:
        """Return the costs of the networks that it trains."""
        problem = self.problem
        n_classes = len(problem.classes)
        return NetworkCosts(problem.sample_shape, n_classes, self.channels, self.n_cells, self.device, problem.columns)

    @property
    def n_steps(self) -> int:
        """The steps of a full training on the rows that trials are trained on."""
        return self.training.n_epochs * self._count_batches(self.problem.training)

    def _count_batches(self, samples: Samples) -> int:
        """Count the batches of a pass over some samples."""
        n_spatial = self.problem.n_spatial
        batch_size = self.training.batch_size_for(len(samples), n_spatial)
        return count_batches(len(samples), batch_size, is_flat=n_spatial == 0)

    def with_settings_of(self, architecture: Architecture) -> Self:
        """Return the trainer with the settings that an architecture carries in place of its own.

        Raises
        ------
        ValueError
            If one of them is out of range, or ``net_params`` would win over it.
        """
        if not architecture.settings:
            return self
        settings, given = dict(architecture.settings), self.training.given
        for name in settings:
            parts = SETTINGS[name].split("__")
            if parts[0] in given or SETTINGS[name] in given:
                raise ValueError(
                    f"The setting {name!r} of an architecture would have no effect, for net_params sets "
                    f"{[key for key in (parts[0], SETTINGS[name]) if key in given]}; take it out of net_params, or the "
                    "scalar out of the search space."
                )
        training = copy(self.training).set_params(**{name: settings[name] for name in _OF_RECIPE if name in settings})
        sizes: dict[str, Any] = {name: settings[name] for name in _OF_NETWORK if name in settings}
        return replace(self, training=training, **sizes)

    def rehearse(self, architecture: Architecture, seed: int) -> None:
        """Take a step by the recipe, so that one that cannot work is refused before trials are paid for.

        Nothing is done where the recipe holds only what is ours. Callbacks are left out, for they may count or write.

        Parameters
        ----------
        architecture : Architecture
            Any of those that are to be trained.
        seed : int

        Raises
        ------
        ValueError
            If the step fails, but one by the default recipe does not.
        """
        foreign = self.training.foreign
        if not foreign:
            return
        samples = self.problem.training
        hurried = replace(self, max_time=0.0, training=self.training.for_rehearsal())
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                hurried.train(architecture, samples, seed)
        except (FloatingPointError, MemoryError, torch.cuda.OutOfMemoryError):
            # What depends on the data and on the network's size is for the trials to show.
            return
        except Exception as error:
            try:
                replace(hurried, training=Training()).train(architecture, samples, seed)
            except Exception:  # noqa: BLE001 - then it is the network that fails, and others may not
                return
            named = ", ".join(f"{name}={value!r}" for name, value in foreign.items())
            raise ValueError(
                f"Networks cannot be trained with {named}: a first step fails ({type(error).__name__}: {error}). "
                "Change these settings of the recipe, or leave them out."
            ) from error

    def train(
        self, architecture: Architecture, samples: Samples, seed: int, held_out: Samples | None = None
    ) -> NeuralNetClassifier:
        """Train the network of an architecture; equal seeds result in equal networks.

        The global generators of torch and numpy are left as they were.

        Parameters
        ----------
        architecture : Architecture
        samples : Samples
            What to train on.
        seed : int
            Seed of the weights, of the order of the samples and of their augmentation.
        held_out : Samples or None, default=None
            What early stopping looks at; without it nothing is stopped early.

        Returns
        -------
        net : skorch.NeuralNetClassifier
            Its classes are indices into ``problem.classes``.

        Raises
        ------
        FloatingPointError
            If the loss is not finite, or the probabilities of the first rows are not.
        """
        return self._train(architecture, samples, seed, held_out)[0]

    def _train(
        self, architecture: Architecture, samples: Samples, seed: int, held_out: Samples | None = None
    ) -> tuple[NeuralNetClassifier, float]:
        """Train a network, and return with it the seconds that pass only once in a training, however long."""
        net, dataset = self._make(architecture, samples, seed, held_out)
        # skorch's splits ask for the targets where they are stratified; others get a whole data set and no more.
        y = samples.labels() if net.train_split is not None and held_out is None else None
        with computing(net.device):
            _initialize(net, seed)
            # As NeuralNet.partial_fit does, which however takes Ctrl-C for the end of the training.
            net.notify("on_train_begin", X=dataset, y=y)
            begin = time.monotonic()
            begun = self._begin(net, architecture, dataset, seed)
            # Where time ran out, what it would take for all samples.
            seconds_once = (time.monotonic() - begin) * len(dataset) / len(begun)
            try:
                continuing = nullcontext() if begun is dataset else net.module_.continuing()
                with continuing, drawing_from(net.module_, seed):
                    net.fit_loop(begun, y)
            except KeyboardInterrupt as error:
                if not _raised_by_callback(error):
                    raise
            net.notify("on_train_end", X=dataset, y=y)
        if held_out is not None and "train_split" not in self.training.given:
            # It holds the data that early stopping looked at.
            net.train_split = None
        self._check_predictions(net, samples)
        return net, seconds_once

    def _check_predictions(self, net: NeuralNetClassifier, samples: Samples) -> None:
        """Refuse a network that does not predict.

        Weights that have grown without bound may have had a finite loss to the last. Flat input is predicted in double
        precision, which has room for them.
        """
        parts = (*net.module_.parameters(), *net.module_.buffers())
        # Buffers of the user's operations may be masks or indices.
        numbers = [part for part in parts if part.is_floating_point()]
        if self.problem.n_spatial == 0 or all(bool((abs(part) < _LARGE).all()) for part in numbers):
            return
        some = samples.take(np.arange(min(len(samples), _ROWS_CHECKED)))
        if not np.isfinite(Predictor(net.module_, self.problem.n_spatial)(some)).all():
            raise FloatingPointError(
                f"training diverged: the probabilities are not finite; try a smaller lr (now {net.lr})"
            )

    def _begin(
        self, net: NeuralNetClassifier, architecture: Architecture, dataset: TensorData, seed: int
    ) -> TensorData | BegunData:
        """Show a network the samples, and compute once what comes before its first weights.

        Where time runs out, that is done of a part of the samples. Nothing is computed where the samples change from
        epoch to epoch, somebody else looks at them, or it would take too much memory.
        """
        network, training, samples = net.module_, self.training, dataset.samples
        changes = make_augmentation(training.augment, self.problem.n_spatial) is not None
        if not network.begins or changes or training.given or net.train_split is not None:
            show(network, samples)
            return dataset
        stem = describe_stem(network, architecture)
        known = self.beginnings.find(samples, stem)
        if known is not None:
            for name, buffer in network.stem.named_buffers():
                buffer.copy_(known.buffers[name])
            return BegunData(dataset, torch.arange(len(dataset)), known.begun)
        begin, n = time.monotonic(), len(dataset)
        show(network, samples)
        device = next(network.parameters()).device
        one = network.begin(dataset.gather(torch.arange(1))[0].to(device))
        if n * one.nbytes > _MOST_BEGUN:
            return dataset
        # In some order, for the time may not be enough for all.
        order = torch.randperm(n, generator=torch.Generator().manual_seed(seed))
        blocks: list[Tensor] = []
        for rows in order.split(_BEGUN_AT_ONCE):
            blocks.append(network.begin(dataset.gather(rows)[0].to(device)))
            if self.max_time is not None and time.monotonic() - begin > _BEGINNING * self.max_time:
                break
        begun = torch.cat(blocks)
        rows, places = order[: len(begun)].sort()
        begun = begun[places.to(device)]
        if len(begun) == n:
            buffers = {name: buffer.clone() for name, buffer in network.stem.named_buffers()}
            self.beginnings.keep(samples, stem, Beginning(buffers, begun))
        return BegunData(dataset, rows, begun)

    def seconds_for(self, architecture: Architecture, samples: Samples, seed: int, seconds: float) -> float:
        """Return the seconds that a training takes, judged by one that is ended early.

        Another one, of a single batch, goes before it: the first training of a process takes seconds to begin.

        Parameters
        ----------
        architecture : Architecture
        samples : Samples
        seed : int
        seconds : float
            When it is ended.

        Returns
        -------
        seconds : float
            Infinite if the training fails.
        """
        try:
            # What it may find out is to be seen by the one that is timed.
            replace(self, max_time=0.0, beginnings=Beginnings()).train(architecture, samples, seed)
            begin = time.monotonic()
            net, seconds_once = replace(self, max_time=seconds)._train(architecture, samples, seed)
        except Exception:  # noqa: BLE001 - the trials will fail as well, and say why
            return math.inf
        seconds_of_passes = time.monotonic() - begin - seconds_once
        return seconds_once + seconds_of_passes * self.training.n_epochs / passes(net, len(samples))

    def train_many(
        self,
        architectures: Sequence[Architecture],
        samples: Sequence[Samples],
        seeds: Sequence[int],
        held_out: Sequence[Samples] | None = None,
    ) -> list[NeuralNetClassifier | str]:
        """Train networks, those that can be in one graph together.

        Each of these is as :meth:`train` makes it but for rounding, which depends on the networks that are trained
        with it. The others are equal to those of :meth:`train`.

        Parameters
        ----------
        architectures : sequence of Architecture
        samples : sequence of Samples
            What to train each of them on.
        seeds : sequence of int
            The seed of each.
        held_out : sequence of Samples or None, default=None
            What early stopping looks at for each.

        Returns
        -------
        nets : list of skorch.NeuralNetClassifier or str
            In their order; in the place of a training that failed stands the reason.

        See Also
        --------
        groups : Say which networks are trained together.
        """
        results: dict[int, NeuralNetClassifier | str] = {}
        for group in self.groups(architectures, samples, held_out):
            chosen = [
                (architectures[i], samples[i], seeds[i], None if held_out is None else held_out[i]) for i in group
            ]
            results |= zip(group, self._train_group(chosen), strict=True)
        return [results[i] for i in range(len(architectures))]

    def groups(
        self,
        architectures: Sequence[Architecture],
        samples: Sequence[Samples],
        held_out: Sequence[Samples] | None = None,
    ) -> list[list[int]]:
        """Say which networks :meth:`train_many` trains together.

        These are networks for flat input whose operations have a batched form; see
        :class:`~skopdist.networks.BatchedNetworks`. They have as many nodes in a cell, as many batches in a pass, and
        equal settings.
        The recipe must be one whose steps are the same for networks side by side: without early stopping,
        augmentation, ``net_params`` and half precision.

        Returns
        -------
        groups : list of list of int
            Indices, each in one group.
        """
        if not self._trains_together(samples, held_out):
            return [[i] for i in range(len(architectures))]
        alike: dict[tuple[Any, ...], list[int]] = {}
        alone: list[list[int]] = []
        own: dict[Architecture, Trainer] = {}
        for architecture in set(architectures):
            # One whose settings are refused is so again where it is trained.
            with suppress(ValueError):
                own[architecture] = self.with_settings_of(architecture)
        with computing("cpu"):
            is_batchable = {
                architecture: not trainer.drop_path and batchable(architecture, trainer.channels)
                for architecture, trainer in own.items()
            }
        for i, (architecture, rows) in enumerate(zip(architectures, samples, strict=True)):
            if is_batchable.get(architecture, False):
                n_batches = own[architecture]._count_batches(rows)
                key = architecture.settings, architecture.cells[0].n_nodes, n_batches
                alike.setdefault(key, []).append(i)
            else:
                alone.append([i])
        parts = [
            members[begin : begin + _MOST_TOGETHER]
            for members in alike.values()
            for begin in range(0, len(members), _MOST_TOGETHER)
        ]
        return sorted(parts + alone)

    def _trains_together(self, samples: Sequence[Samples], held_out: Sequence[Samples] | None) -> bool:
        training, problem = self.training, self.problem
        stops_early = training.early_stopping is not None and held_out is not None
        n_rows = sum(map(len, {id(rows): rows for rows in samples}.values()))
        return (
            problem.n_spatial == 0
            and not training.given
            and not stops_early
            and make_augmentation(training.augment, problem.n_spatial) is None
            and training.is_elementwise
            and resolve_precision(training.precision, self.device, problem.n_spatial) == "float32"
            and n_rows <= rows_of_bytes(problem.everything.X.shape, _MOST_BYTES)
        )

    def _train_group(
        self, group: Sequence[tuple[Architecture, Samples, int, Samples | None]]
    ) -> list[NeuralNetClassifier | str]:
        """Train networks together, in halves if that fails, as for want of memory, and in the end one by one."""
        if len(group) == 1:
            try:
                return [self.train(*group[0])]
            except Exception as error:  # noqa: BLE001 - the others go on
                return [f"{type(error).__name__}: {error}"]
        begin = time.monotonic()
        try:
            made = [self._make(*each) for each in group]
            nets, datasets = [net for net, _ in made], [dataset for _, dataset in made]
            with computing(self.device):
                for net, (_, rows, seed, _) in zip(nets, group, strict=True):
                    _initialize(net, seed)
                    show(net.module_, rows)
                training = self.with_settings_of(group[0][0]).training
                failures = train_together(nets, datasets, training, self.max_time)
            return [net if failure is None else failure for net, failure in zip(nets, failures, strict=True)]
        except Exception:  # noqa: BLE001 - it is seen again where it belongs to one network
            half = len(group) // 2
        again = self
        if self.max_time is not None:
            # The halves share what is left of the time.
            left = max(0.0, self.max_time - (time.monotonic() - begin)) / 2
            again = replace(self, max_time=left)
        return again._train_group(group[:half]) + again._train_group(group[half:])

    def _make(
        self, architecture: Architecture, samples: Samples, seed: int, held_out: Samples | None
    ) -> tuple[NeuralNetClassifier, TensorData]:
        """Make a net that is not yet initialised, and its training data."""
        weight = self.problem.loss_weight(samples)
        dataset = TensorData(samples, weight)
        own = self.with_settings_of(architecture)
        training, problem, given = own.training, own.problem, own.training.given
        n_spatial, n_classes = problem.n_spatial, len(problem.classes)
        params: dict[str, Any] = {
            "module__architecture": architecture,
            "module__input_shape": problem.sample_shape,
            "module__n_classes": n_classes,
            "module__channels": own.channels,
            "module__n_cells": own.n_cells,
            **({"module__drop_path": own.drop_path} if own.drop_path else {}),
            "module__scaling": samples.scaling,
            "module__columns": problem.columns,
            "module__precision": resolve_precision(training.precision, self.device, n_spatial),
            "module__views": training.test_time,
            "criterion": nn.CrossEntropyLoss,
            "criterion__label_smoothing": training.label_smoothing,
            **training.optimizer_params(),
            "max_epochs": training.max_epochs,
            "batch_size": training.batch_size_for(len(samples), n_spatial),
            "iterator_train": Batches,
            "iterator_train__augmentation": make_augmentation(training.augment, n_spatial),
            "iterator_train__seed": seed,
            "iterator_train__device": self.device,
            "iterator_valid": Batches,
            "iterator_valid__batch_size": PREDICTION_BATCH,
            "iterator_valid__device": self.device,
            "train_split": None,
            "classes": np.arange(n_classes),
            "device": self.device,
            "verbose": 0,
            # Without a sink skorch compares its own `print` with the builtin one, and ray puts another in its place.
            "callbacks__print_log__sink": print if given.get("verbose") else ignore,
        }
        callbacks: list[tuple[str, Callback]] = [
            ("divergence", StopOnDivergence()),
            ("schedule", OneCycle(self.max_time)),
        ]
        if training.early_stopping is not None and held_out is not None:
            params["train_split"] = predefined_split(TensorData(held_out, problem.loss_weight(held_out)))
            stopping = EarlyStopping(patience=training.early_stopping, load_best=True, sink=ignore)
            callbacks.append(("early_stopping", stopping))
        # Arguments of a part that the user replaced are not for the new part.
        replaced = tuple(
            f"{name}__"
            for name in ("criterion", "optimizer", "iterator_train", "iterator_valid", "callbacks__print_log")
            if name in given
        )
        params = {name: value for name, value in params.items() if not (replaced and name.startswith(replaced))}
        params |= {"iterator_train__shuffle": True} | given
        params["callbacks"] = [*callbacks, *training.callbacks]
        if weight is None:
            return AuxiliaryNet(Network, **params), dataset
        return WeightedNet(Network, **params | {"criterion__reduction": "none"}), dataset


def _initialize(net: AuxiliaryNet, seed: int) -> None:
    net.order_seed = seed
    with INITIALISATION, DrawnFrom(seed):
        torch.manual_seed(seed)
        net.initialize()


def show(network: Network, samples: Samples) -> None:
    """Let a network see some samples before it is trained, if it has parts that are set by them."""
    if not network.adapts:
        return
    most = _MOST_ROWS_SHOWN if samples.X.ndim == 2 else _MOST_SHOWN
    shown = samples.first(min(most, rows_of_bytes(samples.X.shape, _MOST_BYTES)))
    device = next(network.classify.parameters()).device
    network.adapt(torch.from_numpy(shown.inputs()).to(device), torch.from_numpy(shown.weight).to(device))


def ignore(message: str) -> None:
    """Swallow what a skorch callback would print."""


def _raised_by_callback(error: BaseException) -> bool:
    """Whether a callback raised, which is how those of skorch, such as EarlyStopping, end a training."""
    *_, (innermost, _) = traceback.walk_tb(error.__traceback__)
    return isinstance(innermost.f_locals.get("self"), Callback)
