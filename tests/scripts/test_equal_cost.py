"""Searches at equal training cost."""

import itertools

import pytest

from skopdist.evaluators import TabularEvaluator
from skopdist.spaces import NASBench201Space

SPACE = NASBench201Space()
CELLS = list(itertools.product(SPACE.operation_names, repeat=6))


@pytest.fixture
def equal(script):
    return script("equal_cost")


@pytest.fixture
def scores(equal):
    """After 200 epochs convolutions count, after 12 pooling counts a little more."""
    final = {cell: float(cell.count("nor_conv_3x3")) for cell in CELLS}
    short = {cell: cell.count("nor_conv_3x3") + 1.5 * cell.count("avg_pool_3x3") for cell in CELLS}
    return {equal.LONG: TabularEvaluator(SPACE, final), equal.SHORT: TabularEvaluator(SPACE, short)}


def test_the_rest_of_the_budget_pays_for_the_final_trainings(equal):
    for budget in equal.BUDGETS:
        assert equal.n_queries(budget, equal.LONG) == budget
        spent = equal.n_queries(budget, equal.SHORT) * equal.SHORT + equal.N_FINAL * equal.LONG
        assert 0 <= budget * equal.LONG - spent < equal.SHORT


def test_the_best_by_the_guide_are_trained_and_the_best_of_these_is_chosen(equal):
    guide, final = {"a": 4, "b": 3, "c": 2, "d": 1}, {"a": 1, "b": 2, "c": 3, "d": 4}
    asked = ["d", "a", "a", "c", "b"]
    assert equal.chosen(asked, guide, final, 1) == "a"
    assert equal.chosen(asked, guide, final, 2) == "b"
    assert equal.chosen(asked, guide, final, 9) == "d"


def test_regret_is_that_after_long_trainings(equal, scores, monkeypatch):
    monkeypatch.setattr(equal, "BUDGETS", (6, 10))
    method = ("random", "adjacency")
    long, short = (equal.search(method, scores, guide, seed=0) for guide in (equal.LONG, equal.SHORT))
    assert len(long) == len(short) == 2
    assert long[0] >= long[1]
    asked = [t.architecture.operations for t in equal.our_search(method, scores[equal.LONG], 0, 10)]
    assert long[1] == 6 - max(cell.count("nor_conv_3x3") for cell in asked)
    assert equal.limit(scores)["regret"] == 5.0


def test_the_library_spends_trainings_on_finals(equal, scores, monkeypatch):
    monkeypatch.setattr(equal, "SPENT", {2: (10, 1), 4: (20, 2)})
    assert equal.budgets_of("bayesian", equal.OWN) == (2, 4)
    assert equal.budgets_of("random", equal.OWN) == ()
    few, more = equal.search(("bayesian", "hybrid"), scores, equal.OWN, seed=0)
    assert few >= more >= 0


def test_a_table_has_a_row_for_each_guide(equal, script, tmp_path):
    rows = script("_common").Rows(tmp_path / "rows.jsonl", ())
    rows.add(table="nb201-cifar10", strategy="all cells", regret=0.5, spearman=0.8, spearman_best_tenth=0.3)
    for guide, regret in ((200, 1.0), (12, 0.25)):
        key = {"table": "nb201-cifar10", "strategy": "bayesian", "encoding": "hybrid", "guide": guide}
        rows.add(**key, seeds=[0, 1], regrets=[[regret] * len(equal.budgets_of("bayesian", guide))] * 2)
    lines = [[cell.strip() for cell in line.split("|")[1:-1]] for line in equal.budget_table(rows, 10).splitlines()]
    assert lines[2:] == [
        ["Bayesian, hybrid (default), 200 epochs", "10", "1.000 (1.000 to 1.000)"],
        ["Bayesian, hybrid (default), 12 epochs", "83", "0.250 (0.250 to 0.250)"],
        ["all cells by 12 epochs", "15625", "0.500"],
    ]
    # Where the budget is larger than any that was run, there is no row.
    assert "12 epochs |" not in equal.budget_table(rows, 50).replace("all cells by 12 epochs |", "")
