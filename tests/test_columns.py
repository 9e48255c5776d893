"""Tests of what the columns of a table are."""

import numpy as np
import pytest

from skopdist._columns import FEW_LEVELS, Columns


def columns_of(X, n_levels=None, rows=None):
    X = np.asarray(X)
    return Columns.of(X, np.arange(len(X)) if rows is None else np.array(rows), n_levels)


def test_numbers_alone_are_not_described():
    assert columns_of(np.ones((3, 2))) is None
    assert columns_of(np.ones((3, 2), dtype=np.uint8)) is None
    assert columns_of(np.full((3, 2, 4), np.nan)) is None


def test_gaps_are_those_of_rows_that_count():
    X = np.array([[1.0, np.nan, 0.0], [2.0, 3.0, np.nan]])
    assert columns_of(X).gaps == (1, 2)
    assert columns_of(X, rows=[0]).gaps == (1,)
    assert columns_of(X, n_levels=(0, 2, 0)).gaps == (2,)


def test_columns_of_few_levels_come_first():
    columns = Columns((FEW_LEVELS + 1, 0, 2, FEW_LEVELS, 0, 99), gaps=(4,))
    assert columns.numbers == (1, 4)
    assert columns.coded == (2, 3, 4, 0, 5)
    assert columns.cardinalities == (2, FEW_LEVELS, 2, FEW_LEVELS + 1, 99)


@pytest.mark.parametrize("n_levels", [(1, 1), (1, 0), (0, 1)])
def test_a_column_of_one_level_tells_nothing(n_levels):
    columns = columns_of(np.zeros((4, 2)), n_levels)
    assert columns.coded == columns.cardinalities == ()
    assert columns.n_numbers == 1


def test_a_table_without_numbers_has_one_of_zeros():
    columns = Columns((2, 3))
    assert columns.take_numbers(np.ones((4, 2))).tolist() == [[0.0]] * 4
    assert Columns((2, 0, 0)).take_numbers(np.arange(6.0).reshape(2, 3)).tolist() == [[1, 2], [4, 5]]


def test_weights_by_level():
    X = np.array([[2, 0.5], [0, np.nan], [-1, np.nan], [2, 1.0]])
    counts = Columns((3, 0), gaps=(1,)).count_levels(X, np.array([1.0, 2.0, 4.0, 8.0]))
    assert counts.tolist() == [2, 0, 9, 9, 6]
