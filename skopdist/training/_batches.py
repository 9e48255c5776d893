"""Whole batches of tensors, instead of samples that are collated one by one."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset, Subset

from skopdist.problem import WeightedData
from skopdist.training._augmentation import Augmentation


class TensorData(Dataset[Any]):
    """A skorch data set of whole tensors.

    Where the weights differ, a sample is the mapping ``{"x": ..., "sample_weight": ...}``, which skorch hands on to the
    network and to the loss; targets stay plain labels, as callbacks that score them expect.
    """

    def __init__(self, data: WeightedData) -> None:
        self.X = torch.from_numpy(np.ascontiguousarray(data.X))
        self.y = torch.from_numpy(data.y)
        weight = data.relative_weight
        self.weight = None if weight is None else torch.from_numpy(weight.astype(np.float32))

    def __len__(self) -> int:
        return len(self.X)

    def __getitem__(self, index: Any) -> Any:
        x = self.X[index]
        return x if self.weight is None else {"x": x, "sample_weight": self.weight[index]}, self.y[index]


class Batches:
    """Whole batches by index, where torch's own loader would collate them sample by sample.

    Parameters
    ----------
    dataset : data set with the array attributes ``X`` and ``y``, or a subset of one
    batch_size : int
        The most samples in a batch. Batches are of nearly equal size, so that none is left with a single sample, which
        batch normalisation could not take.
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
        self.tensors = _tensors(dataset)
        self.device = device
        self.batch_size = batch_size
        self.shuffle = shuffle
        self.augmentation = augmentation
        self.generator = torch.Generator().manual_seed(seed)

    def __len__(self) -> int:
        return math.ceil(len(self.tensors[0]) / self.batch_size)

    def __iter__(self) -> Iterator[Any]:
        self.tensors = [_move_if_fits(tensor, self.device) for tensor in self.tensors]
        inputs, targets, *weights = self.tensors
        n = len(inputs)
        order = torch.randperm(n, generator=self.generator) if self.shuffle else torch.arange(n)
        for indices in order.to(inputs.device).tensor_split(len(self)):
            X = inputs[indices]
            if self.augmentation is not None:
                X = self.augmentation(X, self.generator)
            yield {"x": X, "sample_weight": weights[0][indices]} if weights else X, targets[indices]


def _tensors(dataset: Any) -> list[Tensor]:
    if isinstance(dataset, Subset):
        return [tensor[dataset.indices] for tensor in _tensors(dataset.dataset)]
    # Without targets, skorch expects a placeholder beside each batch.
    y = torch.zeros(len(dataset)) if dataset.y is None else torch.as_tensor(dataset.y)
    weight = getattr(dataset, "weight", None)
    return [torch.as_tensor(dataset.X), y, *([] if weight is None else [weight])]


def _move_if_fits(tensor: Tensor, device: str) -> Tensor:
    if not device.startswith("cuda"):
        return tensor
    free, _ = torch.cuda.mem_get_info(device)
    return tensor.to(device) if tensor.nbytes < free / 2 else tensor
