"""
A table with categories and missing values
==========================================

A data frame goes in as it is: columns of categories and text are recognised by their type, and values may be missing.

The table is built here from measurements of 442 diabetes patients that come with scikit-learn. The sex is a category
there already, the body mass index is cut into the usual four classes, and some values are taken away at random. What is
predicted is whether the disease has advanced more than in the middle patient within a year.
"""

# %%
# The table, with its gaps.

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.datasets import load_diabetes
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.model_selection import train_test_split

from skopdist import OpDistNASClassifier

table, progress = load_diabetes(return_X_y=True, as_frame=True, scaled=False)
y = np.where(progress > progress.median(), "faster", "slower")
weight = pd.cut(table["bmi"], [0, 18.5, 25, 30, 100], labels=["under", "normal", "over", "obese"])
X = pd.DataFrame(
    {"age": table["age"], "sex": table["sex"].map({1: "a", 2: "b"}), "weight": weight, "bp": table["bp"]}
).join(table[["s3", "s5", "s6"]])
rng = np.random.default_rng(0)
for column in ("weight", "bp", "s5"):
    X.loc[rng.random(len(X)) < 0.1, column] = None
X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=150, stratify=y, random_state=0)
print(X_train.head(), X_train.isna().sum(), sep="\n\n")

# %%
# Nothing is encoded, filled or scaled beforehand. The distribution has a row for the *stem* as well, the way in which
# numbers enter the network.

clf = OpDistNASClassifier(n_trials=10, max_epochs=8, n_cells=1, random_state=0).fit(X_train, y_train)
print(f"Categories: {list(X.columns[clf.is_categorical_])}")
print(f"Test accuracy {clf.score(X_test, y_test):.3f}, of {len(clf.nets_)} networks together")
print(f"Stem and cell: {clf.best_architecture_}")

# %%
# What it has to beat: gradient boosting takes such a table too, in less time. With so few rows one test accuracy has a
# standard error of about .03, so that small differences mean nothing.

boosting = HistGradientBoostingClassifier(categorical_features="from_dtype", random_state=0)
boosting.fit(X_train.astype({"sex": "category"}), y_train)
print(f"Gradient boosting {boosting.score(X_test.astype({'sex': 'category'}), y_test):.3f}")

# %%
# A level that was never seen counts as the average of those that were. A missing one is a level of its own.

strange = pd.concat([X_test.head(1)] * 4, ignore_index=True)
strange["weight"] = ["normal", "obese", "unknown", None]
probabilities = clf.predict_proba(strange)[:, 0]
print(pd.Series(probabilities.round(2), index=strange["weight"].fillna("missing")))

figure, axis = plt.subplots(figsize=(6, 2.5), layout="constrained")
axis.barh(strange["weight"].fillna("missing"), probabilities)
axis.set(xlabel=f"probability of '{clf.classes_[0]}' for one patient", xlim=(0, 1), ylabel="weight")
