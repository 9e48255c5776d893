"""Tests of Bayesian optimisation."""

import os
import warnings
from pathlib import Path

import numpy as np
import pytest

from skopdist import OperationDistribution
from skopdist.encodings import AdjacencyEncoding, DistributionEncoding, HybridEncoding
from skopdist.evaluators import TabularEvaluator
from skopdist.search import run_search
from skopdist.spaces import DenseSpace, NASBench201Space
from skopdist.strategies import BayesianOptimization, RandomSearch
from skopdist.strategies._bayesian import _standardised, log_expected_improvement, transformed
from skopdist.testing import check_strategy

ENCODINGS = [DistributionEncoding, AdjacencyEncoding, HybridEncoding]
TWO = ["skip_connect", "nor_conv_1x1"]


def score(operations):
    value = {"none": 0, "skip_connect": 1, "nor_conv_1x1": 2, "nor_conv_3x3": 3, "avg_pool_3x3": 0.5}
    return sum(value[name] for name in operations) + 2 * (operations[3] == "skip_connect")


@pytest.fixture
def table():
    return TabularEvaluator(NASBench201Space(), score)


def run(evaluator, encoding=None, strategy=None, **settings):
    settings = {"n_trials": 12, "random_state": 0} | settings
    return run_search(strategy or BayesianOptimization(), evaluator, encoding=encoding, **settings)


@pytest.mark.parametrize("space", [NASBench201Space(), DenseSpace()], ids=str)
@pytest.mark.parametrize("encoding", [encoding() for encoding in ENCODINGS], ids=str)
def test_contract(encoding, space):
    check_strategy(BayesianOptimization(), encoding, space)


def test_asking_for_the_best_changes_nothing(table):
    bound = HybridEncoding().bind(NASBench201Space())
    asked, unasked = (BayesianOptimization().start(bound, 0) for _ in range(2))
    for _ in range(12):
        first, second = asked.suggest(1), unasked.suggest(1)
        np.testing.assert_array_equal(first, second)
        trial = table.evaluate(bound.decode(first[0]))
        asked.observe([trial])
        unasked.observe([trial])
        asked.recommend()


def test_default_encoding():
    assert isinstance(BayesianOptimization().default_encoding, HybridEncoding)
    assert isinstance(RandomSearch().default_encoding, DistributionEncoding)


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_beats_random_search(encoding, table):
    seeds = range(5)
    ours = [run(table, encoding(), n_trials=25, random_state=seed).best_score for seed in seeds]
    theirs = [run(table, encoding(), RandomSearch(), n_trials=25, random_state=seed).best_score for seed in seeds]
    assert np.mean(ours) > np.mean(theirs) + 0.5


def test_finds_the_optimum(table):
    assert run(table, n_trials=40).best_score == 18


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("trial_batch", [1, 7])
def test_same_seed_same_search(encoding, trial_batch, table):
    strategy = BayesianOptimization(trial_batch=trial_batch)
    one, other = (run(table, encoding(), strategy, n_trials=15) for _ in range(2))
    assert [t.architecture for t in one.trials] == [t.architecture for t in other.trials]
    assert one.best_distribution == other.best_distribution


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("length", [6, 8])
def test_suggestions_of_a_batch_are_distinct(encoding, length, table):
    bound = encoding().bind(NASBench201Space(), length)
    strategy = BayesianOptimization().start(bound, 0)
    for _ in range(3):
        points = strategy.suggest(8)
        assert len(points) == 8 == len(np.unique(points.round(9), axis=0))
        strategy.observe([table.evaluate(bound.decode(point, 0)) for point in points])


def test_no_network_is_asked_twice(table):
    result = run(table, n_trials=40)
    encoding = HybridEncoding().bind(NASBench201Space())
    keys = encoding.keys([encoding.encode(trial.architecture) for trial in result.trials])
    assert len(set(keys)) == 40
    assert all(keys)


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("trial_batch", [1, 50])
def test_small_spaces_run_dry(encoding, trial_batch):
    evaluator = TabularEvaluator(NASBench201Space(TWO), score_short)
    with pytest.warns(UserWarning, match="holds no more points"):
        result = run(evaluator, encoding(), BayesianOptimization(trial_batch=trial_batch), n_trials=50, length=2)
    assert result.stop_reason == "exhausted"
    # The distribution of both operations is asked twice at most, for it has two architectures.
    assert 3 <= len(result.trials) <= 4
    assert result.best_score == 4


def score_short(operations):
    return sum(2 if name == "nor_conv_1x1" else 1 for name in operations)


