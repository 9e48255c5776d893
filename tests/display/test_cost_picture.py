import numpy as np
import pytest

from skopdist import OpDistNASClassifier
from skopdist.display import CostDisplay
from skopdist.networks import NetworkCosts
from skopdist.strategies import RandomSearch


def texts(ax):
    return [text.get_text() for text in ax.get_legend().get_texts()]


def test_the_front_is_what_nothing_beats(pyplot, tmp_path):
    scores, costs = [0.5, 0.7, 0.6, 0.9, 0.9, np.nan, 0.8], [10, 20, 30, 50, 60, 5, np.inf]
    display = CostDisplay(scores, costs, limit=80, cost_name="operations", score_name="F1").plot()
    assert display.front_.tolist() == [0, 1, 3]
    others, front, limit = display.ax_.lines
    assert others.get_xdata().tolist() == [30, 60]
    assert front.get_xdata().tolist() == [10, 20, 50]
    assert front.get_ydata().tolist() == [0.5, 0.7, 0.9]
    assert set(limit.get_xdata()) == {80}
    assert texts(display.ax_) == ["trial", "front", "limit"]
    assert (display.ax_.get_xlabel(), display.ax_.get_ylabel()) == ("operations", "F1")
    assert display.ax_.get_xscale() == "linear"
    display.figure_.savefig(tmp_path / "costs.png")
    assert (tmp_path / "costs.png").stat().st_size > 1000


def test_costs_that_are_far_apart_are_on_a_logarithmic_axis(pyplot):
    assert CostDisplay([0.5, 0.6], [1, 100]).plot().ax_.get_xscale() == "log"
    assert CostDisplay([0.5, 0.6], [0, 100]).plot().ax_.get_xscale() == "linear"


def test_it_draws_into_given_axes(pyplot):
    _, ax = pyplot.subplots()
    display = CostDisplay([0.5], [3]).plot(ax)
    assert display.ax_ is ax
    assert display.figure_ is ax.figure
    assert texts(ax) == ["front"]
    assert len(pyplot.get_fignums()) == 1


def test_trials_of_any_search(result, pyplot):
    display = CostDisplay.from_trials(result.trials, lambda a: a.operations.count("nor_conv_3x3"), cost_name="$3_x")
    assert display.ax_.get_xlabel() == r"\$3_x"
    front = np.asarray(display.costs)[display.front_]
    np.testing.assert_allclose(np.asarray(display.scores)[display.front_], front / 6)
    assert len(display.costs) == sum(trial.status == "ok" for trial in result.trials) < len(result.trials)


@pytest.mark.parametrize("refit", [True, False])
def test_an_estimator_s_own_limit_and_front(refit, iris, pyplot):
    clf = OpDistNASClassifier(
        RandomSearch(), n_trials=4, max_epochs=1, limits={"flops": 5000, "params": 9000}, refit=refit, random_state=0
    ).fit(*iris)
    display = CostDisplay.from_estimator(clf)
    assert display.ax_.get_xlabel() == "multiply-adds for a sample"
    assert display.limit == 5000
    costs = NetworkCosts((4,), 3, clf.channels_, clf.n_cells_)
    assert display.costs == [costs.flops(trial.architecture) for trial in clf.trials_]
    display = CostDisplay.from_estimator(clf, cost="params")
    assert (display.limit, display.cost_name) == (9000, "parameters")
    # What is on the front of one cost is on that of all.
    drawn = np.asarray(display.scores)[display.front_]
    assert set(drawn) <= set(clf.pareto_front_["score"])
    with pytest.raises(ValueError, match=r"Unknown cost 'size'; expected one of \['params', 'flops', 'latency'\]"):
        CostDisplay.from_estimator(clf, cost="size")


def test_a_committee_s_limit_is_that_of_each(iris, pyplot):
    clf = OpDistNASClassifier(RandomSearch(), n_trials=2, n_members=2, max_epochs=1, limits={"params": 6000}).fit(*iris)
    display = CostDisplay.from_estimator(clf)
    assert display.limit == 3000
    # Those of the search: full trainings have other scores.
    assert len(display.scores) == 2


def test_what_cannot_be_drawn():
    with pytest.raises(ValueError, match=r"as many costs as scores.*shapes \(2,\) and \(1,\)"):
        CostDisplay([0.5], [1, 2]).plot()
    with pytest.raises(ValueError, match=r"a finite score and a finite cost, got none"):
        CostDisplay([np.nan], [1]).plot()


def test_without_matplotlib_the_extra_is_named(said_without):
    said = said_without("matplotlib", "from skopdist.display import CostDisplay", "CostDisplay([1.0], [2.0]).plot()")
    assert "pip install 'skopdist[plot]'" in said
