import pickle
import sys
from dataclasses import replace

import numpy as np
import pytest
import torch
from sklearn.metrics import accuracy_score, get_scorer, get_scorer_names, make_scorer

from skopdist import Scalar
from skopdist.evaluators import TrainingEvaluator
from skopdist.networks import Network, NetworkCosts
from skopdist.search import SearchFailedError, run_search
from skopdist.spaces import DenseSpace, NASBench201Space, SequenceSpace
from skopdist.strategies import RandomSearch
from skopdist.testing import check_evaluator
from skopdist.training import Trainer, Training

SMALL = {"channels": 4, "n_cells": 1, "training": Training(max_epochs=3)}
SHORT = SMALL | {"training": Training(max_epochs=1)}


@pytest.mark.parametrize("data", ["iris", "images", "series"])
def test_contract(data, request):
    X, y = request.getfixturevalue(data)
    check_evaluator(TrainingEvaluator(**SMALL), X, y)


@pytest.mark.parametrize(
    ("data", "space", "n_spatial"),
    [("iris", DenseSpace, 0), ("series", SequenceSpace, 1), ("images", NASBench201Space, 2)],
)
@pytest.mark.parametrize("length", [1, 2, 9, 23, 40])
def test_scores_cells_of_every_length(data, space, n_spatial, length, request):
    X, y = request.getfixturevalue(data)
    evaluator = TrainingEvaluator(**SHORT).fit(X, y, random_state=0)
    assert isinstance(evaluator.search_space, space)
    architecture = evaluator.search_space.sample(evaluator.search_space.uniform(), length, length)
    trial = evaluator.evaluate(architecture, seed=1)
    assert trial.status == "ok", trial.message
    assert 0 <= trial.score <= 1
    assert trial.cost == 1
    assert trial.info["n_epochs"] == 1
    built = Network(architecture, X.shape[1:], len(np.unique(y)), channels=4, n_cells=1)
    assert trial.info["n_parameters"] == sum(p.numel() for p in built.parameters())


def test_what_lets_nothing_pass_scores_as_a_constant(iris):
    X, y = iris
    evaluator = TrainingEvaluator(**SMALL).fit(X[:130], y[:130], random_state=0)
    space = evaluator.search_space
    trial = evaluator.evaluate(space.make_architecture([space.make_cell(["none"] * 3, space.potential_edges(3))]))
    assert (trial.status, trial.cost) == ("invalid", 0)
    assert trial.score == pytest.approx(np.bincount(y[:130]).max() / 130, abs=0.05)


@pytest.mark.parametrize("scoring", ["accuracy", "balanced_accuracy", "f1_macro", "roc_auc_ovr", "neg_log_loss"])
def test_any_scorer_of_scikit_learn(iris, scoring):
    X, y = iris
    labels = np.array(["setosa", "versicolor", "virginica"])[y]
    evaluator = TrainingEvaluator(scoring=scoring, **SMALL).fit(X, labels, random_state=0)
    space = evaluator.search_space
    trial = evaluator.evaluate(space.sample(space.uniform(), random_state=0))
    assert trial.status == "ok", trial.message
    invalid = space.make_architecture([space.make_cell(["none"] * 3, space.potential_edges(3))])
    if scoring != "f1_macro":
        assert evaluator.evaluate(invalid).status == "invalid"


def test_a_scorer_of_the_user_gets_labels_and_weights(iris):
    X, y = iris
    labels = np.array(["setosa", "versicolor", "virginica"])[y]
    seen = []

    def metric(truth, prediction, sample_weight=None):
        seen.append((set(truth), sample_weight is not None))
        return accuracy_score(truth, prediction, sample_weight=sample_weight)

    weight = np.linspace(1, 2, len(y))
    for scoring in (make_scorer(metric), lambda model, X, y: float((model.predict(X) == y).mean())):
        evaluator = TrainingEvaluator(scoring=scoring, **SMALL).fit(X, labels, weight, random_state=0)
        space = evaluator.search_space
        assert evaluator.evaluate(space.sample(space.uniform(), random_state=0)).status == "ok"
    # Once before anything is trained, and once for the trial.
    assert seen == [({"setosa", "versicolor", "virginica"}, True)] * 2


def test_splits_are_disjoint_and_follow_the_seed(iris):
    X, y = iris
    first, again, other = (TrainingEvaluator().fit(X, y, random_state=s) for s in (0, 0, 1))
    first, again, other = (evaluator.problem_ for evaluator in (first, again, other))
    assert not {row.tobytes() for row in first.training.inputs()} & {row.tobytes() for row in first.held_out.inputs()}
    np.testing.assert_array_equal(first.held_out.rows, again.held_out.rows)
    assert not np.array_equal(first.held_out.rows, other.held_out.rows)
    assert len(first.held_out) == pytest.approx(len(y) / 4, abs=1)


