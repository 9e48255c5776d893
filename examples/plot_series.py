"""
Series
======

Three shapes in noise: a plateau, a ramp up and a ramp down, each with a random begin, length and height. The set is
known as *cylinder, bell, funnel* (N. Saito, 1994), and is simulated here.
"""

# %%
# 40 series of each class to learn from and 100 to test. A series has shape ``(channels, length)``; here there is one
# channel of 128 steps.

import matplotlib.pyplot as plt
import numpy as np
from sklearn.ensemble import RandomForestClassifier

from skopdist import OpDistNASClassifier
from skopdist.display import ArchitectureDisplay

CLASSES = ("cylinder", "bell", "funnel")


def simulate(n, rng):
    """Draw n series of each class: shapes (3 * n, 1, 128) and (3 * n,)."""
    steps, X = np.arange(128), []
    for name in np.repeat(CLASSES, n):
        begin = rng.integers(16, 33)
        end = begin + rng.integers(32, 97)
        along = (steps - begin) / (end - begin)
        shape = {"cylinder": np.ones(128), "bell": along, "funnel": 1 - along}[name]
        inside = (steps >= begin) & (steps <= end)
        X.append((6 + rng.normal()) * shape * inside + rng.normal(size=128))
    return np.array(X)[:, None], np.repeat(CLASSES, n)


rng = np.random.default_rng(0)
X_train, y_train = simulate(40, rng)
X_test, y_test = simulate(100, rng)

# %%
# The shape of ``X`` says that these are series, and the search takes a space of operations along time.

clf = OpDistNASClassifier(n_trials=4, n_members=2, max_epochs=10, n_cells=2, channels=16, random_state=0)
clf.fit(X_train, y_train)
print(f"Test accuracy {clf.score(X_test, y_test):.3f}")
print(clf.best_distribution_)

# %%
# A random forest sees 128 columns, and not that neighbours belong together.

forest = RandomForestClassifier(random_state=0).fit(X_train[:, 0], y_train)
print(f"Random forest {forest.score(X_test[:, 0], y_test):.3f}")

# %%
# One series of each class, and the best cell: operations above the line of nodes, links below.

figure, axes = plt.subplots(1, 3, figsize=(9, 2.2), sharey=True, layout="constrained")
for axis, name in zip(axes, CLASSES, strict=True):
    axis.plot(X_test[np.flatnonzero(y_test == name)[0], 0])
    axis.set(title=name, xlabel="step")

ArchitectureDisplay.from_estimator(clf)
