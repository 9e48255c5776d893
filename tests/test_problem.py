import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from skopdist.problem import canonical, combined_weights, hold_out, input_statistics


@given(
    st.lists(st.tuples(st.integers(0, 3), st.integers(0, 1), st.integers(1, 3)), min_size=1, max_size=20), st.randoms()
)
def test_canonical_form_knows_neither_order_nor_repetition(rows, random):
    X = np.array([[x, -x] for x, _, _ in rows], dtype=float)
    y = np.array([label for _, label, _ in rows])
    weight = np.array([w for _, _, w in rows], dtype=float)
    weighted = canonical(X, y, weight)
    repeated = np.repeat(np.arange(len(rows)), weight.astype(int))
    random.shuffle(order := repeated.tolist())
    spelled_out = canonical(X[order], y[order], None)
    assert_array_equal(weighted.X, spelled_out.X)
    assert_array_equal(weighted.y, spelled_out.y)
    assert_array_equal(weighted.weight, spelled_out.weight)
    assert weighted.weight.sum() == weight.sum()
    assert len(weighted) == len({(x, label) for x, label, _ in rows})


def test_zeros_of_both_signs_are_equal():
    assert len(canonical(np.array([[0.0], [-0.0]]), np.array([1, 1]), None)) == 1


def test_relative_weight_has_a_mean_of_one_or_is_none():
    X, y = np.arange(3.0)[:, None], np.array([0, 1, 1])
    assert canonical(X, y, None).relative_weight is None
    assert canonical(X, y, np.array([2.0, 2, 2])).relative_weight is None
    assert canonical(X, y, np.array([1.0, 2, 3])).relative_weight.mean() == pytest.approx(1)


def test_combined_weights():
    y = np.array(["a", "a", "a", "b"])
    assert combined_weights(y, None, None) is None
    assert_array_equal(combined_weights(y, None, "balanced"), [2 / 3, 2 / 3, 2 / 3, 2])
    assert_array_equal(combined_weights(y, None, {"a": 1, "b": 5}), [1, 1, 1, 5])
    assert_array_equal(combined_weights(y, np.array([1.0, 2, 0, 4]), {"a": 2, "b": 1}), [2, 4, 0, 4])
    # A weight is worth as many samples.
    assert_array_equal(combined_weights(y[[0, 3]], np.array([3.0, 1]), "balanced"), [3 * 2 / 3, 2])


def test_combined_weights_refuse_what_leaves_nothing_to_learn():
    y = np.array(["a", "b"])
    with pytest.raises(ValueError, match=r"All sample weights are zero"):
        combined_weights(y, np.zeros(2), None)
    with pytest.raises(ValueError, match=r"at least two classes, but y has only one class: \['a'\]"):
        combined_weights(y, np.array([1.0, 0]), None)
    with pytest.raises(ValueError, match=r"class_weight must be a mapping, 'balanced' or None, got 'heavy'"):
        combined_weights(y, None, "heavy")


def make(counts):
    y = np.repeat(np.arange(len(counts)), counts)
    return canonical(np.arange(len(y), dtype=float)[:, None], y, None)


@given(st.lists(st.integers(1, 12), min_size=2, max_size=5), st.integers(0, 2**32))
def test_hold_out_splits_and_keeps_every_class_in_training(counts, seed):
    data, classes = make(counts), np.arange(len(counts))
    if max(counts) < 2:
        with pytest.raises(ValueError, match=r"two distinct samples"):
            hold_out(data, None, classes, seed)
        return
    training, held_out = hold_out(data, None, classes, seed)
    assert sorted([*training, *held_out]) == list(range(len(data)))
    assert set(data.y[training]) == set(range(len(counts)))
    assert set(data.y[held_out]) == {label for label, c in enumerate(counts) if c >= 2}
    again = hold_out(data, None, classes, seed)
    assert_array_equal(again[0], training)


def test_hold_out_takes_the_fraction():
    data = make([50, 50])
    for fraction, n in ((None, 25), (0.1, 10), (0.5, 50)):
        _, held_out = hold_out(data, fraction, np.arange(2), 0)
        assert len(held_out) == n
        assert np.ptp(np.bincount(data.y[held_out])) <= 1


@pytest.mark.parametrize(("counts", "fraction"), [([5, 5, 5], 0.05), ([5, 5, 5], 0.95)])
def test_hold_out_refuses_a_part_smaller_than_the_classes(counts, fraction):
    with pytest.raises(
        ValueError, match=r"validation_fraction=.* of 15 distinct samples leaves .*change validation_fract"
    ):
        hold_out(make(counts), fraction, np.arange(3), 0)


@pytest.mark.parametrize("shape", [(5000, 3), (70, 2, 9), (40, 3, 4, 5)])
@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.uint8])
def test_input_statistics(shape, dtype):
    rng = np.random.default_rng(0)
    X = rng.integers(0, 255, shape).astype(dtype)
    weight = rng.integers(1, 4, len(X)).astype(float)
    data = canonical(X, np.zeros(len(X), dtype=np.int64), weight)
    mean, std = input_statistics(data)
    channels_last = np.moveaxis(np.repeat(X, weight.astype(int), axis=0), 1, -1).reshape(-1, shape[1]).astype(float)
    np.testing.assert_allclose(mean, channels_last.mean(axis=0), rtol=1e-6)
    np.testing.assert_allclose(std, channels_last.std(axis=0), rtol=1e-6)


def test_a_constant_channel_has_a_deviation_of_one():
    for value in (0.0, 1e9, -3.3):
        _, std = input_statistics(canonical(np.full((4, 1), value), np.arange(4), None))
        assert std.tolist() == [1.0]
