"""Where and how torch computes: device, precision, threads, generators."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Any, TypeAlias

import numpy as np
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

Device: TypeAlias = str | torch.device
_EXPECTED = "'auto', a device of torch such as 'cpu' or 'cuda:0', or a list of at least one"


def resolve_devices(device: Device | Sequence[Device]) -> tuple[str, ...]:
    """Return the devices that a parameter stands for: one, or each of a list.

    Nothing here starts CUDA: a process that only hands trials to its workers should not hold memory of a GPU.

    Raises
    ------
    ValueError
        If it is no device of torch, one of a kind that is not supported or that the machine lacks, or an empty list.
    """
    if isinstance(device, str | torch.device):
        if device == "auto":
            device = "cuda" if torch.cuda.is_available() else "cpu"
        return (_resolve(device),)
    if not isinstance(device, list | tuple) or not device:
        raise ValueError(f"device must be {_EXPECTED}, got {device!r}.")
    return tuple(_resolve(one) for one in device)


def _resolve(device: Device) -> str:
    try:
        found = torch.device(device)
    except (RuntimeError, TypeError) as error:
        raise ValueError(f"device must be {_EXPECTED}, got {device!r}.") from error
    if found.type not in ("cpu", "cuda"):
        # Input is standardised, and flat input predicted, in double precision, which others lack or do not run.
        raise ValueError(
            f"device={str(device)!r} is not supported; networks run on 'cpu' and on CUDA devices such as 'cuda:0'."
        )
    if found.type == "cuda":
        if not torch.cuda.is_available():
            raise ValueError(
                f"device={str(device)!r} was asked for, but torch finds no CUDA device; use 'auto' or 'cpu'."
            )
        if (found.index or 0) >= torch.cuda.device_count():
            raise ValueError(
                f"device={str(device)!r} was asked for, but torch finds {torch.cuda.device_count()} CUDA device(s), "
                "counted from cuda:0."
            )
    return str(found)


def resolve_precision(precision: str, device: str, n_spatial: int) -> str:
    """Return the precision that "auto" stands for: bfloat16 for images where the hardware multiplies it, else float32.

    A GPU is asked, which starts CUDA: it is for the process that trains.
    """
    if precision != "auto":
        return precision
    if n_spatial != 2:
        return "float32"
    if device.startswith("cuda"):
        supported = torch.cuda.is_bf16_supported(including_emulation=False)
    else:
        # Older releases of torch cannot tell; there it stays with what is always right.
        known = torch.cpu.get_capabilities() if hasattr(torch.cpu, "get_capabilities") else {}
        supported = known.get("avx512_bf16", False) or known.get("amx_bf16", False)
    return "bfloat16" if supported else "float32"


_LOCK = threading.Lock()
_INSIDE: dict[str, tuple[int, Callable[[], None]]] = {}


@contextmanager
def _restored(name: str, save: Callable[[], Callable[[], None]]) -> Iterator[None]:
    """Restore what `save` found when the first thread came in, as soon as the last one leaves.

    A thread that restored alone would give back what it found, which is what another one, still inside, had changed.
    """
    with _LOCK:
        count, restore = _INSIDE[name] if name in _INSIDE else (0, save())
        _INSIDE[name] = (count + 1, restore)
    try:
        yield
    finally:
        with _LOCK:
            count, restore = _INSIDE.pop(name)
            if count > 1:
                _INSIDE[name] = (count - 1, restore)
            else:
                restore()


@contextmanager
def one_thread() -> Iterator[None]:
    """Let torch compute in one thread.

    Threads of several workers fight for the cores, and a result must not depend on how many there are.
    """

    def save() -> Callable[[], None]:
        return partial(torch.set_num_threads, torch.get_num_threads())

    with _restored("threads", save):
        torch.set_num_threads(1)
        yield


@contextmanager
def own_settings() -> Iterator[None]:
    """Compute as torch does when it is imported, whatever is set for other work.

    That concerns the default type and device, the precision of matrix products, recorded gradients and autocasting.
    Worker processes know nothing of what the caller has set, and a result must not depend on where a trial ran.
    """
    with ExitStack() as stack:
        stack.enter_context(_restored("dtype", lambda: partial(torch.set_default_dtype, torch.get_default_dtype())))
        torch.set_default_dtype(torch.float32)
        precision = torch.get_float32_matmul_precision
        stack.enter_context(_restored("matmul", lambda: partial(torch.set_float32_matmul_precision, precision())))
        torch.set_float32_matmul_precision("highest")
        if torch.get_default_device().type != "cpu":
            stack.enter_context(torch.device("cpu"))
        stack.enter_context(torch.inference_mode(False))
        stack.enter_context(torch.enable_grad())
        for kind in ("cpu", "cuda"):
            if torch.is_autocast_enabled(kind):
                # Without the cache, which keeps cast weights until the outermost block ends, whatever steps are made.
                stack.enter_context(torch.autocast(kind, enabled=False, cache_enabled=False))
        yield


@contextmanager
def isolated_generators(device: str | None) -> Iterator[None]:
    """Leave the global generators of torch and numpy as they are found."""
    with ExitStack() as stack:
        stack.enter_context(_restored("numpy", lambda: partial(np.random.set_state, np.random.get_state())))  # noqa: NPY002
        stack.enter_context(_restored("cpu", lambda: partial(torch.set_rng_state, torch.get_rng_state())))
        if device is not None and device.startswith("cuda"):
            stack.enter_context(
                _restored(device, lambda: partial(torch.cuda.set_rng_state, torch.cuda.get_rng_state(device), device))
            )
        yield


@contextmanager
def computing(device: str | None) -> Iterator[None]:
    """Train in one thread with the library's own settings, and leave everything global as it is found."""
    with own_settings(), one_thread(), isolated_generators(device):
        yield


