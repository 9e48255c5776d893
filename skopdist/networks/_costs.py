"""What networks cost: parameters, FLOPs and latency, by architecture."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from statistics import median
from typing import Any, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from skopdist._device import isolated_generators, resolve_devices
from skopdist.architecture import Architecture
from skopdist.encodings import Limit
from skopdist.networks._frames import Frame, Place, Shape, Slot, Work, follow_cell, follow_network, resized
from skopdist.networks._layouts import plan_network
from skopdist.networks._network import Network
from skopdist.networks._plans import CellPlan, Part
from skopdist.operations import OperationSize, get_operation, is_zero
from skopdist.trial import Trial

__all__ = ["NetworkCosts", "pareto_front"]

_WARM_UP, _REPEATS = 5, 25
# Where wirings differ, each has a sum of its own, and a long search should not keep them all.
_MOST_KNOWN = 10_000

Key = TypeVar("Key")
Value = TypeVar("Value")


class _Absent(nn.Module):
    """Stands where an operation would, and takes hardly any time: gives zeros of the right shape."""

    def __init__(self, size: OperationSize) -> None:
        super().__init__()
        self.size = size

    def forward(self, x: Tensor) -> Tensor:
        """Map (n, channels_in, ...) to zeros of shape (n, channels_out, ...)."""
        shape = resized(self.size, tuple(x.shape[2:]))
        return x.new_zeros(len(x), shape.channels, *shape.sides)


class NetworkCosts:
    """What the networks of architectures cost, for one shape of input and one size of network.

    A network is taken apart into its modules, and what each of them costs is found once, for each width and size at
    which it stands; an architecture's cost is their sum. So asking for thousands of architectures is cheap, and linear
    in the distribution of operations where all slots of a cell are alike.

    Parameters
    ----------
    input_shape : (features,), (channels, length) or (channels, height, width)
        Shape of one sample.
    n_classes : int
    channels : int, default=16
        Width of the network at its beginning.
    n_cells : int, default=3
        Number of cells.
    device : str, default="auto"
        Where latencies are measured; "auto" takes CUDA where there is any.

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
    >>> from skopdist.networks._costs import NetworkCosts
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
    ) -> None:
        self.input_shape = tuple(input_shape)
        self.n_classes = n_classes
        self.channels = channels
        self.n_cells = n_cells
        self.device = device
        self._frames: dict[Architecture, Frame] = {}
        self._cells: dict[tuple[CellPlan, tuple[Shape, ...]], Frame] = {}
        self._fixed_parameters: dict[Part, int] = {}
        self._fixed_flops: dict[Work, int] = {}
        self._parameters: dict[tuple[str, OperationSize], int] = {}
        self._flops: dict[tuple[str, Place], int] = {}
        self._seconds: dict[tuple[str, Place], float] = {}
        self._fixed_seconds: dict[Work, float] = {}
        self._overhead: dict[str, float] = {}

    def n_parameters(self, architecture: Architecture) -> int:
        """Count the parameters of an architecture's network, exactly."""
        names, frame = _names(architecture), self._frame(architecture)
        sizes = ((slot, place.size if isinstance(place, Place) else place) for slot, place in frame.slots)
        return sum(_known(self._fixed_parameters, work.part, _count_part_parameters) for work in frame.fixed) + sum(
            _known(self._parameters, (names[slot], size), _count_parameters) for slot, size in sizes
        )

    def flops(self, architecture: Architecture) -> int:
        """Count the multiply-adds by which the network classifies one sample.

        A multiplication and the addition after it count as one operation, as in the tables of the literature; torch's
        own counter, which does the counting, gives twice as many. What is no product of matrices and no convolution
        counts as nothing.
        """
        names, frame = _names(architecture), self._frame(architecture)
        return sum(_known(self._fixed_flops, work, _count_part_flops) for work in frame.fixed) + sum(
            _known(self._flops, (names[slot], place), _count_flops)
            for slot, place in frame.slots
            if isinstance(place, Place)
        )

    def latency(self, architecture: Architecture) -> float:
        """Give the seconds that the network takes for one sample on the device, as the sum of its parts' times.

        Each is measured once for each width and size at which it stands, as the median of repeated passes; what a
        network takes beyond its parts is found once as well, without operations, in the wiring that is asked about
        first. A search so works with the same numbers throughout; another one, with an object of its own, measures anew
        and gets other ones. Operations on no path from input to output take no time.
        """
        device = resolve_devices(self.device)[0]
        names, frame = _names(architecture), self._frame(architecture)
        dead = {
            (cell_type, slot)
            for cell_type, cell in zip(architecture.cell_types, architecture.cells, strict=True)
            for slot in set(range(len(cell.operations))) - set(cell.live_slots(is_zero))
        }
        overhead = _known(self._overhead, device, lambda device: self._find_overhead(architecture, device))
        return (
            overhead
            + self._time_fixed(frame, device)
            + sum(
                _known(self._seconds, (names[slot], place), partial(_time_operation, device=device))
                for slot, place in frame.slots
                if isinstance(place, Place) and slot not in dead
            )
        )

    def limits(self, most: Mapping[str, float | None]) -> list[Limit]:
        """Make the limits of a mapping, for :class:`~skopdist.encodings.LimitedEncoding`."""
        costs: dict[str, Any] = {"params": self.n_parameters, "flops": self.flops, "latency": self.latency}
        for name, value in most.items():
            if name not in costs:
                raise ValueError(f"Unknown limit {name!r}; expected {sorted(costs)}.")
            if value is not None and not value > 0:
                raise ValueError(f'limits["{name}"] must be a positive number, got {value!r}.')
        return [Limit(f'limits["{name}"]', costs[name], v) for name, v in most.items() if v is not None]

    def _time_fixed(self, frame: Frame, device: str) -> float:
        return sum(_known(self._fixed_seconds, work, partial(_time_part, device=device)) for work in frame.fixed)

    def _find_overhead(self, architecture: Architecture, device: str) -> float:
        """Time a network without operations, and take off what its other parts take alone."""
        with isolated_generators(device), torch.device(device):
            network = Network(
                # What fits all inputs and passes something on.
                _wiring(architecture, "skip_connect"),
                self.input_shape,
                self.n_classes,
                self.channels,
                self.n_cells,
                make_operation=lambda cell_type, slot, name, size: _Absent(size),
            ).eval()
            seconds = _time(network, torch.zeros(1, *self.input_shape))
        return max(0.0, seconds - self._time_fixed(self._frame(architecture), device))

    def _frame(self, architecture: Architecture) -> Frame:
        return _known(self._frames, _wiring(architecture), self._find_frame)

    def _find_frame(self, wiring: Architecture) -> Frame:
        plan = plan_network(wiring, self.input_shape, self.n_classes, self.channels, self.n_cells)
        shape = Shape(self.input_shape[0], self.input_shape[1:])
        return follow_network(plan, shape, self._cell_frame)

    def _cell_frame(self, plan: CellPlan, given: tuple[Shape, ...]) -> Frame:
        return _known(self._cells, (plan, given), lambda key: follow_cell(*key))


