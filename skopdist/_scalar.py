"""A number that is searched beside the operations, such as a width or a learning rate."""

from __future__ import annotations

import math
from dataclasses import dataclass
from numbers import Integral, Real

# In units of the range: a move that refines, and one that leads elsewhere.
_STEPS = (-0.2, -0.05, 0.05, 0.2)


@dataclass(frozen=True)
class Scalar:
    """A number that a space searches beside its operations: a name, a range and a scale.

    Architectures of the space carry a value of it among their ``settings``. Random values are uniform on the scale.
    Those that are no integers are rounded to four significant digits.

    Parameters
    ----------
    name : str
        The setting: "channels" (width), "n_cells" (depth), "drop_path", or one of a recipe: "lr", "weight_decay",
        "label_smoothing" and "batch_size"; see :class:`~skopdist.training.Training`.
    low, high : float
        The smallest and the largest value.
    log : bool, default=False
        Whether the scale is logarithmic: ratios count, and not differences.
    integer : bool, default=False
        Whether values are integers, as widths and depths are.
    default : float or None, default=None
        The value of architectures that are made without one, such as the references of a space. None takes the middle
        of the scale.

    Raises
    ------
    TypeError
        If `name` is no text, or a bound or `default` no number.
    ValueError
        If the range is empty, not finite or holds no such values, or `default` is none of them.

    See Also
    --------
    skopdist.spaces.SearchSpace : Takes scalars as its parameter ``scalars``.

    Examples
    --------
    >>> from skopdist import Scalar
    >>> lr = Scalar("lr", 0.001, 0.1, log=True)
    >>> lr.value(0.0), lr.value(0.5), lr.unit(0.1)
    (0.001, 0.01, 1.0)
    >>> Scalar("n_cells", 1, 5, integer=True, default=3).neighbours(3)
    (2, 4)
    """

    name: str
    low: float
    high: float
    log: bool = False
    integer: bool = False
    default: float | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.name, str):
            raise TypeError(f"The name of a Scalar must be a text such as 'lr', got {self.name!r}.")
        what, kind = f"Scalar({self.name!r})", Integral if self.integer else Real
        for part in ("low", "high", "default"):
            value = getattr(self, part)
            if value is None and part == "default":
                continue
            if not isinstance(value, kind) or isinstance(value, bool):
                raise TypeError(
                    f"{what}: {part} must be {'an integer' if self.integer else 'a number'}, got {value!r}."
                )
            if not math.isfinite(value):
                raise ValueError(f"{what}: {part} must be finite, got {value!r}.")
        if not self.low < self.high:
            raise ValueError(f"{what}: low must be less than high, got {self.low!r} and {self.high!r}.")
        if self.log and not self.low > 0:
            raise ValueError(f"{what}: low must be positive on a logarithmic scale, got {self.low!r}.")
        if self.default is not None:
            self.check(self.default)

    @property
    def usual(self) -> float:
        """The value of architectures that are made without one."""
        return self.value(0.5) if self.default is None else self.default

    def check(self, value: float) -> None:
        """Refuse a value beyond the range with a ValueError."""
        if not self.low <= value <= self.high:
            raise ValueError(f"{self.name} must be between {self.low!r} and {self.high!r}, got {value!r}.")

    def value(self, unit: float) -> float:
        """Return the value at a place of the scale, from 0 for the lowest to 1 for the highest."""
        begin, end = self._ends()
        place = begin + unit * (end - begin)
        value = math.exp(place) if self.log else place
        return min(max(round(value) if self.integer else float(f"{value:.4g}"), self.low), self.high)

    def unit(self, value: float) -> float:
        """Return the place of a value on the scale, from 0 to 1; :meth:`value` turns it back into the value."""
        self.check(value)
        begin, end = self._ends()
        place = math.log(value) if self.log else value
        return min(max((place - begin) / (end - begin), 0.0), 1.0)

    def neighbours(self, value: float) -> tuple[float, ...]:
        """Return the values that are a small or a larger step away, in ascending order: at least one, four at most."""
        unit = self.unit(value)
        moved = {self.value(min(max(unit + step, 0.0), 1.0)) for step in _STEPS}
        if self.integer:
            # A small range has no smaller steps.
            moved |= {min(value + 1, self.high), max(value - 1, self.low)}
        return tuple(sorted(moved - {value}))

    def _ends(self) -> tuple[float, float]:
        """Return the ends of the scale; each integer has as much of it as the others of its size."""
        margin = 0.5 if self.integer else 0.0
        ends = self.low - margin, self.high + margin
        return (math.log(ends[0]), math.log(ends[1])) if self.log else ends
