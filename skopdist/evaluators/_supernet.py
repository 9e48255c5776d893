"""Scores from inside a network with shared weights."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from skopdist._device import isolated_generators, one_thread, resolve_precision
from skopdist._validation import check_positive_integer
from skopdist.architecture import Architecture
from skopdist.evaluators._base import Outcome
from skopdist.evaluators._supervised import Predictor, SupervisedEvaluator
from skopdist.networks import Supernet
from skopdist.problem import WeightedData, input_statistics
from skopdist.spaces import SearchSpace
from skopdist.training._augmentation import Augmentation
from skopdist.training._batches import Batches, TensorData
from skopdist.training._nets import one_cycle

# Of the norm of a step's gradient, as in DARTS.
_CLIP = 5.0
_PREDICTION_BATCH = 512


class SupernetEvaluator(SupervisedEvaluator):
    """Scores architectures with weights that all of them share, and gives the gradient of the mixture [1]_.

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
    channels : int or None, default=None
        Width of the first cell; None takes 16 for images, 32 for series and 64 for flat input.
    n_cells : int, default=3
        Depth.
    batch_size : int or None, default=None
        None takes a sixteenth of the training data, but 16 at least and 128 at most.
    lr : float or None, default=None
        The highest learning rate of the one-cycle schedule, which spans all trials of the search; None takes 0.1.
    weight_decay : float, default=5e-4
    label_smoothing : float, default=0.1
        While training; gradients of the mixture are those of the plain cross-entropy.
    augment : {"auto", "shift", "shift_flip"}, callable or None, default="auto"
        "auto" shifts images by up to an eighth of their sides, and leaves everything else as it is.
    validation_fraction : float or None, default=None
        Part of the distinct samples that is held out; None takes a quarter, but one of each class at least.
    scoring : str, callable or None, default=None
        A scikit-learn scorer; None takes the accuracy.
    device : str or list of str, default="auto"
        "auto" takes CUDA where there is any. Of several devices the first is taken, for all trials share one network.
    precision : {"auto", "float32", "bfloat16"}, default="auto"
        Of the matrix products while training; "auto" takes bfloat16 for images where the hardware multiplies it
        natively.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
    space_ : SearchSpace

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
    (1, 6)
    """

    gives_gradient = True
    sequential = True
    _data_attributes = ("data_", "supernet_", "optimizer_", "training_batches_", "held_out_batches_")

    def __init__(
        self,
        space: SearchSpace | str | None = None,
        *,
        epochs_per_trial: float = 1.0,
        partial_channels: int = 1,
        channels: int | None = None,
        n_cells: int = 3,
        batch_size: int | None = None,
        lr: float | None = None,
        weight_decay: float = 5e-4,
        label_smoothing: float = 0.1,
        augment: str | Augmentation | None = "auto",
        validation_fraction: float | None = None,
        scoring: str | Callable[..., float] | None = None,
        device: str | Sequence[str] = "auto",
        precision: str = "auto",
    ) -> None:
        super().__init__(
            space,
            channels=channels,
            n_cells=n_cells,
            batch_size=batch_size,
            lr=lr,
            weight_decay=weight_decay,
            label_smoothing=label_smoothing,
            augment=augment,
            validation_fraction=validation_fraction,
            scoring=scoring,
            device=device,
            precision=precision,
        )
        self.epochs_per_trial = epochs_per_trial
        self.partial_channels = partial_channels

    def _own_settings(self) -> dict[str, Any]:
        check_positive_integer("partial_channels", self.partial_channels)
        if not 0 < self.epochs_per_trial < math.inf:
            raise ValueError(f"epochs_per_trial must be positive and finite, got {self.epochs_per_trial!r}.")
        return {}

    def _start(self, length: int, n_trials: int, seed: int) -> None:
        recipe = self.recipe_
        training = self.training_
        mean, std = input_statistics(training)
        seeds = np.random.SeedSequence(seed).generate_state(3)
        with isolated_generators(recipe.device):
            torch.manual_seed(int(seeds[0]))
            self.supernet_ = Supernet(
                self.space_,
                length,
                training.X.shape[1:],
                len(self.classes_),
                channels=recipe.channels,
                n_cells=recipe.n_cells,
                mean=mean,
                std=std,
                precision=resolve_precision(recipe.precision, recipe.device, training.X.ndim - 2),
                partial_channels=self.partial_channels,
            ).to(recipe.device)
        self.optimizer_ = torch.optim.SGD(
            self.supernet_.parameters(), recipe.lr, momentum=0.9, nesterov=True, weight_decay=recipe.weight_decay
        )
        self.training_batches_ = self._batches(training, recipe.augmentation, int(seeds[1]))
        self.held_out_batches_ = self._batches(self.held_out_, None, int(seeds[2]))
        self.n_steps_ = n_trials * self._n_steps(self.training_batches_)
        self.step_ = 0

    def _batches(self, data: WeightedData, augmentation: Augmentation | None, seed: int) -> _Endless:
        recipe = self.recipe_
        size = min(recipe.batch_size, len(data))
        return _Endless(Batches(TensorData(data), size, True, augmentation, seed, recipe.device), len(data))

    def _n_steps(self, batches: _Endless) -> int:
        return max(1, round(self.epochs_per_trial * len(batches)))

    def _evaluate(self, architecture: Architecture, mixture: NDArray[np.float64], seed: int) -> Outcome:
        if not hasattr(self, "supernet_"):
            raise RuntimeError("A supernet has no weights before a search: call start(length, n_trials) first.")
        with one_thread(), isolated_generators(self.recipe_.device):
            torch.manual_seed(seed)
            weights = torch.tensor(mixture.tolist(), device=self.recipe_.device)  # (n_cell_types, ..., k)
            passes = sum(self._train(weights) for _ in range(self._n_steps(self.training_batches_)))
            loss, gradient, seen = self._gradient(weights)
            cost = (passes + seen) / self.training_batches_.n_samples
            info = {"held_out_loss": loss}
            if not self.space_.is_valid(architecture):
                return Outcome(self._dummy_score(), cost, "invalid", gradient, info)
            alone = self.supernet_.one_hot(architecture).to(self.recipe_.device)
            score = self._score(Predictor(partial(self._probabilities, mixture=alone), self.classes_), self.held_out_)
        return Outcome(score, cost, "ok", gradient, info)

    def _train(self, mixture: Tensor) -> int:
        """Take a step on a batch of the training data, and give the number of its samples."""
        inputs, targets = next(self.training_batches_)
        for group in self.optimizer_.param_groups:
            group["lr"] = self.recipe_.lr * one_cycle(self.step_, self.n_steps_)
        self.supernet_.train()
        self.optimizer_.zero_grad(set_to_none=True)
        loss = self._loss(inputs, targets, mixture, self.recipe_.label_smoothing)
        if not torch.isfinite(loss):
            # Before the step, so that the weights outlive it.
            raise FloatingPointError(f"the supernet's training diverged: the loss is {loss.item()}; try a smaller lr")
        loss.backward()
        nn.utils.clip_grad_norm_(self.supernet_.parameters(), _CLIP)
        self.optimizer_.step()
        self.step_ += 1
        return len(targets)

    def _gradient(self, mixture: Tensor) -> tuple[float, NDArray[np.float64], int]:
        """Give the loss on held-out batches, minus its gradient, and the number of their samples."""
        self.supernet_.train()
        n_batches = self._n_steps(self.held_out_batches_)
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
        device = self.recipe_.device
        logits = self.supernet_(x.to(device), mixture)  # (n, n_classes)
        losses = nn.functional.cross_entropy(
            logits, targets.to(device), reduction="none", label_smoothing=label_smoothing
        )
        return (losses if weight is None else losses * weight.to(device)).mean()

    def _probabilities(self, X: NDArray[Any], mixture: Tensor) -> NDArray[np.float64]:
        self.supernet_.eval()
        parts = np.array_split(X, math.ceil(len(X) / _PREDICTION_BATCH))
        with torch.inference_mode():
            logits = [
                self.supernet_(torch.from_numpy(np.ascontiguousarray(part)).to(self.recipe_.device), mixture)
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
