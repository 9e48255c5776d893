"""The end of a fit: what predicts is chosen, trained and weighed."""

from __future__ import annotations

import copy
import dataclasses
import logging
import warnings
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import numpy as np
from skorch import NeuralNetClassifier

from skopdist._callbacks import FRAMES
from skopdist._random import RandomState, Stream, seed
from skopdist._refit import Refit
from skopdist._watching import Watch
from skopdist.architecture import Architecture
from skopdist.budget import Budget
from skopdist.committee import (
    Committee,
    Member,
    Results,
    Seat,
    Verdict,
    can_weigh_by_one,
    choose_architectures,
    judge,
    of_best_length,
    plan_seats,
    rank_finalists,
    train_as_long_as_helps,
    train_members,
    weights_by_stem,
)
from skopdist.display import describe
from skopdist.distribution import OperationDistribution
from skopdist.encodings import Limit
from skopdist.evaluators import Evaluator, SupervisedEvaluator, TrainingEvaluator
from skopdist.search import SearchResult
from skopdist.spaces import SearchSpace
from skopdist.training import Trainer
from skopdist.trial import Trial

__all__ = ["Final", "FinalStage", "sample_like"]

_LOGGER = logging.getLogger("skopdist.classifier")

# Parts of the rows that members hold out in turn: more, and so smaller ones, where there are so many members that two
# architectures have all of them in turn.
_N_FOLDS, _MANY_FOLDS = 4, 8
# Where time allows few members, they hold out less, or nothing where that would be too few rows to tell anything. So
# they do where a part of that size is enough to weigh them by.
_N_FOLDS_ALONE, _FEWEST_HELD_OUT = 10, 100
# `FinalStage.run` is called by a part of `fit`; its warnings are for whoever calls `fit`.
_LEVEL = 3 + FRAMES


@dataclass(frozen=True, eq=False)
class Final:
    """The networks that predict in the end, and what is known of them.

    Attributes
    ----------
    nets : tuple of skorch.NeuralNetClassifier
        The best architecture's first.
    architecture : Architecture
        That of the first network.
    weights : tuple of float
        One for each network; their sum is 1.
    temperature : float
    verdict : Verdict or None
        What the rows tell that members did not see; None where all rows were trained on.
    finals : tuple of Trial
        The members as trials, where they held rows out.
    stop_reason : str or None
        What ended the training of the members early, if anything did.
    """

    nets: tuple[NeuralNetClassifier, ...]
    architecture: Architecture
    weights: tuple[float, ...]
    temperature: float = 1.0
    verdict: Verdict | None = None
    finals: tuple[Trial, ...] = ()
    stop_reason: str | None = None

    @classmethod
    def of(cls, members: Sequence[Member], weights: Sequence[float] | None = None) -> Final:
        """Make a committee of members, the best architecture's first; without weights, no more is known than stems."""
        weights = weights_by_stem(members) if weights is None else weights
        return cls(tuple(member.net for member in members), members[0].seat.architecture, tuple(weights))

    def attributes(self, n_spatial: int) -> dict[str, Any]:
        """Return the attributes of an estimator that predicts so, for samples of so many dimensions behind channels."""
        return {
            "net_": self.nets[0],
            "nets_": self.nets,
            "member_weights_": np.array(self.weights),
            "temperature_": self.temperature,
            "refit_architecture_": self.architecture,
            "_predictor": Committee(self.nets, self.weights, n_spatial, self.temperature),
        }


