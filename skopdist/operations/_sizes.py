"""How large an operation is: the channels that come in and go out, and the stride."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace


@dataclass(frozen=True)
class OperationSize:
    """The size of an operation: its channels, and how it strides.

    ``channels_in, channels_out, stride = size`` unpacks it.

    Attributes
    ----------
    channels_in, channels_out : int
    stride : int
        By how much every axis is divided, rounded up.
    is_point : bool
        Whether series have a single position there, behind a stem that summarizes. The library's kernels have a single
        value then, for there is nothing around the position.
    """

    channels_in: int
    channels_out: int
    stride: int = 1
    is_point: bool = False

    def __iter__(self) -> Iterator[int]:
        yield from (self.channels_in, self.channels_out, self.stride)

    @property
    def keeps_shape(self) -> bool:
        """Whether the shape stays as it is."""
        return self.stride == 1 and self.channels_in == self.channels_out

    def output_shape(self, sides: Sequence[int]) -> tuple[int, ...]:
        """Return the channels and the sides of the output, for an input of these sides."""
        return (self.channels_out, *(-(-side // self.stride) for side in sides))

    def summarizing(self, sides: Sequence[int]) -> OperationSize:
        """Return the size of what leaves one position of an input of these sides."""
        return replace(self, stride=max(sides, default=1))
