"""The data of a fit, prepared once: rows in an order of their own, weights, split, statistics, fingerprint."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from numbers import Real
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from skopdist._columns import Columns
from skopdist._scaling import Scaling, find_scaling
from skopdist._splitting import Splitter, group_indices, hold_out, hold_out_groups, make_folds, split_by

__all__ = ["Problem", "Samples"]

# Rows are read in blocks of about so many bytes: of double precision, whatever the rows themselves are.
_BLOCK = 2**22
# Fewer rows are told apart by their copies than would fill a machine's memory.
_MOST_COPIES = 10_000_000
# Weights beyond two to this power, or below its inverse, are brought there: with products and sums of them all fits.
_EXPONENT = 400
# Too few distinct rows to hold some of them out whole.
_FEWEST_DISTINCT = 32


@dataclass(frozen=True, eq=False, repr=False)
class Samples:
    """Some rows of the data, by their index: nothing is copied.

    Attributes
    ----------
    X : ndarray of shape (n_given, *sample_shape)
        All rows, as they were given.
    y : ndarray of shape (n_given,)
        Their class indices, int64.
    rows : ndarray of shape (n,)
        Indices of the rows that are meant, which may repeat.
    weight : ndarray of shape (n,)
        Positive float64, one for each of `rows`.
    columns : Columns or None, default=None
        What the columns of flat samples are, where they are not numbers alone.
    """

    X: NDArray[Any]
    y: NDArray[np.int64]
    rows: NDArray[np.intp]
    weight: NDArray[np.float64]
    columns: Columns | None = None

    def __len__(self) -> int:
        return len(self.rows)

    def __repr__(self) -> str:
        return f"Samples({len(self)} of {len(self.X)} rows, {self.X.shape[1:]})"

    def __sizeof__(self) -> int:
        return object.__sizeof__(self) + sum(array.nbytes for array in (self.X, self.y, self.rows, self.weight))

    def take(self, indices: NDArray[np.intp]) -> Self:
        """Return some of these rows."""
        return replace(self, rows=self.rows[indices], weight=self.weight[indices])

    @classmethod
    def join(cls, parts: Sequence[Self]) -> Self:
        """Return the rows of several parts of the same data, one after the other."""
        rows, weight = (np.concatenate([getattr(part, name) for part in parts]) for name in ("rows", "weight"))
        return replace(parts[0], rows=rows, weight=weight)

    def first(self, n: int) -> Self:
        """Return the first `n` of these rows, or all of them if there are no more.

        The order of a problem's rows is as good as random.
        """
        return self if n >= len(self) else self.take(np.arange(n))

    def inputs(self, indices: Any = slice(None)) -> NDArray[Any]:
        """Copy the inputs of some of these rows, shape (n, *sample_shape)."""
        # In one order of memory, by which the last bits of sums may depend.
        return np.ascontiguousarray(self.X[self.rows[indices]])

    def labels(self, indices: Any = slice(None)) -> NDArray[np.int64]:
        """Copy the class indices of some of these rows, shape (n,)."""
        return self.y[self.rows[indices]]

    @property
    def relative_weight(self) -> NDArray[np.float64] | None:
        """Weights with a mean of 1; None if all are equal, so that nothing need be multiplied."""
        return None if np.ptp(self.weight) == 0 else self.weight / self.weight.mean()

    def blocks(self) -> Iterator[tuple[NDArray[np.float64], NDArray[np.float64]]]:
        """Yield numbers in double precision, shape (m, channels, positions), and weights, in blocks of bounded size."""
        step = rows_of_bytes(self.X.shape)
        for start in range(0, len(self), step):
            part = slice(start, start + step)
            block = self.inputs(part)
            if self.columns is not None:
                block = self.columns.take_numbers(block)
            yield block.reshape(*block.shape[:2], -1).astype(np.float64, copy=False), self.weight[part]

    def level_weights(self) -> NDArray[np.float64]:
        """Sum the weights of the rows by the levels of their categories; see :meth:`Columns.count_levels`."""
        if self.columns is None:
            return np.empty(0)
        step = rows_of_bytes(self.X.shape)
        parts = [slice(start, start + step) for start in range(0, len(self), step)]
        return np.sum([self.columns.count_levels(self.inputs(part), self.weight[part]) for part in parts], axis=0)

    @cached_property
    def scaling(self) -> Scaling:
        """Statistics of these rows, by which inputs are scaled before they enter a network."""
        return find_scaling(self)


@dataclass(frozen=True, eq=False, repr=False)
class _Given:
    """The rows in the order in which they were given, as a splitter of the user's must see them.

    `places` says which of the `distinct` rows each of them is, -1 for rows without weight.
    """

    y: NDArray[Any]
    groups: NDArray[Any] | None
    weight: NDArray[np.float64]
    places: NDArray[np.intp]
    distinct: NDArray[np.intp]

    def take(self, indices: NDArray[np.intp]) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
        """Return some of these rows, merged as those of the problem are, and their weights."""
        indices = indices[self.places[indices] >= 0]
        totals = np.zeros(len(self.distinct))
        np.add.at(totals, self.places[indices], self.weight[indices])
        there = np.flatnonzero(totals)
        return _observations(self.distinct[there], totals[there])


@dataclass(frozen=True, eq=False, repr=False)
class Problem:
    """The data of a fit: immutable, made once, and only handed down.

    The data count as a weighted set. Equal rows of the same class are one row with the sum of their weights, in an
    order that does not depend on the given one. So a weight of two is the same as a row that is there twice, and no
    copy of a training row is held out.

    Where fewer than half of the rows are distinct, as in a table of a few categories, equal rows are observations of
    their own instead: what is held out then are some of the copies, and not whole patterns. Weights that are integers
    count as copies here; from 32 distinct rows on, they are divided by their greatest common divisor before.

    With groups, equal rows of different groups are different rows, and whole groups are held out.

    Attributes
    ----------
    everything : Samples
        All rows.
    training : Samples
        The rows that trials train on.
    held_out : Samples
        The rows that trials are scored on.
    classes : ndarray of shape (n_classes,)
        The labels, sorted; ``y`` holds indices into them.
    class_weight : ndarray of shape (n_classes,)
        By what a training multiplies the weights of a class; scores do not.
    groups : ndarray of shape (n_given,) or None
        The index of each row's group.
    fingerprint : str
        Equal for equal data, whatever their order.

    Examples
    --------
    >>> import numpy as np
    >>> from skopdist.problem import Problem
    >>> X, y = np.array([[0.0], [1.0], [2.0], [3.0], [0.0]]), np.array(["a", "b", "a", "b", "a"])
    >>> problem = Problem.of(X, y).split(seed=0)
    >>> len(problem.everything), float(problem.everything.weight.sum())
    (4, 5.0)
    >>> len(problem.training), len(problem.held_out)
    (2, 2)
    """

    everything: Samples
    training: Samples
    held_out: Samples
    classes: NDArray[Any]
    class_weight: NDArray[np.float64]
    groups: NDArray[np.int64] | None
    fingerprint: str
    given: _Given

    @classmethod
    def of(
        cls,
        X: NDArray[Any],
        y: NDArray[Any],
        sample_weight: NDArray[np.float64] | None = None,
        class_weight: Mapping[Any, float] | str | None = None,
        groups: ArrayLike | None = None,
        levels: Sequence[Sequence[Any] | None] | None = None,
    ) -> Self:
        """Make a problem in which nothing is held out yet.

        Parameters
        ----------
        X : ndarray of shape (n, *sample_shape)
            Finite numbers; numbers of flat samples may be missing, as NaN, and NaN stands behind the ends of series. It
            is kept as it is, and must not change.
        y : ndarray of shape (n,)
            Class labels.
        sample_weight : ndarray of shape (n,) or None, default=None
            Not negative. A row of weight 0 counts as not being there, and so does its class.
        class_weight : mapping, "balanced" or None, default=None
            By what trainings multiply the weights of a class. "balanced" makes the weights of all classes equal.
        groups : array-like of shape (n,) or None, default=None
            The group of each row, such as the person that it was measured at: integers, strings or other values that
            can be sorted.
        levels : sequence of sequence or None, default=None
            The levels of the categories among the columns of flat samples, which are codes in X, and None for numbers;
            None takes all for numbers. See :class:`~skopdist._columns.Columns`.

        Raises
        ------
        ValueError
            If fewer than two classes have a weight, or a class weight is no finite number, negative or for an unknown
            class, or fewer than two groups have a weight, or groups are missing.
        """
        n = len(y)
        weight = np.ones(n) if sample_weight is None else _in_range(np.asarray(sample_weight, dtype=np.float64))
        used = np.flatnonzero(weight > 0)
        if not len(used):
            raise ValueError("All sample weights are zero, so no sample is left to learn from.")
        classes, labels = np.unique(y[used], return_inverse=True)
        if len(classes) < 2:
            raise ValueError(
                f"The data must have at least two classes, but y has only one class: {classes.tolist()}; "
                "there is nothing to tell apart."
            )
        factors = _class_factors(class_weight, classes, np.bincount(labels.ravel(), weight[used]))
        indices = np.zeros(n, dtype=np.int64)
        indices[used] = labels.ravel()
        names, members = (None, None) if groups is None else group_indices(groups, n, used)
        digests = _digests(X, indices, members, used)
        # The weights last, so that the sum of equal rows' weights does not depend on the order either.
        order = np.lexsort((weight[used], digests[:, 1], digests[:, 0]))
        digests = digests[order]
        is_start = np.r_[True, (digests[1:] != digests[:-1]).any(axis=1)]
        starts = np.flatnonzero(is_start)
        totals = np.add.reduceat(weight[used][order], starts)
        rows = used[order[starts]]
        columns = Columns.of(X, used, None if levels is None else [len(known or ()) for known in levels])
        text = repr((X.shape[1:], classes.tolist(), factors.tolist()))
        if any(levels or ()):
            text += repr(levels)
        hashed = hashlib.blake2b(text.encode(), digest_size=16)
        hashed.update(digests[starts].tobytes())
        hashed.update((totals / totals.max()).tobytes())
        places = np.full(n, -1, dtype=np.intp)
        places[used[order]] = np.cumsum(is_start) - 1
        given = _Given(y, names, weight, places, rows)
        everything = Samples(X, indices, *_observations(rows, totals), columns)
        nothing = everything.take(np.empty(0, dtype=np.intp))
        return cls(everything, everything, nothing, classes, factors, members, hashed.hexdigest(), given)

    @property
    def sample_shape(self) -> tuple[int, ...]:
        """Shape of one sample, the channels (or features) first."""
        return self.everything.X.shape[1:]

    @property
    def columns(self) -> Columns | None:
        """The kinds of the columns of flat samples, where they are not numbers alone."""
        return self.everything.columns

    @property
    def n_spatial(self) -> int:
        """Number of dimensions behind the channels: 2 for images, 1 for series, 0 for flat input."""
        return len(self.sample_shape) - 1

    def split(self, validation: float | Splitter | None = None, seed: int = 0) -> Self:
        """Return the same problem with a part of the rows held out.

        Without groups the part is stratified by class: a class with two rows or more has one on either side at least,
        and a single row is trained on. With groups whole groups are held out, such that the share of each class is as
        near to the wanted one as groups allow and every class keeps rows to train on.

        A splitter is asked for its first split of the rows as they were given. It alone decides, also about copies of
        a row: equal rows on the same side are one row with the sum of their weights, as elsewhere, but copies may be
        on either side. Rows of weight 0 count for the splitter and are then left out, and rows in neither of its parts
        are left out of all trials.

        Parameters
        ----------
        validation : float, splitter or None, default=None
            The share that is held out, or an object with a method ``split(X, y, groups)`` such as scikit-learn's
            splitters; None takes a quarter.
        seed : int, default=0
            Also the seed of a splitter whose ``random_state`` is None.

        Raises
        ------
        ValueError
            If nothing can be held out: no class has two rows, each group holds all rows of a class, a share leaves
            either part fewer rows than there are classes, or a splitter leaves a class without rows to train on or
            holds out none.
        """
        if isinstance(validation, Splitter):
            return self._split_by(validation, seed)
        labels, n_classes = self.everything.labels(), len(self.classes)
        if self.groups is None:
            trained, held_out = hold_out(labels, validation, n_classes, seed)
        else:
            groups = self.groups[self.everything.rows]
            trained, held_out = hold_out_groups(labels, groups, validation, n_classes, seed)
        return replace(self, training=self.everything.take(trained), held_out=self.everything.take(held_out))

    def thinned(self, n: int) -> Self:
        """Return the same problem with fewer rows to train on, about `n`, stratified by class.

        Each class keeps one row at least. The rows are the first of each class, whose order is as good as random.
        """
        labels = self.training.labels()
        counts = np.bincount(labels, minlength=len(self.classes))
        kept = np.maximum(np.rint(counts * (n / len(labels))), 1).astype(np.intp)
        # The place of each row among those of its class.
        order = np.argsort(labels, kind="stable")
        places = np.empty(len(labels), dtype=np.intp)
        places[order] = np.arange(len(labels)) - np.repeat(np.cumsum(counts) - counts, counts)
        return replace(self, training=self.training.take(np.flatnonzero(places < kept[labels])))

    def folds(self, n: int, seed: int = 0) -> list[Self]:
        """Return the same problem with other rows held out, such that each row is held out at most once.

        The folds are stratified by class; a row that is the only one of its class is always trained on. With groups,
        whole groups are held out. Where there is less to hold out than `n` folds need, there are fewer.

        Parameters
        ----------
        n : int
            The most folds.
        seed : int, default=0
        """
        everything = self.everything
        labels = everything.labels()
        groups = None if self.groups is None else self.groups[everything.rows]
        return [
            replace(self, training=everything.take(trained), held_out=everything.take(held_out))
            for trained, held_out in make_folds(labels, groups, n, seed)
        ]

    def _split_by(self, splitter: Splitter, seed: int) -> Self:
        parts = split_by(splitter, self.everything.X, self.given.y, self.given.groups, seed)
        training, held_out = (
            replace(self.everything, rows=rows, weight=weight) for rows, weight in map(self.given.take, parts)
        )
        if not len(held_out):
            raise ValueError(
                f"validation_fraction={splitter!r} holds out no row with a weight in its first split: expected one at "
                "least, by which trials are scored."
            )
        counts = np.bincount(training.labels(), minlength=len(self.classes))
        if not counts.all():
            missing = self.classes[counts == 0].tolist()
            raise ValueError(
                f"validation_fraction={splitter!r} leaves no row of the classes {missing} to train on in its first "
                "split: each class needs one at least."
            )
        return replace(self, training=training, held_out=held_out)

    def fingerprint_for(self, validation: float | Splitter | None) -> str:
        """Return what identifies the data under a rule of holding out: a splitter depends on the order of rows too."""
        if not isinstance(validation, Splitter):
            return self.fingerprint
        hashed = hashlib.blake2b(self.fingerprint.encode(), digest_size=16)
        hashed.update(self.given.places.tobytes())
        hashed.update(self.given.weight.tobytes())
        return hashed.hexdigest()

    def __sizeof__(self) -> int:
        # Dask and ray ask for it: what is large they send to a worker once, and not with each trial.
        return object.__sizeof__(self) + self.everything.__sizeof__()

    def __repr__(self) -> str:
        shape, classes = self.everything.X.shape, len(self.classes)
        return f"Problem({len(self.everything)} rows of {shape[0]}, {self.sample_shape}, {classes} classes)"

    def loss_weight(self, samples: Samples) -> NDArray[np.float64] | None:
        """Return the weights of the losses while training on some rows, with a mean of 1; None if all are equal."""
        return replace(samples, weight=samples.weight * self.class_weight[samples.labels()]).relative_weight


def rows_of_bytes(shape: tuple[int, ...], size: int = _BLOCK) -> int:
    """Count the rows of data of a shape that take about `size` bytes in double precision, one at least."""
    return max(1, size // max(8 * int(np.prod(shape[1:])), 1))


def _class_factors(
    class_weight: Mapping[Any, float] | str | None, classes: NDArray[Any], totals: NDArray[Any]
) -> NDArray[np.float64]:
    """Return what the weights of each class are multiplied by, shape (n_classes,)."""
    if class_weight is None:
        return np.ones(len(classes))
    if isinstance(class_weight, str) and class_weight == "balanced":
        # scikit-learn's own balance counts samples; here a weight of two is the same as two samples.
        with np.errstate(over="ignore"):
            return np.minimum(totals.sum() / (len(classes) * totals), 2.0**_EXPONENT)
    if not isinstance(class_weight, Mapping):
        raise ValueError(f"class_weight must be a mapping, 'balanced' or None, got {class_weight!r}.")
    labels = classes.tolist()
    unknown = [label for label in class_weight if label not in labels]
    missing = [label for label in labels if label not in class_weight]
    # As in scikit-learn: a class that one fold lacks is no mistake, a label beside one without a weight may be one.
    if unknown and missing:
        raise ValueError(f"class_weight has weights for {unknown}, but none for the classes {missing} of y.")
    factors = np.array([class_weight.get(label, 1.0) for label in labels], dtype=object)
    for label, value in zip(labels, factors, strict=True):
        if not _is_weight(value):
            raise ValueError(
                f"class_weight must hold finite numbers that are not negative, got {value!r} for the class {label!r}."
            )
    if not factors.any():
        raise ValueError("class_weight is zero for all classes of y, so no sample is left to learn from.")
    return _in_range(factors.astype(np.float64))


def _is_weight(value: Any) -> bool:
    try:
        return isinstance(value, Real) and 0 <= float(value) < np.inf
    except OverflowError:
        return False


def _in_range(weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return weights in the same proportions, the largest of which is neither too large nor too small to be summed."""
    exponent = int(np.frexp(weights.max(initial=0.0))[1])
    wanted = int(np.clip(exponent, -_EXPONENT, _EXPONENT))
    return weights if wanted == exponent else np.ldexp(weights, wanted - exponent)


