import numpy as np
import pytest
from sklearn.exceptions import NotFittedError

from skopdist import Architecture, Cell, OpDistNASClassifier, OperationDistribution
from skopdist.display import ArchitectureDisplay, SearchDisplay
from skopdist.display._drawing import colors_of
from skopdist.evaluators import TabularEvaluator
from skopdist.search import run_search
from skopdist.spaces import DARTSSpace, DenseSpace, MacroSpace, NASBench101Space, NASBench201Space, SequenceSpace
from skopdist.strategies import BayesianOptimization
from skopdist.trial import Trial

SPACES = [NASBench201Space(), DARTSSpace(), NASBench101Space(), MacroSpace(), DenseSpace(), SequenceSpace()]


@pytest.fixture(scope="module")
def darts():
    table = TabularEvaluator(DARTSSpace(), lambda operations: operations.count("sep_conv_3x3"))
    return run_search(BayesianOptimization(), table, n_trials=12, random_state=0)


def test_display_draws_what_was_found(result, pyplot, tmp_path):
    display = SearchDisplay(result.trials, result.best_distribution, references={"majority": 0.1}).plot()
    scores, bars, _ = display.axes_
    assert scores.get_xlabel() == "index of the trial"
    assert scores.get_ylabel() == "validation accuracy"
    assert {text.get_text() for text in scores.get_legend().get_texts()} == {
        "trial",
        "best so far",
        "failed trial",
        "majority (0.100)",
    }
    widths = [patch.get_width() for patch in bars.patches]
    np.testing.assert_allclose(widths, np.asarray(result.best_distribution))
    assert [label.get_text() for label in bars.get_yticklabels()] == list(result.best_distribution.operations)
    display.figure_.savefig(tmp_path / "search.png")
    assert (tmp_path / "search.png").stat().st_size > 1000


def test_display_draws_into_given_axes(result, pyplot):
    _, axes = pyplot.subplots(2)
    display = SearchDisplay(result.trials, result.best_distribution, score_name="F1").plot(axes)
    assert len(display.axes_) == 2
    assert display.axes_[0] is axes[0]
    assert axes[0].get_ylabel() == "F1"
    assert len(pyplot.get_fignums()) == 1


def test_display_of_two_cell_types(darts, pyplot):
    display = SearchDisplay.from_result(darts)
    assert [text.get_text() for text in display.axes_[1].get_legend().get_texts()] == ["normal", "reduce"]
    assert [label.get_text() for label in display.axes_[2].get_yticklabels()] == ["normal", "reduce"]


def test_cell_types_with_operations_of_their_own(pyplot, monkeypatch):
    monkeypatch.setattr("skopdist.display._drawing.is_stem", lambda name: name.endswith("_stem"))
    names = ["linear_relu", "skip_connect", "plain_stem", "deep_stem"]
    p = OperationDistribution(names, [[0.75, 0.25, 0, 0], [0, 0, 1, 0]], ["cell", "stem"])
    cells = [Cell(["linear_relu", "skip_connect"], [(0, 1), (1, 2)]), Cell(["plain_stem"], [(0, 1)])]
    architecture = Architecture(cells, ["cell", "stem"])
    display = SearchDisplay([Trial(architecture, p, score=i / 3, index=i) for i in range(3)], p).plot()
    bars = display.axes_[1]
    assert [label.get_text() for label in bars.get_yticklabels()] == names
    # One bar for each operation, as thick as where there is one cell type.
    assert [round(bar.get_width(), 2) for bar in bars.patches] == [0.75, 0.25, 1, 0]
    np.testing.assert_allclose([bar.get_height() for bar in bars.patches], 0.8)
    assert [text.get_text() for text in display.axes_[2].get_legend().get_texts()] == names[:3]
    assert len(ArchitectureDisplay.from_architecture(architecture).axes_) == 2


def test_columns_are_the_distributions_of_the_trials(result, pyplot):
    stacked = SearchDisplay(result.trials, result.best_distribution).plot().axes_[2]
    names = result.best_distribution.operations
    assert [text.get_text() for text in stacked.get_legend().get_texts()] == list(names)
    heights = np.array([[bar.get_height() for bar in bars] for bars in stacked.containers])
    np.testing.assert_allclose(heights, np.transpose([np.asarray(trial.distribution) for trial in result.trials]))


def test_predictions_beside_scores(darts, pyplot):
    forecasts = darts.strategy.forecasts()
    display = SearchDisplay.from_result(darts)
    assert len(display.axes_) == 4
    drawn = np.asarray(display.axes_[3].collections[0].get_offsets())
    known = np.isfinite(forecasts)
    scores = np.array([trial.score for trial in darts.trials])
    np.testing.assert_allclose(drawn, np.stack([forecasts[known], scores[known]], axis=1))
    # Without a model there is nothing to draw.
    assert len(SearchDisplay(darts.trials, darts.best_distribution).plot().axes_) == 3


