"""The contract of a strategy."""

from __future__ import annotations

import copy
import pickle
import threading
from collections.abc import Iterable

import numpy as np
from sklearn.base import clone

from skopdist._prior import Prior
from skopdist.distribution import OperationDistribution
from skopdist.encodings import Encoding
from skopdist.operations import is_zero
from skopdist.spaces import DenseSpace, NASBench201Space, SearchSpace
from skopdist.strategies import Strategy
from skopdist.testing._parts import check_equal, check_parameters, check_refuses, untouched_generators
from skopdist.testing._synthetic import Synthetic, TracedSearch

_PATIENCE = 60.0


def check_strategy(
    strategy: Strategy,
    encoding: Encoding | None = None,
    space: SearchSpace | None = None,
    lengths: Iterable[int] = (),
    random_state: int = 0,
) -> None:
    """Check that a strategy suggests, observes and recommends as the search loop expects.

    Synthetic scores are used, so it takes about a second. Failed trials, constant scores, trials of architectures that
    it did not suggest and spaces that run dry are among what it is shown.

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
    check_parameters(strategy)
    space = NASBench201Space() if space is None else space
    encoding = strategy.default_encoding if encoding is None else encoding
    assert isinstance(encoding, Encoding), f"default_encoding must be an Encoding, got {encoding!r}."
    assert strategy.trial_batch >= 1, f"trial_batch must be at least 1, got {strategy.trial_batch!r}."
    bound = encoding.bind(space)
    for score in (Synthetic(space), Synthetic(space, constant=True), Synthetic(space, failing=3)):
        for batch_size in (1, 4):
            with untouched_generators():
                first = TracedSearch(strategy, bound, score, random_state).run(24, batch_size)
            second = TracedSearch(strategy, bound, score, random_state).run(24, batch_size)
            check_equal(first.points, second.points, f"The points suggested {batch_size} at a time for one seed")
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
    _check_unasked(strategy, bound, random_state)
    _check_all_failing(strategy, bound, random_state)
    _check_exhaustion(strategy, encoding, random_state)
    started = strategy.start(bound, random_state)
    check_refuses(lambda: started.suggest(0), "suggest(0)")
    check_refuses(started.recommend, "recommend() before any trial")
    for length in lengths:
        _check_length(strategy, encoding.bind(space, length), random_state)


def _check_length(strategy: Strategy, bound: Encoding, random_state: int) -> None:
    """A search goes on beyond its first points, and finds something."""
    search = TracedSearch(strategy, bound, Synthetic(bound.space_), random_state).run(5, 2)
    assert search.trials, f"suggest() gave nothing at the length {bound.length_}."
    assert {trial.architecture.length for trial in search.trials} == {bound.length_}, "The length was not kept."
    bound.space_.check_distribution(search.started.recommend())


def _check_seeds_differ(strategy: Strategy, bound: Encoding, random_state: int) -> None:
    runs = [
        TracedSearch(strategy, bound, Synthetic(bound.space_), random_state + i).run(12, 4).points for i in range(3)
    ]
    assert any(not np.array_equal(runs[0], run) for run in runs[1:]), "Three seeds gave the same points."


def _check_prefix(strategy: Strategy, bound: Encoding, random_state: int) -> None:
    """At any time, fewer points are the first of more, so that a search can be continued."""
    search = TracedSearch(strategy, bound, Synthetic(bound.space_), random_state)
    for n_trials in (0, 2, 9):
        search.run(n_trials, 3)
        more, fewer = (copy.deepcopy(search.started).suggest(n) for n in (4, 2))
        check_equal(fewer, more[:2], f"After {len(search.trials)} trials, suggest(2) beside the first of suggest(4)")
        if not strategy.learns_from_trials:
            twice = copy.deepcopy(search.started)
            parts = np.concatenate([twice.suggest(1), twice.suggest(3)])
            check_equal(parts, more, "The points of suggest(1) and suggest(3), beside those of suggest(4),")


def _check_prior(strategy: Strategy, bound: Encoding, random_state: int) -> None:
    """A prior moves the first suggestion, and one over other operations is refused."""
    space = bound.space_
    names, n_body, allowed = space.operation_names, len(space.body_types), space.allowed
    k = int(allowed[0].sum())
    favourite = next((i for i in reversed(range(k)) if not is_zero(names[i])), k - 1)
    rows = allowed / allowed.sum(axis=1, keepdims=True)
    rows[:n_body] = np.eye(len(names))[favourite]
    prior = OperationDistribution(names, rows, space.cell_types)
    seeds = (random_state, random_state + 1)

    def share(prior: OperationDistribution | None) -> float:
        started = [strategy.start(bound, seed, None if prior is None else Prior(prior, 100.0 * k)) for seed in seeds]
        drawn = [search.encoding_.distribution(search.suggest(1)[0]).probabilities for search in started]
        return float(np.mean([p[:n_body, favourite] for p in drawn]))

    without, with_prior = share(None), share(prior)
    assert k == 1 or with_prior > max(without, 0.8), (
        f"A prior that holds only {names[favourite]!r} must move the first suggestions there: its share is "
        f"{with_prior:.2f} with and {without:.2f} without the prior. Draw around prior_counts_."
    )
    foreign = OperationDistribution(["an operation of no space"], [1.0])
    check_refuses(lambda: strategy.start(bound, random_state, foreign), "start() with a prior over other operations")


def _check_copies(strategy: Strategy, bound: Encoding, random_state: int) -> None:
    """In the middle of a search, a copy goes on exactly as the original does."""
    search = TracedSearch(strategy, bound, Synthetic(bound.space_), random_state).run(9, 3)
    copies = {"pickle": pickle.loads(pickle.dumps(search)), "copy.deepcopy": copy.deepcopy(search)}
    expected = search.run(21, 3).points
    for how, copied in copies.items():
        check_equal(copied.run(21, 3).points, expected, f"The points suggested after a {how} in mid-search")
    finished = pickle.loads(pickle.dumps(search.started.finish()))
    assert len(finished.trials_) == len(search.trials), "finish() must keep the trials."
    assert finished.recommend() == search.started.recommend(), "finish() must leave recommend() as it was."
    check_refuses(lambda: finished.suggest(1), "suggest() after finish()")
    fresh = clone(search.started)
    assert not hasattr(fresh, "trials_"), "A clone must forget the search."


def _check_unasked(strategy: Strategy, bound: Encoding, random_state: int) -> None:
    """Trials of architectures that it did not suggest may come first, with a gradient or without, or failed."""
    space, rng = bound.space_, np.random.default_rng(random_state)
    architectures = [bound.decode(bound.from_distribution(space.uniform(), rng), rng) for _ in range(3)]

    def run(failing: int, with_gradient: bool) -> TracedSearch:
        search = TracedSearch(strategy, bound, Synthetic(space), random_state)
        evaluate = Synthetic(space, failing=failing).evaluate
        mixtures = [bound.mixture(bound.encode(architecture)) for architecture in architectures]
        unasked = [evaluate(a, mixture=m, seed=i) for i, (a, m) in enumerate(zip(architectures, mixtures, strict=True))]
        if not with_gradient:
            unasked = [trial.replace(gradient=None) for trial in unasked]
        search.started.observe(unasked)
        assert search.started.trials_[:3] == unasked, "observe() must keep trials of what was not suggested."
        if failing != 1:
            space.check_distribution(search.started.recommend())
        more, fewer = (copy.deepcopy(search.started).suggest(n) for n in (4, 2))
        check_equal(fewer, more[:2], "After trials that were not suggested, suggest(2) beside the first of suggest(4)")
        search.run(8, 3)
        assert search.trials, "suggest() gave nothing after trials of what was not suggested."
        space.check_distribution(search.started.recommend())
        return search

    first, second = run(failing=0, with_gradient=True), run(failing=0, with_gradient=True)
    check_equal(first.points, second.points, "The points suggested after trials that were not, for one seed,")
    run(failing=2, with_gradient=False)
    run(failing=1, with_gradient=False)


def _check_all_failing(strategy: Strategy, bound: Encoding, random_state: int) -> None:
    search = TracedSearch(strategy, bound, Synthetic(bound.space_, failing=1), random_state).run(15, 4)
    assert search.trials, "The strategy gave up before any trial."
    check_refuses(search.started.recommend, "recommend() after nothing but failures")


def _check_exhaustion(strategy: Strategy, encoding: Encoding, random_state: int) -> None:
    """A space of two cells ends the search or is asked again, but never makes suggest() loop for ever."""
    bound = encoding.bind(DenseSpace(("skip_connect", "linear_relu"), stems=()), 1)

    def run() -> None:
        for batch_size in (1, 5):
            search = TracedSearch(strategy, bound, Synthetic(bound.space_), random_state).run(40, batch_size)
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
