"""What a network is made of, before anything is made: recipes that can be compared, counted and built."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from torch import nn

from skopdist.architecture import Cell
from skopdist.networks._cells import CellModule, MakeOperation, cell_width, make_operation
from skopdist.operations import OperationSize


@dataclass(frozen=True)
class Part:
    """A module that is still to be made; equal ones make equal modules.

    Parameters
    ----------
    factory : callable
        A function or class that can be hashed, such as one at the top of a module.
    arguments : tuple of hashable
    width : int or None, default=None
        Channels of what the module gives; None where it keeps those of its input.
    stride : int, default=1
        By how much the module divides every side of its input, rounded up.
    """

    factory: Callable[..., nn.Module]
    arguments: tuple[Any, ...] = ()
    width: int | None = None
    stride: int = 1

    def make(self) -> nn.Module:
        """Make the module."""
        return self.factory(*self.arguments)


IDENTITY = Part(nn.Identity)


@dataclass(frozen=True)
class CellPlan:
    """A cell that is still to be made; see :class:`~skopdist.networks.CellModule` for the parameters.

    Parameters
    ----------
    cell : Cell
    sizes : tuple of OperationSize
        For each slot.
    cell_type : str
    inputs : tuple of Part or None, default=None
        One for each input; None leaves them as they are.
    links : tuple of Part or None, default=None
        One for each link; None leaves all as they are.
    repeats : int, default=1
    """

    cell: Cell
    sizes: tuple[OperationSize, ...]
    cell_type: str
    inputs: tuple[Part, ...] | None = None
    links: tuple[Part, ...] | None = None
    repeats: int = 1

    @property
    def width(self) -> int:
        """Channels of the output."""
        return cell_width(self.cell, self.sizes)

    def make(self, make_operation: MakeOperation = make_operation, drop_path: float = 0.0) -> CellModule:
        """Make the module."""
        return CellModule(
            self.cell,
            self.sizes,
            self.cell_type,
            inputs=None if self.inputs is None else [part.make() for part in self.inputs],
            links=None if self.links is None else [part.make() for part in self.links],
            repeats=self.repeats,
            make_operation=make_operation,
            drop_path=drop_path,
        )
