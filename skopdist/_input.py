"""What `fit` and `predict` are given: values that are no numbers, labels, and which axis is that of the channels."""

from __future__ import annotations

import math
import operator
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from numbers import Integral, Number, Real
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skopdist._padding import pad, refuse_gaps

# So many last sides are numbers of channels: grey, red with green and blue, and these with alpha.
_COLOURS = (1, 3, 4)
# Smaller arrays of two equal sides are series as often as they are images.
_SMALL_IMAGE, _SMALL_UINT8 = 16, 8
# Few rows of pixels, each much longer than there are rows, may as well be the channels of series.
_FEWEST_ROWS, _LONGEST_IMAGE = 32, 1.5

_ENCODE = (
    'give words and categories as columns that categorical_features names or "from_dtype" finds, or encode them with '
    "OneHotEncoder or OrdinalEncoder in a ColumnTransformer"
)
_COUNT = (
    'give dates and times as numbers, such as days: (pandas.to_datetime(column) - pandas.Timestamp("2000")) / '
    'pandas.Timedelta(days=1), and of polars column.dt.epoch("d")'
)
_SPLIT = "give real and imaginary parts as two columns"
_CAST = "convert decimals by .astype(float)"
_STACK = "give series as one array of shape (n, channels, length), or as a list of arrays of shape (channels, length)"
_TABULATE = "give a table, such as pandas.DataFrame(X)"
# What makes an object one that numpy or scipy can make an array of.
_ARRAY_LIKE = ("__array__", "__array_interface__", "__array_namespace__", "toarray")
# What a column is told by its type to hold; any other kind is the name of a type that is none of these.
NUMBERS, BOOLEANS, TEXT, CATEGORIES, OBJECTS = "numbers", "booleans", "text", "categories", "objects"


def open_container(X: Any) -> Any:
    """Return X as an array, a data frame, a sparse matrix or a nested sequence, which it most often is.

    Tensors of torch become arrays, and tables of Arrow become data frames.

    Raises
    ------
    ValueError
        If it is a text.
    TypeError
        If it is anything else, such as a generator, or a tensor without numbers in memory.
    """
    if isinstance(X, str | bytes):
        raise ValueError(f"X must be an array of numbers, got the string {shown(X)}; load the data first.")
    X = without_tensors("X", X)
    if hasattr(X, "column_names") and callable(getattr(X, "to_pandas", None)):
        return X.to_pandas()
    if isinstance(X, list | tuple | memoryview) or any(hasattr(type(X), name) for name in _ARRAY_LIKE):
        return X
    if isinstance(X, Sequence):
        return list(X)
    advice = "load the data first"
    if callable(getattr(X, "collect", None)):
        advice = "give X.collect()"
    elif isinstance(X, Mapping):
        advice = "give pandas.DataFrame(X)"
    elif isinstance(X, Iterable):
        advice = "give list(X)"
    raise TypeError(
        "X must be an array, a data frame, a sparse matrix or a list of samples, got "
        f"{'None' if X is None else f'an object of the type {type(X).__name__}'}; {advice}."
    )


def read_values(X: Any) -> Any:
    """Return what :func:`open_container` returned, as an array of numbers where it is a list or holds objects.

    Series of unequal length are padded with NaN.

    Raises
    ------
    ValueError
        If columns hold words, categories, dates or the like, values are masked, or samples differ in shape and are no
        arrays that are series of unequal length.
    TypeError
        If an object that is no number is among the values of an array.
    """
    if hasattr(X, "dtypes") and hasattr(X, "columns"):
        return _read_frame(X)
    X = unmasked("X", X)
    if isinstance(X, list | tuple) and len(X):
        X = _stacked(X)
    elif getattr(X, "ndim", 1) != 2 and hasattr(X, "__array__"):
        X = np.asarray(X)
    return _numeric(X) if isinstance(X, np.ndarray) else X


