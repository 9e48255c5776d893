"""Encodings under limits: nothing beyond them is proposed, and nothing beyond them is evaluated."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NoReturn, Self

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linprog

from skopdist.architecture import Architecture
from skopdist.distribution import OperationDistribution
from skopdist.encodings._base import Encoding, Point
from skopdist.operations import is_zero

Cost = Mapping[Any, float] | Callable[[Architecture], float]

# Inside the half-space most draws are within a linear limit; of other limits that need not be so, and time is short.
_DRAWS = 20
# At the cheapest place of all, before the limit is refused.
_LAST_DRAWS = 200
# Costs that agree with the expected one in so many random architectures are taken for linear.
_PROBES = 50
# In units of a cost's range: where sums of floating point numbers count as equal.
_TOLERANCE = 1e-9


@dataclass(frozen=True)
class Limit:
    """A cost that an architecture may have at most.

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
        """Give the cost of an architecture.

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


class LimitedEncoding(Encoding):
    """Another encoding, in which nothing beyond some limits is proposed, and nothing beyond them comes out.

    The expected cost of the cells drawn from an operation distribution p is linear in p, so a limit is a half-space of
    the simplex. Its coefficients are measured on cells that hold one operation throughout. A distribution, or a
    mixture, beyond a limit is moved into the half-space on the way to the cheapest operations, in the ratio that it has
    them in, just as far as necessary. Neighbours and lists of points hold only what is within the limits: a point that
    is one architecture by its own cost, and any other by the expected one.

    Costs need not be linear, though: whatever is decoded is checked by its own cost. It is drawn again where it is
    beyond a limit, and where that does not help, its most expensive operations give way to cheaper ones.

    Parameters
    ----------
    encoding : Encoding
        What to limit; not bound.
    limits : sequence of Limit
        All of which hold.

    Notes
    -----
    :meth:`bind` raises a ValueError that names the limit and the smallest possible cost where no architecture is within
    the limits.

    Examples
    --------
    >>> from skopdist.encodings import DistributionEncoding, Limit, LimitedEncoding
    >>> from skopdist.spaces import NASBench201Space
    >>> space = NASBench201Space()
    >>> limit = Limit("convolutions", lambda a: sum("conv" in name for name in a.operations), 2)
    >>> encoding = LimitedEncoding(DistributionEncoding(), [limit]).bind(space)
    >>> point = encoding.from_distribution(space.uniform())  # 2.4 convolutions of 6 before it is moved
    >>> encoding.distribution(point)
    OperationDistribution(none=0.17, skip_connect=0.25, nor_conv_1x1=0.17, nor_conv_3x3=0.17, avg_pool_3x3=0.25)
    >>> limit.of(encoding.decode(point, random_state=0)) <= 2
    True
    """

    def __init__(self, encoding: Encoding, limits: Sequence[Limit]) -> None:
        self.encoding = encoding
        self.limits = limits

    def _prepare(self) -> None:
        if not self.limits:
            raise ValueError("limits must hold at least one Limit.")
        space = self.space_
        self.inner_ = self.encoding.bind(space, self.length_)
        self._passing = np.array([not is_zero(name) for name in space.operation_names])
        if not self._passing.any():
            self._passing[:] = True
        self._measure()
        total = (self._slopes / self._scales[:, None, None]).sum(axis=0)
        lowest = total[:, self._passing].min(axis=1, keepdims=True)
        self._cheapest = self._passing & (total <= lowest + _TOLERANCE)
        self._anchor = self._cheapest / self._cheapest.sum(axis=1, keepdims=True)
        if not self._within(self._anchor):
            self._anchor = self._solve()
        self._fallback = self._find_fallback()
        self._linear = self._probe()

    def _measure(self) -> None:
        """Find the expected cost's coefficients, from cells of one operation throughout."""
        space, rng = self.space_, np.random.default_rng(0)
        wirings = [
            (space.sample_wiring(self.length_, rng), space.sample_links(self.length_, rng)) for _ in space.cell_types
        ]
        names = space.operation_names
        usual = [names[int(np.argmax(self._passing))]] * len(wirings)

        def costs(chosen: Sequence[str]) -> NDArray[np.float64]:
            cells = [
                space.make_cell([name] * self.length_, *wiring) for name, wiring in zip(chosen, wirings, strict=True)
            ]
            return self._costs(space.make_architecture(cells))

        self._base = costs(usual)
        slopes = [
            [costs([*usual[:t], name, *usual[t + 1 :]]) - self._base for name in names] for t in range(len(wirings))
        ]
        self._slopes = np.moveaxis(np.array(slopes), 2, 0)  # (n_limits, n_cell_types, k)
        self._maxima = np.array([limit.maximum for limit in self.limits])
        self._scales = np.maximum(np.abs(self._maxima), np.ptp(self._slopes, axis=2).sum(axis=1))
        self._scales[self._scales == 0] = 1.0

    def _costs(self, architecture: Architecture) -> NDArray[np.float64]:
        return np.array([limit.of(architecture) for limit in self.limits])

    def _expected(self, p: NDArray[np.float64]) -> NDArray[np.float64]:
        """Give the expected costs of distributions (..., n_cell_types, k), shape (..., n_limits)."""
        return self._base + np.einsum("jtk,...tk->...j", self._slopes, p)

    def _within(self, p: NDArray[np.float64]) -> NDArray[np.bool_]:
        within: NDArray[np.bool_] = (self._expected(p) <= self._maxima + _TOLERANCE * self._scales).all(axis=-1)
        return within

    def _solve(self) -> NDArray[np.float64]:
        """Find the distribution that is least beyond the limits, each in its own unit, by linear programming."""
        n_types, k = self._slopes.shape[1:]
        rows = np.kron(np.eye(n_types), np.ones(k))
        # Operations that pass nothing on may be the cheapest, but at least one other has to be in each cell.
        passing = np.kron(np.eye(n_types), self._passing)
        slopes = (self._slopes / self._scales[:, None, None]).reshape(len(self._scales), -1)
        excess = -np.ones((len(slopes), 1))
        solution = linprog(
            [*np.zeros(n_types * k), 1.0],
            A_ub=np.vstack([np.hstack([slopes, excess]), np.hstack([-passing, np.zeros((n_types, 1))])]),
            b_ub=[*((self._maxima - self._base) / self._scales), *np.full(n_types, -1 / self.length_)],
            A_eq=np.hstack([rows, np.zeros((n_types, 1))]),
            b_eq=np.ones(n_types),
            bounds=[(0, 1)] * (n_types * k) + [(None, None)],
        )
        anchor = np.clip(np.asarray(solution.x)[:-1].reshape(n_types, k), 0, 1)
        anchor /= anchor.sum(axis=1, keepdims=True)
        if not self._within(anchor):
            share = 1 / self.length_
            cheap = (1 - share) * self._slopes.min(axis=2) + share * self._slopes[:, :, self._passing].min(axis=2)
            self._refuse(self._base + cheap.sum(axis=1))
        return anchor

    def _refuse(self, smallest: NDArray[np.float64]) -> NoReturn:
        texts = [
            f"{limit.name}={limit.maximum:.12g}, where the smallest possible cost is {cost:.12g}"
            for limit, cost in zip(self.limits, smallest, strict=True)
            if cost > limit.maximum
        ]
        if not texts:
            texts = ["all at once: " + ", ".join(f"{limit.name}={limit.maximum:.12g}" for limit in self.limits)]
        raise ValueError(
            f"No architecture of length {self.length_} in {type(self.space_).__name__} is within the limit "
            f"{'; '.join(texts)}. Raise the limit, or search cells that are shorter, narrower or fewer."
        )

    def _find_fallback(self) -> Architecture:
        """Find one architecture within the limits, through which something passes."""
        rng, smallest = np.random.default_rng(0), np.full(len(self.limits), np.inf)
        for _ in range(_LAST_DRAWS):
            architecture = self.space_.sample(self._as_distribution(self._anchor), self.length_, rng)
            if self.space_.is_valid(architecture):
                if self._allows(architecture):
                    return architecture
                smallest = np.minimum(smallest, self._costs(architecture))
        self._refuse(smallest)

    def _probe(self) -> bool:
        """Find out whether the costs of single architectures are linear in their ratios of operations."""
        space, rng = self.space_, np.random.default_rng(0)
        for _ in range(_PROBES):
            architecture = space.sample(space.uniform(), self.length_, rng)
            away = self._costs(architecture) - self._expected(space.encode(architecture).probabilities)
            if (np.abs(away) > _TOLERANCE * self._scales).any():
                return False
        return True

    def _allows(self, architecture: Architecture) -> bool:
        return all(limit.allows(architecture) for limit in self.limits)

    def _as_distribution(self, p: NDArray[np.float64]) -> OperationDistribution:
        return OperationDistribution(self.space_.operation_names, p, self.space_.cell_types)

    def _moved(self, p: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        """Give how far a distribution must move, from 0 to 1, and where to."""
        target = np.where(self._cheapest, p, 0.0)
        totals = target.sum(axis=1, keepdims=True)
        even = self._cheapest / self._cheapest.sum(axis=1, keepdims=True)
        target = np.where(totals > _TOLERANCE, target / np.maximum(totals, _TOLERANCE), even)
        if not self._within(target):
            target = self._anchor
        here, there = self._expected(p), self._expected(target)
        beyond = here > self._maxima
        steps = (here - self._maxima)[beyond] / np.maximum(here - there, _TOLERANCE * self._scales)[beyond]
        return float(np.clip(steps, 0, 1).max(initial=0.0)), target

    def _cheapened(self, architecture: Architecture, rng: np.random.Generator) -> Architecture:
        """Replace operations, the most expensive first, each by the next cheaper one, until all limits hold."""
        names = self.space_.operation_names
        cells = [[names.index(name) for name in cell.operations] for cell in architecture.cells]
        while not self._allows(architecture):
            beyond = self._costs(architecture) > self._maxima
            weights = (self._slopes / self._scales[:, None, None])[beyond].sum(axis=0)
            options = []
            for t, cell in enumerate(cells):
                for slot, operation in enumerate(cell):
                    cheaper = self._passing & (weights[t] < weights[t, operation] - _TOLERANCE)
                    if cheaper.any():
                        options.append((weights[t, operation], t, slot, np.flatnonzero(cheaper)))
            if not options:
                return self._fallback
            dearest = max(weight for weight, *_ in options)
            options = [option for option in options if option[0] == dearest]
            _, t, slot, cheaper = options[rng.integers(len(options))]
            nearest = cheaper[weights[t, cheaper] >= weights[t, cheaper].max() - _TOLERANCE]
            cells[t][slot] = int(nearest[rng.integers(len(nearest))])
            changed = [
                dataclasses.replace(cell, operations=tuple(names[o] for o in operations))
                for cell, operations in zip(architecture.cells, cells, strict=True)
            ]
            architecture = dataclasses.replace(architecture, cells=tuple(changed))
        return architecture

    def _open(self, points: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Say which of some points may be proposed, shape (n_points,)."""
        shape = self._mixture_shape()
        slots = len(shape) == 3
        if slots and not self._linear:
            # Each slot has its own operation: the point is one architecture, and nothing is drawn.
            rng = np.random.default_rng(0)
            exact = [self._allows(self.inner_._decode(point, rng)) for point in points]
            return np.array(exact, dtype=np.bool_)
        mixtures = np.array([self.inner_._mixture(point) for point in points]).reshape(-1, *shape)
        # Without an operation at a slot there is no share of it: used slots are as many as the cell is long.
        return self._within(mixtures.sum(axis=2) / self.length_ if slots else mixtures)

    def _n_dims(self) -> int:
        return self.inner_._n_dims()

    def _encode(self, architecture: Architecture) -> Point:
        return self.inner_._encode(architecture)

    def _decode(self, point: Point, rng: np.random.Generator) -> Architecture:
        for _ in range(_DRAWS):
            architecture = self.inner_._decode(point, rng)
            if self._allows(architecture):
                return architecture
        return self._cheapened(architecture, rng)

    def _distribution(self, point: Point) -> OperationDistribution:
        return self.inner_._distribution(point)

    def _from_distribution(self, distribution: OperationDistribution, rng: np.random.Generator) -> Point:
        p = distribution.probabilities
        step, target = self._moved(p)
        inside = self._as_distribution((1 - step) * p + step * target) if step else distribution
        for _ in range(_DRAWS):
            point = self.inner_._from_distribution(inside, rng)
            if self._open(point[None])[0]:
                return point
        return self.inner_._encode(self._cheapened(self.inner_._decode(point, rng), rng))

    def _mixture(self, point: Point) -> NDArray[np.float64]:
        return self.inner_._mixture(point)

    def _from_mixture(self, mixture: NDArray[np.float64]) -> Point:
        rows = mixture if mixture.ndim == 2 else mixture.mean(axis=1)
        step, target = self._moved(rows)
        if step:
            shaped = target if mixture.ndim == 2 else target[:, None]
            mixture = (1 - step) * mixture + step * shaped
        return self.inner_._from_mixture(mixture)

    def _mixture_shape(self) -> tuple[int, ...]:
        return self.inner_._mixture_shape()

    def _neighbours(self, point: Point, rng: np.random.Generator | None) -> Iterator[Point]:
        return (neighbour for neighbour in self.inner_._neighbours(point, rng) if self._open(neighbour[None])[0])

    def _features(self, points: NDArray[np.float64]) -> dict[str, NDArray[np.float64]]:
        return self.inner_._features(points)

    def _keys(self, points: NDArray[np.float64]) -> list[bytes]:
        return self.inner_._keys(points)

    def _points(self, limit: int) -> NDArray[np.float64] | None:
        points = self.inner_._points(limit)
        return None if points is None else points[self._open(points)]

    def _n_architectures(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        return self.inner_._n_architectures(points)
