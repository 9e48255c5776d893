"""Search strategies."""

from skopdist.strategies._base import Strategy
from skopdist.strategies._local import LocalSearch
from skopdist.strategies._random import RandomSearch

__all__ = ["LocalSearch", "RandomSearch", "Strategy"]
