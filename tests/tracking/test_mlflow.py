import pytest
from sklearn.model_selection import GridSearchCV

from skopdist import OpDistNASClassifier
from skopdist._callbacks import HAS_CALLBACKS
from skopdist.evaluators import TabularEvaluator
from skopdist.search import run_search
from skopdist.spaces import NASBench201Space
from skopdist.strategies import RandomSearch
from skopdist.tracking import MLflowTracker

needs_callbacks = pytest.mark.skipif(not HAS_CALLBACKS, reason="scikit-learn has no callbacks before 1.9")
# MLflow speaks of its own folders and of pydantic.
pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture
def mlflow():
    # Some versions fail in other ways than by an ImportError.
    return pytest.importorskip("mlflow", exc_type=Exception)


@pytest.fixture
def uri(tmp_path):
    return (tmp_path / "runs").as_uri()


def score(operations):
    if operations[0] == "none":
        raise MemoryError("too large")
    return operations.count("nor_conv_3x3")


def runs_of(mlflow, uri):
    """Return the runs of searches, and those of trials in their order."""
    client = mlflow.MlflowClient(uri)
    experiment = client.get_experiment_by_name("skopdist")
    runs = client.search_runs([experiment.experiment_id], max_results=1000)
    parents = [run for run in runs if "mlflow.parentRunId" not in run.data.tags]
    children = [run for run in runs if "mlflow.parentRunId" in run.data.tags]
    return parents, sorted(children, key=lambda run: int(run.data.tags["mlflow.runName"].split()[1]))


def test_a_search_is_a_run_and_each_trial_one_within_it(mlflow, uri):
    with MLflowTracker(tracking_uri=uri) as tracker:
        table = TabularEvaluator(NASBench201Space(), score)
        result = run_search(RandomSearch(), table, n_trials=10, random_state=0, callback=tracker)
    (parent,), children = runs_of(mlflow, uri)
    assert parent.info.status == "FINISHED"
    assert parent.data.metrics["trial_best"] == result.best_score
    assert [run.info.status for run in children] == ["FINISHED" if t.succeeded else "FAILED" for t in result.trials]
    for run, trial in zip(children, result.trials, strict=True):
        assert run.data.tags["mlflow.parentRunId"] == parent.info.run_id
        assert run.data.metrics.get("score") == (trial.score if trial.succeeded else None)
        assert float(run.data.params["p_none"]) == pytest.approx(trial.distribution["none"], abs=1e-5)
        assert run.data.params["architecture"] == str(trial.architecture)
    failed = next(run for run in children if run.info.status == "FAILED")
    assert failed.data.tags["message"] == "MemoryError: too large"
    curve = mlflow.MlflowClient(uri).get_metric_history(parent.info.run_id, "trial_best")
    values = [metric.value for metric in sorted(curve, key=lambda metric: metric.step)]
    assert values == sorted(values)
    assert mlflow.active_run() is None


@needs_callbacks
def test_an_estimator_and_a_grid(mlflow, uri, iris):
    clf = OpDistNASClassifier(n_trials=2, n_members=2, max_epochs=1, n_cells=1, channels=4, random_state=0)
    clf.set_callbacks(MLflowTracker(tracking_uri=uri)).fit(*iris)
    (parent,), children = runs_of(mlflow, uri)
    assert [run.data.metrics["score"] for run in children] == pytest.approx([trial.score for trial in clf.trials_])
    assert [run.data.tags["final"] for run in children] == ["False", "False", "True", "True"]
    assert parent.info.status == "FINISHED"
    GridSearchCV(clf, {"channels": [4]}, cv=2).fit(*iris)
    parents, children = runs_of(mlflow, uri)
    assert len(parents) == 1 + 3
    assert len(children) == 4 * 4


def test_a_server_that_is_not_there_is_known_at_once(mlflow):
    with pytest.raises(Exception, match="nosuchscheme"):
        MLflowTracker(tracking_uri="nosuchscheme://nowhere").begin()


def test_without_mlflow_the_extra_is_named(said_without):
    said = said_without("mlflow", "from skopdist.tracking import MLflowTracker", "MLflowTracker()")
    assert "pip install 'skopdist[mlflow]'" in said
