"""Raw input, read and checked: what `fit` is given says how, and `predict` reads alike."""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import issparse
from sklearn.base import BaseEstimator
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import _check_sample_weight, check_array, validate_data

from skopdist._callbacks import FRAMES
from skopdist._input import (
    Layout,
    open_container,
    place_of_missing,
    read_labels,
    read_values,
    read_weights,
    shaped,
)
from skopdist._integers import Origin
from skopdist._padding import Lengths, trim
from skopdist._schema import Level, Schema, Table
from skopdist._sparse import SparseRows, as_dense, is_sparse_table

__all__ = ["Given", "Reader", "with_reader"]

_DTYPES = [np.float64, np.float32, np.uint8, np.int64, np.uint64]
# `Reader.learn` is called by a part of a part of `fit`; its warnings are for whoever calls `fit`.
_LEVEL = 4 + FRAMES
# Files, and pickles of earlier versions, hold these parts of a reader by such names.
_STORED = {"_schema": "schema", "_layout": "layout", "_lengths": "lengths", "_origin": "origin"}


class Given(NamedTuple):
    """What `fit` was given, as it is learnt from.

    Attributes
    ----------
    samples : ndarray of shape (n, *sample_shape)
    labels : ndarray of shape (n,)
        As the user names the classes.
    weight : ndarray of shape (n,) or None
    """

    samples: NDArray[Any]
    labels: NDArray[Any]
    weight: NDArray[np.float64] | None


@dataclass(frozen=True, eq=False)
class Reader:
    """How raw input becomes samples: learnt from what `fit` is given, and the same for all that is predicted.

    Attributes
    ----------
    input_shape : tuple of int or None
        Shape of one sample where the user gives it.
    schema : Schema or None
        The columns of a table; None where all of them are plain numbers, and for series and images.
    layout : Layout
        The order of the axes.
    lengths : Lengths
        Which lengths series may have.
    origin : Origin
        Where long integers are counted from.
    sample_shape : tuple of int
        Shape of one sample as networks take it, the channels, or features, first.
    """

    input_shape: tuple[int, ...] | None
    schema: Schema | None
    layout: Layout
    lengths: Lengths
    origin: Origin
    sample_shape: tuple[int, ...]

    @classmethod
    def learn(
        cls,
        estimator: BaseEstimator,
        X: Any,
        y: Any,
        sample_weight: Any = None,
        categorical_features: Any = "from_dtype",
        input_shape: Sequence[int] | None = None,
    ) -> tuple[Self, Given]:
        """Read and check what `fit` is given, and find out how it came.

        Parameters
        ----------
        estimator : BaseEstimator
            On which scikit-learn sets ``n_features_in_``, and ``feature_names_in_`` where columns have names.
        X, y, sample_weight : array-like
            As :meth:`~skopdist.OpDistNASClassifier.fit` takes them.
        categorical_features, input_shape : object
            The parameters of :class:`~skopdist.OpDistNASClassifier`.

        Returns
        -------
        reader : Reader
        given : Given

        Raises
        ------
        ValueError, TypeError
            If they are not as `fit` describes them.

        Warns
        -----
        UserWarning
            If the axes of X look as if the channels did not come first.
        """
        X = as_dense(open_container(X))
        labels = read_labels(y)
        weight = None if sample_weight is None else read_weights(sample_weight)
        used = None if weight is None else np.asarray(weight) != 0
        shape = None if input_shape is None else tuple(input_shape)
        schema = Schema.of(X, categorical_features, used, is_flat=shape is None or len(shape) == 1)
        values = trim(read_values(X) if schema is None else schema.read(X))
        layout = Layout.of(values, shape)
        values = layout.arrange(values)
        samples, labels = _check(estimator, shape, values, labels, ensure_min_samples=2)
        if schema is not None:
            # The columns' names, which the numbers do not have.
            validate_data(estimator, X, skip_check_array=True)
        samples = shaped(samples, shape)
        reader = cls(shape, schema, layout, Lengths.of(X, values, samples), Origin.of(samples), samples.shape[1:])
        samples = reader.origin.count(samples)
        doubt = layout.doubt(shape)
        if doubt is not None:
            warnings.warn(doubt, stacklevel=_LEVEL)
        if weight is not None:
            with np.errstate(over="ignore", invalid="ignore"):
                weight = _check_sample_weight(weight, samples, dtype=np.float64, ensure_non_negative=True)
        return reader, Given(samples, labels, weight)

    def read(self, estimator: BaseEstimator, X: ArrayLike) -> NDArray[Any] | SparseRows:
        """Read and check what is to be predicted.

        Parameters
        ----------
        estimator : BaseEstimator
            The one of :meth:`learn`.
        X : {array-like, sparse matrix} of the shape that `fit` saw, but for the number of samples
            Series may have any length where those of `fit` had several, or came in a list.

        Returns
        -------
        samples : ndarray or SparseRows of shape (n, *sample_shape)
            Sparse rows are made dense as they are asked for.

        Raises
        ------
        ValueError, TypeError
            If X is not as `fit` was given it.
        """
        X = open_container(X)
        if is_sparse_table(X) and self.schema is None:
            matrix = _check(estimator, self.input_shape, X, reset=False, accept_sparse="csr")
            rows = SparseRows(matrix, lambda block: self.origin.count(shaped(block, self.input_shape)))
            self._check_shape(rows.shape[1:])
            return rows
        samples = self.lengths.extend(shaped(self._read_values(estimator, as_dense(X)), self.input_shape))
        self._check_shape(samples.shape[1:])
        return self.origin.count(samples)

    @property
    def is_categorical(self) -> NDArray[np.bool_] | None:
        """Which columns of a table hold categories, shape (features,); None where all are plain numbers."""
        return None if self.schema is None else self.schema.is_categorical

    @property
    def levels(self) -> tuple[tuple[Level, ...] | None, ...] | None:
        """For each column of a table the levels of a category, or None; None where all are plain numbers."""
        return None if self.schema is None else self.schema.levels

    def parts(self) -> dict[str, Any]:
        """Return the parts by the names that files have for them; see :func:`with_reader`."""
        return {name: getattr(self, part) for name, part in _STORED.items()}

    def _read_values(self, estimator: BaseEstimator, X: Any) -> NDArray[Any]:
        """Return the numbers of dense data, the channels first, in the shape in which samples are given."""
        table = Table.of(X) if len(self.sample_shape) == 1 else None
        schema = self.schema
        if schema is None and table is not None and not table.is_numeric:
            # It tells the columns that hold something else now.
            schema = Schema.of_numbers(*self.sample_shape)
        if schema is None or table is None:
            values = self.layout.arrange(self.lengths.read(read_values(X), self.sample_shape[0]))
            read: NDArray[Any] = _check(estimator, self.input_shape, self._as_given(values), reset=False)
            return read
        # Columns in another order, or of other names, before their values.
        validate_data(estimator, X, reset=False, skip_check_array=True)
        read = schema.read(table)
        with np.errstate(over="ignore", invalid="ignore"):
            checked: NDArray[Any] = check_array(
                read, ensure_all_finite="allow-nan", estimator=estimator, input_name="X"
            )
        return checked

    def _as_given(self, values: Any) -> Any:
        """Return samples, flat or not, as `fit` was given them, and refuse other shapes.

        Where both are flat, the names and the number of features are for scikit-learn to compare. Of others it would
        say that the features are too few or too many.
        """
        shape = tuple(getattr(values, "shape", ())[1:])
        if self.input_shape is not None and shape in (self.input_shape, (math.prod(self.input_shape),)):
            is_flat = len(self.layout.given) == 1
            return values if is_flat == (len(shape) == 1) else values.reshape(len(values), *self.layout.given)
        if len(shape) == len(self.sample_shape) == 1 or getattr(values, "ndim", 0) < 2:
            return values
        self._check_shape(shape, getattr(values, "shape", ()))
        return values

    def _check_shape(self, shape: tuple[int, ...], whole: tuple[int, ...] = ()) -> None:
        if not self.lengths.allow(shape, self.sample_shape):
            raise ValueError(
                f"X has samples of shape {shape}, but OpDistNASClassifier is expecting {self.sample_shape}, the shape "
                f"that it was fitted with{_remedy_of_shape(shape, self.sample_shape, whole)}."
            )


