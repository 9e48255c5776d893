"""A cost, and the most of it that an architecture may have."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from skopdist.architecture import Architecture

Cost = Mapping[Any, float] | Callable[[Architecture], float]


@dataclass(frozen=True)
class Limit:
    """The largest cost that an architecture may have.

    Parameters
    ----------
    name : str
        For messages.
    cost : callable ``Architecture -> float`` or mapping
        A mapping is a table from tuples of operation names, in slot order, or from architectures.
    maximum : float
        The largest cost allowed; finite.

    Raises
    ------
    ValueError
        If `maximum` is not finite.

    See Also
    --------
    LimitedEncoding : An encoding that stays within limits.
    """

    name: str
    cost: Cost = field(repr=False)
    maximum: float

    def __post_init__(self) -> None:
        if not math.isfinite(self.maximum):
            raise ValueError(f"The maximum of the limit {self.name!r} must be finite, got {self.maximum!r}.")

    def __sklearn_clone__(self) -> Self:
        # Immutable; a copy of a table with thousands of rows for each search would be a waste.
        return self

    def of(self, architecture: Architecture) -> float:
        """Return the cost of an architecture.

        Raises
        ------
        KeyError
            If a table has no row for it.
        """
        if not isinstance(self.cost, Mapping):
            return float(self.cost(architecture))
        return float(self.cost[architecture.key_in(self.cost)])

    def allows(self, architecture: Architecture) -> bool:
        """Whether an architecture is within the limit."""
        return self.of(architecture) <= self.maximum
