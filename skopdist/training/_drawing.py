"""What networks draw at random while they are trained."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from torch import nn

from skopdist._device import DrawnFrom
from skopdist.networks._cells import DropPath
from skopdist.operations._stems_images import Mirror

# The library's, and those of torch. A mode around the whole network would do for all of them, but slows each function
# of torch down, and most networks draw nothing.
_DRAWING: tuple[type[nn.Module], ...] = (
    DropPath,
    Mirror,
    nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.Dropout3d, nn.AlphaDropout, nn.FeatureAlphaDropout,
    nn.FractionalMaxPool2d, nn.FractionalMaxPool3d, nn.MultiheadAttention, nn.RNNBase, nn.RReLU,
)  # fmt: skip


@contextmanager
def drawing_from(network: nn.Module, seed: int) -> Iterator[None]:
    """Let the modules of a network that draw at random do so from the numbers of a seed, whoever else draws.

    Other modules, which call functions such as ``torch.rand`` themselves, draw from torch's global generator.

    Parameters
    ----------
    network : nn.Module
    seed : int
    """
    mode = DrawnFrom(seed)
    inside: list[nn.Module] = []

    def begin(module: nn.Module, args: Any) -> None:
        mode.__enter__()  # type: ignore[no-untyped-call]
        inside.append(module)

    def end(*_: Any) -> None:
        # Others' hooks may fail before ours begins.
        if inside:
            inside.pop()
            mode.__exit__(None, None, None)  # type: ignore[no-untyped-call]

    hooks = [
        hook
        for module in network.modules()
        if isinstance(module, _DRAWING)
        for hook in (
            module.register_forward_pre_hook(begin),
            module.register_forward_hook(end, always_call=True),
        )
    ]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()
        # Ctrl-C within a module, after which torch calls no hook.
        while inside:
            end()
