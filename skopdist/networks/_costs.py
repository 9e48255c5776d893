"""The costs of networks: parameters, FLOPs and latency, by architecture."""

from __future__ import annotations

import numbers
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from statistics import median
from typing import Any, TypeVar

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from skopdist._columns import Columns
from skopdist._device import isolated_generators, own_settings, resolve_devices
from skopdist.architecture import Architecture
from skopdist.encodings import Limit
from skopdist.networks._categories import plan_categories
from skopdist.networks._cells import CellPlan, Part, Work
from skopdist.networks._layouts import plan_network
from skopdist.networks._network import Network
from skopdist.operations import OperationSize, get_operation, is_zero

_WARM_UP, _REPEATS = 5, 25
# Where wirings differ, each has a sum of its own, and a long search should not keep them all.
_MOST_KNOWN = 10_000

Key = TypeVar("Key")
Value = TypeVar("Value")
# A module and the sides of its input, which is None if it is never computed.
Placed = tuple[Part, tuple[int, ...] | None]


class _Absent(nn.Module):
    """A stand-in for an operation that takes hardly any time: it returns zeros of the right shape."""

    def __init__(self, size: OperationSize) -> None:
        super().__init__()
        self.size = size

    def forward(self, x: Tensor) -> Tensor:
        """Map (n, channels_in, ...) to zeros of shape (n, channels_out, ...)."""
        return x.new_zeros(len(x), *self.size.output_shape(x.shape[2:]))


