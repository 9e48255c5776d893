"""
Which search, over which encoding?
==================================

A strategy is a parameter like any other, and so is the encoding that it moves in: ``GridSearchCV`` tries all
combinations, within a pipeline and two at a time. The data are measurements of tumours, 569 rows of 30 features.
"""

# %%
# The classifier is the last step of a pipeline, so its parameters are called ``clf__...``, and those of its strategy
# ``clf__strategy__...``.

import numpy as np
from matplotlib import pyplot as plt
from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import GridSearchCV, train_test_split
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from skopdist import OpDistNASClassifier
from skopdist.display import grid_table
from skopdist.encodings import AdjacencyEncoding, DistributionEncoding
from skopdist.strategies import BayesianOptimization, LocalSearch, RandomSearch

X, y = load_breast_cancer(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(X, y, stratify=y, random_state=0)

clf = OpDistNASClassifier(n_trials=6, max_epochs=5, n_cells=1, channels=16, random_state=0)
pipeline = Pipeline([("scale", StandardScaler()), ("clf", clf)])
encodings = [DistributionEncoding(), AdjacencyEncoding()]
grid = [
    {"clf__strategy": [RandomSearch(), BayesianOptimization()], "clf__encoding": encodings},
    {"clf__strategy": [LocalSearch()], "clf__strategy__n_initial": [1, 3], "clf__encoding": encodings},
]

# %%
# Whole fits run in parallel here, and each search takes one worker. With ``OpDistNASClassifier(n_jobs=2)`` instead it
# would be the trials of one search.

search = GridSearchCV(pipeline, grid, cv=3, n_jobs=2, error_score="raise").fit(X_train, y_train)
results = search.cv_results_
print(grid_table(results))
print(f"\nTest accuracy of the best: {search.score(X_test, y_test):.4f}")
print(f"Its distribution: {search.best_estimator_['clf'].best_distribution_}")

# %%
# With so few trials the differences are hardly larger than their deviations over the splits, as the picture shows.


def _name(params):
    n_initial = params.get("clf__strategy__n_initial")
    return type(params["clf__strategy"]).__name__ + ("" if n_initial is None else f", n_initial={n_initial}")


_, ax = plt.subplots(figsize=(8, 4), layout="constrained")
for k, encoding in enumerate(encodings):
    rows = [i for i, params in enumerate(results["params"]) if params["clf__encoding"] is encoding]
    where = np.arange(len(rows)) + 0.2 * k
    ax.errorbar(
        results["mean_test_score"][rows], where, xerr=results["std_test_score"][rows], fmt="o", label=str(encoding)
    )
ax.set_yticks(np.arange(len(rows)) + 0.1, [_name(results["params"][i]) for i in rows])
ax.set(xlabel="accuracy in cross-validation", title="Strategies and encodings")
ax.legend()
ax.figure.savefig("skopdist_grid_search.png", dpi=120)
print("Picture: skopdist_grid_search.png")