def without_tensors(name: str, values: Any) -> Any:
    """Return tensors of torch as arrays, wherever they are and whatever they are part of; and anything else as it is.

    Tensors may stand in a list or a tuple too, at any depth.

    Raises
    ------
    TypeError
        If a tensor holds no numbers in memory, or is sparse.
    """
    if isinstance(values, list | tuple):
        kinds = set(map(type, values))
        if any(issubclass(kind, list | tuple) or hasattr(kind, "detach") for kind in kinds):
            opened = [without_tensors(name, value) for value in values]
            return values if all(map(operator.is_, opened, values)) else opened
        return values
    if not callable(getattr(values, "detach", None)):
        return values
    try:
        values = values.detach().cpu()
        # numpy has no such numbers.
        return np.asarray(values.float() if "bfloat16" in str(values.dtype) else values)
    except (TypeError, RuntimeError, NotImplementedError) as error:
        reason = str(error).splitlines()[0]
        raise TypeError(
            f"{name} holds a tensor that cannot be read as an array ({reason}); give a dense one."
        ) from error


def unmasked(name: str, values: Any) -> Any:
    """Return a masked array as a plain one; refuse one in which values are masked, that is, missing."""
    if not isinstance(values, np.ma.MaskedArray):
        return values
    n_masked = int(np.ma.getmaskarray(values).sum())
    if n_masked:
        raise ValueError(
            f"{name} must not have masked values, but {n_masked} are masked; drop these rows, or fill them in by "
            "filled(...)."
        )
    return np.asarray(values)


def _stacked(X: Any) -> NDArray[Any]:
    """Return nested sequences as one array."""
    try:
        return np.asarray(X)
    except ValueError as error:
        if "inhomogeneous" not in str(error) and "broadcast" not in str(error):
            raise
    series = _as_series(X)
    if series is not None:
        return pad(series)
    shapes = sorted({shape for sample in X for shape in _shapes(sample)})
    lengths = sorted({shape[-1] if shape else 1 for shape in shapes})
    if len(lengths) > 1 and all(len(shape) < 3 for shape in shapes):
        raise ValueError(
            f"The samples of X differ in length: the shortest has {lengths[0]} values, and the longest has "
            f"{lengths[-1]}; rows of a table must have as many as there are columns, and series of unequal length are "
            "given as a list of arrays, of the shape (channels, length) each."
        )
    raise ValueError(
        f"The samples of X differ in shape, such as {shapes[0]} and {shapes[-1]}; pad, resample or resize all of them "
        "to one shape."
    )


def _as_series(X: Any) -> list[NDArray[Any]] | None:
    """Return samples as arrays of one or two dimensions; None if they are none, or of both."""
    # Arrays only: lists of numbers that differ in length may as well be a table in which some are forgotten.
    if not all(hasattr(sample, "shape") for sample in X):
        return None
    series = [_numeric(np.asarray(unmasked("X", without_tensors("X", sample)))) for sample in X]
    dimensions = {one.ndim for one in series}
    return series if dimensions in ({1}, {2}) else None


def _shapes(sample: Any) -> Iterator[tuple[int, ...]]:
    """Yield the shape of a sample, or those of its parts where they differ."""
    try:
        yield np.shape(sample)
    except ValueError:
        for part in sample:
            yield from _shapes(part)


def _numeric(X: NDArray[Any]) -> NDArray[Any]:
    """Return an array of numbers; complex ones are left to scikit-learn's own checks."""
    if X.dtype.kind in "biufc":
        return X
    if X.dtype.kind in "Mm":
        raise ValueError(f"X must hold numbers, but it holds {X.dtype}; {_COUNT}.")
    if X.dtype.names:
        raise ValueError(
            f"X must hold numbers, but it is a structured array of the fields {list(X.dtype.names)}; "
            "use numpy.lib.recfunctions.structured_to_unstructured(X)."
        )
    if X.dtype.kind == "O" and X.size and all(isinstance(value, np.ndarray | list | tuple) for value in X.flat):
        return _numeric(_stacked(X.tolist()))
    if (error := conversion_error(X)) is None:
        return X.astype(np.float64)
    # Slices, for numpy would open up a list that it is given alone.
    flat = X.reshape(-1)
    i = next(i for i in range(X.size) if conversion_error(flat[i : i + 1]) is not None)
    place = np.unravel_index(i, X.shape)
    raise refusal(flat[i], int(place[1]) if len(place) > 1 else None, error)


