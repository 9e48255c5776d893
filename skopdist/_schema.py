"""Tables as they come: their columns of numbers and of categories, read into one array of numbers, each time alike."""

from __future__ import annotations

import numbers
from collections.abc import Collection, Hashable, Sequence
from dataclasses import dataclass
from itertools import compress
from typing import Any, Self, TypeAlias

import numpy as np
from numpy.typing import NDArray

from skopdist._input import (
    BOOLEANS,
    CATEGORIES,
    NUMBERS,
    OBJECTS,
    TEXT,
    column_of,
    conversion_error,
    foreign_columns,
    kind_of,
    names_of_columns,
    refusal,
    remedy,
    shown,
    stacked_table,
)
from skopdist._integers import EXACT, Origin

__all__ = ["Level", "Schema", "Table", "check_categorical_features"]

# A level of a category; None stands for missing values.
Level: TypeAlias = str | int | float | None

_MISSING = ("NoneType", "NAType", "NaTType")
_NAME = 'name columns of categories in categorical_features, or give categorical_features="from_dtype"'


@dataclass(frozen=True, eq=False)
class Schema:
    """The contents of the columns of a table, as `fit` was given them, so that `predict` reads them alike.

    Attributes
    ----------
    levels : tuple
        For each column the levels of a category, sorted, with None for missing values behind them, if `fit` saw some;
        None for a column of numbers.
    origins : tuple of int
        Where the numbers of each column begin: zero but for integers beyond 2**53.
    """

    levels: tuple[tuple[Level, ...] | None, ...]
    origins: tuple[int, ...]

    @classmethod
    def of(
        cls, X: Any, categorical_features: Any, used: NDArray[np.bool_] | None = None, is_flat: bool = True
    ) -> Self | None:
        """Tell the columns of a table apart.

        Parameters
        ----------
        X : data frame, array of shape (n, features) or nested list
        categorical_features : "from_dtype", sequence of names, of indices or of booleans, or None
            As in :class:`~skopdist.OpDistNASClassifier`.
        used : ndarray of bool of shape (n,) or None, default=None
            The rows that count: the levels of others are not known.
        is_flat : bool, default=True
            Whether rows are samples as they are, and not series or images made flat.

        Returns
        -------
        schema : Schema or None
            None where X is no table, or all of its columns are plain numbers.

        Raises
        ------
        ValueError
            If `categorical_features` names what is not there, or columns hold what is neither numbers nor categories.
        """
        if categorical_features is None:
            return None
        by_type, table = isinstance(categorical_features, str), Table.of(X) if is_flat else None
        if table is None:
            named = np.asarray(categorical_features)
            if not by_type and named.size and (named.dtype.kind != "b" or named.any()):
                raise ValueError(
                    f"categorical_features={categorical_features!r} names columns, but X, of shape {np.shape(X)}, is "
                    "no table of shape (n, features), as series and images are not; give None or 'from_dtype'."
                )
            return None
        if by_type:
            chosen = np.array([table.is_category(i) for i in range(len(table))], dtype=bool)
        else:
            chosen = _chosen(table, np.asarray(categorical_features))
        if not chosen.any() and table.is_numeric:
            return None
        _refuse_columns(table, chosen)
        if used is not None and used.shape != (table.n_rows,):
            # A weight for all rows, or one that is refused later.
            used = None
        levels, origins = [], []
        for i, is_category in enumerate(chosen):
            levels.append(_find_levels(table, i, used) if is_category else None)
            origins.append(0 if is_category else _find_origin(table, i))
        return cls(tuple(levels), tuple(origins))

    @classmethod
    def of_numbers(cls, n_features: int) -> Self:
        """Make the schema of a table of plain numbers, which refuses columns that hold anything else by their names."""
        return cls((None,) * n_features, (0,) * n_features)

    @property
    def is_categorical(self) -> NDArray[np.bool_]:
        """Which columns hold categories, shape (features,)."""
        return np.array([known is not None for known in self.levels], dtype=bool)

    def read(self, X: Any) -> NDArray[np.float64]:
        """Return a table as numbers in double precision, shape (n, features).

        Categories are the indices of their levels, or -1 where they have none; missing numbers are NaN.

        Parameters
        ----------
        X : Table, data frame, array of shape (n, features) or nested list

        Raises
        ------
        ValueError
            If a column of numbers holds anything else, or one of text holds numbers, or the reverse.
        """
        table = Table.of(X)
        assert table is not None
        values = np.empty((table.n_rows, len(table)))
        for i, (known, origin) in enumerate(zip(self.levels, self.origins, strict=True)):
            values[:, i] = _read_numbers(table, i, origin) if known is None else _read_codes(table, i, known)
        return values


