"""Whatever `fit` and `predict_proba` are given, they answer with probabilities or with an error that was meant.

A few examples run with the other tests. For thousands of them, each time others::

    SKOPDIST_FUZZ_EXAMPLES=5000 python -m pytest --timeout 0 tests/test_fuzz.py
"""

import contextlib
import datetime
import decimal
import fractions
import io
import linecache
import os
import re
import traceback
import warnings
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sparse
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, make_scorer
from sklearn.model_selection import GroupKFold, KFold, LeaveOneOut, PredefinedSplit, ShuffleSplit, StratifiedKFold

from skopdist import OpDistNASClassifier, OperationDistribution, Refit
from skopdist.encodings import AdjacencyEncoding, DistributionEncoding, HybridEncoding
from skopdist.evaluators import SupernetEvaluator, TrainingEvaluator
from skopdist.search import SearchFailedError
from skopdist.strategies import (
    BayesianOptimization,
    DifferentiableSearch,
    LocalSearch,
    RandomSearch,
    RegularizedEvolution,
)
from skopdist.training import Training

try:
    import polars
except ImportError:
    polars = None

EXAMPLES = os.environ.get("SKOPDIST_FUZZ_EXAMPLES")
SMALL = {"n_trials": 1, "max_epochs": 1, "n_cells": 1, "channels": 4, "random_state": 0}

# What is warned of on purpose, by us or by scikit-learn.
MEANT = re.compile(
    r"No architecture of the search has a path"
    r"|X of shape .* is taken as|X is constant|The search space holds no more points|The final training failed"
    r"|max_time=.* was too short|members of the committee"
    r"|A column-vector y was passed|The number of unique classes is greater than"
    r"|The least populated class in y|is ill-defined|is not well-defined|parameter is ignored by"
    r"|will result in a perfect score|y_pred contains classes not in y_true"
    r"|A single label was found|X does not have valid feature names|X has feature names, but"
    r"|Only one class is present|No positive class|No positive samples|The y_prob values do not"
)
JUNK = [
    None, 0, -1, 1.5, np.nan, np.inf, "x", "", b"x", [], {}, (), True, np.int64(2), np.float64(1), np.array([1, 2]),
    fractions.Fraction(1, 2), decimal.Decimal(1), object(), int, len, [None], {"a": 1}, {1: "a"}, np.array(3), 1j,
]  # fmt: skip
JUNK_FOR = [name for name in OpDistNASClassifier()._get_param_names() if name not in ("journal", "n_jobs", "verbose")]


@dataclass
class Case:
    """A call of `fit` and one of `predict_proba`."""

    X: Any
    y: Any
    new: Any
    fit: dict[str, Any] = field(default_factory=dict)
    params: dict[str, Any] = field(default_factory=dict)

    def __repr__(self) -> str:
        def shown(value):
            text = re.sub(r"\s+", " ", repr(value))
            return f"{type(value).__name__} {getattr(value, 'shape', '')} {getattr(value, 'dtype', '')} {text[:300]}"

        parts = {"X": self.X, "y": self.y, "new": self.new} | self.fit
        lines = [f"{name}: {shown(value)}" for name, value in parts.items()]
        return "\n".join([f"params: {self.params}", *lines])


# Values


def scaled(draw, rng, shape, odd):
    """Numbers in double precision, if `odd` of any size and distribution."""
    if not odd:
        return rng.normal(size=shape)
    kind = draw(st.sampled_from(["normal", "levels", "binary", "constant", "cauchy", "spread", "unique row", "absurd"]))
    values = rng.normal(size=shape)
    if kind in ("levels", "binary"):
        values = rng.integers(0, 2 if kind == "binary" else 5, size=shape).astype(float)
    elif kind == "constant":
        values = np.ones(shape)
    elif kind == "cauchy":
        values = rng.standard_cauchy(shape)
    elif kind == "spread":
        values = values * 10.0 ** rng.integers(-12, 13, size=shape)
    elif kind == "unique row" and values.size:
        values[:] = values[:1]
        values[-1:] = values[-1:] + 1
    elif kind == "absurd" and values.size:
        values.flat[0] = draw(st.sampled_from([65535, -9999, 1e30, -1e300, 1.7e308, 5e-324]))
    exponent = draw(st.one_of(st.just(0), st.integers(-20, 20), st.integers(-308, 307)))
    offset = draw(st.sampled_from([0, 0, 1, -1e6, 2.0**53, 1e300]))
    with np.errstate(all="ignore"):
        values = values * 10.0**exponent + offset
    return np.nan_to_num(values, nan=0.0, posinf=1.7e308, neginf=-1.7e308)


