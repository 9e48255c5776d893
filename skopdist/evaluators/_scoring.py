"""Scores of a trained network on held-out rows, by scikit-learn's scorers or a function of the user's."""

from __future__ import annotations

import inspect
import math
import warnings
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.metrics import get_scorer, make_scorer

from skopdist.problem import Problem, Samples
from skopdist.training import Predict

Scoring = str | Callable[..., float] | None
# Of the jackknife: more make the error more certain, and every trial slower.
_GROUPS = 10
# The class of scikit-learn's own scorers, which hand X on to the estimator and look no further.
_SKLEARN_SCORER = type(make_scorer(len))


class Scorer:
    """Scores probabilities on held-out rows, in the labels of the user.

    A class that no held-out row has cannot be scored: scorers of probabilities then see those of the other classes
    alone.

    Parameters
    ----------
    scoring : str, callable or None
        Any that scikit-learn takes; None takes the accuracy.
    problem : Problem
    """

    def __init__(self, scoring: Scoring, problem: Problem) -> None:
        self.scorer = get_scorer("accuracy" if scoring is None else scoring)
        self.given = scoring
        self.is_named = not callable(scoring)
        self.classes = problem.classes

    def check(self, held_out: Samples) -> None:
        """Score a guess, so that a scoring that cannot be computed is refused before anything is trained.

        Raises
        ------
        ValueError
            If the scorer raises, or returns no number.
        """
        truth = np.full((len(held_out), len(self.classes)), 0.5 / len(self.classes))
        truth[np.arange(len(truth)), held_out.labels()] += 0.5

        def guess(rows: Samples | NDArray[Any]) -> NDArray[np.float64]:
            # A scorer of the user's may ask for other rows than these.
            return truth if len(rows) == len(truth) else np.full((len(rows), truth.shape[1]), 1 / truth.shape[1])

        try:
            with warnings.catch_warnings():
                # Of scores that are ill-defined: those of the trials are what counts.
                warnings.simplefilter("ignore")
                self(guess, held_out)
        except _ClassesMissingError:
            raise
        except Exception as error:
            raise ValueError(
                f"scoring={self.given!r} cannot be computed for {len(self.classes)} classes ({type(error).__name__}: "
                f"{error}). Give the name of a scorer that can, such as 'accuracy', 'f1_macro' or 'roc_auc_ovr', "
                "make_scorer(metric), or a function of an estimator, X and y that returns a number."
            ) from error

    def with_error(self, probabilities: Predict, held_out: Samples) -> tuple[float, float]:
        """Return the score of what computes the probabilities of rows, and its standard error.

        The error is that of the jackknife over groups of rows (Efron and Stein, "The Jackknife Estimate of Variance",
        Annals of Statistics 1981): how much the score depends on which rows were held out. It is NaN where it is not
        told: for a single row, for a scorer of the user's, which may be slow, or if a part of the rows has no score.
        """
        known = probabilities(held_out)
        score = self(lambda rows: known if rows is held_out else probabilities(rows), held_out)
        n = len(held_out)
        n_groups = min(_GROUPS, n)
        if n_groups < 2 or not self.is_named:
            return score, math.nan
        # Every so many rows, for their order need not be without meaning.
        groups = np.arange(n) % n_groups
        kept = [np.flatnonzero(groups != group) for group in range(n_groups)]
        try:
            with warnings.catch_warnings():
                # Of parts that lack a class; what is said of all rows was said above.
                warnings.simplefilter("ignore")
                parts = np.array([self(partial(_return, known[rows]), held_out.take(rows)) for rows in kept])
        except ValueError:
            return score, math.nan
        return score, math.sqrt((n_groups - 1) / n_groups * float(np.square(parts - parts.mean()).sum()))

    def __call__(self, probabilities: Predict, held_out: Samples) -> float:
        """Return the score of what computes the probabilities of rows."""
        labels = held_out.labels()
        present = np.unique(labels)
        model = _Model(lambda X: probabilities(held_out if X is held_out else X), self.classes, present)
        weight = held_out.relative_weight
        arguments = {} if weight is None or not _takes_weights(self.scorer) else {"sample_weight": weight}
        # Only a function of the user's looks at the inputs; for others they need not be copied.
        X = held_out if isinstance(self.scorer, _SKLEARN_SCORER) else held_out.inputs()
        try:
            score = self.scorer(model, X, self.classes[labels], **arguments)
        except ValueError as error:
            if len(present) == len(self.classes):
                raise
            raise _ClassesMissingError(
                f"The scoring cannot be computed for the held-out rows, which hold only the classes "
                f"{self.classes[present].tolist()} of {len(self.classes)} ({error}); hold out more rows by "
                "validation_fraction, add samples, or take another scoring."
            ) from error
        try:
            return float(score)
        except (TypeError, ValueError) as error:
            raise ValueError(f"scoring must return a number, but {self.scorer!r} returned {score!r}.") from error


class _ClassesMissingError(ValueError):
    """The held-out rows lack a class that the scoring needs."""


class _Model(ClassifierMixin, BaseEstimator):
    """Something trained that speaks the user's labels, for scorers.

    Parameters
    ----------
    probabilities : callable
    classes : ndarray of shape (n_classes,)
    present : ndarray of int
        Indices of the classes whose probabilities are asked for.
    """

    def __init__(
        self, probabilities: Callable[[Any], NDArray[np.float64]], classes: NDArray[Any], present: NDArray[np.int64]
    ) -> None:
        self.probabilities = probabilities
        self.classes = classes
        self.present = present

    @property
    def classes_(self) -> NDArray[Any]:
        """Labels of the columns of the probabilities."""
        return self.classes[self.present]

    def predict_proba(self, X: Any) -> NDArray[np.float64]:
        """Return the class probabilities, shape (n, n_present)."""
        probabilities = self.probabilities(X)
        if len(self.present) == len(self.classes):
            return probabilities
        chosen = probabilities[:, self.present]
        total = chosen.sum(axis=1, keepdims=True)
        # Where all is gone to other classes, nothing is known of these.
        return np.where(total > 0, chosen / np.where(total > 0, total, 1.0), 1 / len(self.present))

    def predict_log_proba(self, X: Any) -> NDArray[np.float64]:
        """Return the logarithms of the class probabilities, shape (n, n_present)."""
        with np.errstate(divide="ignore"):
            return np.log(self.predict_proba(X))

    def predict(self, X: Any) -> NDArray[Any]:
        """Return the most probable labels, shape (n,)."""
        return self.classes[self.probabilities(X).argmax(axis=1)]


def _return(value: NDArray[np.float64], _: Any) -> NDArray[np.float64]:
    return value


def _takes_weights(scorer: Callable[..., float]) -> bool:
    """Whether a scorer can be given weights: those made by scikit-learn can, a plain function need not."""
    parameters = inspect.signature(scorer).parameters.values()
    return any(p.name == "sample_weight" or p.kind is inspect.Parameter.VAR_KEYWORD for p in parameters)
