import itertools

import pytest

from skopdist import Architecture, Cell, OperationDistribution, Scalar
from skopdist.evaluators import TabularEvaluator
from skopdist.search import run_search
from skopdist.spaces import NASBench201Space, SequenceSpace
from skopdist.strategies import RandomSearch
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


def test_notes_test_scores_and_more_where_it_has_them():
    architecture = SPACE.sample(SPACE.uniform(), random_state=0)
    cell = architecture.operations
    evaluator = TabularEvaluator(SPACE, ALL, test_scores={cell: 5.0}, info={"n_parameters": ALL, "latency": {}})
    assert evaluator.evaluate(architecture).info == {"test_score": 5.0, "n_parameters": ALL[cell]}
    other = SPACE.sample(SPACE.uniform(), random_state=1)
    assert evaluator.evaluate(other).info == {"n_parameters": ALL[other.operations]}
    assert TabularEvaluator(SPACE, ALL).evaluate(architecture).info == {}


def test_knows_the_optima_of_tables_and_of_nothing_else():
    evaluator = TabularEvaluator(SPACE, ALL, test_scores={cell: -score for cell, score in ALL.items()})
    assert (evaluator.optimum, evaluator.test_optimum) == (len(ALL) - 1.0, 0.0)
    with pytest.raises(TypeError, match="Only a mapping has a highest value, and scores is"):
        _ = TabularEvaluator(SPACE, len).optimum
    with pytest.raises(TypeError, match="Only a mapping has a highest value, and test_scores is None"):
        _ = TabularEvaluator(SPACE, ALL).test_optimum


def test_tells_wirings_apart_where_the_keys_are_architectures():
    operations = ("conv_5", "conv_9", "max_pool_3", "skip_connect")
    wirings = [((0, 1), (1, 2), (2, 3), (0, 3)), ((0, 1), (1, 2), (2, 3), (0, 2))]
    first, second = (Architecture((Cell(operations, edges),)) for edges in wirings)
    evaluator = TabularEvaluator(SequenceSpace(stems=()), {first: 1.0, second: 2.0})
    assert [evaluator.evaluate(architecture).score for architecture in (first, second)] == [1.0, 2.0]


def test_a_table_knows_no_scalars():
    space = NASBench201Space(scalars=[Scalar("lr", 0.001, 0.1)])
    table = TabularEvaluator(space, lambda operations: 1.0)
    with pytest.raises(ValueError, match=r"TabularEvaluator cannot apply the scalars \['lr'\]; it can apply none"):
        run_search(RandomSearch(), table, n_trials=1, random_state=0)
