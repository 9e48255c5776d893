"""The abstract encoding: the point that a strategy moves."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, clone

from skopdist._random import RandomState, as_generator
from skopdist.architecture import Architecture
from skopdist.distribution import OperationDistribution, check_length
from skopdist.spaces import SearchSpace

Point = NDArray[np.float64]


class Encoding(BaseEstimator, ABC):
    """A coordinate system on the architectures of a space, bound to it by :meth:`bind`.

    Strategies are written against this interface alone, so any of them runs on any encoding;
    ``skopdist.testing.check_encoding`` is the contract that a new one has to meet.
    """

    space_: SearchSpace
    length_: int

    @abstractmethod
    def _prepare(self) -> None:
        """Set up whatever a bound encoding needs; ``space_`` and ``length_`` are there."""

    @abstractmethod
    def _n_dims(self) -> int:
        """Give the length of a point."""

    @abstractmethod
    def _encode(self, architecture: Architecture) -> Point:
        """Give the point of an architecture of the bound length."""

    @abstractmethod
    def _decode(self, point: Point, rng: np.random.Generator) -> Architecture:
        """Give an architecture at the point, drawn where there are several."""

    @abstractmethod
    def _distribution(self, point: Point) -> OperationDistribution:
        """Give the operation distribution of the point."""

    @abstractmethod
    def _from_distribution(self, distribution: OperationDistribution, rng: np.random.Generator) -> Point:
        """Give a point with the distribution, drawn where there are several."""

    @abstractmethod
    def _mixture(self, point: Point) -> NDArray[np.float64]:
        """Give the probabilities of the operations, one row for all slots or one for each."""

    @abstractmethod
    def _from_mixture(self, mixture: NDArray[np.float64]) -> Point:
        """Give the point that stands for all draws from the mixture."""

    @abstractmethod
    def _mixture_shape(self) -> tuple[int, ...]:
        """Give the shape of the mixture of a point; the last axis is that of the operations."""

    @abstractmethod
    def _neighbours(self, point: Point, rng: np.random.Generator | None) -> Iterator[Point]:
        """Make all points one smallest move away, one by one: in a fixed order, or in a random one by a generator."""

    @abstractmethod
    def _features(self, points: NDArray[np.float64]) -> dict[str, NDArray[np.float64]]:
        """Give the coordinates by which a model compares points, as named parts."""

    @abstractmethod
    def _keys(self, points: NDArray[np.float64]) -> list[bytes]:
        """Give the same key to points that are as good as one; an empty one to those that cannot be trained."""

    @abstractmethod
    def _points(self, limit: int) -> NDArray[np.float64] | None:
        """List all points, or give None if there are more than `limit`."""

    @abstractmethod
    def _n_architectures(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """Count the architectures that :meth:`_decode` may draw at each point, or bound them from below."""

    def bind(self, space: SearchSpace, length: int | None = None) -> Self:
        """Give a copy of this encoding for the cells of `length` operations of a space.

        Parameters
        ----------
        space : SearchSpace
        length : int or None, default=None
            None takes the space's default.
        """
        length = space.default_length if length is None else length
        check_length(length)
        bound: Self = clone(self)
        bound.space_, bound.length_ = space, int(length)
        bound._prepare()
        return bound

    @property
    def n_dims(self) -> int:
        """Length of a point."""
        return self._n_dims()

    def encode(self, architecture: Architecture) -> Point:
        """Give the point of an architecture, shape (n_dims,).

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
        """Give an architecture at the point, drawn at random where there are several."""
        return self._decode(self._check(point), as_generator(random_state))

    def distribution(self, point: ArrayLike) -> OperationDistribution:
        """Give the operation distribution of the point."""
        return self._distribution(self._check(point))

    def mixture(self, point: ArrayLike) -> NDArray[np.float64]:
        """Give the probabilities of the operations at the point, of which an architecture is one draw.

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
        """Give the point between architectures that stands for all draws from a mixture, shape (n_dims,).

        :meth:`decode` draws from it. Where the encoding is limited, a mixture beyond the limit is moved within it.

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
        """Give a point with the distribution, shape (n_dims,), drawn at random where there are several."""
        self.space_.check_distribution(distribution)
        return self._from_distribution(distribution, as_generator(random_state))

    def neighbours(
        self, point: ArrayLike, n: int | None = None, random_state: RandomState = None
    ) -> NDArray[np.float64]:
        """Give the points one smallest move away.

        Parameters
        ----------
        point : array-like of shape (n_dims,)
        n : int or None, default=None
            At most so many, drawn at random; of a long cell there are thousands. None gives all of them, in a fixed
            order.
        random_state : int, Generator, RandomState or None, default=None
            For the draw.

        Returns
        -------
        neighbours : ndarray of shape (n_neighbours, n_dims)
        """
        made = self._neighbours(self._check(point), None if n is None else as_generator(random_state))
        return np.array(list(islice(made, n))).reshape(-1, self.n_dims)

    def features(self, points: ArrayLike) -> dict[str, NDArray[np.float64]]:
        """Give the coordinates by which a model compares points.

        Returns
        -------
        parts : dict of str to ndarray of shape (n_points, n_features)
            Each part is a view of its own on the points, with its own scale: a model weighs them.
        """
        return self._features(self._check_all(points))

    def keys(self, points: ArrayLike) -> list[bytes]:
        """Give a key for each point, equal for those whose architectures are the same expression, weights aside.

        The key is empty where there is no path from input to output.
        """
        return self._keys(self._check_all(points))

    def points(self, limit: int) -> NDArray[np.float64] | None:
        """List all points on the lattice of the bound length, shape (n_points, n_dims).

        None if there are more than `limit`; how many there are is known before any is made.
        """
        return self._points(limit)

    def n_architectures(self, points: ArrayLike) -> NDArray[np.float64]:
        """Count, or bound from below, how many architectures each point stands for, shape (n_points,)."""
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


def in_order(n: int, rng: np.random.Generator | None) -> Iterable[int]:
    """Give the first n numbers as they are, or shuffled by a generator."""
    return range(n) if rng is None else rng.permutation(n).tolist()
