import math
import pickle

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from sklearn.base import clone

from skopdist import Scalar


@st.composite
def scalars(draw):
    log, integer = draw(st.booleans()), draw(st.booleans())
    if integer:
        low = draw(st.integers(1 if log else -50, 200))
        return Scalar("x", low, low + draw(st.integers(1, 300)), log, integer)
    low = draw(st.floats(1e-6, 1e3) if log else st.floats(-1e3, 1e3))
    high = low + draw(st.floats(1e-3, 1e4))
    assume(low < high)
    return Scalar("x", low, high, log)


@given(scalars(), st.floats(0, 1))
def test_values_are_in_range_and_come_back(scalar, unit):
    value = scalar.value(unit)
    assert scalar.low <= value <= scalar.high
    assert 0 <= scalar.unit(value) <= 1
    assert scalar.value(scalar.unit(value)) == value
    assert isinstance(value, int) == scalar.integer


@given(scalars())
def test_ends_and_order(scalar):
    units = [i / 20 for i in range(21)]
    values = [scalar.value(unit) for unit in units]
    assert values == sorted(values)
    if scalar.integer:
        assert (values[0], values[-1]) == (scalar.low, scalar.high)
    else:
        assert math.isclose(values[0], scalar.low, rel_tol=1e-3, abs_tol=1e-9)
        assert math.isclose(values[-1], scalar.high, rel_tol=1e-3, abs_tol=1e-9)
    assert scalar.low <= scalar.usual <= scalar.high


@given(scalars(), st.floats(0, 1))
def test_neighbours_are_other_values_in_range(scalar, unit):
    value = scalar.value(unit)
    neighbours = scalar.neighbours(value)
    assert list(neighbours) == sorted(set(neighbours))
    assert value not in neighbours
    assert all(scalar.low <= other <= scalar.high for other in neighbours)
    assert all(scalar.value(scalar.unit(other)) == other for other in neighbours)
    if scalar.integer:
        assert {value - 1, value + 1} & set(neighbours)


def test_integers_are_equally_likely():
    scalar = Scalar("n_cells", 1, 4, integer=True)
    assert [scalar.value(unit) for unit in (0.1, 0.4, 0.6, 0.9)] == [1, 2, 3, 4]


def test_a_logarithmic_scale_counts_ratios():
    assert Scalar("lr", 1e-4, 1e-2, log=True).value(0.5) == 1e-3
    assert Scalar("lr", 1e-4, 1e-2).value(0.5) == 0.00505


def test_usual():
    assert Scalar("channels", 16, 64, log=True, integer=True).usual == 32
    assert Scalar("channels", 16, 64, integer=True, default=20).usual == 20


def test_copies_are_equal():
    scalar = Scalar("lr", 0.001, 0.1, log=True, default=0.05)
    assert pickle.loads(pickle.dumps(scalar)) == clone(scalar, safe=False) == scalar
    assert hash(pickle.loads(pickle.dumps(scalar))) == hash(scalar)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ((1, 0, 1), TypeError, "must be a text such as 'lr', got 1"),
        (("lr", "0", 1), TypeError, "low must be a number, got '0'"),
        (("lr", 0, True), TypeError, "high must be a number, got True"),
        (("n_cells", 1.5, 3, False, True), TypeError, "low must be an integer, got 1.5"),
        (("lr", 0, math.inf), ValueError, "high must be finite, got inf"),
        (("lr", 1, 1), ValueError, "low must be less than high, got 1 and 1"),
        (("lr", 0, 1, True), ValueError, "low must be positive on a logarithmic scale, got 0"),
        (("lr", 0, 1, False, False, 2), ValueError, "lr must be between 0 and 1, got 2"),
    ],
)
def test_bad_scalars(arguments, error, message):
    with pytest.raises(error, match=message):
        Scalar(*arguments)


def test_values_beyond_the_range():
    with pytest.raises(ValueError, match=r"lr must be between 0.1 and 1, got 2"):
        Scalar("lr", 0.1, 1).unit(2)
