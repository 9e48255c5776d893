"""The scikit-learn estimator."""

from __future__ import annotations

import os
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from numbers import Integral
from typing import Any, ClassVar, Self

import numpy as np
from joblib import effective_n_jobs
from numpy.typing import ArrayLike, NDArray
from sklearn.base import ClassifierMixin, clone
from sklearn.exceptions import NotFittedError
from sklearn.metrics import get_scorer_names
from sklearn.utils import Tags
from sklearn.utils._param_validation import validate_parameter_constraints
from sklearn.utils.validation import check_is_fitted

from skopdist._callbacks import FRAMES, CallbackSupportMixin, with_callbacks
from skopdist._device import resolve_devices
from skopdist._final import Final, FinalStage, sample_like
from skopdist._identity import Identity, describe_parts
from skopdist._input import check_input_shape
from skopdist._parameters import HasParameters
from skopdist._plan import Plan
from skopdist._prior import PriorLike, as_prior
from skopdist._random import RandomState, Stream, seed
from skopdist._reader import Reader, with_reader
from skopdist._refit import Refit
from skopdist._schema import check_categorical_features
from skopdist._splitting import Splitter, SplitterConstraint
from skopdist._validation import OneOf, Part, PositiveInteger, RealInterval
from skopdist._watching import Watch
from skopdist.architecture import Architecture
from skopdist.budget import Budget
from skopdist.committee import Committee, members_behind, usual_members
from skopdist.display import Progress, estimator_html
from skopdist.encodings import Encoding, LimitedEncoding
from skopdist.evaluators import Evaluator, SupernetEvaluator, TrainingEvaluator
from skopdist.export import load_estimator, save_estimator
from skopdist.journal import Journal, SearchRecord
from skopdist.networks import NetworkCosts, fill_limits, pareto_front
from skopdist.problem import Problem
from skopdist.search import SearchFailedError, SearchResult, run_search, space_identity, tabulate
from skopdist.spaces import SPACES, SearchSpace, make_space
from skopdist.strategies import BayesianOptimization, Strategy
from skopdist.training import Trainer, Training
from skopdist.trial import Trial

# Trials where the user chose no number, and the most where time decides.
_N_TRIALS, _MOST_TRIALS = 20, 10_000
_POSITIVE_INTEGER = PositiveInteger()
# What an evaluator of the user's decides, where it has these parameters, and what stands for not being given.
_DECIDED_BY_EVALUATOR = ("search_space", "n_cells", "channels", "training", "validation_fraction", "scoring", "device")
_DECIDED_BY_RECIPE = ("max_epochs", "net_params")
# Parameters that change neither which trials are made nor what they score.
_FREE = {
    # What is found by it is part of the data.
    "categorical_features",
    "n_trials",
    "max_time",
    "n_members",
    "refit",
    "device",
    "n_jobs",
    "warm_start",
    "journal",
    "random_state",
    "verbose",
}


