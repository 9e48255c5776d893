"""How large an operation is: the channels that come in and go out, and the stride."""

from __future__ import annotations

from typing import NamedTuple


class OperationSize(NamedTuple):
    """What an operation does to the shape of its input.

    Attributes
    ----------
    channels_in, channels_out : int
    stride : int
        By how much every axis is divided, rounded up.
    """

    channels_in: int
    channels_out: int
    stride: int = 1

    @property
    def keeps_shape(self) -> bool:
        """Whether the shape stays as it is."""
        return self.stride == 1 and self.channels_in == self.channels_out