NUMBERS = ["f2", "f4", "f8", "g", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "?", ">f8", ">i4"]
OTHERS = ["O", "U", "S", "c16", "M8[s]", "m8[s]", "mixed objects", "Decimal", "Fraction", "date"]


def typed(draw, values, odd):
    """The values as another type of numbers, or if `odd` as no numbers."""
    name = draw(st.sampled_from(OTHERS if odd else ["f8", "f8", *NUMBERS]))
    with np.errstate(all="ignore"):
        if name in ("O", "U", "S"):
            return values.astype(name)
        if name == "mixed objects":
            values = values.astype(object)
            if values.size:
                values.flat[-1] = draw(st.sampled_from(["a", "1", None, True, 10**400, {}, [1], b"2", 1j]))
            return values
        if name in ("Decimal", "Fraction", "date"):
            make = {
                "Decimal": decimal.Decimal,
                "Fraction": fractions.Fraction,
                "date": lambda v: datetime.date(2020, 1, 1 + int(abs(v) % 28)),
            }[name]
            return np.array([make(v) for v in values.ravel()] + [None], dtype=object)[:-1].reshape(values.shape)
        if name[0] in "Mm":
            return np.clip(np.nan_to_num(values), -1e9, 1e9).astype("i8").astype(name)
        kind = np.dtype(name)
        if kind.kind in "iu":
            info = np.iinfo(kind)
            if draw(st.booleans()):
                values = np.where(values > 0, float(info.max), float(info.min))
            # The largest integers of 64 bits are no doubles.
            return np.clip(values, info.min, np.nextafter(float(info.max), 0)).astype(kind)
        if kind.kind == "f" and kind.itemsize < 8:
            values = np.clip(values, np.finfo(kind).min, np.finfo(kind).max)
        return values.astype(kind)


def spoiled(draw, values):
    """The values, one of which is not finite."""
    bad = draw(st.sampled_from([np.nan, np.inf, -np.inf]))
    if values.dtype.kind in "fcO" and values.size:
        values = values.copy()
        values.flat[draw(st.integers(0, values.size - 1))] = bad
    return values


# Containers

ARRAYS = ["array"] * 6
ARRAYS += ["fortran", "strided", "reversed", "read-only", "list", "tuple", "arrays", "torch", "tensor", "masked"]
TABLES = ["frame", "frame", "mixed frame", "nullable frame", "sparse frame", "csr", "coo", "csc_matrix", "matrix"]
TABLES += ["polars"] if polars is not None else []
TABLES += ["categories", "categories", "gaps", "gaps"]
WORDS = [
    ["a", "b"],
    ["", "é", "a b"],
    ["1", "2", "10"],
    ["x", None],
    ["y", np.nan, pd.NA],
    [True, False],
    [1, 2.5, None],
]
WORDS += [["a", 1], [datetime.date(2020, 1, 1), None], [b"a", "a"], [2**53, 2**53 + 1], [None], [[1], [2]], [{}, "a"]]
COLUMN_TYPES = [object, object, "category", "category", "string", "boolean", "Int64", "float64", "bool"]


