"""The final network, where it is not one of the search."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, ClassVar

from sklearn.utils._param_validation import validate_parameter_constraints

from skopdist._parameters import HasParameters
from skopdist._validation import PositiveInteger
from skopdist.architecture import Architecture


class Refit(HasParameters):
    """How the final network differs from those of the search: search small, train large.

    Parameters
    ----------
    length : int or None, default=None
        Number of operations in a cell. One of this length is drawn from the best distribution and trained. None trains
        the best architecture itself.
    n_cells : int or None, default=None
        Depth; None takes that of the search.
    channels : int or None, default=None
        Width of the first cell; None takes that of the search.
    max_epochs : int or None, default=None
        Epochs of the training; None takes those of the recipe, or with early stopping those of the best trial.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skopdist import OpDistNASClassifier, Refit
    >>> X, y = load_iris(return_X_y=True)
    >>> small = {"n_trials": 2, "max_epochs": 2, "n_cells": 1, "channels": 8, "random_state": 0}
    >>> clf = OpDistNASClassifier(**small, refit=Refit(length=12, n_cells=2)).fit(X, y)
    >>> clf.best_architecture_.length, clf.refit_architecture_.length
    (6, 12)
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        name: [PositiveInteger(), None] for name in ("length", "n_cells", "channels", "max_epochs")
    }

    def __init__(
        self,
        *,
        length: int | None = None,
        n_cells: int | None = None,
        channels: int | None = None,
        max_epochs: int | None = None,
    ) -> None:
        self.length = length
        self.n_cells = n_cells
        self.channels = channels
        self.max_epochs = max_epochs

    def check(self) -> None:
        """Refuse parameters that are out of range, with a ValueError that names them."""
        validate_parameter_constraints(
            self._parameter_constraints, self.get_params(deep=False), caller_name=type(self).__name__
        )

    def resized(self, architecture: Architecture) -> Architecture:
        """Return an architecture of which the settings that this decides are as decided."""
        sizes = {"n_cells": self.n_cells, "channels": self.channels}
        settings = [(name, sizes.get(name) or value) for name, value in architecture.settings]
        return replace(architecture, settings=tuple(settings))
