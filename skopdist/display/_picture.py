"""Pictures of a search and of an architecture, by matplotlib."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils.validation import check_is_fitted

from skopdist.architecture import Architecture
from skopdist.display._drawing import GREY, Drawing, colors_of, shortened, shown_operations, title_of
from skopdist.distribution import OperationDistribution
from skopdist.trial import Trial

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Inches of a point in a drawing of a cell, and of what stands above and below it.
_INCH, _MARGIN = 1 / 72, 0.25


class SearchDisplay:
    """A picture of a search: its scores, the distribution it found, those of all trials, and what was predicted.

    Parameters
    ----------
    trials : sequence of Trial
    distribution : OperationDistribution
        The one recommended.
    references : mapping of str to float or None, default=None
        Scores of other models, drawn as lines.
    score_name : str, default="validation accuracy"
        Label of the axis.
    forecasts : array-like of shape (n_trials,) or None, default=None
        What was predicted of each of the first trials, NaN where nothing was; see
        :meth:`~skopdist.strategies.Strategy.forecasts`.

    Attributes
    ----------
    figure_ : matplotlib Figure
    axes_ : ndarray of matplotlib Axes
        Scores, distribution, distributions over the trials, and predicted scores where there are any.
    """

    def __init__(
        self,
        trials: Sequence[Trial],
        distribution: OperationDistribution,
        references: Mapping[str, float] | None = None,
        score_name: str = "validation accuracy",
        forecasts: ArrayLike | None = None,
    ) -> None:
        self.trials = trials
        self.distribution = distribution
        self.references = references
        self.score_name = score_name
        self.forecasts = forecasts

    @classmethod
    def from_estimator(cls, estimator: Any, **kwargs: Any) -> Self:
        """Draw the search of a fitted :class:`~skopdist.OpDistNASClassifier`; `kwargs` as in the constructor.

        Of an estimator that was loaded the predicted scores are missing, for no file holds the state of a strategy.
        """
        check_is_fitted(estimator, "trials_")
        strategy = getattr(estimator, "strategy_", None)
        kwargs = {"forecasts": None if strategy is None else strategy.forecasts()} | kwargs
        return cls(estimator.trials_, estimator.best_distribution_, **kwargs).plot()

    @classmethod
    def from_result(cls, result: Any, **kwargs: Any) -> Self:
        """Draw a :class:`~skopdist.search.SearchResult`; `kwargs` as in the constructor."""
        kwargs = {"forecasts": result.strategy.forecasts()} | kwargs
        return cls(result.trials, result.best_distribution, **kwargs).plot()

    def plot(self, axes: Sequence[Axes] | None = None) -> Self:
        """Draw into axes, or into a new figure.

        Parameters
        ----------
        axes : sequence of matplotlib Axes or None, default=None
            Up to four of them, for the parts in the order of ``axes_``; the parts for which there are none are left
            out.

        Raises
        ------
        ImportError
            If matplotlib, from the extra ``skopdist[plot]``, is not installed.
        """
        parts = [self._plot_scores, self._plot_distribution, self._plot_trials]
        if self._forecast_pairs():
            parts.append(self._plot_forecasts)
        if axes is None:
            axes = new_axes(2, math.ceil(len(parts) / 2), (10, 3.8 * math.ceil(len(parts) / 2)))
            for ax in axes[len(parts) :]:
                ax.remove()
        self.figure_ = axes[0].figure
        self.axes_ = np.array(axes[: len(parts)])
        for ax, part in zip(axes, parts, strict=False):
            part(ax)
        return self

    def _plot_scores(self, ax: Axes) -> None:
        succeeded = [trial for trial in self.trials if trial.succeeded]
        scores = [trial.score for trial in succeeded]
        # Scores of short trainings and of full ones are no equals.
        for color, final, name in (("C0", False, "trial"), ("C4", True, "final, in full")):
            some = [trial for trial in succeeded if trial.final == final]
            if not some:
                continue
            numbers, values = [trial.index for trial in some], [trial.score for trial in some]
            errors = np.nan_to_num([trial.score_error for trial in some])
            shown = errors if errors.any() else None
            ax.errorbar(numbers, values, shown, fmt="o", color=color, label=name, elinewidth=0.8)
            if not final:
                ax.step(numbers, np.maximum.accumulate(values), where="post", color=color, label="best so far")
        failed = [trial.index for trial in self.trials if not trial.succeeded]
        if failed:
            ax.plot(failed, [min(scores)] * len(failed), "x", color="C3", label="failed trial")
        # A reference far below all trials, as the majority class is, would press them into one line: the legend names
        # its score instead.
        margin = max(max(scores) - min(scores), 1e-3)
        bars = np.nan_to_num([trial.score_error for trial in succeeded])
        low, high = np.min(scores - bars) - margin, np.max(scores + bars) + margin / 4
        ax.set_ylim(max(low, -margin / 10) if min(scores) >= 0 else low, high)
        for i, (name, score) in enumerate((self.references or {}).items(), start=1):
            ax.axhline(score, linestyle="--", color=f"C{i}", label=f"{plain(name)} ({score:.3f})")
        ax.set(xlabel="index of the trial", ylabel=plain(self.score_name), title="Search")
        ax.locator_params(axis="x", integer=True)
        ax.legend(fontsize="small", loc="lower right")

    def _plot_distribution(self, ax: Axes) -> None:
        names, types = self.distribution.operations, self.distribution.cell_types
        shown = shown_operations(self.distribution)
        # The rows of all cell types, each with the operations that it has.
        order = list(dict.fromkeys(o for own in shown for o in own))
        places, n = {}, 0
        for o in order:
            holders = [t for t, own in enumerate(shown) if o in own]
            for k, t in enumerate(holders):
                places[t, o] = n + (k - (len(holders) - 1) / 2) * 0.8 / len(holders), 0.8 / len(holders)
            n += 1
        for t, cell_type in enumerate(types):
            heights = [places[t, o] for o in shown[t]]
            widths = [self.distribution.probabilities[t, o] for o in shown[t]]
            positions, thick = zip(*heights, strict=True)
            bars = ax.barh(positions, widths, height=thick, label=plain(cell_type))
            ax.bar_label(bars, fmt="%.2f", padding=3)
        ax.set_yticks(range(n), [plain(names[o]) for o in order])
        ax.invert_yaxis()
        # The number beside the longest bar stays inside.
        ax.set(xlabel="probability", xlim=(0, 1.2), title="Best operation distribution")
        if len(types) > 1:
            ax.legend(fontsize="small")

    def _plot_trials(self, ax: Axes) -> None:
        """Draw the distribution of each trial as a stacked column, and the cell types one above the other."""
        trials = list(self.trials)
        types, names = self.distribution.cell_types, self.distribution.operations
        numbers = np.array([trial.index for trial in trials])
        rows = np.stack([trial.distribution.probabilities for trial in trials])  # (n_trials, n_cell_types, k)
        colors = colors_of(names)
        seen: set[str] = set()
        for t in range(len(types)):
            # The first type on top, as in the legend of the other parts.
            bottom = np.full(len(trials), 1.15 * (len(types) - 1 - t))
            for o, name in enumerate(names):
                share = rows[:, t, o]
                if not share.any():
                    continue
                label = None if name in seen else plain(name)
                seen.add(name)
                ax.bar(numbers, share, 1.0, bottom, color=colors[name], label=label, linewidth=0)
                bottom = bottom + share
        first_final = next((trial.index for trial in trials if trial.final), None)
        if first_final is not None and first_final > numbers[0]:
            ax.axvline(first_final - 0.5, color="black", linewidth=1, linestyle=":")
        if len(types) > 1:
            ax.set_yticks([1.15 * (len(types) - 1 - t) + 0.5 for t in range(len(types))], [plain(t) for t in types])
        else:
            ax.set_ylabel("probability")
        height = 1.15 * (len(types) - 1) + 1
        ax.set(
            xlabel="index of the trial",
            title="Distributions",
            xlim=(numbers[0] - 0.5, numbers[-1] + 0.5),
            ylim=(0, height),
        )
        ax.locator_params(axis="x", integer=True)
        ax.legend(fontsize="small", loc="upper left", bbox_to_anchor=(1.0, 1.0), frameon=False)

    def _plot_forecasts(self, ax: Axes) -> None:
        numbers, predicted, scores = np.array(self._forecast_pairs()).T
        # Where good and bad are far apart, a few bad trials would press the others into a corner.
        points = ax.scatter(predicted, scores, c=numbers, s=22)
        low, high = min(predicted.min(), scores.min()), max(predicted.max(), scores.max())
        margin = 0.05 * (high - low) or 1e-3
        ax.plot([low, high], [low, high], color=GREY, linewidth=1, linestyle=":")
        ax.set(xlim=(low - margin, high + margin), ylim=(low - margin, high + margin))
        ax.set(
            xlabel=f"predicted {plain(self.score_name)}", ylabel=plain(self.score_name), title="Predicted and scored"
        )
        ax.figure.colorbar(points, ax=ax, label="index of the trial")

    def _forecast_pairs(self) -> list[tuple[float, float, float]]:
        """List number, forecast and score of the trials that have both."""
        if self.forecasts is None:
            return []
        pairs = zip(self.trials, np.asarray(self.forecasts, dtype=np.float64), strict=False)
        return [(trial.index, f, trial.score) for trial, f in pairs if trial.succeeded and np.isfinite(f)]


class ArchitectureDisplay:
    """A picture of an architecture: its cells as graphs, with the operations as arcs above and the links below.

    Dotted lines are operations that pass nothing on, and faint ones lie on no path from the input to the output. Cells
    of more than twelve operations have a legend in place of names.

    Parameters
    ----------
    architecture : Architecture
    operations : sequence of str or None, default=None
        Names in the order in which they are given colours, such as those of a space, so that several pictures have the
        same. None takes the order in the architecture.

    Attributes
    ----------
    figure_ : matplotlib Figure
    axes_ : ndarray of matplotlib Axes
        One for each cell.

    Examples
    --------
    >>> from skopdist.display import ArchitectureDisplay
    >>> from skopdist.spaces import NASBench201Space
    >>> space = NASBench201Space()
    >>> cell = space.sample(space.uniform(), 6, random_state=0)
    >>> ArchitectureDisplay.from_architecture(cell).figure_.savefig("cell.png")  # doctest: +SKIP
    """

    def __init__(self, architecture: Architecture, operations: Sequence[str] | None = None) -> None:
        self.architecture = architecture
        self.operations = operations

    @classmethod
    def from_architecture(
        cls, architecture: Architecture, axes: Sequence[Axes] | None = None, operations: Sequence[str] | None = None
    ) -> Self:
        """Draw an architecture; `axes` as in :meth:`plot`, and `operations` as in the constructor."""
        return cls(architecture, operations).plot(axes)

    @classmethod
    def from_estimator(cls, estimator: Any, axes: Sequence[Axes] | None = None) -> Self:
        """Draw the best architecture of a fitted :class:`~skopdist.OpDistNASClassifier`; `axes` as in :meth:`plot`."""
        check_is_fitted(estimator, "best_architecture_")
        return cls(estimator.best_architecture_, estimator.best_distribution_.operations).plot(axes)

    def plot(self, axes: Sequence[Axes] | None = None) -> Self:
        """Draw into axes, one for each cell, or into a new figure whose size suits the cells.

        Raises
        ------
        TypeError
            If the architecture is none.
        ValueError
            If there are fewer axes than cells.
        ImportError
            If matplotlib, from the extra ``skopdist[plot]``, is not installed.
        """
        architecture = self.architecture
        if not isinstance(architecture, Architecture):
            raise TypeError(
                f"Expected an Architecture, such as clf.best_architecture_, got an object of the type "
                f"{type(architecture).__name__}. ArchitectureDisplay.from_estimator takes a fitted estimator."
            )
        drawings = [Drawing.of(cell) for cell in architecture.cells]
        if axes is None:
            legend = 0.25 * math.ceil(len(set(architecture.operations)) / 3)
            heights = [(d.above + d.below) * _INCH + 2 * _MARGIN + (0 if d.has_names else legend) for d in drawings]
            width = max(d.width for d in drawings) * _INCH + 2 * _MARGIN
            axes = new_axes(1, len(drawings), (max(width, 3.0), sum(heights)), heights)
        if len(axes) < len(drawings):
            raise ValueError(f"Expected one of the axes for each of {len(drawings)} cells, got {len(axes)}.")
        colors = colors_of((*(self.operations or ()), *architecture.operations))
        # On one scale.
        width = max(drawing.width for drawing in drawings)
        for i, (ax, drawing) in enumerate(zip(axes, drawings, strict=False)):
            _draw_cell(ax, drawing, colors, (width - drawing.width) / 2)
            ax.set_title(plain(title_of(architecture.cell_types, i)), fontsize="medium")
        self.figure_ = axes[0].figure
        self.axes_ = np.array(axes[: len(drawings)])
        return self


def _draw_cell(ax: Axes, drawing: Drawing, colors: Mapping[str, str], space: float) -> None:
    """Draw a cell, with some space to the left and to the right of it."""
    from matplotlib.patches import Circle, PathPatch  # noqa: PLC0415 - an extra
    from matplotlib.path import Path  # noqa: PLC0415
    from matplotlib.patheffects import withStroke  # noqa: PLC0415

    halo = [withStroke(linewidth=3, foreground=ax.get_facecolor())]
    for arc in drawing.arcs:
        middle = (arc.start + arc.end) / 2
        # The control point of a parabola lies twice as high as its top.
        curve = Path([(arc.start, 0), (middle, 2 * arc.rise), (arc.end, 0)], [Path.MOVETO, Path.CURVE3, Path.CURVE3])
        color = colors[arc.operation] if arc.operation else GREY
        passes = color != GREY or not arc.operation
        style = {"edgecolor": color, "facecolor": "none", "linestyle": "-" if passes else ":"}
        is_strong = arc.operation and arc.is_used
        ax.add_patch(PathPatch(curve, linewidth=2.2 if arc.operation else 1.2, alpha=1 if is_strong else 0.5, **style))
        if arc.operation and drawing.has_names:
            at, text = (middle, arc.rise + 3), plain(shortened(arc.operation))
            shade = 1 if arc.is_used else 0.6
            ax.text(*at, text, ha="center", va="bottom", fontsize=9, alpha=shade, path_effects=halo)
    for place, name in drawing.nodes:
        ax.add_patch(Circle((place, 0), drawing.radius, facecolor="#dddddd", edgecolor="#666666", zorder=3))
        ax.text(
            place, 0, name, ha="center", va="center", fontsize=8.5 if drawing.has_names else 7, zorder=4, color="black"
        )
    ax.set(xlim=(-4 - space, drawing.width + space + 4), ylim=(-drawing.below - 4, drawing.above + 4), aspect="equal")
    ax.axis("off")
    if not drawing.has_names:
        used = {arc.operation for arc in drawing.arcs}
        for name in (name for name in colors if name in used):
            line = "-" if colors[name] != GREY else ":"
            ax.plot([], [], color=colors[name], linewidth=2.2, linestyle=line, label=plain(name))
        ax.legend(fontsize="small", loc="upper center", bbox_to_anchor=(0.5, 0.0), ncols=3, frameon=False)


def plain(text: str) -> str:
    """Return text that matplotlib shows as it is: a dollar sign begins no formula, and no label is hidden."""
    plain = str(text).replace("$", r"\$")
    return f" {plain}" if plain.startswith("_") else plain


def new_axes(
    n_columns: int, n_rows: int, size: tuple[float, float], heights: Sequence[float] | None = None
) -> list[Axes]:
    try:
        from matplotlib import pyplot as plt  # noqa: PLC0415 - an extra
    except ImportError as error:
        raise ImportError("Plots need matplotlib, which comes with the extra: pip install 'skopdist[plot]'.") from error
    _, found = plt.subplots(n_rows, n_columns, figsize=size, layout="constrained", squeeze=False, height_ratios=heights)
    return list(found.flat)
