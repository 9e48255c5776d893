"""One of each strategy and encoding of the package; in a module of its own, for the tests that run them all."""

from skopdist.encodings import AdjacencyEncoding, DistributionEncoding, HybridEncoding
from skopdist.strategies import (
    BayesianOptimization,
    DifferentiableSearch,
    LocalSearch,
    RandomSearch,
    RegularizedEvolution,
)

ENCODINGS = [DistributionEncoding(), AdjacencyEncoding(), HybridEncoding()]
STRATEGIES = [
    RandomSearch(),
    RandomSearch(sequential=True),
    LocalSearch(),
    RegularizedEvolution(),
    BayesianOptimization(),
    DifferentiableSearch(),
]
