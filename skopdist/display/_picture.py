"""A picture of a search."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from skopdist.distribution import OperationDistribution
from skopdist.trial import Trial

if TYPE_CHECKING:
    from matplotlib.axes import Axes


class SearchDisplay:
    """A picture of a search: its scores over the trials, and the distribution it found.

    Parameters
    ----------
    trials : sequence of Trial
    distribution : OperationDistribution
        The one recommended.
    references : mapping of str to float or None, default=None
        Scores of other models, drawn as lines.
    score_name : str, default="validation accuracy"
        Label of the axis.

    Attributes
    ----------
    figure_ : matplotlib Figure
    axes_ : ndarray of two matplotlib Axes
    """

    def __init__(
        self,
        trials: Sequence[Trial],
        distribution: OperationDistribution,
        references: Mapping[str, float] | None = None,
        score_name: str = "validation accuracy",
    ) -> None:
        self.trials = trials
        self.distribution = distribution
        self.references = references
        self.score_name = score_name

    @classmethod
    def from_estimator(cls, estimator: Any, **kwargs: Any) -> Self:
        """Draw the search of a fitted :class:`~skopdist.OpDistNASClassifier`; `kwargs` as in the constructor."""
        return cls(estimator.trials_, estimator.best_distribution_, **kwargs).plot()

    def plot(self, axes: Sequence[Axes] | None = None) -> Self:
        """Draw into two axes, or into a new figure.

        Raises
        ------
        ImportError
            If matplotlib, from the extra ``skopdist[plot]``, is not installed.
        """
        if axes is None:
            axes = _axes()
        self.figure_ = axes[0].figure
        self.axes_ = np.array(axes)
        self._plot_scores(axes[0])
        self._plot_distribution(axes[1])
        return self

    def _plot_scores(self, ax: Axes) -> None:
        succeeded = [trial for trial in self.trials if trial.succeeded]
        scores = [trial.score for trial in succeeded]
        # Scores of short trainings and of full ones are no equals.
        for color, final, name in (("C0", False, "trial"), ("C4", True, "final, in full")):
            some = [trial for trial in succeeded if trial.final == final]
            if not some:
                continue
            numbers, values = [trial.index + 1 for trial in some], [trial.score for trial in some]
            errors = np.nan_to_num([trial.score_error for trial in some])
            shown = errors if errors.any() else None
            ax.errorbar(numbers, values, shown, fmt="o", color=color, label=name, elinewidth=0.8)
            if not final:
                ax.step(numbers, np.maximum.accumulate(values), where="post", color=color, label="best so far")
        failed = [trial.index + 1 for trial in self.trials if not trial.succeeded]
        if failed:
            ax.plot(failed, [min(scores)] * len(failed), "x", color="C3", label="failed trial")
        # A reference far below all trials, as the majority class is, would press them into one line: the legend names
        # its score instead.
        margin = max(max(scores) - min(scores), 1e-3)
        ax.set_ylim(min(scores) - margin, max(scores) + margin / 4)
        for i, (name, score) in enumerate((self.references or {}).items(), start=1):
            ax.axhline(score, linestyle="--", color=f"C{i}", label=f"{name} ({score:.3f})")
        ax.set(xlabel="trial", ylabel=self.score_name, title="Search")
        ax.locator_params(axis="x", integer=True)
        ax.legend(fontsize="small", loc="lower right")

    def _plot_distribution(self, ax: Axes) -> None:
        names, types = self.distribution.operations, self.distribution.cell_types
        height = 0.8 / len(types)
        positions = np.arange(len(names))
        for i, (cell_type, row) in enumerate(zip(types, self.distribution.probabilities, strict=True)):
            bars = ax.barh(positions + (i - (len(types) - 1) / 2) * height, row, height=height, label=cell_type)
            ax.bar_label(bars, fmt="%.2f", padding=3)
        ax.set_yticks(positions, names)
        ax.invert_yaxis()
        ax.set(xlabel="probability", xlim=(0, 1.1), title="Best operation distribution")
        if len(types) > 1:
            ax.legend(fontsize="small")


def _axes() -> Sequence[Axes]:
    try:
        from matplotlib import pyplot as plt  # noqa: PLC0415 - an extra
    except ImportError as error:
        raise ImportError("Plots need matplotlib, which comes with the extra: pip install 'skopdist[plot]'.") from error
    return plt.subplots(1, 2, figsize=(10, 4), layout="constrained")[1]
