"""
Write your own search space
===========================

A search space says which operations there are and how a cell of any length is wired. A subclass of
:class:`~skopdist.spaces.SearchSpace` has to implement one method, ``_potential_edges``; the others have defaults.
"""

from matplotlib import pyplot as plt
from sklearn.datasets import load_wine
from sklearn.model_selection import train_test_split

from skopdist import OpDistNASClassifier
from skopdist.spaces import SearchSpace
from skopdist.testing import check_space

# %%
# The nodes of a cell are numbered, the input is 0 and the output comes last. Operations sit on edges (source, target).
# Links pass a node on as it is, and a node is the sum of what comes in.
#
# This space is a chain of operations with shortcuts: between any two nodes inside the chain there may be a link. All
# ``length`` edges are used, so there is nothing to draw, and each link is there in every other cell: these are the
# defaults. A space in which not every choice is a cell implements ``_is_wiring`` or ``_are_links``, and where hardly
# any choice is one, ``_sample_wiring`` or ``_sample_links`` too.


class ShortcutSpace(SearchSpace):
    """Chains of fully connected blocks with shortcuts, for flat input."""

    default_operations = ("none", "skip_connect", "linear_relu", "linear_silu")
    default_length = 5
    n_spatial = 0

    def _potential_edges(self, length):
        return tuple((i, i + 1) for i in range(length))

    def _potential_links(self, length):
        return tuple((source, target) for target in range(2, length) for source in range(target - 1))


# %%
# Its test: the contract of spaces. It draws cells of up to 40 operations, encodes them, and builds their networks.

check_space(ShortcutSpace())

# %%
# Distributions, encodings and strategies work on it at once.

space = ShortcutSpace()
print(space.sample(space.uniform(), length=5, random_state=3))

X, y = load_wine(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(X, y, stratify=y, random_state=0)
clf = OpDistNASClassifier(search_space=space, n_trials=6, max_epochs=5, random_state=0).fit(X_train, y_train)
print(f"Accuracy {clf.score(X_test, y_test):.2f} with {clf.best_architecture_}")

figure, axis = plt.subplots(figsize=(6, 2.5), layout="constrained")
axis.barh(space.operation_names, clf.best_distribution_.probabilities[0])
axis.set(xlabel="share of the best cell", xlim=(0, 1))
