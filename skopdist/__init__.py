"""Neural architecture search by operation distributions, as a scikit-learn estimator."""

from skopdist._refit import Refit
from skopdist.architecture import Architecture, Cell
from skopdist.classifier import OpDistNASClassifier
from skopdist.distribution import OperationDistribution

__version__ = "0.1.0"

__all__ = ["Architecture", "Cell", "OpDistNASClassifier", "OperationDistribution", "Refit"]
