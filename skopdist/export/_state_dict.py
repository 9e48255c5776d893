"""The weights alone, by their names in torch, with a description beside them."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike

from skopdist._paths import as_path
from skopdist.export._checking import TOLERANCES, Comparison, ExportReport
from skopdist.export._files import PathLike, written_whole
from skopdist.export._graph import ExportError, check_fitted, choose_input_type, compute, make_graph
from skopdist.export._metadata import metadata
from skopdist.export._tensors import Arrays, read_tensors, write_tensors

_FORMAT, _KIND = 1, "networks"


def to_state_dict(clf: Any, path: PathLike, *, X: ArrayLike | None = None, y: ArrayLike | None = None) -> ExportReport:
    """Write the weights of a fitted estimator's networks to a file of safetensors, and what they belong to as JSON.

    It is for whoever builds the networks in another framework, or needs the numbers. Arrays are named as in torch's
    ``state_dict``: ``members.0.classify.weight`` is of the first member. The statistics of standardisation are among
    them, as ``members.0.standardize.mean`` (in units of the deviation), ``.std`` and more. The file's metadata have
    JSON under ``description``: classes, shape and order of the input, for each member its architecture, its sizes and
    its weight in the average, and the temperature. What is written is read back, and networks that are given the arrays
    predict as ``predict_proba`` does, to within 1e-5.

    Parameters
    ----------
    clf : fitted OpDistNASClassifier
    path : str or Path
        Commonly named ``.safetensors``. A file that is there already is replaced.
    X, y : array-like or None, default=None
        Samples to compare on, and their labels; see :func:`to_onnx`.

    Returns
    -------
    report : ExportReport

    Raises
    ------
    sklearn.exceptions.NotFittedError
        Before `fit`, or after ``fit`` with ``refit=False``.
    ExportError
        If an array is of a type that the format lacks, or a member is no network of this library.
    OSError
        If nothing can be written to the folder.

    See Also
    --------
    read_state_dict : Reads the file; so does ``safetensors.torch.load_file``.
    skopdist.OpDistNASClassifier.save : Writes all of the estimator.
    """
    check_fitted(clf)
    with written_whole(path) as file:
        comparison = Comparison(clf, X, y, choose_input_type(clf, None))
        try:
            arrays = {name: tensor.numpy() for name, tensor in make_graph(clf, "float32").state_dict().items()}
            texts = {
                "skopdist_format": str(_FORMAT),
                "skopdist_kind": _KIND,
                "description": json.dumps(_describe(clf)),
            }
            write_tensors(file, arrays, texts)
        except (TypeError, KeyError) as error:
            raise ExportError(f"The weights cannot be written: {error}. Nothing was written.") from error
        read, _ = read_state_dict(file)
        graph = make_graph(clf, "float32")
        for tensor in graph.state_dict().values():
            # So that what is read must be there.
            tensor.zero_()
        graph.load_state_dict({name: torch.from_numpy(array) for name, array in read.items()})
        return comparison.report(partial(compute, graph), file, Path(path).expanduser(), TOLERANCES["float32"])


def read_state_dict(path: PathLike) -> tuple[Arrays, dict[str, Any]]:
    """Read a file of :func:`to_state_dict`; nothing in it can run code.

    Returns
    -------
    arrays : dict of str to ndarray
    description : dict

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If it is another file, damaged, or of another version of the format.
    """
    try:
        arrays, texts = read_tensors(as_path(path, "path", "a file that to_state_dict wrote"))
        if texts.get("skopdist_kind") != _KIND:
            raise ValueError("it was written by something else")
        if texts.get("skopdist_format") != str(_FORMAT):
            raise ValueError(f"it is in version {texts.get('skopdist_format')!r} of the format, and not in {_FORMAT}")
        return arrays, json.loads(texts["description"])
    except (ValueError, KeyError) as error:
        raise ValueError(f"{path} is no file that to_state_dict wrote, or is damaged: {error}.") from error


def _describe(clf: Any) -> dict[str, Any]:
    members = []
    for net, weight in zip(clf.nets_, clf.member_weights_.tolist(), strict=True):
        if weight:
            # Only where predictions are averaged over views of an image.
            views = getattr(net, "module__views", None)
            sizes = {name: getattr(net, f"module__{name}") for name in ("n_classes", "channels", "n_cells")}
            members.append(
                {
                    "architecture": net.module__architecture.to_dict(),
                    "input_shape": [int(side) for side in net.module__input_shape],
                    **{name: int(size) for name, size in sizes.items()},
                    "weight": weight,
                    **({} if views is None else {"views": views}),
                }
            )
    facts = metadata(clf, choose_input_type(clf, None))
    return facts | {"members": members, "temperature": float(np.float64(clf.temperature_))}