def refusal(value: Any, column: int | None, error: Exception) -> Exception:
    """Return what is to be raised where an array holds a value that is no number."""
    where = "" if column is None else f" in column {column}"
    kind = TypeError if isinstance(error, TypeError) else ValueError
    return kind(f"X must hold numbers, but it holds {shown(value)}{where} ({error}); {remedy(type(value).__name__)}.")


def shown(value: Any) -> str:
    """Return a value as an error shows it."""
    text = repr(value.item() if isinstance(value, np.generic) else value)
    return text if len(text) < 40 else f"{text[:36]} ..."


def conversion_error(values: NDArray[Any]) -> Exception | None:
    """Return what keeps values from being numbers."""
    try:
        values.astype(np.float64)
    except (TypeError, ValueError, OverflowError) as error:
        return error
    return None


def stacked_table(X: Any) -> NDArray[Any] | None:
    """Return X as an array of two dimensions in which words and numbers are told apart; None if it is none."""
    X = unmasked("X", X)
    if isinstance(X, list | tuple):
        try:
            array = np.asarray(X)
        except ValueError:
            # Lengths that differ are refused where the values are read.
            return None
        # numpy would spell the numbers out that stand beside words.
        X = np.asarray(X, dtype=object) if array.dtype.kind in "US" else array
    if not isinstance(X, np.ndarray) or X.ndim != 2 or X.dtype.kind not in "biufOUST":
        return None
    if X.dtype.kind == "O" and X.size and all(isinstance(value, np.ndarray | list | tuple) for value in X.flat):
        return None
    return np.asarray(X)


def names_of_columns(X: Any) -> list[Any]:
    """Return the names of a frame's columns; refuse those that are there twice."""
    names = list(X.columns)
    twice = sorted({repr(name) for name in names if names.count(name) > 1}) if len(set(names)) < len(names) else []
    if twice:
        raise ValueError(
            f"The columns of X must have different names, but {', '.join(twice)} are there more than once; rename "
            "them, or pass X.to_numpy()."
        )
    return names


def _read_frame(X: Any) -> Any:
    """Return a data frame of numbers, sparse columns made dense."""
    if not names_of_columns(X):
        return np.empty((len(X), 0))
    foreign = {}
    dense = {}
    for i, (name, dtype) in enumerate(zip(X.columns, X.dtypes, strict=True)):
        kind = kind_of(dtype)
        if kind not in (NUMBERS, BOOLEANS) and (found := _foreign_type(X, i, kind)) is not None:
            foreign[name] = found
        elif hasattr(dtype, "subtype") and hasattr(dtype, "fill_value"):
            dense[name] = dtype.subtype
    if foreign:
        named = {repr(name): found for name, found in foreign.items()}
        raise foreign_columns("numbers or booleans, but these are not", named, map(remedy, foreign.values()))
    return X.astype(dense) if dense else X


def foreign_columns(wanted: str, found: Mapping[str, str], remedies: Iterable[str]) -> ValueError:
    """Return the error of columns that hold something else than is wanted.

    Parameters
    ----------
    wanted : str
        As it goes on behind "All columns of X must be".
    found : mapping of str to str
        What each of them holds.
    remedies : iterable of str
    """
    items = [f"{name} ({what})" for name, what in found.items()]
    more = f" and {len(items) - 10} more" if len(items) > 10 else ""
    return ValueError(
        f"All columns of X must be {wanted}: {', '.join(items[:10])}{more}; {', and '.join(dict.fromkeys(remedies))}."
    )


