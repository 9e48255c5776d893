"""How deep and how wide a network is where nobody said: the usual size, and the one that uses a limit of cost up."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from functools import partial

from skopdist.architecture import Architecture
from skopdist.encodings import DistributionEncoding, LimitedEncoding
from skopdist.networks._costs import NetworkCosts
from skopdist.spaces import SearchSpace

# Width of the first cell, by the number of spatial dimensions of a sample, and number of cells.
_CHANNELS = {0: 64, 1: 32, 2: 16}
_N_CELLS = 3
# Widths to choose from. Cost grows with the square of the width, so one step is 1.2 to 2.3 times the cost.
_WIDTHS = (*range(4, 16, 2), *range(16, 64, 4), *range(64, 136, 8))
# A limit may make networks so many times wider than usual, and a training about the square of it as long.
_WIDER = 2
# Before cells become narrower than this share of the usual width, there are fewer of them.
_NARROW = 0.5
# Cells drawn where the space names none that are known to be good.
_DRAWS = 9


def usual_size(n_spatial: int) -> tuple[int, int]:
    """Return the number of cells and the width of the first one where neither the user nor a limit says.

    These are 3 cells, and 16 channels for images, 32 for series and 64 for flat input.

    Parameters
    ----------
    n_spatial : int
        Number of dimensions behind the channels of a sample.

    Examples
    --------
    >>> from skopdist.networks import usual_size
    >>> usual_size(n_spatial=2)
    (3, 16)
    """
    return _N_CELLS, _CHANNELS[n_spatial]


def fill_limits(
    limits: Mapping[str, float | None],
    costs: NetworkCosts,
    space: SearchSpace,
    length: int | None = None,
    *,
    n_cells: int | None = None,
    channels: int | None = None,
) -> tuple[int, int]:
    """Choose depth and width such that a typical network uses the limits up.

    A size is within the limits where at least half of the cells that the space names as known to be good are, or of
    nine random cells, where it names none. The deepest size of 3 cells or fewer is taken that is at least half as wide
    as usual; of one cell, the widest, from 4 channels on. The widest is twice as wide as usual: it takes about four
    times as long to train.

    Parameters
    ----------
    limits : mapping of str to float or None
        As for :meth:`NetworkCosts.limits`, and of one network. Without any, the size is the usual one.
    costs : NetworkCosts
        Of any size: what the samples and the classes are, and where latencies are measured.
    space : SearchSpace
    length : int or None, default=None
        Number of operations in a cell; None takes the space's default.
    n_cells, channels : int or None, default=None
        What is given stays as it is, and the other is chosen.

    Returns
    -------
    n_cells, channels : int

    Raises
    ------
    ValueError
        If no cell of the smallest of these sizes is within the limits, with the smallest possible cost; or if `limits`
        are not as described.

    Examples
    --------
    >>> from skopdist.networks import NetworkCosts, fill_limits
    >>> from skopdist.spaces import NASBench201Space
    >>> costs, space = NetworkCosts((1, 8, 8), n_classes=10), NASBench201Space()
    >>> [fill_limits({"params": n}, costs, space) for n in (5_000, 100_000, 10_000_000)]
    [(1, 10), (3, 8), (3, 32)]
    """
    usual_cells, usual = usual_size(space.n_spatial)
    if not costs.limits(limits):
        return n_cells or usual_cells, channels or usual
    length = space.default_length if length is None else length
    typical = _typical(space, length)
    depths = range(usual_cells, 0, -1) if n_cells is None else (n_cells,)
    widths = [w for w in _WIDTHS if w <= _WIDER * usual] if channels is None else [channels]

    def is_beyond(width: int, depth: int) -> bool:
        found = costs.of_size(depth, width).limits(limits)
        within = sum(all(limit.allows(architecture) for limit in found) for architecture in typical)
        return 2 * within < len(typical)

    for depth in depths:
        narrowest = _NARROW * usual if channels is None and depth > min(depths) else 0
        wide = [w for w in widths if w >= narrowest]
        n = bisect_left(wide, True, key=partial(is_beyond, depth=depth))
        if n:
            return depth, wide[n - 1]
    depth, width = min(depths), min(widths)
    try:
        LimitedEncoding(DistributionEncoding(), costs.of_size(depth, width).limits(limits)).bind(space, length)
    except ValueError as error:
        raise ValueError(
            f"{error} Where depth and width are open, networks have at least 1 cell of {_WIDTHS[0]} channels: these "
            f"have n_cells={depth}, channels={width}."
        ) from error
    return depth, width


def _typical(space: SearchSpace, length: int) -> Sequence[Architecture]:
    """Return the cells by which a size is judged."""
    known = space.reference_architectures(length)
    return known or [space.sample(space.uniform(), length, random_state=i) for i in range(_DRAWS)]
