"""
A study of search techniques on a table
=======================================

Which search technique is better is not seen from one search. A study wants dozens of seeds, and so it looks scores up:
first every cell of a small space is trained once, and then any number of searches run on that table.
"""

# %%
# The space: flat input, three operations on the three edges of a cell, so 27 cells. Every one is trained for some
# epochs on measurements of wines.

import itertools
import time

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_wine

from skopdist.encodings import AdjacencyEncoding, DistributionEncoding
from skopdist.evaluators import TabularEvaluator, TrainingEvaluator
from skopdist.search import run_search
from skopdist.spaces import DenseSpace
from skopdist.strategies import BayesianOptimization, LocalSearch, RandomSearch
from skopdist.training import Training

N_SEEDS, N_TRIALS, LENGTH = 20, 10, 3
space = DenseSpace(["linear_relu", "linear_tanh", "skip_connect"], stems=[], references=[])
training = TrainingEvaluator(space, n_cells=1, channels=8, training=Training(max_epochs=2), scoring="neg_log_loss")
training.fit(*load_wine(return_X_y=True), random_state=0)

begin = time.perf_counter()
scores = {}
for operations in itertools.product(space.operation_names, repeat=LENGTH):
    cell = space.make_cell(operations, space.potential_edges(LENGTH))
    scores[operations] = training.evaluate(space.make_architecture([cell]), seed=0).score
print(f"{len(scores)} cells trained in {time.perf_counter() - begin:.0f} s")
table = TabularEvaluator(space, scores)
print(f"The best: {max(scores, key=scores.get)}, with {table.optimum:.3f}")

# %%
# The searches. Each technique has the same seeds, so that differences can be taken seed by seed. ``trial_batch=1``
# means that a trial is known before the next is suggested.

techniques = {
    "random, distribution": (RandomSearch(), DistributionEncoding()),
    "local, distribution": (LocalSearch(trial_batch=1), DistributionEncoding()),
    "local, graph": (LocalSearch(trial_batch=1), AdjacencyEncoding()),
    "Bayesian, distribution": (BayesianOptimization(trial_batch=1), DistributionEncoding()),
}


def regrets(strategy, encoding, seed):
    """Return how far the best trial so far is below the best cell, after each trial."""
    result = run_search(strategy, table, encoding=encoding, length=LENGTH, n_trials=N_TRIALS, random_state=seed)
    return table.optimum - np.maximum.accumulate([trial.score for trial in result.trials])


found = {name: np.array([regrets(*parts, seed) for seed in range(N_SEEDS)]) for name, parts in techniques.items()}

# %%
# Means over the seeds with the standard error of the paired difference to random search.

base = found["random, distribution"].mean(axis=1)
figure, axis = plt.subplots(figsize=(6, 3.5), layout="constrained")
for name, values in found.items():
    difference = values.mean(axis=1) - base
    error = difference.std(ddof=1) / np.sqrt(N_SEEDS)
    print(f"{name:24} mean regret {values.mean():.4f}, less random search {difference.mean():+.4f} +- {error:.4f}")
    axis.plot(range(1, N_TRIALS + 1), values.mean(axis=0), label=name)
axis.set(xlabel="trials", ylabel="regret (log-loss)")
axis.legend()
