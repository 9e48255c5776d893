"""The abstract tracker: a callback of a search, and of an estimator, that hands on each trial."""

from __future__ import annotations

import logging
import math
from abc import ABC, abstractmethod
from typing import Any

from skopdist.display import share_places
from skopdist.trial import Trial

_LOGGER = logging.getLogger(__name__)


class Tracker(ABC):
    """A callback that hands each trial to a tool that keeps and shows them.

    It is a callback of :func:`~skopdist.search.run_search`, and, with scikit-learn 1.9 or newer, of an estimator, also
    within ``GridSearchCV``: ``clf.set_callbacks(tracker)``. The full trainings of a committee follow when all are
    there. A trial that cannot be handed on, as where a server does not answer, is logged as a warning, and the search
    goes on.

    A subclass implements ``_begin``, ``_add`` and ``_end``.
    """

    def __init__(self) -> None:
        self._n_added: dict[str, int] = {}

    @abstractmethod
    def _begin(self, search: str) -> None:
        """Prepare for the trials of a search; an error ends the search before it begins."""

    @abstractmethod
    def _add(self, search: str, trial: Trial) -> None:
        """Hand on a trial."""

    @abstractmethod
    def _end(self, search: str) -> None:
        """Finish with a search."""

    def __call__(self, trial: Trial) -> None:
        """Hand on a trial of the one search that this tracker is given to."""
        if trial.index == 0 or "" not in self._n_added:
            self.begin()
        self._try_to_add("", trial)

    def begin(self, search: str = "") -> None:
        """Begin with a search, which a name tells apart from others."""
        self._n_added[search] = 0
        self._begin(search)

    def end(self, search: str = "") -> None:
        """Finish with a search."""
        if self._n_added.pop(search, None) is not None:
            self._end(search)

    def setup(self, estimator: Any, context: Any) -> None:
        """Begin with the search of an estimator, as scikit-learn's callbacks do."""
        if not hasattr(estimator, "sample_architecture"):
            raise TypeError(
                f"{type(self).__name__} is a callback of OpDistNASClassifier, got {type(estimator).__name__}: set it "
                "on the classifier within, and the fits of a grid hand on their trials."
            )
        self.begin(_name_of(context))

    def on_fit_task_begin(self, estimator: Any, context: Any) -> None:
        """Return at once: trials are handed on when they are over."""
        return

    def on_fit_task_end(self, estimator: Any, context: Any) -> None:
        """Hand on the trials that were made since."""
        if context.task_name not in ("trial", "fit"):
            return
        search = _name_of(context if context.task_name == "fit" else context.parent.parent)
        for trial in estimator.trials_[self._n_added[search] :]:
            self._try_to_add(search, trial)

    def teardown(self, estimator: Any, context: Any) -> None:
        """Finish with the search of an estimator."""
        self.end(_name_of(context))

    def _try_to_add(self, search: str, trial: Trial) -> None:
        self._n_added[search] += 1
        try:
            self._add(search, trial)
        except Exception as error:  # noqa: BLE001 - a search outlives those who watch it
            name = type(self).__name__
            _LOGGER.warning("%s could not hand on trial %d: %s: %s", name, trial.index, type(error).__name__, error)


def _name_of(context: Any) -> str:
    """Return a name of a fit: the number of its run, and its place where others fitted it, such as "1f2e3d4c 0.3"."""
    places, asked = [], context
    while asked.parent is not None:
        places.append(str(asked.task_id))
        asked = asked.parent
    return " ".join([str(context.root_uuid)[:8], ".".join(reversed(places))]).strip()


def shares_of(trial: Trial) -> dict[str, float]:
    """Return the probabilities of a trial by name, as the columns of ``search_results_`` are called."""
    p = trial.distribution.probabilities
    return {name: float(p[place]) for name, place in share_places(trial.distribution).items()}


def measures_of(trial: Trial) -> dict[str, float]:
    """Return the figures of a trial that are finite."""
    figures = {
        "score": trial.score,
        "score_error": trial.score_error,
        "cost": trial.cost,
        "duration": trial.duration,
        "fidelity": trial.fidelity,
    }
    return {name: float(value) for name, value in figures.items() if math.isfinite(value)}
