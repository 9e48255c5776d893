"""What a report of a fault should say: the versions of all that takes part, and what torch computes on."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from typing import TextIO

import torch
from threadpoolctl import threadpool_info

from skopdist._version import __version__

# By the names that pip knows.
DEPENDENCIES = ("joblib", "numpy", "scikit-learn", "scipy", "skorch", "threadpoolctl", "torch")
EXTRAS = (
    "distributed",
    "matplotlib",
    "mlflow-skinny",
    "onnx",
    "onnxruntime",
    "onnxscript",
    "optuna",
    "pandas",
    "polars",
    "ray",
    "rich",
    "safetensors",
    "skops",
)
_VARIABLES = ("CUDA_VISIBLE_DEVICES", "JOBLIB_TEMP_FOLDER", "MKL_NUM_THREADS", "OMP_NUM_THREADS", "OPENBLAS_CORETYPE")


def show_versions(file: TextIO | None = None) -> None:
    """Print what a report of a fault should say of the machine and of the versions of all that takes part.

    ``python -m skopdist`` prints the same. Where there are CUDA devices, their names are asked for, which starts CUDA.

    Parameters
    ----------
    file : text stream or None, default=None
        Where to print; None takes the standard output.

    See Also
    --------
    sklearn.show_versions : The same for scikit-learn.

    Examples
    --------
    >>> from skopdist import show_versions
    >>> show_versions()
    System
      skopdist  0.1.0
      Python    ...
    """
    stream = sys.stdout if file is None else file
    for title, facts in _sections():
        width = max(map(len, facts), default=0)
        lines = [f"  {name:{width}}  {fact}" for name, fact in facts.items()]
        stream.write("\n".join([title, *(lines or ["  nothing set"])]) + "\n")


def _sections() -> Iterator[tuple[str, dict[str, str]]]:
    yield (
        "System",
        {
            "skopdist": __version__,
            "Python": sys.version.replace("\n", " "),
            "executable": sys.executable,
            "machine": platform.platform(),
            "CPUs": str(os.cpu_count()),
        },
    )
    yield "Dependencies", {name: _version(name) for name in DEPENDENCIES}
    yield "Extras", {name: _version(name) for name in EXTRAS}
    yield "torch", dict(_torch())
    pools = threadpool_info()
    yield (
        "Threads",
        {
            f"{pool['user_api']}, {pool['prefix']}": f"{pool['num_threads']}, version {pool['version']}"
            + (f", {pool['architecture']}" if "architecture" in pool else "")
            for pool in pools
        },
    )
    yield "Environment", {name: os.environ[name] for name in _VARIABLES if name in os.environ}


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"


def _torch() -> Iterator[tuple[str, str]]:
    yield "threads", str(torch.get_num_threads())
    yield "CPU capability", torch.backends.cpu.get_cpu_capability()
    # Older releases of torch cannot tell.
    known = torch.cpu.get_capabilities() if hasattr(torch.cpu, "get_capabilities") else {}
    yield "bfloat16 on the CPU", ", ".join(n for n, there in known.items() if "bf16" in n and there) or "not by itself"
    yield "oneDNN", "yes" if torch.backends.mkldnn.is_available() else "no"
    yield "CUDA", str(torch.version.cuda or "not in this build")
    for i in range(torch.cuda.device_count()):
        yield f"cuda:{i}", torch.cuda.get_device_name(i)
