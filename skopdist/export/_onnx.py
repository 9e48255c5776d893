"""A file of ONNX, which runtimes for many languages and small machines read."""

from __future__ import annotations

import importlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from numpy.typing import ArrayLike, NDArray

from skopdist.export._checking import TOLERANCES, Comparison, ExportReport
from skopdist.export._files import PathLike, written_whole
from skopdist.export._graph import ExportError, check_fitted, check_precision, choose_input_type
from skopdist.export._metadata import INPUT, OUTPUT, metadata
from skopdist.export._torch import quiet, refusal, trace


def to_onnx(
    clf: Any,
    path: PathLike,
    *,
    X: ArrayLike | None = None,
    y: ArrayLike | None = None,
    input_type: str | None = None,
    precision: str = "float32",
    quantize: bool = False,
) -> ExportReport:
    """Write a fitted estimator to a file of ONNX.

    The file's input ``X`` takes raw samples, in the form and with the axes that `fit` was given; its output
    ``probabilities`` has a column for each class, in the order of ``classes_``, which are in the file's metadata. The
    number of samples is free. Standardisation is part of the graph, and so are all members of a committee, their
    weights and the temperature. The file is compared with ``predict_proba`` before it takes its place, through
    onnxruntime or, where that is not installed, onnx's own reference implementation: probabilities must not differ by
    more than 1e-5, or 1e-9 in double precision.

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
        "int64" where `fit` was given integers beyond 2**53, and "float64" otherwise. In single precision a number such
        as 20260101 loses its last digits.
    precision : {"float32", "float64"}, default="float32"
        In which the networks compute; "float64" is for flat input. Input is standardised in double precision all the
        same.
    quantize : bool, default=False
        Store weights in 8 bits, and multiply in 8 bits, by onnxruntime's dynamic quantisation. What that costs is not
        known beforehand, so that `X` is needed, and the report has it; any difference is taken.

    Returns
    -------
    report : ExportReport

    Raises
    ------
    sklearn.exceptions.NotFittedError
        Before `fit`, or after ``fit`` with ``refit=False``.
    ImportError
        If onnx and onnxscript are not installed, or onnxruntime is not, which `quantize` needs.
    ExportError
        If the network cannot be exported, or what was exported predicts something else; no file is written then.
    ValueError
        If a parameter is out of range, or X does not fit the estimator.
    OSError
        If nothing can be written to the folder.

    See Also
    --------
    to_torch_export : For torch alone.
    """
    check_fitted(clf)
    _extra("onnx", "onnxscript", *(["onnxruntime"] if quantize else []))
    if quantize and X is None:
        raise ValueError(
            "quantize=True needs X, samples such as the network will meet, for only these tell what 8 bits cost; with "
            "their labels y the report has both accuracies."
        )
    if quantize and precision != "float32":
        raise ValueError("quantize=True quantises single precision; leave precision='float32'.")
    input_type = choose_input_type(clf, input_type)
    check_precision(clf, precision)
    with written_whole(path) as file:
        comparison = Comparison(clf, X, y, input_type)
        model = _make_model(clf, input_type, precision)
        if quantize:
            _write_quantized(model, file)
        else:
            file.write_bytes(model.SerializeToString())
        tolerance = None if quantize else TOLERANCES[precision]
        return comparison.report(_runner(file), file, Path(path).expanduser(), tolerance)


def _make_model(clf: Any, input_type: str, precision: str) -> Any:
    """Return the model of ONNX."""
    program = trace(clf, input_type, precision, for_onnx=True)
    try:
        with quiet():
            made = torch.onnx.export(
                program, (), dynamo=True, external_data=False, verbose=False, input_names=[INPUT], output_names=[OUTPUT]
            )
        assert made is not None
        _tidy(made.model)
        model = made.model_proto
    except Exception as error:
        raise refusal(clf, "torch's exporter does not know what to make of it", error) from error
    # Shapes in between, which runtimes find themselves, would be a quarter of the file of a small network.
    del model.graph.value_info[:]
    facts = metadata(clf, input_type)
    model.producer_name, model.producer_version = "skopdist", facts["versions"]["skopdist"]
    model.doc_string = f"Class probabilities of {type(clf).__name__}, of raw samples."
    for name, value in facts.items():
        model.metadata_props.add(key=name, value=json.dumps(value))
    return model


def _tidy(model: Any) -> None:
    """Leave out what the exporter notes for its own developers, and call the number of samples "n"."""
    symbol = str(model.graph.inputs[0].shape[0])
    values = [*model.graph.inputs, *model.graph.outputs, *model.graph.initializers.values()]
    for node in model.graph.all_nodes():
        node.metadata_props.clear()
        node.doc_string = None
        values += node.outputs
    for value in values:
        value.metadata_props.clear()
        if value.shape is not None:
            sides = [side if isinstance(side, int) else str(side).replace(symbol, "n") for side in value.shape]
            value.shape = type(value.shape)(sides)
    model.graph.metadata_props.clear()
    model.metadata_props.clear()


def _write_quantized(model: Any, file: Path) -> None:
    quantization = _extra("onnxruntime.quantization")
    with quiet():
        quantization.quantize_dynamic(
            # Kernels for convolutions by signed weights are missing on most processors.
            model,
            file,
            weight_type=quantization.QuantType.QUInt8,
        )


def _runner(file: Path) -> Callable[[NDArray[Any]], NDArray[Any]]:
    """Return what computes with a file: onnxruntime, or onnx itself where that is missing."""
    try:
        runtime = importlib.import_module("onnxruntime")
    except ImportError:
        evaluator = _extra("onnx.reference").ReferenceEvaluator(str(file))
        return lambda inputs: evaluator.run(None, {INPUT: inputs})[0]
    options = runtime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    # Errors only: it would print of each constant that it takes out.
    options.log_severity_level = 3
    try:
        session = runtime.InferenceSession(file.read_bytes(), options, providers=["CPUExecutionProvider"])
    except Exception as error:
        raise ExportError(
            f"onnxruntime {runtime.__version__} does not take the exported graph ({error}). Nothing was written."
        ) from error
    return lambda inputs: session.run([OUTPUT], {INPUT: inputs})[0]


def _extra(*names: str) -> Any:
    """Import modules of the extra, and return the last one.

    Raises
    ------
    ImportError
        If one is missing.
    """
    module = None
    for name in names:
        try:
            module = importlib.import_module(name)
        except ImportError as error:
            raise ImportError(
                f"{name.split('.')[0]} is needed to export to ONNX: pip install 'skopdist[onnx]'.", name=name
            ) from error
    return module
