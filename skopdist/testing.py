"""Contracts that plug-ins have to meet: the test of a new one takes two lines.

Each function runs a space, an encoding, a strategy or an evaluator through everything that the rest of the library
relies on, and raises an AssertionError that says what was expected and what came. None needs pytest::

    def test_my_strategy():
        check_strategy(MyStrategy())
"""

from __future__ import annotations

import copy
import json
import math
import pickle
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, clone

from skopdist._prior import Prior
from skopdist.architecture import Architecture, Cell
from skopdist.distribution import OperationDistribution
from skopdist.encodings import Encoding
from skopdist.evaluators import Evaluator
from skopdist.evaluators._base import Outcome
from skopdist.operations import is_zero
from skopdist.spaces import DenseSpace, NASBench201Space, SearchSpace
from skopdist.strategies import Strategy
from skopdist.trial import Trial

__all__ = ["check_encoding", "check_evaluator", "check_space", "check_strategy"]

# Small and with odd sides, by the number of spatial dimensions.
_INPUT_SHAPES: dict[int, tuple[int, ...]] = {0: (5,), 1: (2, 9), 2: (2, 7, 5)}
_N_CLASSES = 3
_PATIENCE = 60.0
_MOST_NEIGHBOURS = 300


def check_space(space: SearchSpace, lengths: Iterable[int] = range(1, 41), random_state: int = 0) -> None:
    """Check that a search space samples, encodes, builds and is an honest set of parameters.

    Parameters
    ----------
    space : SearchSpace
    lengths : iterable of int, default=range(1, 41)
        The lengths of cells to try.
    random_state : int, default=0

    Raises
    ------
    AssertionError
        If the space breaks the contract.

    Examples
    --------
    >>> from skopdist.spaces import DenseSpace
    >>> from skopdist.testing import check_space
    >>> check_space(DenseSpace(), lengths=[1, 2, 6, 7])
    """
    _check_parameters(space)
    names, cell_types = space.operation_names, space.cell_types
    assert space.n_spatial in _INPUT_SHAPES, f"n_spatial must be 0, 1 or 2, got {space.n_spatial!r}."
    uniform = space.uniform()
    assert (uniform.operations, uniform.cell_types) == (names, cell_types), (
        f"uniform() must be a distribution over {names} and {cell_types}, got {uniform!r}."
    )
    rng = np.random.default_rng(random_state)
    assert space.sample(uniform, random_state=rng).length == space.default_length
    _check_refuses(lambda: space.sample(uniform, 0, rng), "sample() with a length of 0")
    foreign = OperationDistribution(["an operation of no space"], [1.0])
    _check_refuses(lambda: space.sample(foreign, 3, rng), "sample() with the distribution of another space")
    for length in lengths:
        rows = rng.dirichlet(np.ones(len(names)), size=len(cell_types))
        drawn = OperationDistribution(names, rows, cell_types)
        for distribution in (uniform, drawn):
            _check_samples(space, distribution, length, int(rng.integers(2**31)))
        _check_builds(space, space.sample(drawn, length, rng), rng)