def test_samples_of_no_weight_are_not_there(iris):
    X, y = iris
    weight = np.where(y == 2, 0.0, 1.0)
    evaluator = TrainingEvaluator().fit(X, y, weight, random_state=0)
    assert evaluator.problem_.classes.tolist() == [0, 1]
    assert len(evaluator.problem_.everything) == len(np.unique(X[y < 2], axis=0))


def test_without_data_knows_the_space_and_holds_no_samples(images):
    X, y = images
    evaluator = TrainingEvaluator(**SMALL).fit(X, y, random_state=0)
    bare = evaluator.without_data()
    assert len(pickle.dumps(bare)) < 5000 < len(pickle.dumps(evaluator))
    assert bare.search_space.operation_names == evaluator.search_space.operation_names
    space = evaluator.search_space
    assert bare.evaluate(space.sample(space.uniform(), random_state=0)).status == "failed"
    assert evaluator.evaluate(space.sample(space.uniform(), random_state=0)).status == "ok"


def test_early_stopping_lowers_the_cost(iris):
    X, y = iris
    rng = np.random.default_rng(0)
    # Labels that cannot be learnt: the held-out loss only rises.
    evaluator = TrainingEvaluator(channels=16, n_cells=1, training=Training(max_epochs=60, early_stopping=2))
    evaluator.fit(X, rng.permutation(y), random_state=0)
    space = evaluator.search_space
    trial = evaluator.evaluate(space.sample(space.uniform(), random_state=0))
    assert trial.cost == trial.info["n_epochs"] < 60


@pytest.mark.parametrize(
    ("early_stopping", "expected"),
    [(3, ["cpu", "cpu:0", "cpu", "cpu", "cpu:0"]), (None, ["cpu", "cpu:0"])],
    ids=["one by one", "together"],
)
def test_trials_are_shared_out_over_the_devices(iris, monkeypatch, early_stopping, expected):
    X, y = iris
    trained = []

    def spy(name):
        method = getattr(Trainer, name)

        def called(self, *arguments):
            trained.append(self.device)
            return method(self, *arguments)

        monkeypatch.setattr(Trainer, name, called)

    spy("train")
    spy("train_many")
    settings = SMALL | {"training": Training(max_epochs=1, early_stopping=early_stopping)}
    evaluator = TrainingEvaluator(device=["cpu", "cpu:0", "cpu"], **settings).fit(X, y, random_state=0)
    several = run_search(RandomSearch(), evaluator, n_trials=5, random_state=0)
    assert trained == expected
    assert evaluator.trainer_.device == "cpu"
    one = run_search(
        RandomSearch(), TrainingEvaluator(**settings).fit(X, y, random_state=0), n_trials=5, random_state=0
    )
    for column, expected in zip(several.table().values(), one.table().values(), strict=True):
        np.testing.assert_array_equal(column, expected)


def test_networks_for_tables_are_trained_together_but_for_rounding(iris):
    evaluator = TrainingEvaluator(**SMALL, scoring="neg_log_loss").fit(*iris, random_state=0)
    space = evaluator.search_space
    architectures = [space.sample(space.uniform(), random_state=i) for i in range(5)]
    architectures.insert(2, space.make_architecture([space.make_cell(["none"] * 3, space.potential_edges(3))]))
    groups = evaluator.together(architectures)
    assert sorted(i for group in groups for i in group) == list(range(6))
    assert max(map(len, groups)) > 1
    assert [2] in groups
    seeds = [10, 11, 12, 13, 14, 15]
    together = evaluator.evaluate_many(architectures, seeds=seeds, fidelity=0.5)
    for trial, architecture, seed in zip(together, architectures, seeds, strict=True):
        alone = evaluator.evaluate(architecture, seed=seed, fidelity=0.5)
        assert (trial.architecture, trial.seed, trial.status) == (architecture, seed, alone.status)
        assert (trial.cost, trial.fidelity, trial.info) == (alone.cost, alone.fidelity, alone.info)
        assert trial.distribution == alone.distribution
        assert trial.score == pytest.approx(alone.score, abs=1e-3)
        assert trial.score_error == pytest.approx(alone.score_error, abs=1e-3, nan_ok=True)