def contained(draw, values):
    """The values in another container; those of tables for flat samples only."""
    name = draw(st.sampled_from(ARRAYS + (TABLES if values.ndim == 2 else [])))
    if name == "fortran":
        return np.asfortranarray(values)
    if name == "strided":
        return np.repeat(values, 2, axis=0)[::2]
    if name == "reversed":
        return np.ascontiguousarray(values[::-1])[::-1]
    if name == "read-only":
        values = values.copy()
        values.flags.writeable = False
        return values
    if name == "list":
        return values.tolist()
    if name == "tuple":
        return tuple(values.tolist())
    if name == "arrays":
        return list(values)
    if name == "torch":
        with contextlib.suppress(TypeError, ValueError):
            return torch.from_numpy(np.ascontiguousarray(values))
        return values
    if name == "tensor" and values.dtype.kind in "fiu":
        with np.errstate(over="ignore"):
            tensor = torch.tensor(values.astype(np.float32))
        return tensor.bfloat16() if draw(st.booleans()) else tensor.requires_grad_()
    if name == "masked":
        return np.ma.masked_array(values, mask=draw(st.sampled_from([False, False, True])))
    if name == "matrix":
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return np.asmatrix(values)
    return tabular(draw, values, name) if name in TABLES else values


def categorical(draw, frame):
    """The frame with columns of categories in the place of some, or all, of its columns."""
    n = len(frame)
    for place in draw(st.lists(st.integers(0, frame.shape[1] - 1), min_size=1, max_size=3)):
        choices = draw(st.sampled_from(WORDS))
        picks = draw(st.sampled_from([np.arange(n), np.arange(n) // 3, np.zeros(n, dtype=int)]))
        column = pd.Series([choices[i % len(choices)] for i in picks], dtype=object, index=frame.index)
        with contextlib.suppress(Exception):
            column = column.astype(draw(st.sampled_from(COLUMN_TYPES)))
        if draw(st.integers(0, 9)) == 0:
            column = pd.Series([f"w{i}" for i in range(n)], dtype=object, index=frame.index)
        frame.isetitem(place, column)
    return frame


def tabular(draw, values, name):
    if name in ("csr", "coo", "csc_matrix"):
        make = {"csr": sparse.csr_array, "coo": sparse.coo_array, "csc_matrix": sparse.csc_matrix}[name]
        try:
            return make(values)
        except (ValueError, TypeError):
            return values
    columns = draw(
        st.sampled_from([None, [f"c{i}" for i in range(values.shape[1])], ["same"] * values.shape[1],
                         [i if i % 2 else f"c{i}" for i in range(values.shape[1])]])
    )  # fmt: skip
    if name == "polars":
        try:
            return polars.DataFrame(values, schema=[f"c{i}" for i in range(values.shape[1])])
        except Exception:  # noqa: BLE001 - polars refuses some of the types
            return values
    if values.dtype == np.longdouble or values.dtype.byteorder == ">":
        values = values.astype(float)
    frame = pd.DataFrame(values, columns=columns)
    if name == "categories" and frame.shape[1]:
        frame = categorical(draw, frame)
        kind = draw(st.sampled_from(["frame", "frame", "frame", "array", "list", "polars"]))
        if kind == "array":
            return frame.to_numpy(dtype=object)
        if kind == "list":
            return frame.to_numpy(dtype=object).tolist()
        if kind == "polars" and polars is not None and frame.columns.is_unique:
            with contextlib.suppress(Exception):
                return polars.DataFrame({str(c): frame[c].astype(object).tolist() for c in frame.columns})
        return frame
    if name == "gaps" and values.dtype.kind in "iuf" and values.size:
        frame = frame.astype(float)
        frame[np.arange(values.size).reshape(values.shape) % draw(st.integers(1, 4)) == 0] = np.nan
        return frame if draw(st.booleans()) else frame.to_numpy()
    if name == "nullable frame" and values.dtype.kind in "iufb":
        return frame.convert_dtypes()
    if name == "sparse frame" and values.dtype.kind in "iufb":
        return frame.astype(pd.SparseDtype(values.dtype))
    if name == "mixed frame" and len(frame) and frame.shape[1] and columns is None:
        new = draw(
            st.sampled_from(["f4", "i8", "u1", "bool", "category", "object", "string", "Int64", "boolean", "M8[s]"])
        )
        with np.errstate(all="ignore"), contextlib.suppress(Exception):
            frame[0] = (frame[0].astype(float) > 0).astype("i8").astype(new)
    return frame


# Shapes, labels, weights, groups and parameters

SHAPES = st.one_of(
    st.tuples(st.integers(1, 6)),
    st.tuples(st.integers(1, 4), st.integers(1, 20)),
    st.tuples(st.integers(1, 4), st.integers(1, 9), st.integers(1, 9)),
    st.tuples(st.integers(5, 12), st.integers(5, 12), st.sampled_from([1, 3, 4])),
)
ODD_SHAPES = st.sampled_from([(), (0,), (3, 0), (1, 2, 0), (1, 1, 2, 2), (200,), (1, 1, 30), (1, 300), (1,), (1, 1, 1)])


def labels(draw, rng, n, odd):
    """One label for each of `n` rows, if `odd` of any kind."""
    n_classes = draw(st.sampled_from([1, 2, 5, max(n, 1)] if odd else [2, 3]))
    codes = rng.integers(0, n_classes, n)
    if draw(st.booleans()):
        codes = np.arange(n) % n_classes
    if odd and draw(st.booleans()):
        # A rare class.
        codes = (np.arange(n) == 0).astype(int)
    kinds = {
        "int": lambda: codes - draw(st.sampled_from([0, 1, 5])),
        "str": lambda: np.array([f"c{c}" for c in codes] + [""])[:-1],
        "bool": lambda: codes > 0,
        "float": lambda: codes.astype(float) * draw(st.sampled_from([1, 1000, 0.5, 1e300, 1e-300])),
        "object": lambda: np.array([*codes.tolist(), None], dtype=object)[:-1],
        "object str": lambda: np.array([*(f"é{c}" for c in codes), None], dtype=object)[:-1],
        "bytes": lambda: np.array([b"a%d" % c for c in codes] + [b""])[:-1],
        "u8": lambda: codes.astype("u8") + np.uint64(2**63),
        "i8": lambda: codes * np.int64(2**62),
        "u1": lambda: codes.astype("u1"),
        "f2": lambda: codes.astype("f2"),
        "list": lambda: codes.tolist(),
        "list of str": lambda: [f"{c}" for c in codes],
        "series": lambda: pd.Series(codes, index=range(5, 5 + n)),
        "nullable": lambda: pd.Series(codes, dtype="Int64"),
        "category": lambda: pd.Categorical([f"c{c}" for c in codes]),
        "unused category": lambda: pd.Series(pd.Categorical([f"c{c}" for c in codes]).add_categories("z")),
        "column": lambda: codes[:, None],
        "frame": lambda: pd.DataFrame({"y": codes}),
        "two columns": lambda: np.c_[codes, codes],
        "one-hot": lambda: np.eye(int(codes.max(initial=0)) + 1)[codes],
        "continuous": lambda: rng.normal(size=n),
        "NaN": lambda: np.where(codes == 0, np.nan, codes),
        "mixed": lambda: [c if c else "a" for c in codes],
        "date": lambda: codes.astype("M8[D]"),
        "complex": lambda: codes + 1j,
        "torch": lambda: torch.from_numpy(codes),
        "StringDType": lambda: np.array([f"c{c}" for c in codes], dtype=np.dtypes.StringDType()),
        "sparse": lambda: sparse.csr_array(codes[:, None]),
        "too few": lambda: codes[:-1],
        "none": lambda: None,
        "scalar": lambda: 3,
        "word": lambda: "word",
        "generator": lambda: (c for c in codes),
        "set": lambda: set(codes.tolist()),
        "dict": lambda: dict(enumerate(codes.tolist())),
        "longdouble": lambda: codes.astype("g"),
        ">i4": lambda: codes.astype(">i4"),
        "ragged": lambda: [[0], [1, 2]] * (n // 2),
    }
    usual = ["int", "str", "bool", "float", "object", "series", "list"]
    return kinds[draw(st.sampled_from(sorted(kinds) if odd else usual))]()


def weights(draw, rng, n):
    kinds = {
        "ones": lambda: np.ones(n),
        "ints": lambda: rng.integers(0, 4, n),
        "floats": lambda: rng.random(n),
        "list": lambda: rng.random(n).tolist(),
        "tiny": lambda: rng.random(n) * 1e-300,
        "tiniest": lambda: np.full(n, 5e-324),
        "huge": lambda: rng.random(n) * 1e300,
        "hugest": lambda: np.full(n, 1.7e308),
        "spread": lambda: 10.0 ** rng.integers(-300, 300, n),
        "one": lambda: np.eye(1, n)[0] if n else np.ones(0),
        "few": lambda: (np.arange(n) < 3).astype(float),
        "zeros": lambda: np.zeros(n),
        "bool": lambda: rng.random(n) > 0.3,
        "f2": lambda: rng.random(n).astype("f2"),
        "series": lambda: pd.Series(rng.random(n)),
        "large integers": lambda: rng.integers(1, 2**62, n),
        "negative": lambda: rng.normal(size=n),
        "NaN": lambda: np.where(np.arange(n) == 0, np.nan, 1.0),
        "infinity": lambda: np.where(np.arange(n) == 0, np.inf, 1.0),
        "column": lambda: np.ones((n, 1)),
        "too few": lambda: np.ones(max(n - 1, 0)),
        "number": lambda: draw(st.sampled_from([1, 2.5, 0, -1])),
        "words": lambda: ["a"] * n,
        "object": lambda: np.ones(n, dtype=object),
        "complex": lambda: np.ones(n) * 1j,
        "None": lambda: [None] * n,
    }
    return kinds[draw(st.sampled_from(sorted(kinds)))]()


def groups(draw, rng, n):
    kinds = {
        "few": lambda: rng.integers(0, 3, n),
        "many": lambda: np.arange(n),
        "one": lambda: np.zeros(n),
        "words": lambda: [f"g{i % 4}" for i in range(n)],
        "category": lambda: pd.Categorical([f"g{i % 4}" for i in range(n)]),
        "nullable": lambda: pd.Series(np.arange(n) // 3, dtype="Int64"),
        "dates": lambda: (np.arange(n) // 3).astype("M8[D]"),
        "tuples": lambda: [(i % 3, "a") for i in range(n)],
        "pairs": lambda: [(i % 3,) for i in range(n)],
        "mixed": lambda: ["a" if i % 2 else i for i in range(n)],
        "missing": lambda: [None if i % 2 else "a" for i in range(n)],
        "NaN": lambda: np.where(np.arange(n) % 2, np.nan, 1.0),
        "too few": lambda: np.arange(max(n - 1, 0)),
        "column": lambda: np.arange(n)[:, None],
        "number": lambda: 3,
        "objects": lambda: [object() for _ in range(n)],
        "complex": lambda: np.arange(n) * 1j,
        "frame": lambda: pd.DataFrame({"g": np.arange(n) // 2}),
        "ragged": lambda: [[i] * (i % 3) for i in range(n)],
        "sparse": lambda: sparse.csr_array(np.arange(n)[None]),
    }
    return kinds[draw(st.sampled_from(sorted(kinds)))]()


def parameters(draw, shape, y):
    """Some parameters of the estimator, right ones and wrong ones."""
    splitters = [KFold(2), StratifiedKFold(2), ShuffleSplit(1), LeaveOneOut(), GroupKFold(2), PredefinedSplit([0, -1])]
    known = np.unique([str(label) for label in y]).tolist() if isinstance(y, list) else [0, 1]
    scorers = [
        "accuracy", "neg_log_loss", "roc_auc", "roc_auc_ovr", "f1", "f1_macro", "balanced_accuracy", "r2", "jaccard",
        "average_precision", "top_k_accuracy", "matthews_corrcoef", "neg_brier_score", "max_error",
        make_scorer(accuracy_score), lambda model, X, y: 1, lambda model, X, y: np.nan, lambda *a: "high",
    ]  # fmt: skip
    trainings = [
        Training(batch_size=1), Training(batch_size=10**9), Training(optimizer="adamw"), Training(early_stopping=1),
        Training(label_smoothing=0.99), Training(augment="shift_flip"), Training(augment=None), Training(lr=1e9),
        Training(lr=1e-300), Training(weight_decay=1e300), Training(precision="bfloat16"), Training(lr=np.nan),
        Training(weight_decay=np.inf), Training(optimizer=torch.optim.Adam), Training(optimizer=int),
        Training(net_params={"optimizer__momentum": 2}), Training(net_params={"no_such": 2}), Training(augment=len),
        Training(net_params={"batch_size": 0}), Training(net_params={1: 2}), Training(max_epochs=3),
    ]  # fmt: skip
    small = {"n_cells": 1, "channels": 4, "training": Training(max_epochs=1)}
    size = int(np.prod(shape))
    choices = {
        "n_trials": [1, 2, np.int64(2)],
        "strategy": [
            RandomSearch(), RandomSearch(sequential=True), LocalSearch(), BayesianOptimization(),
            DifferentiableSearch(), RegularizedEvolution(), LocalSearch(trial_batch=0), RandomSearch,
        ],
        "search_space": ["dense", "sequence", "nasbench201", "image", "nasbench101", "darts", "macro"],
        "encoding": [DistributionEncoding(), AdjacencyEncoding(), HybridEncoding()],
        "evaluator": [TrainingEvaluator(**small), SupernetEvaluator(**small), TrainingEvaluator(n_cells=0)],
        "length": [1, 2, 3, 7],
        "n_cells": [1, 2, 3],
        "channels": [1, 2, 4, 7, 8],
        "max_epochs": [1, 2],
        "n_members": [2],
        "max_time": [1e-9, 1, 1e300, np.inf],
        "limits": [
            {"params": 10_000}, {"params": 1}, {"flops": 1e5}, {"params": None}, {}, {"params": np.nan}, {"flops": "a"},
        ],
        "training": trainings,
        "refit": [True, False, *(Refit(**{k: 2}) for k in ("length", "n_cells", "channels", "max_epochs"))],
        "categorical_features": [None, [], [0], [0, 1], ["c0"], ["c0", "c9"], [True], [True, False], [-1], "types"],
        "input_shape": [
            shape, list(shape), (size,), (1, size), (size, 1, 1), shape[::-1], (3, 3), (), (-1,), (2, -1), (10**30,),
            ("a",), (1.0, 2), (None,), ((1,), 2),
        ],
        "validation_fraction": [0.1, 0.5, 0.9, 1e-9, 1 - 1e-9, *splitters],
        "scoring": scorers,
        "class_weight": [
            "balanced", {}, {0: 2.0}, {0: 0}, {0: 1e300, 1: 1e-300}, {0: 5e-324, 1: 5e-324}, dict.fromkeys(known, 2),
            {0: True}, {0: -1}, {7: 1}, {0: "a"}, {0: np.nan}, {0: 10**400}, {"no": 1},
        ],
        "device": ["cpu", torch.device("cpu"), ["cpu", "cpu"], "cuda:99", "meta", "mps", []],
        "prior": [OperationDistribution(["a", "b"], [0.5, 0.5]), OpDistNASClassifier()],
        "net_params": [
            {"batch_size": 4}, {"verbose": 0}, {"module": None}, {"callbacks": None}, {"max_epochs": 2}, {"lr": "high"},
            {"criterion": torch.nn.NLLLoss}, {"device": "cpu"}, {"train_split": None}, {"callbacks": "disable"},
        ],
        "random_state": [None, 3, np.random.RandomState(0), np.random.default_rng(0), -1, 2**70, np.int8(3)],
        "warm_start": [True],
    }  # fmt: skip
    params = {}
    for name in draw(st.lists(st.sampled_from(sorted(choices)), max_size=2, unique=True)):
        params[name] = draw(st.sampled_from(choices[name]))
    if not params or draw(st.integers(0, 9)) == 0:
        params[draw(st.sampled_from(JUNK_FOR))] = draw(st.sampled_from(JUNK))
    return params


PARTS = ["n", "shape", "values", "values", "type", "not finite", "container", "labels", "labels", "few distinct", "new"]
PARTS += ["weights", "weights", "groups", "parameters", "parameters", "parameters"]


@st.composite
def cases(draw):
    """Cases of which a few parts are odd, and the others usual."""
    odd = draw(st.lists(st.sampled_from(PARTS), max_size=3, unique=True))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    n = draw(st.sampled_from([0, 1, 2, 3, 4, 5, 200]) if "n" in odd else st.integers(8, 60))
    shape = draw(ODD_SHAPES if "shape" in odd else SHAPES)

    def made(n, shape, odd):
        values = scaled(draw, rng, (n, *shape), "values" in odd)
        if n and "few distinct" in odd:
            values = values[rng.integers(0, min(n, draw(st.integers(1, 3))), n)]
        values = typed(draw, values, "type" in odd)
        values = spoiled(draw, values) if "not finite" in odd else values
        return contained(draw, values) if "container" in odd else values

    X, y = made(n, shape, odd), labels(draw, rng, n, "labels" in odd)
    new = X
    if "new" in odd:
        then = draw(st.lists(st.sampled_from(["values", "type", "not finite", "container", "shape"]), max_size=2))
        new = made(draw(st.integers(0, 5)), draw(ODD_SHAPES | SHAPES) if "shape" in then else shape, then)
    fit = {"sample_weight": weights(draw, rng, n)} if "weights" in odd else {}
    if "groups" in odd:
        fit["groups"] = groups(draw, rng, n)
    return Case(X, y, new, fit, parameters(draw, shape, y) if "parameters" in odd else {})


# What is expected


def is_meant(error, params=()):
    """Whether an error was raised on purpose, by a line of ours or of scikit-learn that says `raise`."""
    if isinstance(error, SearchFailedError):
        # What the user hands in may fail as it likes; the reasons are told.
        return bool({"scoring", "training", "net_params"} & set(params))
    if not isinstance(error, ValueError | TypeError):
        return False
    *_, (frame, line) = traceback.walk_tb(error.__traceback__)
    package = frame.f_globals["__name__"].split(".")[0]
    text = linecache.getline(frame.f_code.co_filename, line, frame.f_globals).strip()
    return package in ("skopdist", "sklearn") and text.startswith("raise ")


def check(case):
    """Fit and predict; return the probabilities or the error, and raise where it is neither that nor meant."""
    printed = io.StringIO()
    before = case.X.copy() if isinstance(case.X, np.ndarray) and case.X.dtype.kind in "biuf" else None
    answer = clf = refusal = None
    with (
        warnings.catch_warnings(record=True) as seen,
        contextlib.redirect_stdout(printed),
        contextlib.redirect_stderr(printed),
    ):
        warnings.simplefilter("always")
        try:
            clf = OpDistNASClassifier(**SMALL | case.params).fit(case.X, case.y, **case.fit)
            if case.params.get("refit") is not False:
                answer = clf.predict_proba(case.new)
        except Exception as error:
            if not is_meant(error, case.params):
                raise
            refusal = error
    foreign = [w for w in seen if not MEANT.search(str(w.message))]
    assert not foreign, (
        f"warns: {foreign[0].category.__name__}: {foreign[0].message} at {foreign[0].filename}:{foreign[0].lineno}"
    )
    assert not printed.getvalue(), f"prints {printed.getvalue()!r}"
    assert not os.listdir(), f"leaves {os.listdir()}"
    if clf is not None and not {"training", "net_params", "scoring"} & set(case.params) and hasattr(clf, "trials_"):
        failed = [trial.message for trial in clf.trials_ if trial.status == "failed"]
        assert not failed, f"a trial failed: {failed[0]}"
    if before is not None:
        np.testing.assert_array_equal(case.X, before, "X was changed")
    if answer is not None:
        assert answer.ndim == 2
        assert answer.shape[1] == len(clf.classes_)
        assert answer.dtype == np.float64
        assert np.isfinite(answer).all()
        np.testing.assert_allclose(answer.sum(axis=1), 1)
        assert answer.min(initial=0) >= 0
    return refusal or answer


@settings(
    max_examples=int(EXAMPLES or 15),
    derandomize=EXAMPLES is None,
    suppress_health_check=list(HealthCheck),
)
@given(case=cases())
def test_whatever_comes_in(case, tmp_path_factory):
    with contextlib.chdir(tmp_path_factory.mktemp("empty")):
        check(case)


def test_an_error_that_was_not_meant_is_told():
    with pytest.raises(TypeError) as seen:
        np.zeros(3).reshape("a")
    assert not is_meant(seen.value)
