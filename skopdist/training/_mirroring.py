"""Whether images may be mirrored: whether those of a class stay among their class in a mirror."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional

from skopdist._device import computing
from skopdist.networks._inputs import Standardize
from skopdist.problem import Samples, rows_of_bytes

# Images that are looked at, and the pixels along a side to which they are averaged.
_MOST_IMAGES, _MOST_PIXELS = 4000, 8
# Of the images that are recognised, the share that may be lost in a mirror, and the quantile of a normal distribution
# with which chance is held against it.
_LOSS, _QUANTILE = 0.25, 1.64
_SMALLEST = 1e-6


def bears_mirroring(samples: Samples) -> bool:
    """Say whether mirrored images are recognised as their class about as often as the images themselves.

    An image is recognised if the most similar of the other images is of its class. Photographs of things are recognised
    in a mirror as well, while a mirrored digit is taken for another one, and an arrow to the left for one to the right.
    Where hardly more images are recognised than by chance there is no evidence, and the answer is no.

    Parameters
    ----------
    samples : Samples
        Images, of shape (channels, height, width). The first 4,000 at most are looked at, in about a second.

    Returns
    -------
    bears : bool
        Whether, with a confidence of 95 %, less than a quarter of the images that are recognised beyond chance are lost
        in a mirror, those that are won being deducted.
    """
    known = samples.first(_MOST_IMAGES)
    labels = torch.from_numpy(known.labels())
    with computing("cpu"):
        images = _reduced(known, Standardize(samples.scaling, n_spatial=2))
        plain, mirrored = (
            _recognised(asked.flatten(1), images.flatten(1), labels) for asked in (images, images.flip(3))
        )
    n_lost, n_won = int((plain & ~mirrored).sum()), int((mirrored & ~plain).sum())
    by_chance = float((labels.bincount() / len(labels)).square().sum()) * len(labels)
    # As in McNemar's test, the images that are recognised either way, or neither way, tell nothing.
    most_lost = n_lost - n_won + _QUANTILE * math.sqrt(n_lost + n_won)
    return most_lost < _LOSS * (int(plain.sum()) - by_chance)


def _recognised(asked: Tensor, images: Tensor, labels: Tensor) -> Tensor:
    """Say which images have the most similar other image in their class, shape (n,)."""
    similarity = asked @ images.T  # (n, n)
    # A mirrored image may be most similar to itself.
    similarity.fill_diagonal_(-math.inf)
    return labels[similarity.argmax(dim=1)] == labels


def _reduced(samples: Samples, standardize: Standardize) -> Tensor:
    """Bring images to few pixels, a mean of zero and a length of one, in blocks of bounded size."""
    height, width = (min(side, _MOST_PIXELS) for side in samples.X.shape[2:])
    step = rows_of_bytes(samples.X.shape)
    parts = []
    for start in range(0, len(samples), step):
        block = standardize(torch.from_numpy(samples.inputs(slice(start, start + step))))
        # Windows lie symmetrically, so that the average of a mirrored image is the mirrored average.
        small = functional.adaptive_avg_pool2d(block, (height, width)).float()
        small = small - small.mean(dim=(1, 2, 3), keepdim=True)
        parts.append(small / small.flatten(1).norm(dim=1).clamp(min=_SMALLEST)[:, None, None, None])
    return torch.cat(parts)
