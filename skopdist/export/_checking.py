"""What an exported file predicts, beside what the estimator does."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from skopdist._input import read_values
from skopdist._schema import Schema
from skopdist._sparse import as_dense
from skopdist.export._graph import INPUT_TYPES, ExportError, draw_inputs

# The largest difference of a probability, by the precision in which the file computes.
TOLERANCES = {"float32": 1e-5, "float64": 1e-9}
_N_DRAWN = 64


@dataclass(frozen=True)
class ExportReport:
    """The outcome of an export, as it was measured on some samples.

    Attributes
    ----------
    path : Path
        The file.
    n_bytes : int
        Its size.
    n_samples : int
        How many samples it was compared on.
    largest_difference : float
        The largest absolute difference of a probability to ``predict_proba``.
    agreement : float
        The share of samples whose most probable class is the same.
    accuracy, exported_accuracy : float or None
        Of the estimator and of the file on these samples, where their labels were given.
    """

    path: Path
    n_bytes: int
    n_samples: int
    largest_difference: float
    agreement: float
    accuracy: float | None = None
    exported_accuracy: float | None = None


class Comparison:
    """Samples, and what an estimator predicts of them.

    Parameters
    ----------
    clf : fitted OpDistNASClassifier
    X : array-like or None
        Samples as `fit` was given them; None draws 64 by the statistics of the training data.
    y : array-like of shape (n,) or None
        Their labels.
    input_type : str
        The type in which the file takes them.

    Raises
    ------
    ValueError
        If X holds no samples, is no array of numbers of the shape that `fit` was given, does not fit the input type, or
        y has another length.
    """

    def __init__(self, clf: Any, X: ArrayLike | None, y: ArrayLike | None, input_type: str) -> None:
        if X is None and y is not None:
            raise ValueError("y was given without X: give the samples that the labels belong to, or neither.")
        given = tuple(clf._reader.layout.given)
        values = draw_inputs(clf, _N_DRAWN) if X is None else _numbers(clf, X)
        if values.shape[1:] != given or not len(values) or values.dtype.kind not in "biuf":
            raise ValueError(
                f"X must hold numbers of the shape (n, {', '.join(map(str, given))}), as fit was given them, and one "
                f"sample at least; got {values.dtype} of shape {values.shape}."
            )
        self.inputs = _cast(values, input_type, is_drawn=X is None)
        self.labels = None if y is None else np.asarray(y)
        if self.labels is not None and self.labels.shape != (len(values),):
            raise ValueError(f"y must hold {len(values)} labels, one for each sample, got shape {self.labels.shape}.")
        self.classes = clf.classes_
        with warnings.catch_warnings():
            # Of columns' names, which the file does not know either.
            warnings.filterwarnings("ignore", "X does not have valid feature names")
            # Of the very numbers that the file is given, which for categories are codes.
            predict = clf.predict_proba if clf._reader.schema is None else clf._predictor
            self.expected: NDArray[np.float64] = predict(self.inputs)

    def report(
        self, predict: Callable[[NDArray[Any]], NDArray[Any]], file: Path, target: Path, tolerance: float | None
    ) -> ExportReport:
        """Compare, and describe what was found.

        Parameters
        ----------
        predict : callable ``X -> probabilities``
            Computes with the file.
        file, target : Path
            Where the file is, and where it will be.
        tolerance : float or None
            None takes any difference.

        Raises
        ------
        ExportError
            If the difference is larger than the tolerance, or the file does not take a single sample as it takes many.
        """
        found = np.asarray(predict(self.inputs), dtype=np.float64)
        alone = np.asarray(predict(self.inputs[:1]), dtype=np.float64)
        if found.shape != self.expected.shape or alone.shape != (1, found.shape[1]):
            raise ExportError(
                f"The exported network returns the shapes {found.shape} for {len(self.inputs)} samples and "
                f"{alone.shape} for one, but predict_proba the shape {self.expected.shape}: an operation fixes the "
                "size of a batch, or looks at other samples. Nothing was written."
            )
        # One that is not a number is as far as can be.
        difference = float(np.nan_to_num(np.abs(found - self.expected), nan=np.inf).max())
        difference = max(difference, float(np.nan_to_num(np.abs(alone - self.expected[:1]), nan=np.inf).max()))
        if tolerance is not None and difference > tolerance:
            raise ExportError(
                f"The exported network differs from predict_proba by {difference:.2g} on {len(self.inputs)} samples, "
                f"more than the {tolerance:g} that rounding explains, and nothing was written. An operation of your "
                "own may depend on more than its input, or the samples may need precision='float64'."
            )
        chosen = found.argmax(axis=1)
        accuracy = exported = None
        if self.labels is not None:
            accuracy = float(np.mean(self.classes[self.expected.argmax(axis=1)] == self.labels))
            exported = float(np.mean(self.classes[chosen] == self.labels))
        agreement = float(np.mean(chosen == self.expected.argmax(axis=1)))
        return ExportReport(target, file.stat().st_size, len(found), difference, agreement, accuracy, exported)


def _numbers(clf: Any, X: ArrayLike) -> NDArray[Any]:
    """Return samples as an array, whatever `predict_proba` takes them as."""
    schema: Schema | None = clf._reader.schema
    if schema is not None:
        return schema.read(as_dense(X))
    values = np.asarray(read_values(as_dense(X)))
    # Columns of numbers and booleans.
    return values.astype(np.float64) if values.dtype.kind == "O" else values


def _cast(values: NDArray[Any], input_type: str, is_drawn: bool) -> NDArray[Any]:
    """Return numbers of the input's type; those of the user's must not change by it, but for rounding."""
    assert input_type in INPUT_TYPES
    dtype = np.dtype(input_type)
    if dtype.kind == "f":
        return np.ascontiguousarray(values, dtype=dtype)
    limits = np.iinfo(dtype)
    whole = values
    if is_drawn and values.dtype.kind == "f":
        # The largest double below 2**63.
        whole = np.clip(np.rint(values), limits.min, min(limits.max, 2.0**62))
    cast = np.ascontiguousarray(whole, dtype=dtype)
    if not np.array_equal(cast, whole):
        raise ValueError(
            f"input_type={input_type!r} holds integers from {limits.min} to {limits.max}, but X has other values; take "
            "another type, such as 'float64'."
        )
    return cast
