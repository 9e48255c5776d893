"""Where the layouts of networks halve images, stated once.

Layouts plan networks by it, and encodings need it too: where a network strides or changes the width, an identity is an
operation like any other. Encodings stand below networks, so the fact has a place below both.
"""

from __future__ import annotations

from collections.abc import Sequence

from skopdist.architecture import Edge


def stage_starts(depth: int) -> frozenset[int]:
    """Return the places, at one and two thirds of the depth, at which the second and third stage begin."""
    return frozenset({depth // 3, 2 * depth // 3} - {0})


def slot_strides(layout: str, cell_type: str, edges: Sequence[Edge], n_inputs: int) -> tuple[int, ...]:
    """Return by how much the operation on each edge of a cell divides the sides of an image.

    Operations change the width only where they stride.

    Parameters
    ----------
    layout : str
        Layouts without a rule of their own stride between cells, and not within.
    cell_type : str
    edges : sequence of (int, int)
    n_inputs : int
    """
    if layout == "chain":
        # The one cell is the whole body, and its first layer begins the first stage.
        starts = stage_starts(len(edges)) | {0}
        return tuple(2 if slot in starts else 1 for slot in range(len(edges)))
    if layout == "darts" and cell_type == "reduce":
        return tuple(2 if source < n_inputs else 1 for source, _ in edges)
    return (1,) * len(edges)
