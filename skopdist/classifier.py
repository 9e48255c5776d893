"""The scikit-learn estimator."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Self, TypeVar, cast

import joblib
import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.exceptions import NotFittedError
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import (
    _check_sample_weight,
    check_is_fitted,
    validate_data,
)

from skopdist._identity import Identity, describe_parts
from skopdist._prior import PriorLike, as_prior
from skopdist._random import RandomState, seed
from skopdist._validation import check_positive_integer
from skopdist.architecture import Architecture
from skopdist.display import progress_line
from skopdist.encodings import Encoding, LimitedEncoding
from skopdist.evaluators import Evaluator, SupernetEvaluator, TrainingEvaluator
from skopdist.journal import Journal, SearchRecord
from skopdist.networks import NetworkCosts, pareto_front
from skopdist.problem import combined_weights
from skopdist.search import SearchFailedError, run_search, space_identity
from skopdist.spaces import SearchSpace, make_space
from skopdist.strategies import BayesianOptimization, Strategy
from skopdist.training._augmentation import Augmentation
from skopdist.training._nets import predict_proba
from skopdist.trial import Trial

AnEvaluator = TypeVar("AnEvaluator", bound=Evaluator)
# Parameters that change neither what a trial is nor what it scores.
_FREE = {
    *("n_trials", "max_time", "refit", "refit_length", "refit_n_cells", "refit_channels", "refit_max_epochs"),
    *("device", "n_jobs", "journal", "verbose", "warm_start", "random_state"),
}
# Keys of the independent random streams of a fit.
_SPLIT, _SEARCH, _REFIT, _REFIT_DRAW = range(4)


class OpDistNASClassifier(ClassifierMixin, BaseEstimator):
    """Search the operation distribution of a network cell, then train the best network found.

    Parameters
    ----------
    strategy : Strategy or None, default=None
        The search technique; None takes :class:`~skopdist.strategies.BayesianOptimization`.
    search_space : SearchSpace, str or None, default=None
        A space, or its name: "dense", "sequence", "nasbench201", "nasbench101", "darts" or "macro". None takes the
        space for the shape of X.
    encoding : Encoding or None, default=None
        The point that the strategy moves; None takes the strategy's own default.
    evaluator : Evaluator or None, default=None
        Scores the architectures of the search; None trains each with the settings below on part of the data, or trains
        them all at once, as a supernet, where the strategy needs gradients.
    n_trials : int, default=20
        Number of architectures to evaluate.
    max_time : float or None, default=None
        Seconds after which the search waits for no further result. The refit comes on top.
    length : int or None, default=None
        Number of operations in a cell, any integer >= 1; None takes the space's default.
    n_cells : int, default=3
        Depth: number of cells.
    channels : int or None, default=None
        Width of the first cell; None takes 16 for images, 32 for series and 64 for flat input.
    max_params : int or None, default=None
        The most parameters that a network of the search may have, with this depth and width. No strategy proposes
        anything beyond a limit, and no network beyond it is trained; see :class:`~skopdist.encodings.LimitedEncoding`.
    max_flops : float or None, default=None
        The most multiply-adds for one sample; see :meth:`NetworkCosts.flops <skopdist.networks.NetworkCosts.flops>`.
    max_latency : float or None, default=None
        The most seconds for one sample on the device; see :meth:`NetworkCosts.latency
        <skopdist.networks.NetworkCosts.latency>`. Measured times differ from fit to fit, and so may the search.
    max_epochs : int, default=20
        Epochs of each training.
    batch_size : int or None, default=None
        None takes a sixteenth of the training data, but 16 at least and 128 at most.
    lr : float or None, default=None
        The highest learning rate of the one-cycle schedule; None takes 0.1.
    label_smoothing : float, default=0.1
    augment : {"auto", "shift", "shift_flip"}, callable or None, default="auto"
        "auto" shifts images by up to an eighth of their sides, and leaves everything else as it is. A callable takes
        a batch of raw samples and a torch.Generator.
    early_stopping : int or None, default=None
        Epochs without a better loss on the held-out data after which a trial's training stops. The refit, which holds
        nothing out, then takes as many epochs as the best trial did, unless `refit_max_epochs` says otherwise.
    refit : bool, default=True
        Train the best architecture on all data when the search is over; without it there is nothing to predict with.
    refit_length : int or None, default=None
        Number of operations in a cell of the final network: one of this length is drawn from ``best_distribution_`` and
        trained. None trains ``best_architecture_`` itself.
    refit_n_cells, refit_channels : int or None, default=None
        Depth and width of the final network; None takes those of the search, `n_cells` and `channels`.
    refit_max_epochs : int or None, default=None
        Epochs of the final training. None takes `max_epochs`, or with `early_stopping` the epochs of the best trial.
    input_shape : tuple of int or None, default=None
        Shape of one sample, (channels, length) or (channels, height, width), where X is flat, as in a pipeline.
    validation_fraction : float or None, default=None
        Part of the distinct samples held out to score the trials; None takes a quarter, but one of each class at least.
    scoring : str, callable or None, default=None
        A scikit-learn scorer for the held-out samples; None takes the accuracy.
    class_weight : mapping, "balanced" or None, default=None
        Weights of the classes, as elsewhere in scikit-learn.
    device : str or list of str, default="auto"
        "auto" takes CUDA where there is any. Several, such as ``["cuda:0", "cuda:1"]``, are shared out: trial i trains
        on the i-th, modulo their number, and the final training on the first. `n_jobs` should be their number or more.
    precision : {"auto", "float32", "bfloat16"}, default="auto"
        Of the matrix products while training; "auto" takes bfloat16 for images where the hardware multiplies it
        natively, which makes training up to twice as fast.
    n_jobs : int or None, default=None
        Trials that joblib runs in parallel, each in one thread, on this machine or, with
        ``joblib.parallel_config(backend="dask")`` or ``"ray"``, on a cluster. It never changes the result.
    prior : Prior, OperationDistribution, fitted OpDistNASClassifier, str, Path or None, default=None
        What is known from another search, itself or in a file of :meth:`OperationDistribution.save`: the strategy draws
        its random points around this distribution. A :class:`~skopdist.Prior` says how much it counts.
    warm_start : bool, default=False
        Whether a further `fit` to the same data goes on behind the trials of the last one, if `n_trials` has grown;
        with the same `n_trials` only the final network is trained anew. The result is that of a single, longer fit. Of
        the other parameters only those that change no trial may differ: ``max_time``, ``refit`` and those that begin
        with it, ``device``, ``n_jobs``, ``journal`` and ``verbose``. With a `random_state` that is no integer, the
        randomness of the first fit goes on. A supernet's trials build on each other, so that more of them are all made
        anew.
    net_params : mapping or None, default=None
        Further arguments of ``skorch.NeuralNetClassifier`` (``optimizer``, ``callbacks``, ``iterator_train``, ...);
        they win over the settings above, and callbacks are added.
    journal : str, Path or None, default=None
        File to which each trial is written; a fit that finds trials of an interrupted one there goes on behind them. In
        a folder each search has a file of its own, as cross-validation and grid search need it.
    random_state : int, Generator, RandomState or None, default=None
    verbose : int, default=0
        1 prints a line for each trial.

    Attributes
    ----------
    best_distribution_ : OperationDistribution
        What the strategy believes best.
    best_architecture_ : Architecture
        What was evaluated best.
    refit_architecture_ : Architecture
        What ``net_`` was made of, where `refit` is true: ``best_architecture_``, or a draw of the `refit_length`.
    best_score_ : float
        The score of ``best_architecture_``.
    search_results_ : dict of ndarray
        One entry for each trial, like ``cv_results_``: ``trial``, ``status``, ``score``, ``rank``, ``cost``, ``seed``,
        ``architecture``, ``message``, and a column ``p_<operation>`` for each probability.
    pareto_front_ : dict of ndarray
        The trials that no other trial beats in score and costs, the best score first: ``trial``, ``score``,
        ``n_parameters``, and ``flops`` and ``latency`` where these are limited.
    trials_ : tuple of Trial
    strategy_ : Strategy
        The strategy in its last state.
    evaluator_ : Evaluator
        With the data on which the trials were scored; pickles and copies of the estimator leave the data out.
    stop_reason_ : str
        Why the search ended; see :class:`~skopdist.search.SearchResult`.
    net_ : skorch.NeuralNetClassifier
        The trained net; its classes are indices into ``classes_``.
    classes_ : ndarray of shape (n_classes,)
    n_features_in_ : int
        ``X.shape[1]``.
    feature_names_in_ : ndarray of shape (n_features,)
        Where X is a data frame with string names.

    Notes
    -----
    The data count as a weighted set: equal samples are merged and their weights added before anything is drawn at
    random, so a weight of two equals a repetition exactly, and the order of the rows does not matter.

    References
    ----------
    .. [1] Wan, Ru, Esperança, Carlucci, "Approximate Neural Architecture Search via Operation Distribution
       Learning", WACV 2022, arXiv 2111.04670. The hyper-parameters here are our own choices.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skopdist import OpDistNASClassifier
    >>> X, y = load_iris(return_X_y=True)
    >>> clf = OpDistNASClassifier(n_trials=2, max_epochs=10, random_state=0).fit(X, y)
    >>> clf.predict(X[:2])
    array([0, 0])
    >>> clf.sample_architecture(12, random_state=0).length
    12

    Search a small network and train a larger one, from where that search ended:

    >>> small = {"n_trials": 2, "max_epochs": 2, "n_cells": 1, "channels": 8, "random_state": 0}
    >>> clf = OpDistNASClassifier(**small, prior=clf, refit_length=12, refit_n_cells=2, warm_start=True).fit(X, y)
    >>> clf.best_architecture_.length, clf.refit_architecture_.length
    (6, 12)
    >>> len(clf.set_params(n_trials=3).fit(X, y).trials_)
    3
    """

    def __init__(
        self,
        strategy: Strategy | None = None,
        *,
        search_space: SearchSpace | str | None = None,
        encoding: Encoding | None = None,
        evaluator: Evaluator | None = None,
        n_trials: int = 20,
        max_time: float | None = None,
        length: int | None = None,
        n_cells: int = 3,
        channels: int | None = None,
        max_params: int | None = None,
        max_flops: float | None = None,
        max_latency: float | None = None,
        max_epochs: int = 20,
        batch_size: int | None = None,
        lr: float | None = None,
        label_smoothing: float = 0.1,
        augment: str | Augmentation | None = "auto",
        early_stopping: int | None = None,
        refit: bool = True,
        refit_length: int | None = None,
        refit_n_cells: int | None = None,
        refit_channels: int | None = None,
        refit_max_epochs: int | None = None,
        input_shape: Sequence[int] | None = None,
        validation_fraction: float | None = None,
        scoring: str | Callable[..., float] | None = None,
        class_weight: Mapping[Any, float] | str | None = None,
        device: str | Sequence[str] = "auto",
        precision: str = "auto",
        n_jobs: int | None = None,
        prior: PriorLike | None = None,
        warm_start: bool = False,
        net_params: Mapping[str, Any] | None = None,
        journal: str | Path | None = None,
        random_state: RandomState = None,
        verbose: int = 0,
    ) -> None:
        self.strategy = strategy
        self.search_space = search_space
        self.encoding = encoding
        self.evaluator = evaluator
        self.n_trials = n_trials
        self.max_time = max_time
        self.length = length
        self.n_cells = n_cells
        self.channels = channels
        self.max_params = max_params
        self.max_flops = max_flops
        self.max_latency = max_latency
        self.max_epochs = max_epochs
        self.batch_size = batch_size
        self.lr = lr
        self.label_smoothing = label_smoothing
        self.augment = augment
        self.early_stopping = early_stopping
        self.refit = refit
        self.refit_length = refit_length
        self.refit_n_cells = refit_n_cells
        self.refit_channels = refit_channels
        self.refit_max_epochs = refit_max_epochs
        self.input_shape = input_shape
        self.validation_fraction = validation_fraction
        self.scoring = scoring
        self.class_weight = class_weight
        self.device = device
        self.precision = precision
        self.n_jobs = n_jobs
        self.prior = prior
        self.warm_start = warm_start
        self.net_params = net_params
        self.journal = journal
        self.random_state = random_state
        self.verbose = verbose

    def __getstate__(self) -> dict[str, Any]:
        # A stored model should be as large as its network, not as the data that it was trained on.
        state: dict[str, Any] = super().__getstate__()
        if "evaluator_" in state:
            state = state | {"evaluator_": state["evaluator_"].without_data()}
        return state

    def fit(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self:
        """Search, and train the best architecture on all data.

        Parameters
        ----------
        X : array-like of shape (n, features), (n, channels, length) or (n, channels, height, width)
            Finite numbers; pixels need no scaling.
        y : array-like of shape (n,)
            Class labels of any type.
        sample_weight : array-like of shape (n,) or None, default=None
            Not negative; a sample of weight 0 is ignored.

        Returns
        -------
        self : OpDistNASClassifier

        Raises
        ------
        ValueError
            If the data or a parameter are not as described, or ``warm_start=True`` finds the trials of another search.
        SearchFailedError
            If every trial failed. ``trials_`` then holds the reasons.
        """
        check_positive_integer("n_trials", self.n_trials)
        for name in ("refit_length", "refit_n_cells", "refit_channels", "refit_max_epochs"):
            if getattr(self, name) is not None:
                check_positive_integer(name, getattr(self, name))
        samples, labels = validate_data(
            self, X, y, dtype=[np.float64, np.float32, np.uint8], allow_nd=True, ensure_min_samples=2
        )
        check_classification_targets(labels)
        weight: NDArray[np.float64] | None = None
        if sample_weight is not None:
            weight = _check_sample_weight(sample_weight, samples, dtype=np.float64, ensure_non_negative=True)
        weight = combined_weights(labels, weight, self.class_weight)
        samples = self._shaped(samples)
        data = (samples, labels, weight)
        with Journal(self.journal, lambda: self._identity(data), self.random_state, self._earlier()) as book:
            entropy = book.seed
            given = (samples, labels, weight, seed(entropy, _SPLIT))
            trainer = self._with_settings(TrainingEvaluator()).fit(*given)
            if self.evaluator is not None:
                self.evaluator_ = clone(self.evaluator).fit(*given)
            elif getattr(self.strategy, "needs_gradient", False):
                self.evaluator_ = self._with_settings(SupernetEvaluator()).fit(*given)
            else:
                self.evaluator_ = trainer
            self.sample_shape_ = samples.shape[1:]
            self.classes_ = trainer.classes_
            # A repeated fit that fails, or does not refit, must not leave an older net to predict with.
            for name in ("net_", "refit_architecture_"):
                self.__dict__.pop(name, None)
            recipe = trainer.recipe_
            costs = NetworkCosts(self.sample_shape_, len(self.classes_), recipe.channels, recipe.n_cells, recipe.device)
            best = self._search(costs, seed(entropy, _SEARCH), book)
            self._record = book.record
        if self.refit:
            self.refit_architecture_ = best.architecture
            if self.refit_length is not None:
                self.refit_architecture_ = self.sample_architecture(self.refit_length, seed(entropy, _REFIT_DRAW))
            n_epochs = self.refit_max_epochs
            if n_epochs is None and self.early_stopping is not None:
                n_epochs = best.info.get("n_epochs")
            self.net_ = trainer.train_on_all(
                self.refit_architecture_, seed(entropy, _REFIT), n_epochs, self.refit_n_cells, self.refit_channels
            )
        return self

    def predict_proba(self, X: ArrayLike) -> NDArray[np.float64]:
        """Give class probabilities.

        Parameters
        ----------
        X : array-like of the shape that `fit` saw, but for the number of samples

        Returns
        -------
        probabilities : ndarray of shape (n, n_classes)
            Columns in the order of ``classes_``.

        Raises
        ------
        sklearn.exceptions.NotFittedError
            Before `fit`, or if it ran with ``refit=False``.
        ValueError
            If samples have another shape than those of `fit`.
        """
        check_is_fitted(self)
        if not hasattr(self, "net_"):
            raise NotFittedError(
                "This OpDistNASClassifier was fitted with refit=False, so no network was trained; fit it with "
                "refit=True, or build best_architecture_ yourself."
            )
        samples = validate_data(self, X, dtype=[np.float64, np.float32, np.uint8], allow_nd=True, reset=False)
        samples = self._shaped(samples)
        if samples.shape[1:] != self.sample_shape_:
            raise ValueError(
                f"X has samples of shape {samples.shape[1:]}, but OpDistNASClassifier is expecting "
                f"{self.sample_shape_}, the shape that it was fitted with."
            )
        return predict_proba(self.net_, samples)

    def predict(self, X: ArrayLike) -> NDArray[Any]:
        """Give the most probable class of each sample, shape (n,); see :meth:`predict_proba`."""
        probabilities = self.predict_proba(X)
        return self.classes_[probabilities.argmax(axis=1)]

    def sample_architecture(self, length: int | None = None, random_state: RandomState = None) -> Architecture:
        """Draw an architecture of any length from the best distribution.

        Parameters
        ----------
        length : int or None, default=None
            Number of operations in a cell, any integer >= 1; None takes the length that was searched.
        random_state : int, Generator, RandomState or None, default=None
            None continues nobody's stream: each call draws anew.

        Returns
        -------
        architecture : Architecture
        """
        check_is_fitted(self)
        length = self.best_architecture_.length if length is None else length
        return self.evaluator_.search_space.sample(self.best_distribution_, length, random_state)

    def _earlier(self) -> SearchRecord | None:
        """Return the record of the last fit, where this one is to go on with it."""
        record: SearchRecord | None = getattr(self, "_record", None) if self.warm_start else None
        if record is None:
            self.__dict__.pop("trials_", None)
        elif self.n_trials < len(record.trials):
            raise ValueError(
                f"n_trials={self.n_trials} must be at least {len(record.trials)}, the number of trials of the last "
                "fit, where warm_start=True goes on with them."
            )
        return record

    def _identity(self, data: tuple[Any, ...]) -> Identity:
        """Describe what the trials depend on, the seed aside."""
        settings = {name: value for name, value in self.get_params(deep=False).items() if name not in _FREE}
        settings |= {"strategy": self._strategy(), "prior": as_prior(self.prior)}
        space = getattr(self.evaluator, "space", None) if self.search_space is None else self.search_space
        identity = {"data": joblib.hash(data)} | space_identity(make_space(space, data[0].ndim - 2))
        for name, value in settings.items():
            identity |= value.identity() if isinstance(value, Evaluator) else describe_parts(name, value)
        return identity

    def _strategy(self) -> Strategy:
        return BayesianOptimization() if self.strategy is None else self.strategy

    def _with_settings(self, evaluator: AnEvaluator) -> AnEvaluator:
        """Give an evaluator this estimator's settings, which bear the same names there."""
        shared = set(evaluator.get_params(deep=False)) & set(self.get_params(deep=False))
        space = self.search_space
        if space is None and self.evaluator is not None:
            space = getattr(self.evaluator, "space", None)
        settings = {name: getattr(self, name) for name in shared} | {"space": space}
        return cast(AnEvaluator, evaluator.set_params(**settings))

    def _limited_encoding(self, costs: NetworkCosts) -> Encoding | None:
        limits = costs.limits(self.max_params, self.max_flops, self.max_latency)
        if not limits:
            return self.encoding
        return LimitedEncoding(self._strategy().default_encoding if self.encoding is None else self.encoding, limits)

    def _search(self, costs: NetworkCosts, random_state: int, book: Journal) -> Trial:
        """Search behind the trials on record, set what was found, and give the best trial."""

        def report(trial: Trial) -> None:
            best = max((t.score for t in seen if t.succeeded), default=-np.inf)
            seen.append(trial)
            print(progress_line(trial, self.n_trials, best))  # noqa: T201 - the user asked for it

        seen: list[Trial] = []
        try:
            result = run_search(
                self._strategy(),
                self.evaluator_,
                encoding=self._limited_encoding(costs),
                n_trials=self.n_trials,
                length=self.length,
                max_time=self.max_time,
                prior=self.prior,
                random_state=random_state,
                n_jobs=self.n_jobs,
                journal=book,
                callback=report if self.verbose else None,
            )
        except SearchFailedError as error:
            self.trials_ = tuple(error.trials)
            self._record = book.record
            raise
        self.trials_ = result.trials
        self.strategy_ = result.strategy
        self.stop_reason_ = result.stop_reason
        self.best_distribution_ = result.best_distribution
        self.best_architecture_ = result.best_architecture
        self.best_score_ = result.best_score
        self.search_results_ = result.table()
        shown: dict[str, Callable[[Architecture], float]] = {"n_parameters": costs.n_parameters}
        if self.max_flops is not None:
            shown["flops"] = costs.flops
        if self.max_latency is not None:
            shown["latency"] = costs.latency
        self.pareto_front_ = pareto_front(result.trials, shown)
        return result.best_trial

    def _shaped(self, X: NDArray[Any]) -> NDArray[Any]:
        """Give X in the shape of its samples."""
        if self.input_shape is None:
            shape = X.shape[1:]
        else:
            shape = tuple(self.input_shape)
            if X.shape[1:] != shape and (X.ndim != 2 or int(np.prod(shape)) != X.shape[1]):
                raise ValueError(
                    f"input_shape={shape} does not fit: it holds {int(np.prod(shape))} values, but the samples of X "
                    f"have the shape {X.shape[1:]}; give the shape of one sample, such as (1, 8, 8) for 64 features."
                )
        if len(shape) > 3:
            raise ValueError(
                f"Found array with dim {X.ndim}, while OpDistNASClassifier expects (n, features), (n, channels, "
                "length) or (n, channels, height, width)."
            )
        # Double precision would only double the memory of images.
        dtype = np.float32 if len(shape) == 3 and X.dtype != np.uint8 else X.dtype
        return X.reshape(len(X), *shape).astype(dtype, copy=False)
