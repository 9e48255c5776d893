"""Checks of parameters that several parts share."""

from __future__ import annotations

import numpy as np


def check_positive_integer(name: str, value: object) -> None:
    """Refuse anything but an integer >= 1, and say what the parameter `name` expects."""
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < 1:
        raise ValueError(f"{name} must be an integer >= 1, got {value!r}.")
