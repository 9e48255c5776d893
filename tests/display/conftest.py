"""Data that the tests of displays share."""

import pytest

from skopdist.evaluators import TabularEvaluator
from skopdist.search import run_search
from skopdist.spaces import NASBench201Space
from skopdist.strategies import RandomSearch


@pytest.fixture(scope="module")
def result():
    def score(operations):
        if "none" in operations and operations[0] == "none":
            raise RuntimeError("on purpose")
        return operations.count("nor_conv_3x3") / 6

    return run_search(RandomSearch(), TabularEvaluator(NASBench201Space(), score), n_trials=20, random_state=0)


@pytest.fixture
def pyplot():
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    yield plt
    plt.close("all")
