from types import SimpleNamespace

import pytest

from skopdist.committee import rank_finalists
from skopdist.spaces import SequenceSpace
from skopdist.trial import Trial

SPACE = SequenceSpace(stems=("minirocket_stem", "multi_scale_stem"))


def draw(stem, seed):
    cell = SPACE.sample(SPACE.uniform(), 3, random_state=seed).cells[0]
    return SPACE.make_architecture([cell, SPACE.make_stem(stem)])


ROCKETS = [draw("minirocket_stem", seed) for seed in range(4)]
MULTI_SCALES = [draw("multi_scale_stem", seed) for seed in range(2)]


def search(*scores, fidelity=0.25, error=0.01):
    """What a search knows of architectures, with the scores of their trials, and how long these took."""
    trials = [
        Trial(
            architecture, SPACE.encode(architecture), score, fidelity=fidelity, score_error=error, index=i,
            duration=sum(duration),
        )
        for i, (architecture, score, *duration) in enumerate(scores)
    ]  # fmt: skip
    ranked = [trial.architecture for trial in sorted(trials, key=lambda trial: -trial.score)]
    best = max(trials, key=lambda trial: trial.score)
    strategy = SimpleNamespace(finalists=lambda n: ranked[:n])
    return SimpleNamespace(trials=trials, best_trial=best, strategy=strategy)


def test_full_trainings_are_ranked_by_their_scores():
    found = search((ROCKETS[0], 0.5), (ROCKETS[1], 0.7), (MULTI_SCALES[0], 0.6), fidelity=1.0)
    assert rank_finalists(found, [ROCKETS[0]], 1) == [ROCKETS[1], MULTI_SCALES[0], ROCKETS[0]]


@pytest.mark.parametrize("n", [1, 2, 3, 9])
def test_the_second_has_another_stem(n):
    scores = (ROCKETS[0], 0.9), (ROCKETS[1], 0.8), (MULTI_SCALES[0], 0.7), (MULTI_SCALES[1], 0.6)
    found = search(*scores, error=0.2)
    expected = [ROCKETS[0], MULTI_SCALES[0], ROCKETS[1], MULTI_SCALES[1]][:n]
    assert rank_finalists(found, [], n) == expected
    assert rank_finalists(found, [ROCKETS[0]], n) == expected


def test_another_stem_that_is_clearly_worse_has_to_wait():
    # By more than two standard errors, .1 times the root of two.
    far = search((ROCKETS[0], 0.9), (ROCKETS[1], 0.8), (MULTI_SCALES[0], 0.61), error=0.1)
    assert rank_finalists(far, [ROCKETS[0]], 3) == [ROCKETS[0], ROCKETS[1], MULTI_SCALES[0]]
    near = search((ROCKETS[0], 0.9), (ROCKETS[1], 0.8), (MULTI_SCALES[0], 0.63), error=0.1)
    assert rank_finalists(near, [ROCKETS[0]], 3) == [ROCKETS[0], MULTI_SCALES[0], ROCKETS[1]]


def test_where_all_stems_are_alike_the_scores_decide():
    found = search((ROCKETS[0], 0.7), (ROCKETS[1], 0.9), (ROCKETS[2], 0.8))
    assert rank_finalists(found, [], 3) == [ROCKETS[1], ROCKETS[2], ROCKETS[0]]


def test_a_reference_comes_first_unless_it_is_clearly_worse():
    close = search((ROCKETS[0], 0.900), (ROCKETS[1], 0.905))
    assert rank_finalists(close, [ROCKETS[0]], 2) == [ROCKETS[0], ROCKETS[1]]
    far = search((ROCKETS[0], 0.5), (ROCKETS[1], 0.9), (ROCKETS[2], 0.8), (MULTI_SCALES[0], 0.3))
    assert rank_finalists(far, [ROCKETS[0]], 3) == [ROCKETS[1], ROCKETS[2], ROCKETS[0]], "it is among them"
    assert rank_finalists(far, [ROCKETS[0]], 1) == [ROCKETS[1]]


def test_what_would_not_be_trained_to_the_end_is_left_out():
    scores = (ROCKETS[0], 0.5, 1), (ROCKETS[1], 0.6, 1), (MULTI_SCALES[0], 0.9, 3), (MULTI_SCALES[1], 0.8, 3)
    found, references = search(*scores, error=0.06), [ROCKETS[0], MULTI_SCALES[0]]
    in_time = [MULTI_SCALES[0], ROCKETS[1], MULTI_SCALES[1], ROCKETS[0]]
    assert set(rank_finalists(found, references, 4)) == set(in_time)
    assert rank_finalists(found, references, 1) == in_time[:1]
    assert rank_finalists(found, references, 1, seconds=12.0) == in_time[:1], "a quarter takes three seconds"
    for n in (1, 2, 4):
        assert rank_finalists(found, references, n, seconds=11.9) == [ROCKETS[1], ROCKETS[0]][:n]
        assert rank_finalists(found, [], n, seconds=11.9) == [ROCKETS[1], ROCKETS[0]][:n]


def test_what_is_far_better_is_not_left_out():
    scores = (ROCKETS[0], 0.1, 1), (MULTI_SCALES[0], 0.9, 3)
    assert rank_finalists(search(*scores, error=0.05), [ROCKETS[0]], 1, seconds=1.0) == [MULTI_SCALES[0]]


def test_where_all_take_too_long_the_scores_decide():
    scores = (ROCKETS[0], 0.5, 2), (MULTI_SCALES[0], 0.9, 3)
    assert rank_finalists(search(*scores), [ROCKETS[0]], 2, seconds=0.0) == [MULTI_SCALES[0], ROCKETS[0]]


def test_a_quick_cell_does_not_stand_in_for_references_that_are_slow():
    scores = (ROCKETS[0], 0.5, 3), (ROCKETS[1], 0.55, 1)
    for seconds in (0.0, 5.0, 11.9):
        assert rank_finalists(search(*scores, error=0.06), [ROCKETS[0]], 1, seconds) == [ROCKETS[0]]
        assert rank_finalists(search(*scores, error=0.06), [], 1, seconds) == [ROCKETS[1]]


def test_the_shorter_the_trials_the_more_they_have_to_tell():
    scores = (ROCKETS[0], 0.5), (ROCKETS[1], 0.52)
    assert rank_finalists(search(*scores, fidelity=0.25), [ROCKETS[0]], 1) == [ROCKETS[1]]
    assert rank_finalists(search(*scores, fidelity=0.05), [ROCKETS[0]], 1) == [ROCKETS[0]]
    assert rank_finalists(search(*scores, fidelity=0.05, error=0.002), [ROCKETS[0]], 1) == [ROCKETS[1]]
