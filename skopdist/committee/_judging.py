"""What the rows that members did not see tell of them: scores, weights and a temperature."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from scipy.special import logsumexp

from skopdist.architecture import Architecture
from skopdist.committee._finalists import stem_of
from skopdist.committee._members import ENOUGH_TO_WEIGH, Member
from skopdist.evaluators import Scorer
from skopdist.problem import Samples

Array = NDArray[np.float64]

# Held-out rows from which on a temperature is better found than left alone.
_ENOUGH_TO_TEMPER = 100
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

    Architectures are compared on the folds that all of them held out; where these have few rows, only those are that
    held out the same folds, the most of all. Where the rows are enough, the weights of the architectures come from
    greedy selection with replacement (Caruana, Niculescu-Mizil, Crew, Ksikes, "Ensemble Selection from Libraries of
    Models", ICML 2004), by the log-loss; otherwise they are :func:`weights_by_stem`.

    Parameters
    ----------
    members : sequence of Member
        One at least.
    scorer : Scorer
    """
    by_architecture: dict[Architecture, list[Member]] = {}
    for member in members:
        by_architecture.setdefault(member.seat.architecture, []).append(member)
    folds = {a: frozenset(m.seat.fold for m in those if _has_predicted(m)) for a, those in by_architecture.items()}
    most = max(folds.values(), key=len)
    if not most:
        return Verdict(members[0].seat.architecture, weights_by_stem(members), 1.0, np.nan, np.nan)
    # Few rows of few folds tell little: then those that were trained on more are known better.
    shared = frozenset.intersection(*folds.values())
    n_shared = sum(n for fold, n in _held_out(members).items() if fold in shared)
    chosen = shared if n_shared >= ENOUGH_TO_WEIGH else most
    candidates = {
        a: [m for m in those if m.seat.fold in chosen] for a, those in by_architecture.items() if folds[a] >= chosen
    }
    # On the same rows, where time was too short to predict all of them.
    first = _rows_predicted(member for those in candidates.values() for member in those)
    compared = {a: found for a, those in candidates.items() if (found := _collect(those, first=first)) is not None}
    scores = {a: _score(scorer, found)[0] for a, found in compared.items()}
    best = max(compared, key=lambda a: (np.isfinite(scores[a]), np.nan_to_num(scores[a])))
    weights = weights_by_stem(members)
    if len(compared) == len(by_architecture) > 1 and len(compared[best].rows) >= ENOUGH_TO_WEIGH:
        share = _select([found.probabilities for found in compared.values()], compared[best].rows)
        of_each = {a: part / len(by_architecture[a]) for a, part in zip(compared, share, strict=True)}
        weights = [of_each[member.seat.architecture] for member in members]
    everyone = _collect(members, weights)
    assert everyone is not None
    temperature = 1.0
    if len(everyone.rows) >= _ENOUGH_TO_TEMPER:
        temperature = find_temperature(everyone.probabilities, everyone.rows)
    return Verdict(best, weights, temperature, *_score(scorer, everyone))


def weights_by_stem(members: Sequence[Member]) -> list[float]:
    """Return weights by which a stem counts as much as the root of the number of its members.

    Networks behind one stem err partly alike, so that four of them tell more than one, and less than one behind each
    of four stems. If they erred independently, a stem would count as much as it has members, and if they erred alike,
    as much as any other.

    Parameters
    ----------
    members : sequence of Member

    Returns
    -------
    weights : list of float
        One for each member; their sum is 1.

    Examples
    --------
    >>> from types import SimpleNamespace as Bunch
    >>> from skopdist.committee import weights_by_stem
    >>> from skopdist.spaces import DenseSpace
    >>> one, two, *_ = DenseSpace().reference_architectures()
    >>> members = [Bunch(seat=Bunch(architecture=architecture)) for architecture in (one, one, one, one, two)]
    >>> print(np.round(weights_by_stem(members), 2))
    [0.17 0.17 0.17 0.17 0.33]
    """
    stems = [stem_of(member.seat.architecture) for member in members]
    counts = Counter(stems)
    # Each of n members has a share of 1 / n of the root of n.
    total = sum(n**0.5 for n in counts.values())
    return [counts[stem] ** -0.5 / total for stem in stems]