def pareto_front(
    trials: Sequence[Trial], costs: Mapping[str, Callable[[Architecture], float]]
) -> dict[str, NDArray[Any]]:
    """Give the trials that no other trial beats in score and costs.

    One trial beats another if it is as good in all of them and better in one; trials that are equal all stay.
    Architectures that were not worth a training, since nothing passes through them, and trials that failed are left
    out.

    Parameters
    ----------
    trials : sequence of Trial
    costs : mapping of str to callable ``Architecture -> float``
        Lower is better.

    Returns
    -------
    front : dict of str to ndarray of shape (n,)
        ``trial``, the index, ``score``, and each cost by its name; the highest score first.

    Examples
    --------
    >>> from skopdist.networks._costs import pareto_front
    >>> from skopdist.evaluators import TabularEvaluator
    >>> from skopdist.search import run_search
    >>> from skopdist.spaces import DenseSpace
    >>> from skopdist.strategies import RandomSearch
    >>> table = TabularEvaluator(DenseSpace(), lambda operations: len(set(operations)))
    >>> result = run_search(RandomSearch(), table, n_trials=30, random_state=0)
    >>> front = pareto_front(result.trials, {"layers": lambda a: sum("linear" in name for name in a.operations)})
    >>> sorted(set(zip(front["score"].tolist(), front["layers"].tolist())), reverse=True)
    [(6.0, 4), (5.0, 3), (4.0, 2)]
    """
    kept = sorted((trial for trial in trials if trial.status == "ok"), key=lambda trial: -trial.score)
    columns = {"trial": np.array([trial.index for trial in kept], dtype=np.int64)}
    columns["score"] = np.array([trial.score for trial in kept])
    for name, cost in costs.items():
        columns[name] = np.array([cost(trial.architecture) for trial in kept])
    values = np.stack([-columns["score"], *(columns[name] for name in costs)], axis=1)  # (n, 1 + n_costs)
    as_good = (values[:, None] <= values[None]).all(axis=2)
    better = (values[:, None] < values[None]).any(axis=2)
    front = ~(as_good & better).any(axis=0)
    return {name: column[front] for name, column in columns.items()}


