"""What predicts: the average of the members, at a temperature."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from skorch import NeuralNetClassifier
from torch import Tensor, nn

from skopdist._device import computing
from skopdist._sparse import SparseRows
from skopdist.networks import BatchedNetworks, Network, batchable
from skopdist.problem import Samples
from skopdist.training import Predictor


class Committee:
    """Networks whose class probabilities are averaged.

    Parameters
    ----------
    nets : sequence of skorch.NeuralNetClassifier
        Trained, for the same classes.
    weights : sequence of float
        Not negative; their sum is 1.
    n_spatial : int
        Number of dimensions behind the channels of a sample.
    temperature : float, default=1.0
        See :func:`temper`.

    References
    ----------
    .. [1] Zaidi, Zela, Elsken, Holmes, Hutter, Teh, "Neural Ensemble Search for Uncertainty Estimation and Dataset
       Shift", NeurIPS 2021, arXiv 2006.08573 (committees of varied architectures).
    """

    def __init__(
        self, nets: Sequence[NeuralNetClassifier], weights: Sequence[float], n_spatial: int, temperature: float = 1.0
    ) -> None:
        # Who has no weight need not be asked.
        chosen = [(net, weight) for net, weight in zip(nets, weights, strict=True) if weight]
        modules: list[nn.Module] = [net.module_ for net, _ in chosen]
        self.weights = [weight for _, weight in chosen]
        if len(chosen) > 1 and n_spatial == 0 and _are_alike([net for net, _ in chosen]):
            modules, self.weights = [_Average([net.module_ for net, _ in chosen], self.weights)], [1.0]
        self.predictors = [Predictor(module, n_spatial) for module in modules]
        self.temperature = temperature

    def __call__(self, X: NDArray[Any] | Samples | SparseRows) -> NDArray[np.float64]:
        """Return the class probabilities of samples, shape (n, n_classes)."""
        total = self.predictors[0](X)
        if len(self.predictors) > 1:
            total *= self.weights[0]
            for weight, predictor in zip(self.weights[1:], self.predictors[1:], strict=True):
                total += weight * predictor(X)
        return temper(total, self.temperature)


class _Average(nn.Module):
    """The average of several networks for flat input, as one network: a single sample takes a fraction of the time.

    Parameters
    ----------
    modules : sequence of Network
        As :class:`~skopdist.networks.BatchedNetworks` takes them.
    weights : sequence of float
        Their sum is 1.
    """

    weights: Tensor

    def __init__(self, modules: Sequence[Network], weights: Sequence[float]) -> None:
        super().__init__()
        modules = copy.deepcopy(list(modules))
        self.standardize = nn.ModuleList(module.standardize for module in modules)
        self.split = nn.ModuleList(module.split for module in modules if module.split is not None)
        # Stacked in the precision that they are computed in, and never handed back.
        self.networks = BatchedNetworks([module.double() for module in modules]).on_its_own()
        self.register_buffer("weights", torch.tensor(weights, dtype=torch.float64))
        self.to(next(modules[0].parameters()).device)

    def forward(self, x: Tensor) -> Tensor:
        """Map raw samples (n, features) to logarithms of averaged probabilities, shape (n, n_classes)."""
        samples: Sequence[Tensor] = [x] * len(self.standardize)
        rows: Tensor | None = None
        if len(self.split):
            samples, levels = zip(*(split(x) for split in self.split), strict=True)
            rows = torch.stack(levels)  # (m, n, n_categories)
        pairs = zip(self.standardize, samples, strict=True)
        scaled = torch.stack([standardize(each) for standardize, each in pairs]).double()  # (m, n, features)
        probabilities = self.networks(scaled, rows).softmax(dim=2)  # (m, n, n_classes)
        return torch.tensordot(self.weights, probabilities, dims=1).log()


def _are_alike(nets: Sequence[NeuralNetClassifier]) -> bool:
    """Whether networks for flat input can be computed as one."""
    sizes = {(net.module__channels, net.module__n_cells) for net in nets}
    architectures = {net.module__architecture for net in nets}
    if len(sizes) > 1 or len({architecture.cells[0].n_nodes for architecture in architectures}) > 1:
        return False
    channels = nets[0].module__channels
    with computing("cpu"):
        return all(batchable(architecture, channels) for architecture in architectures)


def temper(probabilities: NDArray[np.float64], temperature: float) -> NDArray[np.float64]:
    """Return probabilities, shape (n, n_classes), raised to the power 1 / temperature and normalised again.

    Below 1 they are more certain, above 1 less; the most probable class stays the same. After Guo, Pleiss, Sun,
    Weinberger, "On Calibration of Modern Neural Networks", ICML 2017, arXiv 1706.04599.
    """
    if temperature == 1:
        return probabilities
    # Relative to the largest, so that a small temperature leaves something.
    powers = (probabilities / probabilities.max(axis=1, keepdims=True)) ** (1 / temperature)
    return powers / powers.sum(axis=1, keepdims=True)