def predicts_better(one: Sequence[Member], other: Sequence[Member]) -> bool:
    """Whether members predict the rows that they held out better than others that held out the same.

    They do if their logarithmic loss is lower by more than the standard error of the difference, each committee with
    the temperature that is best for it.
    """
    first, second = _collect(one), _collect(other)
    # Where time was short, they may have predicted different parts of the rows.
    if first is None or second is None or not np.array_equal(first.rows.rows, second.rows.rows):
        return False
    share = first.rows.weight / first.rows.weight.sum()
    gain = _tempered_losses(second) - _tempered_losses(first)
    error = np.sqrt(share**2 @ (gain - share @ gain) ** 2)
    return bool(share @ gain > error)


def _has_predicted(member: Member) -> bool:
    return member.probabilities is not None


def _held_out(members: Sequence[Member]) -> dict[int, int]:
    """Count the rows that each fold holds out."""
    return {m.seat.fold: len(m.seat.held_out) for m in members if m.seat.held_out is not None}


def _score(scorer: Scorer, unseen: _Unseen) -> tuple[float, float]:
    """Return the score and its standard error, NaN where it cannot be computed."""
    try:
        return scorer.with_error(partial(_answer, unseen.probabilities), unseen.rows)
    except Exception:  # noqa: BLE001 - a scorer may be the user's; the networks predict all the same
        return np.nan, np.nan


def _answer(probabilities: Array, _: Samples) -> Array:
    return probabilities


def _rows_predicted(members: Iterable[Member]) -> dict[int, int]:
    """Count the rows of each fold that all members predicted which held it out and predicted any."""
    counts: dict[int, int] = {}
    for member in members:
        if member.probabilities is not None:
            n = len(member.probabilities)
            counts[member.seat.fold] = min(counts.get(member.seat.fold, n), n)
    return counts


def _collect(
    members: Sequence[Member], weights: Sequence[float] | None = None, first: Mapping[int, int] | None = None
) -> _Unseen | None:
    """Average, fold by fold, what members predict of the rows that they held out; None if nothing was.

    Of each fold count the rows that all of them predicted, or so many of the first.
    """
    weights = [1.0] * len(members) if weights is None else weights
    first = _rows_predicted(member for member, w in zip(members, weights, strict=True) if w) if first is None else first
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
        n = first[fold]
        held_out = found[0][0].seat.held_out
        assert held_out is not None
        rows.append(held_out.take(np.arange(n)))
        total = sum(w for _, w in parts)
        probabilities.append(np.sum([p[:n] * (w / total) for p, w in parts], axis=0))
        used.append(fold)
    return _Unseen(Samples.join(rows), np.concatenate(probabilities), frozenset(used)) if rows else None


def _select(probabilities: Sequence[Array], rows: Samples) -> Array:
    """Return the weights of greedy selection with replacement, by the log-loss; shape (n_candidates,)."""
    n, labels, row_weights = len(rows), rows.labels(), rows.weight
    # Only what is said of the true class counts.
    true = np.stack([p[np.arange(n), labels] for p in probabilities])  # (n_candidates, n)
    counts, total = np.zeros(len(true)), np.zeros(n)
    for step in range(1, _STEPS + 1):
        losses = -np.log(np.maximum((total + true) / step, _SMALLEST)) @ row_weights
        chosen = int(np.argmin(losses))
        counts[chosen] += 1
        total += true[chosen]
    return counts / counts.sum()


def _tempered_losses(unseen: _Unseen) -> Array:
    """Return the logarithmic loss of each row at the best temperature, where the rows are enough to find it."""
    enough = len(unseen.rows) >= _ENOUGH_TO_TEMPER
    scale = 1 / find_temperature(unseen.probabilities, unseen.rows) if enough else 1.0
    logits, own = _logits(unseen.probabilities, unseen.rows)
    return np.asarray(logsumexp(logits * scale, axis=1) - own * scale)


def _logits(probabilities: Array, rows: Samples) -> tuple[Array, Array]:
    """Return the logarithms of probabilities, and of those of the true classes."""
    logits = np.log(np.maximum(probabilities, _SMALLEST))
    return logits, logits[np.arange(len(logits)), rows.labels()]


def find_temperature(probabilities: Array, rows: Samples) -> float:
    """Return the temperature at which the log-loss of some rows is smallest; see :func:`temper`."""
    logits, own = _logits(probabilities, rows)
    weight = rows.weight / rows.weight.sum()

    def loss(log_temperature: float) -> float:
        scale = np.exp(-log_temperature)
        return float(weight @ (logsumexp(logits * scale, axis=1) - own * scale))

    return float(np.exp(minimize_scalar(loss, bounds=_LOG_BOUNDS, method="bounded").x))