def _names(architecture: Architecture) -> dict[Slot, str]:
    return {
        (cell_type, slot): name
        for cell_type, cell in zip(architecture.cell_types, architecture.cells, strict=True)
        for slot, name in enumerate(cell.operations)
    }


def _wiring(architecture: Architecture, name: str = "") -> Architecture:
    """Forget which operations there are; give all of them one name."""
    cells = [replace(cell, operations=(name,) * len(cell.operations)) for cell in architecture.cells]
    return replace(architecture, cells=tuple(cells))


def _known(found: dict[Key, Value], key: Key, find: Callable[[Key], Value]) -> Value:
    """Look a value up, and find it the first time."""
    if key not in found:
        if len(found) >= _MOST_KNOWN:
            found.clear()
        found[key] = find(key)
    return found[key]


def _size(make: Callable[[], nn.Module]) -> int:
    with torch.device("meta"):
        return sum(parameter.numel() for parameter in make().parameters())


def _count_parameters(key: tuple[str, OperationSize]) -> int:
    name, size = key
    return _size(partial(get_operation(name).make, size))


def _count_part_parameters(part: Part) -> int:
    return _size(part.make)


def _count_flops(key: tuple[str, Place]) -> int:
    return _run_counted(*_on_device(*_operation(*key), "meta"))


def _count_part_flops(work: Work) -> int:
    return _run_counted(*_on_device(work.part.make, work.shape, "meta"))


def _time_operation(key: tuple[str, Place], device: str) -> float:
    return _time_made(*_operation(*key), device)


def _time_part(work: Work, device: str) -> float:
    return _time_made(work.part.make, work.shape, device)


def _time_made(make: Callable[[], nn.Module], shape: Shape, device: str) -> float:
    with isolated_generators(device):
        return _time(*_on_device(make, shape, device))


def _operation(name: str, place: Place) -> tuple[Callable[[], nn.Module], Shape]:
    make = partial(get_operation(name).make, place.size)
    return make, Shape(place.size.channels_in, place.sides)


def _on_device(make: Callable[[], nn.Module], shape: Shape, device: str) -> tuple[nn.Module, Tensor]:
    """Make a module and what it works on."""
    with torch.device(device):
        module = make().eval()
        x = torch.zeros(1, shape.channels, *shape.sides)
    if len(shape.sides) == 2:
        module, x = module.to(memory_format=torch.channels_last), x.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return module, x


def _run_counted(module: nn.Module, x: Tensor) -> int:
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        module(x)
    return int(counter.get_total_flops()) // 2


def _time(module: nn.Module, x: Tensor) -> float:
    """Give the median time of a pass, in seconds."""
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