class Table:
    """The columns of a data frame, or of an array of two dimensions.

    Attributes
    ----------
    names : list
        Of the columns of a frame; None for arrays.
    kinds : list of str
        What each column is told by its type to hold.
    """

    def __init__(self, X: Any, kinds: list[str], names: list[Any] | None) -> None:
        self.X = X
        self.kinds = kinds
        self.names = names
        self.n_rows = len(X)

    @classmethod
    def of(cls, X: Any) -> Self | None:
        """Make the table of X, None if it is none; one that was made before is returned as it is."""
        if isinstance(X, cls):
            return X
        if hasattr(X, "dtypes") and hasattr(X, "columns"):
            names = names_of_columns(X)
            return cls(X, [kind_of(dtype) for dtype in X.dtypes], names) if names else None
        X = stacked_table(X)
        if X is None:
            return None
        kind = NUMBERS if X.dtype.kind in "biuf" else OBJECTS
        return cls(X, [kind] * X.shape[1], None)

    @property
    def is_numeric(self) -> bool:
        """Whether all columns are numbers by their types."""
        return all(kind in (NUMBERS, BOOLEANS) for kind in self.kinds)

    def __len__(self) -> int:
        return len(self.kinds)

    def label(self, i: int) -> str:
        """Name a column in an error."""
        return str(i) if self.names is None else repr(self.names[i])

    def is_category(self, i: int) -> bool:
        """Whether a column is one of categories by its type, or by the objects in it."""
        if self.kinds[i] != OBJECTS:
            return self.kinds[i] in (BOOLEANS, TEXT, CATEGORIES)
        values = self.objects(i)
        kinds = _kinds_of_types(values)
        if "text" not in kinds or kinds - {"text", "numbers"}:
            return False
        # Words that spell numbers are numbers in an array, which has one type, and beside numbers.
        return (self.names is not None and kinds == {"text"}) or _not_a_number(set(values)) is not None

    def numeric(self, i: int) -> NDArray[Any] | None:
        """Return a column as an array of numbers or booleans, NaN where they are missing.

        It is None where the column is none of these, and where an array cannot hold it: integers beyond 2**53 beside
        missing values.
        """
        if self.names is None:
            return self.X[:, i] if self.X.dtype.kind in "biuf" else None
        if self.kinds[i] not in (NUMBERS, BOOLEANS):
            return None
        column = column_of(self.X, i)
        values = np.asarray(column)
        is_integer = str(column.dtype).lower().startswith(("int", "uint"))
        if values.dtype.kind in "biu" or (values.dtype.kind == "f" and not is_integer):
            return values
        objects = column.to_list()
        # Integers that have no place in double precision stay what they are, beside missing values too.
        if is_integer and any(not _is_missing(v) and abs(v) > EXACT for v in objects):
            return None
        return np.array([np.nan if _is_missing(v) else v for v in objects], dtype=np.float64)

    def objects(self, i: int) -> list[Any]:
        """Return a column as a list."""
        if self.names is None:
            column: list[Any] = self.X[:, i].tolist()
            return column
        return list(column_of(self.X, i).to_list())


def _kinds_of_types(values: Sequence[Any]) -> set[str]:
    """Return what objects are: "text", "numbers", or the names of other types; nothing of those that are missing."""
    kinds = set()
    for kind in set(map(type, values)):
        if issubclass(kind, str | bytes):
            kinds.add("text")
        elif issubclass(kind, numbers.Real | np.bool):
            kinds.add("numbers")
        elif kind.__name__ not in _MISSING:
            kinds.add(kind.__name__)
    return kinds


def _is_missing(value: Any) -> bool:
    # By name, so that pandas need not be imported.
    return type(value).__name__ in _MISSING or (isinstance(value, float | np.floating) and value != value)


