"""Trials in a study of Optuna."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from skopdist.tracking._base import Tracker, measures_of, shares_of
from skopdist.trial import Trial

if TYPE_CHECKING:
    import optuna


class OptunaTracker(Tracker):
    """Add each trial to a study of Optuna, so that its dashboard and its plots show the search.

    The parameters of a trial there are the probabilities of its operations, and its value is the score. The
    architecture, the fidelity, the error of the score and more are attributes. Full trainings have the attribute
    "final", and the study calls the best of all trials best, short or full.

    Parameters
    ----------
    study : optuna.study.Study
        One that maximises: ``optuna.create_study(direction="maximize", storage=...)``.

    Raises
    ------
    ValueError
        If the study minimises, or has several objectives.
    ImportError
        If Optuna, from the extra ``skopdist[optuna]``, is not installed.

    Notes
    -----
    Where fits run in other processes, as with ``GridSearchCV(n_jobs=2)``, the study needs a storage that these can
    reach, such as a file of SQLite; one in memory stays empty. ``optuna.load_study`` then shows what all of them added.

    Examples
    --------
    >>> import optuna
    >>> from skopdist.evaluators import TabularEvaluator
    >>> from skopdist.search import run_search
    >>> from skopdist.spaces import NASBench201Space
    >>> from skopdist.strategies import RandomSearch
    >>> from skopdist.tracking import OptunaTracker
    >>> optuna.logging.set_verbosity(optuna.logging.WARNING)
    >>> study = optuna.create_study(direction="maximize")
    >>> table = TabularEvaluator(NASBench201Space(), lambda operations: operations.count("nor_conv_3x3"))
    >>> result = run_search(RandomSearch(), table, n_trials=30, random_state=0, callback=OptunaTracker(study))
    >>> len(study.trials), study.best_value, round(study.best_params["p_nor_conv_3x3"], 2)
    (30, 3.0, 0.38)
    """

    def __init__(self, study: optuna.Study) -> None:
        super().__init__()
        try:
            from optuna.study import StudyDirection  # noqa: PLC0415 - an extra
        except ImportError as error:
            raise ImportError("OptunaTracker needs Optuna: pip install 'skopdist[optuna]'.") from error
        if study.directions != [StudyDirection.MAXIMIZE]:
            raise ValueError(
                "The study must maximise one objective, for scores are higher when they are better, got directions "
                f"{[direction.name for direction in study.directions]}: optuna.create_study(direction='maximize')."
            )
        self.study = study

    def _begin(self, search: str) -> None:
        """There is nothing to prepare."""

    def _end(self, search: str) -> None:
        """There is nothing to finish."""

    def _add(self, search: str, trial: Trial) -> None:
        from optuna.distributions import FloatDistribution  # noqa: PLC0415 - an extra
        from optuna.trial import FrozenTrial, TrialState  # noqa: PLC0415

        shares = shares_of(trial)
        end = datetime.now(UTC).astimezone().replace(tzinfo=None)
        notes = {
            "search": search,
            "trial": trial.index,
            "status": trial.status,
            "final": trial.final,
            "architecture": str(trial.architecture),
            "seed": trial.seed,
            "message": trial.message,
        }
        self.study.add_trial(
            FrozenTrial(
                number=-1,
                trial_id=-1,
                state=TrialState.COMPLETE if trial.succeeded else TrialState.FAIL,
                value=trial.score if trial.succeeded else None,
                # Those of Optuna begin and end by the clock; these are known when they are over.
                datetime_start=end - timedelta(seconds=trial.duration),
                datetime_complete=end,
                params=shares,
                distributions={name: FloatDistribution(0.0, 1.0) for name in shares},
                user_attrs=notes | measures_of(trial),
                system_attrs={},
                intermediate_values={},
            )
        )
