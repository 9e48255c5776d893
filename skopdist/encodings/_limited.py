"""Encodings under limits: whatever they propose, and whatever is evaluated, is within the limits."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

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

    def __init__(self, encoding: Encoding, limits: Sequence[Limit]) -> None:
        self.encoding = encoding
        self.limits = limits

    def _prepare(self) -> None:
        if not self.limits:
            raise ValueError("limits must hold at least one Limit.")
        self.inner_ = self.encoding.bind(self.space_, self.length_)
        self.costs_ = ExpectedCosts(self.space_, self.length_, self.limits)
        self._fallback = self._find_fallback()
        self._exact = self.costs_.are_exact()

    def _find_fallback(self) -> Architecture:
        """Find one architecture within the limits, through which something passes."""
        rng, smallest = np.random.default_rng(0), np.full(len(self.limits), np.inf)
        for _ in range(_LAST_DRAWS):
            architecture = self.space_.sample(self._as_distribution(self.costs_.anchor), self.length_, rng)
            if self.space_.is_valid(architecture):
                if self._allows(architecture):
                    return architecture
                smallest = np.minimum(smallest, self.costs_.of(architecture))
        self.costs_.refuse(smallest)

    def _allows(self, architecture: Architecture) -> bool:
        return all(limit.allows(architecture) for limit in self.limits)

    def _as_distribution(self, p: NDArray[np.float64]) -> OperationDistribution:
        return OperationDistribution(self.space_.operation_names, p, self.space_.cell_types)

    def _cheapened(self, architecture: Architecture, rng: np.random.Generator) -> Architecture:
        """Replace operations, the most expensive first, each by the next cheaper one, until all limits hold."""
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
            lone = np.ones(len(points)) if slots else self.inner_._n_architectures(points)
            for i in np.flatnonzero(lone == 1):
                architecture = self.inner_._decode(points[i], rng)
                if slots or np.allclose(self.inner_._encode(architecture), points[i], rtol=0, atol=_ROUNDING):
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
