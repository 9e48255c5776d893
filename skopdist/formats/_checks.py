"""Checks that the readers and writers of all formats share."""

from __future__ import annotations

from skopdist.architecture import Architecture
from skopdist.operations import get_operation
from skopdist.spaces import SearchSpace


def check_operation(name: object, where: str) -> str:
    """Return the name of an operation on images, or raise an error that says where another name stands."""
    if not isinstance(name, str):
        raise ValueError(f"{where}: expected the name of an operation, got {name!r}.")
    try:
        operation = get_operation(name)
    except ValueError as error:
        raise ValueError(f"{where}: {error}") from None
    if not operation.fits(2):
        raise ValueError(f"{where}: the operation {name!r} is not one for images.")
    return name


def check_writable(architecture: Architecture, space: SearchSpace, what: str) -> None:
    """Raise an error for an architecture of another space, which the format cannot express."""
    expected = space.layout, space.cell_types
    if (architecture.layout, architecture.cell_types) != expected:
        raise ValueError(
            f"{what} is for architectures of {type(space).__name__}, with the layout {expected[0]!r} and the cell "
            f"types {expected[1]}; got the layout {architecture.layout!r} and the cell types {architecture.cell_types}."
        )
    for cell in architecture.cells:
        length = len(cell.operations)
        free = [link for link in cell.links if link not in space.fixed_links(length)]
        if not space.is_wiring(cell.edges, length) or not space.are_links(free, length):
            raise ValueError(f"{what} cannot express the wiring of {architecture}; it is none of {space!r}.")
