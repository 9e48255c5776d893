"""
Write your own operation
========================

An operation is a name and a function ``channels -> nn.Module`` whose module keeps the shape of its input. A decorator
registers it; from then on every search space for such data may list its name.
"""

import torch
from matplotlib import pyplot as plt
from sklearn.datasets import load_wine
from sklearn.model_selection import train_test_split
from torch import nn

from skopdist import OpDistNASClassifier
from skopdist.operations import register_operation
from skopdist.spaces import DenseSpace
from skopdist.testing import check_operation

# %%
# This one is a linear map followed by a sine. ``n_spatial=0`` says that it takes flat input; it is 1 for series and 2
# for images. An operation on images may be given a ``resized`` factory as well, for the places where a network halves
# the image or changes its width; without one, a 1x1 convolution does so before the operation.


class Sine(nn.Module):
    def forward(self, x):
        return torch.sin(x)  # (n, channels)


@register_operation("linear_sine", n_spatial=0)
def linear_sine(channels):
    return nn.Sequential(nn.LayerNorm(channels), nn.Linear(channels, channels), Sine())


# %%
# Its test: the contract of operations. It looks at shapes, at gradients, and at a batch of a single sample.

check_operation("linear_sine")

# %%
# A space takes the names of its operations, and a search finds out how much of each one a cell needs.

space = DenseSpace(["skip_connect", "linear_relu", "linear_sine"])
X, y = load_wine(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(X, y, stratify=y, random_state=0)
clf = OpDistNASClassifier(search_space=space, n_trials=6, max_epochs=5, random_state=0).fit(X_train, y_train)
print(f"Accuracy {clf.score(X_test, y_test):.2f} with {clf.best_distribution_}")

figure, axis = plt.subplots(figsize=(6, 2.5), layout="constrained")
axis.barh(space.operation_names, clf.best_distribution_.probabilities[0])
axis.set(xlabel="share of the best cell", xlim=(0, 1))
