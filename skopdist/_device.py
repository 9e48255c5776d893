"""Where and how torch computes: device, precision, threads, generators."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch


def resolve_device(device: str) -> str:
    """Give the device that "auto" stands for, and refuse one that is not there.

    Raises
    ------
    ValueError
        If torch does not know the device, or has none of the kind.
    """
    if device == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    try:
        kind = torch.device(device).type
    except (RuntimeError, TypeError) as error:
        raise ValueError(
            f"device must be 'auto' or a device of torch such as 'cpu' or 'cuda:0', got {device!r}."
        ) from error
    if kind == "cuda" and not torch.cuda.is_available():
        raise ValueError(f"device={device!r} was asked for, but torch finds no CUDA device; use 'auto' or 'cpu'.")
    return device


def resolve_precision(precision: str, device: str, n_spatial: int) -> str:
    """Give the precision that "auto" stands for: bfloat16 for images where the hardware multiplies it, else float32.

    Raises
    ------
    ValueError
        If `precision` is unknown.
    """
    if precision in ("float32", "bfloat16"):
        return precision
    if precision != "auto":
        raise ValueError(f"precision must be 'auto', 'float32' or 'bfloat16', got {precision!r}.")
    if n_spatial != 2:
        return "float32"
    if device.startswith("cuda"):
        return "bfloat16" if torch.cuda.is_bf16_supported(including_emulation=False) else "float32"
    return "float32"


@contextmanager
def one_thread() -> Iterator[None]:
    """Let torch compute in one thread.

    Threads of several workers fight for the cores, and a result must not depend on how many there are.
    """
    n_threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(n_threads)


@contextmanager
def isolated_generators(device: str | None) -> Iterator[None]:
    """Leave the global generators of torch and numpy as they are found."""
    devices = [torch.device(device)] if device is not None and device.startswith("cuda") else []
    numpy_state = np.random.get_state()  # noqa: NPY002 - to leave it alone
    try:
        with torch.random.fork_rng(devices=devices):
            yield
    finally:
        np.random.set_state(numpy_state)  # noqa: NPY002
