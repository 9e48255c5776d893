import numpy as np

from skopdist import OperationDistribution
from skopdist.encodings import DistributionEncoding
from skopdist.evaluators import TabularEvaluator
from skopdist.spaces import NASBench201Space
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
