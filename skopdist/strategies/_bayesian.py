"""Bayesian optimisation: a Gaussian process on the encoding's features, and expected improvement."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from copy import copy, deepcopy

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from skopdist.distribution import OperationDistribution
from skopdist.encodings import HybridEncoding
from skopdist.encodings._base import point_key
from skopdist.strategies._base import Strategy
from skopdist.strategies._candidates import CandidatePool
from skopdist.strategies._drawing import draw_unseen
from skopdist.strategies._gaussian_process import AdditiveGaussianProcess
from skopdist.trial import Trial

Array = NDArray[np.float64]

TRANSFORMS = ("log", "none")
# Scores change gradually with the counts of operations along paths. They may jump with an operation's place or with
# the ratio of operations: a single step can cut the only path through the cell. The kernel of these parts allows for
# such jumps, so that the features need not announce them.
SMOOTH = ("paths",)
# The part of the features that holds the places of a space's scalars.
_SCALARS = "scalars"
# The ceiling of the scores, seen from the best one, in units of the best one's lead over the median.
_HEADROOM = 0.3
# Interquartile ranges below the median, after which a score is as bad as any.
_TAIL = 2.5
# Up to so many observations every one renews the hyper-parameters; then every tenth part more does.
_ALWAYS_TUNED = 40
# Where the space is too large to be listed: how many points are climbed from, and how many steps are made.
_CLIMBERS, _STEPS = 8, 3
# So many times the initial points are few trials.
_FEW = 2
# Forecasts begin anew with each trial, or each twentieth part more, up to so many trials: these take a few seconds.
_FORECAST_PART, _MOST_FORECASTS = 20, 300
# Standard deviations below the incumbent from which on the tail of the normal distribution is expanded.
_FAR = -20.0


class BayesianOptimization(Strategy):
    """Ask where a Gaussian process expects the largest improvement.

    The process has one kernel for each part of the encoding's features and learns how much each matters. With the
    default :class:`~skopdist.encodings.HybridEncoding` it relies on the distribution of operations first, and on their
    placement as observations grow. With :class:`~skopdist.encodings.DistributionEncoding` it is the search of the paper
    [1]_: every question about a distribution is answered by another architecture, and their differences count as noise.

    Where the space is small, the expected improvement is computed at all of its points. Otherwise it is computed at
    random points and at the neighbours of the best ones, and a climb from these raises it further. Points suggested
    together are chosen one by one, each as if those before it had scored what the model predicts ("kriging believer"
    [2]_).

    Parameters
    ----------
    n_initial : int, default=3
        Random points before the first fit; trials that are observed before count among them.
    transform : {"log", "none"}, default="log"
        The quantity that is modelled. ``"log"`` takes minus the logarithm of the distance to a ceiling somewhat above
        the best score, and clips the lower tail: differences among good architectures count, and bad ones do not
        dominate them. Were the ceiling the highest possible score, it would be the logarithm of the error; the scale of
        the scores does not matter. ``"none"`` takes the scores as they are.
    smooth : sequence of str, default=("paths",)
        Names of the parts of the encoding's features along which scores change gradually. Their kernel is squared
        exponential; that of all other parts is exponential, which allows for jumps. An encoding need not have parts of
        these names. The scalars of a space are always among them.
    trial_batch : int, default=4
        Points suggested together, and so the most trials that can run in parallel. Four at a time find about as much in
        twenty trials as one by one.

    See Also
    --------
    RandomSearch : Needs no model, and no trial before the next.

    References
    ----------
    .. [1] Wan, Ru, Esperança, Carlucci, "Approximate Neural Architecture Search via Operation Distribution
       Learning", WACV 2022, arXiv 2111.04670.
    .. [2] Ginsbourger, Le Riche, Carraro, "Kriging is Well-Suited to Parallelize Optimization", in: Computational
       Intelligence in Expensive Optimization Problems, Springer 2010.

    Examples
    --------
    >>> from skopdist.evaluators import TabularEvaluator
    >>> from skopdist.search import run_search
    >>> from skopdist.spaces import NASBench201Space
    >>> from skopdist.strategies import BayesianOptimization
    >>> table = TabularEvaluator(NASBench201Space(), lambda operations: operations.count("nor_conv_3x3"))
    >>> result = run_search(BayesianOptimization(), table, n_trials=20, random_state=0)
    >>> result.best_distribution["nor_conv_3x3"]
    1.0
    """

    _encoding_class = HybridEncoding

    def __init__(
        self, n_initial: int = 3, transform: str = "log", smooth: Sequence[str] = SMOOTH, trial_batch: int = 4
    ) -> None:
        self.n_initial = n_initial
        self.transform = transform
        self.smooth = smooth
        self.trial_batch = trial_batch

    def _start(self) -> None:
        if self.n_initial < 1:
            raise ValueError(f"n_initial must be at least 1, got {self.n_initial!r}.")
        if self.transform not in TRANSFORMS:
            raise ValueError(f"transform must be one of {TRANSFORMS}, got {self.transform!r}.")
        # A name alone is a sequence of its letters, and no part would be smooth.
        if isinstance(self.smooth, str) or not all(isinstance(name, str) for name in self.smooth):
            raise ValueError(f"smooth must be a sequence of names of parts such as {SMOOTH}, got {self.smooth!r}.")
        self.asked_: set[bytes] = set()
        self.points_ = np.empty((0, self.encoding_.n_dims))
        self.scores_ = np.empty(0)
        self.tuned_at_ = 0

    @property
    def _smooth_parts(self) -> tuple[str, ...]:
        return (*self.smooth, _SCALARS)

    def _begin(self) -> None:
        """Draw the candidates, which takes a while: not before the first suggestion, and there may be none."""
        self.pool_ = CandidatePool(self.encoding_, self.rng_, self.prior_counts_)
        self.model_ = AdditiveGaussianProcess(self.pool_.units(), self._smooth_parts)
        for point in self.points_:
            self.pool_.close(point)

    @property
    def _has_begun(self) -> bool:
        return hasattr(self, "model_")

    def _has_model(self) -> bool:
        """Whether trials are modelled: not a few of them, as of references, where nothing was suggested."""
        if not self._has_begun and len(self.trials_) > _FEW * self.n_initial:
            self._begin()
        return self._has_begun

    def _suggest(self, n: int) -> Sequence[Array]:
        if not self._has_begun:
            self._begin()
        chosen: list[Array] = []
        while len(chosen) < n:
            known = np.isfinite(self.scores_).any()
            point = self._best(chosen) if known and len(self.asked_) >= self.n_initial else self._random()
            if point is None or point_key(point) in {point_key(other) for other in chosen}:
                break
            self.asked_.add(point_key(point))
            self.pool_.close(point)
            chosen.append(point)
        return chosen

    def _random(self) -> Array | None:
        point = draw_unseen(self.encoding_, self.rng_, self.prior_counts_, self.asked_)
        if point is not None:
            return point
        rows = self.pool_.open_rows()
        return self.pool_.points[rows[0]] if len(rows) else None

    def _best(self, pending: Sequence[Array]) -> Array | None:
        z = self._fit()
        incumbent = z.max()
        if pending:
            believed = self._predict_points(np.array(pending))[0]
            self._condition(np.concatenate([self.points_, pending]), np.concatenate([z, believed]), tune=False)
            incumbent = max(incumbent, believed.max())
        self.pool_.forget_neighbours()
        self.pool_.add_neighbours(self.points_[np.argsort(-z, kind="stable")[:_CLIMBERS]])
        rows = self._open_rows(pending)
        if not len(rows):
            return None
        gain = self._improvement(rows, incumbent)
        for _ in range(_STEPS):
            top = rows[np.argsort(-gain, kind="stable")[:_CLIMBERS]]
            if not self.pool_.add_neighbours(self.pool_.points[top]):
                break
            fresh = np.setdiff1d(self._open_rows(pending), rows)
            rows = np.concatenate([rows, fresh])
            gain = np.concatenate([gain, self._improvement(fresh, incumbent)])
        return self.pool_.points[rows[np.argmax(gain)]]

    def _open_rows(self, pending: Sequence[Array]) -> NDArray[np.int64]:
        rows = self.pool_.open_rows()
        waiting = {point_key(point) for point in pending}
        if waiting and (self.encoding_.n_architectures(np.array(pending)) > 1).any():
            # Only a point that stands for many architectures is still open when it has just been suggested.
            rows = rows[[point_key(point) not in waiting for point in self.pool_.points[rows]]]
        return rows

    def _improvement(self, rows: NDArray[np.int64], incumbent: float) -> Array:
        """Return the logarithm of the expected improvement, which has no plateaus of zeros."""
        if not len(rows):
            return np.empty(0)
        mean, deviation = self.model_.predict(self.pool_.select(rows))
        return log_expected_improvement(mean, deviation, incumbent)

    def _fit(self) -> Array:
        z = transformed(self.scores_, self.transform)
        n = len(z)
        tune = n <= _ALWAYS_TUNED or n >= 1.1 * self.tuned_at_
        self._condition(self.points_, z, tune)
        if tune:
            self.tuned_at_ = n
        return z

    def _condition(self, points: Array, z: Array, tune: bool) -> None:
        self.model_.fit(self.encoding_.features(points), z, tune)

    def _predict_points(self, points: Array) -> tuple[Array, Array]:
        return self.model_.predict(self.encoding_.features(points))

    def _observe_unasked(self, trials: Sequence[Trial]) -> None:
        for point in self._observations(trials)[0]:
            self.asked_.add(point_key(point))
            if self._has_begun:
                self.pool_.close(point)

    def _observe(self, trials: Sequence[Trial]) -> None:
        points, scores = self._observations(trials)
        self.points_ = np.concatenate([self.points_, points])
        self.scores_ = np.append(self.scores_, scores)

    def _observations(self, trials: Sequence[Trial]) -> tuple[Array, Array]:
        """Return the points of some trials, and their scores, NaN where a trial failed."""
        # The ratio and placement that were evaluated, which a suggestion between lattice points only comes near.
        points = [self.encoding_.encode(trial.architecture) for trial in trials]
        scores = [trial.score if trial.succeeded else np.nan for trial in trials]
        return np.reshape(points, (-1, self.encoding_.n_dims)), np.array(scores, dtype=np.float64)

    def _finish(self) -> None:
        # Whoever goes on with the search needs the generator as it is.
        self.rng_ = deepcopy(self.rng_)
        if self._has_model():
            self.model_ = self.model_.without_observations()
            del self.pool_
        self.asked_ = set()
        # The trials have all that a recommendation looks at.
        del self.points_, self.scores_

    def _recommend(self, succeeded: Sequence[Trial]) -> OperationDistribution:
        return self.encoding_.distribution(self.encoding_.encode(self._finalists(succeeded)[0].architecture))

    def _forecasts(self) -> Array:
        """Return what a process that is conditioned on the trials before each one predicts of it."""
        if not self._has_model():
            return super()._forecasts()
        points, scores = self._observations(self.trials_)
        features = self.encoding_.features(points)
        # Anew, for the hyper-parameters that the last trials led to know too much.
        model = AdditiveGaussianProcess(self.model_.units, self._smooth_parts)
        forecasts, n = np.full(len(scores), np.nan), self.n_initial
        while n < min(len(scores), _MOST_FORECASTS):
            size = max(1, n // _FORECAST_PART)
            if np.isfinite(scores[:n]).any():
                z, restore = _standardised(scores[:n], self.transform)
                model.fit({name: part[:n] for name, part in features.items()}, z)
                mean = model.predict({name: part[n : n + size] for name, part in features.items()})[0]
                forecasts[n : n + size] = restore(mean)
            n += size
        return forecasts

    def _finalists(self, succeeded: Sequence[Trial]) -> Sequence[Trial]:
        """Return the trials in the order of what the model predicts at their points; of their scores without one."""
        if not self._has_model():
            return super()._finalists(succeeded)
        points, scores = self._observations(self.trials_)
        z = transformed(scores, self.transform)
        # A copy, for asking what is best must not change what is suggested next.
        model = copy(self.model_)
        features = self.encoding_.features(points)
        model.fit(features, z)
        mean = model.predict(features)[0]
        # Rounded, so that equal predictions are told apart by the scores themselves.
        order = sorted(range(len(mean)), key=lambda i: (-round(float(mean[i]), 4), -z[i], i))
        return [self.trials_[i] for i in order if self.trials_[i].succeeded]


def transformed(scores: Array, transform: str) -> Array:
    """Turn scores into what the process models: standardised, with failed trials (NaN) as bad as the worst score.

    A failure says that its surroundings are bad; if it were left out, the search would come back there.
    """
    return _standardised(scores, transform)[0]


def _standardised(scores: Array, transform: str) -> tuple[Array, Callable[[Array], Array]]:
    """Return the transformed scores, and the function that turns such values into scores again."""
    y = np.where(np.isfinite(scores), scores, np.nanmin(scores))
    # Differences first: scores of 1e300 must not overflow, nor may 1e-300 vanish.
    best, spread = y.max(), y.max() - y.min()
    if not spread > 0:
        return np.zeros(len(y)), lambda z: np.full(len(z), best)
    shift, unit = (best, spread) if np.isfinite(spread) else (0.0, np.abs(y).max())
    y = (y - shift) / unit
    ceiling = math.inf
    if transform == "log":
        gap = y.max() - np.median(y)
        # More than half of the scores are equal to the best one.
        headroom = _HEADROOM * (gap if gap > 0 else y.max() - y.min())
        ceiling = y.max() + headroom
        y = -np.log(ceiling - y)
        low, middle, high = np.quantile(y, [0.25, 0.5, 0.75])
        if high > low:
            y = np.maximum(y, middle - _TAIL * (high - low))
    mean, deviation = y.mean(), y.std()
    if not deviation > 0:
        return np.zeros(len(y)), lambda z: np.full(len(z), best)

    def restored(z: Array) -> Array:
        values = z * deviation + mean
        return shift + unit * (ceiling - np.exp(-values) if transform == "log" else values)

    return (y - mean) / deviation, restored


def log_expected_improvement(mean: Array, deviation: Array, incumbent: float) -> Array:
    """Return the logarithm of E[max(f - incumbent, 0)] for f ~ N(mean, deviation**2), without underflow."""
    u = (mean - incumbent) / deviation
    log_density = -0.5 * u**2 - 0.5 * np.log(2 * np.pi)
    near = np.maximum(u, _FAR)
    direct = np.log(np.exp(-0.5 * near**2) / np.sqrt(2 * np.pi) + near * ndtr(near))
    # Far below the incumbent, phi(u) + u Phi(u) tends to phi(u) / u**2.
    tail = log_density - 2 * np.log(np.maximum(-u, 1.0))
    return np.log(deviation) + np.where(u > _FAR, direct, tail)
