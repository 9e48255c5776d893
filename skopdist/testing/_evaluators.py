"""The contract of an evaluator."""

from __future__ import annotations

import copy
import json
import math
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import clone

from skopdist.architecture import Architecture, Cell
from skopdist.distribution import OperationDistribution
from skopdist.evaluators import Evaluator, Outcome
from skopdist.operations import is_zero
from skopdist.spaces import SearchSpace
from skopdist.testing._parts import check_constructor, check_refuses, untouched_generators
from skopdist.trial import Trial


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
    check_constructor(evaluator)
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
        with untouched_generators():
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
        _check_fidelities(evaluator, architecture, trial)
    _check_together(evaluator, architectures)
    assert sorted(vars(evaluator)) == before, "start() must leave the evaluator itself as it was."
    evaluator = _started(evaluator, architectures[0])
    _check_nothing_passes(evaluator, architectures[0].length)
    _check_failures_recorded(evaluator, architectures[0])
    foreign = Architecture((Cell(("an operation of no space",), ((0, 1),)),))
    check_refuses(lambda: evaluator.evaluate(foreign), "evaluate() with an architecture of another space")
    bare = evaluator.without_data()
    assert bare.search_space.operation_names == space.operation_names, "without_data() must keep the space."


def _started(evaluator: Evaluator, architecture: Architecture) -> Evaluator:
    return evaluator.start(architecture.length, 1, random_state=0)


def _check_together(evaluator: Evaluator, architectures: list[Architecture]) -> None:
    """What is evaluated together gives the trials of each."""
    several = [architecture for architecture in architectures for _ in range(2)]
    groups = _started(evaluator, several[0]).together(several)
    assert sorted(i for group in groups for i in group) == list(range(len(several))), (
        f"together() must name each architecture once, got {groups}."
    )
    assert groups == sorted(groups), f"together() must give the groups in the order of their first, got {groups}."
    for group in groups:
        again = evaluator.together([several[i] for i in group])
        assert again == [[*range(len(group))]], f"A group must be one by itself, but together() makes {again} of it."
    if evaluator.sequential:
        return
    seeds = list(range(len(several)))
    for trial, architecture, seed in zip(evaluator.evaluate_many(several, seeds=seeds), several, seeds, strict=True):
        _check_trial(evaluator, trial, architecture, seed)
        alone = evaluator.evaluate(architecture, seed=seed)
        assert (trial.status, trial.cost) == (alone.status, alone.cost), (
            f"evaluate_many() gives the trial {trial!r}, evaluate() {alone!r}."
        )


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


def _check_fidelities(evaluator: Evaluator, architecture: Architecture, full: Trial) -> None:
    """Shorter trainings are told apart from full ones, and cost no more."""
    assert full.fidelity == 1, f"An evaluation is a full training unless told otherwise, got {full.fidelity}."
    assert evaluator.at(1.0) is evaluator, "at(1.0) must give the evaluator itself."
    fidelities = evaluator.fidelities
    for fidelity in (0.5,) if fidelities is None else fidelities:
        trial = _started(evaluator, architecture).evaluate(architecture, seed=full.seed, fidelity=fidelity)
        assert trial.succeeded, f"The evaluation at the fidelity {fidelity} failed: {trial.message}"
        assert trial.fidelity == fidelity, f"The trial has the fidelity {trial.fidelity}, not {fidelity}."
        assert trial.cost <= full.cost, f"A share of {fidelity} costs {trial.cost}, a full training {full.cost}."
    for fidelity in (0.0, 1.5):
        check_refuses(partial(evaluator.at, fidelity), f"at({fidelity})")


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
    # Something passes any stem.
    rows[len(space.body_types) :] = space.allowed[len(space.body_types) :]
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
