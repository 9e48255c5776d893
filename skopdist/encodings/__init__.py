"""Encodings: the coordinates in which a strategy moves."""

from skopdist.encodings._adjacency import AdjacencyEncoding
from skopdist.encodings._base import Encoding, ScalarEncoding
from skopdist.encodings._distribution import DistributionEncoding
from skopdist.encodings._hybrid import HybridEncoding
from skopdist.encodings._limit import Limit
from skopdist.encodings._limited import LimitedEncoding

__all__ = [
    "AdjacencyEncoding",
    "DistributionEncoding",
    "Encoding",
    "HybridEncoding",
    "Limit",
    "LimitedEncoding",
    "ScalarEncoding",
]
