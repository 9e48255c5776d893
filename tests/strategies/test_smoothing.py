import tracemalloc

import numpy as np
import pytest

from skopdist import OperationDistribution
from skopdist.encodings import DistributionEncoding
from skopdist.evaluators import TabularEvaluator
from skopdist.spaces import NASBench201Space
from skopdist.strategies import _smoothing
from skopdist.strategies._smoothing import smoothed_best

SPACE = NASBench201Space()
ENCODING = DistributionEncoding().bind(SPACE)


def make_trials(n, seed, noise=0.0, constant=None):
    """Trials whose score is the share of one operation, plus noise."""
    rng = np.random.default_rng(seed)
    table = TabularEvaluator(SPACE, lambda operations: operations.count("nor_conv_3x3") / 6)
    trials = []
    for row in rng.dirichlet(np.ones(5), size=n):
        trial = table.evaluate(SPACE.sample(OperationDistribution(SPACE.operation_names, row), random_state=rng))
        score = trial.score + noise * rng.normal() if constant is None else constant
        trials.append(trial.replace(score=score))
    return trials


def test_takes_the_only_trial():
    trials = make_trials(1, 0)
    assert smoothed_best(ENCODING, trials) == SPACE.encode(trials[0].architecture)


def test_beats_the_luckiest_trial_under_noise():
    smoothed, luckiest = [], []
    for seed in range(40):
        trials = make_trials(40, seed, noise=0.4)
        smoothed.append(smoothed_best(ENCODING, trials)["nor_conv_3x3"])
        luckiest.append(SPACE.encode(max(trials, key=lambda t: t.score).architecture)["nor_conv_3x3"])
    assert np.mean(smoothed) > np.mean(luckiest) + 0.05


def test_finds_the_best_without_noise():
    for seed in range(10):
        trials = make_trials(40, seed)
        best = max(trial.score for trial in trials)
        assert smoothed_best(ENCODING, trials)["nor_conv_3x3"] >= best - 1 / 6 - 1e-9


def test_constant_scores_give_one_of_the_distributions():
    trials = make_trials(30, 0, constant=0.25)
    assert smoothed_best(ENCODING, trials) in {SPACE.encode(trial.architecture) for trial in trials}


def plain_smoothed_best(trials):
    """The definition, with all pairs of trials at once."""
    points = np.stack([SPACE.encode(trial.architecture).probabilities.ravel() for trial in trials])
    scores = np.array([trial.score for trial in trials])
    ranks = np.unique(scores, return_inverse=True)[1].astype(float)
    distances = np.abs(points[:, None] - points[None]).sum(axis=2) / 2
    results = []
    for bandwidth in _smoothing._BANDWIDTHS:
        weights = np.exp(-distances / bandwidth)
        others = weights - np.eye(len(trials))
        far = (ranks.sum() - ranks) / max(len(ranks) - 1, 1)
        near = others.sum(axis=1) > 1e-12
        left_out = np.where(near, others @ ranks / np.maximum(others.sum(axis=1), 1e-12), far)
        results.append((np.mean((left_out - ranks) ** 2), weights @ ranks / weights.sum(axis=1)))
    means = min(results, key=lambda result: result[0])[1]
    best = max(range(len(trials)), key=lambda i: (round(means[i], 9), scores[i], -i))
    return SPACE.encode(trials[best].architecture)


@pytest.mark.parametrize("block", [1, 100, 2_000_000])
def test_groups_and_blocks_change_nothing(block, monkeypatch):
    monkeypatch.setattr(_smoothing, "_BLOCK", block)
    for seed in range(20):
        trials = make_trials(1 + 7 * seed, seed, noise=0.3)
        assert smoothed_best(ENCODING, trials) == plain_smoothed_best(trials)


def test_memory_grows_with_the_number_of_trials():
    space = NASBench201Space()
    long = DistributionEncoding().bind(space, 40)
    rng = np.random.default_rng(0)
    trial = make_trials(1, 0)[0]
    trials = [
        trial.replace(
            architecture=space.sample(OperationDistribution(space.operation_names, row), 40, rng), score=row[3]
        )
        for row in rng.dirichlet(np.ones(5), size=3000)
    ]
    tracemalloc.start()
    smoothed_best(long, trials)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    # All pairs would be 9 million distances, and their parts five times as many.
    assert peak < 3000**2 * 8
