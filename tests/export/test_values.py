"""Values as JSON and back, and what is refused on either way."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from everything import ENCODINGS, STRATEGIES
from sklearn.model_selection import GroupShuffleSplit, StratifiedKFold

from skopdist import OperationDistribution, Prior, Refit
from skopdist._identity import describe
from skopdist._integers import Origin
from skopdist.export._values import Decoder, Encoder, NotStoredError
from skopdist.spaces import SPACES, DenseSpace
from skopdist.strategies import RandomSearch
from skopdist.training import Training
from skopdist.trial import Trial

SPACE = DenseSpace()
ARCHITECTURE = SPACE.sample(SPACE.uniform(), random_state=0)
GENERATOR = np.random.default_rng(0)
GENERATOR.normal()


def carried(value):
    """Return a value as it comes out of a file."""
    encode = Encoder()
    content = json.loads(json.dumps([encode(value, "value"), encode.objects]))
    return Decoder(content[1], encode.arrays)(content[0])


@pytest.mark.parametrize(
    "value",
    [
        None, True, 3, 2**70, -0.0, 0.1, np.inf, "text", [], [1, [2.0]], (1, (2,)), {"a": 1}, {1: "a", None: (2,)},
        {3, 1}, frozenset({"a"}), Path("a/b"), torch.device("cpu"), torch.optim.AdamW, torch.nn.CrossEntropyLoss,
        np.float32(0.1), np.int64(3), np.bool(True), np.str_("a"),
        OperationDistribution(["a", "b"], [0.1, 0.9]), Prior(OperationDistribution(["a", "b"], [0.1, 0.9]), 3),
        ARCHITECTURE,
    ],
    ids=lambda value: type(value).__name__,
)  # fmt: skip
def test_values_come_back(value):
    found = carried(value)
    assert type(found) is type(value)
    assert repr(found) == repr(value)
    assert found == value


def test_trials_come_back():
    trial = Trial(ARCHITECTURE, SPACE.encode(ARCHITECTURE), 0.5, info={"n": 1, "rows": [0.1]}, gradient=np.ones((1, 6)))
    found = carried(trial)
    assert found.to_dict() == trial.to_dict()
    assert found.gradient.dtype == trial.gradient.dtype


@pytest.mark.parametrize(
    "value",
    [*STRATEGIES, *ENCODINGS, *(make() for make in SPACES.values()), Training(lr=0.1), Refit(length=3)],
    ids=lambda value: type(value).__name__,
)
def test_estimators_come_back(value):
    found = carried(value)
    assert type(found) is type(value)
    assert repr(found) == repr(value)


@pytest.mark.parametrize(
    "array",
    [
        np.arange(6.0).reshape(2, 3), np.array([2**63], dtype=np.uint64), np.array(["a", "longer"]),
        np.array([["a", 1], [None, 2.5]], dtype=object), np.array(3), np.empty((0, 2)), np.array([True, False]),
    ],
    ids=lambda array: f"{array.dtype.kind}{array.ndim}",
)  # fmt: skip
def test_arrays_come_back(array):
    found = carried(array)
    assert (found.dtype, found.shape) == (array.dtype, array.shape)
    np.testing.assert_array_equal(found, array)


@pytest.mark.parametrize(
    "value",
    [
        np.random.default_rng(3), GENERATOR, np.random.Generator(np.random.MT19937(1)),
        np.random.Generator(np.random.Philox(1)), np.random.RandomState(4),
    ],
    ids=["default", "used", "mt19937", "philox", "state"],
)  # fmt: skip
def test_generators_go_on_where_they_were(value):
    found = carried(value)
    np.testing.assert_array_equal(found.normal(size=3), value.normal(size=3))


@pytest.mark.parametrize("value", [GroupShuffleSplit(1, random_state=0), StratifiedKFold(3)], ids=["shuffle", "folds"])
def test_splitters_come_back(value):
    assert describe(carried(value)) == describe(value)


def test_what_is_there_twice_is_stored_once():
    encode = Encoder()
    content = encode([ARCHITECTURE, (ARCHITECTURE,)], "value")
    first, (second,) = Decoder(encode.objects, encode.arrays)(content)
    assert first is second


def test_arrays_within_objects():
    found = carried(Origin(np.array([[2**60]])))
    assert found.smallest.tolist() == [[2**60]]


class Mine(RandomSearch):
    """A strategy of the user's."""


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (len, "value is the function len"),
        ({"a": [0, test_values_come_back]}, r"value\['a'\]\[1\] is the function test_values_come_back"),
        (Mine(), "Mine"),
        (Training(augment=print), "value.augment is the function print"),
        (np.array([1j]), "complex"),
        (np.array([print], dtype=object), r"value\[0\] is the function print"),
        (Path, "the class pathlib"),
        (object(), "a builtins.object"),
        (1j, "a builtins.complex"),
        (b"bytes", "a builtins.bytes"),
    ],
    ids=["function", "nested", "class", "augment", "complex array", "objects", "type", "object", "complex", "bytes"],
)
def test_other_values_are_refused_by_name(value, message):
    with pytest.raises(NotStoredError, match=message):
        Encoder()(value, "value")


@pytest.mark.parametrize(
    ("content", "objects"),
    [
        ({"type": "os.system"}, []),
        ({"type": "torch.nn.modules.linear.Linear"}, []),
        ({"call": ["os.system", "true"]}, []),
        ({}, []),
        ({"object": 0}, []),
        ({"object": "0"}, []),
        ({"splitter": "GridSearchCV", "arguments": {}}, []),
        ({"splitter": "__class__", "arguments": {}}, []),
        ({"generator": {"dict": [["bit_generator", "default_rng"]]}}, []),
        ({"texts": ["a"], "shape": [1], "dtype": "O"}, []),
        (None, [{"class": "os.system", "arguments": {}}]),
        (None, [{"class": "subprocess.Popen", "arguments": {"args": "true"}}]),
        (None, [{"class": "pathlib.Path", "arguments": {}}]),
        (None, [{"class": "skopdist.journal._record.Journal", "arguments": {"path": "a"}}]),
        (None, [{"class": "skopdist.export._values.sys.modules", "arguments": {}}]),
        (None, [{"class": "skopdist.classifier.os", "arguments": {}}]),
        (None, [{"class": "skopdist.classifier.Path", "arguments": {}}]),
        (None, [{"class": "no_such_module.Evil", "arguments": {}}]),
    ],
    ids=str,
)
def test_what_no_encoder_writes_is_refused(content, objects):
    with pytest.raises((ValueError, TypeError)):
        Decoder(objects, {})(content)
