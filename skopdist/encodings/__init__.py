"""Encodings: the point that a strategy moves."""

from skopdist.encodings._adjacency import AdjacencyEncoding
from skopdist.encodings._base import Encoding
from skopdist.encodings._distribution import DistributionEncoding
from skopdist.encodings._hybrid import HybridEncoding
from skopdist.encodings._limited import Limit, LimitedEncoding

__all__ = ["AdjacencyEncoding", "DistributionEncoding", "Encoding", "HybridEncoding", "Limit", "LimitedEncoding"]
