"""Draws that are repeated until they are as a space allows."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from skopdist.architecture import Cell, Edge
from skopdist.distribution import sample_counts
from skopdist.operations import is_zero

# A thousand draws find a count of probability .01 but for one time in 20,000, in milliseconds.
_COUNT_DRAWS = 1000
_PLACEMENT_DRAWS = 500
# Of the defaults, before they give up; a second or so.
_REJECTED_DRAWS = 100_000


def draw_cell(
    make: Callable[[tuple[str, ...]], Cell],
    names: Sequence[str],
    p: NDArray[np.float64],
    length: int,
    rng: np.random.Generator,
    method: str,
) -> Cell:
    """Draw the operations of a cell, and place them at random, until there is a path from its input to its output.

    Parameters
    ----------
    make : callable ``operations -> cell``
        Draws the wiring of a cell with these operations, in this order.
    names : sequence of str
        Of the k candidate operations.
    p : ndarray of shape (k,)
        Their probabilities.
    length : int
        Number of operations in the cell.
    rng : numpy.random.Generator
    method : {"systematic", "multinomial"}
        See :meth:`~skopdist.OperationDistribution.sample`.

    Returns
    -------
    cell : Cell
        The last one that was drawn, where the distribution allows none with a path.
    """
    passing = np.array([not is_zero(name) for name in names])
    hopeless: set[bytes] = set()
    for _ in range(_COUNT_DRAWS):
        counts = sample_counts(p, length, rng, method)
        if counts.tobytes() in hopeless:
            continue
        slots = np.repeat(np.arange(len(names)), counts)
        for _ in range(_PLACEMENT_DRAWS):
            cell = make(tuple(names[i] for i in rng.permutation(slots)))
            if cell.live_slots(is_zero):
                return cell
            if not counts[passing].any():
                break
        hopeless.add(counts.tobytes())
        if not p[passing].any():
            break
    return cell


def draw_edges(
    draw: Callable[[], list[Edge]], accept: Callable[[frozenset[Edge]], bool], space: str, method: str
) -> tuple[Edge, ...]:
    """Draw edges, or links, until they are accepted.

    Parameters
    ----------
    draw, accept : callable
    space, method : str
        The names of the class, and of the method that it would do well to implement.

    Raises
    ------
    RuntimeError
        If hardly any draw is accepted.
    """
    for _ in range(_REJECTED_DRAWS):
        drawn = draw()
        if accept(frozenset(drawn)):
            return tuple(drawn)
    raise RuntimeError(
        f"{space}: none of {_REJECTED_DRAWS} random draws was allowed. Implement {method}, so that it draws only what "
        "the space allows."
    )
