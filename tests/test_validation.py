"""Checks of parameters that several parts share."""

from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest
from sklearn.model_selection import KFold

from skopdist import OpDistNASClassifier, Refit
from skopdist._validation import OneOf, PositiveInteger, RealInterval, check_names, check_positive_integer
from skopdist.encodings import AdjacencyEncoding
from skopdist.evaluators import TrainingEvaluator
from skopdist.spaces import DenseSpace
from skopdist.strategies import RandomSearch
from skopdist.training import Training


def test_options_are_named_in_order():
    names = [f"w{i}" for i in range(9)]
    assert str(OneOf(*names[::-1])) == "a str among {'" + "', '".join(names) + "'}"
    assert OneOf("a", "b").is_satisfied_by("a")
    assert not OneOf("a", "b").is_satisfied_by("c")
    assert not OneOf("a", "b").is_satisfied_by(1)


@pytest.mark.parametrize("value", [1, 0.5, np.float32(0.5), np.int64(1), np.float64(1e-300)])
def test_numbers_within_the_bounds(value):
    assert RealInterval(0, 1, closed="right").is_satisfied_by(value)


@pytest.mark.parametrize(
    "value", [0, 2, np.nan, np.inf, Fraction(1, 2), Decimal("0.5"), 10**400, "a", None, 1j, np.array(0.5), [0.5], True]
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
    assert PositiveInteger().is_satisfied_by(np.int8(1))
    assert not PositiveInteger().is_satisfied_by(value)


@pytest.mark.parametrize(
    "name", ["n_trials", "max_time", "length", "n_cells", "channels", "max_epochs", "n_members", "n_jobs"]
)
def test_booleans_are_no_numbers(name, iris):
    with pytest.raises(ValueError, match=rf"{name}.* [Gg]ot True"):
        OpDistNASClassifier(**{name: True}).fit(*iris)


@pytest.mark.parametrize("name", ["lr", "batch_size", "weight_decay", "early_stopping"])
def test_booleans_are_no_numbers_of_a_recipe(name, iris):
    with pytest.raises(ValueError, match=rf"'{name}' parameter of Training .*Got True"):
        OpDistNASClassifier(training=Training(**{name: True})).fit(*iris)


@pytest.mark.parametrize(
    "parameters",
    [
        {"strategy": RandomSearch},
        {"search_space": DenseSpace},
        {"encoding": AdjacencyEncoding},
        {"evaluator": TrainingEvaluator},
        {"training": Training},
        {"refit": Refit},
        {"validation_fraction": KFold},
    ],
    ids=lambda parameters: next(iter(parameters)),
)
def test_a_class_is_no_object_of_it(parameters, iris):
    (name,) = parameters
    with pytest.raises(ValueError, match=rf"'{name}' parameter of .*an object such as \w+\(.*Got <class"):
        OpDistNASClassifier(**parameters).fit(*iris)


@pytest.mark.parametrize("value", ["linear", b"linear", 3, 1.5])
def test_names_come_in_a_list(value, iris):
    with pytest.raises(ValueError, match=r"operations must be a list of names, got"):
        OpDistNASClassifier(search_space=DenseSpace(operations=value)).fit(*iris)
    with pytest.raises(ValueError, match=r"stems must be a list of names, got"):
        OpDistNASClassifier(search_space=DenseSpace(stems=value)).fit(*iris)
    assert check_names("stems", np.array(["a", "b"])) == ("a", "b")