class OpDistNASClassifier(CallbackSupportMixin, ClassifierMixin, HasParameters):
    """Search the operation distribution of a network cell, then train the networks that predict.

    Parameters
    ----------
    strategy : Strategy or None, default=None
        The search technique; None takes :class:`~skopdist.strategies.BayesianOptimization`.
    search_space : SearchSpace, str or None, default=None
        A space, or its name: "dense", "sequence", "nasbench201", "image", "nasbench101", "darts" or "macro". None takes
        the space for the shape of X. A search begins with the few architectures that its space names as known to be
        good, unless it was made with ``references=()``.
    encoding : Encoding or None, default=None
        How the strategy represents an architecture; None takes the strategy's own default.
    evaluator : Evaluator or None, default=None
        Scores the architectures of the search. None trains each by the recipe below on part of the data, or trains
        them all at once, as a supernet, where the strategy needs gradients. Where an evaluator is given, its own
        settings are those of the whole fit, the final network and the limits included.
    n_trials : int or None, default=None
        Number of architectures to evaluate; None takes 20, or as many as `max_time` allows.
    max_time : float or None, default=None
        Time limit of `fit`, in seconds. A test of the speed of training decides how long the trials are, and how many
        networks are trained after the search. A training that would take too long ends early, at a low learning rate.
        If the limit leaves much time, and neither `n_members` nor a number of epochs is given, longer trainings are
        tried too. `n_trials` and `n_members` are upper limits. None sets no limit.
    length : int or None, default=None
        Number of operations in a cell, any integer >= 1; None takes the space's default.
    n_cells : int or None, default=None
        Depth: number of cells; None takes 3, or what `limits` allow.
    channels : int or None, default=None
        Width of the first cell; None takes 16 for images, 32 for series and 64 for flat input, or what `limits` allow.
    max_epochs : int or None, default=None
        Epochs of each training; None takes those of `training`, 20 unless said otherwise.
    n_members : int or None, default=None
        Networks that predict together, as a committee whose class probabilities are averaged.

        With 1 the trials of the search are full trainings, and the best architecture is trained on all data. With more,
        the trials are short, a quarter of the full training. The most promising architectures are then trained in full,
        each several times, as in cross-validation: each time another part of the rows is held out. These networks are
        the members. Their out-of-fold predictions decide on the best architecture, on the weights of the members and on
        a temperature for the probabilities, and give the score.

        None takes two for each five trials, and 8 at most, or as many as `max_time` allows. It takes 1 for fewer than
        ten trials, with `limits`, which hold for all members together, and with a custom evaluator that trains nothing.
        Trials on record, in a journal or of a warm start, stay what they are, short or full.
    limits : mapping or None, default=None
        Upper limits of the cost of all networks that predict: ``{"params": 50_000}``, also ``"flops"`` (multiply-adds
        for one sample) and ``"latency"`` (seconds for one sample on the device). No strategy proposes anything beyond a
        limit, and nothing beyond it is trained; see :class:`~skopdist.encodings.LimitedEncoding`.
        Where `n_cells` or `channels` is None, depth and width are chosen so that the limits are used up, with up to 3
        cells and up to twice the usual width; see :func:`~skopdist.networks.fill_limits`. Measured latencies differ
        from fit to fit, and so may the search.
    training : Training or None, default=None
        The recipe by which all networks are trained: batch size, learning rate, optimiser, weight decay, augmentation,
        precision and more; None takes :class:`Training() <skopdist.training.Training>`. A grid may set its
        parameters, such as ``training__lr``.
    refit : bool or Refit, default=True
        Whether to train the networks that predict when the search is over. A single network is trained on all data;
        of several, each holds out a part. A :class:`~skopdist.Refit` says how the final networks differ from those of
        the search: longer cells, more of them, wider, more epochs.
    categorical_features : "from_dtype", list of str, int or bool, or None, default="from_dtype"
        Which columns of a table hold categories: by the name or the index of each, or as a boolean for each column of
        X. "from_dtype" takes the columns of a data frame of pandas or polars whose type is one of categories, text or
        booleans, and columns of objects that hold text, also in arrays. All others must be numbers. None takes none.
    input_shape : tuple of int or None, default=None
        Shape of one sample, (channels, length) or (channels, height, width), where X is flat, as in a pipeline.
    validation_fraction : float, splitter or None, default=None
        Part of the rows held out to score the trials; None takes a quarter, but one of each class at least. A splitter
        of scikit-learn, such as ``GroupShuffleSplit(1)``, holds out what its first split does.
    scoring : str, callable or None, default=None
        A scikit-learn scorer for the held-out rows; None takes the accuracy. A function gets (estimator, X, y), with X
        as an array of numbers: categories are codes, and channels come first.
    class_weight : mapping, "balanced" or None, default=None
        Weights of the classes while training, as elsewhere in scikit-learn; scores do not depend on them.
    device : str, torch.device or list of these, default="auto"
        "auto" takes CUDA where there is any. Several, such as ``["cuda:0", "cuda:1"]``, are shared out: trial i trains
        on the i-th, modulo their number, and the final training on the first. `n_jobs` should be their number or more.
    n_jobs : int or None, default=None
        Trials that joblib runs in parallel, each in one thread, on this machine or, with
        ``joblib.parallel_config(backend="dask")`` or ``"ray"``, on a cluster. It never changes the result. Workers take
        seconds to start: with a `max_time` below 20 seconds there are none.
    prior : Prior, OperationDistribution, fitted OpDistNASClassifier, str, Path or None, default=None
        The result of another search, or the path of a file of :meth:`OperationDistribution.save`. The strategy draws
        its random points around this distribution. A :class:`~skopdist.Prior` says how strongly.
    warm_start : bool, default=False
        Whether another `fit` to the same data continues with the trials of the last one, if `n_trials` has grown;
        with the same `n_trials` only the final networks are trained anew. The result is that of a single, longer fit
        with as many members. Of the other parameters only those that change no trial may differ: ``max_time``,
        ``refit``, ``device``, ``n_jobs``, ``journal``, ``verbose``, and ``n_members`` among numbers above 1. One
        network needs full trials and several need short ones, so a search for one does not continue as a search for
        several, nor the reverse. With a `random_state` that is no integer, the randomness of the first fit goes on. A
        supernet's trials build on each other, so more of them are all made anew.
    net_params : mapping or None, default=None
        Further arguments of ``skorch.NeuralNetClassifier`` (``callbacks``, ``iterator_train``, ...), in place of those
        of `training`.
    journal : str, Path or None, default=None
        File to which each trial is written. A fit that finds the trials of an interrupted one there continues with
        them; those of other data or settings are refused. In a folder each search has a file of its own, as
        cross-validation and grid search need it.
    random_state : int, Generator, RandomState or None, default=None
    verbose : int, default=0
        1 shows trials, members and the time left: as a progress bar in terminals and notebooks, elsewhere as a line for
        each; see :class:`~skopdist.display.Progress`. The logger ``"skopdist"`` has the same messages.

    Attributes
    ----------
    best_distribution_ : OperationDistribution
        The recommended distribution. With a single network, and in a differentiable search, it is what the strategy
        recommends. With several networks it is the distribution of ``best_architecture_``, on which full trainings
        have decided.
    best_architecture_ : Architecture
        The architecture with the best score; with several members, the best of their architectures.
    refit_architecture_ : Architecture
        The architecture of ``net_``, unless `refit` is False: ``best_architecture_``, or a draw of another length.
    best_score_ : float
        With one network the score of ``best_architecture_``, the highest of all trials, and so optimistic. With several
        it is the score of the committee's out-of-fold predictions, before the temperature, which is nearly unbiased. If
        `max_time` allows one network only, without held-out rows, it is the score of a shorter training, and an
        underestimate.
    best_score_error_ : float
        Its standard error over the held-out rows; NaN where it is not known.
    search_results_ : dict of ndarray
        One entry for each trial, like ``cv_results_``: ``trial`` (its index in ``trials_``), ``status``, ``score``,
        ``score_error``, ``rank`` (final trainings first), ``fidelity``, ``final``, ``cost``, ``seed``,
        ``architecture``, ``message``, a column ``p_<operation>`` for each probability, and a column ``scalar_<name>``
        for each scalar of the space.
    pareto_front_ : dict of ndarray
        The trials of the search that no other trial beats in both score and cost, the best score first: ``trial``,
        ``score``, ``n_parameters``, and ``flops`` and ``latency`` where these are limited. Costs are those of one
        network. With several members the scores are those of short trainings.
    trials_ : tuple of Trial
        The trials of the search, and then one for each member, which is ``final``.
    strategy_ : Strategy
        The strategy in its last state.
    evaluator_ : Evaluator
        The evaluator of the search, with its data; pickles and copies of the estimator leave the data out.
    stop_reason_ : str
        Why the search ended: "n_trials", "max_time", "exhausted" (the space holds no more architectures), "callback" or
        "interrupted" (Ctrl-C). The last two also where the training of the members was ended so.
    sample_shape_ : tuple of int
        Shape of one sample: (features,), (channels, length) or (channels, height, width).
    n_cells_, channels_ : int
        Depth and width of the networks of the search, as they were given or chosen.
    fit_time_ : float
        Seconds that `fit` took.
    net_ : skorch.NeuralNetClassifier
        The network of ``best_architecture_``, or the draw of another length; its classes are indices into
        ``classes_``.
    nets_ : tuple of skorch.NeuralNetClassifier
        All members of the committee, ``net_`` first.
    n_parameters_ : int
        Parameters of all members together.
    member_weights_ : ndarray of shape (n_members,)
        Their weights in the average.
    temperature_ : float
        The probabilities are raised to the power 1 / temperature and normalised; 1 leaves them as they are.
    classes_ : ndarray of shape (n_classes,)
    n_features_in_ : int
        Number of features of flat samples, and of channels of others.
    feature_names_in_ : ndarray of shape (n_features,)
        Where X is a data frame with string names.
    is_categorical_ : ndarray of shape (n_features,) or None
        Which columns of a table hold categories; None where none does.

    Notes
    -----
    The data count as a weighted set: equal rows are one row with the sum of their weights before anything is drawn at
    random, so a weight of two equals a repetition exactly, and the order of the rows does not matter. Where fewer than
    half of the rows are distinct, equal rows count as observations of their own; see
    :class:`~skopdist.problem.Problem`.

    See Also
    --------
    skopdist.search.run_search : The search alone, with any evaluator.
    skopdist.training.Training : The recipe of all trainings.

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

    Search around what that search has found, and then go on with it:

    >>> small = {"n_trials": 2, "max_epochs": 2, "n_cells": 1, "channels": 8, "random_state": 0}
    >>> clf = OpDistNASClassifier(**small, prior=clf, warm_start=True).fit(X, y)
    >>> len(clf.set_params(n_trials=3).fit(X, y).trials_)
    3
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "strategy": [Part(Strategy, "skopdist.strategies.Strategy", "RandomSearch()"), None],
        "search_space": [
            Part(SearchSpace, "skopdist.spaces.SearchSpace", "DenseSpace()"),
            OneOf(*SPACES),
            None,
        ],
        "encoding": [Part(Encoding, "skopdist.encodings.Encoding", "AdjacencyEncoding()"), None],
        "evaluator": [Part(Evaluator, "skopdist.evaluators.Evaluator", "SupernetEvaluator()"), None],
        "n_trials": [_POSITIVE_INTEGER, None],
        "max_time": [RealInterval(0, None, closed="neither"), None],
        "length": [_POSITIVE_INTEGER, None],
        "n_cells": [_POSITIVE_INTEGER, None],
        "channels": [_POSITIVE_INTEGER, None],
        "max_epochs": [_POSITIVE_INTEGER, None],
        "n_members": [_POSITIVE_INTEGER, None],
        "limits": [Part(Mapping, "dict", '{"params": 50_000}'), None],
        "training": [Part(Training, "skopdist.training.Training", "Training()"), None],
        "refit": ["boolean", Part(Refit, "skopdist.Refit", "Refit(n_cells=6)")],
        "input_shape": [tuple, list, None],
        "validation_fraction": [RealInterval(0, 1, closed="neither"), SplitterConstraint(), None],
        "scoring": [OneOf(*get_scorer_names()), callable, None],
        "class_weight": [Part(Mapping, "dict", "{0: 1.0, 1: 5.0}"), OneOf("balanced"), None],
        "n_jobs": [Integral, None],
        "warm_start": ["boolean"],
        "net_params": [Part(Mapping, "dict", '{"callbacks": []}'), None],
        "journal": [str, os.PathLike, None],
        "random_state": ["random_state", np.random.Generator],
        "verbose": ["verbose"],
    }

    _is_clone = False

    def __init__(
        self,
        strategy: Strategy | None = None,
        *,
        search_space: SearchSpace | str | None = None,
        encoding: Encoding | None = None,
        evaluator: Evaluator | None = None,
        n_trials: int | None = None,
        max_time: float | None = None,
        length: int | None = None,
        n_cells: int | None = None,
        channels: int | None = None,
        max_epochs: int | None = None,
        n_members: int | None = None,
        limits: Mapping[str, float | None] | None = None,
        training: Training | None = None,
        refit: bool | Refit = True,
        categorical_features: Any = "from_dtype",
        input_shape: Sequence[int] | None = None,
        validation_fraction: float | Splitter | None = None,
        scoring: str | Callable[..., float] | None = None,
        class_weight: Mapping[Any, float] | str | None = None,
        device: Any = "auto",
        n_jobs: int | None = None,
        prior: PriorLike | None = None,
        warm_start: bool = False,
        net_params: Mapping[str, Any] | None = None,
        journal: str | os.PathLike[str] | None = None,
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
        self.max_epochs = max_epochs
        self.n_members = n_members
        self.limits = limits
        self.training = training
        self.refit = refit
        self.categorical_features = categorical_features
        self.input_shape = input_shape
        self.validation_fraction = validation_fraction
        self.scoring = scoring
        self.class_weight = class_weight
        self.device = device
        self.n_jobs = n_jobs
        self.prior = prior
        self.warm_start = warm_start
        self.net_params = net_params
        self.journal = journal
        self.random_state = random_state
        self.verbose = verbose

    def __sklearn_clone__(self) -> Self:
        clone: Self = super().__sklearn_clone__()
        # Whoever clones an estimator fits it on behalf of something larger, such as a grid search.
        clone._is_clone = True
        return clone

    def __getstate__(self) -> dict[str, Any]:
        # A stored model should be as large as its network, not as the data that it was trained on.
        state: dict[str, Any] = super().__getstate__()
        if "evaluator_" in state:
            state = state | {"evaluator_": state["evaluator_"].without_data()}
        state.pop("_predictor", None)
        return state

    def __setstate__(self, state: Mapping[str, Any]) -> None:
        super().__setstate__(with_reader(state))
        self._prepare_to_predict()

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.input_tags.allow_nan = True
        tags.input_tags.categorical = True
        return tags

    def _repr_html_inner(self) -> str:
        # scikit-learn's own has the parameters.
        return super()._repr_html_inner() + estimator_html(self)

    def _repr_mimebundle_(self, **kwargs: Any) -> dict[str, str]:
        bundle: dict[str, str] = super()._repr_mimebundle_(**kwargs)
        if "text/html" in bundle:
            bundle["text/html"] = self._repr_html_inner()
        return bundle

    def set_params(self, **params: Any) -> Self:
        """Set parameters by name; ``training__<name>`` sets one of the recipe, also where `training` is None."""
        if self.training is None and "training" not in params and any(name.startswith("training__") for name in params):
            self.training = Training()
        return super().set_params(**params)

    @with_callbacks
    def fit(
        self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None, groups: ArrayLike | None = None
    ) -> Self:
        """Search for an architecture, then train the network or networks that predict.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n, features), (n, channels, length) or (n, channels, height, width)
            Numbers, which need no scaling. Tables, (n, features), may be data frames with columns of categories, see
            `categorical_features`, and numbers and categories may be missing: NaN, None or pandas' NA. Images of type
            uint8 may come as (n, height, width, channels), with 1, 3 or 4 channels, or as (n, height, width). Series of
            unequal length are a list of arrays of shape (channels, length_i) or (length_i,), or an array of shape
            (n, channels, length) in which all channels of a series are NaN behind its end. Sparse data are made dense,
            up to 1 GiB.
        y : array-like of shape (n,)
            Class labels: numbers, strings or booleans.
        sample_weight : array-like of shape (n,) or None, default=None
            Not negative; a sample of weight 0 is ignored.
        groups : array-like of shape (n,) or None, default=None
            The group of each sample, such as the person that it was measured at. Whole groups are held out to score
            the trials, so that the scores are those of groups that a training did not see.

        Returns
        -------
        self : OpDistNASClassifier

        Raises
        ------
        ValueError
            If the data or a parameter are not as described, such as columns of dates, columns that hold words and
            numbers, and gaps in series or images; or if ``warm_start=True`` finds the trials of another search.
        SearchFailedError
            If every trial failed. ``trials_`` then holds the reasons.
        KeyboardInterrupt
            If the fit is interrupted (Ctrl-C) before a trial has succeeded, or in the end before a network is trained,
            or if this is a clone, as within ``GridSearchCV`` and ``cross_val_score``. Otherwise the fit ends, and the
            best so far is kept.

        Warns
        -----
        UserWarning
            If the final training failed, and the network of the best trial predicts instead; if `max_time` was too
            short for one pass over the data; if the axes of X look as if the channels did not come first; or if X is
            constant.
        """
        begin = time.monotonic()
        self._check_parameters()
        budget = Budget(self.max_time)
        metadata = None if sample_weight is None else {"sample_weight": sample_weight}
        with Watch(self, {"X": X, "y": y, "metadata": metadata}, 2 if self.refit else 1) as watch:
            self._fit(X, y, sample_weight, groups, budget, watch)
            self.fit_time_ = time.monotonic() - begin
            watch.end(predicts=bool(self.refit))
        return self

    def _fit(
        self,
        X: ArrayLike,
        y: ArrayLike,
        sample_weight: ArrayLike | None,
        groups: ArrayLike | None,
        budget: Budget,
        watch: Watch,
    ) -> None:
        reader, problem = self._make_problem(X, y, sample_weight, groups)
        size = self._size(problem)
        with Journal(self.journal, lambda: self._identity(problem, size), self.random_state, self._earlier()) as book:
            self.evaluator_ = self._make_evaluator(size).fit_problem(problem, seed(book.seed, Stream.SPLIT))
            trainer = getattr(self.evaluator_, "trainer_", None) or self._make_trainer(problem, size)
            self.n_cells_, self.channels_ = trainer.n_cells, trainer.channels
            # Not before: the fit of another search is refused, and then the last network goes on to predict.
            self._reader, self.is_categorical_ = reader, reader.is_categorical
            self.classes_ = problem.classes
            self.sample_shape_ = problem.sample_shape
            # A repeated fit that fails, or does not refit, must not leave an older net to predict with.
            for name in ("net_", "nets_", "member_weights_", "temperature_", "refit_architecture_", "_predictor"):
                self.__dict__.pop(name, None)
            n_members = self._choose_members(book.trials)
            n_final = self._wanted_members(n_members)
            costs = trainer.costs()
            is_short = n_members > 1 and isinstance(self.evaluator_, TrainingEvaluator)
            try:
                plan = self._plan(trainer, costs, book, budget, is_short)
                result = self._search(plan, book, budget, n_final, watch)
            finally:
                # Members are trained on other rows.
                trainer.beginnings.forget()
            self._keep(result, costs)
        if not self.refit:
            return
        stage = FinalStage(
            search=result,
            trainer=trainer,
            evaluator=self.evaluator_,
            refit=self._refit_like,
            references=plan.references,
            limits=plan.limits,
            budget=budget,
            expected=plan.expected,
            finds_length=n_final is None and self._leaves_length_open,
            n_jobs=budget.n_jobs(self.n_jobs),
            entropy=book.seed,
            watch=watch,
        )
        # An interrupted clone does not keep the best so far: there is nobody to use it, and more searches would follow.
        try:
            self._keep_final(stage.run(n_members, n_final, keeps_interrupted=not self._is_clone))
        finally:
            trainer.beginnings.forget()

    def predict_proba(self, X: ArrayLike) -> NDArray[np.float64]:
        """Return the class probabilities.

        Parameters
        ----------
        X : {array-like, sparse matrix} of the shape that `fit` saw, but for the number of samples
            Series may have any length where those of `fit` differed in length, or were given as a list of arrays.
            Levels of a category that `fit` did not see count as the average of those that it saw, and so do missing
            values in columns in which `fit` saw none.

        Returns
        -------
        probabilities : ndarray of shape (n, n_classes)
            Columns in the order of ``classes_``.

        Raises
        ------
        sklearn.exceptions.NotFittedError
            Before `fit`, or if it ran with ``refit=False``.
        ValueError
            If samples have another shape than those of `fit`, columns are in another order or have other names, or a
            column that held numbers holds words, or the reverse.
        """
        check_is_fitted(self)
        if not hasattr(self, "net_"):
            raise NotFittedError(
                "This OpDistNASClassifier has no network to predict with: it was fitted with refit=False, or its last "
                "fit failed. Fit it with refit=True, or make a network of best_architecture_ yourself."
            )
        return self._predictor(self._reader.read(self, X))

    def predict_log_proba(self, X: ArrayLike) -> NDArray[np.float64]:
        """Return the logarithms of the class probabilities; see :meth:`predict_proba`."""
        with np.errstate(divide="ignore"):
            return np.log(self.predict_proba(X))

    def predict(self, X: ArrayLike) -> NDArray[Any]:
        """Return the most probable class of each sample, shape (n,); see :meth:`predict_proba`."""
        probabilities = self.predict_proba(X)
        return self.classes_[probabilities.argmax(axis=1)]

    def sample_architecture(self, length: int | None = None, random_state: RandomState = None) -> Architecture:
        """Draw an architecture of any length from the best distribution.

        Where the space has scalars, it has those of ``best_architecture_``.

        Parameters
        ----------
        length : int or None, default=None
            Number of operations in a cell, any integer >= 1; None takes the length that was searched.
        random_state : int, Generator, RandomState or None, default=None
            None draws a new architecture at each call.

        Returns
        -------
        architecture : Architecture
        """
        check_is_fitted(self)
        space = self.evaluator_.search_space
        return sample_like(self.best_architecture_, self.best_distribution_, space, length, random_state)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the fitted estimator to a file of numbers and texts, in which nothing can run code.

        The file is in the format of safetensors. All parameters and attributes are in it but the data, the state of the
        strategy (``strategy_``), and of ``evaluator_`` all but its parameters and its space; see
        :func:`skopdist.export.save_estimator`. To run the network elsewhere, see :mod:`skopdist.export`.

        Parameters
        ----------
        path : str or Path
            A file that is there already is replaced, when the new one is complete.

        Raises
        ------
        sklearn.exceptions.NotFittedError
            Before `fit`.
        TypeError
            If a parameter is code, such as a function for `scoring` or a strategy of your own: the error names it.
        OSError
            If nothing can be written to the folder.

        See Also
        --------
        load : Reads the file.
        """
        save_estimator(self, path)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Self:
        """Make the estimator that :meth:`save` wrote to a file; nothing in the file can run code.

        It predicts bit for bit as before, on the same machine and with the same versions of torch and numpy. Operations
        of your own must be registered before.

        Parameters
        ----------
        path : str or Path

        Returns
        -------
        clf : OpDistNASClassifier

        Raises
        ------
        FileNotFoundError
            If there is no such file.
        ValueError
            If the file is another one, was changed or cut, or is of another version of the format, or if an operation
            is not registered.

        Examples
        --------
        >>> import tempfile
        >>> from pathlib import Path
        >>> from sklearn.datasets import load_iris
        >>> from skopdist import OpDistNASClassifier
        >>> X, y = load_iris(return_X_y=True)
        >>> clf = OpDistNASClassifier(n_trials=1, max_epochs=2, n_cells=1, random_state=0).fit(X, y)
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     clf.save(Path(folder) / "model.skopdist")
        ...     loaded = OpDistNASClassifier.load(Path(folder) / "model.skopdist")
        >>> bool((loaded.predict_proba(X) == clf.predict_proba(X)).all())
        True
        """
        return load_estimator(cls, path)

    def _check_parameters(self) -> None:
        """Refuse parameters that are out of range."""
        parameters = self.get_params(deep=False)
        checked = {name: parameters[name] for name in self._parameter_constraints}
        validate_parameter_constraints(self._parameter_constraints, checked, caller_name=type(self).__name__)
        resolve_devices(self.device)
        check_input_shape(self.input_shape)
        check_categorical_features(self.categorical_features)
        if self.n_jobs == 0 or isinstance(self.n_jobs, bool):
            raise ValueError(
                f"n_jobs must be a number of workers, -1 for all processors, or None for one; got {self.n_jobs}."
            )
        self._recipe().check()
        if isinstance(self.refit, Refit):
            self.refit.check()
        self._check_evaluator(parameters)

    def _check_evaluator(self, parameters: Mapping[str, Any]) -> None:
        """Refuse parameters that say something that an evaluator of the user's says too."""
        if self.evaluator is None:
            return
        decided = set(self.evaluator.get_params(deep=False))
        names = [name for name in _DECIDED_BY_EVALUATOR if name in decided or name == "search_space"]
        names += _DECIDED_BY_RECIPE if "training" in decided else ()
        twice = [name for name in names if parameters[name] not in (None, "auto")]
        if twice:
            given = ", ".join(f"{name}={parameters[name]!r}" for name in twice)
            raise ValueError(
                f"{given} and evaluator={self.evaluator!r} are both given, but an evaluator's own settings are those "
                "of the whole fit: give them to the evaluator, and with refit=Refit(...) what differs in the final "
                "network."
            )

    def _make_problem(
        self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None, groups: ArrayLike | None
    ) -> tuple[Reader, Problem]:
        reader, given = Reader.learn(self, X, y, sample_weight, self.categorical_features, self.input_shape)
        problem = Problem.of(given.samples, given.labels, given.weight, self.class_weight, groups, reader.levels)
        if not problem.everything.scaling.varies:
            warnings.warn(
                "X is constant, in all of its features or channels, so there is nothing to tell the classes apart by: "
                "only the classes' frequencies can be learnt.",
                stacklevel=3 + FRAMES,
            )
        return reader, problem

    def _earlier(self) -> SearchRecord | None:
        """Return the record of the last fit, where this one is to go on with it."""
        record: SearchRecord | None = getattr(self, "_record", None) if self.warm_start else None
        if record is None:
            self.__dict__.pop("trials_", None)
        elif self._n_trials < len(record.trials):
            raise ValueError(
                f"n_trials={self._n_trials} must be at least {len(record.trials)}, the number of trials of the last "
                "fit, where warm_start=True goes on with them."
            )
        return record

    def _identity(self, problem: Problem, size: Mapping[str, int]) -> Identity:
        """Describe what the trials depend on, the seed and the library aside."""
        settings = {name: value for name, value in self.get_params(deep=False).items() if name not in _FREE}
        settings = {name: value for name, value in settings.items() if name not in _DECIDED_BY_RECIPE}
        settings |= {"strategy": self._strategy(), "prior": as_prior(self.prior), "training": self._recipe()}
        settings |= {"limits": self._member_limits(), **size}
        validation = getattr(self.evaluator, "validation_fraction", self.validation_fraction)
        identity = {"data": problem.fingerprint_for(validation)} | space_identity(self._space(problem))
        for name, value in settings.items():
            identity |= value.identity() if isinstance(value, Evaluator) else describe_parts(name, value)
        return identity

    def _space(self, problem: Problem) -> SearchSpace:
        space = getattr(self.evaluator, "space", None) if self.search_space is None else self.search_space
        return make_space(space, problem.n_spatial)

    def _size(self, problem: Problem) -> dict[str, int]:
        """Return depth and width as far as they are given, or limits are to be used up; see :func:`fill_limits`."""
        given = {name: getattr(self, name) for name in ("n_cells", "channels") if getattr(self, name) is not None}
        limits = self._member_limits()
        has_own = self.evaluator is not None and "n_cells" in self.evaluator.get_params(deep=False)
        if has_own or len(given) == 2 or all(value is None for value in limits.values()):
            return given
        if self.warm_start and hasattr(self, "_record"):
            # Measured anew, a latency might lead to another size, which the earlier trials do not have.
            return {"n_cells": self.n_cells_, "channels": self.channels_} | given
        device = resolve_devices(self.device)[0]
        costs = NetworkCosts(problem.sample_shape, len(problem.classes), device=device, columns=problem.columns)
        n_cells, channels = fill_limits(limits, costs, self._space(problem), self.length, **given)
        return {"n_cells": n_cells, "channels": channels}

    def _member_limits(self) -> dict[str, float | None]:
        """Return the limits of a single network: a committee counts as a whole, so that each member has its share."""
        try:
            return {
                k: v if v is None or v is True else v / (self.n_members or 1) for k, v in (self.limits or {}).items()
            }
        except (TypeError, OverflowError) as error:
            raise ValueError(
                f'limits must have positive numbers as values, such as {{"params": 50_000}}, got {self.limits!r}.'
            ) from error

    @property
    def n_parameters_(self) -> int:
        """Parameters of all members together."""
        return sum(parameter.numel() for net in self.nets_ for parameter in net.module_.parameters())

    @property
    def _n_trials(self) -> int:
        if self.n_trials is not None:
            return self.n_trials
        # The schedule of a supernet is made for all of its trials.
        return _N_TRIALS if self.max_time is None or self._strategy().needs_gradient else _MOST_TRIALS

    def _choose_members(self, recorded: Sequence[Trial]) -> int:
        """Return how many members are wanted, as far as time allows."""
        n, is_open, evaluator = self.n_members, self.n_members is None, self.evaluator_
        if not self.refit:
            # Trials on record stay what they are, for which a number of members stands.
            n, is_open = 1, True
        elif n is None:
            is_limited = any(value is not None for value in self._member_limits().values())
            n = usual_members(self._n_trials, evaluator, is_limited, self.max_time is not None)
        # Other evaluators know no short trials.
        return members_behind(recorded, n, is_open) if isinstance(evaluator, TrainingEvaluator) else n

    def _wanted_members(self, n_members: int) -> int | None:
        """Return how many networks are to be trained behind the search, or None where time decides."""
        if not self.refit:
            return 0
        return None if self.max_time is not None and self.n_members is None and n_members > 1 else n_members

    def _strategy(self) -> Strategy:
        return BayesianOptimization() if self.strategy is None else self.strategy

    def _recipe(self) -> Training:
        """Return the recipe with the parameters that the estimator names itself."""
        training = Training() if self.training is None else clone(self.training)
        named = {name: getattr(self, name) for name in _DECIDED_BY_RECIPE if getattr(self, name) is not None}
        return training.set_params(**named)

    def _make_evaluator(self, size: Mapping[str, int]) -> Evaluator:
        if self.evaluator is not None:
            return clone(self.evaluator)
        kind = SupernetEvaluator if self._strategy().needs_gradient else TrainingEvaluator
        return kind(
            self.search_space,
            training=self._recipe(),
            validation_fraction=self.validation_fraction,
            scoring=self.scoring,
            device=self.device,
            **size,
        )

    @property
    def _refit_like(self) -> Refit:
        return self.refit if isinstance(self.refit, Refit) else Refit()

    @property
    def _leaves_length_open(self) -> bool:
        """Whether neither the recipe nor the refit says how long a training is."""
        training = getattr(self.evaluator_, "training", None) or Training()
        told = (training.max_epochs, training.early_stopping, self._refit_like.max_epochs)
        return all(value is None for value in told) and "max_epochs" not in training.given

    def _make_trainer(self, problem: Problem, size: Mapping[str, int]) -> Trainer:
        """Make what trains the final network, where the evaluator trains none."""
        device = resolve_devices(self.device)[0]
        return Trainer.of(problem, self._recipe(), size.get("n_cells"), size.get("channels"), device)

    def _search(self, plan: Plan, book: Journal, budget: Budget, n_final: int | None, watch: Watch) -> SearchResult:
        """Search behind the trials on record."""
        strategy, encoding = self._strategy(), self.encoding
        if plan.limits:
            encoding = LimitedEncoding(strategy.default_encoding if encoding is None else encoding, plan.limits)
        wanted = self._n_trials if plan.max_time is None or self.n_trials is not None else None
        n_workers = effective_n_jobs(budget.n_jobs(self.n_jobs))
        progress = Progress(wanted, n_final, budget.left, n_workers) if self.verbose else None
        watch.begin_search(wanted, len(book.trials), progress)
        try:
            return run_search(
                strategy,
                self.evaluator_,
                encoding=encoding,
                n_trials=self._n_trials,
                length=self.length,
                max_time=plan.max_time,
                prior=self.prior,
                begin_with=plan.references,
                fidelity=plan.fidelity,
                random_state=seed(book.seed, Stream.SEARCH),
                n_jobs=budget.n_jobs(self.n_jobs),
                journal=book,
                callback=watch.on_trial,
            )
        except SearchFailedError as error:
            self.trials_ = tuple(error.trials)
            raise
        finally:
            self._record = book.record

    def _keep(self, result: SearchResult, costs: NetworkCosts) -> None:
        """Set what a search has found."""
        self.trials_ = result.trials
        self.strategy_ = result.strategy
        self.stop_reason_ = result.stop_reason
        self.best_distribution_ = result.best_distribution
        self.best_architecture_ = result.best_architecture
        self.best_score_ = result.best_score
        self.best_score_error_ = result.best_trial.score_error
        self.search_results_ = result.table()
        if all(trial.status == "invalid" for trial in result.trials if trial.succeeded):
            warnings.warn(
                "No architecture of the search has a path from its input to its output, so that predictions do not "
                "depend on X. Give a search space with operations that pass something on.",
                stacklevel=3 + FRAMES,
            )
        if result.stop_reason == "interrupted" and self._is_clone:
            raise KeyboardInterrupt("The search of a clone was interrupted, and so is what it was cloned for.")
        limited = {name for name, value in (self.limits or {}).items() if value is not None}
        shown: dict[str, Callable[[Architecture], float]] = {"n_parameters": costs.n_parameters}
        shown |= {name: getattr(costs, name) for name in ("flops", "latency") if name in limited}
        self.pareto_front_ = pareto_front(result.trials, shown)

    def _plan(self, trainer: Trainer, costs: NetworkCosts, book: Journal, budget: Budget, is_short: bool) -> Plan:
        # Where trials build on each other, they are not those of single architectures.
        space, builds = self.evaluator_.search_space, self._strategy().needs_gradient
        return Plan.of(
            costs.limits(self._member_limits()),
            () if builds else space.reference_architectures(self.length),
            trainer=trainer,
            evaluator=self.evaluator_,
            length=self.length,
            book=book,
            budget=budget,
            n_workers=effective_n_jobs(budget.n_jobs(self.n_jobs)),
            is_short=is_short,
            is_last=not self.refit,
        )

    def _keep_final(self, final: Final) -> None:
        """Set what predicts, and what is known of it."""
        for name, value in final.attributes(len(self.sample_shape_) - 1).items():
            setattr(self, name, value)
        if final.stop_reason is not None:
            self.stop_reason_ = final.stop_reason
        verdict = final.verdict
        if verdict is None:
            if self._refit_like.length is None and not self.strategy_.needs_gradient:
                self._follow(final.architecture)
            return
        if np.isfinite(verdict.score):
            self.best_score_, self.best_score_error_ = verdict.score, verdict.score_error
        if self._refit_like.length is None:
            self.best_architecture_ = verdict.architecture
            if not self.strategy_.needs_gradient:
                self.best_distribution_ = self.evaluator_.search_space.encode(verdict.architecture)
        self.trials_ = (*self.trials_, *final.finals)
        self.search_results_ = tabulate(self.trials_)

    def _follow(self, architecture: Architecture) -> None:
        """Let what predicts be the best architecture, where a trial of another one had a higher score.

        Time may have been too short to train that one, or its score came from a training that time had cut.
        """
        trials = [trial for trial in self.trials_ if trial.succeeded and trial.architecture == architecture]
        if not trials or architecture == self.best_architecture_:
            return
        best = max(trials, key=lambda trial: trial.score)
        self.best_architecture_, self.best_score_, self.best_score_error_ = architecture, best.score, best.score_error
        self.best_distribution_ = self.evaluator_.search_space.encode(architecture)

    def _prepare_to_predict(self) -> None:
        # Pickles leave it out, for it may hold a second copy of the networks.
        if hasattr(self, "net_"):
            n_spatial = len(self.sample_shape_) - 1
            self._predictor = Committee(self.nets_, self.member_weights_.tolist(), n_spatial, self.temperature_)
