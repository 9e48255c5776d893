"""The prior of a search: the distribution around which strategies draw."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from sklearn.exceptions import NotFittedError

from skopdist._paths import as_path
from skopdist.distribution import OperationDistribution

DistributionSource: TypeAlias = OperationDistribution | BaseEstimator | str | Path

# In observed operations, about those of three cells of NAS-Bench-201: beside the five of the flat Dirichlet they make
# up four fifths of the mean, and a share of one half is spread by .10, less than one operation of a cell of six. So
# most draws are like what was good elsewhere, and none is out of reach. Argued so, and tuned on no data.
PRIOR_STRENGTH = 20.0


class Prior:
    """A distribution that is known from elsewhere, and how much it counts.

    Random points of a search are drawn around the distribution, from a Dirichlet of which it is the mode. Nothing is
    ever ruled out.

    Parameters
    ----------
    distribution : OperationDistribution, fitted OpDistNASClassifier, str or Path
        The distribution itself, the best one of a fitted estimator, or that in a file of
        :meth:`OperationDistribution.save`. It is looked up at once, so that copies and clones keep it.
    strength : float, default=20.0
        How many observed operations the prior counts for, beside one of each kind that a search begins with anyway. The
        larger it is, the nearer to the distribution the points are; 0 has no effect.

    Attributes
    ----------
    distribution : OperationDistribution
    strength : float

    Raises
    ------
    ValueError
        If the strength is negative or not finite, or a file holds no distribution.
    FileNotFoundError
        If there is no such file.
    sklearn.exceptions.NotFittedError
        If an estimator has no ``best_distribution_``.
    TypeError
        If the distribution is something else.

    See Also
    --------
    skopdist.search.run_search : Takes a prior.
    OperationDistribution.from_counts : Makes a distribution from counts of operations.

    Examples
    --------
    >>> from skopdist import OperationDistribution, Prior
    >>> Prior(OperationDistribution(["conv", "skip"], [0.75, 0.25]), strength=50)
    Prior(OperationDistribution(conv=0.75, skip=0.25), strength=50)
    """

    def __init__(self, distribution: DistributionSource, strength: float = PRIOR_STRENGTH) -> None:
        if not _is_number(strength) or not 0 <= strength < math.inf:
            raise ValueError(
                f"The strength of a prior must be a finite number of operations >= 0, got strength={strength!r}."
            )
        self.distribution = _find_distribution(distribution)
        self.strength = strength

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Prior):
            return NotImplemented
        return (self.distribution, self.strength) == (other.distribution, other.strength)

    def __hash__(self) -> int:
        return hash((self.distribution, self.strength))

    def __repr__(self) -> str:
        return f"Prior({self.distribution!r}, strength={self.strength!r})"


PriorLike: TypeAlias = Prior | DistributionSource


def as_prior(prior: PriorLike | None) -> Prior | None:
    """Turn what a user gives as `prior` into a Prior, of the default strength where none is given."""
    return prior if prior is None or isinstance(prior, Prior) else Prior(prior)


def prior_counts(prior: Prior | None, operations: Sequence[str], cell_types: Sequence[str]) -> NDArray[np.float64]:
    """Turn a prior into counts of operations that are taken as seen, shape (n_cell_types, k); zeros without one.

    Names may come in another order.

    Raises
    ------
    ValueError
        If the prior has other operations or cell types.
    """
    if prior is None:
        return np.zeros((len(cell_types), len(operations)))
    known = prior.distribution
    for what, here, there in (
        ("operations", operations, known.operations),
        ("cell types", cell_types, known.cell_types),
    ):
        unknown, missing = sorted(set(there) - set(here)), sorted(set(here) - set(there))
        if unknown or missing:
            found = [f"{unknown} are not in the search space"] if unknown else []
            found += [f"{missing} are not in the prior"] if missing else []
            raise ValueError(
                f"The prior is one over other {what}: {' and '.join(found)}. Give a prior over {tuple(here)}, or "
                "search the space that it comes from."
            )
    rows = [known.cell_types.index(cell_type) for cell_type in cell_types]
    columns = [known.operations.index(name) for name in operations]
    return prior.strength * known.probabilities[np.ix_(rows, columns)]


def _is_number(value: object) -> bool:
    return isinstance(value, int | float | np.number) and not isinstance(value, bool)


def _find_distribution(source: DistributionSource) -> OperationDistribution:
    if isinstance(source, OperationDistribution):
        return source
    if isinstance(source, str | Path):
        path = as_path(source, "prior", "a file that OperationDistribution.save wrote, or a distribution")
        try:
            return OperationDistribution.load(path)
        except OSError as error:
            raise type(error)(
                f"prior={source!r} is taken for the path of a file, which cannot be read ({error.strerror}): give the "
                "path of one that OperationDistribution.save wrote, or a distribution itself."
            ) from error
    found = getattr(source, "best_distribution_", None)
    if isinstance(found, OperationDistribution):
        return found
    if hasattr(source, "fit"):
        raise NotFittedError(
            f"The {type(source).__name__} given as prior has no best_distribution_: fit it first. A copy by "
            "sklearn.base.clone, as GridSearchCV makes, forgets its fit: give Prior(estimator) or its "
            "best_distribution_ there."
        )
    raise TypeError(
        "prior must be a Prior, an OperationDistribution, a fitted OpDistNASClassifier or the path of a file that "
        f"OperationDistribution.save wrote, got {source!r}."
    )
