"""The contract of an encoding."""

from __future__ import annotations

import pickle
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from skopdist.architecture import Architecture
from skopdist.encodings import Encoding
from skopdist.spaces import NASBench201Space, SearchSpace
from skopdist.testing._parts import check_equal, check_parameters, check_refuses, draw_distribution

_MOST_NEIGHBOURS = 300


def check_encoding(
    encoding: Encoding, space: SearchSpace | None = None, lengths: Iterable[int] = (1, 6, 7), random_state: int = 0
) -> None:
    """Check that an encoding agrees with itself: points, architectures, distributions and neighbours.

    Parameters
    ----------
    encoding : Encoding
        Not bound to a space.
    space : SearchSpace or None, default=None
        None takes ``NASBench201Space()``.
    lengths : iterable of int, default=(1, 6, 7)
    random_state : int, default=0

    Raises
    ------
    AssertionError
        If the encoding breaks the contract.

    Examples
    --------
    >>> from skopdist.encodings import AdjacencyEncoding
    >>> from skopdist.testing import check_encoding
    >>> check_encoding(AdjacencyEncoding())
    """
    space = NASBench201Space() if space is None else space
    check_parameters(encoding)
    for length in lengths:
        bound = encoding.bind(space, length)
        assert bound is not encoding, "bind() must give a copy."
        assert not hasattr(encoding, "space_"), "bind() must leave the encoding itself as it was."
        assert bound.space_ is space, "bind() must keep the space."
        assert bound.length_ == length, f"bind() must keep the length {length}, got {bound.length_!r}."
        _check_points(bound, random_state)
        copied = pickle.loads(pickle.dumps(bound))
        architecture = _draw(bound, np.random.default_rng(random_state))
        check_equal(copied.encode(architecture), bound.encode(architecture), "encode() after pickling")


def _draw(encoding: Encoding, rng: np.random.Generator) -> Architecture:
    """Draw an architecture that the encoding may propose; one with a limit does not propose all of its space."""
    return encoding.decode(encoding.from_distribution(encoding.space_.uniform(), rng), rng)


def _check_points(encoding: Encoding, random_state: int) -> None:
    space, length = encoding.space_, encoding.length_
    rng = np.random.default_rng(random_state)
    for _ in range(5):
        architecture = _draw(encoding, rng)
        point = encoding.encode(architecture)
        seed = int(rng.integers(2**31))
        _check_point(encoding, point, "encode()")
        decoded = encoding.decode(point, seed)
        check_equal(encoding.encode(decoded), point, f"encode(decode(encode({architecture})))")
        assert encoding.decode(point, seed) == decoded, "decode() gave two architectures for the same random_state."
        ratio = encoding.distribution(point).probabilities
        expected = space.encode(architecture).probabilities
        assert np.allclose(ratio, expected, rtol=0, atol=1e-9), (
            f"distribution(encode(a)) must be the ratio of operations {expected.tolist()} of {architecture}, "
            f"got {ratio.tolist()}."
        )
        _check_neighbours(encoding, point, rng)

        drawn = draw_distribution(space, rng)
        point = encoding.from_distribution(drawn, seed)
        _check_point(encoding, point, "from_distribution()")
        check_equal(encoding.from_distribution(drawn, seed), point, "from_distribution() with the same random_state")
        decoded = encoding.decode(point, seed)
        assert decoded.length == length, f"decode() gave the length {decoded.length} where {length} was bound."
        counts = np.array(decoded.counts(space.operation_names))
        lengths = np.array([[kind.length] for kind in space.kinds(length)])
        far = np.abs(counts - lengths * encoding.distribution(point).probabilities).max()
        # Only invalid draws are made anew, and uniformly random ones hardly are.
        assert far < 1 + 1e-9 or not space.is_valid(decoded), (
            f"decode() is off by {far:.3f} of an operation from the point's distribution; less than 1 was expected."
        )
    _check_mixture(encoding, rng)
    wrong = np.zeros(encoding.n_dims + 1)
    check_refuses(lambda: encoding.decode(wrong), "decode() with a point of another space")
    longer = space.sample(space.uniform(), length + 1, rng)
    check_refuses(lambda: encoding.encode(longer), "encode() with an architecture of another length")