def _remedy_of_shape(shape: tuple[int, ...], expected: tuple[int, ...], whole: tuple[int, ...]) -> str:
    """Return what to do about samples of another shape; nothing where it is not known.

    Parameters
    ----------
    shape, expected : tuple of int
        Of a sample.
    whole : tuple of int
        Of X.
    """
    if whole == expected:
        return "; give a single sample as X[None]"
    if len(shape) > 1 and (*shape[-1:], *shape[:-1]) == expected:
        return f"; pass {'X.transpose(0, 2, 1)' if len(shape) == 2 else 'np.moveaxis(X, -1, 1)'}"
    if len(expected) == 1 and math.prod(shape) == expected[0]:
        return "; pass X.reshape(len(X), -1)"
    if math.prod(shape) == math.prod(expected) and len(shape) == 1:
        return f"; pass X.reshape(len(X), {', '.join(map(str, expected))})"
    if len(shape) == len(expected) == 2 and shape[0] == expected[0]:
        return ", or fit it to a list of arrays of shape (channels, length), to predict series of any length"
    return ""


def with_reader(state: Mapping[str, Any]) -> dict[str, Any]:
    """Return the attributes of an estimator with a reader in the place of its parts, where these are there.

    Earlier versions had the parts as attributes, and so have their pickles. Files have them to this day, so that each
    version reads those of the other.

    Parameters
    ----------
    state : mapping of str to object
        Parameters and attributes by their names.
    """
    if not {*_STORED, "sample_shape_"} <= state.keys():
        return dict(state)
    parts = {part: state[name] for name, part in _STORED.items()}
    shape = state["input_shape"]
    reader = Reader(None if shape is None else tuple(shape), **parts, sample_shape=state["sample_shape_"])
    return {name: value for name, value in state.items() if name not in _STORED} | {"_reader": reader}


def _check(estimator: BaseEstimator, input_shape: tuple[int, ...] | None, *data: Any, **arguments: Any) -> Any:
    """Check X, and y where it is given, as scikit-learn does; tables may have gaps, and series end in NaN."""
    n_sides = getattr(data[0], "ndim", 2) - 1 if input_shape is None else len(input_shape)
    # Sums of huge numbers, by which it looks for infinity, are no fault of theirs.
    with np.errstate(over="ignore", invalid="ignore"):
        try:
            found = validate_data(
                estimator,
                *data,
                dtype=_DTYPES,
                allow_nd=True,
                ensure_all_finite="allow-nan" if n_sides < 3 else True,
                **arguments,
            )
        except ValueError as error:
            if "Input X contains NaN" not in str(error) or issparse(data[0]):
                raise
            samples = shaped(np.asarray(data[0], dtype=np.float64), input_shape)
            raise ValueError(place_of_missing(samples)) from error
        if len(data) > 1:
            check_classification_targets(found[1])
    return found
