"""Search strategies."""

from skopdist.strategies._base import Strategy
from skopdist.strategies._bayesian import BayesianOptimization
from skopdist.strategies._differentiable import CollapseWarning, DifferentiableSearch
from skopdist.strategies._evolution import RegularizedEvolution
from skopdist.strategies._local import LocalSearch
from skopdist.strategies._random import RandomSearch

__all__ = [
    "BayesianOptimization",
    "CollapseWarning",
    "DifferentiableSearch",
    "LocalSearch",
    "RandomSearch",
    "RegularizedEvolution",
    "Strategy",
]
