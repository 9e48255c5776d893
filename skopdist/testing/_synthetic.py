"""A search without data, as the contract of strategies needs it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from skopdist.architecture import Architecture
from skopdist.encodings import Encoding
from skopdist.evaluators import Evaluator, Outcome
from skopdist.spaces import SearchSpace
from skopdist.strategies import Strategy
from skopdist.trial import Trial


class Synthetic(Evaluator):
    """Scores without data: linear in the distribution, so that there is a gradient, plus a part for the placement."""

    gives_gradient = True

    def __init__(self, space: SearchSpace, constant: bool = False, failing: int = 0) -> None:
        self.space = space
        self.constant = constant
        self.failing = failing

    @property
    def search_space(self) -> SearchSpace:
        return self.space

    @property
    def known_settings(self) -> Sequence[str]:
        return [scalar.name for scalar in self.space.scalar_ranges]

    def _evaluate(self, architecture: Architecture, mixture: NDArray[np.float64], seed: int) -> Outcome:
        if self.failing and seed % self.failing == 0:
            raise ArithmeticError("a failure made on purpose")
        p = self.space.encode(architecture).probabilities
        if self.constant:
            return Outcome(0.5, 1.0, gradient=np.zeros(mixture.shape))
        slope = np.linspace(0, 1, p.shape[1]) * np.ones(p.shape)
        gradient = np.linspace(0, 1, p.shape[1]) * np.ones(mixture.shape) * mixture.shape[-1] / mixture.size
        settings = sum(value for _, value in architecture.settings) % 1 / 100
        placement = settings + sum((i + 1) * len(name) for i, name in enumerate(architecture.operations)) % 7 / 100
        return Outcome(float((slope * p).sum() / len(p)) + placement, 1.0, gradient=gradient)


class TracedSearch:
    """The search loop's use of a strategy, with the checks that its every turn allows."""

    def __init__(self, strategy: Strategy, encoding: Encoding, evaluator: Evaluator, seed: int) -> None:
        self.started = strategy.start(encoding, seed)
        assert self.started is not strategy, "start() must give a copy."
        self.evaluator = evaluator
        self.trials: list[Trial] = []
        self._points: list[NDArray[np.float64]] = []

    def run(self, n_trials: int, batch_size: int) -> TracedSearch:
        while len(self.trials) < n_trials and self.turn(batch_size):
            pass
        return self

    def turn(self, batch_size: int) -> bool:
        """Suggest, evaluate and observe; give whether there was anything to suggest."""
        strategy, encoding = self.started, self.started.encoding_
        points = strategy.suggest(batch_size)
        where = f"{type(strategy).__name__}.suggest({batch_size})"
        assert points.ndim == 2, f"{where} must give an array of shape (n, n_dims), got {points.shape}."
        assert points.shape[1] == encoding.n_dims, f"{where} gave {points.shape[1]} and not {encoding.n_dims} columns."
        assert len(points) <= batch_size, f"{where} gave {len(points)} points, more than it was asked for."
        assert np.isfinite(points).all(), f"{where} gave a point that is not finite: {points}."
        if strategy.learns_from_trials and not strategy.needs_gradient:
            # A strategy that learns nothing may draw a point again, and another step from the same point teaches more.
            assert len({p.round(9).tobytes() for p in points + 0.0}) == len(points), (
                f"{where} repeats points: {points}."
            )
        batch: list[Trial] = []
        for point in points:
            index = len(self.trials) + len(batch)
            architecture = encoding.decode(point, index)
            trial = self.evaluator.evaluate(
                architecture, distribution=encoding.distribution(point), mixture=encoding.mixture(point), seed=index
            )
            batch.append(trial.replace(index=index))
        strategy.observe(batch)
        self.trials += batch
        self._points += list(points)
        return len(points) > 0

    @property
    def points(self) -> NDArray[np.float64]:
        return np.array(self._points)
