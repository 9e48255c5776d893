"""Export: a fitted estimator as a file that runs without Python, or that loads without pickle.

:func:`to_onnx` and :func:`to_torch_export` write the whole way from raw input to class probabilities as one graph, of
one network or a committee; :func:`to_state_dict` writes the weights alone. Each file is compared with ``predict_proba``
before it takes its place. :func:`save_estimator` and :func:`load_estimator` are the methods ``save`` and ``load`` of
the estimator.
"""

from skopdist.export._checking import ExportReport
from skopdist.export._estimator import load_estimator, save_estimator
from skopdist.export._graph import ExportError
from skopdist.export._onnx import to_onnx
from skopdist.export._state_dict import read_state_dict, to_state_dict
from skopdist.export._torch import to_torch_export

__all__ = [
    "ExportError",
    "ExportReport",
    "load_estimator",
    "read_state_dict",
    "save_estimator",
    "to_onnx",
    "to_state_dict",
    "to_torch_export",
]
