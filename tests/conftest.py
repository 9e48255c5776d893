"""Settings and data that all tests share."""

import os
import subprocess
import sys
from pathlib import Path

# Test files are no package; what they share is imported by name, in worker processes as well.
sys.path.insert(0, str(Path(__file__).parent))
os.environ["PYTHONPATH"] = os.pathsep.join([str(Path(__file__).parent), *filter(None, [os.environ.get("PYTHONPATH")])])
# Before scipy is imported: without it, scikit-learn skips its check of array API inputs.
os.environ.setdefault("SCIPY_ARRAY_API", "1")

import hypothesis
import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits, load_iris

torch.set_num_threads(1)
hypothesis.settings.register_profile("skopdist", derandomize=True, deadline=None, max_examples=50, database=None)
hypothesis.settings.register_profile("drawn", hypothesis.settings.get_profile("skopdist"), derandomize=False)
hypothesis.settings.load_profile("skopdist")


def pytest_configure(config):
    # --hypothesis-seed=N draws other examples than those of every day.
    if config.getoption("--hypothesis-seed", default=None) is not None:
        hypothesis.settings.load_profile("drawn")


def pytest_collection_modifyitems(items):
    if not torch.cuda.is_available():
        skip = pytest.mark.skip(reason="there is no CUDA device")
        for item in items:
            if item.get_closest_marker("gpu"):
                item.add_marker(skip)


@pytest.fixture(scope="session")
def iris():
    return load_iris(return_X_y=True)


@pytest.fixture(scope="session")
def digits():
    """150 images of ten digits, flat: shape (150, 64)."""
    X, y = load_digits(return_X_y=True)
    return X[:150], y[:150]


@pytest.fixture(scope="session")
def images(digits):
    """The same as images: shape (150, 1, 8, 8)."""
    X, y = digits
    return X.reshape(-1, 1, 8, 8), y


@pytest.fixture(scope="session")
def series(digits):
    """The same as series of eight channels, the rows: shape (150, 8, 8)."""
    X, y = digits
    return X.reshape(-1, 8, 8), y


@pytest.fixture
def untouched_generators():
    """Fail if a test moves the global generators of numpy or torch."""
    numpy_before = np.random.get_state()[1].copy()  # noqa: NPY002
    position = np.random.get_state()[2]  # noqa: NPY002
    torch_before = torch.random.get_rng_state()
    yield
    assert np.array_equal(np.random.get_state()[1], numpy_before)  # noqa: NPY002
    assert np.random.get_state()[2] == position  # noqa: NPY002
    assert torch.equal(torch.random.get_rng_state(), torch_before)


@pytest.fixture
def said_without():
    """Return what an error says where a library is not installed: called with the library, an import and a call."""

    def said(library, imported, call):
        code = (
            f"import sys; sys.modules[{library!r}] = None\n"
            f"{imported}\n"
            f"try: {call}\n"
            "except ImportError as error: print(error)\n"
        )
        return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout

    return said
