"""A picture of what trials score and what their networks cost."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from skopdist.architecture import Architecture
from skopdist.display._picture import new_axes, plain
from skopdist.networks import NetworkCosts
from skopdist.trial import Trial

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# A range of costs that is told apart on a linear axis.
_LINEAR = 10.0

# The costs of networks by the names of limits: the method that counts one, and what the axis says.
_COSTS = {
    "params": ("n_parameters", "parameters"),
    "flops": ("flops", "multiply-adds for a sample"),
    "latency": ("latency", "seconds for a sample"),
}


class CostDisplay:
    """A picture of scores against a cost: the front that no other trial beats, the other trials, and the limit.

    Parameters
    ----------
    scores, costs : array-like of shape (n,)
        Of the trials. Where one of both is not finite, the trial is left out.
    limit : float or None, default=None
        The largest cost allowed, drawn as a line; None draws none.
    cost_name : str, default="parameters"
        Label of the axis, with the unit.
    score_name : str, default="validation accuracy"
        Label of the other axis; higher is better.

    Attributes
    ----------
    figure_ : matplotlib Figure
    ax_ : matplotlib Axes
    front_ : ndarray of int
        Indices of the points on the front, the cheapest first: each scores higher than all that cost no more.

    See Also
    --------
    skopdist.networks.pareto_front : The front of several costs at once.

    Examples
    --------
    >>> from skopdist.display import CostDisplay
    >>> display = CostDisplay([0.8, 0.9, 0.85], [1000, 3000, 5000], limit=6000)
    >>> display.plot().figure_.savefig("costs.png")  # doctest: +SKIP
    """

    def __init__(
        self,
        scores: ArrayLike,
        costs: ArrayLike,
        limit: float | None = None,
        cost_name: str = "parameters",
        score_name: str = "validation accuracy",
    ) -> None:
        self.scores = scores
        self.costs = costs
        self.limit = limit
        self.cost_name = cost_name
        self.score_name = score_name

    @classmethod
    def from_estimator(cls, estimator: Any, cost: str | None = None, ax: Axes | None = None, **kwargs: Any) -> Self:
        """Draw the search of a fitted :class:`~skopdist.OpDistNASClassifier`.

        Parameters
        ----------
        estimator : fitted OpDistNASClassifier
        cost : {"params", "flops", "latency"} or None, default=None
            The cost of the networks of the search. None takes the first of the estimator's limits, or the parameters.
            A latency is measured anew.
        ax : matplotlib Axes or None, default=None
        **kwargs
            As in the constructor. The limit is that of a single network: a committee counts as a whole.

        Raises
        ------
        ValueError
            If the cost is unknown.
        """
        limits = {name: value for name, value in (estimator.limits or {}).items() if value is not None}
        cost = next(iter(limits), "params") if cost is None else cost
        if cost not in _COSTS:
            raise ValueError(f"Unknown cost {cost!r}; expected one of {list(_COSTS)}.")
        method, name = _COSTS[cost]
        costs = costs_of(estimator, estimator.n_cells_, estimator.channels_)
        if cost in limits:
            kwargs = {"limit": limits[cost] / (estimator.n_members or 1)} | kwargs
        found = [trial for trial in estimator.trials_ if not trial.final]
        return cls.from_trials(found, getattr(costs, method), ax, **({"cost_name": name} | kwargs))

    @classmethod
    def from_trials(
        cls,
        trials: Sequence[Trial],
        cost: Callable[[Architecture], float],
        ax: Axes | None = None,
        **kwargs: Any,
    ) -> Self:
        """Draw the trials of any search; those that failed, or through which nothing passes, are left out.

        Parameters
        ----------
        trials : sequence of Trial
            Of one fidelity, for scores of short trainings are no equals of others.
        cost : callable ``Architecture -> float``
        ax : matplotlib Axes or None, default=None
        **kwargs
            As in the constructor.
        """
        kept = [trial for trial in trials if trial.status == "ok"]
        return cls([t.score for t in kept], [cost(t.architecture) for t in kept], **kwargs).plot(ax)

    def plot(self, ax: Axes | None = None) -> Self:
        """Draw into axes, or into a new figure.

        Raises
        ------
        ValueError
            If there are not as many costs as scores, or no point has both.
        ImportError
            If matplotlib, from the extra ``skopdist[plot]``, is not installed.
        """
        scores, costs = (np.asarray(values, dtype=np.float64) for values in (self.scores, self.costs))
        if scores.ndim != 1 or scores.shape != costs.shape:
            raise ValueError(
                f"Expected as many costs as scores, one for each trial, got shapes {costs.shape} and {scores.shape}."
            )
        self.front_ = _front(scores, costs)
        if not len(self.front_):
            raise ValueError("Expected a trial with a finite score and a finite cost, got none: nothing can be drawn.")
        if ax is None:
            (ax,) = new_axes(1, 1, (6.4, 4.2))
        self.ax_, self.figure_ = ax, ax.figure
        others = np.setdiff1d(np.flatnonzero(np.isfinite(scores) & np.isfinite(costs)), self.front_)
        if len(others):
            ax.plot(costs[others], scores[others], "o", color="C0", alpha=0.3, markeredgewidth=0, label="trial")
        # What a cost buys is the same up to the next point.
        ax.step(costs[self.front_], scores[self.front_], "o-", where="post", color="C0", label="front")
        shown = [*costs[others], *costs[self.front_]]
        if self.limit is not None:
            ax.axvline(self.limit, linestyle="--", color="C3", label="limit")
            shown.append(self.limit)
        if 0 < _LINEAR * min(shown) < max(shown):
            ax.set_xscale("log")
        ax.set(xlabel=plain(self.cost_name), ylabel=plain(self.score_name), title="Score against cost")
        ax.legend(fontsize="small", loc="lower right")
        return self


def costs_of(estimator: Any, n_cells: int, channels: int) -> NetworkCosts:
    """Return the costs of networks of a size, for the data of a fitted estimator."""
    nets = getattr(estimator, "nets_", ())
    # The columns of a table: networks know them, also those of a pickle, and before these there are the data.
    columns = nets[0].module__columns if nets else estimator.evaluator_.problem_.columns
    shape, n_classes = estimator.sample_shape_, len(estimator.classes_)
    return NetworkCosts(shape, n_classes, channels, n_cells, estimator.device, columns)


def _front(scores: NDArray[np.float64], costs: NDArray[np.float64]) -> NDArray[np.intp]:
    """Return the indices of the points that score higher than all that cost no more, the cheapest first."""
    front: list[int] = []
    best = -np.inf
    for i in np.lexsort((-scores, costs)):
        if np.isfinite(costs[i]) and np.isfinite(scores[i]) and scores[i] > best:
            front.append(int(i))
            best = scores[i]
    return np.array(front, dtype=np.intp)