def _check_samples(space: SearchSpace, distribution: OperationDistribution, length: int, seed: int) -> None:
    where = f"{type(space).__name__}.sample(..., length={length})"
    architecture = space.sample(distribution, length, seed)
    again = space.sample(distribution, length, seed)
    assert architecture == again, f"{where} gave {architecture} and {again} for the same random_state."
    assert hash(architecture) == hash(again), f"{where}: equal architectures have different hashes."
    assert architecture.cell_types == space.cell_types, f"{where} gave the cell types {architecture.cell_types}."
    assert architecture.length == length, f"{where} gave a cell of length {architecture.length}: {architecture}."
    for cell in architecture.cells:
        assert len(cell.operations) == length, f"{where} gave a cell of length {len(cell.operations)}: {cell}."
        assert space.is_wiring(cell.edges, length), f"{where} gave {cell.edges}, which is_wiring() refuses."
        positions = {edge: i for i, edge in enumerate(space.potential_edges(length))}
        order = [positions[edge] for edge in cell.edges]
        assert order == sorted(order), f"{where} gave edges that are not in the order of potential_edges(): {cell}."
        assert not space.is_wiring(cell.edges[:-1], length), f"is_wiring() takes {length - 1} edges for {length}."
        links, fixed = space.potential_links(length), space.fixed_links(length)
        drawn = tuple(link for link in cell.links if link not in fixed)
        assert space.are_links(drawn, length), f"{where} gave the links {drawn}, which are_links() refuses."
        assert drawn == tuple(link for link in links if link in drawn), (
            f"{where} gave links that are not in the order of potential_links(): {cell}."
        )
        assert cell == space.make_cell(cell.operations, cell.edges, drawn), f"make_cell() makes {cell} another one."
    counts = np.array(architecture.counts(space.operation_names))
    assert (counts.sum(axis=1) == length).all(), f"{where} gave operations that are not in the space: {architecture}."
    encoded = space.encode(architecture)
    assert np.allclose(encoded.probabilities, counts / length, rtol=0, atol=1e-12), (
        f"encode() must give the ratio of operations {(counts / length).tolist()}, got {encoded!r} for {architecture}."
    )
    restored = Architecture.from_json(architecture.to_json())
    assert restored == architecture, f"JSON turned {architecture} into {restored}."
    passing = [not is_zero(name) for name in space.operation_names]
    if (counts[:, passing] == length).all():
        assert space.is_valid(architecture), f"is_valid() refuses {architecture}, none of whose operations is zero."
    if not passing[0] and not (counts[:, passing].any(axis=1)).all():
        assert not space.is_valid(architecture), f"is_valid() takes {architecture}, through which nothing passes."


def _check_builds(space: SearchSpace, architecture: Architecture, rng: np.random.Generator) -> None:
    shape = _INPUT_SHAPES[space.n_spatial]
    network = architecture.build(shape, _N_CLASSES, channels=4, n_cells=2)
    weights = list(network.parameters())
    # Tensors are made from those of the module, for this file does without torch.
    batch = weights[-1].new_tensor(rng.normal(size=(4, *shape)))
    logits = network(batch)
    assert tuple(logits.shape) == (4, _N_CLASSES), f"{architecture} gave logits of shape {tuple(logits.shape)}."
    assert bool(logits.isfinite().all()), f"{architecture} gave logits that are not finite."
    logits.square().sum().backward()
    gradients = [weight.grad for weight in weights if weight.grad is not None]
    assert gradients, f"{architecture}: no weight has a gradient."
    assert all(bool(gradient.isfinite().all()) for gradient in gradients), f"{architecture}: a gradient is not finite."
    if space.is_valid(architecture):
        # The stem's weights come first.
        assert weights[0].grad is not None, f"{architecture} is valid, but its stem has no gradient."


def check_encoding(
    encoding: Encoding, space: SearchSpace | None = None, lengths: Iterable[int] = (1, 6, 7), random_state: int = 0
) -> None:
    """Check that an encoding agrees with itself: points, architectures, distributions and neighbours.

    Parameters
    ----------
    encoding : Encoding
        Not bound to a space.
    space : SearchSpace or None, default=None
        None takes ``NASBench201Space()``.
    lengths : iterable of int, default=(1, 6, 7)
    random_state : int, default=0

    Raises
    ------
    AssertionError
        If the encoding breaks the contract.

    Examples
    --------
    >>> from skopdist.encodings import AdjacencyEncoding
    >>> from skopdist.testing import check_encoding
    >>> check_encoding(AdjacencyEncoding())
    """
    space = NASBench201Space() if space is None else space
    _check_parameters(encoding)
    for length in lengths:
        bound = encoding.bind(space, length)
        assert bound is not encoding, "bind() must give a copy."
        assert not hasattr(encoding, "space_"), "bind() must leave the encoding itself as it was."
        assert bound.space_ is space, "bind() must keep the space."
        assert bound.length_ == length, f"bind() must keep the length {length}, got {bound.length_!r}."
        _check_points(bound, random_state)
        copied = pickle.loads(pickle.dumps(bound))
        architecture = _draw(bound, np.random.default_rng(random_state))
        _check_equal(copied.encode(architecture), bound.encode(architecture), "encode() after pickling")


