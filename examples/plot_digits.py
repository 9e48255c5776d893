"""
Handwritten digits
==================

A search on the 8x8 images of handwritten digits that come with scikit-learn: which mixture of convolution, pooling and
skip connection makes a good cell? Beside the networks that are trained in the end stand the majority class and logistic
regression.
"""

# %%
# The data stay flat, as they would in a pipeline; ``input_shape`` says what they are.

import time

from sklearn.datasets import load_digits
from sklearn.dummy import DummyClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_score, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skopdist import OpDistNASClassifier
from skopdist.display import SearchDisplay, leaderboard

X, y = load_digits(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(X, y, stratify=y, random_state=0)

# %%
# Search: 20 short trials, two at a time. The first of them are cells that are known to be good, such as one of 3x3
# convolutions with a shortcut. Then the two most promising cells are trained in full, four times each.

begin = time.perf_counter()
clf = OpDistNASClassifier(n_trials=20, max_epochs=10, input_shape=(1, 8, 8), n_jobs=2, random_state=0, verbose=1)
clf.fit(X_train, y_train)

# %%
# What it has to beat. Each of the networks held out a quarter of the samples, so these are cross-validated as well.

references = {
    "majority class": cross_val_score(DummyClassifier(), X_train, y_train, cv=4).mean(),
    "logistic regression": cross_val_score(
        make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000)), X_train, y_train, cv=4
    ).mean(),
}
print("\nLeaderboard (accuracy on held-out samples)")
print(leaderboard(clf.trials_, n=5, references=references))

# %%
# The distribution outlives the cell it was found with: it can be sampled at any length.

print(f"\nBest distribution: {clf.best_distribution_}")
for length in (3, 10):
    print(f"A cell of {length} operations: {clf.sample_architecture(length, random_state=0)}")
print(f"\n{len(clf.nets_)} networks together, on samples they did not see: {clf.best_score_:.4f}")
print(f"Test accuracy: {clf.score(X_test, y_test):.4f}   ({time.perf_counter() - begin:.0f} s in all)")

display = SearchDisplay.from_estimator(clf, references=references)
display.figure_.savefig("skopdist_digits.png", dpi=120)
print("Picture: skopdist_digits.png")
