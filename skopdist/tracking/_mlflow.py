"""Trials as runs of MLflow."""

from __future__ import annotations

import time
from types import TracebackType
from typing import Any, Self

from skopdist.tracking._base import Tracker, measures_of, shares_of
from skopdist.trial import Trial

# What MLflow calls the run that another one belongs to, and the name that it shows.
_PARENT, _NAME = "mlflow.parentRunId", "mlflow.runName"


class MLflowTracker(Tracker):
    """Log each search as a run of MLflow, and each of its trials as a run within it.

    The run of a trial has the probabilities of the operations, the architecture and the seed as parameters, and the
    score, its error, the cost, the duration and the fidelity as metrics. The run of the search has the score of each
    trial and the best so far as curves. No run is made the active one, so that other uses of MLflow are left alone.

    Parameters
    ----------
    experiment : str, default="skopdist"
        The name of the experiment, which is created where there is none.
    tracking_uri : str or None, default=None
        A server, a folder or a database; None takes what MLflow is set to.
    run_name : str, default="search"
        The name of the run of a search.

    Raises
    ------
    ImportError
        If MLflow, from the extra ``skopdist[mlflow]``, is not installed.

    Examples
    --------
    The run of a search ends with the fit of an estimator; as a callback of ``run_search``, with the block::

        with MLflowTracker(tracking_uri="sqlite:///mlflow.db") as tracker:
            run_search(strategy, evaluator, n_trials=30, callback=tracker)

        clf.set_callbacks(MLflowTracker(tracking_uri="sqlite:///mlflow.db")).fit(X, y)
    """

    def __init__(self, experiment: str = "skopdist", tracking_uri: str | None = None, run_name: str = "search") -> None:
        super().__init__()
        self.experiment = experiment
        self.tracking_uri = tracking_uri
        self.run_name = run_name
        self._client()
        self._runs: dict[str, tuple[str, str]] = {}
        self._best: dict[str, float] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.end()

    def _client(self) -> Any:
        try:
            from mlflow import MlflowClient  # noqa: PLC0415 - an extra
        except ImportError as error:
            raise ImportError("MLflowTracker needs MLflow: pip install 'skopdist[mlflow]'.") from error
        return MlflowClient(self.tracking_uri)

    def _begin(self, search: str) -> None:
        client = self._client()
        found = client.get_experiment_by_name(self.experiment)
        experiment_id = client.create_experiment(self.experiment) if found is None else found.experiment_id
        name = f"{self.run_name} {search}".strip()
        run = client.create_run(experiment_id, tags={_NAME: name})
        self._runs[search] = experiment_id, run.info.run_id

    def _add(self, search: str, trial: Trial) -> None:
        from mlflow.entities import Metric, Param, RunTag  # noqa: PLC0415 - an extra

        client, (experiment_id, parent) = self._client(), self._runs[search]
        now = time.time_ns() // 1_000_000
        tags = {_PARENT: parent, _NAME: f"trial {trial.index}", "status": trial.status, "final": str(trial.final)}
        run = client.create_run(experiment_id, start_time=now - int(1000 * trial.duration), tags=tags)
        params = {name: f"{p:.6g}" for name, p in shares_of(trial).items()}
        params |= {"architecture": str(trial.architecture), "seed": str(trial.seed)}
        measures = measures_of(trial)
        client.log_batch(
            run.info.run_id,
            metrics=[Metric(name, value, now, 0) for name, value in measures.items()],
            params=[Param(name, value) for name, value in params.items()],
            tags=[RunTag("message", trial.message)] if trial.message else [],
        )
        client.set_terminated(run.info.run_id, "FINISHED" if trial.succeeded else "FAILED")
        if trial.succeeded:
            # Short trainings and full ones are no equals.
            kind = "final" if trial.final else "trial"
            best = max(trial.score, self._best.get(f"{search} {kind}", trial.score))
            self._best[f"{search} {kind}"] = best
            curve = {f"{kind}_score": trial.score, f"{kind}_best": best}
            client.log_batch(parent, metrics=[Metric(name, value, now, trial.index) for name, value in curve.items()])

    def _end(self, search: str) -> None:
        _, run_id = self._runs.pop(search)
        self._client().set_terminated(run_id)