@pytest.mark.parametrize("operations", [["none", "skip_connect"], ["skip_connect"], ["none"]])
def test_what_cannot_be_trained_comes_last(operations):
    evaluator = TabularEvaluator(NASBench201Space(operations), lambda names: names.count("none"))
    with pytest.warns(UserWarning, match="holds no more points"):
        result = run(evaluator, n_trials=50, length=3)
    assert len(result.trials) == len(operations) ** 3
    valid = [evaluator.space.is_valid(trial.architecture) for trial in result.trials]
    assert valid == sorted(valid, reverse=True) or operations == ["none"]


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize(
    "values",
    [
        lambda _: 0.5,
        lambda _: 0.0,
        lambda o: 1e300 * o.count("none"),
        lambda o: 1e-300 * o.count("none"),
        lambda o: float(o[0] == "none"),
    ],
    ids=["constant", "zero", "huge", "tiny", "two values"],
)
def test_odd_scores(encoding, values):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert len(run(TabularEvaluator(NASBench201Space(), values), encoding(), n_trials=10).trials) == 10


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_failed_trials_are_lived_with(encoding):
    evaluator = TabularEvaluator(NASBench201Space(), lambda o: np.nan if o[0] == "none" else score(o))
    result = run(evaluator, encoding(), n_trials=20)
    assert len(result.trials) == 20
    assert result.best_trial.succeeded


def test_failures_alone_do_not_stop_the_search():
    encoding = HybridEncoding().bind(NASBench201Space())
    strategy = BayesianOptimization().start(encoding, 0)
    evaluator = TabularEvaluator(NASBench201Space(), lambda _: np.nan)
    for _ in range(6):
        strategy.observe([evaluator.evaluate(encoding.decode(point)) for point in strategy.suggest(1)])
    with pytest.raises(ValueError, match="at least one trial that succeeded"):
        strategy.recommend()


def test_recommends_by_posterior_mean_and_not_by_luck():
    # One lucky score among many: its distribution is not the best one.
    space = NASBench201Space()
    encoding = DistributionEncoding().bind(space)
    strategy = BayesianOptimization().start(encoding, 0)
    rng = np.random.default_rng(0)
    evaluator = TabularEvaluator(space, lambda o: o.count("nor_conv_3x3") + rng.normal())
    good, poor = ([0, 0, 0.5, 0.5, 0], [0, 0.5, 0.5, 0, 0])
    for p in [good, poor] * 10:
        distribution = OperationDistribution(space.operation_names, p)
        strategy.observe([evaluator.evaluate(space.sample(distribution, random_state=rng))])
    lucky = evaluator.evaluate(space.sample(distribution, random_state=rng)).replace(score=6.0)
    strategy.observe([lucky])
    assert strategy.recommend()["nor_conv_3x3"] == 0.5


@pytest.mark.parametrize("length", [1, 3, 40])
@pytest.mark.parametrize("space", [NASBench201Space, DenseSpace])
def test_any_length(space, length):
    evaluator = TabularEvaluator(space(), lambda operations: operations.count("skip_connect"))
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "The search space holds no more points")
        result = run(evaluator, n_trials=6, length=length)
    assert 3 <= len(result.trials) <= 6


@pytest.mark.parametrize(("factor", "offset"), [(1, 0), (0.01, 0), (100, -5000)])
def test_scale_of_the_scores_makes_no_difference(factor, offset, table):
    scaled = TabularEvaluator(NASBench201Space(), lambda o: factor * score(o) + offset)
    ours, theirs = run(scaled, n_trials=15), run(table, n_trials=15)
    assert [t.architecture for t in ours.trials] == [t.architecture for t in theirs.trials]


def test_transform():
    scores = np.array([10.0, 90.0, 91.0, 92.0, np.nan])
    z = transformed(scores, "log")
    assert z[0] == z[4]
    assert (np.diff(z[:4]) > 0).all()
    assert z.mean() == pytest.approx(0)
    assert z.std() == pytest.approx(1)
    np.testing.assert_allclose(transformed(np.array([1.0, 2.0, 3.0]), "none"), [-(1.5**0.5), 0, 1.5**0.5])


def test_expected_improvement():
    mean, deviation = np.array([0.0, 1.0, -50.0, 30.0]), np.array([1.0, 0.5, 1.0, 1.0])
    gain = log_expected_improvement(mean, deviation, 0.0)
    rng = np.random.default_rng(0)
    draws = mean[:2] + deviation[:2] * rng.normal(size=(400_000, 2))
    np.testing.assert_allclose(np.exp(gain[:2]), np.maximum(draws, 0).mean(axis=0), rtol=0.01)
    assert -1300 < gain[2] < -1200
    assert gain[3] == pytest.approx(np.log(30))
    steps = log_expected_improvement(np.linspace(-40, 40, 500), np.ones(500), 0.0)
    assert (np.diff(steps) > 0).all()