def _draw(encoding: Encoding, rng: np.random.Generator) -> Architecture:
    """Draw an architecture that the encoding may propose; one with a limit does not propose all of its space."""
    return encoding.decode(encoding.from_distribution(encoding.space_.uniform(), rng), rng)


def _check_points(encoding: Encoding, random_state: int) -> None:
    space, length = encoding.space_, encoding.length_
    rng = np.random.default_rng(random_state)
    for _ in range(5):
        architecture = _draw(encoding, rng)
        point = encoding.encode(architecture)
        seed = int(rng.integers(2**31))
        _check_point(encoding, point, "encode()")
        decoded = encoding.decode(point, seed)
        _check_equal(encoding.encode(decoded), point, f"encode(decode(encode({architecture})))")
        assert encoding.decode(point, seed) == decoded, "decode() gave two architectures for the same random_state."
        ratio = encoding.distribution(point).probabilities
        expected = space.encode(architecture).probabilities
        assert np.allclose(ratio, expected, rtol=0, atol=1e-9), (
            f"distribution(encode(a)) must be the ratio of operations {expected.tolist()} of {architecture}, "
            f"got {ratio.tolist()}."
        )
        _check_neighbours(encoding, point, rng)

        rows = rng.dirichlet(np.ones(len(space.operation_names)), size=len(space.cell_types))
        drawn = OperationDistribution(space.operation_names, rows, space.cell_types)
        point = encoding.from_distribution(drawn, seed)
        _check_point(encoding, point, "from_distribution()")
        _check_equal(encoding.from_distribution(drawn, seed), point, "from_distribution() with the same random_state")
        decoded = encoding.decode(point, seed)
        assert decoded.length == length, f"decode() gave the length {decoded.length} where {length} was bound."
        counts = np.array(decoded.counts(space.operation_names))
        far = np.abs(counts - length * encoding.distribution(point).probabilities).max()
        # Only invalid draws are made anew, and uniformly random ones hardly are.
        assert far < 1 + 1e-9 or not space.is_valid(decoded), (
            f"decode() is off by {far:.3f} of an operation from the point's distribution; less than 1 was expected."
        )
    _check_mixture(encoding, rng)
    wrong = np.zeros(encoding.n_dims + 1)
    _check_refuses(lambda: encoding.decode(wrong), "decode() with a point of another space")
    longer = space.sample(space.uniform(), length + 1, rng)
    _check_refuses(lambda: encoding.encode(longer), "encode() with an architecture of another length")


def _check_point(encoding: Encoding, point: NDArray[np.float64], what: str) -> None:
    assert isinstance(point, np.ndarray), f"{what} must give an array, got {type(point).__name__}."
    assert point.shape == (encoding.n_dims,), f"{what} must have the shape ({encoding.n_dims},), got {point.shape}."
    assert point.dtype == np.float64, f"{what} must be float64, got {point.dtype}."
    assert np.isfinite(point).all(), f"{what} must be finite, got {point}."