class NetworkCosts:
    """The costs of the networks of architectures, for one shape of input and one size of network.

    The cost of an architecture is the sum of the costs of its network's modules. The cost of a module is found once for
    each width and size at which it stands, so asking for thousands of architectures is cheap. Where all slots of a cell
    are alike, the cost is linear in the distribution of operations.

    Parameters
    ----------
    input_shape : (features,), (channels, length) or (channels, height, width)
        Shape of one sample.
    n_classes : int
    channels : int, default=16
        Width of the network at its beginning, unless an architecture has a setting of this name.
    n_cells : int, default=3
        Number of cells, unless an architecture has a setting of this name.
    device : str, default="auto"
        Where latencies are measured; "auto" takes CUDA where there is any.
    columns : Columns or None, default=None
        What the columns of flat input are, where they are not numbers alone.

    Notes
    -----
    Parameters and FLOPs count all operations of a cell, also those on no path from input to output, as the columns of
    NAS-Bench-201 [1]_ do. They are found without computing anything, on torch's "meta" device.

    References
    ----------
    .. [1] Dong and Yang, "NAS-Bench-201: Extending the Scope of Reproducible Neural Architecture Search",
       ICLR 2020, arXiv 2001.00326.

    Examples
    --------
    >>> from skopdist.networks import NetworkCosts
    >>> from skopdist.spaces import NASBench201Space
    >>> space = NASBench201Space()
    >>> costs = NetworkCosts((3, 32, 32), n_classes=10, channels=16, n_cells=15)
    >>> cell = space.make_cell(["nor_conv_3x3"] * 6, space.potential_edges(6))
    >>> largest = space.make_architecture([cell])
    >>> costs.n_parameters(largest), costs.flops(largest)
    (1531546, 220119680)
    """

    def __init__(
        self,
        input_shape: Sequence[int],
        n_classes: int,
        channels: int = 16,
        n_cells: int = 3,
        device: str = "auto",
        columns: Columns | None = None,
    ) -> None:
        self.input_shape = tuple(input_shape)
        self.n_classes = n_classes
        self.channels = channels
        self.n_cells = n_cells
        self.device = device
        self.columns = columns
        self._work: dict[Architecture, Counter[Work]] = {}
        self._parameters: dict[Part, int] = {}
        self._flops: dict[Placed, int] = {}
        self._seconds: dict[tuple[str, Placed], float] = {}
        self._overhead: dict[str, float] = {}

    def __getstate__(self) -> dict[str, Any]:
        # What is counted is the same each time, and what is measured is not. Pairs, for the keys are tuples, which
        # skops cannot store in a mapping.
        return self.__dict__ | {"_work": {}, "_parameters": {}, "_flops": {}, "_seconds": list(self._seconds.items())}

    def __setstate__(self, state: Mapping[str, Any]) -> None:
        self.__dict__.update(state, _seconds=dict(state["_seconds"]))

    def of_size(self, n_cells: int, channels: int) -> NetworkCosts:
        """Return the costs of networks of another depth and width, which take over what is known of single modules."""
        other = NetworkCosts(self.input_shape, self.n_classes, channels, n_cells, self.device, self.columns)
        other._parameters, other._flops, other._seconds = self._parameters, self._flops, self._seconds
        return other

    def n_parameters(self, architecture: Architecture) -> int:
        """Count the parameters of an architecture's network, exactly."""
        return sum(n * _known(self._parameters, part, _count_parameters) for (part, _), n in self._placed(architecture))

    def flops(self, architecture: Architecture) -> int:
        """Count the multiply-adds by which the network classifies one sample.

        A multiplication and the addition after it count as one operation, as in the tables of the literature; torch's
        own counter, which does the counting, returns twice as many. Products of matrices and convolutions are counted,
        and nothing else.
        """
        return sum(
            n * _known(self._flops, placed, _count_flops)
            for placed, n in self._placed(architecture)
            if placed[1] is not None
        )

    def latency(self, architecture: Architecture) -> float:
        """Return the seconds that the network takes for one sample on the device, as the sum of its modules' times.

        Each kind of module is timed once for each width and size at which it stands, as the median of repeated passes.
        The overhead is the time that a network takes beyond its modules, such as for adding up what comes into a node.
        It is timed once too, on a network without operations that is wired as the first architecture asked about. So a
        search works with the same numbers throughout, and another object measures anew and gets other ones. Operations
        on no path from input to output take no time.
        """
        device = resolve_devices(self.device)[0]
        live = {
            (cell_type, slot)
            for cell_type, cell in zip(architecture.cell_types, architecture.cells, strict=True)
            for slot in cell.live_slots(is_zero)
        }
        overhead = _known(self._overhead, device, lambda device: self._find_overhead(architecture, device))
        return overhead + self._time(self._placed(architecture, live), device)

    def limits(self, limits: Mapping[str, float | None]) -> list[Limit]:
        """Make the limits of a :class:`~skopdist.encodings.LimitedEncoding`.

        Parameters
        ----------
        limits : mapping of str to float or None
            The most that an architecture may cost: "params", the number of parameters; "flops", the multiply-adds for
            one sample; "latency", the seconds for one sample. None is no limit.

        Returns
        -------
        limits : list of Limit
            In the order in which they were given.

        Raises
        ------
        ValueError
            If a name is unknown, or a limit is not a positive number.

        Examples
        --------
        >>> from skopdist.networks import NetworkCosts
        >>> NetworkCosts((3, 32, 32), n_classes=10).limits({"params": 50_000, "flops": None})
        [Limit(name='limits["params"]', maximum=50000)]
        """
        costs: dict[str, Callable[[Architecture], float]] = {
            "params": self.n_parameters,
            "flops": self.flops,
            "latency": self.latency,
        }
        unknown = [name for name in limits if name not in costs]
        if unknown:
            raise ValueError(f"Unknown limits {unknown}; the known ones are {list(costs)}.")
        for name, value in limits.items():
            is_number = isinstance(value, numbers.Real) and not isinstance(value, bool)
            if value is not None and not (is_number and value > 0):
                raise ValueError(f'limits["{name}"] must be a positive number, got {value!r}.')
        return [Limit(f'limits["{name}"]', costs[name], value) for name, value in limits.items() if value is not None]

    def _placed(
        self, architecture: Architecture, slots: Collection[tuple[str, int]] | None = None
    ) -> Iterator[tuple[Placed, int]]:
        """Count the modules of an architecture's network, by kind, with the operations at some slots or at all."""
        names = {
            (cell_type, slot): name
            for cell_type, cell in zip(architecture.cell_types, architecture.cells, strict=True)
            for slot, name in enumerate(cell.operations)
        }
        for (what, size, sides), n in _known(self._work, _wiring(architecture), self._find_work).items():
            if isinstance(what, Part):
                yield (what, sides), n
            elif slots is None or what in slots:
                yield (Part(_registered, size, (names[what],)), sides), n

    def _size_of(self, architecture: Architecture) -> tuple[int, int]:
        """Return the width and the depth of an architecture's network."""
        sizes: dict[str, Any] = {"channels": self.channels, "n_cells": self.n_cells} | dict(architecture.settings)
        return sizes["channels"], sizes["n_cells"]

    def _find_work(self, wiring: Architecture) -> Counter[Work]:
        """Count the modules of all networks of a wiring by following a sample through its plan."""
        shape = self.input_shape if self.columns is None else (self.columns.n_numbers,)
        channels, n_cells = self._size_of(wiring)
        stem, layers, head, classify = plan_network(wiring, shape, self.n_classes, channels, n_cells)
        found: Counter[Work] = Counter()
        categories = plan_categories(self.columns, channels)
        if categories is not None:
            found.update([Work(categories, categories.size, ())])
        before = latest = self.input_shape[1:]
        for place, layer in enumerate([stem, *layers]):
            if isinstance(layer, CellPlan):
                work, result = layer.work((before, latest) if layer.cell.n_inputs == 2 else (latest,))
                found.update(work)
            else:
                found.update([Work(layer, layer.size, latest)])
                result = layer.size.output_shape(latest)[1:]
            # Before the stem there is nothing that a cell could see.
            before, latest = latest if place else result, result
        # The classifier stands behind the mean over all positions.
        found.update([Work(head, head.size, latest), Work(classify, classify.size, ())])
        return found

    def _time(self, placed: Iterator[tuple[Placed, int]], device: str) -> float:
        return sum(n * _known(self._seconds, (device, one), _time_placed) for one, n in placed if one[1] is not None)

    def _find_overhead(self, architecture: Architecture, device: str) -> float:
        """Time a network without operations, and take off what its other modules take by themselves."""
        with own_settings(), isolated_generators(device), torch.device(device):
            network = Network(
                _wiring(architecture),
                self.input_shape,
                self.n_classes,
                *self._size_of(architecture),
                make_operation=lambda cell_type, slot, name, size: _Absent(size),
                columns=self.columns,
            ).eval()
            seconds = _time(network, torch.zeros(1, *self.input_shape))
        return max(0.0, seconds - self._time(self._placed(architecture, slots=()), device))