def check_categorical_features(categorical_features: Any) -> None:
    """Refuse what cannot say which columns hold categories.

    Raises
    ------
    ValueError
        If it is neither "from_dtype", None nor a sequence of names, of indices or of booleans.
    """
    if categorical_features is None or (isinstance(categorical_features, str) and categorical_features == "from_dtype"):
        return
    message = (
        "categorical_features must be 'from_dtype', None, or a sequence of names, of indices or of booleans, one for "
        f"each column, got {categorical_features!r}."
    )
    if isinstance(categorical_features, str | bytes):
        raise ValueError(message)
    try:
        chosen = np.asarray(categorical_features)
    except (TypeError, ValueError) as error:
        raise ValueError(message) from error
    if chosen.ndim != 1 or (chosen.size and chosen.dtype.kind not in "biuUOT"):
        raise ValueError(message)
    # As they were given, for numpy spells out the numbers that stand beside names.
    if chosen.dtype.kind in "UOT" and not all(isinstance(name, str) for name in categorical_features):
        raise ValueError(message)


def _chosen(table: Table, chosen: NDArray[Any]) -> NDArray[np.bool_]:
    """Return which columns the user named, shape (features,)."""
    n = len(table)
    mask = np.zeros(n, dtype=bool)
    if not chosen.size:
        return mask
    if chosen.dtype.kind == "b":
        if chosen.shape != (n,):
            raise ValueError(
                f"categorical_features must hold one boolean for each of the {n} columns of X, got {len(chosen)}."
            )
        return chosen
    if chosen.dtype.kind in "iu":
        odd = [i for i in chosen.tolist() if not 0 <= i < n]
        if odd:
            raise ValueError(
                f"categorical_features names the columns {odd}, but X has {n} columns; indices are 0 to {n - 1}."
            )
        mask[chosen] = True
        return mask
    if table.names is None:
        raise ValueError(
            f"categorical_features names columns, {chosen.tolist()}, but X is an array, whose columns have no names; "
            "give indices or a data frame."
        )
    unknown = [name for name in chosen.tolist() if name not in table.names]
    if unknown:
        raise ValueError(
            f"categorical_features names the columns {unknown}, which X does not have; its columns are {table.names}."
        )
    mask[[table.names.index(name) for name in chosen.tolist()]] = True
    return mask


def _refuse_columns(table: Table, is_category: NDArray[np.bool_]) -> None:
    """Refuse columns that are neither numbers nor categories, those of a frame all at once."""
    foreign: dict[str, str] = {}
    for i, kind in enumerate(table.kinds):
        if is_category[i] or kind in (NUMBERS, BOOLEANS):
            continue
        found = kind
        if kind == OBJECTS:
            values = table.objects(i)
            is_foreign = bool(_kinds_of_types(values) - {"text", "numbers"})
            others = [v for v in values if _kinds_of_types([v]) - {"text", "numbers"}] if is_foreign else []
            odd = _not_a_number(others + values)
            if odd is None and (table.names is None or not others):
                continue
            odd = others[0] if odd is None else odd
            if table.names is None:
                error = conversion_error(np.array([odd, None], dtype=object))
                assert error is not None
                raise refusal(odd, i, error)
            found = f"object, such as {type(odd).__name__}"
        foreign[table.label(i)] = found
    if foreign:
        remedies = [
            _NAME if found in (TEXT, CATEGORIES) or found.endswith(" str") else remedy(found)
            for found in foreign.values()
        ]
        raise foreign_columns("numbers or categories, but these are neither", foreign, remedies)


def _not_a_number(values: Collection[Any]) -> Any:
    """Return an object that is there and is no number, None if there is none."""
    there = [value for value in values if not _is_missing(value)]
    if conversion_error(np.fromiter(there, dtype=object, count=len(there))) is None:
        return None
    return next(value for value in there if conversion_error(np.fromiter([value], dtype=object)) is not None)


def _find_origin(table: Table, i: int) -> int:
    values = table.numeric(i)
    if values is None and table.kinds[i] == NUMBERS:
        there = [value for value in table.objects(i) if not _is_missing(value)]
        values = np.array(there, dtype=np.uint64 if max(there) >= 2**63 else np.int64)
    smallest = None if values is None else Origin.of(values[:, None]).smallest
    return 0 if smallest is None else int(smallest[0])


def _find_levels(table: Table, i: int, used: NDArray[np.bool_] | None) -> tuple[Level, ...]:
    """Return the levels of a column, sorted, with None behind them if values are missing."""
    values = table.numeric(i)
    if values is not None:
        values = values if used is None else values[used]
        distinct: list[Any] = np.unique(values).tolist()
    else:
        objects = table.objects(i)
        distinct = _distinct(table, i, objects if used is None else list(compress(objects, used.tolist())))
    levels = {_level(value) for value in distinct}
    known: set[Any] = levels - {None}
    words = sorted(level for level in known if isinstance(level, str))
    if 0 < len(words) < len(known):
        raise ValueError(
            f"The column {table.label(i)} of X holds text, such as {shown(words[0])}, and numbers, and may be one of "
            "categories or of amounts; convert all of it, for example by .astype(str), or give NaN for what is missing."
        )
    return (*sorted(known), None) if None in levels else tuple(sorted(known))


