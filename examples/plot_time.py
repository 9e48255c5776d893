"""
A budget of seconds
===================

Whoever says how many seconds there are need not know anything of trials, epochs and networks: ``max_time`` is a limit
for all of ``fit``. It looks how fast trainings are, and plans short trials, full trainings and how many networks are to
predict together.
"""

# %%
# The same estimator with three, five and eight seconds, on measurements of tumours. What there is time for depends on
# the machine, and so do the figures.

import matplotlib.pyplot as plt
from sklearn.datasets import load_breast_cancer
from sklearn.metrics import log_loss
from sklearn.model_selection import train_test_split

from skopdist import OpDistNASClassifier

X, y = load_breast_cancer(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.4, stratify=y, random_state=0)

budgets, losses = (3, 5, 8), []
for seconds in budgets:
    clf = OpDistNASClassifier(max_time=seconds, random_state=0).fit(X_train, y_train)
    losses.append(log_loss(y_test, clf.predict_proba(X_test)))
    short = [trial.fidelity for trial in clf.trials_ if not trial.final]
    print(
        f"{seconds} s: took {clf.fit_time_:.1f} s, {len(short)} trials of at least {min(short):.0%} of a training, "
        f"{len(clf.nets_)} networks, accuracy {clf.score(X_test, y_test):.3f}, log-loss {losses[-1]:.3f}"
    )

# %%
# Why the last search ended, and what its networks say of rows that they did not see:

print(clf.stop_reason_)
print(f"{clf.best_score_:.3f} +- {clf.best_score_error_:.3f}")

figure, axis = plt.subplots(figsize=(5, 3), layout="constrained")
axis.plot(budgets, losses, marker="o")
axis.set(xlabel="seconds for fit", ylabel="log-loss of test samples", ylim=(0, None))
