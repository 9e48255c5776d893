"""Those who watch a fit: a person before a terminal or a notebook, and callbacks of scikit-learn."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any, Self

from skopdist._callbacks import HAS_CALLBACKS
from skopdist.display import Progress
from skopdist.trial import Trial

# What is told of a task: the data, and how to make an estimator that predicts as if the fit ended here.
Attributes = Callable[[], Mapping[str, Any]]


class Watch:
    """Tells those who watch a fit of its two phases: the search, and the members behind it.

    To callbacks of scikit-learn a fit is the task "fit" with the tasks "search" and "members", whose own tasks are
    "trial" and "member". A callback finds the trials so far in ``estimator.trials_``.

    Parameters
    ----------
    estimator : OpDistNASClassifier
        The one that is fitted.
    data : mapping
        ``X``, ``y`` and ``metadata``, as they came.
    n_phases : {1, 2}
    """

    def __init__(self, estimator: Any, data: Mapping[str, Any], n_phases: int) -> None:
        self._estimator = estimator
        self._data = dict(data)
        self._progress: Progress | None = None
        self._root: Any = None
        self._phase: _Phase | None = None
        self._trials: list[Trial] = []
        self._n_known = 0
        if HAS_CALLBACKS:
            context = estimator._init_callback_context(max_subtasks=n_phases)
            if getattr(estimator, "_skl_callbacks", None):
                self._root = context.call_on_fit_task_begin(estimator=estimator, **self._data)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._progress is not None:
            self._progress.__exit__(kind, error, traceback)

    def begin_search(self, n_trials: int | None, n_known: int, progress: Progress | None) -> None:
        """Say that the search begins.

        Parameters
        ----------
        n_trials : int or None
            None where time decides.
        n_known : int
            Trials that are on record.
        progress : Progress or None
            What a person sees, if anything.
        """
        self._progress, self._n_known = progress, n_known
        self._begin("search", "trial", n_trials)

    def on_trial(self, trial: Trial) -> bool:
        """Show a trial; return whether the search is to end."""
        if self._progress is not None:
            self._progress.show_trial(trial, is_known=trial.index < self._n_known)
        if self._phase is None:
            return False
        self._trials.append(trial)
        self._estimator.trials_ = tuple(self._trials)
        return self._phase.end_step(None)

    def begin_members(self, n_members: int | None) -> None:
        """Say that the search is over, and the training of what predicts begins; see :meth:`begin_search`."""
        self._end()
        if self._progress is not None:
            self._progress.begin_members(n_members)
        self._begin("members", "member", n_members)

    def on_member(self, text: str, attributes: Attributes | None) -> bool:
        """Show a member, or why its training failed, by a text; return whether no more are to be trained.

        `attributes` returns those of an estimator whose committee ends with this member; None for one that failed.
        """
        if self._progress is not None:
            self._progress.show_member(text, is_failed=attributes is None)
        return self._phase is not None and self._phase.end_step(attributes)

    def end(self, predicts: bool) -> None:
        """Say that the fit is over, and whether the estimator predicts."""
        self._end()
        if self._root is not None:
            ready = {"reconstruction_attributes": dict} if predicts else {}
            self._root.call_on_fit_task_end(estimator=self._estimator, **self._data, **ready)

    def _begin(self, name: str, step: str, n: int | None) -> None:
        if self._root is not None:
            self._phase = _Phase(self._root, self._estimator, self._data, name, step, n)

    def _end(self) -> None:
        if self._phase is not None:
            self._phase.end()
            self._phase = None


class _Phase:
    """A task of a fit with steps, of which one is always under way until there are no more."""

    def __init__(
        self, root: Any, estimator: Any, data: Mapping[str, Any], name: str, step_name: str, n_steps: int | None
    ) -> None:
        self._told = {"estimator": estimator, **data}
        self._context = root.subcontext(task_name=name, max_subtasks=n_steps).call_on_fit_task_begin(**self._told)
        self._step_name = step_name
        self._n_left = n_steps
        self._step: Any = None
        self._begin_step()

    def end_step(self, attributes: Attributes | None) -> bool:
        """End the step that is under way, and begin the next one; return whether a callback asked to stop."""
        ready = {} if attributes is None else {"reconstruction_attributes": attributes}
        step, self._step = self._step, None
        is_over = bool(step.call_on_fit_task_end(**self._told, **ready))
        if not is_over:
            self._begin_step()
        return is_over

    def end(self) -> None:
        """End the phase; a step that was begun and came to nothing is ended with it."""
        if self._step is not None:
            self._step.call_on_fit_task_end(**self._told)
        self._context.call_on_fit_task_end(**self._told)

    def _begin_step(self) -> None:
        if self._n_left == 0:
            return
        if self._n_left is not None:
            self._n_left -= 1
        step = self._context.subcontext(task_name=self._step_name)
        self._step = step.call_on_fit_task_begin(**self._told)
