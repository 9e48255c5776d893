"""What the rows that members did not see tell of them: scores, weights and a temperature."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from scipy.special import logsumexp

from skopdist.architecture import Architecture
from skopdist.committee._members import Member
from skopdist.evaluators import Scorer
from skopdist.problem import Samples

Array = NDArray[np.float64]

# Held-out rows from which on weights, and a temperature, are better found than left alone.
_ENOUGH_TO_WEIGH, _ENOUGH_TO_TEMPER = 500, 100
# Steps of the greedy selection, and the bounds of the logarithm of the temperature.
_STEPS, _LOG_BOUNDS = 20, (-1.5, 1.5)
_SMALLEST = 1e-12


@dataclass(frozen=True)
class Verdict:
    """The outcome of :func:`judge`.

    Attributes
    ----------
    architecture : Architecture
        The one of the best score.
    weights : list of float
        One for each member; their sum is 1.
    temperature : float
    score, score_error : float
        That of the committee on the rows that its members did not see, each row predicted by those that held it out;
        NaN where no rows were held out, or they cannot be scored.
    """

    architecture: Architecture
    weights: list[float]
    temperature: float
    score: float
    score_error: float


@dataclass(frozen=True, eq=False)
class _Unseen:
    """The rows that some members held out, and what these predict there.

    `probabilities` has shape (n, n_classes), `folds` are the numbers of the folds that the rows are from.
    """

    rows: Samples
    probabilities: Array
    folds: frozenset[int]


def judge(members: Sequence[Member], scorer: Scorer) -> Verdict:
    """Weigh the members of a committee by the rows that they did not see.

    Architectures that were trained on all folds are compared on all rows. Where these are enough, the weights of the
    architectures come from greedy selection with replacement (Caruana, Niculescu-Mizil, Crew, Ksikes, "Ensemble
    Selection from Libraries of Models", ICML 2004), by the log-loss; otherwise all members count the same.

    Parameters
    ----------
    members : sequence of Member
        One at least.
    scorer : Scorer
    """
    equal = [1 / len(members)] * len(members)
    architectures = list(dict.fromkeys(member.seat.architecture for member in members))
    unseen = {a: _collect([m for m in members if m.seat.architecture == a]) for a in architectures}
    known = {a: found for a, found in unseen.items() if found is not None}
    if not known:
        return Verdict(architectures[0], equal, 1.0, np.nan, np.nan)
    most = max(len(found.folds) for found in known.values())
    complete = {a: found for a, found in known.items() if len(found.folds) == most}
    scores = {a: _score(scorer, found)[0] for a, found in complete.items()}
    best = max(complete, key=lambda a: (np.isfinite(scores[a]), np.nan_to_num(scores[a])))
    weights = equal
    n_rows = len(complete[best].rows)
    if len(complete) == len(architectures) > 1 and n_rows >= _ENOUGH_TO_WEIGH:
        share = _select([complete[a].probabilities for a in architectures], complete[best].rows)
        counts = {a: sum(m.seat.architecture == a for m in members) for a in architectures}
        by_architecture = dict(zip(architectures, share, strict=True))
        weights = [by_architecture[m.seat.architecture] / counts[m.seat.architecture] for m in members]
    everyone = _collect(members, weights)
    assert everyone is not None
    temperature = 1.0
    if len(everyone.rows) >= _ENOUGH_TO_TEMPER:
        temperature = find_temperature(everyone.probabilities, everyone.rows)
    return Verdict(best, weights, temperature, *_score(scorer, everyone))


def _score(scorer: Scorer, unseen: _Unseen) -> tuple[float, float]:
    """Return the score and its standard error, NaN where it cannot be computed."""
    try:
        return scorer.with_error(partial(_answer, unseen.probabilities), unseen.rows)
    except Exception:  # noqa: BLE001 - a scorer may be the user's; the networks predict all the same
        return np.nan, np.nan


def _answer(probabilities: Array, _: Samples) -> Array:
    return probabilities


def _collect(members: Sequence[Member], weights: Sequence[float] | None = None) -> _Unseen | None:
    """Average, fold by fold, what members predict of the rows that they held out; None if nothing was."""
    weights = [1.0] * len(members) if weights is None else weights
    rows: list[Samples] = []
    probabilities: list[Array] = []
    folds = sorted({member.seat.fold for member in members if member.probabilities is not None})
    used = []
    for fold in folds:
        # Those of weight 0 do not predict either.
        found = [(m, w) for m, w in zip(members, weights, strict=True) if m.seat.fold == fold and w]
        parts = [(m.probabilities, w) for m, w in found if m.probabilities is not None]
        if not parts:
            continue
        n = min(len(p) for p, _ in parts)
        held_out = found[0][0].seat.held_out
        assert held_out is not None
        rows.append(held_out.take(np.arange(n)))
        total = sum(w for _, w in parts)
        probabilities.append(np.sum([p[:n] * (w / total) for p, w in parts], axis=0))
        used.append(fold)
    return _Unseen(Samples.join(rows), np.concatenate(probabilities), frozenset(used)) if rows else None


def _select(probabilities: Sequence[Array], rows: Samples) -> Array:
    """Return the weights of greedy selection with replacement, by the log-loss; shape (n_candidates,)."""
    n = min(map(len, probabilities))
    labels, row_weights = rows.labels()[:n], rows.weight[:n]
    # Only what is said of the true class counts.
    true = np.stack([p[np.arange(n), labels] for p in probabilities])  # (n_candidates, n)
    counts, total = np.zeros(len(true)), np.zeros(n)
    for step in range(1, _STEPS + 1):
        losses = -np.log(np.maximum((total + true) / step, _SMALLEST)) @ row_weights
        chosen = int(np.argmin(losses))
        counts[chosen] += 1
        total += true[chosen]
    return counts / counts.sum()


def find_temperature(probabilities: Array, rows: Samples) -> float:
    """Return the temperature at which the log-loss of some rows is smallest; see :func:`temper`."""
    logits = np.log(np.maximum(probabilities, _SMALLEST))
    labels, weight = rows.labels(), rows.weight / rows.weight.sum()
    own = logits[np.arange(len(labels)), labels]

    def loss(log_temperature: float) -> float:
        scale = np.exp(-log_temperature)
        return float(weight @ (logsumexp(logits * scale, axis=1) - own * scale))

    return float(np.exp(minimize_scalar(loss, bounds=_LOG_BOUNDS, method="bounded").x))
