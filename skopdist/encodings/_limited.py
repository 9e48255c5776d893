"""Encodings under limits: whatever they propose, and whatever is evaluated, is within the limits."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone

from skopdist.architecture import Architecture
from skopdist.distribution import OperationDistribution
from skopdist.encodings._base import Encoding, Point
from skopdist.encodings._expected_costs import TOLERANCE, ExpectedCosts
from skopdist.encodings._limit import Limit

# Within a limit on the expected cost most draws are within a linear limit too; of other limits that need not be so, and
# time is short.
_DRAWS = 20
# At the cheapest distribution of all, before the limit is refused.
_LAST_DRAWS = 200
# Steps from a size to the smallest one.
_SHRINKING = 10
# Within it a point is that of an architecture, and not one between architectures.
_ROUNDING = 1e-9


class LimitedEncoding(Encoding):
    """Another encoding under limits: it proposes only points within them, and decodes only into such architectures.

    The expected cost of the cells drawn from an operation distribution is linear in the distribution, so a limit on it
    cuts the simplex by a plane. A distribution or mixture beyond the plane is moved up to it, towards the cheapest
    operations; these keep their ratio to each other. Neighbours and lists of points hold only what is within the
    limits: a point that is one architecture counts by its own cost, any other point by the expected cost.

    Costs need not be linear, so whatever is decoded is checked by its own cost. An architecture beyond a limit is drawn
    again. If that does not help, its most expensive operations are replaced by cheaper ones.

    Where the space has scalars, costs are those of the width and depth that go with the cells. The plane is that of the
    smallest ones, and an architecture beyond a limit is made smaller, before its operations are replaced.

    Parameters
    ----------
    encoding : Encoding
        The encoding to limit; not bound.
    limits : sequence of Limit
        All of which hold.

    See Also
    --------
    Limit : A cost and its largest value.
    skopdist.networks.NetworkCosts : Parameters, operations and latency of networks as limits.

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

    _has_scalars: ClassVar[bool] = True

    def __init__(self, encoding: Encoding, limits: Sequence[Limit]) -> None:
        self.encoding = encoding
        self.limits = limits

    def _prepare(self) -> None:
        if not self.limits:
            raise ValueError("limits must hold at least one Limit.")
        self.inner_ = self.encoding.bind(self.space_, self.length_)
        self._smallest = self.space_
        if self.space_.scalar_ranges:
            # What is too expensive at the smallest size is too expensive at all.
            lowest = [dataclasses.replace(scalar, default=scalar.low) for scalar in self.space_.scalar_ranges]
            self._smallest = clone(self.space_).set_params(scalars=lowest)
        self.costs_ = ExpectedCosts(self._smallest, self.length_, self.limits)
        self._fallback = self._find_fallback()
        self._exact = self._smallest is self.space_ and self.costs_.are_exact()

    def _find_fallback(self) -> Architecture:
        """Find one architecture within the limits, through which something passes."""
        rng, smallest = np.random.default_rng(0), np.full(len(self.limits), np.inf)
        for _ in range(_LAST_DRAWS):
            architecture = self._smallest.sample(self._as_distribution(self.costs_.anchor), self.length_, rng)
            if self.space_.is_valid(architecture):
                if self._allows(architecture):
                    return architecture
                smallest = np.minimum(smallest, self.costs_.of(architecture))
        self.costs_.refuse(smallest)

    def _allows(self, architecture: Architecture) -> bool:
        return all(limit.allows(architecture) for limit in self.limits)

    def _as_distribution(self, p: NDArray[np.float64]) -> OperationDistribution:
        return OperationDistribution(self.space_.operation_names, p, self.space_.cell_types)

    def _shrunk(self, architecture: Architecture) -> Architecture:
        """Lower the scalars that add to the costs, step by step, until all limits hold or they are lowest."""
        scalars = {scalar.name: scalar for scalar in self.space_.scalar_ranges}
        before, settings = self.costs_.of(architecture), dict(architecture.settings)
        units = {}
        for name, value in settings.items():
            lowest = dataclasses.replace(architecture, settings=tuple((settings | {name: scalars[name].low}).items()))
            if (self.costs_.of(lowest) < before).any():
                units[name] = scalars[name].unit(value)
        for step in range(1, _SHRINKING + 1):
            if self._allows(architecture):
                break
            smaller = {name: scalars[name].value(unit * (1 - step / _SHRINKING)) for name, unit in units.items()}
            architecture = dataclasses.replace(architecture, settings=tuple((settings | smaller).items()))
        return architecture

    def _cheapened(self, architecture: Architecture, rng: np.random.Generator) -> Architecture:
        """Replace operations, the most expensive first, each by the next cheaper one, until all limits hold."""
        architecture = self._shrunk(architecture)
        names, costs = self.space_.operation_names, self.costs_
        cells = [[names.index(name) for name in cell.operations] for cell in architecture.cells]
        while not self._allows(architecture):
            beyond = costs.of(architecture) > costs.maxima
            weights = (costs.slopes / costs.scales[:, None, None])[beyond].sum(axis=0)
            options = []
            for t, cell in enumerate(cells):
                for slot, operation in enumerate(cell):
                    cheaper = costs.open[t] & (weights[t] < weights[t, operation] - TOLERANCE)
                    if cheaper.any():
                        options.append((weights[t, operation], t, slot, np.flatnonzero(cheaper)))
            if not options:
                return self._fallback
            dearest = max(weight for weight, *_ in options)
            options = [option for option in options if option[0] == dearest]
            _, t, slot, cheaper = options[rng.integers(len(options))]
            nearest = cheaper[weights[t, cheaper] >= weights[t, cheaper].max() - TOLERANCE]
            cells[t][slot] = int(nearest[rng.integers(len(nearest))])
            changed = [
                dataclasses.replace(cell, operations=tuple(names[o] for o in operations))
                for cell, operations in zip(architecture.cells, cells, strict=True)
            ]
            architecture = dataclasses.replace(architecture, cells=tuple(changed))
        return architecture

    def _open(self, points: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Whether each of some points may be proposed, shape (n_points,)."""
        shape = self._mixture_shape()
        slots = len(shape) == 3
        mixtures = np.array([self.inner_._mixture(point) for point in points]).reshape(-1, *shape)
        # Without an operation at a slot there is no share of it: used slots are as many as the cell is long.
        allowed = self.costs_.within(self._rows(mixtures) if slots else mixtures)
        if not self._exact:
            rng = np.random.default_rng(0)
            # With a mixture for each slot, the point is one architecture.
            is_sized = self._smallest is not self.space_
            lone = np.ones(len(points)) if slots or is_sized else self.inner_._n_architectures(points)
            for i in np.flatnonzero(lone == 1):
                architecture = self.inner_._decode(points[i], rng)
                if (
                    slots
                    or is_sized
                    or np.allclose(self.inner_._encode(architecture), points[i], rtol=0, atol=_ROUNDING)
                ):
                    allowed[i] = self._allows(architecture)
        return allowed

    def _rows(self, mixtures: NDArray[np.float64]) -> NDArray[np.float64]:
        """Turn the mixtures of each slot into the shares of operations.

        The shapes are (n_points, n_cell_types, n_slots, k) and (n_points, n_cell_types, k).
        """
        n_body = len(self.space_.body_types)
        rows = mixtures.sum(axis=2) / self.length_
        # A stem has the same mixture at all slots.
        rows[:, n_body:] = mixtures[:, n_body:, 0]
        return rows

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
        step, target = self.costs_.way_in(p)
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
        step, target = self.costs_.way_in(rows)
        if step:
            shaped = target if mixture.ndim == 2 else target[:, None]
            mixture = (1 - step) * mixture + step * shaped
        point = self.inner_._from_mixture(mixture)
        if mixture.ndim == 2 and not self._exact and not self._open(point[None])[0]:
            # The point is one architecture, which costs more than is expected: others of its kind may not.
            return self._from_distribution(self._as_distribution(mixture), np.random.default_rng(0))
        return point

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