def kind_of(dtype: Any) -> str:
    """Tell what a column of a frame holds from its type, which is one of numpy, of pandas or of polars."""
    text = str(dtype)
    if text.startswith(("category", "Categorical", "Enum", "dictionary<")):
        return CATEGORIES
    if text in ("str", "String", "Utf8") or text.startswith(("string", "large_string")):
        return TEXT
    if text == "Boolean" or getattr(dtype, "kind", "") == "b":
        return BOOLEANS
    if getattr(dtype, "kind", "") in tuple("iuf") or text == "Null":
        return NUMBERS
    if not hasattr(dtype, "kind") and hasattr(dtype, "is_numeric") and dtype.is_numeric() and "Decimal" not in text:
        return NUMBERS
    is_object = (isinstance(dtype, np.dtype) and dtype.kind == "O") or text == "Object"
    return OBJECTS if is_object else text


def column_of(X: Any, i: int) -> Any:
    """Return a column of a frame, by its place."""
    return X.iloc[:, i] if hasattr(X, "iloc") else X[X.columns[i]]


def _foreign_type(X: Any, i: int, kind: str) -> str | None:
    """Name the type of a column, unless its objects are numbers."""
    if kind != OBJECTS:
        return str(X.dtypes[i] if isinstance(X.dtypes, list) else X.dtypes.iloc[i])
    values = column_of(X, i).to_list()
    odd = next((v for v in values if conversion_error(np.array([v, None], object)) or _is_decimal(v)), None)
    return None if odd is None else f"object, such as {type(odd).__name__}"


def _is_decimal(value: Any) -> bool:
    return type(value).__name__ == "Decimal"


def remedy(name: str) -> str:
    """Return what to do about values of a type."""
    lower = name.lower()
    if "complex" in lower:
        return _SPLIT
    if "decimal" in lower:
        return _CAST
    if any(word in lower for word in ("date", "time", "period", "duration")):
        return _COUNT
    if any(word in lower for word in ("array", "list", "tuple", "series")):
        return _STACK
    if "dict" in lower:
        return _TABULATE
    return _ENCODE


def read_labels(y: Any) -> Any:
    """Return labels as scikit-learn can tell them apart: numbers, booleans or strings in an array of one kind.

    Raises
    ------
    ValueError
        If they are neither, of more than one kind, or if some are missing or masked.
    """
    y = unmasked("y", without_tensors("y", y))
    dtype = getattr(y, "dtype", None)
    known = isinstance(dtype, np.dtype) and dtype.kind in "biufcUS"
    # What knows neither kinds nor columns is for scikit-learn, such as tensors.
    strange = dtype is not None and not hasattr(dtype, "kind") and not hasattr(y, "to_numpy")
    if isinstance(y, Iterable) and not isinstance(y, str | bytes | Sequence) and not hasattr(y, "__array__"):
        raise TypeError(
            f"y must be an array or a list of labels, got an object of the type {type(y).__name__}; give list(y), in "
            "the order of the rows of X."
        )
    if y is None or isinstance(y, str) or known or strange or not hasattr(y, "__len__"):
        return y
    try:
        values = np.asarray(y, dtype=object)
    except ValueError as error:
        raise ValueError(f"y must hold one label for each sample, but it holds sequences ({error}).") from error
    if values.ndim not in (1, 2) or not values.size:
        return y
    labels = values.ravel().tolist()
    kinds = {_label_kind(label) for label in labels}
    if kinds == {"strings"}:
        return values if dtype is not None else np.asarray(y)
    if kinds in ({"numbers"}, {"booleans"}):
        return _as_numbers(labels).reshape(values.shape)
    if "missing" in kinds:
        missing = [i for i, label in enumerate(labels) if _label_kind(label) == "missing"]
        raise ValueError(
            f"y must hold a class label for each sample, but {len(missing)} are missing (None or NaN), the first in "
            f"row {missing[0]}; drop these rows."
        )
    raise ValueError(
        "y must hold class labels of one kind, numbers, strings or booleans, but it holds "
        f"{' and '.join(sorted(kinds))}; convert them, for example by [str(label) for label in y]."
    )


