"""The operation distribution: a point of the simplex over the candidate operations."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from skopdist._random import RandomState, as_generator

# Longer cells than anybody can train, where numbers by mistake would run without end.
_MOST_OPERATIONS = 100_000

SAMPLING_METHODS = ("systematic", "multinomial")


class OperationDistribution:
    """Probabilities of the candidate operations of a cell, one row for each type of cell.

    A distribution is immutable and hashable. ``np.asarray(distribution)`` returns the probabilities, of shape ``(k,)``
    where there is one type of cell and ``(n_cell_types, k)`` otherwise.

    Parameters
    ----------
    operations : sequence of str
        The k operation names.
    probabilities : array-like of shape (k,) or (n_cell_types, k)
        Non-negative; each row sums to 1 (to within 1e-6, and is then normalised exactly).
    cell_types : sequence of str, default=("cell",)
        A name for each row.

    Attributes
    ----------
    operations : tuple of str
    cell_types : tuple of str
    probabilities : ndarray of shape (n_cell_types, k)
        Read-only float64.

    Raises
    ------
    ValueError
        If names repeat, shapes do not fit, or a row is not a probability vector.

    See Also
    --------
    skopdist.spaces.SearchSpace.sample : Draw an architecture from a distribution.
    skopdist.spaces.SearchSpace.encode : Return the distribution of an architecture.

    References
    ----------
    .. [1] Wan, Ru, Esperança, Carlucci, "Approximate Neural Architecture Search via Operation Distribution
       Learning", WACV 2022, arXiv 2111.04670.

    Examples
    --------
    >>> from skopdist import OperationDistribution
    >>> p = OperationDistribution(["conv", "pool", "skip"], [0.5, 0.25, 0.25])
    >>> p["conv"]
    0.5
    >>> p.sample(8, random_state=0)
    array([4, 2, 2])
    >>> p
    OperationDistribution(conv=0.50, pool=0.25, skip=0.25)
    """

    __slots__ = ("cell_types", "operations", "probabilities")

    operations: tuple[str, ...]
    cell_types: tuple[str, ...]
    probabilities: NDArray[np.float64]

    def __init__(
        self, operations: Sequence[str], probabilities: ArrayLike, cell_types: Sequence[str] = ("cell",)
    ) -> None:
        names, types = _unique(operations, "operations"), _unique(cell_types, "cell_types")
        rows = np.array(probabilities, dtype=np.float64, ndmin=2)
        if rows.shape != (len(types), len(names)):
            raise ValueError(
                f"Expected probabilities of shape ({len(types)}, {len(names)}), one row for each of the cell types "
                f"{types} and one column for each of the operations {names}; got shape {rows.shape}."
            )
        if not np.isfinite(rows).all() or (rows < 0).any():
            raise ValueError(f"Probabilities must be finite and not negative, got {rows.tolist()}.")
        totals = rows.sum(axis=1, keepdims=True)
        if (np.abs(totals - 1) > 1e-6).any():
            raise ValueError(
                f"Each row of probabilities must sum to 1, got sums {totals.ravel().tolist()}; "
                "use OperationDistribution.from_counts to normalise counts."
            )
        # A row that is already exact stays bit for bit as it is, so JSON and pickle round-trip.
        rows = np.where(np.abs(totals - 1) <= 1e-12, rows, rows / totals)
        rows.setflags(write=False)
        object.__setattr__(self, "operations", names)
        object.__setattr__(self, "cell_types", types)
        object.__setattr__(self, "probabilities", rows)

    @classmethod
    def uniform(cls, operations: Sequence[str], cell_types: Sequence[str] = ("cell",)) -> Self:
        """Make the distribution in which every operation has the same probability."""
        k = len(operations)
        return cls(operations, np.full((len(cell_types), k), 1 / k), cell_types)

    @classmethod
    def from_counts(cls, operations: Sequence[str], counts: ArrayLike, cell_types: Sequence[str] = ("cell",)) -> Self:
        """Normalise non-negative counts (or weights), of shape (k,) or (n_cell_types, k), into a distribution."""
        rows = np.array(counts, dtype=np.float64, ndmin=2)
        totals = rows.sum(axis=1, keepdims=True)
        if not (totals > 0).all():
            raise ValueError(f"Each row of counts must have a positive sum, got {rows.tolist()}.")
        return cls(operations, rows / totals, cell_types)

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"{type(self).__name__} is immutable; make a new one instead of setting {name!r}.")

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.operations, self.probabilities, self.cell_types)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        values = self.probabilities[0] if len(self.cell_types) == 1 else self.probabilities
        return np.array(values, dtype=dtype)

    def __getitem__(self, name: str) -> float | NDArray[np.float64]:
        """Return the probability of an operation: a float, or one for each type of cell, shape (n_cell_types,)."""
        if name not in self.operations:
            raise KeyError(f"{name!r} is not one of the operations {self.operations}.")
        column = self.probabilities[:, self.operations.index(name)]
        return float(column[0]) if len(column) == 1 else column

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, OperationDistribution):
            return NotImplemented
        return (
            self.operations == other.operations
            and self.cell_types == other.cell_types
            and np.array_equal(self.probabilities, other.probabilities)
        )

    def __hash__(self) -> int:
        return hash((self.operations, self.cell_types, self.probabilities.tobytes()))

    def __repr__(self) -> str:
        # Of several cells each has operations that the others have not.
        is_short = len(self.cell_types) > 1
        rows = [
            ", ".join(
                f"{name}={value:.2f}" for name, value in zip(self.operations, row, strict=True) if value or not is_short
            )
            for row in self.probabilities
        ]
        if len(rows) == 1:
            return f"OperationDistribution({rows[0]})"
        return (
            "OperationDistribution("
            + "; ".join(f"{cell_type}: {row}" for cell_type, row in zip(self.cell_types, rows, strict=True))
            + ")"
        )

    @property
    def entropy(self) -> float | NDArray[np.float64]:
        """Shannon entropy in nats: a float, or one for each type of cell, shape (n_cell_types,)."""
        p = self.probabilities
        values = -np.sum(p * np.log(np.where(p > 0, p, 1.0)), axis=1) + 0.0
        return float(values[0]) if len(values) == 1 else values

    def sample(self, length: int, random_state: RandomState = None, method: str = "systematic") -> NDArray[np.int64]:
        """Draw how often each operation occurs in a cell of `length` operations.

        Parameters
        ----------
        length : int
            Number N >= 1 of operations in a cell.
        random_state : int, Generator, RandomState or None, default=None
        method : {"systematic", "multinomial"}, default="systematic"
            Systematic sampling keeps every count within one of ``N * p`` and its expectation equal to it;
            multinomial sampling draws the N operations independently.

        Returns
        -------
        counts : ndarray of shape (k,) or (n_cell_types, k)
            Non-negative integers; each row sums to `length`.

        Raises
        ------
        ValueError
            If `length` is not a positive integer or `method` is unknown.
        """
        rng = as_generator(random_state)
        counts = np.stack([sample_counts(row, length, rng, method) for row in self.probabilities])
        return counts[0] if len(self.cell_types) == 1 else counts

    def to_dict(self) -> dict[str, Any]:
        """Return plain Python data that :meth:`from_dict` turns back into an equal distribution."""
        return {
            "operations": list(self.operations),
            "cell_types": list(self.cell_types),
            "probabilities": self.probabilities.tolist(),
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """Make the distribution that :meth:`to_dict` described."""
        return cls(data["operations"], data["probabilities"], data["cell_types"])

    def to_json(self) -> str:
        """Return JSON text that :meth:`from_json` turns back into an equal distribution."""
        return json.dumps(self.to_dict())

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Read the distribution that :meth:`to_json` wrote."""
        return cls.from_dict(json.loads(text))

    def save(self, path: str | Path) -> None:
        """Write the JSON text of the distribution to a file, which :meth:`load` reads.

        Examples
        --------
        >>> import tempfile
        >>> from pathlib import Path
        >>> from skopdist import OperationDistribution
        >>> p = OperationDistribution(["conv", "skip"], [0.75, 0.25])
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     p.save(Path(folder) / "found.json")
        ...     OperationDistribution.load(Path(folder) / "found.json")
        OperationDistribution(conv=0.75, skip=0.25)
        """
        Path(path).write_text(self.to_json() + "\n", encoding="utf-8")

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read a distribution that :meth:`save` wrote.

        Raises
        ------
        FileNotFoundError
            If there is no such file.
        ValueError
            If the file holds something else.
        """
        try:
            return cls.from_json(Path(path).read_text(encoding="utf-8"))
        except (ValueError, KeyError, TypeError) as error:
            raise ValueError(
                f"{path} holds no distribution ({type(error).__name__}: {error}); expected the JSON text that "
                "OperationDistribution.save writes. OpDistNASClassifier.load reads the file of an estimator."
            ) from error


def check_length(length: object) -> None:
    """Refuse a number of operations that no cell can have."""
    if isinstance(length, bool) or not isinstance(length, int | np.integer) or not 1 <= length <= _MOST_OPERATIONS:
        raise ValueError(
            f"length must be an integer >= 1 and at most {_MOST_OPERATIONS:,}, the number of operations in a cell; got "
            f"{length!r}."
        )


def sample_counts(
    p: NDArray[np.float64], length: int, rng: np.random.Generator, method: str = "systematic"
) -> NDArray[np.int64]:
    """Draw the counts of one cell from a probability vector `p` of shape (k,); see `OperationDistribution.sample`."""
    check_length(length)
    if method == "systematic":
        return _systematic(p, length, rng)
    if method == "multinomial":
        return rng.multinomial(length, p)
    raise ValueError(f"Unknown sampling method {method!r}; expected one of {SAMPLING_METHODS}.")


def lattice(n_operations: int, length: int) -> NDArray[np.int64]:
    """List all count vectors of `length` operations of `n_operations` kinds.

    Returns
    -------
    counts : ndarray of shape (C(length + n_operations - 1, length), n_operations)
        In lexicographic order; each row sums to `length`. There are millions of rows for long cells of many operations,
        so compute their number before you call this.

    Examples
    --------
    >>> lattice(5, 6).shape  # NAS-Bench-201
    (210, 5)
    """
    check_length(length)
    # Column by column, for a recursion would make the shorter lists again and again.
    rows, left = np.zeros((1, 0), dtype=np.int64), np.array([length])
    for _ in range(n_operations - 1):
        repeats = left + 1
        counts = np.arange(repeats.sum()) - np.repeat(np.cumsum(repeats) - repeats, repeats)
        rows = np.column_stack([np.repeat(rows, repeats, axis=0), counts])
        left = np.repeat(left, repeats) - counts
    return np.column_stack([rows, left])


def _unique(names: Iterable[str], what: str) -> tuple[str, ...]:
    result = tuple(str(name) for name in names)
    if not result or len(set(result)) < len(result):
        raise ValueError(f"{what} must be distinct names, at least one; got {result}.")
    return result


def _systematic(p: NDArray[np.float64], length: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Draw counts by systematic sampling: one uniform offset decides all roundings, so each is off by less than 1."""
    target = length * p
    # An integer target that rounding pushed to 2.9999999 must stay an integer.
    near = np.rint(target)
    target = np.where(np.abs(target - near) < 1e-9, near, target)
    counts = np.floor(target).astype(np.int64)
    missing = length - counts.sum()
    if missing == 0:
        return counts
    # Shuffled, for otherwise neighbours in the list would hardly ever be rounded up together.
    order = rng.permutation(len(p))
    edges = np.cumsum((target - counts)[order])
    steps = np.floor(edges * (missing / edges[-1]) + rng.random()).astype(np.int64)
    # The last edge is an integer, but for rounding; the offset must not carry it over.
    steps[-1] = missing
    counts[order] += np.diff(np.minimum(steps, missing), prepend=0)
    return counts
