"""Networks: from an architecture to a torch module, and what it costs."""

from skopdist.networks._costs import NetworkCosts, pareto_front
from skopdist.networks._network import Network
from skopdist.networks._supernet import Supernet

__all__ = ["Network", "NetworkCosts", "Supernet", "pareto_front"]