def _distinct(table: Table, i: int, objects: Sequence[Any]) -> list[Any]:
    """Return the different objects of a column of categories, in the order in which they first stand there."""
    bare = next((kind for kind in dict.fromkeys(map(type, objects)) if _has_no_text(kind)), None)
    if bare is not None:
        raise ValueError(
            f"The column {table.label(i)} of X holds objects of the type {bare.__name__}, whose text differs from run "
            "to run, and which are no categories; give texts or numbers that tell them apart."
        )
    try:
        # A set would have another order in each process.
        return list(dict.fromkeys(objects))
    except TypeError:
        found = next(value for value in objects if not isinstance(value, Hashable))
        raise ValueError(
            f"The column {table.label(i)} of X holds {shown(found)}, which is no category; "
            f"{remedy(type(found).__name__)}."
        ) from None


def _has_no_text(kind: type) -> bool:
    """Whether the text of objects of a type is their address."""
    return all(getattr(kind, name) is getattr(object, name) for name in ("__str__", "__repr__"))


def _level(value: Any) -> Level:
    """Return a value as a level: numbers as they are, and all else by its text."""
    if _is_missing(value):
        return None
    if isinstance(value, bytes):
        # Each byte is a character, and letters are themselves.
        return value.decode("latin-1")
    if isinstance(value, numbers.Integral | np.bool):
        return int(value)
    if isinstance(value, numbers.Real):
        number = float(value)
        return int(number) if abs(number) < 2**53 and number.is_integer() else number
    return str(value)


def _read_codes(table: Table, i: int, levels: tuple[Level, ...]) -> NDArray[np.float64]:
    """Return the index of each value's level, -1 where it is not known."""
    codes: dict[Level, int] = {level: code for code, level in enumerate(levels)}
    are_text = isinstance(levels[0], str) if levels and levels[0] is not None else None

    def code(value: Any) -> int:
        level = _level(value)
        if level is not None and are_text is not None and isinstance(level, str) != are_text:
            held, holds = ("text", "numbers") if are_text else ("numbers", "text")
            raise ValueError(
                f"The column {table.label(i)} of X held {held} in fit, such as {shown(levels[0])}, but now holds "
                f"{holds}, such as {shown(value)}; give it as in fit, for example by .astype"
                f"({'str' if are_text else 'float'})."
            )
        return codes.get(level, -1)

    values = table.numeric(i)
    if values is not None:
        distinct, places = np.unique(values, return_inverse=True)
        return np.array([code(value) for value in distinct.tolist()], dtype=np.float64)[places.reshape(-1)]
    objects = table.objects(i)
    known = {value: code(value) for value in _distinct(table, i, objects)}
    return np.fromiter(map(known.__getitem__, objects), dtype=np.float64, count=len(objects))


def _read_numbers(table: Table, i: int, origin: int) -> NDArray[np.float64]:
    values = table.numeric(i)
    if values is None:
        objects = table.objects(i)
        found = _not_a_number(objects)
        is_foreign = table.names is not None and bool(_kinds_of_types(objects) - {"text", "numbers"})
        if found is not None or is_foreign:
            odd = next(value for value in objects if not _is_missing(value)) if found is None else found
            kind = type(odd).__name__
            advice = "" if kind in ("str", "bytes") else f", {remedy(kind)}"
            raise ValueError(
                f"The column {table.label(i)} of X held numbers in fit, but now holds {shown(odd)}; give numbers, and "
                f"NaN for what is missing{advice}."
            )
        return np.array([_counted(value, origin) for value in objects], dtype=np.float64)
    if not origin:
        return values.astype(np.float64)
    smallest = np.array([origin], dtype=np.uint64 if origin >= 2**63 else np.int64)
    return Origin(smallest).count(values[:, None])[:, 0]


def _counted(value: Any, origin: int) -> float:
    """Return a number of objects as it is counted from an origin, NaN where it is missing."""
    if _is_missing(value):
        return np.nan
    # The difference of integers has a place in double precision, which they need not have themselves.
    return float(value - origin) if isinstance(value, int) else float(value) - origin
