"""What is known before a search: the distribution around which strategies draw."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from sklearn.exceptions import NotFittedError

from skopdist.distribution import OperationDistribution

Prior: TypeAlias = OperationDistribution | BaseEstimator | str | Path

# In observed operations, about those of three cells of NAS-Bench-201: beside the five of the flat Dirichlet they make
# up four fifths of the mean, and a share of one half is spread by .10, less than one operation of a cell of six. So
# most draws are like what was good elsewhere, and none is out of reach. Argued so, and tuned on no data.
PRIOR_STRENGTH = 20.0


def read_prior(prior: Prior) -> OperationDistribution:
    """Give the distribution that a user meant: itself, the best of a fitted estimator, or that of a saved file.

    Raises
    ------
    ValueError
        If a file holds no distribution.
    FileNotFoundError
        If there is no such file.
    sklearn.exceptions.NotFittedError
        If an estimator has no ``best_distribution_``.
    TypeError
        If it is something else.
    """
    if isinstance(prior, OperationDistribution):
        return prior
    if isinstance(prior, str | Path):
        return OperationDistribution.load(prior)
    found = getattr(prior, "best_distribution_", None)
    if isinstance(found, OperationDistribution):
        return found
    if hasattr(prior, "fit"):
        raise NotFittedError(
            f"The {type(prior).__name__} given as prior has no best_distribution_: fit it first. A copy by "
            "sklearn.base.clone, as GridSearchCV makes, forgets its fit: give its best_distribution_ there."
        )
    raise TypeError(
        "prior must be an OperationDistribution, a fitted OpDistNASClassifier or the path of a file that "
        f"OperationDistribution.save wrote, got {prior!r}."
    )


def prior_counts(
    prior: OperationDistribution | None, strength: float, operations: Sequence[str], cell_types: Sequence[str]
) -> NDArray[np.float64]:
    """Turn a prior into counts of operations that are taken as seen, shape (n_cell_types, k); zeros without one.

    Names may come in another order.

    Raises
    ------
    ValueError
        If the prior has other operations or cell types, or the strength is negative or not finite.
    """
    if not 0 <= strength < math.inf:
        raise ValueError(f"prior_strength must be a finite number of operations >= 0, got {strength!r}.")
    if prior is None:
        return np.zeros((len(cell_types), len(operations)))
    for what, here, there in (
        ("operations", operations, prior.operations),
        ("cell types", cell_types, prior.cell_types),
    ):
        unknown, missing = sorted(set(there) - set(here)), sorted(set(here) - set(there))
        if unknown or missing:
            raise ValueError(
                f"The prior is one over other {what}: {unknown} are not in the search space and {missing} are not in "
                f"the prior. Give a prior over {tuple(here)}, or search the space that it comes from."
            )
    rows = [prior.cell_types.index(cell_type) for cell_type in cell_types]
    columns = [prior.operations.index(name) for name in operations]
    return strength * prior.probabilities[np.ix_(rows, columns)]
