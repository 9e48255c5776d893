"""What scripts with ONNX share: other models in files, onnxruntime, and milliseconds. Needs the packages themselves."""

from __future__ import annotations

import _common  # noqa: F401 - before numpy: it limits the threads
import numpy as np

# isort: split
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest import mock

import onnx
import onnxruntime
import onnxscript
import skl2onnx
from export_tables import BATCHES
from numpy.typing import NDArray
from skl2onnx.common import _container
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

PEERS: dict[str, Callable[[], Any]] = {
    "gradient boosting": lambda: HistGradientBoostingClassifier(random_state=0),
    "random forest": lambda: RandomForestClassifier(random_state=0),
    "logistic regression": lambda: make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000)),
}
# Of each timing: calls at least and at most, and seconds after which there are no more.
CALLS, SECONDS, QUICK_CALLS, QUICK_SECONDS = (20, 1000), 2.0, (3, 20), 0.1
Predict = Callable[[NDArray[Any]], NDArray[Any]]


def versions() -> dict[str, str]:
    return {module.__name__: module.__version__ for module in (onnx, onnxruntime, onnxscript, skl2onnx)}


def convert(model: Any, X: NDArray[Any], path: Path) -> int:
    """Write a model of scikit-learn to a file of ONNX, and return its bytes."""
    with mock.patch.object(_container, "make_node", make_node):
        found = skl2onnx.to_onnx(model, X[:1].astype(np.float32), options={"zipmap": False})
    return path.write_bytes(found.SerializeToString())


def make_node(*arguments: Any, **attributes: Any) -> Any:
    """Make a node of ONNX. skl2onnx 1.20 has booleans in lists of integers, which protobuf 7 refuses."""
    whole = {
        name: [int(item) if isinstance(item, bool | np.bool) else item for item in value]
        if isinstance(value, list)
        else value
        for name, value in attributes.items()
    }
    return onnx.helper.make_node(*arguments, **whole)


def session(path: Path) -> Predict:
    """Return what computes probabilities with a file of ONNX."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    found = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    name, output = found.get_inputs()[0].name, found.get_outputs()[-1].name
    return lambda X: found.run([output], {name: X})[0]


def milliseconds(predict: Predict, X: NDArray[Any], batch: int, quick: bool) -> float:
    """Return the milliseconds for a sample in batches of a size, as the median of calls."""
    (fewest, most), seconds = (QUICK_CALLS, QUICK_SECONDS) if quick else (CALLS, SECONDS)
    rows = [X[start : start + batch].copy() for start in range(0, len(X) - batch + 1, batch)]
    predict(rows[0])
    times: list[float] = []
    begin = time.perf_counter()
    while len(times) < fewest or (len(times) < most and time.perf_counter() - begin < seconds):
        part = rows[len(times) % len(rows)]
        start = time.perf_counter()
        predict(part)
        times.append(time.perf_counter() - start)
    return 1000 * float(np.median(times)) / batch


def timings(ways: dict[str, Predict], X: NDArray[Any], quick: bool) -> dict[str, float]:
    return {f"ms {name} {n}": milliseconds(way, X, n, quick) for name, way in ways.items() for n in BATCHES}