def _check_neighbours(encoding: Encoding, point: NDArray[np.float64], rng: np.random.Generator) -> None:
    before = point.copy()
    neighbours = encoding.neighbours(point)
    _check_equal(point, before, "The point behind neighbours()")
    _check_equal(encoding.neighbours(point), neighbours, "neighbours() called twice")
    assert neighbours.ndim == 2, f"neighbours() must have the shape (n, n_dims), got {neighbours.shape}."
    assert neighbours.shape[1] == encoding.n_dims, f"neighbours() must have {encoding.n_dims} columns."
    assert len(neighbours) or len(encoding.space_.operation_names) == 1, "neighbours() gave none."
    keys = {row.round(9).tobytes() for row in neighbours + 0.0}
    drawn = encoding.neighbours(point, len(neighbours) + 1, np.random.default_rng(0))
    assert {row.round(9).tobytes() for row in drawn + 0.0} == keys, (
        "All neighbours, drawn, must be those that are listed."
    )
    _check_equal(encoding.neighbours(point, 2, 0), encoding.neighbours(point, 2, 0), "neighbours() of one random_state")
    assert len(encoding.neighbours(point, 2, 0)) == min(2, len(neighbours)), (
        "neighbours() gave more than it was asked for."
    )
    assert len(keys) == len(neighbours), f"{len(neighbours) - len(keys)} of {len(neighbours)} neighbours are repeated."
    assert (point.round(9) + 0.0).tobytes() not in keys, "The point itself is among its neighbours."
    # All of them but for long cells, which have thousands.
    for row in neighbours[:: -(-len(neighbours) // _MOST_NEIGHBOURS) or 1]:
        architecture = encoding.decode(row, rng)
        assert architecture.length == encoding.length_, f"A neighbour has the length {architecture.length}."
        _check_equal(encoding.encode(architecture), row, "encode(decode(neighbour))")


def _check_mixture(encoding: Encoding, rng: np.random.Generator) -> None:
    """Between the architectures: mixtures are points, from which architectures are drawn."""
    shape = encoding.mixture_shape
    # A limit may move a mixture, but not twice.
    mixture = encoding.mixture(encoding.from_mixture(rng.dirichlet(np.ones(shape[-1]), size=shape[:-1])))
    point = encoding.from_mixture(mixture)
    _check_equal(encoding.mixture(point), mixture, "mixture(from_mixture(mixture))")
    encoding.space_.check_distribution(encoding.distribution(point))
    for _ in range(3):
        architecture = encoding.decode(point, rng)
        encoding.space_.check_architecture(architecture)
        assert architecture.length == encoding.length_, f"A draw has the length {architecture.length}."
        encoded = encoding.encode(architecture)
        _check_equal(encoding.encode(encoding.decode(encoded)), encoded, "A draw that is encoded and decoded")
    _check_refuses(lambda: encoding.from_mixture(mixture * 2), "from_mixture() with rows that do not sum to 1")


def check_strategy(
    strategy: Strategy,
    encoding: Encoding | None = None,
    space: SearchSpace | None = None,
    lengths: Iterable[int] = (),
    random_state: int = 0,
) -> None:
    """Check that a strategy suggests, observes and recommends as the search loop expects.

    Synthetic scores are used, so it takes about a second. Failed trials, constant scores and spaces that run dry are
    among what it is shown.

    Parameters
    ----------
    strategy : Strategy
        Not started.
    encoding : Encoding or None, default=None
        Not bound; None takes the strategy's own default.
    space : SearchSpace or None, default=None
        None takes ``NASBench201Space()``.
    lengths : iterable of int, default=()
        The lengths of cells, beside the space's default, at which a short search is checked too.
    random_state : int, default=0

    Raises
    ------
    AssertionError
        If the strategy breaks the contract.

    Examples
    --------
    >>> from skopdist.encodings import AdjacencyEncoding
    >>> from skopdist.strategies import LocalSearch
    >>> from skopdist.testing import check_strategy
    >>> check_strategy(LocalSearch(), AdjacencyEncoding())
    """
    _check_parameters(strategy)
    space = NASBench201Space() if space is None else space
    encoding = strategy.default_encoding if encoding is None else encoding
    assert isinstance(encoding, Encoding), f"default_encoding must be an Encoding, got {encoding!r}."
    assert strategy.trial_batch >= 1, f"trial_batch must be at least 1, got {strategy.trial_batch!r}."
    bound = encoding.bind(space)
    for score in (_Synthetic(space), _Synthetic(space, constant=True), _Synthetic(space, failing=3)):
        for batch_size in (1, 4):
            with _untouched_generators():
                first = _Search(strategy, bound, score, random_state).run(24, batch_size)
            second = _Search(strategy, bound, score, random_state).run(24, batch_size)
            _check_equal(first.points, second.points, f"The points suggested {batch_size} at a time for one seed")
            recommended = first.started.recommend()
            space.check_distribution(recommended)
            assert recommended == second.started.recommend(), "recommend() gave two distributions for one seed."
            assert recommended == first.started.recommend(), "recommend() called twice gave two distributions."
    assert not [name for name in vars(strategy) if name.endswith("_") and not name.startswith("_")], (
        "start() must leave the strategy itself as it was."
    )
    _check_seeds_differ(strategy, bound, random_state)
    _check_prefix(strategy, bound, random_state)
    _check_prior(strategy, bound, random_state)
    _check_copies(strategy, bound, random_state)
    _check_all_failing(strategy, bound, random_state)
    _check_exhaustion(strategy, encoding, random_state)
    started = strategy.start(bound, random_state)
    _check_refuses(lambda: started.suggest(0), "suggest(0)")
    _check_refuses(started.recommend, "recommend() before any trial")
    for length in lengths:
        _check_length(strategy, encoding.bind(space, length), random_state)


def _check_length(strategy: Strategy, bound: Encoding, random_state: int) -> None:
    """A search goes on beyond its first points, and finds something."""
    search = _Search(strategy, bound, _Synthetic(bound.space_), random_state).run(5, 2)
    assert search.trials, f"suggest() gave nothing at the length {bound.length_}."
    assert {trial.architecture.length for trial in search.trials} == {bound.length_}, "The length was not kept."
    bound.space_.check_distribution(search.started.recommend())


class _Synthetic(Evaluator):
    """Scores without data: linear in the distribution, so that there is a gradient, plus a part for the placement."""

    gives_gradient = True

    def __init__(self, space: SearchSpace, constant: bool = False, failing: int = 0) -> None:
        self.space = space
        self.constant = constant
        self.failing = failing

    @property
    def search_space(self) -> SearchSpace:
        return self.space

    def _fit(self, X: NDArray[Any], y: NDArray[Any], sample_weight: NDArray[np.float64] | None, seed: int) -> None:
        """Take nothing."""

    def _evaluate(self, architecture: Architecture, mixture: NDArray[np.float64], seed: int) -> Outcome:
        if self.failing and seed % self.failing == 0:
            raise ArithmeticError("a failure made on purpose")
        p = self.space.encode(architecture).probabilities
        if self.constant:
            return Outcome(0.5, 1.0, gradient=np.zeros(mixture.shape))
        slope = np.linspace(0, 1, p.shape[1]) * np.ones(p.shape)
        gradient = np.linspace(0, 1, p.shape[1]) * np.ones(mixture.shape) * mixture.shape[-1] / mixture.size
        placement = sum((i + 1) * len(name) for i, name in enumerate(architecture.operations)) % 7 / 100
        return Outcome(float((slope * p).sum() / len(p)) + placement, 1.0, gradient=gradient)


class _Search:
    """The search loop's use of a strategy, with the checks that its every turn allows."""

    def __init__(self, strategy: Strategy, encoding: Encoding, evaluator: Evaluator, seed: int) -> None:
        self.started = strategy.start(encoding, seed)
        assert self.started is not strategy, "start() must give a copy."
        self.evaluator = evaluator
        self.trials: list[Trial] = []
        self._points: list[NDArray[np.float64]] = []

    def run(self, n_trials: int, batch_size: int) -> _Search:
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


def _check_seeds_differ(strategy: Strategy, bound: Encoding, random_state: int) -> None:
    runs = [_Search(strategy, bound, _Synthetic(bound.space_), random_state + i).run(12, 4).points for i in range(3)]
    assert any(not np.array_equal(runs[0], run) for run in runs[1:]), "Three seeds gave the same points."


def _check_prefix(strategy: Strategy, bound: Encoding, random_state: int) -> None:
    """At any time, fewer points are the first of more, so that a search can be continued."""
    search = _Search(strategy, bound, _Synthetic(bound.space_), random_state)
    for n_trials in (0, 2, 9):
        search.run(n_trials, 3)
        more, fewer = (copy.deepcopy(search.started).suggest(n) for n in (4, 2))
        _check_equal(fewer, more[:2], f"After {len(search.trials)} trials, suggest(2) beside the first of suggest(4)")
        if not strategy.learns_from_trials:
            twice = copy.deepcopy(search.started)
            parts = np.concatenate([twice.suggest(1), twice.suggest(3)])
            _check_equal(parts, more, "The points of suggest(1) and suggest(3), beside those of suggest(4),")


def _check_prior(strategy: Strategy, bound: Encoding, random_state: int) -> None:
    """What is known beforehand moves the first suggestion, and a prior over other operations is refused."""
    names, cell_types = bound.space_.operation_names, bound.space_.cell_types
    k = len(names)
    favourite = next((i for i in reversed(range(k)) if not is_zero(names[i])), k - 1)
    rows = np.tile(np.eye(k)[favourite], (len(cell_types), 1))
    prior = OperationDistribution(names, rows, cell_types)
    seeds = (random_state, random_state + 1)

    def share(prior: OperationDistribution | None) -> float:
        started = [strategy.start(bound, seed, None if prior is None else Prior(prior, 100.0 * k)) for seed in seeds]
        drawn = [search.encoding_.distribution(search.suggest(1)[0]).probabilities for search in started]
        return float(np.mean([p[:, favourite] for p in drawn]))

    without, with_prior = share(None), share(prior)
    assert k == 1 or with_prior > max(without, 0.8), (
        f"A prior that holds only {names[favourite]!r} must move the first suggestions there: its share is "
        f"{with_prior:.2f} with and {without:.2f} without the prior. Draw around prior_counts_."
    )
    foreign = OperationDistribution(["an operation of no space"], [1.0])
    _check_refuses(lambda: strategy.start(bound, random_state, foreign), "start() with a prior over other operations")


def _check_copies(strategy: Strategy, bound: Encoding, random_state: int) -> None:
    """In the middle of a search, a copy goes on exactly as the original does."""
    search = _Search(strategy, bound, _Synthetic(bound.space_), random_state).run(9, 3)
    copies = {"pickle": pickle.loads(pickle.dumps(search)), "copy.deepcopy": copy.deepcopy(search)}
    expected = search.run(21, 3).points
    for how, copied in copies.items():
        _check_equal(copied.run(21, 3).points, expected, f"The points suggested after a {how} in mid-search")
    finished = pickle.loads(pickle.dumps(search.started.finish()))
    assert len(finished.trials_) == len(search.trials), "finish() must keep the trials."
    assert finished.recommend() == search.started.recommend(), "finish() must leave recommend() as it was."
    _check_refuses(lambda: finished.suggest(1), "suggest() after finish()")
    fresh = clone(search.started)
    assert not hasattr(fresh, "trials_"), "A clone must forget the search."


def _check_all_failing(strategy: Strategy, bound: Encoding, random_state: int) -> None:
    search = _Search(strategy, bound, _Synthetic(bound.space_, failing=1), random_state).run(15, 4)
    assert search.trials, "The strategy gave up before any trial."
    _check_refuses(search.started.recommend, "recommend() after nothing but failures")


def _check_exhaustion(strategy: Strategy, encoding: Encoding, random_state: int) -> None:
    """A space of two cells ends the search or is asked again, but never makes suggest() loop for ever."""
    bound = encoding.bind(DenseSpace(("skip_connect", "linear_relu")), 1)

    def run() -> None:
        for batch_size in (1, 5):
            search = _Search(strategy, bound, _Synthetic(bound.space_), random_state).run(40, batch_size)
            assert search.trials, "suggest() gave nothing at all in a space of two cells."
            bound.space_.check_distribution(search.started.recommend())

    failures: list[BaseException] = []

    def record() -> None:
        try:
            run()
        except BaseException as error:  # noqa: BLE001 - raised again below, in the caller's thread
            failures.append(error)

    thread = threading.Thread(target=record, daemon=True)
    thread.start()
    thread.join(_PATIENCE)
    assert not thread.is_alive(), f"suggest() did not come back within {_PATIENCE:.0f} s in a space of two cells."
    if failures:
        raise failures[0]


def check_evaluator(
    evaluator: Evaluator,
    X: ArrayLike | None = None,
    y: ArrayLike | None = None,
    length: int | None = None,
    n_architectures: int = 2,
    random_state: int = 0,
) -> None:
    """Check that an evaluator gives proper trials, the same for the same seed, and records what fails.

    Parameters
    ----------
    evaluator : Evaluator
        Ready to evaluate, or unfitted if `X` and `y` are given.
    X : array-like of shape (n, ...) or None, default=None
        Data for a clone of the evaluator to be fitted on.
    y : array-like of shape (n,) or None, default=None
    length : int or None, default=None
        Number of operations in a cell; None takes the space's default.
    n_architectures : int, default=2
        How many are evaluated, twice each.
    random_state : int, default=0

    Raises
    ------
    AssertionError
        If the evaluator breaks the contract.

    Examples
    --------
    >>> from skopdist.evaluators import TabularEvaluator
    >>> from skopdist.spaces import NASBench201Space
    >>> from skopdist.testing import check_evaluator
    >>> check_evaluator(TabularEvaluator(NASBench201Space(), lambda operations: operations.count("skip_connect")))
    """
    _check_constructor(evaluator)
    if X is not None and y is not None:
        unfitted = evaluator
        evaluator = clone(unfitted)
        assert evaluator.fit(X, y, random_state=random_state) is evaluator, "fit() must give the evaluator itself."
        repr(evaluator)
    space = evaluator.search_space
    assert isinstance(space, SearchSpace), f"search_space must be a SearchSpace, got {space!r}."
    rng = np.random.default_rng(random_state)
    architectures = [space.sample(space.uniform(), length, rng) for _ in range(n_architectures)]
    before = sorted(vars(evaluator))
    for seed, architecture in enumerate(architectures):
        # Anew for each, since the trials of one search may build on each other.
        with _untouched_generators():
            trial = _started(evaluator, architecture).evaluate(architecture, seed=seed)
        _check_trial(evaluator, trial, architecture, seed)
        assert trial.succeeded, f"The evaluation of {architecture} failed: {trial.message}"
        again = _started(evaluator, architecture).evaluate(architecture, seed=seed)
        assert (again.score, again.cost, again.status) == (trial.score, trial.cost, trial.status), (
            f"Two evaluations of {architecture} with the seed {seed} gave the scores {trial.score} and {again.score}."
        )
        given = _started(evaluator, architecture).evaluate(architecture, distribution=space.uniform(), seed=seed)
        assert given.distribution == space.uniform(), "A distribution that is given must be that of the trial."
        _check_mixtures(evaluator, architecture)
    assert sorted(vars(evaluator)) == before, "start() must leave the evaluator itself as it was."
    evaluator = _started(evaluator, architectures[0])
    _check_nothing_passes(evaluator, architectures[0].length)
    _check_failures_recorded(evaluator, architectures[0])
    foreign = Architecture((Cell(("an operation of no space",), ((0, 1),)),))
    _check_refuses(lambda: evaluator.evaluate(foreign), "evaluate() with an architecture of another space")
    bare = evaluator.without_data()
    assert bare.search_space.operation_names == space.operation_names, "without_data() must keep the space."


def _started(evaluator: Evaluator, architecture: Architecture) -> Evaluator:
    return evaluator.start(architecture.length, 1, random_state=0)


def _check_mixtures(evaluator: Evaluator, architecture: Architecture) -> None:
    """Both kinds of mixtures are taken, and gradients have their shapes."""
    space = evaluator.search_space
    uniform = space.uniform()
    n_slots = len(space.potential_edges(architecture.length))
    for mixture in (uniform.probabilities, np.repeat(uniform.probabilities[:, None], n_slots, axis=1)):
        trial = _started(evaluator, architecture).evaluate(architecture, mixture=mixture)
        assert trial.succeeded, f"The evaluation at a mixture of shape {mixture.shape} failed: {trial.message}"
        if evaluator.gives_gradient:
            assert trial.gradient is not None, "gives_gradient is True, but the trial has no gradient."
            assert trial.gradient.shape == mixture.shape, (
                f"The gradient has the shape {trial.gradient.shape}, but the mixture {mixture.shape}."
            )
            assert np.isfinite(trial.gradient).all(), f"The gradient is not finite: {trial.gradient}."


def _check_trial(evaluator: Evaluator, trial: Trial, architecture: Architecture, seed: int) -> None:
    space = evaluator.search_space
    assert trial.architecture == architecture, f"The trial is one of {trial.architecture}, not of {architecture}."
    assert trial.seed == seed, f"The trial has the seed {trial.seed}, not {seed}."
    space.check_distribution(trial.distribution)
    assert trial.status in ("ok", "invalid", "failed"), f"Unknown status {trial.status!r}."
    assert math.isfinite(trial.score) == trial.succeeded, f"The score is {trial.score}, the status {trial.status!r}."
    assert bool(trial.message) != trial.succeeded, f"The status is {trial.status!r}, the message {trial.message!r}."
    assert math.isfinite(trial.cost), f"The cost must be a number of epochs, got {trial.cost!r}."
    assert trial.cost >= 0, f"The cost must not be negative, got {trial.cost!r}."
    assert trial.duration >= 0, f"The duration is {trial.duration!r}."
    if evaluator.gives_gradient and trial.status == "ok":
        assert trial.gradient is not None, "gives_gradient is True, but the trial has no gradient."
        expected = trial.distribution.probabilities.shape
        assert trial.gradient.shape == expected, f"The gradient has the shape {trial.gradient.shape}, not {expected}."
    text = json.dumps(trial.to_dict())
    restored = Trial.from_dict(json.loads(text))
    assert json.dumps(restored.to_dict()) == text, f"JSON changes the trial {trial!r}."


def _check_nothing_passes(evaluator: Evaluator, length: int) -> None:
    space = evaluator.search_space
    zeros = np.array([is_zero(name) for name in space.operation_names], dtype=float)
    if not zeros.any():
        return
    rows = np.tile(zeros, (len(space.cell_types), 1))
    closed = space.sample(OperationDistribution.from_counts(space.operation_names, rows, space.cell_types), length, 0)
    trial = evaluator.evaluate(closed)
    _check_trial(evaluator, trial, closed, 0)


def _check_failures_recorded(evaluator: Evaluator, architecture: Architecture) -> None:
    def fails(*_: object) -> Outcome:
        raise MemoryError("made on purpose")

    for evaluate, reason in ((fails, "made on purpose"), (lambda *_: Outcome(math.nan, 1.0), "nan")):
        broken: Any = copy.copy(evaluator)
        broken._evaluate = evaluate
        trial = broken.evaluate(architecture)
        _check_trial(broken, trial, architecture, 0)
        assert trial.status == "failed", f"A failed evaluation must make a failed trial, got {trial!r}."
        assert reason in trial.message, f"The trial's message must hold the reason {reason!r}, got {trial.message!r}."


def _check_parameters(part: BaseEstimator) -> None:
    """Check what scikit-learn's tools need of every part: clone, get_params, pickle, repr."""
    _check_constructor(part)
    for how, copied in (
        ("pickle", pickle.loads(pickle.dumps(part))),
        ("copy.deepcopy", copy.deepcopy(part)),
        ("clone", clone(part)),
    ):
        assert repr(copied) == repr(part), f"{how} turned {part!r} into {copied!r}."


def _check_constructor(part: BaseEstimator) -> None:
    parameters = part.get_params(deep=False)
    copied = clone(part)
    assert set(copied.get_params(deep=False)) == set(parameters), f"clone changed the parameters of {part!r}."
    for name, value in type(part)(**parameters).get_params(deep=False).items():
        assert value is parameters[name], f"The constructor must store {name!r} as it is, and nothing else."
    assert repr(part).startswith(type(part).__name__), f"repr() gave {part!r}."


def _check_refuses(function: Callable[[], object], what: str) -> None:
    try:
        function()
    except ValueError:
        return
    raise AssertionError(f"{what} must raise a ValueError.")


def _check_equal(came: NDArray[np.float64], expected: NDArray[np.float64], what: str) -> None:
    same = came.shape == expected.shape and np.allclose(came, expected, rtol=0, atol=1e-9)
    assert same, f"{what} must be {expected}, got {came}."


@contextmanager
def _untouched_generators() -> Iterator[None]:
    """Check that the global generators of numpy and torch are left as they are found."""
    # Not imported: who has torch in use has it among the modules.
    torch = sys.modules.get("torch")
    # The whole state: the position in it moves long before its words do.
    numpy_before = pickle.dumps(np.random.get_state())  # noqa: NPY002
    torch_before = None if torch is None else torch.random.get_rng_state()
    yield
    assert pickle.dumps(np.random.get_state()) == numpy_before, "numpy's global generator was used."  # noqa: NPY002
    if torch is not None and torch_before is not None:
        assert bool((torch_before == torch.random.get_rng_state()).all()), "torch's global generator was used."
