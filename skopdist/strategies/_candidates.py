"""The points among which a model-based strategy chooses, and which of them have been asked."""

from __future__ import annotations

from collections import Counter

import numpy as np
from numpy.typing import NDArray

from skopdist.encodings import Encoding
from skopdist.encodings._base import point_key
from skopdist.strategies._drawing import draw_unseen

Array = NDArray[np.float64]

# A space of up to so many points is scored as a whole; the lattices of NAS-Bench-201 (15,625 cells, 210 distributions)
# and of a DARTS cell (3,003 distributions) are. Beyond, a random sample stands in for it, and grows around the best.
_LISTED = 20_000
_DRAWN = 1000
# A long cell has thousands of neighbours.
_NEIGHBOURS = 400
_REFERENCE = 400


class CandidatePool:
    """Candidates of a space, each once, with their features.

    Points whose architectures compute the same function are one candidate. A candidate is closed, and not suggested
    again, as soon as it has been evaluated: another training of the same network would measure little more than noise.
    A candidate that stands for many architectures is closed after as many trials. Points that equal an evaluated
    candidate, and points that cannot be trained, come last, when a small space holds nothing else.

    Parameters
    ----------
    encoding : Encoding
        Bound.
    rng : Generator
    prior_counts : ndarray of shape (n_cell_types, k)
        What candidates are drawn around where the space is too large to be listed.

    Attributes
    ----------
    points : ndarray of shape (n_candidates, n_dims)
    parts : dict of str to ndarray of shape (n_candidates, n_features)
        See :meth:`Encoding.features`.
    """

    def __init__(self, encoding: Encoding, rng: np.random.Generator, prior_counts: Array) -> None:
        self.encoding, self.rng, self.prior_counts = encoding, rng, prior_counts
        self.points = np.empty((0, encoding.n_dims))
        self.parts = encoding.features(self.points)
        self._room = np.empty(0)
        self._row: dict[bytes, int] = {}
        self._asked: Counter[bytes] = Counter()
        self._asked_points: set[bytes] = set()
        self._by_function = True
        self._reserve: list[Array] = []
        self._listed = encoding.points(_LISTED)
        if self._listed is not None:
            self.add(self._listed)
        else:
            self._draw(_DRAWN)

    def add(self, points: Array) -> None:
        """Take up those points that are new."""
        first = len(self.points)
        kept: list[int] = []
        keys = self._keys(points)
        for i, key in enumerate(keys):
            if key and key not in self._row:
                self._row[key] = first + len(kept)
                kept.append(i)
        fresh = points[kept]
        self.points = np.concatenate([self.points, fresh])
        for name, part in self.encoding.features(fresh).items():
            self.parts[name] = np.concatenate([self.parts[name], part])
        asked = [self._asked[keys[i]] for i in kept]
        self._room = np.concatenate([self._room, self.encoding.n_architectures(fresh) - asked])

    def add_neighbours(self, points: Array) -> bool:
        """Take up neighbours of some points, unless the space is listed anyway; whether there were new ones."""
        before = len(self.points)
        if self._listed is None and len(points):
            each = -(-_NEIGHBOURS // len(points))
            self.add(np.concatenate([self.encoding.neighbours(point, each, self.rng) for point in points]))
        return len(self.points) > before

    def forget_neighbours(self) -> None:
        """Keep only what was listed or drawn, lest the pool grow with every question."""
        if self._listed is None:
            n = self._n_drawn
            self.points, self._room = self.points[:n], self._room[:n]
            self.parts = {name: part[:n] for name, part in self.parts.items()}
            self._row = {key: row for key, row in self._row.items() if row < n}

    def close(self, point: Array) -> None:
        """Note that a point is asked."""
        key = self._keys(point[None])[0]
        self._asked_points.add(point_key(point))
        self._asked[key] += 1
        if key in self._row:
            self._room[self._row[key]] -= 1

    def open_rows(self) -> NDArray[np.int64]:
        """Return the rows that may be asked; where there are none left, open the rest of the space first."""
        rows = np.flatnonzero(self._room > 0)
        if not len(rows) and self._listed is None:
            self._draw(_DRAWN // 10)
            return np.flatnonzero(self._room > 0)
        if not len(rows) and self._listed is not None and self._by_function:
            trainable = np.array([key != b"" for key in self._keys(self._listed)])
            unasked = np.array([point_key(point) not in self._asked_points for point in self._listed])
            self._by_function = False
            # Equals of what has been asked, and only after them those that cannot be trained.
            self._reserve = [self._listed[unasked & ~trainable], self._listed[unasked & trainable]]
        while not len(rows) and self._reserve:
            self.add(self._reserve.pop())
            rows = np.flatnonzero(self._room > 0)
        return rows

    def select(self, rows: NDArray[np.int64]) -> dict[str, Array]:
        """Return the features of some candidates."""
        return {name: part[rows] for name, part in self.parts.items()}

    def units(self) -> dict[str, float]:
        """Return the mean squared distance between candidates, by part."""
        rows = np.unique(np.linspace(0, max(len(self.points) - 1, 0), _REFERENCE).astype(np.int64))
        units = {}
        for name, part in self.select(rows[: len(self.points)]).items():
            variance = float(part.var(axis=0).sum()) if len(part) else 0.0
            units[name] = 2 * variance if variance > 1e-12 else 1.0
        return units

    def _draw(self, n: int) -> None:
        seen = set(self._asked_points)
        drawn = [draw_unseen(self.encoding, self.rng, self.prior_counts, seen) for _ in range(n)]
        self.add(np.array([point for point in drawn if point is not None]).reshape(-1, self.encoding.n_dims))
        self._n_drawn = len(self.points)

    def _keys(self, points: Array) -> list[bytes]:
        if self._by_function:
            return self.encoding.keys(points)
        return [point_key(point) for point in points]