class DrawnFrom(TorchDispatchMode):
    """Within it, what this thread draws at random comes from generators of its own, with the numbers of that seed.

    Other threads, which draw from torch's global generators meanwhile, then change nothing of it. The few functions of
    torch that take no generator still draw from the global ones.

    Parameters
    ----------
    seed : int
    """

    def __init__(self, seed: int) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.seed = seed
        self.generators: dict[torch.device, torch.Generator] = {}

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Call a function of torch, with the generator where it takes one."""
        kwargs = dict(kwargs or {})
        if torch.Tag.nondeterministic_seeded not in func.tags or kwargs.get("generator") is not None:
            return func(*args, **kwargs)
        tensors = [value for value in args if isinstance(value, torch.Tensor)]
        device = tensors[0].device if tensors else torch.device(kwargs.get("device") or "cpu")
        if func is torch.ops.aten.native_dropout.default:
            # Of GPUs, in one go; it takes no generator.
            return _dropout(*args, **kwargs, generator=self._on(device))
        # torch.rand and the like take one under another name.
        named = {"default": "generator", "low": "low_generator"}.get(func._overloadname, "")
        for candidate in (func, getattr(func.overloadpacket, named, None) if named else None):
            if candidate is not None and any(a.name == "generator" for a in candidate._schema.arguments):
                return candidate(*args, **kwargs, generator=self._on(device))
        return func(*args, **kwargs)

    def _on(self, device: torch.device) -> torch.Generator:
        """Return the generator of a device."""
        if device.type == "cuda" and device.index is None:
            device = torch.device("cuda", torch.cuda.current_device())
        if device not in self.generators:
            self.generators[device] = torch.Generator(device).manual_seed(self.seed)
        return self.generators[device]


def _dropout(
    x: Tensor, probability: float, is_training: bool | None, *, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Do as ``torch.native_dropout`` does, with a generator: return what is left, scaled up, and where it is."""
    kept = torch.empty_like(x, dtype=torch.bool)
    if is_training is False:
        return x.clone(), kept.fill_(True)
    kept.bernoulli_(1 - probability, generator=generator)
    return x * kept * (1 / (1 - probability) if probability < 1 else 0.0), kept