def test_display_of_an_estimator(iris, pyplot):
    from matplotlib.colors import to_hex

    clf = OpDistNASClassifier(n_trials=5, n_members=2, max_epochs=1, n_cells=1, channels=4, random_state=0).fit(*iris)
    display = SearchDisplay.from_estimator(clf)
    assert len(display.axes_) == 4
    ax, _ = ArchitectureDisplay.from_estimator(clf).axes_
    # As in the other picture, and in a notebook.
    colors = colors_of(clf.best_distribution_.operations)
    arcs = zip(ax.patches, clf.best_architecture_.cells[0].operations, strict=False)
    assert all(to_hex(arc.get_edgecolor()) == colors[name] for arc, name in arcs)


def test_a_loaded_estimator_is_drawn_without_predicted_scores(iris, pyplot, tmp_path):
    clf = OpDistNASClassifier(n_trials=5, max_epochs=1, n_cells=1, channels=4, random_state=0).fit(*iris)
    clf.save(tmp_path / "clf.skopdist")
    display = SearchDisplay.from_estimator(OpDistNASClassifier.load(tmp_path / "clf.skopdist"))
    assert [ax.get_title() for ax in display.axes_] == ["Search", "Best operation distribution", "Distributions"]


@pytest.mark.parametrize("draw", [SearchDisplay.from_estimator, ArchitectureDisplay.from_estimator])
def test_only_what_is_fitted_is_drawn(draw):
    with pytest.raises(NotFittedError):
        draw(OpDistNASClassifier())


def test_no_architecture_is_refused():
    with pytest.raises(TypeError, match=r"clf.best_architecture_, got .* OpDistNASClassifier.*from_estimator"):
        ArchitectureDisplay.from_architecture(OpDistNASClassifier())


def test_error_bars_are_within_the_axes(result, pyplot):
    trials = [trial.replace(score_error=0.2) for trial in result.trials]
    (ax, *_) = SearchDisplay(trials, result.best_distribution).plot().axes_
    low, high = ax.get_ylim()
    scores = [trial.score for trial in trials if trial.succeeded]
    assert high > max(scores) + 0.2
    assert low < max(min(scores) - 0.2, 0)


def test_text_is_shown_as_it_is(pyplot, tmp_path):
    names = ["$\\frac{", "_hidden", "skip_connect"]
    p = OperationDistribution(names, [0.5, 0.25, 0.25])
    architecture = Architecture([Cell(names, [(0, 1), (1, 2), (0, 2)])])
    trials = [Trial(architecture, p, score=i / 3, index=i) for i in range(3)]
    display = SearchDisplay(trials, p, references={"$x_{": 0.1}, score_name="$_y").plot()
    display.figure_.savefig(tmp_path / "search.png")
    assert [text.get_text().strip() for text in display.axes_[2].get_legend().get_texts()][1] == "_hidden"
    ArchitectureDisplay.from_architecture(architecture).figure_.savefig(tmp_path / "cell.png")


@pytest.mark.parametrize("length", [1, 6, 40])
@pytest.mark.parametrize("space", SPACES, ids=lambda space: type(space).__name__)
def test_any_cell_is_drawn(space, length, pyplot, tmp_path):
    architecture = space.sample(space.uniform(), length, random_state=0)
    display = ArchitectureDisplay.from_architecture(architecture)
    assert len(display.axes_) == len(architecture.cells)
    for ax, cell in zip(display.axes_, architecture.cells, strict=True):
        assert len(ax.patches) == len(cell.operations) + len(cell.links) + cell.n_nodes
        legend = ax.get_legend()
        shown = [text.get_text() for text in (ax.texts if legend is None else legend.get_texts())]
        assert set(cell.operations) <= set(shown)
    display.figure_.savefig(tmp_path / "cell.png")


def test_an_architecture_is_drawn_into_given_axes(darts, pyplot):
    _, axes = pyplot.subplots(2)
    display = ArchitectureDisplay.from_architecture(darts.best_architecture, axes)
    assert list(display.axes_) == list(axes)
    assert [ax.get_title() for ax in axes] == ["normal", "reduce"]
    with pytest.raises(ValueError, match="Expected one of the axes for each of 2 cells, got 1"):
        ArchitectureDisplay.from_architecture(darts.best_architecture, axes[:1])


def test_without_matplotlib_the_extra_is_named(said_without):
    said = said_without("matplotlib", "from skopdist.display import SearchDisplay", "SearchDisplay([], None).plot()")
    assert "pip install 'skopdist[plot]'" in said
