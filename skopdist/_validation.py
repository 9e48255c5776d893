"""Checks of parameters that several parts share."""

from __future__ import annotations

import math
from numbers import Integral, Real
from typing import Any

import numpy as np
from sklearn.utils._param_validation import HasMethods, Interval, StrOptions

__all__ = ["ClassOf", "OneOf", "Part", "PositiveInteger", "RealInterval", "check_names", "check_positive_integer"]


class OneOf(StrOptions):
    """A parameter is one of some strings, which are named in the same order in every process.

    Parameters
    ----------
    *options : str
    """

    def __init__(self, *options: str) -> None:
        super().__init__(set(options))

    def __str__(self) -> str:
        # A set of strings has another order in each process.
        return f"a str among {{{', '.join(map(repr, sorted(self.options)))}}}"


class Part(HasMethods):
    """A parameter is an object of a class that users know by its public name, and not that class itself.

    Parameters
    ----------
    type : type
    name : str
        Where users find the class.
    example : str
        How such an object is made.
    """

    def __init__(self, type: type, name: str, example: str) -> None:
        # scikit-learn takes subclasses of a few of its constraints, and this is the one that asks least.
        super().__init__([])
        self.type = type
        self.name = name
        self.example = example

    def is_satisfied_by(self, val: Any) -> bool:
        """Return whether a value is such an object."""
        return isinstance(val, self.type)

    def __str__(self) -> str:
        return f"an instance of {self.name!r} (an object such as {self.example}, not a class)"


class ClassOf(HasMethods):
    """A parameter is a class.

    Parameters
    ----------
    example : str
        Such a class.
    """

    def __init__(self, example: str) -> None:
        super().__init__([])
        self.example = example

    def is_satisfied_by(self, val: Any) -> bool:
        """Return whether a value is a class."""
        return isinstance(val, type)

    def __str__(self) -> str:
        return f"a class such as {self.example}"


class PositiveInteger(Interval):
    """A parameter is an integer >= 1; booleans are none, although Python counts them among the integers."""

    def __init__(self) -> None:
        super().__init__(Integral, 1, None, closed="left")

    def is_satisfied_by(self, val: Any) -> bool:
        """Return whether a value is such a number."""
        return not isinstance(val, bool) and bool(super().is_satisfied_by(val))


class RealInterval(Interval):
    """A parameter is a real number between two bounds.

    Numbers that no float can hold are none, nor are fractions and booleans.
    """

    def __init__(self, left: float | None, right: float | None, *, closed: str) -> None:
        super().__init__(Real, left, right, closed=closed)

    def is_satisfied_by(self, val: Any) -> bool:
        """Return whether a value is such a number."""
        try:
            return not isinstance(val, bool) and bool(super().is_satisfied_by(val)) and math.isfinite(val)
        except (TypeError, OverflowError):
            # It is one that numpy cannot look at, or larger than any float.
            return False


def check_names(name: str, value: Any) -> tuple[str, ...]:
    """Return a sequence of names as a tuple; a single text is none, and what the names are is looked at elsewhere."""
    if isinstance(value, str | bytes) or not hasattr(type(value), "__iter__"):
        raise ValueError(f"{name} must be a list of names, got {value!r}.")
    return tuple(value)


def check_positive_integer(name: str, value: object) -> None:
    """Refuse anything but an integer >= 1, and say what the parameter `name` expects."""
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < 1:
        raise ValueError(f"{name} must be an integer >= 1, got {value!r}.")
