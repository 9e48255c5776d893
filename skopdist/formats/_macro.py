"""The strings of NAS-Bench-Macro."""

from __future__ import annotations

from skopdist.architecture import Architecture
from skopdist.formats._checks import check_writable
from skopdist.spaces import MacroSpace


def read_macro(text: str) -> Architecture:
    """Read a chain of layers, as NAS-Bench-Macro [1]_ writes it.

    Parameters
    ----------
    text : str
        A digit for each layer: 0 the identity, 1 and 2 the inverted residual blocks with kernels of 3 and 5. The
        benchmark has eight layers, but any length will do.

    Returns
    -------
    architecture : Architecture
        Of :class:`~skopdist.spaces.MacroSpace`.

    Raises
    ------
    ValueError
        If the text is empty or a layer is another character; the message names it.
    TypeError
        If it is a number, which would have lost the zeros in front.

    See Also
    --------
    write_macro : Write an architecture in this notation.

    References
    ----------
    .. [1] Su et al., "Prioritized Architecture Sampling with Monto-Carlo Tree Search", CVPR 2021, arXiv 2103.11922.

    Examples
    --------
    >>> from skopdist.formats import read_macro, write_macro
    >>> architecture = read_macro("012")
    >>> architecture
    Architecture(identity 0>1 | mb_conv_3x3_e3 1>2 | mb_conv_5x5_e6 2>3)
    >>> write_macro(architecture)
    '012'
    """
    if not isinstance(text, str):
        raise TypeError(f"A chain of NAS-Bench-Macro is text, for its zeros in front count; got {text!r}.")
    space, digits = MacroSpace(), text.strip()
    names = space.operation_names
    if not digits:
        raise ValueError("A chain of NAS-Bench-Macro needs at least one layer, got an empty text.")
    for layer, digit in enumerate(digits, start=1):
        if digit not in "012":
            raise ValueError(f"Layer {layer} of {text!r}: expected 0, 1 or 2 for one of {names}, got {digit!r}.")
    cell = space.make_cell([names[int(digit)] for digit in digits], space.potential_edges(len(digits)))
    return space.make_architecture([cell])


def write_macro(architecture: Architecture) -> str:
    """Write the string that :func:`read_macro` reads.

    Raises
    ------
    ValueError
        If the architecture is not one of :class:`~skopdist.spaces.MacroSpace`, or has other operations.
    """
    space = MacroSpace()
    check_writable(architecture, space, "A string of NAS-Bench-Macro")
    space.check_architecture(architecture)
    return "".join(str(space.operation_names.index(name)) for name in architecture.operations)