@dataclass(frozen=True, eq=False)
class FinalStage:
    """Trains what predicts: the members of a committee, or one network as the best trial was, where these fail.

    Attributes
    ----------
    search : SearchResult
    trainer : Trainer
        That of the search.
    evaluator : Evaluator
        Fitted.
    refit : Refit
        How the final networks differ from those of the search.
    references : sequence of Architecture
        Known to be good, and tried in the search.
    limits : sequence of Limit
        Those of a single network.
    budget : Budget
    expected : float
        Seconds that a full training is expected to take; 0 where it is not known.
    finds_length : bool
        Whether trainings may be longer than the recipe says, where that helps and there is time.
    n_jobs : int or None
    entropy : int
        Where the random streams come from.
    watch : Watch
    """

    search: SearchResult
    trainer: Trainer
    evaluator: Evaluator
    refit: Refit
    references: Sequence[Architecture]
    limits: Sequence[Limit]
    budget: Budget
    expected: float
    finds_length: bool
    n_jobs: int | None
    entropy: int
    watch: Watch

    def run(self, n: int, n_told: int | None, keeps_interrupted: bool) -> Final:
        """Train `n` members, as far as there is time.

        Parameters
        ----------
        n : int
        n_told : int or None
            How many the watch is told of; None where time decides.
        keeps_interrupted : bool
            Whether Ctrl-C leaves the members that are there.

        Raises
        ------
        RuntimeError
            If all trainings failed, and no trial had a network either.
        """
        problem, budget = self.trainer.problem, self.budget
        n_folds = self._n_folds(n)
        folds = problem.folds(n_folds, seed(self.entropy, Stream.FOLDS)) if n_folds else []
        architectures = self._architectures(-(-n // len(folds)) if folds else n)
        seeds = [seed(self.entropy, Stream.REFIT), *(seed(self.entropy, Stream.MEMBER, i) for i in range(1, n))]
        seats = plan_seats(problem, architectures, folds, n, seeds, self._costs(architectures))
        trained: list[Member | str] = []
        stop_reason = None
        self.watch.begin_members(n_told)
        try:
            with closing(self._train(seats, bool(folds))) as results:
                for result in results:
                    trained.append(result)
                    if self._report(trained):
                        stop_reason = "callback"
                        break
        except KeyboardInterrupt:
            if not keeps_interrupted or not any(isinstance(result, Member) for result in trained):
                raise
            stop_reason = "interrupted"
        members = sorted(_succeeded(trained), key=lambda member: member.seat.index)
        failures = sorted({result for result in trained if isinstance(result, str)})
        if failures and members:
            warnings.warn(
                f"{len(trained) - len(members)} of {len(trained)} members of the committee failed, and the others "
                f"predict without them. The reasons: {'; '.join(failures)}",
                stacklevel=_LEVEL,
            )
        if budget.is_limited and members and members[0].cost < 1:
            warnings.warn(
                f"max_time={budget.max_time:g} was too short for a pass over the data: the network that predicts has "
                f"seen {members[0].cost:.0%} of them. Give more time, or fewer samples.",
                stacklevel=_LEVEL,
            )
        final = self._weigh(members, is_folded=bool(folds)) if members else self._best_trial(failures)
        return dataclasses.replace(final, stop_reason=stop_reason)

    def _train(self, seats: Sequence[Seat], is_folded: bool) -> Results:
        trainer, n_jobs, budget, expected = self._trainer(), self.n_jobs, self.budget, self.expected
        if is_folded and self.finds_length:
            return train_as_long_as_helps(trainer, seats, n_jobs, budget, expected)
        return train_members(trainer, seats, n_jobs, budget, expected)

    def _n_folds(self, n_members: int) -> int:
        """Return into how many parts the rows are divided that members hold out; 0 if they hold out nothing."""
        if n_members == 1 or not isinstance(self.evaluator, SupervisedEvaluator):
            return 0
        is_timed = self.budget.is_limited and self.expected > 0
        fitting = self.budget.left / self.expected if is_timed else np.inf
        if self.trainer.problem.n_spatial == 0:
            # Members that train together take half of the time or less.
            fitting *= 2
        n_rows = len(self.trainer.problem.everything)
        if is_timed and can_weigh_by_one(n_rows, _N_FOLDS_ALONE):
            return _N_FOLDS_ALONE
        if fitting < 4:
            return _N_FOLDS_ALONE if n_rows >= _N_FOLDS_ALONE * _FEWEST_HELD_OUT else 0
        return _MANY_FOLDS if min(n_members, fitting) >= 2 * _MANY_FOLDS else _N_FOLDS

    def _architectures(self, n: int) -> list[Architecture]:
        """Choose what is trained: the finalists of the search, or draws of another length."""
        if self.refit.length is None:
            first = rank_finalists(self.search, self.references, n, self.budget.left)
        else:
            first = [self._sample(Stream.REFIT_DRAW)]
        chosen = choose_architectures(first, n, self._draw)
        return list(dict.fromkeys(self.refit.resized(architecture) for architecture in chosen))

    def _costs(self, architectures: Sequence[Architecture]) -> list[float] | None:
        """Return what architectures compute for a sample, as a measure of the time of their trainings.

        That of networks for flat input hardly depends on it, and they train together. Seconds would be a better
        measure, but no two fits would be equal.
        """
        if self.trainer.problem.n_spatial == 0:
            return None
        costs = self.trainer.costs()
        try:
            return [costs.flops(architecture) for architecture in architectures]
        except Exception:  # noqa: BLE001 - an operation of the user's may do what cannot be counted without numbers
            return None

    def _draw(self, i: int) -> Architecture | None:
        drawn = self._sample(Stream.MEMBER_DRAW, i)
        # One of another length is no member of the search, whose limits it need not meet.
        is_allowed = self.refit.length is not None or all(limit.allows(drawn) for limit in self.limits)
        return drawn if is_allowed else None

    def _sample(self, *key: int) -> Architecture:
        search, space = self.search, self.evaluator.search_space
        entropy = seed(self.entropy, *key)
        return sample_like(search.best_architecture, search.best_distribution, space, self.refit.length, entropy)

    def _trainer(self) -> Trainer:
        trainer, refit, best = self.trainer, self.refit, self.search.best_trial
        training = copy.copy(trainer.training)
        if refit.max_epochs is not None:
            training.max_epochs = refit.max_epochs
        elif training.early_stopping is not None and best.fidelity == 1:
            training.max_epochs = best.info.get("n_epochs", training.n_epochs)
        return dataclasses.replace(
            trainer,
            training=training,
            n_cells=trainer.n_cells if refit.n_cells is None else refit.n_cells,
            channels=trainer.channels if refit.channels is None else refit.channels,
        )

    def _report(self, trained: Sequence[Member | str]) -> bool:
        """Tell of the latest member, or of why its training failed; return whether no more are to be trained."""
        result = trained[-1]
        if isinstance(result, str):
            text = f"failed: {result}"
            _LOGGER.warning("member %d %s", len(trained), text)
            return self.watch.on_member(text, None)
        space, n_spatial = self.evaluator.search_space, self.trainer.problem.n_spatial
        text = f"trained in {result.duration:.1f} s  {describe(space.encode(result.seat.architecture))}"
        _LOGGER.info("member %d %s", len(trained), text)
        return self.watch.on_member(text, lambda: Final.of(_succeeded(trained)).attributes(n_spatial))

    def _weigh(self, members: Sequence[Member], is_folded: bool) -> Final:
        """Weigh the members by the rows that they did not see, where there are such."""
        if not is_folded or not isinstance(self.evaluator, SupervisedEvaluator):
            return Final.of(members)
        scorer, space = self.evaluator.scorer_, self.evaluator.search_space
        trained, members = members, of_best_length(members)
        verdict = judge(members, scorer)
        # The best architecture's networks come first.
        order = sorted(range(len(members)), key=lambda i: members[i].seat.architecture != verdict.architecture)
        members = [members[i] for i in order]
        finals = [
            member.as_trial(space, scorer, i)
            for i, member in enumerate(dict.fromkeys([*members, *trained]), start=len(self.search.trials))
        ]
        return dataclasses.replace(
            Final.of(members, [verdict.weights[i] for i in order]),
            temperature=verdict.temperature,
            verdict=verdict,
            finals=tuple(finals),
        )

    def _best_trial(self, failures: Sequence[str]) -> Final:
        """Let the network of the best trial predict, where all final trainings failed."""
        best = self.search.best_trial
        if best.status != "ok" or not isinstance(self.evaluator, TrainingEvaluator):
            raise RuntimeError(f"The final training failed. The reason: {failures[0]}")
        warnings.warn(
            f"The final training failed ({failures[0]}). The network of the best trial, which did not see the held-out "
            "rows, predicts instead.",
            stacklevel=1 + _LEVEL,
        )
        # Equal seeds train equal networks.
        evaluator = self.evaluator.at(best.fidelity)
        problem = evaluator.problem_
        net = evaluator.trainer_.train(best.architecture, problem.training, best.seed, problem.held_out)
        return Final((net,), best.architecture, (1.0,))


def sample_like(
    best: Architecture,
    distribution: OperationDistribution,
    space: SearchSpace,
    length: int | None = None,
    random_state: RandomState = None,
) -> Architecture:
    """Draw an architecture from a distribution, with the settings of the best one.

    Parameters
    ----------
    best : Architecture
    distribution : OperationDistribution
    space : SearchSpace
    length : int or None, default=None
        Number of operations in a cell; None takes that of the best one.
    random_state : int, Generator, RandomState or None, default=None
    """
    drawn = space.sample(distribution, best.length if length is None else length, random_state)
    return dataclasses.replace(drawn, settings=best.settings)


def _succeeded(trained: Sequence[Member | str]) -> list[Member]:
    return [result for result in trained if isinstance(result, Member)]
