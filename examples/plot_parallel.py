"""
Parallel trials, here and on a cluster
======================================

Trials run through joblib. ``n_jobs`` says how many run at a time, and ``joblib.parallel_config`` where: in processes or
threads of this machine, or on a cluster of dask or ray. None of it changes what is found.
"""

# %%
# The same search alone, in two processes and in two threads. A script like this one needs no ``main()`` and no guard:
# joblib's workers do not run it again.

import time

import joblib
import matplotlib.pyplot as plt
import numpy as np
from sklearn.base import clone
from sklearn.datasets import load_wine

from skopdist import OpDistNASClassifier
from skopdist.strategies import RandomSearch

X, y = load_wine(return_X_y=True)
clf = OpDistNASClassifier(RandomSearch(), n_trials=6, max_epochs=5, n_cells=1, random_state=0)

fits = {"alone": clf.fit(X, y)}
for backend in ("loky", "threading"):
    begin = time.perf_counter()
    with joblib.parallel_config(backend=backend, n_jobs=2):
        fits[backend] = clone(clf).fit(X, y)
    print(f"{backend}: {time.perf_counter() - begin:.1f} s, with the start of its workers")

# %%
# Each trial has a seed of its own, by its place in the search, so that all three found the same.

scores = {name: [trial.score for trial in fitted.trials_] for name, fitted in fits.items()}
print(all(np.array_equal(scores["alone"], other) for other in scores.values()))
print(all(np.array_equal(clf.predict_proba(X), fitted.predict_proba(X)) for fitted in fits.values()))

# %%
# On a cluster only the backend differs; the :doc:`guide </guide/parallel>` says in what else::
#
#     from distributed import Client
#
#     with Client("scheduler-address:8786"), joblib.parallel_config(backend="dask"):
#         clf.fit(X, y)
#
# A strategy suggests ``trial_batch`` points at a time, and learns from them before the next. So a strategy that learns
# keeps that many workers busy; ``BayesianOptimization(trial_batch=16)`` suits sixteen. ``RandomSearch`` learns nothing,
# and suggests all points at once.

figure, axis = plt.subplots(figsize=(6, 3), layout="constrained")
for (name, values), marker in zip(scores.items(), "osx", strict=True):
    axis.plot(range(1, 7), values, marker, markersize=12 if marker == "s" else 7, fillstyle="none", label=name)
axis.set(xlabel="trial", ylabel="accuracy on held-out samples")
axis.legend()