def _check_point(encoding: Encoding, point: NDArray[np.float64], what: str) -> None:
    assert isinstance(point, np.ndarray), f"{what} must give an array, got {type(point).__name__}."
    assert point.shape == (encoding.n_dims,), f"{what} must have the shape ({encoding.n_dims},), got {point.shape}."
    assert point.dtype == np.float64, f"{what} must be float64, got {point.dtype}."
    assert np.isfinite(point).all(), f"{what} must be finite, got {point}."


def _check_neighbours(encoding: Encoding, point: NDArray[np.float64], rng: np.random.Generator) -> None:
    before = point.copy()
    neighbours = encoding.neighbours(point)
    check_equal(point, before, "The point behind neighbours()")
    check_equal(encoding.neighbours(point), neighbours, "neighbours() called twice")
    assert neighbours.ndim == 2, f"neighbours() must have the shape (n, n_dims), got {neighbours.shape}."
    assert neighbours.shape[1] == encoding.n_dims, f"neighbours() must have {encoding.n_dims} columns."
    assert len(neighbours) or len(encoding.space_.operation_names) == 1, "neighbours() gave none."
    keys = {row.round(9).tobytes() for row in neighbours + 0.0}
    drawn = encoding.neighbours(point, len(neighbours) + 1, np.random.default_rng(0))
    assert {row.round(9).tobytes() for row in drawn + 0.0} == keys, (
        "All neighbours, drawn, must be those that are listed."
    )
    check_equal(encoding.neighbours(point, 2, 0), encoding.neighbours(point, 2, 0), "neighbours() of one random_state")
    assert len(encoding.neighbours(point, 2, 0)) == min(2, len(neighbours)), (
        "neighbours() gave more than it was asked for."
    )
    assert len(keys) == len(neighbours), f"{len(neighbours) - len(keys)} of {len(neighbours)} neighbours are repeated."
    assert (point.round(9) + 0.0).tobytes() not in keys, "The point itself is among its neighbours."
    # All of them but for long cells, which have thousands.
    for row in neighbours[:: -(-len(neighbours) // _MOST_NEIGHBOURS) or 1]:
        architecture = encoding.decode(row, rng)
        assert architecture.length == encoding.length_, f"A neighbour has the length {architecture.length}."
        check_equal(encoding.encode(architecture), row, "encode(decode(neighbour))")


def _check_mixture(encoding: Encoding, rng: np.random.Generator) -> None:
    """A mixture has a point, from which architectures are drawn."""
    shape = encoding.mixture_shape
    allowed = encoding.space_.allowed
    rows = [np.broadcast_to(row, (*shape[1:-1], shape[-1])) for row in allowed]
    weights = rng.exponential(size=shape) * np.array(rows)
    first = encoding.from_mixture(weights / weights.sum(axis=-1, keepdims=True))
    _check_point(encoding, first, "from_mixture()")
    mixture = encoding.mixture(first)
    point = encoding.from_mixture(mixture)
    nearest = encoding.encode(encoding.decode(first, 0))
    # A limit may move a mixture, but not twice. Where there are points between architectures, nothing is rounded.
    if not np.allclose(nearest, first, rtol=0, atol=1e-9):
        check_equal(encoding.mixture(point), mixture, "mixture(from_mixture(mixture))")
    encoding.space_.check_distribution(encoding.distribution(point))
    for _ in range(3):
        architecture = encoding.decode(point, rng)
        encoding.space_.check_architecture(architecture)
        assert architecture.length == encoding.length_, f"A draw has the length {architecture.length}."
        encoded = encoding.encode(architecture)
        check_equal(encoding.encode(encoding.decode(encoded)), encoded, "A draw that is encoded and decoded")
    check_refuses(lambda: encoding.from_mixture(mixture * 2), "from_mixture() with rows that do not sum to 1")
