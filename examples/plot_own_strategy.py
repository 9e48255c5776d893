"""
Write your own strategy
=======================

A strategy suggests points, observes their trials and recommends a distribution. A subclass of
:class:`~skopdist.strategies.Strategy` has to implement one method, ``_suggest``, and most learn in ``_observe``. It
knows an encoding, and never networks or data.
"""

import numpy as np
from matplotlib import pyplot as plt

from skopdist import OperationDistribution
from skopdist.search import run_search
from skopdist.strategies import RandomSearch, Strategy
from skopdist.tables import load_digits_cells
from skopdist.testing import check_strategy

# %%
# This one is a cross-entropy method: it draws distributions from a Dirichlet distribution around the operations of the
# best sixth of all trials. When the methods are called, ``encoding_`` is bound to the space, ``rng_`` is the source of
# all randomness, ``trials_`` holds what was observed, and ``prior_counts_`` are the operations that are taken as seen
# before the search. ``trial_batch`` is how many points are suggested at a time. The recommendation is left to the
# default, which smooths the scores of similar distributions.


class CrossEntropy(Strategy):
    """Draw around the best sixth of the trials."""

    trial_batch = 4

    def _start(self):
        self.counts_ = 1 + self.prior_counts_

    def _suggest(self, n):
        space = self.encoding_.space_
        drawn = [[self.rng_.dirichlet(row) for row in self.counts_] for _ in range(n)]
        ratios = [OperationDistribution(space.operation_names, rows, space.cell_types) for rows in drawn]
        return [self.encoding_.from_distribution(ratio, self.rng_) for ratio in ratios]

    def _observe(self, trials):
        ranked = sorted((t for t in self.trials_ if t.succeeded), key=lambda trial: -trial.score)
        best = [trial.architecture for trial in ranked[: 1 + len(ranked) // 6]]
        if best:
            counts = [architecture.counts(self.encoding_.space_.operation_names) for architecture in best]
            self.counts_ = 1 + self.prior_counts_ + np.mean(counts, axis=0)


# %%
# Its test: the contract of strategies. Seeds, copies, failed trials and spaces that run dry are among what it looks at.

check_strategy(CrossEntropy())

# %%
# It runs wherever a strategy is expected, ``OpDistNASClassifier(CrossEntropy())`` for example; here on a table of
# trained cells, whose best one is known. In so small a space random search is hard to beat.

table = load_digits_cells()
figure, axis = plt.subplots(figsize=(6, 3.5), layout="constrained")
for strategy in (CrossEntropy(), RandomSearch()):
    curves = []
    for seed in range(10):
        result = run_search(strategy, table, n_trials=40, random_state=seed)
        curves.append(table.optimum - np.maximum.accumulate([trial.score for trial in result.trials]))
    print(f"{strategy!r}: regret after 40 trials {np.mean(curves, axis=0)[-1]:.2f} points")
    axis.plot(range(1, 41), np.mean(curves, axis=0), label=repr(strategy))
axis.set(xlabel="trials", ylabel="regret (points of accuracy)")
axis.legend()
