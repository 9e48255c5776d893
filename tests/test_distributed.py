"""Searches on real local clusters of dask and ray, from the extras of these names."""

import warnings

import joblib
import numpy as np
import pytest
from plugins import Misbehaving
from sklearn.model_selection import GridSearchCV

from skopdist import OpDistNASClassifier
from skopdist.evaluators import TabularEvaluator, TrainingEvaluator
from skopdist.search import run_search
from skopdist.spaces import NASBench201Space
from skopdist.strategies import BayesianOptimization, LocalSearch, RandomSearch
from skopdist.training import Training

# One worker of the tests at a time has clusters.
pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("clusters")]

N_WORKERS = 2


@pytest.fixture(scope="module")
def dask(tmp_path_factory):
    """A dask cluster; gives the configuration of joblib that is all a user adds."""
    distributed = pytest.importorskip("distributed", reason="the extra skopdist[dask] is not installed")
    with (
        distributed.LocalCluster(
            n_workers=N_WORKERS,
            threads_per_worker=1,
            dashboard_address=":0",  # any port that is free
            local_directory=str(tmp_path_factory.mktemp("dask")),
        ) as cluster,
        distributed.Client(cluster),
    ):
        yield {"backend": "dask"}


@pytest.fixture(scope="module")
def ray():
    """The same for ray."""
    ray = pytest.importorskip("ray", reason="the extra skopdist[ray] is not installed")
    from ray.util.joblib import register_ray

    with pytest.MonkeyPatch.context() as patch:
        # Nothing is sent from here, and no token is left in the home folder.
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        patch.setenv("RAY_AUTH_MODE", "disabled")
        ray.init(num_cpus=N_WORKERS, include_dashboard=False, log_to_driver=False)
        register_ray()
        yield {"backend": "ray", "n_jobs": N_WORKERS}
        ray.shutdown()


@pytest.fixture(params=["dask", "ray"])
def cluster(request):
    return request.getfixturevalue(request.param)


def assert_equal_tables(first, second):
    assert list(first) == list(second)
    for name in first:
        np.testing.assert_array_equal(first[name], second[name], err_msg=name)


def count_convolutions(operations):
    return operations.count("nor_conv_3x3") / 6


@pytest.mark.parametrize("strategy", [RandomSearch(), BayesianOptimization()], ids=str)
def test_a_cluster_finds_what_one_process_finds(strategy, cluster):
    settings = {"n_trials": 10, "random_state": 0}
    table = TabularEvaluator(NASBench201Space(), count_convolutions)
    alone = run_search(strategy, table, **settings, n_jobs=1)
    with joblib.parallel_config(**cluster):
        together = run_search(strategy, table, **settings)
    assert_equal_tables(together.table(), alone.table())
    assert together.best_distribution == alone.best_distribution


def test_a_cluster_trains_what_one_process_trains(images, cluster, untouched_generators, capfd):
    X, y = images

    def fit():
        clf = OpDistNASClassifier(
            LocalSearch(), n_trials=6, max_epochs=2, n_cells=1, channels=8, n_jobs=2, random_state=0
        )
        return clf.fit(X, y)

    with joblib.parallel_config(backend="sequential"):
        alone = fit()
    with joblib.parallel_config(**cluster):
        together = fit()
    assert_equal_tables(together.search_results_, alone.search_results_)
    assert set(together.search_results_["status"]) == {"ok"}
    np.testing.assert_array_equal(together.predict_proba(X), alone.predict_proba(X))
    assert capfd.readouterr().out == ""


def test_trials_of_a_grid_search(iris, cluster):
    grid = GridSearchCV(
        OpDistNASClassifier(n_trials=2, max_epochs=2, n_cells=1, channels=4, random_state=0),
        {"strategy": [RandomSearch(), LocalSearch()]},
        cv=2,
        error_score="raise",
    )
    alone = grid.fit(*iris).cv_results_["mean_test_score"]
    with joblib.parallel_config(**cluster):
        np.testing.assert_array_equal(grid.fit(*iris).cv_results_["mean_test_score"], alone)


def test_large_data_are_not_sent_with_each_trial(dask):
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(10_000, 150)), rng.integers(2, size=10_000)
    evaluator = TrainingEvaluator(n_cells=1, channels=4, training=Training(max_epochs=1, batch_size=1000))
    evaluator.fit(X, y, random_state=0)
    with warnings.catch_warnings(record=True) as caught, joblib.parallel_config(**dask):
        # Dask warns of tasks above ten megabytes, in a thread of its own where an error would not be seen.
        warnings.simplefilter("always")
        result = run_search(RandomSearch(), evaluator, n_trials=3, random_state=0)
    assert all(trial.succeeded for trial in result.trials)
    assert not [str(warning.message) for warning in caught if "large graph" in str(warning.message)]


def test_failed_trials_are_recorded(cluster):
    seeds = [trial.seed for trial in run_search(RandomSearch(), Misbehaving(), n_trials=6, random_state=0).trials]
    with joblib.parallel_config(**cluster):
        result = run_search(RandomSearch(), Misbehaving("raise", seeds[1::3]), n_trials=6, random_state=0)
    assert [trial.status for trial in result.trials] == ["ok", "failed", "ok", "ok", "failed", "ok"]
    assert result.trials[1].message == "RuntimeError: raised on purpose"


def test_a_search_that_ends_early_leaves_the_cluster_in_order(cluster):
    with joblib.parallel_config(**cluster):
        result = run_search(
            RandomSearch(),
            Misbehaving(pause=0.01),
            n_trials=50,
            random_state=0,
            callback=lambda trial: trial.index == 2,
        )
        assert [trial.index for trial in result.trials] == [0, 1, 2]
        assert joblib.Parallel(N_WORKERS)(joblib.delayed(abs)(-i) for i in range(3)) == [0, 1, 2]


def test_a_worker_that_dies_once(cluster, tmp_path):
    healthy = run_search(RandomSearch(), Misbehaving(), n_trials=6, random_state=0)
    mark = tmp_path / "killed"
    evaluator = Misbehaving("kill", [healthy.trials[2].seed], mark=str(mark))
    with joblib.parallel_config(**cluster):
        result = run_search(RandomSearch(), evaluator, n_trials=6, random_state=0)
    assert mark.exists()
    assert_equal_tables(result.table(), healthy.table())


# Not with dask: joblib 1.6 is not told of a task that has killed four workers, and waits for it.
def test_a_trial_that_kills_its_worker_fails_alone(ray):
    healthy = run_search(RandomSearch(), Misbehaving(), n_trials=6, random_state=0)
    evaluator = Misbehaving("kill", [healthy.trials[2].seed])
    with joblib.parallel_config(**ray):
        result = run_search(RandomSearch(), evaluator, n_trials=6, random_state=0)
    assert [trial.status for trial in result.trials] == ["ok", "ok", "failed", "ok", "ok", "ok"]
    assert result.trials[2].message == "The worker process died: ActorDiedError"
    for name, column in healthy.table().items():
        if name != "rank":
            np.testing.assert_array_equal(np.delete(result.table()[name], 2), np.delete(column, 2), err_msg=name)
