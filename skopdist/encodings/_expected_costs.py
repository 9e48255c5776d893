"""Limits on expected costs: half-spaces of the simplex, and the way into them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NoReturn

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linprog

from skopdist.architecture import Architecture
from skopdist.encodings._limit import Limit
from skopdist.operations import is_zero
from skopdist.spaces import SearchSpace

Array = NDArray[np.float64]

# Costs that agree with the expected ones in so many random architectures are taken for linear.
_PROBES = 50
# In units of a cost's range: where sums of floating point numbers count as equal.
TOLERANCE = 1e-9


class ExpectedCosts:
    """The expected costs of the cells drawn from a distribution, and the distributions within the limits on them.

    The expected cost is linear in the distribution. Its coefficients are measured on cells that hold one operation
    throughout.

    Parameters
    ----------
    space : SearchSpace
    length : int
    limits : sequence of Limit

    Attributes
    ----------
    slopes : ndarray of shape (n_limits, n_cell_types, k)
        The cost that the whole of a cell type adds when it holds one operation, beside that of a usual one.
    maxima, scales : ndarray of shape (n_limits,)
        The largest cost allowed, and the unit in which excesses of different costs are compared.
    open : ndarray of shape (n_cell_types, k), bool
        Which operations may stand in a cell of each type, and pass something on.
    anchor : ndarray of shape (n_cell_types, k)
        A distribution within the limits, as cheap as can be.

    Raises
    ------
    ValueError
        If no distribution is within the limits; with the smallest possible cost.
    """

    def __init__(self, space: SearchSpace, length: int, limits: Sequence[Limit]) -> None:
        self.space, self.length, self.limits = space, length, limits
        self.passing = np.array([not is_zero(name) for name in space.operation_names])
        if not self.passing.any():
            self.passing[:] = True
        self.kinds = space.kinds(length)
        self.open = self.passing & space.allowed
        self._measure()
        total = np.where(self.open, (self.slopes / self.scales[:, None, None]).sum(axis=0), np.inf)
        self._cheapest = self.open & (total <= total.min(axis=1, keepdims=True) + TOLERANCE)
        self.anchor = self._cheapest / self._cheapest.sum(axis=1, keepdims=True)
        if not self.within(self.anchor):
            self.anchor = self._solve()

    def of(self, architecture: Architecture) -> Array:
        """Return the costs of a single architecture, shape (n_limits,)."""
        return np.array([limit.of(architecture) for limit in self.limits])

    def expected(self, p: Array) -> Array:
        """Return the expected costs of distributions (..., n_cell_types, k), shape (..., n_limits)."""
        return self._base + np.einsum("jtk,...tk->...j", self.slopes, p)

    def within(self, p: Array) -> NDArray[np.bool_]:
        """Whether distributions (..., n_cell_types, k) are within all limits, shape (...)."""
        within: NDArray[np.bool_] = (self.expected(p) <= self.maxima + TOLERANCE * self.scales).all(axis=-1)
        return within

    def way_in(self, p: Array) -> tuple[float, Array]:
        """Return the smallest step, from 0 to 1, that brings a distribution within the limits, and where it leads.

        It leads to the cheapest operations, in the ratio that `p` has among them, or where that is no way in to the
        anchor.
        """
        target = np.where(self._cheapest, p, 0.0)
        totals = target.sum(axis=1, keepdims=True)
        even = self._cheapest / self._cheapest.sum(axis=1, keepdims=True)
        target = np.where(totals > TOLERANCE, target / np.maximum(totals, TOLERANCE), even)
        if not self.within(target):
            target = self.anchor
        here, there = self.expected(p), self.expected(target)
        beyond = here > self.maxima
        steps = (here - self.maxima)[beyond] / np.maximum(here - there, TOLERANCE * self.scales)[beyond]
        return float(np.clip(steps, 0, 1).max(initial=0.0)), target

    def are_exact(self) -> bool:
        """Whether random architectures cost what their ratio of operations is expected to."""
        rng = np.random.default_rng(0)
        for _ in range(_PROBES):
            architecture = self.space.sample(self.space.uniform(), self.length, rng)
            away = self.of(architecture) - self.expected(self.space.encode(architecture).probabilities)
            if (np.abs(away) > TOLERANCE * self.scales).any():
                return False
        return True

    def refuse(self, smallest: Array) -> NoReturn:
        """Raise the error of limits that nothing meets, with the smallest possible costs, shape (n_limits,)."""
        texts = [
            f"{limit.name}={limit.maximum:.12g}, where the smallest possible cost is {_shown(cost)}"
            for limit, cost in zip(self.limits, smallest, strict=True)
            if cost > limit.maximum
        ]
        if not texts:
            texts = ["all at once: " + ", ".join(f"{limit.name}={limit.maximum:.12g}" for limit in self.limits)]
        raise ValueError(
            f"No architecture of length {self.length} in {type(self.space).__name__} is within the limit "
            f"{'; '.join(texts)}. Raise the limit, or search cells that are shorter, narrower or fewer."
        )

    def _measure(self) -> None:
        space, rng = self.space, np.random.default_rng(0)
        wirings = [
            (space.sample_wiring(self.length, rng), space.sample_links(self.length, rng)) for _ in space.body_types
        ]
        names, allowed = space.operation_names, space.allowed
        usual = [names[int(np.argmax(row))] for row in self.open]

        def costs(chosen: Sequence[str]) -> Array:
            cells = [
                space.make_cell([name] * self.length, *wiring) for name, wiring in zip(chosen, wirings, strict=False)
            ]
            return self.of(space.make_architecture([*cells, *map(space.make_stem, chosen[len(cells) :])]))

        self._base = costs(usual)
        # Nothing ever depends on the slopes of what is not allowed.
        slopes = [
            [
                costs([*usual[:t], name, *usual[t + 1 :]]) - self._base if allowed[t, o] else np.zeros(len(self._base))
                for o, name in enumerate(names)
            ]
            for t in range(len(usual))
        ]
        self.slopes = np.moveaxis(np.array(slopes), 2, 0)  # (n_limits, n_cell_types, k)
        self.maxima = np.array([limit.maximum for limit in self.limits])
        self.scales = np.maximum(np.abs(self.maxima), np.ptp(self.slopes, axis=2).sum(axis=1))
        self.scales[self.scales == 0] = 1.0

    def _solve(self) -> Array:
        """Return the distribution that is least beyond the limits, each in its own unit, by linear programming."""
        n_types, k = self.slopes.shape[1:]
        allowed = self.space.allowed
        rows = np.kron(np.eye(n_types), np.ones(k))
        # Operations that pass nothing on may be the cheapest, but at least one other has to be in each cell.
        passing = np.kron(np.eye(n_types), np.ones(k)) * self.open.ravel()
        shares = np.array([1 / kind.length for kind in self.kinds])
        slopes = (self.slopes / self.scales[:, None, None]).reshape(len(self.scales), -1)
        excess = -np.ones((len(slopes), 1))
        solution = linprog(
            [*np.zeros(n_types * k), 1.0],
            A_ub=np.vstack([np.hstack([slopes, excess]), np.hstack([-passing, np.zeros((n_types, 1))])]),
            b_ub=[*((self.maxima - self._base) / self.scales), *-shares],
            A_eq=np.hstack([rows, np.zeros((n_types, 1))]),
            b_eq=np.ones(n_types),
            bounds=[(0, int(here)) for here in allowed.ravel()] + [(None, None)],
        )
        anchor = np.clip(np.asarray(solution.x)[:-1].reshape(n_types, k), 0, 1)
        anchor /= anchor.sum(axis=1, keepdims=True)
        if not self.within(anchor):
            lowest, lowest_open = (np.where(which, self.slopes, np.inf).min(axis=2) for which in (allowed, self.open))
            cheap = (1 - shares) * lowest + shares * lowest_open
            self.refuse(self._base + cheap.sum(axis=1))
        return anchor


def _shown(cost: float) -> str:
    """Write counts in full, and the seconds of a latency to four digits."""
    return f"{cost:.12g}" if cost >= 1 else f"{cost:.4g}"
