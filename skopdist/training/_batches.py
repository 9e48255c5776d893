"""Whole batches of tensors, instead of samples that are collated one by one."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset, Subset

from skopdist.problem import Samples
from skopdist.training._augmentation import Augmentation

# A batch of indices -> its inputs, targets and, where they differ, weights.
Gather = Callable[[Tensor], list[Tensor]]


def count_batches(n_samples: int, batch_size: int, is_flat: bool) -> int:
    """Count the batches of a pass; see :class:`Batches`."""
    n_batches = math.ceil(n_samples / batch_size)
    return n_batches if is_flat else max(1, min(n_batches, n_samples // 2))


class TensorData(Dataset[Any]):
    """Samples as a skorch data set, which takes them from the user's array when they are asked for.

    Where the weights differ, a sample is the mapping ``{"x": ..., "sample_weight": ...}``, which skorch hands on to the
    network and to the loss; targets stay plain labels, as callbacks that score them expect.

    Parameters
    ----------
    samples : Samples
    weight : ndarray of shape (n,) or None, default=None
        Weights of the losses; None where all are equal.
    """

    def __init__(self, samples: Samples, weight: NDArray[np.float64] | None = None) -> None:
        self.samples = samples
        self.weight = None if weight is None else torch.from_numpy(weight.astype(np.float32))

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, index: Any) -> Any:
        # A copy: torch warns of arrays that are read-only, as those are that joblib shares with its workers.
        x, y = torch.as_tensor(np.array(self.samples.inputs(index))), torch.as_tensor(self.samples.labels(index))
        return x if self.weight is None else {"x": x, "sample_weight": self.weight[index]}, y

    def gather(self, indices: Tensor) -> list[Tensor]:
        """Copy the inputs, the class indices and, where they differ, the weights of some samples."""
        chosen = indices.numpy()
        tensors = [torch.from_numpy(self.samples.inputs(chosen)), torch.from_numpy(self.samples.labels(chosen))]
        return tensors if self.weight is None else [*tensors, self.weight[indices]]


class BegunData(Dataset[Any]):
    """Samples of which a network has computed what comes before its first weights; see :meth:`Network.begin`.

    Parameters
    ----------
    data : TensorData
    rows : Tensor of int of shape (m,)
        Which of them these are.
    begun : Tensor of shape (m, ...)
    """

    def __init__(self, data: TensorData, rows: Tensor, begun: Tensor) -> None:
        self.data = data
        self.rows = rows
        self.begun = begun

    def __len__(self) -> int:
        return len(self.rows)

    def gather(self, indices: Tensor) -> list[Tensor]:
        """Copy the inputs, the class indices and, where they differ, the weights of some samples."""
        rows = self.rows[indices]
        targets = torch.from_numpy(self.data.samples.labels(rows.numpy()))
        tensors = [self.begun[indices.to(self.begun.device)], targets]
        return tensors if self.data.weight is None else [*tensors, self.data.weight[rows]]


class Batches:
    """Whole batches by index, where torch's own loader would collate them sample by sample.

    Parameters
    ----------
    dataset : TensorData, BegunData, a data set with the array attributes ``X`` and ``y``, or a subset of one
    batch_size : int
        The most samples in a batch, -1 for all at once, as in skorch. Batches are of nearly equal size. Series and
        images come in twos at least, for batch normalisation cannot take a single sample where the map has shrunk to a
        point.
    shuffle : bool, default=False
    augmentation : callable or None, default=None
    seed : int, default=0
        Of the shuffling and of the augmentation.
    device : str, default="cpu"
        Where the data are kept, if they take less than half of the free memory there.
    """

    def __init__(
        self,
        dataset: Any,
        batch_size: int,
        shuffle: bool = False,
        augmentation: Augmentation | None = None,
        seed: int = 0,
        device: str = "cpu",
    ) -> None:
        self.n_samples = len(dataset)
        self.gather = _gathering(dataset)
        self.is_flat = self.gather(torch.arange(1))[0].ndim == 2
        self.device = device
        self.batch_size = max(1, self.n_samples) if batch_size == -1 else batch_size
        self.shuffle = shuffle
        self.augmentation = augmentation
        self.generator = torch.Generator().manual_seed(seed)

    def __len__(self) -> int:
        return count_batches(self.n_samples, self.batch_size, self.is_flat)

    def order(self) -> Tensor:
        """Draw the order in which a pass goes through the samples, shape (n,)."""
        n = self.n_samples
        return torch.randperm(n, generator=self.generator) if self.shuffle else torch.arange(n)

    def __iter__(self) -> Iterator[Any]:
        self.gather = _moved_if_fits(self.gather, self.n_samples, self.device)
        for indices in self.order().tensor_split(len(self)):
            X, targets, *weights = self.gather(indices)
            if self.augmentation is not None:
                X = self.augmentation(X, self.generator)
            yield {"x": X, "sample_weight": weights[0]} if weights else X, targets


class _Kept:
    """Tensors on a device, from which batches are taken."""

    def __init__(self, tensors: list[Tensor]) -> None:
        self.tensors = tensors

    def __call__(self, indices: Tensor) -> list[Tensor]:
        return [tensor[indices.to(tensor.device)] for tensor in self.tensors]


def _gathering(dataset: Any) -> Gather:
    if isinstance(dataset, Subset):
        whole, chosen = _gathering(dataset.dataset), torch.as_tensor(dataset.indices)
        return lambda indices: whole(chosen[indices])
    if isinstance(dataset, TensorData | BegunData):
        return dataset.gather
    # Without targets, skorch expects a placeholder beside each batch.
    y = torch.zeros(len(dataset)) if dataset.y is None else torch.as_tensor(dataset.y)
    return _Kept([torch.as_tensor(dataset.X), y])


def _moved_if_fits(gather: Gather, n: int, device: str) -> Gather:
    if not device.startswith("cuda") or isinstance(gather, _Kept):
        return gather
    free, _ = torch.cuda.mem_get_info(device)
    one = gather(torch.arange(1))
    if n * sum(tensor.nbytes for tensor in one) > free / 2:
        return gather
    # In parts, so that the host never holds a second copy of the data.
    parts = [[t.to(device) for t in gather(indices)] for indices in torch.arange(n).tensor_split(max(1, n // 4096))]
    return _Kept([torch.cat(tensors) for tensors in zip(*parts, strict=True)])
