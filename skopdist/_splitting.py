"""Rules by which rows are held out: by class, by whole groups, or by a splitter of scikit-learn."""

from __future__ import annotations

import copy
import os
from typing import Any, Protocol, TypeAlias, runtime_checkable

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import PredefinedSplit
from sklearn.utils._param_validation import HasMethods

from skopdist._input import unmasked, without_tensors

__all__ = [
    "Parts",
    "Splitter",
    "SplitterConstraint",
    "group_indices",
    "hold_out",
    "hold_out_groups",
    "make_folds",
    "split_by",
]

_HELD_OUT = 0.25
# Random orders of the groups that are tried; fewer where there are many groups, which any order balances well.
_ORDERS, _STEPS = 50, 20_000

Parts: TypeAlias = tuple[NDArray[np.intp], NDArray[np.intp]]


@runtime_checkable
class Splitter(Protocol):
    """An object that splits rows as scikit-learn's splitters do, such as ``GroupShuffleSplit``."""

    def split(self, X: Any, y: Any = None, groups: Any = None) -> Any:
        """Yield indices of the rows to train on and of the rows that are held out."""


class SplitterConstraint(HasMethods):
    """A parameter may be a splitter. Texts, paths and classes are none, although some have a method of that name."""

    def __init__(self) -> None:
        super().__init__("split")

    def is_satisfied_by(self, val: Any) -> bool:
        """Return whether a value is a splitter."""
        return not isinstance(val, str | bytes | os.PathLike | type) and super().is_satisfied_by(val)

    def __str__(self) -> str:
        return "a splitter of scikit-learn (an object such as GroupKFold(5), or PredefinedSplit(folds) of your own)"


def hold_out(labels: NDArray[np.int64], fraction: float | None, n_classes: int, seed: int) -> Parts:
    """Return the indices of the rows to train and to validate on, stratified by class.

    Raises
    ------
    ValueError
        If no class has two rows, or `fraction` leaves either part fewer rows than there are classes.
    """
    counts = np.bincount(labels, minlength=n_classes)
    shared = np.flatnonzero(counts >= 2)
    if not len(shared):
        raise ValueError(
            f"None of the {n_classes} classes has two distinct samples, one to train on and one to validate on: "
            "add samples."
        )
    total = int(counts[shared].sum())
    wanted = int(np.ceil(total * (_HELD_OUT if fraction is None else fraction)))
    if fraction is not None and min(wanted, total - wanted) < len(shared):
        raise ValueError(
            f"validation_fraction={fraction} of {total} distinct samples leaves {total - wanted} to train on and "
            f"{wanted} to validate on, but both need one for each of the {len(shared)} classes at least: "
            "change validation_fraction, add samples, or leave rare classes out."
        )
    quotas = counts[shared] * wanted / total
    n_valid = np.floor(quotas).astype(np.intp)
    n_valid[np.argsort(n_valid - quotas, kind="stable")[: wanted - n_valid.sum()]] += 1
    rng = np.random.default_rng(seed)
    by_class = np.split(np.argsort(labels, kind="stable"), np.cumsum(counts)[:-1])
    held_out = np.zeros(len(labels), dtype=bool)
    for label, n in zip(shared, np.clip(n_valid, 1, counts[shared] - 1), strict=True):
        held_out[rng.permutation(by_class[label])[:n]] = True
    return np.flatnonzero(~held_out), np.flatnonzero(held_out)


def make_folds(labels: NDArray[np.int64], groups: NDArray[np.int64] | None, n: int, seed: int) -> list[Parts]:
    """Return up to `n` pairs of the rows to train and to validate on, `n` >= 2; each row is held out at most once.

    The rows of a class, or whole groups, are dealt out to the folds in turn. The only row of a class, or a group with
    all rows of a class, is never held out.
    """
    rng = np.random.default_rng(seed)
    if groups is None:
        counts = np.bincount(labels)
        order = rng.permutation(len(labels))
        order = order[np.argsort(labels[order], kind="stable")]
        units, dealt = np.arange(len(labels)), order[counts[labels[order]] > 1]
    else:
        units, table = _count_by_group(labels, groups, int(labels.max()) + 1)
        # By the class that most of a group is of, so that each fold has some of it; larger groups first.
        order = rng.permutation(len(table))
        order = order[np.lexsort((-table.sum(axis=1)[order], table.argmax(axis=1)[order]))]
        dealt = order[(table[order] < table.sum(axis=0)).all(axis=1)]
    folds = np.full(int(units.max()) + 1, -1)
    folds[dealt] = np.arange(len(dealt)) % n
    parts = []
    for fold in range(n):
        held_out = (folds == fold)[units]
        if groups is not None:
            # Several groups may hold all of a class together: those stay.
            lacking = np.bincount(labels[~held_out], minlength=table.shape[1]) == 0
            held_out &= ~np.isin(units, units[lacking[labels]])
        if held_out.any():
            parts.append((np.flatnonzero(~held_out), np.flatnonzero(held_out)))
    return parts