def _as_numbers(labels: list[Any]) -> NDArray[Any]:
    """Return labels in an array of a type that tells all of them apart."""
    numbers = np.asarray(labels)
    if numbers.dtype.kind == "O" or len(set(labels)) > len(np.unique(numbers)):
        largest = max(labels, key=abs)
        raise ValueError(
            f"y holds numbers that no type of 64 bits tells apart, such as {shown(largest)}; convert them, for "
            "example by [str(label) for label in y]."
        )
    return numbers


def _label_kind(label: Any) -> str:
    """Name the kind of a label, which is its type where it is none of the known ones."""
    # By name, so that pandas need not be imported.
    if label is None or type(label).__name__ in ("NAType", "NaTType"):
        return "missing"
    if isinstance(label, bool | np.bool):
        return "booleans"
    if isinstance(label, str):
        return "strings"
    if isinstance(label, int | float | np.integer | np.floating):
        return "missing" if label != label else "numbers"
    return f"objects of the type {type(label).__name__}"


def read_weights(sample_weight: Any) -> Any:
    """Return weights in double precision; a single number counts for all samples.

    Raises
    ------
    ValueError
        If they are no numbers, a single one is not finite, or some are masked.
    """
    weights = unmasked("sample_weight", without_tensors("sample_weight", sample_weight))
    if isinstance(weights, np.ndarray) and not weights.ndim:
        weights = weights.item()
    if isinstance(weights, Number):
        if not isinstance(weights, Real) or not _is_finite(weights):
            raise ValueError(
                f"sample_weight must be finite numbers, one for each sample or one for all, got {weights!r}."
            )
        return float(weights)
    dtype = getattr(weights, "dtype", None)
    if getattr(dtype, "kind", "") in tuple("cmMV"):
        raise ValueError(f"sample_weight must hold one number for each sample, but it holds {dtype}.")
    try:
        return np.asarray(weights, dtype=np.float64)
    except (TypeError, ValueError, OverflowError) as error:
        raise ValueError(f"sample_weight must hold one number for each sample: {error}.") from error


def _is_finite(number: Real) -> bool:
    try:
        return math.isfinite(float(number))
    except OverflowError:
        return False


def place_of_missing(X: NDArray[Any]) -> str:
    """Say where images, shape (n, channels, height, width), have gaps."""
    missing = np.isnan(X)
    sample, channel, *position = np.argwhere(missing)[0].tolist()
    return (
        f"Input X contains NaN: {int(missing.sum())} values are missing, the first in sample {sample}, channel "
        f"{channel}, at position {tuple(position)}. Images must have none, for a gap would spread to all around it: "
        "fill gaps in, or drop these samples. Tables of shape (n, features) may have some."
    )


def check_input_shape(input_shape: Sequence[int] | None) -> None:
    """Refuse what is no shape of a sample.

    Raises
    ------
    ValueError
        If it is not one to three positive integers.
    """
    if input_shape is None:
        return
    sides_fit = all(isinstance(side, Integral) and not isinstance(side, bool) and side >= 1 for side in input_shape)
    if not sides_fit or not 1 <= len(input_shape) <= 3:
        raise ValueError(
            "input_shape must hold one to three integers >= 1, (channels, length) or (channels, height, width), got "
            f"{tuple(input_shape)}."
        )


