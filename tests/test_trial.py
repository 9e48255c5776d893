import json
import math

import numpy as np
import pytest

from skopdist.spaces import NASBench201Space
from skopdist.trial import Trial, best_trial

SPACE = NASBench201Space()


def make_trial(score=0.5, **changes):
    architecture = SPACE.sample(SPACE.uniform(), random_state=0)
    return Trial(architecture, SPACE.encode(architecture), score, **changes)


@pytest.mark.parametrize(
    "trial",
    [
        make_trial(cost=20.0, seed=3, index=4, duration=0.25, info={"n_parameters": 12}),
        make_trial(math.nan, status="failed", message="RuntimeError: no"),
        make_trial(gradient=np.array([[0.1, 0.2, -0.3, 0, 1 / 3]])),
        make_trial(0.1, status="invalid"),
    ],
)
def test_json_round_trip(trial):
    restored = Trial.from_dict(json.loads(json.dumps(trial.to_dict(), allow_nan=False)))
    for name in ("architecture", "distribution", "cost", "seed", "status", "message", "duration", "index", "info"):
        assert getattr(restored, name) == getattr(trial, name)
    np.testing.assert_equal(restored.score, trial.score)
    np.testing.assert_equal(restored.gradient, trial.gradient)


def test_best_trial_is_the_earliest_of_the_highest():
    trials = [make_trial(0.1), make_trial(math.nan, status="failed"), make_trial(0.7), make_trial(0.7)]
    assert best_trial(trials) is trials[2]
    assert best_trial(trials[1:2]) is None
    assert best_trial([]) is None


def test_replace_gives_a_copy():
    trial = make_trial()
    assert trial.replace(index=3).index == 3
    assert trial.index == -1