def group_indices(groups: Any, n: int, used: NDArray[np.intp]) -> tuple[NDArray[Any], NDArray[np.int64]]:
    """Return the names of the groups, one for each row, and their indices in sorted order, 0 for rows without weight.

    Raises
    ------
    ValueError
        If there is not one name for each row, or names are missing or cannot be sorted, or all rows are one group.
    """
    groups = unmasked("groups", without_tensors("groups", groups))
    try:
        names = np.asarray(groups)
    except ValueError as error:
        raise ValueError(f"groups must hold one group for each of the {n} rows, but it holds sequences.") from error
    if names.shape != (n,):
        raise ValueError(f"groups must hold one group for each of the {n} rows, got an array of shape {names.shape}.")
    there = names[used]
    try:
        # Missing values differ from themselves, and pandas' own has no truth value at all.
        missing = any(name is None or name != name for name in there.tolist())
    except TypeError:
        missing = True
    if missing or (there.dtype.kind in "mM" and np.isnat(there).any()):
        raise ValueError("groups must not be missing, got None or NaN: name the group of each row.")
    try:
        found, inverse = np.unique(there, return_inverse=True)
    except TypeError as error:
        kinds = sorted({type(name).__name__ for name in there.tolist()})
        raise ValueError(
            f"groups must be of one type that can be sorted, such as integers or strings, got {', '.join(kinds)}."
        ) from error
    if len(found) < 2:
        raise ValueError(
            f"groups must hold two groups at least, one to train on and one to validate on, got {found.tolist()}: "
            "give more groups, or none to hold out single rows."
        )
    indices = np.zeros(n, dtype=np.int64)
    indices[used] = inverse
    return names, indices


def hold_out_groups(
    labels: NDArray[np.int64], groups: NDArray[np.int64], fraction: float | None, n_classes: int, seed: int
) -> Parts:
    """Return the indices of the rows to train and to validate on, such that no group is in both.

    Groups are taken in random orders, each if it brings the share of the rows that are held out nearer to `fraction`,
    class by class. Of several orders the best is kept: first by the number of classes that are held out, then by the
    shares. A group without which a class would have no row to train on is never held out.

    Raises
    ------
    ValueError
        If each group is needed for training.
    """
    share = _HELD_OUT if fraction is None else fraction
    places, table = _count_by_group(labels, groups, n_classes)
    totals = table.sum(axis=0)
    possible = np.flatnonzero((table < totals).all(axis=1))
    if not len(possible):
        raise ValueError(
            f"None of the {len(table)} groups can be held out, for each holds all samples of a class: add groups in "
            "which these classes occur, or give no groups to hold out single rows."
        )
    # The last column counts all rows, so that the whole share matters too where classes pull in different ways.
    shares = np.c_[table / totals, table.sum(axis=1) / totals.sum()]
    rng = np.random.default_rng(seed)
    tried = (_take_groups(rng.permutation(possible), shares, share) for _ in range(_orders(len(possible))))
    _, _, chosen = min(tried, key=lambda found: found[:2])
    held_out = np.isin(places, chosen)
    return np.flatnonzero(~held_out), np.flatnonzero(held_out)


def _count_by_group(
    labels: NDArray[np.int64], groups: NDArray[np.int64], n_classes: int
) -> tuple[NDArray[np.intp], NDArray[np.int64]]:
    """Return the number of each row's group, and the rows of each group and class, shape (n_groups, n_classes)."""
    members, places = np.unique(groups, return_inverse=True)
    table = np.zeros((len(members), n_classes), dtype=np.int64)
    np.add.at(table, (places, labels), 1)
    return places, table


def _orders(n_groups: int) -> int:
    return int(np.clip(_STEPS // n_groups, 4, _ORDERS))


def _take_groups(order: NDArray[np.intp], shares: NDArray[Any], share: float) -> tuple[int, float, list[np.intp]]:
    """Return the number of classes that are not held out, the distance from `share`, and the groups to hold out."""
    taken, chosen = np.zeros(shares.shape[1]), []
    best = np.inf
    for group in order:
        after = taken + shares[group]
        distance = float(np.square(after - share).sum())
        # Shares are sums of fractions, and so 1 only nearly.
        if distance < best and after[:-1].max() < 1 - 1e-9:
            taken, best = after, distance
            chosen.append(group)
    return int((taken[:-1] == 0).sum()), best, chosen


def split_by(splitter: Splitter, X: Any, y: NDArray[Any], groups: NDArray[Any] | None, seed: int) -> Parts:
    """Return the first split of a splitter; one that has no seed of its own takes `seed`.

    Raises
    ------
    ValueError
        If the splitter cannot split the data, or its parts are empty, overlap or name rows that are not there.
    """
    name = f"validation_fraction={splitter!r}"
    n = len(y)
    if isinstance(splitter, PredefinedSplit) and len(splitter.test_fold) != n:
        raise ValueError(
            f"{name} is made for {len(splitter.test_fold)} rows, but X has {n}: give a fold for each row. Within a "
            "cross-validation, groups in fit, with metadata routing, follow the rows."
        )
    # A copy, for some count their splits; and numpy's global generator is left alone.
    splitter = copy.deepcopy(splitter)
    if getattr(splitter, "random_state", seed) is None:
        vars(splitter)["random_state"] = np.random.RandomState(seed % 2**32)
    try:
        train, test = (_as_indices(part, n) for part in next(iter(splitter.split(X, y, groups))))
    except StopIteration:
        raise ValueError(f"{name} makes no split of the data: expected one at least.") from None
    except (TypeError, ValueError, IndexError) as error:
        raise ValueError(f"{name} cannot split the data: {error}") from error
    shared = np.intersect1d(train, test)
    if len(shared):
        raise ValueError(
            f"{name} trains on {len(shared)} of the rows that it holds out, such as row {shared[0]}: the two parts "
            "must have no row in common."
        )
    return train, test


def _as_indices(part: Any, n: int) -> NDArray[np.intp]:
    indices = np.asarray(part)
    if indices.dtype == bool and indices.shape == (n,):
        return np.flatnonzero(indices)
    are_integers = not indices.size or indices.dtype.kind in "iu"
    if indices.ndim != 1 or not are_integers or ((indices < -n) | (indices >= n)).any():
        raise ValueError(f"its parts must be indices of the {n} rows, got {part!r}.")
    return indices.astype(np.intp) % n
