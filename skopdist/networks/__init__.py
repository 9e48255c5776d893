"""Networks: the torch modules of architectures, what they cost, and the supernet that holds all of them.

:class:`Network` builds one architecture. :class:`NetworkCosts` counts parameters and multiply-adds and measures
latency, without building whole networks, and makes the limits of a search of them. :func:`fill_limits` chooses depth
and width such that limits are used up; :func:`usual_size` returns them where there is no limit. :func:`pareto_front`
returns the trials that are best in score and costs. :class:`Supernet` holds all operations of a space with shared
weights. :class:`BatchedNetworks` computes several networks as one, where :func:`batchable` says that it can.
"""

from skopdist.networks._batched import BatchedNetworks, batchable
from skopdist.networks._costs import NetworkCosts
from skopdist.networks._network import Network
from skopdist.networks._pareto import pareto_front
from skopdist.networks._sizes import fill_limits, usual_size
from skopdist.networks._supernet import Supernet

__all__ = [
    "BatchedNetworks",
    "Network",
    "NetworkCosts",
    "Supernet",
    "batchable",
    "fill_limits",
    "pareto_front",
    "usual_size",
]
