"""Differentiable search: a Dirichlet distribution that follows gradients."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from skopdist.distribution import OperationDistribution
from skopdist.operations import is_identity, is_zero
from skopdist.strategies._base import Strategy
from skopdist.strategies._dirichlet import DirichletDraw, draw_dirichlet
from skopdist.trial import Trial

_DECAY = (0.5, 0.999)
_COLLAPSED = 0.9


class CollapseWarning(UserWarning):
    """A differentiable search has settled on an operation without parameters, as such searches are known to do."""


class DifferentiableSearch(Strategy):
    """Follow the gradient of a supernet's score with respect to Dirichlet concentrations, as DrNAS does [2]_.

    Each trial is a draw from the Dirichlet distribution. The evaluator trains its supernet at the draw and measures the
    gradient; the pathwise derivative of the draw turns that into a gradient of the concentrations. With
    ``DistributionEncoding`` one Dirichlet serves all slots, which is the operation distribution of the paper [1]_; with
    ``AdjacencyEncoding`` each edge has its own, as in DrNAS. The strategy needs an evaluator that gives gradients, such
    as ``SupernetEvaluator``. A search costs the less, the shorter its trials are.

    Parameters
    ----------
    learning_rate : float, default=0.2
        Learning rate of Adam, which moves the logarithms of the concentrations. The t-th step is divided by the square
        root of t, since the number of steps is not known beforehand.
    n_warmup : int, default=5
        Trials that only train the supernet, before the first step.
    concentration : float, default=1.0
        Concentration of each operation at the start, before a prior adds to it; 1 is uniform on the simplex.
    regularization : float, default=0.001
        Strength with which the logarithms of the concentrations are held near their start: half of it times their
        squared distance is taken off the score.
    trial_batch : int, default=1
        Points suggested together; each step follows the mean of their gradients.

    Warns
    -----
    CollapseWarning
        If more than 90 % of the probability comes to lie on operations without parameters, skip or none.

    See Also
    --------
    skopdist.evaluators.SupernetEvaluator : Gives the gradients.

    References
    ----------
    .. [1] Wan, Ru, Esperança, Carlucci, "Approximate Neural Architecture Search via Operation Distribution
       Learning", WACV 2022, arXiv 2111.04670.
    .. [2] Chen, Wang, Cheng, Tang, Hsieh, "DrNAS: Dirichlet Neural Architecture Search", ICLR 2021,
       arXiv 2006.10355, section 3.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skopdist import OpDistNASClassifier
    >>> from skopdist.strategies import DifferentiableSearch
    >>> X, y = load_iris(return_X_y=True)
    >>> clf = OpDistNASClassifier(DifferentiableSearch(), n_trials=8, max_epochs=10, random_state=0).fit(X, y)
    >>> clf.best_distribution_.probabilities.sum(axis=1).round(6)  # of the cell, and of its stem
    array([1., 1.])
    """

    needs_gradient: ClassVar[bool] = True

    def __init__(
        self,
        learning_rate: float = 0.2,
        n_warmup: int = 5,
        concentration: float = 1.0,
        regularization: float = 0.001,
        trial_batch: int = 1,
    ) -> None:
        self.learning_rate = learning_rate
        self.n_warmup = n_warmup
        self.concentration = concentration
        self.regularization = regularization
        self.trial_batch = trial_batch

    def _start(self) -> None:
        for name, lowest_excluded in (("learning_rate", True), ("concentration", True), ("regularization", False)):
            value = getattr(self, name)
            if value < 0 or (lowest_excluded and value == 0) or not np.isfinite(value):
                sign = "positive" if lowest_excluded else "not negative"
                raise ValueError(f"{name} must be finite and {sign}, got {value!r}.")
        if self.n_warmup < 0:
            raise ValueError(f"n_warmup must not be negative, got {self.n_warmup!r}.")
        scalars = [scalar.name for scalar in self.encoding_.space_.scalar_ranges]
        if scalars:
            raise ValueError(
                f"DifferentiableSearch follows gradients of a supernet, which has one size and one recipe, so it "
                f"cannot search the scalars {scalars}; take them out of the space, or use another strategy."
            )
        k = self.encoding_.mixture_shape[-1]
        shape = int(np.prod(self.encoding_.mixture_shape)) // k, k
        # Every edge begins with the prior of its cell type.
        n_slots = shape[0] // len(self.prior_counts_)
        counts = np.repeat(self.prior_counts_, n_slots, axis=0)
        self.allowed_ = np.repeat(self.encoding_.space_.allowed, n_slots, axis=0)
        self.start_: NDArray[np.float64] = np.log(self.concentration + counts)
        self.log_concentrations_ = self.start_
        self.draws_: list[DirichletDraw] = []
        self.n_steps_ = 0
        self.moments_ = np.zeros((2, *shape))
        self.collapsed_ = False

    def _suggest(self, n: int) -> Sequence[NDArray[np.float64]]:
        concentrations = self._concentrations()
        self.draws_ = [draw_dirichlet(concentrations, self.rng_) for _ in range(n)]
        shape = self.encoding_.mixture_shape
        return [self.encoding_.from_mixture(draw.probabilities.reshape(shape)) for draw in self.draws_]

    def _observe(self, trials: Sequence[Trial]) -> None:
        # Each teaches once: trials that follow without a suggestion have no draw.
        draws, self.draws_ = self.draws_, []
        if len(self.trials_) <= self.n_warmup:
            return
        concentrations = self._concentrations()
        slopes = [
            draw.pull_back(trial.gradient.reshape(concentrations.shape)) * concentrations
            for trial, draw in zip(trials, draws, strict=False)
            if trial.gradient is not None and np.isfinite(trial.gradient).all()
        ]
        if slopes:
            away = self.log_concentrations_ - self.start_
            self._step(np.mean(slopes, axis=0) - self.regularization * away)
            self._watch()

    def _step(self, slope: NDArray[np.float64]) -> None:
        """Take a step of Adam (Kingma & Ba, arXiv 1412.6980) uphill."""
        self.n_steps_ += 1
        corrected = []
        for i, (decay, value) in enumerate(zip(_DECAY, (slope, slope**2), strict=True)):
            self.moments_[i] = decay * self.moments_[i] + (1 - decay) * value
            corrected.append(self.moments_[i] / (1 - decay**self.n_steps_))
        rate = self.learning_rate / np.sqrt(self.n_steps_)
        self.log_concentrations_ = self.log_concentrations_ + rate * corrected[0] / (np.sqrt(corrected[1]) + 1e-8)

    def _watch(self) -> None:
        distribution = self._mean()
        # Nothing of the kind is among stems.
        names = self.encoding_.space_.kinds(1)[0].operations
        free = np.array([is_identity(name) or is_zero(name) for name in names])
        free_names = [name for name, is_free in zip(names, free, strict=True) if is_free]
        shares = distribution.probabilities[:, : len(names)][:, free].sum(axis=1)
        if self.collapsed_ or free.all() or shares.max() <= _COLLAPSED:
            return
        self.collapsed_ = True
        warnings.warn(
            f"The distribution has collapsed: after {len(self.trials_)} trials {shares.max():.0%} of it lie on "
            f"{free_names}, which have no parameters. Give the supernet more trials to warm up (n_warmup), lower the "
            "learning_rate, leave such operations out of the space, or use another strategy.",
            CollapseWarning,
            stacklevel=4,
        )

    def _concentrations(self) -> NDArray[np.float64]:
        """Return those of all rows, which are 0 where a cell type does not allow the operation."""
        return np.where(self.allowed_, np.exp(self.log_concentrations_), 0.0)

    def _mean(self) -> OperationDistribution:
        concentrations = self._concentrations()
        rows = concentrations / concentrations.sum(axis=1, keepdims=True)
        # By way of a point, for an encoding with a limit moves what is beyond it.
        point = self.encoding_.from_mixture(rows.reshape(self.encoding_.mixture_shape))
        return self.encoding_.distribution(point)

    def _finish(self) -> None:
        self.draws_ = []

    def _recommend(self, succeeded: Sequence[Trial]) -> OperationDistribution:
        """Return the mean of the Dirichlet distribution, over all edges if each has its own."""
        return self._mean()