def _wiring(architecture: Architecture) -> Architecture:
    """Replace all operations by one that fits every input and passes something on, and keep the size alone.

    Stems that summarize stay, for the cells behind them see less.
    """
    cells = [
        cell
        if get_operation(cell.operations[0]).summarizes
        else replace(cell, operations=("skip_connect",) * len(cell.operations))
        for cell in architecture.cells
    ]
    sizes = tuple((name, value) for name, value in architecture.settings if name in ("channels", "n_cells"))
    return replace(architecture, cells=tuple(cells), settings=sizes)


def _known(found: dict[Key, Value], key: Key, find: Callable[[Key], Value]) -> Value:
    """Look a value up, and find it the first time."""
    if key not in found:
        if len(found) >= _MOST_KNOWN:
            found.clear()
        found[key] = find(key)
    return found[key]


def _registered(size: OperationSize, name: str) -> nn.Module:
    return get_operation(name).make(size)


def _count_parameters(part: Part) -> int:
    with torch.device("meta"):
        return sum(parameter.numel() for parameter in part.make().parameters())


def _count_flops(placed: Placed) -> int:
    module, x = _made_on("meta", placed)
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        module(x)
    return int(counter.get_total_flops()) // 2


def _time_placed(key: tuple[str, Placed]) -> float:
    device, placed = key
    with own_settings(), isolated_generators(device):
        return _time(*_made_on(device, placed))


def _made_on(device: str, placed: Placed) -> tuple[nn.Module, Tensor]:
    """Make a module and one input of it."""
    part, sides = placed
    with torch.device(device):
        module = part.make().eval()
        x = torch.zeros(1, part.size.channels_in, *(sides or ()))
    if x.ndim == 4:
        module, x = module.to(memory_format=torch.channels_last), x.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return module, x


def _time(module: nn.Module, x: Tensor) -> float:
    """Return the median time of a pass, in seconds."""
    cuda = x.device.type == "cuda"
    seconds = []
    with torch.inference_mode():
        for _ in range(_WARM_UP + _REPEATS):
            start = time.perf_counter()
            module(x)
            if cuda:
                torch.cuda.synchronize(x.device)
            seconds.append(time.perf_counter() - start)
    return median(seconds[_WARM_UP:])
