"""Search spaces: the candidate operations and how they are wired into a cell."""

from __future__ import annotations

from skopdist.spaces._base import STEM, CellKind, SearchSpace
from skopdist.spaces._darts import DARTSSpace
from skopdist.spaces._dense import DenseSpace
from skopdist.spaces._image import ImageSpace
from skopdist.spaces._macro import MacroSpace
from skopdist.spaces._nasbench101 import NASBench101Space
from skopdist.spaces._nasbench201 import NASBench201Space
from skopdist.spaces._sequence import SequenceSpace

__all__ = [
    "SPACES",
    "STEM",
    "CellKind",
    "DARTSSpace",
    "DenseSpace",
    "ImageSpace",
    "MacroSpace",
    "NASBench101Space",
    "NASBench201Space",
    "SearchSpace",
    "SequenceSpace",
    "make_space",
]

SPACES: dict[str, type[SearchSpace]] = {
    "dense": DenseSpace,
    "sequence": SequenceSpace,
    "image": ImageSpace,
    "nasbench201": NASBench201Space,
    "nasbench101": NASBench101Space,
    "darts": DARTSSpace,
    "macro": MacroSpace,
}


def make_space(search_space: SearchSpace | str | None, n_spatial: int) -> SearchSpace:
    """Return the search space that a user named, or the one for the shape of the data.

    Parameters
    ----------
    search_space : SearchSpace, {"dense", "sequence", "nasbench201", "image", "nasbench101", "darts", "macro"} or None
        None takes the space for the number of spatial dimensions.
    n_spatial : int
        Number of dimensions of a sample behind its channels.

    Raises
    ------
    ValueError
        If the name is unknown, or the space is one for other inputs.
    TypeError
        If `search_space` is something else.
    """
    if search_space is None:
        search_space = next(name for name, cls in SPACES.items() if cls.n_spatial == n_spatial)
    if isinstance(search_space, str):
        if search_space not in SPACES:
            raise ValueError(f"Unknown search space {search_space!r}; expected one of {sorted(SPACES)} or an instance.")
        search_space = SPACES[search_space]()
    if not isinstance(search_space, SearchSpace):
        raise TypeError(
            f"search_space must be None, one of {sorted(SPACES)} or a SearchSpace instance, got {search_space!r}."
        )
    if search_space.n_spatial != n_spatial:
        raise ValueError(
            f"{type(search_space).__name__} takes samples with {search_space.n_spatial} spatial dimensions, but the "
            f"data have {n_spatial}; choose another search_space, or give input_shape for flattened images or series."
        )
    return search_space
