"""
Handwritten digits
==================

A search on the 8x8 images of handwritten digits that come with scikit-learn: which mixture of convolution, pooling and
skip connection makes a good cell? Beside the trials stand the majority class, logistic regression and a cell of
3x3 convolutions only, trained at the same cost.
"""

# %%
# The data stay flat, as they would in a pipeline; ``input_shape`` says what they are.

import time

from sklearn.datasets import load_digits
from sklearn.dummy import DummyClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skopdist import Architecture, Cell, OpDistNASClassifier
from skopdist.display import SearchDisplay, leaderboard

X, y = load_digits(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(X, y, stratify=y, random_state=0)

# %%
# Search: 20 trials of 10 epochs, two at a time.


def main():
    begin = time.perf_counter()
    clf = OpDistNASClassifier(n_trials=20, max_epochs=10, input_shape=(1, 8, 8), n_jobs=2, random_state=0, verbose=1)
    clf.fit(X_train, y_train)

    # %%
    # What it has to beat, on the same training and the same held-out samples.

    training, held_out = clf.evaluator_.problem_.training, clf.evaluator_.problem_.held_out
    references = {}
    for name, model in (
        ("majority class", DummyClassifier()),
        ("logistic regression", make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))),
    ):
        model.fit(training.inputs().reshape(len(training), -1), training.labels())
        references[name] = model.score(held_out.inputs().reshape(len(held_out), -1), held_out.labels())
    edges = clf.best_architecture_.cells[0].edges
    convolutions = Architecture([Cell(["nor_conv_3x3"] * len(edges), edges)])
    references["3x3 convolutions only"] = clf.evaluator_.evaluate(convolutions, seed=0).score

    print("\nLeaderboard (held-out accuracy)")
    print(leaderboard(clf.trials_, n=5, references=references))

    # %%
    # The distribution outlives the cell it was found with: it can be sampled at any length.

    print(f"\nBest distribution: {clf.best_distribution_}")
    for length in (3, 10):
        print(f"A cell of {length} operations: {clf.sample_architecture(length, random_state=0)}")
    print(f"\nTest accuracy: {clf.score(X_test, y_test):.4f}   ({time.perf_counter() - begin:.0f} s in all)")

    display = SearchDisplay.from_estimator(clf, references=references)
    display.figure_.savefig("skopdist_digits.png", dpi=120)
    print("Picture: skopdist_digits.png")


# Workers import this file, and must not search as well.
if __name__ == "__main__":
    main()