def test_candidates_are_not_drawn_before_a_suggestion(monkeypatch, table):
    bound = AdjacencyEncoding().bind(DenseSpace())
    references = DenseSpace().reference_architectures()
    scores = TabularEvaluator(DenseSpace(), lambda operations: operations.count("linear_relu") + len(operations[-1]))
    trials = [scores.evaluate(architecture) for architecture in references]
    late, early = (BayesianOptimization(n_initial=2).start(bound, 0) for _ in range(2))
    early._begin()
    monkeypatch.setattr("skopdist.strategies._bayesian.CandidatePool", None)
    for started in (late, early):
        started.observe(trials)
    best = max(trials, key=lambda trial: trial.score)
    assert late.finalists(1) == [best.architecture]
    assert late.recommend() == best.distribution
    assert np.isnan(late.forecasts()).all()
    assert late.finish().finalists(4) == late.finalists(4)
    monkeypatch.undo()
    np.testing.assert_array_equal(late.suggest(5), early.suggest(5), err_msg="the same points, drawn later")


def test_smooth_parts_have_another_kernel(table):
    bound = HybridEncoding().bind(NASBench201Space())
    for smooth, expected in (
        (("paths",), [False, False, True]),
        ((), [False, False, False]),
        (["slots", "no such part"], [False, True, False]),
    ):
        started = BayesianOptimization(smooth=smooth).start(bound, 0)
        started.suggest(1)
        model = started.model_
        assert list(zip(model.units, model.smooth, strict=True)) == list(
            zip(("distribution", "slots", "paths"), expected, strict=True)
        )
    searches = [run(table, strategy=BayesianOptimization(smooth=smooth), n_trials=20) for smooth in (("paths",), ())]
    assert len({tuple(trial.architecture for trial in result.trials) for result in searches}) == 2


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"n_initial": 0}, "n_initial"),
        ({"transform": "sqrt"}, "transform must be one of"),
        ({"smooth": "paths"}, r"smooth must be a sequence of names of parts such as \('paths',\), got 'paths'"),
        ({"smooth": (1,)}, "smooth must be"),
    ],
)
def test_bad_parameters(parameters, message, table):
    with pytest.raises(ValueError, match=message):
        run(table, strategy=BayesianOptimization(**parameters))


@pytest.mark.data
def test_nas_bench_201():
    if "SKOPDIST_DATA" not in os.environ:
        pytest.skip("SKOPDIST_DATA does not name the folder of the measured tables")
    pandas = pytest.importorskip("pandas")
    frame = pandas.read_csv(Path(os.environ["SKOPDIST_DATA"]) / "nas" / "nb201_master.csv.gz")
    names = np.array(NASBench201Space().operation_names)
    cells = names[frame[["e01", "e02", "e12", "e03", "e13", "e23"]].to_numpy()]
    evaluator = TabularEvaluator(NASBench201Space(), dict(zip(map(tuple, cells), frame.c10_val_200, strict=True)))
    found = [run(evaluator, n_trials=50, random_state=seed).best_score for seed in range(3)]
    # Random search is .79 points from the best after 50 queries.
    assert frame.c10_val_200.max() - np.mean(found) < 0.4


def test_scores_come_back_from_what_is_modelled():
    rng = np.random.default_rng(0)
    for transform in ("log", "none"):
        for scores in (rng.normal(size=20), np.array([0.5, 0.5, 0.9]), np.array([-1e300, 1e300, 0.0]), np.ones(3)):
            z, restore = _standardised(scores, transform)
            kept = z > z.min() if transform == "log" else np.ones(len(z), dtype=bool)
            # The lower tail is clipped.
            np.testing.assert_allclose(restore(z)[kept], scores[kept])


def test_forecasts_know_the_trials_before_alone():
    table = TabularEvaluator(NASBench201Space(), lambda operations: operations.count("nor_conv_3x3"))
    short, long = (run_search(BayesianOptimization(), table, n_trials=n, random_state=0).strategy for n in (12, 25))
    first, all_of_them = short.forecasts(), long.forecasts()
    assert len(all_of_them) == 25
    assert np.isnan(all_of_them[:3]).all()
    assert np.isfinite(all_of_them[3:]).all()
    # What comes later changes nothing.
    np.testing.assert_array_equal(first, all_of_them[:12])
    scores = np.array([trial.score for trial in long.trials_])
    assert np.corrcoef(all_of_them[10:], scores[10:])[0, 1] > 0.5
    assert np.isnan(run_search(RandomSearch(), table, n_trials=5, random_state=0).strategy.forecasts()).all()


def test_forecasts_wait_for_a_trial_that_succeeds():
    def score(operations):
        if len(seen) < 5:
            seen.append(operations)
            raise MemoryError
        return 1.0

    seen = []
    table = TabularEvaluator(NASBench201Space(), score)
    strategy = run_search(BayesianOptimization(), table, n_trials=8, random_state=0).strategy
    np.testing.assert_array_equal(np.isfinite(strategy.forecasts()), [False] * 6 + [True] * 2)
