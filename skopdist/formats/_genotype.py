"""The genotypes of the DARTS space."""

from __future__ import annotations

import ast
from typing import Any

from skopdist.architecture import Architecture, Cell
from skopdist.formats._checks import check_operation, check_writable
from skopdist.spaces import DARTSSpace

_FIELDS = ("normal", "normal_concat", "reduce", "reduce_concat")
_EXAMPLE = "Genotype(normal=[('sep_conv_3x3', 0), ...], normal_concat=range(2, 6), reduce=[...], reduce_concat=...)"


def read_genotype(text: str) -> Architecture:
    """Read the text of a genotype, as DARTS [1]_ and most work after it print it.

    Parameters
    ----------
    text : str
        ``Genotype(normal=[...], normal_concat=..., reduce=[...], reduce_concat=...)``, and ``name =`` may stand before
        it. A cell is a list of (operation, source) pairs, two for each node; the last node has one pair where their
        number is odd. The pairs may be grouped by node in lists of their own. The text is parsed, never run as code.

    Returns
    -------
    architecture : Architecture
        Of :class:`~skopdist.spaces.DARTSSpace`; the edges into a node are sorted by their source.

    Raises
    ------
    ValueError
        If the text is no genotype. The message names the cell, the node and the pair that is wrong: an unknown
        operation, a source that is no earlier node, a node that is missing from the concatenation.

    See Also
    --------
    write_genotype : Write an architecture in this notation.

    References
    ----------
    .. [1] Liu, Simonyan, Yang, "DARTS: Differentiable Architecture Search", ICLR 2019, arXiv 1806.09055.

    Examples
    --------
    >>> from skopdist.formats import read_genotype, write_genotype
    >>> architecture = read_genotype(
    ...     "Genotype(normal=[('sep_conv_3x3', 0), ('skip_connect', 1)], normal_concat=[2], "
    ...     "reduce=[('max_pool_3x3', 1), ('max_pool_3x3', 0)], reduce_concat=[2])"
    ... )
    >>> architecture.cell("normal").operations
    ('sep_conv_3x3', 'skip_connect')
    >>> write_genotype(architecture)[:52]
    "Genotype(normal=[('sep_conv_3x3', 0), ('skip_connect"
    """
    fields = _fields(text)
    cells = [_cell(kind, fields[kind], fields[f"{kind}_concat"]) for kind in DARTSSpace.body_types]
    return DARTSSpace().make_architecture(cells)


def write_genotype(architecture: Architecture) -> str:
    """Write the genotype that :func:`read_genotype` reads.

    Raises
    ------
    ValueError
        If the architecture is not one of :class:`~skopdist.spaces.DARTSSpace`.
    """
    check_writable(architecture, DARTSSpace(), "A genotype")
    parts = []
    for kind, cell in zip(architecture.cell_types, architecture.cells, strict=True):
        placed = sorted(zip(cell.edges, cell.operations, strict=True), key=lambda item: item[0][::-1])
        pairs = [(name, source) for (source, _), name in placed]
        parts.append(f"{kind}={pairs}, {kind}_concat=range(2, {cell.n_nodes - 1})")
    return f"Genotype({', '.join(parts)})"


def _fields(text: str) -> dict[str, Any]:
    try:
        statement = ast.parse(text.strip()).body[0]
    except (SyntaxError, IndexError):
        raise ValueError(f"Expected a genotype such as {_EXAMPLE}; this cannot be parsed: {text!r}.") from None
    call = statement.value if isinstance(statement, ast.Expr | ast.Assign) else None
    if not isinstance(call, ast.Call) or len(call.args) > len(_FIELDS):
        raise ValueError(f"Expected a genotype such as {_EXAMPLE}; got {text!r}.")
    nodes = dict(zip(_FIELDS, call.args, strict=False)) | {str(k.arg): k.value for k in call.keywords}
    for name in nodes:
        if name not in _FIELDS:
            raise ValueError(f"A genotype has the fields {_FIELDS}; got one named {name!r}.")
    for name in _FIELDS:
        if name not in nodes:
            raise ValueError(f"A genotype has the fields {_FIELDS}; {name!r} is missing.")
    return {name: _value(name, node) for name, node in nodes.items()}


def _value(name: str, node: ast.expr) -> Any:
    is_range = isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "range"
    try:
        if is_range and isinstance(node, ast.Call):
            return range(*(ast.literal_eval(argument) for argument in node.args))
        return ast.literal_eval(node)
    except (ValueError, TypeError):
        raise ValueError(
            f"The field {name!r} of a genotype must be a list or a range of literals; got {ast.unparse(node)}."
        ) from None


def _cell(kind: str, genes: Any, concat: Any) -> Cell:
    if not isinstance(genes, list | tuple) or not genes:
        raise ValueError(f"The cell {kind!r} must be a list of (operation, source) pairs, got {genes!r}.")
    grouped = all(isinstance(gene, list | tuple) and gene and isinstance(gene[0], list | tuple) for gene in genes)
    groups = list(genes) if grouped else [genes[i : i + 2] for i in range(0, len(genes), 2)]
    placed: dict[tuple[int, int], str] = {}
    for node, group in enumerate(groups, start=2):
        n_expected = "two pairs" if node < len(groups) + 1 else "one or two pairs"
        if not (len(group) == 2 or (len(group) == 1 and n_expected != "two pairs")):
            raise ValueError(f"Node {node} of the cell {kind!r} must have {n_expected}, got {group!r}.")
        for number, gene in enumerate(group, start=1):
            where = f"Pair {number} of node {node} of the cell {kind!r}"
            if not isinstance(gene, list | tuple) or len(gene) != 2:
                raise ValueError(f"{where}: expected (operation, source), got {gene!r}.")
            name, source = check_operation(gene[0], where), gene[1]
            if not isinstance(source, int) or isinstance(source, bool) or not 0 <= source < node:
                raise ValueError(
                    f"{where}: the source must be an earlier node, one of 0 to {node - 1}, got {source!r}."
                )
            if (source, node) in placed:
                raise ValueError(
                    f"{where}: the source {source} is that of the other pair; they must be different nodes."
                )
            placed[source, node] = name
    nodes = list(range(2, 2 + len(groups)))
    if not isinstance(concat, list | tuple | range):
        raise ValueError(f"{kind}_concat must be a list of nodes, got {concat!r}.")
    for node in concat:
        if node not in nodes:
            raise ValueError(f"{kind}_concat names the node {node!r}, but the cell has the nodes {nodes}.")
    for node in nodes:
        if node not in concat:
            raise ValueError(
                f"{kind}_concat lacks the node {node}; cells of DARTSSpace concatenate all their nodes, {nodes}."
            )
    edges = sorted(placed, key=lambda edge: edge[::-1])
    return DARTSSpace().make_cell([placed[edge] for edge in edges], edges)
