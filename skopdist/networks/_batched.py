"""Several networks for flat input in one graph: rows of small matrix products become one batched product.

A product of 64 by 64 takes less time than torch needs to start it, so most of the time that such networks train is not
spent on numbers. Here the networks are the first axis of every tensor. The operations that lead to a node, of all
networks, are computed together for as long as their layers are alike: a layer normalisation and a linear map before
different activations are one normalisation and one product.

``torch.func.vmap`` over stacked weights does the same for networks of one architecture, and cannot take different
operations at a slot. It is slower, most so for few networks. Convolutions become grouped ones by it, which take twice
as long on a CPU as one network after the other (benchmarks/batched.py).
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import Self, cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from skopdist.architecture import Architecture
from skopdist.networks._categories import Categories, LevelVectors, sum_levels
from skopdist.networks._cells import CellModule
from skopdist.networks._network import Network
from skopdist.operations import OperationSize, Stackable, Zero, get_operation

# Layers in a row, without containers and identities.
Chain = list[nn.Module]

# Functions of single numbers, without parameters and state, which take tensors of any shape.
_ELEMENTWISE = (
    nn.CELU, nn.ELU, nn.GELU, nn.Hardswish, nn.Hardtanh, nn.LeakyReLU, nn.LogSigmoid, nn.Mish, nn.ReLU, nn.ReLU6,
    nn.SELU, nn.SiLU, nn.Sigmoid, nn.Softplus, nn.Softsign, nn.Tanh, nn.Tanhshrink, Zero,
)  # fmt: skip


def batchable(architecture: Architecture, channels: int) -> bool:
    """Whether the network of an architecture for flat input can be a member of :class:`BatchedNetworks`.

    Its operations must be made of layers that have a batched form: linear maps, layer normalisations, activations and
    :class:`~skopdist.operations.Stackable` modules. What draws at random, or looks at other samples, has none. Each is
    made once, to see what it is made of, with weights from torch's global generator.

    Parameters
    ----------
    architecture : Architecture
    channels : int
        Width of the network.
    """
    cell, size = architecture.cells[0], OperationSize(channels, channels)
    if architecture.layout != "stack" or cell.links or cell.n_inputs != 1:
        return False
    try:
        return all(_has_batched_form(get_operation(name).make(size)) for name in sorted(set(architecture.operations)))
    except Exception:  # noqa: BLE001 - a user's factory fails again where the network is made
        return False


class BatchedNetworks(nn.Module):
    """Networks for flat input, computed as one.

    Its parameters are stacked copies of those of the networks, but for operations on no path, which are not trained.

    Parameters
    ----------
    networks : sequence of Network
        The m members, which are :func:`batchable`. They have the same numbers of features, classes, channels and
        cells, and of nodes in a cell. Operations, and which nodes they join, may differ.
    """

    def __init__(self, networks: Sequence[Network]) -> None:
        super().__init__()
        self.stem = _Members([_chain(_stem(network)) for network in networks])
        categories = [network.categories for network in networks if network.categories is not None]
        self.categories = _StackedCategories(categories) if categories else None
        places = zip(*(cast(Sequence[CellModule], network.cells) for network in networks), strict=True)
        self.cells = nn.Sequential(*(_Cells(cells) for cells in places))
        self.head = _Rows([_chain(network.head) for network in networks])
        self.classify = _Rows([_chain(network.classify) for network in networks])

    def forward(self, x: Tensor, rows: Tensor | None = None) -> Tensor:
        """Map samples of each member to logits of shape (m, n, n_classes).

        Parameters
        ----------
        x : Tensor of shape (m, n, features)
            As :meth:`Network.prepare` makes them.
        rows : Tensor of shape (m, n, n_categories) or None, default=None
            Where there are categories.
        """
        x = self.stem(x)  # (m, n, width)
        if self.categories is not None:
            x = x + self.categories(rows)
        return self.classify(self.head(self.cells(x)))

    def on_its_own(self) -> Self:
        """Forget the networks, whose weights would be kept beside the stacked ones; nothing can be handed back then."""
        for module in self.modules():
            if isinstance(module, _Stacked):
                module.layers = ()
            elif isinstance(module, _StackedCategories):
                module.members = ()
        return self

    @torch.no_grad()
    def hand_back(self) -> None:
        """Copy the parameters into those of the networks."""
        for module in self.modules():
            if isinstance(module, _Stacked | _StackedCategories):
                module.hand_back()


class _Members(nn.Module):
    """A chain of layers of each member, of which those that begin alike are computed together.

    Parameters
    ----------
    chains : sequence of list of nn.Module
    """

    order: Tensor
    places: Tensor

    def __init__(self, chains: Sequence[Chain]) -> None:
        super().__init__()
        # So that rows that begin alike are neighbours.
        order = sorted(range(len(chains)), key=lambda member: _kinds(chains[member]))
        self.rows = _Rows([chains[member] for member in order])
        self.is_sorted = order == list(range(len(chains)))
        self.register_buffer("order", torch.tensor(order))
        self.register_buffer("places", torch.tensor(order).argsort())

    def forward(self, x: Tensor) -> Tensor:
        """Map (m, n, features) to (m, n, width)."""
        if self.is_sorted:
            return cast(Tensor, self.rows(x))
        return cast(Tensor, self.rows(x.index_select(0, self.order)).index_select(0, self.places))


class _Cells(nn.Module):
    """The cells at one place of all members."""

    def __init__(self, cells: Sequence[CellModule]) -> None:
        super().__init__()
        self.nodes = nn.ModuleList()
        # Where the rows of each node begin among those of all nodes that are computed.
        begins = {0: 0}
        for target in range(1, cells[0].output + 1):
            entries = [
                (_chain(cell.operations[step.row]), begins[step.source] + member, member)
                for member, cell in enumerate(cells)
                for step in cell.steps
                if step.target == target
            ]
            if entries:
                self.nodes.append(_Node(entries, len(cells)))
                begins[target] = len(begins) * len(cells)
        self.reaches_output = cells[0].output in begins

    def forward(self, x: Tensor) -> Tensor:
        """Map (m, n, width) to (m, n, width)."""
        nodes = [x]
        for node in self.nodes:
            nodes.append(node(torch.cat(nodes) if len(nodes) > 1 else x))
        return nodes[-1] if self.reaches_output else x * 0


class _Node(nn.Module):
    """A node of all members: the sum of the operations that lead to it.

    Parameters
    ----------
    entries : list of (chain, row, member)
        The layers of an operation, the row of the earlier nodes to which they are applied, and whose operation it is.
    n_members : int
    """

    sources: Tensor
    members: Tensor

    def __init__(self, entries: list[tuple[Chain, int, int]], n_members: int) -> None:
        super().__init__()
        # So that rows that begin alike are neighbours.
        chains, sources, members = zip(*sorted(entries, key=lambda entry: _kinds(entry[0])), strict=True)
        self.rows = _Rows(chains)
        self.n_members = n_members
        self.register_buffer("sources", torch.tensor(sources))
        self.register_buffer("members", torch.tensor(members))

    def forward(self, nodes: Tensor) -> Tensor:
        """Map the earlier nodes, shape (k * m, n, width), to this one, shape (m, n, width)."""
        values = self.rows(nodes.index_select(0, self.sources))  # (r, n, width)
        total = values.new_zeros(self.n_members, *values.shape[1:])
        # By index: a product with zeros and ones would spread what is not finite from one member to all.
        return total.index_add_(0, self.members, values)


class _Rows(nn.Module):
    """Rows of layers, of which those that begin alike are computed together until they differ.

    Parameters
    ----------
    chains : sequence of list of nn.Module
        The layers of each row. Rows that begin alike are neighbours.
    """

    def __init__(self, chains: Sequence[Chain]) -> None:
        super().__init__()
        groups = [list(group) for _, group in groupby(chains, key=lambda chain: _kinds(chain[:1]))]
        self.counts = [len(group) for group in groups]
        self.first = nn.ModuleList(_batched([chain[0] for chain in group if chain]) for group in groups)
        rests = [[chain[1:] for chain in group] for group in groups]
        # A list is not looked through for modules, and holds what there is none of.
        self.rests = [_Rows(rest) if any(rest) else None for rest in rests]
        self.registered = nn.ModuleList(rest for rest in self.rests if rest is not None)

    def parts(self, x: Tensor) -> list[Tensor]:
        """Map (r, n, width) to parts, whose rows are r together."""
        done: list[Tensor] = []
        # A split into one part would be a view, for nothing.
        begins = x.split_with_sizes(self.counts) if len(self.counts) > 1 else (x,)
        for part, first, rest in zip(begins, self.first, self.rests, strict=True):
            y = first(part)
            done += [y] if rest is None else rest.parts(y)
        return done

    def forward(self, x: Tensor) -> Tensor:
        """Map (r, n, width) to (r, n, width)."""
        parts = self.parts(x)
        return torch.cat(parts) if len(parts) > 1 else parts[0]


class _Stacked(nn.Module):
    """Layers of one kind, of which the r-th is applied to the r-th row.

    Parameters and buffers have the names that they have in the layers.

    Parameters
    ----------
    layers : sequence of nn.Module
    """

    def __init__(self, layers: Sequence[nn.Module]) -> None:
        super().__init__()
        # In a tuple, they are no submodules.
        self.layers = tuple(layers)
        for name, _ in layers[0].named_parameters():
            self.register_parameter(name, nn.Parameter(self._stack(name)))
        for name, _ in layers[0].named_buffers():
            self.register_buffer(name, self._stack(name))

    @staticmethod
    @abstractmethod
    def _row(tensor: Tensor) -> Tensor:
        """View a tensor of a layer as the computation of all takes it."""

    def _stack(self, name: str) -> Tensor:
        return torch.stack([self._row(getattr(layer, name).detach()) for layer in self.layers])

    def hand_back(self) -> None:
        """Copy the parameters into those of the layers; buffers have not changed."""
        for name, parameter in self.named_parameters(recurse=False):
            for row, layer in zip(parameter, self.layers, strict=True):
                self._row(getattr(layer, name)).copy_(row)


def _stem(network: Network) -> nn.Module:
    """Return what the input goes through first."""
    return network.stem.operations[0] if isinstance(network.stem, CellModule) else network.stem


class _Affine(_Stacked):
    weight: nn.Parameter | None
    bias: nn.Parameter | None

    def __init__(self, layers: Sequence[nn.Module]) -> None:
        super().__init__(layers)
        for name in ("weight", "bias"):
            if name not in self._parameters:
                self.register_parameter(name, None)

    @staticmethod
    def _row(tensor: Tensor) -> Tensor:
        """View a weight (out, in) as (in, out), as a product takes it, and a vector as (1, width)."""
        return tensor.T if tensor.ndim == 2 else tensor[None]


class _Linear(_Affine):
    weight: nn.Parameter

    def forward(self, x: Tensor) -> Tensor:
        """Map (r, n, in) to (r, n, out)."""
        return torch.bmm(x, self.weight) if self.bias is None else torch.baddbmm(self.bias, x, self.weight)


class _LayerNorm(_Affine):
    def __init__(self, layers: Sequence[nn.LayerNorm]) -> None:
        super().__init__(layers)
        self.shape, self.eps = layers[0].normalized_shape, layers[0].eps

    def forward(self, x: Tensor) -> Tensor:
        """Map (r, n, width) to (r, n, width)."""
        x = functional.layer_norm(x, self.shape, eps=self.eps)
        if self.weight is None:
            return x
        return x * self.weight if self.bias is None else torch.addcmul(self.bias, x, self.weight)


class _ByItself(_Stacked):
    """Layers that say themselves how they are computed with the weights of all."""

    def __init__(self, layers: Sequence[Stackable]) -> None:
        super().__init__(layers)
        self.compute = layers[0].compute

    @staticmethod
    def _row(tensor: Tensor) -> Tensor:
        return tensor

    def forward(self, x: Tensor) -> Tensor:
        """Map (r, n, in) to (r, n, out)."""
        return self.compute(x, {**dict(self.named_parameters()), **dict(self.named_buffers())})


class _StackedCategories(nn.Module):
    """The categories of all members.

    Parameters
    ----------
    members : sequence of Categories
    """

    def __init__(self, members: Sequence[Categories]) -> None:
        super().__init__()
        # In a tuple, they are no submodules.
        self.members = tuple(members)
        self.few, self.many = (
            _stack_vectors([part for part in parts if part is not None])
            for parts in (
                [member.few for member in members],
                [member.many for member in members],
            )
        )
        wide = [member.widen for member in members if member.widen is not None]
        self.widen = _Linear(wide) if wide else None

    def forward(self, rows: Tensor) -> Tensor:
        """Map rows of the tables, shape (m, n, n_columns), to vectors, shape (m, n, width)."""
        return sum_levels(rows, self.few, self.many, self.widen)

    def hand_back(self) -> None:
        """Copy the vectors into those of the members; the linear map does it by itself."""
        for i, member in enumerate(self.members):
            for own, stacked in ((member.few, self.few), (member.many, self.many)):
                if own is not None and stacked is not None:
                    own.weight.copy_(stacked.weight[i : i + 1])


def _stack_vectors(members: Sequence[LevelVectors]) -> LevelVectors | None:
    if not members:
        return None
    weight = torch.cat([member.weight.detach() for member in members])
    return LevelVectors(weight, torch.cat([member.shares for member in members]), members[0].cardinalities)


def _batched(layers: Sequence[nn.Module]) -> nn.Module:
    """Make one layer of layers of one kind, or of none."""
    if not layers:
        return nn.Identity()
    first = layers[0]
    if not _is_known(first):
        raise ValueError(f"The layer {first!r} has no batched form; networks with it are trained one by one.")
    if isinstance(first, nn.Linear):
        return _Linear(layers)
    if isinstance(first, nn.LayerNorm):
        return _LayerNorm(cast(Sequence[nn.LayerNorm], layers))
    if isinstance(first, Stackable):
        return _ByItself(cast(Sequence[Stackable], layers))
    return nn.GLU(dim=-1) if isinstance(first, nn.GLU) else first


def _has_batched_form(operation: nn.Module) -> bool:
    chain = _chain(operation)
    parameters = [id(parameter) for layer in chain for parameter in layer.parameters()]
    return (
        all(_is_known(layer) for layer in chain)
        # A parameter of two layers would become two, and one that is frozen would be trained.
        and len(parameters) == len(set(parameters))
        and all(parameter.requires_grad for parameter in operation.parameters())
    )


def _is_known(layer: nn.Module) -> bool:
    if layer._forward_hooks or layer._forward_pre_hooks:
        return False
    if isinstance(layer, Stackable):
        return type(layer).forward is Stackable.forward and not any(layer.children())
    # By the very type: a subclass may compute something else.
    if type(layer) is nn.LayerNorm:
        return len(layer.normalized_shape) == 1
    if type(layer) is nn.GLU:
        return layer.dim in (-1, 1)
    return type(layer) is nn.Linear or (type(layer) in _ELEMENTWISE and not getattr(layer, "inplace", False))


def _chain(module: nn.Module) -> Chain:
    """List the layers of a module in a row."""
    if type(module) is nn.Sequential:
        return [layer for part in module for layer in _chain(part)]
    return [] if type(module) is nn.Identity else [module]


def _kinds(chain: Chain) -> tuple[str, ...]:
    """Describe layers such that those with equal descriptions can be batched."""
    return tuple(repr((layer, _shapes(layer.named_parameters()), _shapes(layer.named_buffers()))) for layer in chain)


def _shapes(tensors: Iterable[tuple[str, Tensor]]) -> list[tuple[str, tuple[int, ...]]]:
    return [(name, tuple(tensor.shape)) for name, tensor in tensors]
