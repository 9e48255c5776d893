"""
Images in a pipeline
====================

The steps of a pipeline hand on rows. ``input_shape`` says what one row is, so that images may come flat and whatever
scikit-learn has may stand before the network. Here a tenth of the pixels of the handwritten digits are lost, and a
first step fills them from similar images.
"""

# %%
# 600 images of 8x8 pixels, as rows of 64 numbers with gaps.

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.impute import KNNImputer, SimpleImputer
from sklearn.model_selection import train_test_split
from sklearn.pipeline import Pipeline

from skopdist import OpDistNASClassifier

X, y = load_digits(return_X_y=True)
X[np.random.default_rng(0).random(X.shape) < 0.1] = np.nan
X_train, X_test, y_train, y_test = train_test_split(X, y, train_size=400, test_size=400, stratify=y, random_state=0)

# %%
# The pipeline is fitted, scored and searched like any other. Parameters of the classifier are called ``clf__...``. One
# accuracy on 400 images has a standard error of about .013, so that small differences between the two mean nothing.

clf = OpDistNASClassifier(input_shape=(1, 8, 8), n_trials=3, max_epochs=8, n_cells=1, channels=8, random_state=0)
scores = {}
for fill in (SimpleImputer(), KNNImputer()):
    pipeline = Pipeline([("fill", fill), ("clf", clf)]).fit(X_train, y_train)
    scores[type(fill).__name__] = pipeline.score(X_test, y_test)
    print(f"{type(fill).__name__:14} test accuracy {scores[type(fill).__name__]:.3f}")

# %%
# The network behind the last pipeline is an ordinary one of skorch, and says of what shape its input is.

print(pipeline["clf"].sample_shape_, pipeline["clf"].best_architecture_)

figure, axes = plt.subplots(2, 6, figsize=(7, 2.6), layout="constrained")
for before, after, row in zip(*axes, X_test, strict=False):
    before.imshow(row.reshape(8, 8), cmap="gray_r")
    after.imshow(pipeline["fill"].transform([row]).reshape(8, 8), cmap="gray_r")
    after.set_xlabel(pipeline.predict([row])[0])
for axis in axes.flat:
    axis.set(xticks=[], yticks=[])
figure.suptitle("With gaps, and filled: below is the predicted digit")
