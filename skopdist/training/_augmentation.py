"""Augmentation of image batches while training."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

Augmentation = Callable[[Tensor, torch.Generator], Tensor]


def shift(images: Tensor, generator: torch.Generator) -> Tensor:
    """Shift each image at random by up to a 16th of its sides (at least one pixel), repeating its border.

    Nothing about a shift depends on what the images show; mirroring may turn a digit into something else.

    Parameters
    ----------
    images : Tensor of shape (n, channels, height, width)
    generator : torch.Generator
        On the CPU.

    Returns
    -------
    images : Tensor of shape (n, channels, height, width)
        With the channels innermost in memory.
    """
    n, _, height, width = images.shape
    device = images.device

    def positions(size: int) -> Tensor:
        # An eighth, as is usual for trainings of hundreds of passes, is more than short ones make up for.
        most = max(1, size // 16)
        offsets = torch.randint(-most, most + 1, (n, 1), generator=generator)
        return (torch.arange(size) + offsets).clamp_(0, size - 1).to(device)  # (n, size)

    rows, columns = positions(height), positions(width)
    samples = torch.arange(n, device=device)[:, None, None]
    moved = images.permute(0, 2, 3, 1)[samples, rows[:, :, None], columns[:, None, :]]  # (n, height, width, channels)
    return moved.permute(0, 3, 1, 2)


def shift_flip(images: Tensor, generator: torch.Generator) -> Tensor:
    """Shift each image as :func:`shift` does and mirror every other one, for objects without handedness.

    Parameters
    ----------
    images : Tensor of shape (n, channels, height, width)
    generator : torch.Generator
        On the CPU.

    Returns
    -------
    images : Tensor of shape (n, channels, height, width)
    """
    moved = shift(images, generator)
    mirrored = torch.rand(len(images), generator=generator).to(images.device) < 0.5
    return torch.where(mirrored[:, None, None, None], moved.flip(3), moved)


AUGMENTATIONS: dict[str, Augmentation] = {"shift": shift, "shift_flip": shift_flip}


def make_augmentation(augment: str | Augmentation | None, n_spatial: int) -> Augmentation | None:
    """Return the augmentation that a user asked for; see :class:`~skopdist.training.Training`.

    What "auto" means for images has been decided before, by the images.

    Raises
    ------
    ValueError
        If it is one for images, while the samples are none.
    """
    if augment is None or callable(augment):
        return augment
    if n_spatial != 2:
        if augment == "auto":
            return None
        raise ValueError(
            f"augment={augment!r} is for images, but samples have {n_spatial} spatial dimensions; use 'auto' or None."
        )
    return AUGMENTATIONS[augment]
