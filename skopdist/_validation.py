"""Checks of parameters that several parts share."""

from __future__ import annotations

import math
from numbers import Real
from typing import Any

import numpy as np
from sklearn.utils._param_validation import Interval

__all__ = ["RealInterval", "check_positive_integer"]


class RealInterval(Interval):
    """A parameter is a real number between two bounds; numbers that no float can hold are none, nor are fractions."""

    def __init__(self, left: float | None, right: float | None, *, closed: str) -> None:
        super().__init__(Real, left, right, closed=closed)

    def is_satisfied_by(self, val: Any) -> bool:
        """Return whether a value is such a number."""
        try:
            return bool(super().is_satisfied_by(val)) and math.isfinite(val)
        except (TypeError, OverflowError):
            # It is one that numpy cannot look at, or larger than any float.
            return False


def check_positive_integer(name: str, value: object) -> None:
    """Refuse anything but an integer >= 1, and say what the parameter `name` expects."""
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < 1:
        raise ValueError(f"{name} must be an integer >= 1, got {value!r}.")
