"""
Write your own evaluator
========================

An evaluator scores an architecture. A subclass of :class:`~skopdist.evaluators.Evaluator` has to implement the property
``search_space`` and the method ``_evaluate``, which scores one architecture. Where it needs data, ``_fit`` takes them.
"""

from matplotlib import pyplot as plt

from skopdist.evaluators import Evaluator, Outcome
from skopdist.search import run_search
from skopdist.strategies import BayesianOptimization
from skopdist.tables import load_digits_cells
from skopdist.testing import check_evaluator

# %%
# This one stands before another evaluator and takes a price for each convolution off the score, so that a search looks
# for cells that are accurate and cheap. An :class:`~skopdist.evaluators.Outcome` is a score, where higher is better,
# and a cost, counted in passes over the training samples. Whatever ``_evaluate`` raises makes a failed trial, and the
# search goes on.


class Frugal(Evaluator):
    """The score of another evaluator, less a price for each convolution."""

    def __init__(self, evaluator, price=0.5):
        self.evaluator = evaluator
        self.price = price

    @property
    def search_space(self):
        return self.evaluator.search_space

    def _fit(self, problem, seed):
        self.evaluator.fit_problem(problem, seed)

    def _evaluate(self, architecture, mixture, seed):
        trial = self.evaluator.evaluate(architecture, mixture=mixture, seed=seed)
        n_convolutions = sum("conv" in name for name in architecture.operations)
        return Outcome(trial.score - self.price * n_convolutions, trial.cost)


# %%
# Its test: the contract of evaluators. The same seed must give the same score, and failures must be recorded.

table = load_digits_cells()
check_evaluator(Frugal(table))

# %%
# Any strategy searches with it; the table of trained cells makes that a matter of seconds.

figure, axis = plt.subplots(figsize=(6, 3), layout="constrained")
for price in (0.0, 0.5, 2.0):
    result = run_search(BayesianOptimization(), Frugal(table, price), n_trials=25, random_state=0)
    cell = result.best_architecture
    n_convolutions = sum("conv" in name for name in cell.operations)
    print(f"Price {price}: {table.evaluate(cell).score:.2f} % with {n_convolutions} convolutions")
    axis.scatter(n_convolutions, table.evaluate(cell).score, label=f"price {price}")
axis.set(xlabel="convolutions in the best cell", ylabel="accuracy (%)")
axis.legend()
