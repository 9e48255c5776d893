import itertools

import pytest

from skopdist import OperationDistribution
from skopdist.evaluators import TabularEvaluator
from skopdist.spaces import NASBench201Space
from skopdist.testing import check_evaluator

SPACE = NASBench201Space()
ALL = {cell: float(i) for i, cell in enumerate(itertools.product(SPACE.operation_names, repeat=6))}


@pytest.mark.parametrize("scores", [ALL, lambda operations: len(set(operations))], ids=["mapping", "callable"])
def test_contract(scores):
    check_evaluator(TabularEvaluator(SPACE, scores))


def test_looks_scores_and_costs_up():
    costs = dict.fromkeys(ALL, 12.0)
    evaluator = TabularEvaluator(SPACE, ALL, costs)
    architecture = SPACE.sample(SPACE.uniform(), random_state=0)
    trial = evaluator.evaluate(architecture, seed=5)
    assert trial.score == ALL[architecture.operations]
    assert trial.cost == 12
    assert TabularEvaluator(SPACE, ALL).evaluate(architecture).cost == 1


def test_what_the_table_lacks_is_a_failed_trial():
    architecture = SPACE.sample(SPACE.uniform(), random_state=0)
    trial = TabularEvaluator(SPACE, {}).evaluate(architecture)
    assert trial.status == "failed"
    assert "the table has no row for" in trial.message
    trial = TabularEvaluator(SPACE, lambda operations: float("inf")).evaluate(architecture)
    assert trial.status == "failed"
    assert "The score is inf" in trial.message


def test_tables_have_scores_for_cells_without_a_path():
    nothing = OperationDistribution(SPACE.operation_names, [1, 0, 0, 0, 0])
    trial = TabularEvaluator(SPACE, ALL).evaluate(SPACE.sample(nothing, random_state=0))
    assert (trial.status, trial.score) == ("ok", 0.0)
