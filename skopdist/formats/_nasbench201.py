"""The strings of NAS-Bench-201."""

from __future__ import annotations

from skopdist.architecture import Architecture, Edge
from skopdist.formats._checks import check_operation, check_writable
from skopdist.spaces import NASBench201Space

_EXAMPLE = "|nor_conv_3x3~0|+|nor_conv_3x3~0|skip_connect~1|"


def read_nasbench201(text: str) -> Architecture:
    """Read the string of a cell, as NAS-Bench-201 [1]_ writes it.

    Parameters
    ----------
    text : str
        Nodes are joined by ``+``; ``|operation~source|operation~source|`` are the edges into a node. Cells of the
        benchmark have three nodes and six edges, but any length will do.

    Returns
    -------
    architecture : Architecture
        Of :class:`~skopdist.spaces.NASBench201Space`.

    Raises
    ------
    ValueError
        If the text is no such cell. The message names the node and the edge that is wrong: an unknown operation, an
        edge from a later node, a node that is missing.

    See Also
    --------
    write_nasbench201 : Write an architecture in this notation.

    References
    ----------
    .. [1] Dong and Yang, "NAS-Bench-201: Extending the Scope of Reproducible Neural Architecture Search",
       ICLR 2020, arXiv 2001.00326.

    Examples
    --------
    >>> from skopdist.formats import read_nasbench201, write_nasbench201
    >>> architecture = read_nasbench201("|nor_conv_3x3~0|+|none~0|skip_connect~1|")
    >>> architecture
    Architecture(nor_conv_3x3 0>1 | none 0>2, skip_connect 1>2)
    >>> write_nasbench201(architecture)
    '|nor_conv_3x3~0|+|none~0|skip_connect~1|'
    """
    placed: dict[Edge, str] = {}
    groups = text.strip().split("+")
    for node, group in enumerate(groups, start=1):
        inside = group.strip()
        if len(inside) < 2 or inside[0] != "|" or inside[-1] != "|":
            raise ValueError(
                f"Node {node}: expected edges between bars, got {group!r} in {text!r}; a cell is {_EXAMPLE}."
            )
        for part in inside[1:-1].split("|"):
            name, separator, source = part.partition("~")
            where = f"Edge {part!r} into node {node}"
            if not separator or not source.strip().isdecimal():
                raise ValueError(f"{where}: expected operation~source, in {text!r}.")
            check_operation(name, where)
            edge = int(source), node
            if edge[0] >= node:
                raise ValueError(f"{where}: the source must be an earlier node, one of 0 to {node - 1}, in {text!r}.")
            if edge in placed:
                raise ValueError(f"{where}: there is another edge from node {edge[0]}, in {text!r}.")
            placed[edge] = name
        if (node - 1, node) not in placed:
            raise ValueError(
                f"Node {node} lacks an edge from node {node - 1}, to which each node is joined, in {text!r}."
            )
    space, edges = NASBench201Space(), sorted(placed, key=lambda edge: edge[::-1])
    if not space.is_wiring(edges, len(edges)):
        raise ValueError(
            f"A cell of {len(edges)} edges has {1 + max(target for _, target in space.potential_edges(len(edges)))} "
            f"nodes, the input included, but {text!r} has {1 + len(groups)}; write edges that do nothing as none."
        )
    return space.make_architecture([space.make_cell([placed[edge] for edge in edges], edges)])


def write_nasbench201(architecture: Architecture) -> str:
    """Write the string that :func:`read_nasbench201` reads.

    Raises
    ------
    ValueError
        If the architecture is not one of :class:`~skopdist.spaces.NASBench201Space`.
    """
    check_writable(architecture, NASBench201Space(), "A string of NAS-Bench-201")
    cell = architecture.cells[0]
    groups: dict[int, list[str]] = {}
    for (source, target), name in sorted(zip(cell.edges, cell.operations, strict=True)):
        groups.setdefault(target, []).append(f"{name}~{source}")
    return "+".join(f"|{'|'.join(groups[target])}|" for target in sorted(groups))
