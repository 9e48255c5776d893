"""A file of torch.export, which torch runs without this library."""

from __future__ import annotations

import io
import json
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from functools import partial
from pathlib import Path
from typing import Any

import torch
from numpy.typing import ArrayLike
from torch import Tensor

from skopdist._device import computing
from skopdist.export._checking import TOLERANCES, Comparison, ExportReport
from skopdist.export._files import PathLike, written_whole
from skopdist.export._graph import (
    INPUT_TYPES,
    ExportError,
    check_fitted,
    check_precision,
    choose_input_type,
    compute,
    make_graph,
    own_names,
)
from skopdist.export._metadata import metadata


def to_torch_export(
    clf: Any,
    path: PathLike,
    *,
    X: ArrayLike | None = None,
    y: ArrayLike | None = None,
    input_type: str | None = None,
    precision: str = "float32",
) -> ExportReport:
    """Write a fitted estimator to a file of ``torch.export``, by convention named ``.pt2``.

    ``torch.export.load(path).module()`` maps a tensor of raw samples, in the form and with the axes that `fit` was
    given, to class probabilities. The number of samples is free. All members of a committee are in the one graph, with
    their weights and the temperature. The file is compared with ``predict_proba`` before it takes its place, and
    probabilities must not differ by more than 1e-5, or 1e-9 in double precision.

    Parameters
    ----------
    clf : fitted OpDistNASClassifier
    path : str or Path
        A file that is there already is replaced.
    X : array-like or None, default=None
        Samples to compare on, in the form that `fit` was given; None draws 64 by the statistics of the training data.
    y : array-like of shape (n,) or None, default=None
        Their labels, for the accuracies of the report.
    input_type : {"float64", "float32", "int64", "uint8"} or None, default=None
        The type of raw samples; None takes "uint8" for pixels without an axis of channels or with the channels last,
        "int64" where `fit` was given integers beyond 2**53, and "float64" otherwise.
    precision : {"float32", "float64"}, default="float32"
        In which the networks compute; "float64" is for flat input. Input is standardised in double precision all the
        same.

    Returns
    -------
    report : ExportReport

    Raises
    ------
    sklearn.exceptions.NotFittedError
        Before `fit`, or after ``fit`` with ``refit=False``.
    ExportError
        If the network cannot be exported, or what was exported predicts something else; no file is written then.
    ValueError
        If a parameter is out of range, or X does not fit the estimator.
    OSError
        If nothing can be written to the folder.

    Notes
    -----
    The file also holds ``metadata.json``: classes, shape and type of the input, versions.

    See Also
    --------
    to_onnx : For other runtimes.
    """
    check_fitted(clf)
    input_type = choose_input_type(clf, input_type)
    check_precision(clf, precision)
    with written_whole(path) as file:
        comparison = Comparison(clf, X, y, input_type)
        program = trace(clf, input_type, precision)
        facts = {"metadata.json": json.dumps(metadata(clf, input_type), indent=1)}
        with quiet():
            torch.export.save(program, file, extra_files=facts)
            module = torch.export.load(file).module()
        return comparison.report(partial(compute, module), file, Path(path).expanduser(), TOLERANCES[precision])


def trace(clf: Any, input_type: str, precision: str, for_onnx: bool = False) -> torch.export.ExportedProgram:
    """Return the graph of an estimator as torch traces it, for any number of samples.

    Raises
    ------
    ExportError
        If torch cannot trace it.
    """
    graph = make_graph(clf, precision)
    # Two, for torch takes a size of one for a constant.
    example = torch.zeros(2, *clf._reader.layout.given, dtype=INPUT_TYPES[input_type])
    sizes = ({0: torch.export.Dim("n", min=1)},)
    try:
        with quiet(), computing(None):
            program = torch.export.export(graph, (example,), dynamic_shapes=sizes)
            if not for_onnx or _has_decomposed(program.graph_module):
                # Then it has no blocks within the graph and changes nothing in place, either. The exporter to ONNX
                # sees to that itself.
                program = program.run_decompositions(_DECOMPOSED)
    except Exception as error:
        raise refusal(clf, "torch cannot trace it", error) from error
    for node in program.graph.nodes:
        # It names files of this machine.
        node.meta.pop("stack_trace", None)
    return program


def refusal(clf: Any, what: str, error: BaseException) -> ExportError:
    """Return the error that says why an estimator cannot be exported."""
    while error.__cause__ is not None:
        error = error.__cause__
    reason = (str(error).strip() or "no reason given").splitlines()[0]
    own = own_names(clf)
    remedy = (
        f"Its operations {own} are your own: build them of torch's ordinary layers, without branches that depend on "
        "values, or leave them out of the search space."
        if own
        else "All of its operations come with the library, so that this is a fault of the exporter or of versions that "
        "do not fit together."
    )
    return ExportError(
        f"The network cannot be exported: {what} ({type(error).__name__}: {reason}). Nothing was written. {remedy}"
    )


@contextmanager
def quiet() -> Iterator[None]:
    """Keep to themselves what torch, its exporter and onnxruntime's tools warn of, log and print of their own parts."""
    loggers = [logging.getLogger(name) for name in ("torch.onnx", "torch.export", "onnxscript", "onnx_ir")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    # Who logs to the root, where it has no handler, gives it one for good.
    handler = logging.NullHandler()
    logging.root.addHandler(handler)
    logging.root.addFilter(_is_not_theirs)
    try:
        # Some versions of onnxscript print how many rules they have applied.
        with warnings.catch_warnings(), redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.root.removeFilter(_is_not_theirs)
        logging.root.removeHandler(handler)
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


def _is_not_theirs(record: logging.LogRecord) -> bool:
    return "onnxruntime" not in record.pathname


def _count_below(
    sorted_sequence: Tensor,
    values: Tensor,
    *,
    out_int32: bool = False,
    right: bool = False,
    side: str | None = None,
    sorter: Tensor | None = None,
) -> Tensor:
    """Compute ``torch.searchsorted`` by comparisons, for ONNX knows no such search."""
    if sorter is not None:
        sorted_sequence = sorted_sequence.gather(-1, sorter)
    knots, values = sorted_sequence.unsqueeze(-2), values.unsqueeze(-1)  # (..., 1, k), (..., n, 1)
    is_below = knots <= values if right or side == "right" else knots < values
    return is_below.sum(dim=-1, dtype=torch.int32 if out_int32 else torch.int64)


def _bucket(x: Tensor, boundaries: Tensor, *, out_int32: bool = False, right: bool = False) -> Tensor:
    """Compute ``torch.bucketize`` likewise."""
    return _count_below(boundaries, x, out_int32=out_int32, right=right)


_DECOMPOSED = {torch.ops.aten.searchsorted.Tensor: _count_below, torch.ops.aten.bucketize.Tensor: _bucket}


def _has_decomposed(module: torch.fx.GraphModule) -> bool:
    """Whether a graph, or one within it, has one of the operators that ONNX lacks."""
    graphs = [part.graph for part in module.modules() if isinstance(part, torch.fx.GraphModule)]
    return any(node.target in _DECOMPOSED for graph in graphs for node in graph.nodes)
