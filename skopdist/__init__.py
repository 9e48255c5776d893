"""Neural architecture search by operation distributions, as a scikit-learn estimator."""

import logging

from skopdist._environment import show_versions
from skopdist._prior import Prior
from skopdist._refit import Refit
from skopdist._scalar import Scalar
from skopdist._version import __version__
from skopdist.architecture import Architecture, Cell
from skopdist.classifier import OpDistNASClassifier
from skopdist.distribution import OperationDistribution

__all__ = [
    "Architecture",
    "Cell",
    "OpDistNASClassifier",
    "OperationDistribution",
    "Prior",
    "Refit",
    "Scalar",
    "__version__",
    "show_versions",
]

# A library logs, and the application decides what becomes of it.
logging.getLogger(__name__).addHandler(logging.NullHandler())
