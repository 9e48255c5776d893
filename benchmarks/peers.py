"""Searches of other libraries, on tables of ours; none of them is needed.

A peer is a generator that yields a cell, as the operations of its slots, and is sent the score. Peers have the defaults
of their libraries unless a comment says why not, and are asked for one cell at a time.
"""

from __future__ import annotations

import tempfile
import warnings
from collections.abc import Callable, Generator
from importlib.util import find_spec
from typing import Any

import numpy as np

from skopdist import OperationDistribution
from skopdist.evaluators import TabularEvaluator
from skopdist.spaces import SearchSpace

Cell = tuple[str, ...]
Peer = Callable[[SearchSpace, int, int], Generator[Cell, float, None]]


def tpe(space: SearchSpace, seed: int, queries: int) -> Generator[Cell, float, None]:
    """Ask Optuna's tree-structured Parzen estimator for the operation of each slot."""
    study = _study(seed)
    for _ in range(queries):
        trial = study.ask()
        slots = range(space.default_length)
        score = yield tuple(trial.suggest_categorical(f"slot {slot}", space.operation_names) for slot in slots)
        study.tell(trial, score)


def tpe_on_distributions(space: SearchSpace, seed: int, queries: int) -> Generator[Cell, float, None]:
    """Ask the same for a distribution, and draw a cell from it as our strategies do.

    Its shares are minus the logarithms of numbers from 0 to 1, over their sum: uniform where the numbers are.
    """
    study, rng, names = _study(seed), np.random.default_rng(seed), space.operation_names
    for _ in range(queries):
        trial = study.ask()
        weights = np.array([-np.log(trial.suggest_float(name, 1e-6, 1 - 1e-6)) for name in names])
        distribution = OperationDistribution(names, weights / weights.sum(), space.cell_types)
        score = yield space.sample(distribution, random_state=rng).operations
        study.tell(trial, score)


def _study(seed: int) -> Any:
    import optuna  # noqa: PLC0415 - optional

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    return optuna.create_study(direction="maximize", sampler=optuna.samplers.TPESampler(seed=seed))


def smac(space: SearchSpace, seed: int, queries: int) -> Generator[Cell, float, None]:
    """Ask SMAC's facade for hyper-parameters: a random forest, and expected improvement on the logarithm of costs."""
    from ConfigSpace import Categorical, ConfigurationSpace  # noqa: PLC0415 - optional
    from smac import HyperparameterOptimizationFacade, Scenario  # noqa: PLC0415
    from smac.runhistory.dataclasses import TrialValue  # noqa: PLC0415

    slots = [f"slot {slot}" for slot in range(space.default_length)]
    configurations = ConfigurationSpace(seed=seed)
    configurations.add([Categorical(slot, space.operation_names) for slot in slots])
    with tempfile.TemporaryDirectory() as folder:
        scenario = Scenario(configurations, n_trials=queries, seed=seed, deterministic=True, output_directory=folder)
        facade = HyperparameterOptimizationFacade(scenario, _nothing, overwrite=True, logging_level=False)
        for _ in range(queries):
            info = facade.ask()
            score = yield tuple(str(info.config[slot]) for slot in slots)
            # It minimises, and its logarithm wants what is positive: the error in percent.
            facade.tell(info, TrialValue(cost=100 - score))


def _nothing(config: object, seed: int = 0) -> float:
    raise AssertionError("SMAC is asked and told, and evaluates nothing itself.")


def nevergrad(space: SearchSpace, seed: int, queries: int) -> Generator[Cell, float, None]:
    """Ask Nevergrad's NGOpt, which picks an algorithm by the kind of the parameters and the number of queries."""
    import nevergrad as ng  # noqa: PLC0415 - optional

    # Of NGOpt and four discrete (1+1) algorithms, on either kind of choices, this pair was the nearest to the optimum
    # after 100 and 150 queries in a trial on CIFAR-100 of NAS-Bench-201 with 6 to 12 seeds.
    slots = [ng.p.TransitionChoice(space.operation_names) for _ in range(space.default_length)]
    parameters = ng.p.Tuple(*slots)
    parameters.random_state.seed(seed)
    optimizer = ng.optimizers.registry["NGOpt"](parameters, budget=queries)
    for _ in range(queries):
        candidate = optimizer.ask()
        score = yield candidate.value
        optimizer.tell(candidate, -score)


# By strategy and encoding: the module that it needs, and the search.
PEERS: dict[tuple[str, str], tuple[str, Peer]] = {
    ("tpe", "adjacency"): ("optuna", tpe),
    ("tpe", "distribution"): ("optuna", tpe_on_distributions),
    ("nevergrad", "adjacency"): ("nevergrad", nevergrad),
    ("smac", "adjacency"): ("smac", smac),
}


def installed(strategy: str, encoding: str) -> bool:
    """Whether the library of a peer is there; there is nothing to install for strategies of ours."""
    method = (strategy, encoding)
    return method not in PEERS or find_spec(PEERS[method][0]) is not None


def search_with_peer(peer: Peer, evaluator: TabularEvaluator, seed: int, queries: int) -> list[float]:
    """Give the score of each query, until the optimum is found."""
    scores: list[float] = []
    with warnings.catch_warnings():
        # Of experimental parts, and of parameters that a table does not need.
        warnings.simplefilter("ignore")
        asked = peer(evaluator.search_space, seed, queries)
        cell = next(asked)
        while True:
            scores.append(evaluator.scores[cell])  # type: ignore[index] - a table has a mapping
            if scores[-1] == evaluator.optimum or len(scores) == queries:
                asked.close()
                return scores
            cell = asked.send(scores[-1])
