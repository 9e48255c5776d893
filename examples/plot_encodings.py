"""
Search techniques and encodings
===============================

Any strategy runs on any encoding. Here four of them search the table of digits cells that comes with the package: 729
cells of three operations on six edges, all of them trained beforehand, so that a search takes a moment and its distance
to the best cell, its regret, is known.
"""

import matplotlib.pyplot as plt
import numpy as np

from skopdist.encodings import AdjacencyEncoding, DistributionEncoding, HybridEncoding
from skopdist.search import run_search
from skopdist.strategies import BayesianOptimization, LocalSearch, RandomSearch, RegularizedEvolution
from skopdist.tables import load_digits_cells

# As many trials as there are distributions of three operations on six edges.
N_TRIALS, N_SEEDS = 28, 5

# %%
# The best cell of the table, and what a trial of a search notes.

table = load_digits_cells()
print(f"Best validation accuracy of all cells: {table.optimum:.2f} %")
space = table.search_space
print(table.evaluate(space.sample(space.uniform(), random_state=0)))

# %%
# Every strategy searches on the distribution of operations, which is the encoding of the paper, and on the graph, which
# is the traditional one; ``BayesianOptimization`` on its default as well, which shows both to its model.

searches = {
    "random search, distribution": (RandomSearch(), DistributionEncoding()),
    "random search, graph": (RandomSearch(), AdjacencyEncoding()),
    "local search, distribution": (LocalSearch(trial_batch=1), DistributionEncoding()),
    "local search, graph": (LocalSearch(trial_batch=1), AdjacencyEncoding()),
    "evolution, graph": (RegularizedEvolution(), AdjacencyEncoding()),
    "Bayesian optimisation, distribution": (BayesianOptimization(trial_batch=1), DistributionEncoding()),
    "Bayesian optimisation, graph": (BayesianOptimization(trial_batch=1), AdjacencyEncoding()),
    "Bayesian optimisation, hybrid": (BayesianOptimization(trial_batch=1), HybridEncoding()),
}


def regret(strategy, encoding, seed):
    """Points below the best cell of the table, after each trial."""
    result = run_search(strategy, table, encoding=encoding, n_trials=N_TRIALS, random_state=seed)
    return table.optimum - np.maximum.accumulate([trial.score for trial in result.trials])


regrets = {
    name: np.mean([regret(strategy, encoding, seed) for seed in range(N_SEEDS)], axis=0)
    for name, (strategy, encoding) in searches.items()
}
for name, curve in regrets.items():
    print(f"{name:36} regret after 10 trials {curve[9]:5.2f}, after {N_TRIALS}: {curve[-1]:5.2f}")

# %%
# The mean over the seeds. The fewer trials a search may have, the more it matters what it knows of a cell.

figure, axis = plt.subplots(figsize=(8, 5))
dashes = {"distribution": "-", "graph": "--", "hybrid": ":"}
for name, curve in regrets.items():
    technique, encoding = name.split(", ")
    colour = ["random search", "local search", "evolution", "Bayesian optimisation"].index(technique)
    axis.plot(range(1, N_TRIALS + 1), curve, color=f"C{colour}", linestyle=dashes[encoding], label=name)
axis.set_xlabel("trials")
axis.set_ylabel("regret (points of validation accuracy)")
axis.set_yscale("log")
axis.legend()
figure.tight_layout()
