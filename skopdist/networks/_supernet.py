"""The network that holds all candidate operations at every slot, with weights that all architectures share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import torch
from torch import Tensor, nn

from skopdist._columns import Columns
from skopdist._scaling import Scaling
from skopdist.architecture import Architecture
from skopdist.networks._network import Network
from skopdist.operations import OperationSize, get_operation, is_zero
from skopdist.spaces import STEM, SearchSpace


class Mixture:
    """The weights of the operations at each slot, which all cells of a supernet look up."""

    def __init__(self) -> None:
        self.weights: dict[str, Tensor] = {}
        self.used: dict[str, list[list[bool]]] = {}

    def set(self, weights: Tensor, cell_types: Sequence[str]) -> None:
        """Take weights of shape (n_cell_types, n_slots, k)."""
        # Copied once for a batch, as that waits for a GPU. Operations without weight are not computed.
        used = (weights.detach() != 0).cpu().tolist()
        self.weights = dict(zip(cell_types, weights, strict=True))
        self.used = dict(zip(cell_types, used, strict=True))


class MixedOperation(nn.Module):
    """The weighted sum of all candidate operations at a slot.

    Parameters
    ----------
    mixture : Mixture
    cell_type : str
    slot : int
    names : sequence of str or None
        The k operations; None in the place of those that may not stand there.
    size : OperationSize
    partial_channels : int
        Operations see the first channels only, one in `partial_channels` of them; the others pass by unchanged [1]_.
        The output begins with the channels that passed by, so that the next operation sees others. Where the shape
        changes, operations see all channels.
    sides : tuple of int, default=()
        Those of the input, for stems that leave one position: it counts for all positions of the others.

    References
    ----------
    .. [1] Xu et al., "PC-DARTS: Partial Channel Connections for Memory-Efficient Architecture Search", ICLR 2020,
       arXiv 1907.05737, section 3.2.
    """

    def __init__(
        self,
        mixture: Mixture,
        cell_type: str,
        slot: int,
        names: Sequence[str | None],
        size: OperationSize,
        partial_channels: int,
        sides: Sequence[int] = (),
    ) -> None:
        super().__init__()
        self.mixture = mixture
        self.cell_type = cell_type
        self.slot = slot
        self.seen = max(1, size.channels_in // partial_channels) if size.keeps_shape else size.channels_in
        self.size = OperationSize(self.seen, self.seen) if size.keeps_shape else size
        self.passes = [name is not None and not is_zero(name) for name in names]
        # An operation that passes nothing on adds nothing to the sum, and no gradient to its weight.
        self.operations = nn.ModuleList(
            [nn.Identity() if name is None or is_zero(name) else self._make(name, sides) for name in names]
        )

    def _make(self, name: str, sides: Sequence[int]) -> nn.Module:
        operation = get_operation(name)
        return operation.make(self.size.summarizing(sides) if operation.summarizes else self.size)

    def forward(self, x: Tensor) -> Tensor:
        """Map a batch of shape (n, channels_in, ...) to one of shape (n, channels_out, ...)."""
        weights = self.mixture.weights[self.cell_type][self.slot]  # (k,)
        used = self.mixture.used[self.cell_type][self.slot]
        part = x[:, : self.seen]  # (n, seen, ...)
        mixed: Tensor | None = None
        for weight, operation, wanted, passes in zip(weights, self.operations, used, self.passes, strict=True):
            if wanted and passes:
                value = weight * operation(part)
                mixed = value if mixed is None else mixed + value
        if mixed is None:
            mixed = part.new_zeros(len(part), *self.size.output_shape(part.shape[2:]))
        return mixed if self.seen == x.shape[1] else torch.cat([x[:, self.seen :], mixed], dim=1)  # (n, channels, ...)


class Supernet(nn.Module):
    """A network whose every slot holds the mixture of all operations of a space [1]_.

    The slots are all edges that some wiring of the length has. Batch normalisation always takes the statistics of the
    batch, as running statistics would belong to other mixtures.

    Parameters
    ----------
    space : SearchSpace
    length : int
        Number of operations in a cell.
    input_shape : (features,), (channels, length) or (channels, height, width)
    n_classes : int
    channels : int, default=16
        Width of the first cell.
    n_cells : int, default=3
    scaling : Scaling or None, default=None
        Statistics with which input is standardised; None leaves it as it is.
    precision : {"float32", "bfloat16"}, default="float32"
        Of the matrix products while training.
    partial_channels : int, default=1
        Operations see one in `partial_channels` of the channels; see :class:`MixedOperation`.

    columns : Columns or None, default=None
        What the columns of flat input are, where they are not numbers alone.

    References
    ----------
    .. [1] Liu, Simonyan, Yang, "DARTS: Differentiable Architecture Search", ICLR 2019, arXiv 1806.09055, section 2.2.

    Examples
    --------
    >>> import torch
    >>> from skopdist.spaces import NASBench201Space
    >>> from skopdist.networks import Supernet
    >>> supernet = Supernet(NASBench201Space(), 6, input_shape=(1, 8, 8), n_classes=10)
    >>> weights = torch.full((1, 5), 0.2, requires_grad=True)
    >>> supernet(torch.randn(4, 1, 8, 8), weights).sum().backward()
    >>> weights.grad.shape
    torch.Size([1, 5])
    """

    def __init__(
        self,
        space: SearchSpace,
        length: int,
        input_shape: Sequence[int],
        n_classes: int,
        channels: int = 16,
        n_cells: int = 3,
        scaling: Scaling | None = None,
        precision: str = "float32",
        partial_channels: int = 1,
        columns: Columns | None = None,
    ) -> None:
        super().__init__()
        self.operations = space.operation_names
        self.cell_types = space.cell_types
        self.edges = space.potential_edges(length)
        self.mixture = Mixture()

        def mix(cell_type: str, slot: int, name: str, size: OperationSize) -> nn.Module:
            allowed = space.allowed[self.cell_types.index(cell_type)]
            names = [name if here else None for name, here in zip(self.operations, allowed, strict=True)]
            # Nothing of a sample passes its stem by.
            share = 1 if cell_type == STEM else partial_channels
            return MixedOperation(self.mixture, cell_type, slot, names, size, share, tuple(input_shape[1:]))

        self.network = Network(
            space.make_whole(length),
            input_shape,
            n_classes,
            channels=channels,
            n_cells=n_cells,
            scaling=scaling,
            precision=precision,
            make_operation=mix,
            columns=columns,
        )
        for module in self.network.modules():
            if isinstance(module, nn.modules.batchnorm._BatchNorm):
                module.track_running_stats = False
                module.running_mean = module.running_var = module.num_batches_tracked = None

    def forward(self, x: Tensor, mixture: Tensor) -> Tensor:
        """Map a batch of raw samples to logits.

        Parameters
        ----------
        x : Tensor of shape (n, *input_shape)
        mixture : Tensor of shape (n_cell_types, k) or (n_cell_types, n_slots, k)
            The weights of the operations, the same at all slots or those of each potential edge.

        Returns
        -------
        logits : Tensor of shape (n, n_classes)
        """
        shared = mixture[:, None] if mixture.ndim == 2 else mixture
        self.mixture.set(shared.expand(-1, len(self.edges), -1), self.cell_types)
        return cast(Tensor, self.network(x))

    def one_hot(self, architecture: Architecture) -> Tensor:
        """Return the mixture that holds one architecture alone, shape (n_cell_types, n_slots, k)."""
        weights = torch.zeros(len(self.cell_types), len(self.edges), len(self.operations))
        for cell_type, row, cell in zip(self.cell_types, weights, architecture.cells, strict=True):
            for name, edge in zip(cell.operations, cell.edges, strict=True):
                # All slots of a stem, which has one, are alike.
                slot = self.edges.index(edge) if cell_type != STEM else slice(None)
                row[slot, self.operations.index(name)] = 1.0
        return weights
