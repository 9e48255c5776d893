"""Class probabilities from trained networks, in double precision."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Iterator
from typing import Any, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from skopdist._device import own_settings
from skopdist._sparse import SparseRows
from skopdist.problem import Samples, rows_of_bytes

# Samples in a batch at the most; inputs of a batch take about so many bytes in double precision.
_MOST_SAMPLES, _BYTES = 512, 2**20
# Fewer rows tell nothing, however little time there is.
_FEWEST = 256
# What computes the class probabilities of some rows, shape (n, n_classes).
Predict: TypeAlias = Callable[[Samples], NDArray[np.float64]]


class Predictor:
    """Computes class probabilities with one network, which it leaves as it is.

    Flat input is computed in double precision throughout, so that a sample's prediction does not depend on which others
    are in the batch; for convolutions that would be many times slower.

    Parameters
    ----------
    module : nn.Module
        Maps raw samples to logits.
    """

    def __init__(self, module: nn.Module, n_spatial: int) -> None:
        # A copy that is made once: it takes longer than a prediction of a few samples.
        self.module = (copy.deepcopy(module).double() if n_spatial == 0 else module).eval()
        self.device = next(self.module.parameters()).device

    def __call__(self, data: NDArray[Any] | Samples | SparseRows) -> NDArray[np.float64]:
        """Return the class probabilities of inputs of shape (n, *sample_shape), shape (n, n_classes)."""
        self.module.eval()
        n = len(data)
        probabilities: NDArray[np.float64] | None = None
        start = 0
        with own_settings(), torch.inference_mode():
            for batch in _batches(data):
                logits = self.module(torch.from_numpy(batch).to(self.device)).double()
                part = logits.softmax(dim=1).cpu().numpy()  # (m, n_classes)
                if probabilities is None:
                    probabilities = np.empty((n, part.shape[1]))
                probabilities[start : start + len(part)] = part
                start += len(part)
        assert probabilities is not None
        return probabilities


def affordable(samples: Samples, seconds: float, predict: Predict) -> tuple[Samples, Predict]:
    """Return as many of the first rows as can be predicted in some seconds, and what predicts them.

    Parameters
    ----------
    samples : Samples
    seconds : float
    predict : callable ``rows -> probabilities``

    Returns
    -------
    rows : Samples
        256 at least, where there are more: these show the speed.
    predict : callable ``rows -> probabilities``
        The same as the given one, but that those 256 are not computed again.
    """
    if len(samples) <= _FEWEST:
        return samples, predict
    begin = time.monotonic()
    known = predict(samples.first(_FEWEST))
    speed = _FEWEST / max(time.monotonic() - begin, 1e-9)
    rows = samples.first(max(_FEWEST, int(seconds * speed)))
    rest = rows.take(np.arange(_FEWEST, len(rows)))

    def go_on(asked: Samples) -> NDArray[np.float64]:
        if asked is not rows:
            return predict(asked)
        return np.concatenate([known, predict(rest)]) if len(rest) else known

    return rows, go_on


def _batches(data: NDArray[Any] | Samples | SparseRows) -> Iterator[NDArray[Any]]:
    step = min(_MOST_SAMPLES, rows_of_bytes(data.X.shape if isinstance(data, Samples) else data.shape, _BYTES))
    for start in range(0, len(data), step):
        part = slice(start, start + step)
        # A copy, for the user's array may be read-only, of which torch warns; and in one order of memory.
        yield data.inputs(part) if isinstance(data, Samples) else np.array(data[part], order="C")