@dataclass(frozen=True)
class Layout:
    """How the axes of X are understood: as `fit` was given them, so `predict` takes them.

    Attributes
    ----------
    given : tuple of int
        Shape of one sample as it was given.
    order : str
        "channels first", "channels last" or "no channels".
    """

    given: tuple[int, ...]
    order: str

    @classmethod
    def of(cls, X: Any, input_shape: Sequence[int] | None = None) -> Layout:
        """Understand an array; an `input_shape` that is the shape of its samples says that the channels come first."""
        given = tuple(getattr(X, "shape", ())[1:])
        if input_shape is not None and tuple(input_shape) == given:
            return cls(given, "channels first")
        return cls(given, _certain_order(X))

    def arrange(self, X: Any) -> Any:
        """Return a view of X with the channels first, without copying."""
        shape = tuple(getattr(X, "shape", ())[1:])
        # What was series in `fit` is no image now because it has another length.
        is_same = shape == self.given or (len(shape) == len(self.given) == 2)
        order = self.order if is_same else _certain_order(X)
        if order == "channels last":
            return np.moveaxis(X, -1, 1)
        return X[:, None] if order == "no channels" else X

    def doubt(self, input_shape: Sequence[int] | None = None) -> str | None:
        """Return what to warn of where the axes look as if they were meant otherwise, None otherwise."""
        if input_shape is not None or self.order == "channels last":
            return None
        if self.order == "no channels":
            low, high = sorted(self.given)
            if low >= _FEWEST_ROWS or high <= _LONGEST_IMAGE * low:
                return None
            return (
                f"X of shape (n, {self.given[0]}, {self.given[1]}) and of type uint8 is taken as images without an "
                f"axis of channels. If these are series of {self.given[0]} channels, input_shape={self.given} says it; "
                "if they are images, X[:, None] does."
            )
        remedies = _remedies_of_order(self.given)
        if not remedies:
            return None
        shape = ", ".join(str(side) for side in self.given)
        sides = " by ".join(str(side) for side in self.given[1:])
        return (
            f"X of shape (n, {shape}) is taken as {self.given[0]} channels of {sides}. {' '.join(remedies)} "
            "If it is meant so, input_shape=X.shape[1:] says it."
        )


def _certain_order(X: Any) -> str:
    """Return the order of the axes: pixels of eight bits leave no doubt where the channels are."""
    if getattr(X, "dtype", None) == np.uint8:
        sides = X.shape[1:]
        if len(sides) == 3 and sides[-1] in _COLOURS and min(sides[:2]) > max(_COLOURS):
            return "channels last"
        if len(sides) == 2 and min(sides) >= _SMALL_UINT8:
            return "no channels"
    return "channels first"


def _remedies_of_order(shape: tuple[int, ...]) -> list[str]:
    """Return the lines that would settle a doubtful shape of a sample, none where it is as it should be."""
    # Maps of features may be as small as numbers of channels, and are square then.
    if len(shape) == 3 and shape[2] in _COLOURS and shape[0] > max(_COLOURS) and shape[1] != shape[2]:
        return ["If its channels come last, pass np.moveaxis(X, -1, 1)."]
    remedies = []
    if len(shape) == 2 and min(shape) >= _SMALL_IMAGE and shape[0] >= shape[1]:
        remedies.append("If its samples are images without an axis of channels, pass X[:, None].")
    if len(shape) == 2 and shape[0] > shape[1]:
        remedies.append("If its channels come last, pass X.transpose(0, 2, 1).")
    return remedies


def shaped(X: NDArray[Any], input_shape: Sequence[int] | None) -> NDArray[Any]:
    """Return X in the shape of its samples.

    Raises
    ------
    ValueError
        If samples have more than three dimensions, hold nothing, or do not fit `input_shape`, or series have gaps.
    """
    shape = X.shape[1:] if input_shape is None else tuple(input_shape)
    if X.shape[1:] != shape and (X.ndim != 2 or math.prod(shape) != X.shape[1]):
        raise ValueError(
            f"input_shape={shape} does not fit: it holds {math.prod(shape)} values, but the samples of X "
            f"have the shape {X.shape[1:]}; give the shape of one sample, such as (1, 8, 8) for 64 features."
        )
    if len(shape) > 3:
        raise ValueError(
            f"Found array with dim {X.ndim}, while OpDistNASClassifier expects (n, features), (n, channels, "
            "length) or (n, channels, height, width)."
        )
    if 0 in shape:
        raise ValueError(f"The samples of X have the shape {shape}, which holds no values; give at least one of each.")
    X = X.reshape(len(X), *shape)
    if len(shape) == 2 and X.dtype.kind == "f":
        refuse_gaps(X)
    return X
