"""Scores from inside a network with shared weights."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from skopdist._device import DrawnFrom, computing, resolve_precision
from skopdist._splitting import Splitter
from skopdist._validation import check_positive_integer
from skopdist.architecture import Architecture
from skopdist.evaluators._base import Outcome
from skopdist.evaluators._supervised import SupervisedEvaluator
from skopdist.networks import Supernet
from skopdist.problem import Problem, Samples
from skopdist.spaces import SearchSpace
from skopdist.training import Augmentation, Predict, Training, affordable
from skopdist.training._augmentation import make_augmentation
from skopdist.training._batches import Batches, TensorData
from skopdist.training._drawing import drawing_from
from skopdist.training._nets import show
from skopdist.training._skorch import one_cycle

# Of the norm of a step's gradient, as in DARTS.
_CLIP = 5.0
_PREDICTION_BATCH = 512
# Of the time of an evaluation that is limited: the training, and the scoring.
_TRAINING, _SCORING = 0.4, 0.1


class SupernetEvaluator(SupervisedEvaluator):
    """Scores architectures with weights that all of them share, and returns the gradient of the mixture [1]_.

    The trials of a search are the stations of one training: each trains the weights at the mixture that was suggested,
    then measures on held-out data the gradient with respect to the mixture of minus the cross-entropy, and the score
    of the architecture that was drawn, cut out of the supernet as it is. So a trial is cheap, but scores grow along the
    search, and say which architecture is better and not how good it will be when trained alone.

    Parameters
    ----------
    space : SearchSpace, str or None, default=None
        None takes the space for the shape of the data.
    epochs_per_trial : float, default=1.0
        Passes over the training samples in each trial, one batch at least.
    partial_channels : int, default=1
        The operations see one in so many channels, the others pass by [2]_. It saves memory and, in wide cells, time.
    n_cells : int, default=3
        Depth: number of cells.
    channels : int or None, default=None
        Width of the first cell; None takes 16 for images, 32 for series and 64 for flat input.
    training : Training or None, default=None
        The recipe; None takes ``Training()``. Its schedule spans all trials of the search, so that ``max_epochs`` plays
        no part, and neither does ``early_stopping``. Gradients of the mixture are those of the plain cross-entropy,
        without label smoothing.
    validation_fraction : float, splitter or None, default=None
        Part of the rows that is held out; None takes a quarter, but one of each class at least. A splitter of
        scikit-learn holds out what its first split does.
    scoring : str, callable or None, default=None
        A scikit-learn scorer; None takes the accuracy.
    device : str, torch.device or list of these, default="auto"
        "auto" takes CUDA where there is any. Of several devices the first is taken, for all trials share one network.

    Attributes
    ----------
    problem_ : Problem
    space_ : SearchSpace
    trainer_ : skopdist.training.Trainer

    See Also
    --------
    TrainingEvaluator : Trains each architecture by itself.

    References
    ----------
    .. [1] Chen, Wang, Cheng, Tang, Hsieh, "DrNAS: Dirichlet Neural Architecture Search", ICLR 2021,
       arXiv 2006.10355.
    .. [2] Xu et al., "PC-DARTS: Partial Channel Connections for Memory-Efficient Architecture Search", ICLR 2020,
       arXiv 1907.05737.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skopdist.evaluators import SupernetEvaluator
    >>> X, y = load_iris(return_X_y=True)
    >>> evaluator = SupernetEvaluator().fit(X, y, random_state=0).start(length=6, n_trials=10, random_state=0)
    >>> architecture = evaluator.search_space.sample(evaluator.search_space.uniform(), random_state=0)
    >>> evaluator.evaluate(architecture).gradient.shape
    (2, 10)
    """

    gives_gradient = True
    sequential = True
    _data_attributes = (
        *SupervisedEvaluator._data_attributes,
        *("supernet_", "optimizer_", "training_batches_", "held_out_batches_"),
    )

    _seconds = math.inf

    def __init__(
        self,
        space: SearchSpace | str | None = None,
        *,
        epochs_per_trial: float = 1.0,
        partial_channels: int = 1,
        n_cells: int = 3,
        channels: int | None = None,
        training: Training | None = None,
        validation_fraction: float | Splitter | None = None,
        scoring: str | Callable[..., float] | None = None,
        device: Any = "auto",
    ) -> None:
        super().__init__(
            space,
            n_cells=n_cells,
            channels=channels,
            training=training,
            validation_fraction=validation_fraction,
            scoring=scoring,
            device=device,
        )
        self.epochs_per_trial = epochs_per_trial
        self.partial_channels = partial_channels

    def _fit(self, problem: Problem, seed: int) -> None:
        check_positive_integer("partial_channels", self.partial_channels)
        if not 0 < self.epochs_per_trial < math.inf:
            raise ValueError(f"epochs_per_trial must be positive and finite, got {self.epochs_per_trial!r}.")
        super()._fit(problem, seed)

    def _start(self, length: int, n_trials: int, seed: int) -> None:
        trainer, problem = self.trainer_, self.problem_
        training = trainer.training
        seeds = np.random.SeedSequence(seed).generate_state(3)
        with computing(trainer.device):
            torch.manual_seed(int(seeds[0]))
            with DrawnFrom(int(seeds[0])):
                self.supernet_ = Supernet(
                    self.space_,
                    length,
                    problem.sample_shape,
                    len(problem.classes),
                    channels=trainer.channels,
                    n_cells=trainer.n_cells,
                    scaling=problem.training.scaling,
                    precision=resolve_precision(training.precision, trainer.device, problem.n_spatial),
                    partial_channels=self.partial_channels,
                    columns=problem.columns,
                ).to(trainer.device)
            show(self.supernet_.network, problem.training)
            self.optimizer_ = training.make_optimizer(self.supernet_.parameters())
            self.lr_ = self.optimizer_.param_groups[0]["lr"]
            augmentation = make_augmentation(training.augment, problem.n_spatial)
            self.training_batches_ = self._batches(problem.training, augmentation, int(seeds[1]))
            self.held_out_batches_ = self._batches(problem.held_out, None, int(seeds[2]))
            self.n_steps_ = n_trials * self._n_steps(self.training_batches_)
            self.step_ = 0

    def within(self, seconds: float) -> Self:
        """Limit the time of the next evaluation, which then makes fewer steps, and return this evaluator itself."""
        self._seconds = seconds
        return self

    def _batches(self, samples: Samples, augmentation: Augmentation | None, seed: int) -> _Endless:
        size = self.trainer_.training.batch_size_for(len(self.problem_.training), self.problem_.n_spatial)
        data = TensorData(samples, self.problem_.loss_weight(samples))
        batches = Batches(data, min(size, len(samples)), True, augmentation, seed, self.trainer_.device)
        return _Endless(batches, len(samples))

    def _n_steps(self, batches: _Endless) -> int:
        return max(1, round(self.epochs_per_trial * len(batches)))

    def _evaluate(self, architecture: Architecture, mixture: NDArray[np.float64], seed: int) -> Outcome:
        if not hasattr(self, "supernet_"):
            raise RuntimeError("A supernet has no weights before a search: call start(length, n_trials) first.")
        device = self.trainer_.device
        begin = time.monotonic()
        with computing(device), drawing_from(self.supernet_, seed):
            torch.manual_seed(seed)
            weights = torch.tensor(mixture.tolist(), device=device)  # (n_cell_types, ..., k)
            passes, n_batches = 0, self._n_steps(self.held_out_batches_)
            for step in range(self._n_steps(self.training_batches_)):
                passes += self._train(weights)
                if time.monotonic() - begin > _TRAINING * self._seconds:
                    # A batch of the gradient takes as long as one of the training.
                    n_batches = min(n_batches, step + 1)
                    break
            loss, gradient, seen = self._gradient(weights, n_batches)
            held_out = self.problem_.held_out
            cost = (passes + seen) / self.training_batches_.n_samples
            info = {"held_out_loss": loss}
            if not self.space_.is_valid(architecture):
                return Outcome(self._dummy_score(), cost, "invalid", gradient, info)
            alone = self.supernet_.one_hot(architecture).to(device)
            predict: Predict = partial(self._probabilities, mixture=alone)
            if self._seconds < math.inf:
                held_out, predict = affordable(held_out, _SCORING * self._seconds, predict)
            score, error = self.scorer_.with_error(predict, held_out)
        return Outcome(score, cost, "ok", gradient, info, error)

    def _train(self, mixture: Tensor) -> int:
        """Take a step on a batch of the training data, and return the number of its samples."""
        inputs, targets = next(self.training_batches_)
        for group in self.optimizer_.param_groups:
            group["lr"] = self.lr_ * one_cycle(self.step_, self.n_steps_)
        self.supernet_.train()
        self.optimizer_.zero_grad(set_to_none=True)
        loss = self._loss(inputs, targets, mixture, self.trainer_.training.label_smoothing)
        if not torch.isfinite(loss):
            # Before the step, so that the weights outlive it.
            raise FloatingPointError(f"the supernet's training diverged: the loss is {loss.item()}; try a smaller lr")
        loss.backward()
        nn.utils.clip_grad_norm_(self.supernet_.parameters(), _CLIP)
        self.optimizer_.step()
        self.step_ += 1
        return len(targets)

    def _gradient(self, mixture: Tensor, n_batches: int) -> tuple[float, NDArray[np.float64], int]:
        """Return the loss on held-out batches, minus its gradient, and the number of their samples."""
        self.supernet_.train()
        free = mixture.clone().requires_grad_()
        total, seen = 0.0, 0
        gradient = torch.zeros_like(mixture)
        for _ in range(n_batches):
            inputs, targets = next(self.held_out_batches_)
            loss = self._loss(inputs, targets, free, 0.0)
            # Where the mixture is all of what passes nothing on, nothing depends on it.
            gradient -= torch.autograd.grad(loss, free, allow_unused=True, materialize_grads=True)[0] / n_batches
            total += loss.item() / n_batches
            seen += len(targets)
        return total, gradient.double().cpu().numpy(), seen

    def _loss(self, inputs: Any, targets: Tensor, mixture: Tensor, label_smoothing: float) -> Tensor:
        x, weight = (inputs["x"], inputs["sample_weight"]) if isinstance(inputs, dict) else (inputs, None)
        device = self.trainer_.device
        logits = self.supernet_(x.to(device), mixture)  # (n, n_classes)
        losses = nn.functional.cross_entropy(
            logits, targets.to(device), reduction="none", label_smoothing=label_smoothing
        )
        return (losses if weight is None else losses * weight.to(device)).mean()

    def _probabilities(self, samples: Samples, mixture: Tensor) -> NDArray[np.float64]:
        self.supernet_.eval()
        parts = np.array_split(np.arange(len(samples)), math.ceil(len(samples) / _PREDICTION_BATCH))
        with torch.inference_mode():
            logits = [
                self.supernet_(torch.from_numpy(samples.inputs(part)).to(self.trainer_.device), mixture)
                for part in parts
            ]
        return torch.cat(logits).double().softmax(dim=1).cpu().numpy()


class _Endless:
    """Batches without end, in a new order for each pass."""

    def __init__(self, batches: Batches, n_samples: int) -> None:
        self.batches = batches
        self.n_samples = n_samples
        self._current: Iterator[Any] = iter(())

    def __len__(self) -> int:
        return len(self.batches)

    def __next__(self) -> Any:
        batch = next(self._current, None)
        if batch is None:
            self._current = iter(self.batches)
            batch = next(self._current)
        return batch
