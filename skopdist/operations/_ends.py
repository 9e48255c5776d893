"""Where series end: a batch may hold shorter ones than it has positions, with NaN behind their ends.

What is computed of a series must not depend on how far it was padded. So what lies behind the ends is zero wherever a
layer looks, as it is behind the last position of any tensor, and it counts neither in statistics nor in averages. The
ends hold for all layers within :func:`ending`, whichever operations a network is made of; layers need no argument for
them, and a batch in which nothing is padded costs one look.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import torch
from torch import Tensor

__all__ = ["Ends", "average", "clear", "current_ends", "ending"]


class Ends:
    """How many positions the series of a batch have, after each stride on the way through a network.

    Parameters
    ----------
    counts : Tensor of shape (n,)
        Positive integers.
    length : int
        Positions of the batch.
    """

    def __init__(self, counts: Tensor, length: int) -> None:
        self.length = length
        self._counts = {length: counts}
        self._masks: dict[int, Tensor] = {}
        self._places: dict[int, Tensor] = {}

    def divide(self, length: int, stride: int) -> None:
        """Note that a layer divides so many positions by its stride, rounded up."""
        self._counts.setdefault(-(-length // stride), -(-self.counts(length) // stride))

    def counts(self, length: int) -> Tensor:
        """Return how many positions each series has where the batch has `length`, shape (n,)."""
        if length not in self._counts:
            # Of layers that do not say by what they divide.
            self._counts[length] = (-(-self._counts[self.length] * length // self.length)).clamp_(min=1)
        return self._counts[length]

    def mask(self, length: int) -> Tensor:
        """Return which positions are before the ends, shape (n, 1, length)."""
        if length not in self._masks:
            counts = self.counts(length)
            self._masks[length] = (torch.arange(length, device=counts.device) < counts[:, None])[:, None]
        return self._masks[length]

    def apply_before(self, function: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
        """Apply a function to the positions before the ends alone; the others become zero.

        Parameters
        ----------
        function : callable
            Maps (m, channels, 1, 1), all of these positions, to the same shape.
        x : Tensor of shape (n, channels, length)

        Returns
        -------
        x : Tensor of shape (n, channels, length)
            With the channels innermost in memory.
        """
        n, channels, length = x.shape
        if length not in self._places:
            self._places[length] = self.mask(length).flatten().nonzero().squeeze(1)
        places = self._places[length]
        found = function(x.transpose(1, 2).reshape(-1, channels)[places][:, :, None, None]).flatten(1)  # (m, channels)
        whole = found.new_zeros(n * length, channels).index_copy(0, places, found)
        return whole.reshape(n, length, channels).transpose(1, 2)


_ENDS: ContextVar[Ends | None] = ContextVar("ends", default=None)


def current_ends() -> Ends | None:
    """Return the ends of the series that are computed now; None where nothing is padded."""
    return _ENDS.get()


@contextmanager
def ending(x: Tensor) -> Iterator[None]:
    """Note where series end, shape (n, channels, length), for all layers that are computed within: behind that is NaN.

    Graphs that are traced, as for export, and tensors without values have no padding.
    """
    if torch.compiler.is_compiling() or x.device.type == "meta" or not x.is_floating_point():
        yield
        return
    is_padded = x[:, 0].isnan()  # (n, length)
    ends = Ends(x.shape[2] - is_padded.sum(dim=1), x.shape[2]) if is_padded.any() else None
    token = _ENDS.set(ends)
    try:
        yield
    finally:
        _ENDS.reset(token)


def clear(x: Tensor, value: float = 0.0) -> Tensor:
    """Set what lies behind the ends of series, shape (n, channels, length), to a value."""
    ends = current_ends()
    return x if ends is None else x.masked_fill(~ends.mask(x.shape[2]), value)


def average(x: Tensor) -> Tensor:
    """Average series, shape (n, channels, length), over their positions: shape (n, channels).

    What lies behind the ends must be zero.
    """
    ends = current_ends()
    return x.mean(2) if ends is None else x.sum(2) / ends.counts(x.shape[2])[:, None].to(x.dtype)
