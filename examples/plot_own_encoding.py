"""
Write your own encoding
=======================

An encoding turns an architecture into a point, the vector that a strategy moves, and a point into an architecture. A
subclass of :class:`~skopdist.encodings.Encoding` has to implement three methods: ``_n_dims``, ``_encode`` and
``_decode``. From these follow neighbours, features, the list of all points and the rest, right if slow.
"""

import numpy as np
from matplotlib import pyplot as plt

from skopdist.encodings import DistributionEncoding, Encoding
from skopdist.search import run_search
from skopdist.strategies import BayesianOptimization
from skopdist.tables import load_digits_cells
from skopdist.testing import check_encoding

# %%
# In this encoding a point has one coordinate for each edge: 0 where the cell does not use the edge, and otherwise the
# number of its operation. When the methods are called, the encoding is bound: ``space_`` and ``length_`` are there.


class OrdinalEncoding(Encoding):
    """The number of the operation on every edge, for spaces without links."""

    def _n_dims(self):
        return len(self.space_.cell_types) * len(self.space_.potential_edges(self.length_))

    def _encode(self, architecture):
        edges, names = self.space_.potential_edges(self.length_), self.space_.operation_names
        placed = [dict(zip(cell.edges, cell.operations, strict=True)) for cell in architecture.cells]
        return np.array([1.0 + names.index(on[e]) if e in on else 0.0 for on in placed for e in edges])

    def _decode(self, point, rng):
        edges, names = self.space_.potential_edges(self.length_), self.space_.operation_names
        cells = []
        for codes in point.reshape(len(self.space_.cell_types), -1).astype(int):
            placed = {edge: names[code - 1] for edge, code in zip(edges, codes, strict=True) if code}
            cells.append(self.space_.make_cell(placed.values(), placed.keys()))
        return self.space_.make_architecture(cells)


# %%
# Its test: the contract of encodings. It takes points and architectures back and forth, at several lengths.

check_encoding(OrdinalEncoding())

# %%
# Every strategy runs on it at once. Here Bayesian optimisation searches a table of trained cells on it. The numbers of
# operations have no meaning, which the distribution has: so it should find good cells later, or not at all.

table = load_digits_cells()
figure, axis = plt.subplots(figsize=(6, 3.5), layout="constrained")
for encoding in (OrdinalEncoding(), DistributionEncoding()):
    curves = []
    for seed in range(5):
        result = run_search(BayesianOptimization(), table, encoding=encoding, n_trials=25, random_state=seed)
        curves.append(table.optimum - np.maximum.accumulate([trial.score for trial in result.trials]))
    print(f"{encoding!r}: regret after 25 trials {np.mean(curves, axis=0)[-1]:.2f} points")
    axis.plot(range(1, 26), np.mean(curves, axis=0), label=repr(encoding))
axis.set(xlabel="trials", ylabel="regret (points of accuracy)")
axis.legend()
