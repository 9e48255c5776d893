"""How large an operation is: the channels that come in and go out, and the stride."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple


class OperationSize(NamedTuple):
    """The size of an operation: its channels, and how it strides.

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

    def output_shape(self, sides: Sequence[int]) -> tuple[int, ...]:
        """Return the channels and the sides of the output, for an input of these sides."""
        return (self.channels_out, *(-(-side // self.stride) for side in sides))

    def summarizing(self, sides: Sequence[int]) -> OperationSize:
        """Return the size of what leaves one position of an input of these sides."""
        return self._replace(stride=max(sides, default=1))