def test_one_of_a_group_may_fail_to_be_scored(iris):
    calls = []

    def scorer(model, X, y):
        calls.append(1)
        if len(calls) == 3:
            raise LookupError("refused on purpose")
        return float((model.predict(X) == y).mean())

    evaluator = TrainingEvaluator(**SHORT, scoring=scorer).fit(*iris, random_state=0)
    calls.clear()
    space = evaluator.search_space
    architectures = list(space.reference_architectures())
    assert evaluator.together(architectures) == [[0, 1, 2, 3]]
    trials = evaluator.evaluate_many(architectures, seeds=[0, 1, 2, 3])
    assert [trial.status for trial in trials] == ["ok", "ok", "failed", "ok"]
    assert trials[2].message == "LookupError: refused on purpose"


def test_what_is_large_or_not_for_tables_or_evaluates_in_its_own_way_is_evaluated_one_by_one(iris, series):
    class Rounded(TrainingEvaluator):
        def _evaluate(self, architecture, mixture, seed):
            return replace(super()._evaluate(architecture, mixture, seed), score=0.5)

    stopping = SMALL | {"training": Training(max_epochs=1, early_stopping=1)}
    rng = np.random.default_rng(0)
    many = rng.normal(size=(6000, 2)), rng.integers(2, size=6000)
    evaluators = [
        TrainingEvaluator(**SHORT).fit(*many, random_state=0),
        TrainingEvaluator(**SHORT).fit(*series, random_state=0),
        TrainingEvaluator(**stopping).fit(*iris, random_state=0),
        Rounded(**SHORT).fit(*iris, random_state=0),
    ]
    for evaluator in evaluators:
        architectures = list(evaluator.search_space.reference_architectures())
        assert evaluator.together(architectures) == [[i] for i in range(len(architectures))]
    result = run_search(RandomSearch(), evaluators[-1], n_trials=4, random_state=0)
    assert [trial.score for trial in result.trials] == [0.5] * 4


def test_settings_that_are_refused_fail_alone(iris):
    space = DenseSpace(scalars=[Scalar("label_smoothing", 0.1, 3.0)])
    evaluator = TrainingEvaluator(space, **SHORT).fit(*iris, random_state=0)
    result = run_search(RandomSearch(), evaluator, n_trials=8, random_state=0)
    statuses = {trial.status: dict(trial.architecture.settings)["label_smoothing"] for trial in result.trials}
    assert statuses["ok"] <= 1 < statuses["failed"]


def test_copies_for_the_devices_share_the_data(iris):
    evaluator = TrainingEvaluator(device=["cpu", "cpu:0"], **SMALL).fit(*iris, random_state=0)
    assert [replica.trainer_.device for replica in evaluator.replicas] == ["cpu", "cpu:0"]
    assert all(replica.problem_ is evaluator.problem_ for replica in evaluator.replicas)
    assert evaluator.trainer_.device == "cpu"


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
def test_only_the_workers_start_cuda(images, monkeypatch):
    X, y = images

    def start():
        raise AssertionError("CUDA was started")

    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "_lazy_init", start)
    evaluator = TrainingEvaluator(device=["cuda:0", "cuda:1"], **SMALL).fit(X, y, random_state=0)
    # The workers, which know nothing of the patches, find no GPU.
    with pytest.raises(SearchFailedError, match=r"All 2 trials failed.*(CUDA|NVIDIA)") as caught:
        run_search(RandomSearch(), evaluator, n_trials=2, random_state=0, n_jobs=2)
    assert "CUDA was started" not in str(caught.value)
    with pytest.raises(SearchFailedError, match=r"CUDA was started"):
        run_search(RandomSearch(), evaluator, n_trials=1, random_state=0)


def test_its_size_is_that_of_its_data(images):
    evaluator = TrainingEvaluator(**SMALL).fit(*images, random_state=0)
    assert sys.getsizeof(evaluator) > evaluator.problem_.everything.X.nbytes
    assert sys.getsizeof(evaluator.without_data()) < 1000


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"channels": 0}, r"'channels' parameter of TrainingEvaluator must be an int .*Got 0"),
        ({"n_cells": 1.5}, r"'n_cells' .*Got 1\.5"),
        ({"training": Training(max_epochs=0)}, r"'max_epochs' parameter of Training .*Got 0"),
        ({"training": {"lr": 0.1}}, r"'training' .*Got \{'lr': 0\.1\}"),
        ({"validation_fraction": 1.0}, r"'validation_fraction' .*\(0\.0, 1\.0\).*Got 1\.0"),
        ({"validation_fraction": 0}, r"'validation_fraction' .*Got 0"),
        ({"space": ["dense"]}, r"'space' parameter of TrainingEvaluator must be"),
        ({"device": "toaster"}, r"device must be"),
        ({"device": []}, r"device must be .* or a list of at least one, got \[\]"),
        ({"device": ["cpu", "toaster"]}, r"device must be .*, got 'toaster'"),
        ({"scoring": "beauty"}, r"beauty"),
    ],
)
def test_bad_parameters(iris, parameters, message):
    with pytest.raises((ValueError, TypeError), match=message):
        TrainingEvaluator(**parameters).fit(*iris)


