"""
A network under a limit of cost
===============================

How good can a network be that must not have more than so many parameters, as for a small device? Each search stays
within its limit from the beginning and uses it up, with as many cells and channels as fit.
"""

# %%
# The 8x8 images of handwritten digits that come with scikit-learn, and three limits.

from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from skopdist import OpDistNASClassifier
from skopdist.display import CostDisplay
from skopdist.strategies import LocalSearch

X, y = load_digits(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(X, y, stratify=y, random_state=0)
budgets = (1_000, 3_000, 10_000)

# %%
# One search for each limit. With ``n_cells=None`` and ``channels=None``, the defaults, depth and width follow from it.

fits = {}
for budget in budgets:
    clf = OpDistNASClassifier(
        LocalSearch(), limits={"params": budget}, n_trials=5, max_epochs=5, input_shape=(1, 8, 8), random_state=0
    ).fit(X_train, y_train)
    fits[budget] = clf
    size = f"{clf.n_cells_} cells, {clf.channels_} channels"
    used, accuracy = clf.n_parameters_, clf.score(X_test, y_test)
    print(f"{budget:6} allowed, {used:6} used: {accuracy:.3f} on the test images ({size})")

# %%
# One picture for each: the trials, the front that no other trial beats, and the limit.

import matplotlib.pyplot as plt

figure, axes = plt.subplots(1, 3, figsize=(13, 4), layout="constrained", sharey=True)
for ax, (budget, clf) in zip(axes, fits.items(), strict=True):
    CostDisplay.from_estimator(clf, ax=ax)
    ax.set_title(f"{clf.n_cells_} × {clf.channels_}, {budget:,} parameters allowed")

# %%
# And all trials of the three searches together: what each parameter buys.

scores = [score for clf in fits.values() for score in clf.search_results_["score"]]
costs = [trial.info["n_parameters"] for clf in fits.values() for trial in clf.trials_]
CostDisplay(scores, costs).plot()
