"""What networks compute of samples before their first weights, kept from one training to the next."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from threading import Lock
from weakref import WeakKeyDictionary

import torch
from torch import Tensor

from skopdist.architecture import Architecture
from skopdist.networks import Network
from skopdist.problem import Samples
from skopdist.spaces import STEM

# Bytes of all that is kept.
_MOST_BYTES = 2**30


@dataclass(frozen=True, eq=False)
class Beginning:
    """What a network computed of all samples before its first weights, and how it was then.

    Attributes
    ----------
    buffers : mapping of str to Tensor
        Those of the stem, which it set by the samples.
    begun : Tensor of shape (n, ...)
        As :meth:`Network.begin` returns it, sample by sample in their order.
    """

    buffers: Mapping[str, Tensor]
    begun: Tensor


class Beginnings:
    """The beginnings of networks, by the samples and by how the stem was when it was made.

    Networks whose stems are made alike compute the same before their first weights. So a search computes it once for
    the rows of its trials, and once for each fold of a committee. They are forgotten with the samples. Copies for
    worker processes are empty.
    """

    def __init__(self) -> None:
        self._known: WeakKeyDictionary[Samples, dict[str, Beginning]] = WeakKeyDictionary()
        self._lock = Lock()

    def __reduce__(self) -> tuple[type[Beginnings], tuple[()]]:
        return Beginnings, ()

    def find(self, samples: Samples, stem: str) -> Beginning | None:
        """Return the beginning of a stem on some samples, or None if it is not known.

        Parameters
        ----------
        samples : Samples
            The very object: other objects with equal rows are not looked for.
        stem : str
            As :func:`describe_stem` describes it.
        """
        with self._lock:
            return self._known.get(samples, {}).get(stem)

    def keep(self, samples: Samples, stem: str, beginning: Beginning) -> None:
        """Keep a beginning for the next training, if there is room for it."""
        with self._lock:
            kept = sum(known.begun.nbytes for of_samples in self._known.values() for known in of_samples.values())
            if kept + beginning.begun.nbytes <= _MOST_BYTES:
                self._known.setdefault(samples, {})[stem] = beginning

    def forget(self) -> None:
        """Make room, as where other samples are next."""
        with self._lock:
            self._known.clear()


def describe_stem(network: Network, architecture: Architecture) -> str:
    """Describe the stem of a network that was just made, but for its weights.

    Two stems with equal descriptions compute the same before their first weights, once they have seen the same samples.
    """
    # What is drawn when a stem is made, such as random kernels, is in its buffers.
    digest = hashlib.sha256()
    for name, buffer in network.stem.named_buffers():
        digest.update(f"{name} {tuple(buffer.shape)} {buffer.dtype} {buffer.device}".encode())
        digest.update(buffer.cpu().reshape(-1).view(torch.uint8).numpy().tobytes())
    return f"{architecture.cell(STEM)} {network.stem!r} {digest.hexdigest()}"
