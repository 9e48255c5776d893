"""Views of an image: copies that are moved a little or mirrored, over which a prediction is averaged."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch
from torch import Tensor
from torch.nn import functional

# By name, whether they include the mirrored image.
VIEWS = {"shift": False, "shift_flip": True}
# The image itself counts as much as both shifted ones.
_SHIFTS = ((0, 0.5), (-1, 0.25), (1, 0.25))
# By which share of its sides an image is shifted, one pixel at least.
_PARTS = 32


def average_views(predict: Callable[[Tensor], Tensor], x: Tensor, views: str) -> Tensor:
    """Average the class probabilities of the views of each image, as airbench does [1]_.

    Parameters
    ----------
    predict : callable
        Maps images to logits, shape (n, n_classes).
    x : Tensor of shape (n, channels, height, width)
    views : {"shift", "shift_flip"}
        The image, and the image shifted along its diagonal either way by a 32nd of its sides; or these and their mirror
        images.

    Returns
    -------
    logits : Tensor of shape (n, n_classes)
        The logarithms of the averages.

    References
    ----------
    .. [1] Jordan, "94% on CIFAR-10 in 3.29 Seconds on a Single GPU", arXiv 2404.00498, section 3.5.
    """
    total = sum(share * functional.softmax(predict(view), dim=1) for share, view in _views(x, VIEWS[views]))
    assert isinstance(total, Tensor)
    # So that a class without any probability stays finite.
    return total.clamp(min=torch.finfo(total.dtype).tiny).log()


def _views(x: Tensor, with_mirrored: bool) -> Iterator[tuple[float, Tensor]]:
    images = (x, x.flip(3)) if with_mirrored else (x,)
    for direction, share in _SHIFTS:
        for image in images:
            yield share / len(images), _moved(image, direction)


def _moved(x: Tensor, direction: int) -> Tensor:
    """Shift images along their diagonal, repeating their border."""
    for axis in (2, 3) if direction else ():
        side = x.shape[axis]
        positions = torch.arange(side, device=x.device) + direction * max(1, side // _PARTS)
        x = x.index_select(axis, positions.clamp(0, side - 1))
    return x
