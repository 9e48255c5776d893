"""What is read off curves of regret."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st


@pytest.fixture
def curves(script):
    return script("curves")


def test_a_curve_holds_improvements_only(curves):
    curve = curves.improvements([90.0, 80.0, 93.5, 93.5, 94.0, 70.0], best=94.0)
    assert curve == [[1, 4.0], [3, 0.5], [5, 0.0]]
    assert [curves.regret_at(curve, query) for query in range(1, 7)] == [4.0, 4.0, 0.5, 0.5, 0.0, 0.0]
    assert [curves.first_within(curve, margin) for margin in (4.0, 3.9, 0.5, 0.1, 0.0)] == [1, 3, 3, 5, 5]
    assert curves.first_within(curve[:2], 0.1) == math.inf


def test_every_query_can_be_read_off(curves):
    @given(st.lists(st.integers(0, 20), min_size=1, max_size=30))
    def check(scores):
        curve = curves.improvements(scores, best=20)
        best = np.maximum.accumulate(scores)
        assert [curves.regret_at(curve, query) for query in range(1, len(scores) + 1)] == (20 - best).tolist()
        regrets = [regret for _, regret in curve]
        assert regrets == sorted(set(regrets), reverse=True)

    check()


def test_the_interval_of_a_mean_holds_it_and_shrinks(curves):
    rng = np.random.default_rng(0)
    few, many = (curves.mean_interval(rng.exponential(size=n)) for n in (20, 2000))
    for mean, low, high in (few, many):
        assert low < mean < high
    assert many[2] - many[1] == pytest.approx(2 * 1.96 / np.sqrt(2000), rel=0.15)
    assert few[2] - few[1] > many[2] - many[1]
    assert curves.mean_interval([3.0, 3.0]) == (3.0, 3.0, 3.0)
    # Documentation quotes them: the same rows have the same interval.
    assert curves.mean_interval([1.0, 2.0, 4.0]) == curves.mean_interval([1.0, 2.0, 4.0])


def test_the_interval_of_a_median_is_that_of_its_ranks(curves):
    # The table of the sign test: for 10 values the second and the ninth, for 100 the 40th and the 61st.
    assert curves.median_interval(range(1, 11)) == (5.5, 2, 9)
    assert curves.median_interval(range(100, 0, -1)) == (50.5, 40, 61)
    assert curves.median_interval([1, 2, 3, 4, math.inf]) == (3, 0, math.inf)
    assert curves.median_interval([7] * 30 + [math.inf] * 70) == (math.inf, math.inf, math.inf)
    assert curves.median_interval([7] * 45 + [math.inf] * 55) == (math.inf, 7, math.inf)


def test_the_interval_of_a_median_covers_it(curves):
    rng = np.random.default_rng(0)
    intervals = [curves.median_interval(rng.normal(size=31)) for _ in range(400)]
    assert np.mean([low <= 0 <= high for _, low, high in intervals]) >= 0.94


def test_a_speed_up_is_the_ratio_of_medians(curves):
    ratio, (low, high) = curves.speed_up([30, 40, 50, 60], [10, 10, 20, 20], most=150)
    assert ratio == (3.0, 3.0)
    assert low < 3 < high


def test_a_median_that_was_not_reached_bounds_the_speed_up(curves):
    never = [math.inf] * 20
    ratio, interval = curves.speed_up(never, [10] * 20, most=150)
    assert ratio == interval == (15.1, math.inf)
    ratio, interval = curves.speed_up([75.5] * 20, never, most=150)
    assert ratio == interval == (0.0, 0.5)
    assert curves.speed_up(never, never, most=150)[0] == (0.0, math.inf)


def test_an_interval_may_be_open_where_the_ratio_is_known(curves):
    ratio, (low, high) = curves.speed_up([40] * 11 + [math.inf] * 9, [20] * 20, most=150)
    assert ratio == (2.0, 2.0)
    assert (low, high) == (2.0, math.inf)
