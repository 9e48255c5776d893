"""A small residual network for images as a good engineer would write it in an afternoon, trained for given seconds.

Plain torch, without search: shifts by padding, mirrored images where they are things, cut-out, label smoothing, SGD
with one cycle of the learning rate over the seconds, and the average over mirrored images when it predicts.
"""

from __future__ import annotations

import math
import time
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

Array = NDArray[Any]


class Block(nn.Module):
    """Two convolutions beside a shortcut; the first one halves the sides."""

    def __init__(self, width_in: int, width: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(width_in, width, 3, stride=2, padding=1, bias=False)
        self.second = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.shortcut = nn.Conv2d(width_in, width, 1, stride=2, bias=False)
        self.norms = nn.ModuleList(nn.BatchNorm2d(width) for _ in range(3))

    def forward(self, x: Tensor) -> Tensor:
        y = self.norms[1](self.second(functional.relu(self.norms[0](self.first(x)))))
        return functional.relu(y + self.norms[2](self.shortcut(x)))


class HandWrittenResNet:
    """The network and its training.

    Parameters
    ----------
    budget : float
        Seconds of :meth:`fit`. It makes one batch at least.
    mirror : bool
        Whether images are mirrored.
    """

    def __init__(
        self,
        budget: float,
        seed: int,
        mirror: bool,
        widths: tuple[int, ...] = (32, 32, 64, 128),
        batch_size: int = 128,
        lr: float = 0.1,
        weight_decay: float = 5e-4,
    ) -> None:
        self.budget, self.seed, self.mirror = budget, seed, mirror
        self.widths, self.batch_size, self.lr, self.weight_decay = widths, batch_size, lr, weight_decay

    def fit(self, X: Array, y: Array) -> HandWrittenResNet:
        begin = time.monotonic()
        generator = torch.manual_seed(self.seed)
        self.classes_, labels = np.unique(y, return_inverse=True)
        images, targets = torch.from_numpy(X).float(), torch.from_numpy(labels)
        self.mean, self.std = (f(images, dim=(0, 2, 3), keepdim=True) for f in (torch.mean, torch.std))
        images = self.scaled(images)
        self.net = nn.Sequential(
            nn.Conv2d(images.shape[1], self.widths[0], 3, padding=1, bias=False),
            nn.BatchNorm2d(self.widths[0]),
            nn.ReLU(),
            *(Block(*widths) for widths in pairwise(self.widths)),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            nn.Linear(self.widths[-1], len(self.classes_)),
        ).to(memory_format=torch.channels_last)
        optimizer = torch.optim.SGD(
            self.net.parameters(), lr=0.0, momentum=0.9, nesterov=True, weight_decay=self.weight_decay
        )
        self.n_epochs_ = 0.0
        # One batch at least.
        while not self.n_epochs_ or time.monotonic() - begin < self.budget:
            for rows in torch.randperm(len(images), generator=generator).split(self.batch_size):
                # One cycle: up over a fifth of the seconds, and then down as half a cosine.
                share = min(1.0, (time.monotonic() - begin) / self.budget)
                factor = 5 * share if share < 0.2 else 0.5 * (1 + math.cos(math.pi * (share - 0.2) / 0.8))
                if (share == 1 and self.n_epochs_) or len(rows) == 1:
                    break
                optimizer.param_groups[0]["lr"] = self.lr * factor
                logits = self.net(self.augmented(images[rows], generator).contiguous(memory_format=torch.channels_last))
                loss = functional.cross_entropy(logits, targets[rows], label_smoothing=0.1)
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                self.n_epochs_ += len(rows) / len(images)
        return self

    def augmented(self, images: Tensor, generator: torch.Generator) -> Tensor:
        """Shift images, mirror half of them, and cut a square out of each."""
        n, _, height, width = images.shape
        most, hole = max(1, height // 16), height // 4
        padded = functional.pad(images, (most,) * 4)
        tops, lefts, y, x = (
            torch.randint(0, high, (n, 1), generator=generator) for high in (2 * most + 1, 2 * most + 1, height, width)
        )
        rows, columns = tops + torch.arange(height), lefts + torch.arange(width)
        moved = padded[torch.arange(n)[:, None, None], :, rows[:, :, None], columns[:, None]].permute(0, 3, 1, 2)
        if self.mirror:
            mirrored = torch.rand(n, generator=generator) < 0.5
            moved = torch.where(mirrored[:, None, None, None], moved.flip(3), moved)
        in_rows, in_columns = (torch.arange(height) - y).abs() * 2 < hole, (torch.arange(width) - x).abs() * 2 < hole
        return moved.masked_fill((in_rows[:, :, None] & in_columns[:, None])[:, None], 0.0)

    def scaled(self, images: Tensor) -> Tensor:
        return (images.float() - self.mean) / self.std

    @torch.inference_mode()
    def predict_proba(self, X: Array) -> Array:
        self.net.eval()
        parts = []
        for images in torch.from_numpy(X).split(512):
            views = [self.scaled(images)]
            views += [views[0].flip(3)] if self.mirror else []
            parts.append(torch.stack([self.net(view).softmax(dim=1) for view in views]).mean(dim=0))
        return torch.cat(parts).double().numpy()