def _digests(
    X: NDArray[Any], labels: NDArray[np.int64], groups: NDArray[np.int64] | None, rows: NDArray[np.intp]
) -> NDArray[np.uint64]:
    """Hash the values, class and group of some rows to 128 bits, shape (n, 2), whatever type the values have."""
    width = int(np.prod(X.shape[1:]))
    with np.errstate(over="ignore"):
        keys = _mix(np.arange(1, width + 1, dtype=np.uint64))
        digests = np.empty((len(rows), 2), dtype=np.uint64)
        step = rows_of_bytes(X.shape, 2**20)
        for start in range(0, len(rows), step):
            part = rows[start : start + step]
            # Adding zero turns -0.0, which equals 0.0, into it.
            values = X[part].reshape(len(part), width).astype(np.float64) + 0.0
            # What is missing is equal, whatever its bits are.
            values[np.isnan(values)] = np.nan
            mixed = _mix(values.view(np.uint64) + keys)
            tags = _mix(labels[part].astype(np.uint64))
            if groups is not None:
                tags = _mix(tags + groups[part].astype(np.uint64))
            digests[start : start + step, 0] = mixed.sum(axis=1) + tags
            digests[start : start + step, 1] = (mixed * (keys | np.uint64(1))).sum(axis=1) ^ tags
    return digests


def _mix(values: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Scramble 64 bits (the finaliser of splitmix64)."""
    mixed = values + np.uint64(0x9E3779B97F4A7C15)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return mixed ^ (mixed >> np.uint64(31))


def _observations(rows: NDArray[np.intp], totals: NDArray[np.float64]) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """Return distinct rows and weights as they are, or each copy as a row if fewer than half of these are distinct."""
    if not len(rows) or totals.max() > 2.0**53 or (totals != np.rint(totals)).any():
        return rows, totals
    counts = totals.astype(np.int64)
    # Equal weights of many rows say nothing of copies; few rows that are all there equally often are a balanced table.
    if len(rows) >= _FEWEST_DISTINCT:
        counts //= np.gcd.reduce(counts)
    n_rows = int(counts.sum())
    return (np.repeat(rows, counts), np.ones(n_rows)) if 2 * len(rows) < n_rows <= _MOST_COPIES else (rows, totals)
