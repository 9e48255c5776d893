"""Checks of parameters that several parts share."""

from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest

from skopdist import OpDistNASClassifier
from skopdist._validation import RealInterval, check_positive_integer


@pytest.mark.parametrize("value", [1, 0.5, np.float32(0.5), np.int64(1), np.float64(1e-300)])
def test_numbers_within_the_bounds(value):
    assert RealInterval(0, 1, closed="right").is_satisfied_by(value)


@pytest.mark.parametrize(
    "value", [0, 2, np.nan, np.inf, Fraction(1, 2), Decimal("0.5"), 10**400, "a", None, 1j, np.array(0.5), [0.5]]
)
def test_what_is_no_number_within_the_bounds(value):
    assert not RealInterval(0, 1, closed="right").is_satisfied_by(value)


@pytest.mark.parametrize("name", ["max_time", "validation_fraction"])
@pytest.mark.parametrize("value", [Fraction(-1, 2), 10**400, Decimal(1)])
def test_the_estimator_names_the_parameter(name, value, iris):
    if (name, value) == ("max_time", Decimal(1)):
        value = Decimal(-1)
    with pytest.raises(ValueError, match=f"'{name}' parameter of OpDistNASClassifier must be a float in the range"):
        OpDistNASClassifier(**{name: value}).fit(*iris)


@pytest.mark.parametrize("value", [0, -1, 1.0, True, "1", None])
def test_positive_integers(value):
    with pytest.raises(ValueError, match=r"size must be an integer >= 1, got"):
        check_positive_integer("size", value)
    check_positive_integer("size", np.int8(1))