# Scorers and classes that the held-out rows lack

PROBABILITY_SCORERS = [
    name
    for name in get_scorer_names()
    if getattr(get_scorer(name), "_response_method", None) not in ("predict", None)
    and name not in ("average_precision", "roc_auc")
]


@pytest.mark.parametrize("scoring", [*PROBABILITY_SCORERS, "accuracy", "balanced_accuracy", "matthews_corrcoef"])
@pytest.mark.parametrize("n_classes", [3, 4])
def test_a_class_that_is_not_held_out_does_not_fail_a_scorer(iris, scoring, n_classes):
    if scoring == "top_k_accuracy" and n_classes == 3:
        pytest.skip("the two best of two classes are always right, and scikit-learn warns of that")
    X, y = iris
    # The last class has one row, which is trained on.
    few = np.flatnonzero(y < n_classes - 1)
    X, y = np.vstack([X[few], X[few][:1] + 9]), np.r_[y[few], n_classes - 1]
    evaluator = TrainingEvaluator(scoring=scoring, **SHORT).fit(X, y, random_state=0)
    space = evaluator.search_space
    trial = evaluator.evaluate(space.sample(space.uniform(), random_state=0), seed=1)
    assert trial.status == "ok", trial.message


@pytest.mark.parametrize("returned", ["high", None, [1, 2]])
def test_a_scorer_that_returns_no_number(returned, iris):
    with pytest.raises(ValueError, match=r"scoring must return a number, but .* returned"):
        TrainingEvaluator(scoring=lambda model, X, y: returned, **SHORT).fit(*iris, random_state=0)


def test_a_recipe_that_cannot_work_is_refused_before_a_trial(iris):
    training = Training(max_epochs=1, net_params={"optimizer__nope": 1})
    with pytest.raises(ValueError, match=r"Networks cannot be trained with net_params=\{.*nope"):
        TrainingEvaluator(training=training, n_cells=1, channels=4).fit(*iris, random_state=0)


def test_scalars_are_applied(iris):
    space = DenseSpace(stems=(), scalars=[Scalar("channels", 4, 32, integer=True), Scalar("lr", 0.001, 0.1, log=True)])
    check_evaluator(TrainingEvaluator(space, n_cells=1, training=Training(max_epochs=2)), *iris)
    evaluator = TrainingEvaluator(space, n_cells=1, training=Training(max_epochs=2)).fit(*iris, random_state=0)
    costs = NetworkCosts((4,), 3, n_cells=1)
    architecture = space.reference_architectures()[0]
    trials = [
        evaluator.evaluate(replace(architecture, settings={"channels": channels, "lr": 0.01})) for channels in (4, 32)
    ]
    sizes = [trial.info["n_parameters"] for trial in trials]
    assert sizes == [costs.n_parameters(trial.architecture) for trial in trials]
    assert sizes[0] < sizes[1]


def test_scalars_that_nobody_knows(iris):
    space = DenseSpace(scalars=[Scalar("learning_rate", 0.001, 0.1)])
    evaluator = TrainingEvaluator(space).fit(*iris, random_state=0)
    message = (
        r"TrainingEvaluator cannot apply the scalars \['learning_rate'\]; those that it can are \['channels', "
        r"'n_cells', 'drop_path', 'batch_size', 'label_smoothing', 'lr', 'weight_decay'\]"
    )
    with pytest.raises(ValueError, match=message):
        run_search(RandomSearch(), evaluator, n_trials=1, random_state=0)
    with pytest.raises(ValueError, match=message):
        evaluator.evaluate(space.sample(space.uniform(), random_state=0))


def test_fewer_rows_have_smaller_batches_and_smaller_steps():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(30_000, 2))
    evaluator = TrainingEvaluator().fit(X, (X[:, 0] > 0).astype(int), random_state=0)
    short = evaluator.at(0.01)
    rows, fewer = len(evaluator.problem_.training), len(short.problem_.training)
    assert fewer < rows / 4
    assert evaluator.trainer_.training.lr == pytest.approx(0.1)
    assert short.trainer_.training.lr == pytest.approx(0.05, rel=0.1)
    # What the user chooses stays.
    own = TrainingEvaluator(training=Training(lr=0.02)).fit(X, (X[:, 0] > 0).astype(int), random_state=0)
    assert own.at(0.01).trainer_.training.lr == 0.02
