"""The abstract encoding: the point that a strategy moves; and the one that is put around others for scalars."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import replace
from itertools import chain, islice, zip_longest
from typing import ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import clone

from skopdist._parameters import HasParameters
from skopdist._random import RandomState, as_generator
from skopdist.architecture import Architecture
from skopdist.distribution import OperationDistribution, check_length
from skopdist.encodings._moves import (
    in_order,
    list_architectures,
    n_architectures_at_most,
    neighbouring_architectures,
)
from skopdist.spaces import SearchSpace

Point = NDArray[np.float64]


class Encoding(HasParameters, ABC):
    """A coordinate system on the architectures of a space, bound to it by :meth:`bind`.

    Strategies are written against this interface alone, so any of them runs on any encoding.

    A new encoding must implement three methods: ``_n_dims``, ``_encode`` and ``_decode``. Everything else follows from
    these, and may be implemented where the encoding knows a faster or a finer answer: ``_prepare``, ``_distribution``,
    ``_from_distribution``, ``_neighbours``, ``_features``, ``_keys``, ``_points``, ``_n_architectures``, and together
    ``_mixture_shape``, ``_mixture`` and ``_from_mixture``. The docstring of each says what the default does.
    ``skopdist.testing.check_encoding`` is the contract that a new encoding has to meet.

    Attributes
    ----------
    space_ : SearchSpace
        The space that the encoding is bound to.
    length_ : int
        Number of operations in a cell.

    See Also
    --------
    DistributionEncoding : The ratio of operations.
    AdjacencyEncoding : The operation on every edge.
    HybridEncoding : The operation on every edge, compared by ratio, placement and paths.
    """

    # Whether points have a coordinate for each scalar of the space already.
    _has_scalars: ClassVar[bool] = False

    space_: SearchSpace
    length_: int

    @abstractmethod
    def _n_dims(self) -> int:
        """Return the length of a point."""

    @abstractmethod
    def _encode(self, architecture: Architecture) -> Point:
        """Return the point of an architecture of the bound length."""

    @abstractmethod
    def _decode(self, point: Point, rng: np.random.Generator) -> Architecture:
        """Return an architecture at the point, drawn where there are several."""

    def _prepare(self) -> None:
        """Compute what a bound encoding uses again and again, from ``space_`` and ``length_``; by default nothing."""

    def _distribution(self, point: Point) -> OperationDistribution:
        """Return the operation distribution of the point; by default the ratio of operations of an architecture there.

        The default is right where all architectures of a point have the same ratio.
        """
        return self.space_.encode(self._decode(point, _fixed_generator()))

    def _from_distribution(self, distribution: OperationDistribution, rng: np.random.Generator) -> Point:
        """Return a point with the distribution; by default that of an architecture drawn from the distribution."""
        return self._encode(self.space_.sample(distribution, self.length_, rng))

    def _mixture_shape(self) -> tuple[int, ...]:
        """Return the shape of the mixture of a point; by default there is one row of probabilities for a cell type.

        The last axis is that of the operations.
        """
        return len(self.space_.cell_types), len(self.space_.operation_names)

    def _mixture(self, point: Point) -> NDArray[np.float64]:
        """Return the probabilities of the operations at the point; by default those of its distribution."""
        return self._distribution(point).probabilities.copy()

    def _from_mixture(self, mixture: NDArray[np.float64]) -> Point:
        """Return the point of a mixture; by default that of one architecture drawn from it, the same every time.

        An encoding that has points between architectures can do better: there is one that stands for all draws.
        """
        space = self.space_
        distribution = OperationDistribution(space.operation_names, mixture, space.cell_types)
        return self._from_distribution(distribution, _fixed_generator())

    def _neighbours(self, point: Point, rng: np.random.Generator | None) -> Iterator[Point]:
        """Make all points one smallest move away, one by one: in a fixed order, or in a random one by a generator.

        By default these are the points of the architectures that differ by one operation, edge or link.
        """
        architecture = self._decode(point, _fixed_generator())
        seen = {point_key(point), point_key(self._encode(architecture))}
        for neighbouring in neighbouring_architectures(self.space_, architecture, rng):
            neighbour = self._encode(neighbouring)
            if point_key(neighbour) not in seen:
                seen.add(point_key(neighbour))
                yield neighbour

    def _features(self, points: NDArray[np.float64]) -> dict[str, NDArray[np.float64]]:
        """Return the coordinates by which a model compares points, as named parts; by default the points themselves."""
        return {"point": points}

    def _keys(self, points: NDArray[np.float64]) -> list[bytes]:
        """Return a key for each point; an empty one where nothing passes from input to output.

        By default only equal points have equal keys. Points whose architectures compute the same function may have
        equal keys too: a search then asks about one of them.
        """
        decoded = (self._decode(point, _fixed_generator()) for point in points)
        passes = [self.space_.is_valid(architecture) for architecture in decoded]
        return [point_key(point) if valid else b"" for point, valid in zip(points, passes, strict=True)]

    def _points(self, limit: int) -> NDArray[np.float64] | None:
        """List all points, or return None if there may be more than `limit`.

        By default the points of all architectures, if these are at most `limit`. What is too long must be found so by
        arithmetic, for a list of a large space does not end.
        """
        if n_architectures_at_most(self.space_, self.length_) > limit:
            return None
        encoded = (self._encode(architecture) for architecture in list_architectures(self.space_, self.length_))
        return np.array(list({point_key(point): point for point in encoded}.values())).reshape(-1, self.n_dims)

    def _n_architectures(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """Count the architectures that may be drawn at each point, or bound them from below; by default 1."""
        return np.ones(len(points))

    def bind(self, space: SearchSpace, length: int | None = None) -> Encoding:
        """Return a copy of this encoding for the cells of `length` operations of a space.

        Parameters
        ----------
        space : SearchSpace
        length : int or None, default=None
            None takes the space's default.

        Returns
        -------
        bound : Encoding
            Where the space has scalars, a :class:`ScalarEncoding` around the copy.
        """
        length = space.default_length if length is None else length
        check_length(length)
        bound = ScalarEncoding(self) if space.scalar_ranges and not self._has_scalars else clone(self)
        bound.space_, bound.length_ = space, int(length)
        bound._prepare()
        return bound

    @property
    def n_dims(self) -> int:
        """Length of a point."""
        return self._n_dims()

    def encode(self, architecture: Architecture) -> Point:
        """Return the point of an architecture, shape (n_dims,).

        Raises
        ------
        ValueError
            If the architecture is one of another space or length.
        """
        self.space_.check_architecture(architecture)
        if architecture.length != self.length_:
            raise ValueError(f"Expected an architecture of length {self.length_}, got length {architecture.length}.")
        return self._encode(architecture)

    def decode(self, point: ArrayLike, random_state: RandomState = None) -> Architecture:
        """Return an architecture at the point, drawn at random where there are several."""
        return self._decode(self._check(point), as_generator(random_state))

    def distribution(self, point: ArrayLike) -> OperationDistribution:
        """Return the operation distribution of the point."""
        return self._distribution(self._check(point))

    def mixture(self, point: ArrayLike) -> NDArray[np.float64]:
        """Return the probabilities of the operations at the point, of which an architecture is one draw.

        Returns
        -------
        mixture : ndarray of shape (n_cell_types, k) or (n_cell_types, n_slots, k)
            The same at all slots, or those of each.
        """
        return self._mixture(self._check(point))

    @property
    def mixture_shape(self) -> tuple[int, ...]:
        """Shape of the mixture of a point, (n_cell_types, k) or (n_cell_types, n_slots, k)."""
        return self._mixture_shape()

    def from_mixture(self, mixture: ArrayLike) -> Point:
        """Return the point that stands for the draws from a mixture, shape (n_dims,).

        :meth:`decode` draws from it. A limited encoding moves a mixture beyond the limit within it, and an encoding
        without points between architectures takes the nearest ratio that a cell can have.

        Raises
        ------
        ValueError
            If the mixture has another shape than ``mixture_shape``, or its rows are no probabilities.
        """
        values = np.asarray(mixture, dtype=np.float64)
        if values.shape != self.mixture_shape or (values < 0).any() or (np.abs(values.sum(axis=-1) - 1) > 1e-6).any():
            raise ValueError(
                f"Expected a mixture of shape {self.mixture_shape} whose rows are probabilities, got {mixture!r}."
            )
        return self._from_mixture(values)

    def from_distribution(self, distribution: OperationDistribution, random_state: RandomState = None) -> Point:
        """Return a point with the distribution, shape (n_dims,), drawn at random where there are several."""
        return self._from_distribution(self.space_.feasible(distribution), as_generator(random_state))

    def neighbours(
        self, point: ArrayLike, n: int | None = None, random_state: RandomState = None
    ) -> NDArray[np.float64]:
        """Return the points one smallest move away.

        Parameters
        ----------
        point : array-like of shape (n_dims,)
        n : int or None, default=None
            The most points, drawn at random; a long cell has thousands. None returns all of them, in a fixed order.
        random_state : int, Generator, RandomState or None, default=None
            Decides which ones are drawn.

        Returns
        -------
        neighbours : ndarray of shape (n_neighbours, n_dims)
        """
        made = self._neighbours(self._check(point), None if n is None else as_generator(random_state))
        return np.array(list(islice(made, n))).reshape(-1, self.n_dims)

    def features(self, points: ArrayLike) -> dict[str, NDArray[np.float64]]:
        """Return the coordinates by which a model compares points.

        Returns
        -------
        parts : dict of str to ndarray of shape (n_points, n_features)
            Each part describes the points in its own way and on its own scale; a model weighs the parts.
        """
        return self._features(self._check_all(points))

    def keys(self, points: ArrayLike) -> list[bytes]:
        """Return a key for each point; it is empty where there is no path from input to output.

        The architectures of points with equal keys compute the same function of their input, weights aside.
        """
        return self._keys(self._check_all(points))

    def points(self, limit: int) -> NDArray[np.float64] | None:
        """List all points on the lattice of the bound length, shape (n_points, n_dims).

        None if there may be more than `limit`. This is found out before any point is made, so it takes no time in a
        large space.
        """
        return self._points(limit)

    def n_architectures(self, points: ArrayLike) -> NDArray[np.float64]:
        """Count the architectures of each point, or bound their number from below, shape (n_points,)."""
        return self._n_architectures(self._check_all(points))

    def _check_all(self, points: ArrayLike) -> NDArray[np.float64]:
        values = np.asarray(points, dtype=np.float64)
        if values.ndim != 2 or values.shape[1] != self.n_dims or not np.isfinite(values).all():
            raise ValueError(
                f"Expected points of shape (n_points, {self.n_dims}), all finite; got shape {values.shape}."
            )
        return values

    def _check(self, point: ArrayLike) -> Point:
        values = np.asarray(point, dtype=np.float64)
        if values.shape != (self.n_dims,) or not np.isfinite(values).all():
            raise ValueError(f"Expected a point of {self.n_dims} finite coordinates, got {point!r}.")
        return values


class ScalarEncoding(Encoding):
    """Another encoding for spaces with scalars: the place of each on its scale, from 0 to 1, follows the other's point.

    :meth:`Encoding.bind` puts it around any encoding where the space has scalars, so that there is seldom a need to
    name it. Operations and scalars move one at a time. Random points have random scalars; the point of a mixture has
    the usual ones. A model finds the places as the part "scalars" of the features.

    Parameters
    ----------
    encoding : Encoding
        The encoding of the cells; not bound.

    See Also
    --------
    skopdist.Scalar : A name, a range and a scale.

    Examples
    --------
    >>> from skopdist import Scalar
    >>> from skopdist.encodings import DistributionEncoding
    >>> from skopdist.spaces import NASBench201Space
    >>> space = NASBench201Space(scalars=[Scalar("lr", 0.001, 0.1, log=True)])
    >>> encoding = DistributionEncoding().bind(space)
    >>> encoding
    ScalarEncoding(encoding=DistributionEncoding())
    >>> point = encoding.from_distribution(space.uniform(), random_state=0)
    >>> point.round(3)
    array([0.2  , 0.2  , 0.2  , 0.2  , 0.2  , 0.637])
    >>> encoding.decode(point, random_state=0).settings
    (('lr', 0.0188),)
    """

    _has_scalars: ClassVar[bool] = True

    def __init__(self, encoding: Encoding) -> None:
        self.encoding = encoding

    def _prepare(self) -> None:
        self.inner_ = self.encoding.bind(self.space_.without_scalars(), self.length_)
        self._scalars = self.space_.scalar_ranges

    def _cells(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the coordinates of the cells, of one point or of many."""
        return points[..., : self.inner_.n_dims]

    def _units(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the coordinates of the scalars, of one point or of many."""
        return points[..., self.inner_.n_dims :]

    def _with_units(self, point: Point, values: tuple[float, ...]) -> Point:
        return np.append(point, [scalar.unit(value) for scalar, value in zip(self._scalars, values, strict=True)])

    def _values(self, units: NDArray[np.float64]) -> tuple[float, ...]:
        return tuple(scalar.value(unit) for scalar, unit in zip(self._scalars, units.tolist(), strict=True))

    def _n_dims(self) -> int:
        return self.inner_.n_dims + len(self._scalars)

    def _encode(self, architecture: Architecture) -> Point:
        point = self.inner_._encode(replace(architecture, settings=()))
        return self._with_units(point, tuple(value for _, value in architecture.settings))

    def _decode(self, point: Point, rng: np.random.Generator) -> Architecture:
        names = [scalar.name for scalar in self._scalars]
        settings = tuple(zip(names, self._values(self._units(point)), strict=True))
        return replace(self.inner_._decode(self._cells(point), rng), settings=settings)

    def _distribution(self, point: Point) -> OperationDistribution:
        return self.inner_._distribution(self._cells(point))

    def _from_distribution(self, distribution: OperationDistribution, rng: np.random.Generator) -> Point:
        point = self.inner_._from_distribution(distribution, rng)
        return self._with_units(point, self._values(rng.random(len(self._scalars))))

    def _mixture_shape(self) -> tuple[int, ...]:
        return self.inner_._mixture_shape()

    def _mixture(self, point: Point) -> NDArray[np.float64]:
        return self.inner_._mixture(self._cells(point))

    def _from_mixture(self, mixture: NDArray[np.float64]) -> Point:
        return self._with_units(self.inner_._from_mixture(mixture), tuple(scalar.usual for scalar in self._scalars))

    def _neighbours(self, point: Point, rng: np.random.Generator | None) -> Iterator[Point]:
        units = self._units(point)
        values = self._values(units)
        moved = [
            self._with_units(self._cells(point), (*values[:i], value, *values[i + 1 :]))
            for i, scalar in enumerate(self._scalars)
            for value in scalar.neighbours(values[i])
        ]
        scalars = (moved[i] for i in in_order(len(moved), rng))
        cells = (np.append(cell, units) for cell in self.inner_._neighbours(self._cells(point), rng))
        # In turn, so that a few of them are of both kinds.
        turns = chain.from_iterable(zip_longest(scalars, cells))
        return (neighbour for neighbour in turns if neighbour is not None)

    def _features(self, points: NDArray[np.float64]) -> dict[str, NDArray[np.float64]]:
        return self.inner_._features(self._cells(points)) | {"scalars": self._units(points)}

    def _keys(self, points: NDArray[np.float64]) -> list[bytes]:
        keys, units = self.inner_._keys(self._cells(points)), np.round(self._units(points), 9) + 0.0
        return [key + unit.tobytes() if key else b"" for key, unit in zip(keys, units, strict=True)]

    def _points(self, limit: int) -> NDArray[np.float64] | None:
        # What lies between two numbers is not listed.
        return None

    def _n_architectures(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        return self.inner_._n_architectures(self._cells(points))


def point_key(point: Point) -> bytes:
    """Return a key that is equal for equal points."""
    # Rounded, for 0.1 + 0.2 and 0.3 are the same point; + 0.0 turns -0.0 into 0.0.
    return (np.round(point, 9) + 0.0).tobytes()


def _fixed_generator() -> np.random.Generator:
    # Questions about a point have one answer, whenever they are asked.
    return np.random.default_rng(0)
