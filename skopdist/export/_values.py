"""Values as JSON and arrays, both ways, for a closed list of types: nothing that is read can run code.

What is read is numbers, texts, containers of these, and classes of this library that hold no more than what they are
given: frozen data classes, and estimators, whose constructors only store. Of other libraries there are optimisers,
losses, splitters and generators, from lists. A class is looked up among modules that are loaded already; nothing is
imported.
"""

from __future__ import annotations

import dataclasses
import inspect
import math
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn import model_selection
from sklearn.base import BaseEstimator

from skopdist._prior import Prior
from skopdist.distribution import OperationDistribution
from skopdist.export._tensors import Arrays

_SEQUENCES: dict[str, Callable[[Any], Any]] = {"tuple": tuple, "set": set, "frozenset": frozenset}
_BIT_GENERATORS = ("MT19937", "PCG64", "PCG64DXSM", "Philox", "SFC64")
_SPLITTERS = (
    "GroupKFold", "GroupShuffleSplit", "KFold", "LeaveOneGroupOut", "LeavePGroupsOut", "PredefinedSplit",
    "RepeatedKFold", "RepeatedStratifiedKFold", "ShuffleSplit", "StratifiedGroupKFold", "StratifiedKFold",
    "StratifiedShuffleSplit", "TimeSeriesSplit",
)  # fmt: skip


class NotStoredError(TypeError):
    """A value that a file cannot hold."""


class Encoder:
    """Turns values into JSON, and arrays apart from it. What is there many times is stored once.

    Attributes
    ----------
    arrays : dict of str to ndarray
    objects : list
        JSON of objects, to which other JSON refers by their number.
    """

    def __init__(self) -> None:
        self.arrays: Arrays = {}
        self.objects: list[Any] = []
        self._numbers: dict[int, int] = {}
        # So that no address is taken twice.
        self._kept: list[Any] = []

    def __call__(self, value: Any, name: str) -> Any:
        """Return JSON for a value.

        Parameters
        ----------
        value : object
        name : str
            For errors.

        Raises
        ------
        NotStoredError
            If it is of none of the known types.
        """
        if value is None or type(value) in (bool, int, str):
            return value
        if type(value) is float:
            return value if math.isfinite(value) else {"float": repr(value)}
        if type(value) is list:
            return [self(item, f"{name}[{i}]") for i, item in enumerate(value)]
        for kind, make in _SEQUENCES.items():
            if type(value) is make:
                items = sorted(value, key=repr) if kind != "tuple" else value
                return {kind: [self(item, f"{name}[{i}]") for i, item in enumerate(items)]}
        if isinstance(value, np.generic | np.ndarray):
            return self._array(value, name)
        if isinstance(value, Path):
            return {"path": str(value)}
        if isinstance(value, torch.device):
            return {"device": str(value)}
        if isinstance(value, type):
            return {"type": _name_of_type(value, name)}
        if isinstance(value, np.random.Generator):
            return {"generator": self(value.bit_generator.state, name)}
        if isinstance(value, np.random.RandomState):
            return {"random_state": self(value.get_state(legacy=False), name)}
        if type(value).__name__ in _SPLITTERS and type(value) is getattr(model_selection, type(value).__name__):
            arguments = [p for p in inspect.signature(type(value)).parameters if hasattr(value, p)]
            given = {p: self(getattr(value, p), f"{name}.{p}") for p in arguments}
            return {"splitter": type(value).__name__, "arguments": given}
        if type(value) is dict or (isinstance(value, Mapping) and not _is_ours(type(value))):
            # Pairs, for keys may be numbers.
            return {"dict": [[self(key, f"a key of {name}"), self(v, f"{name}[{key!r}]")] for key, v in value.items()]}
        return self._object(value, name)

    def _array(self, value: Any, name: str) -> Any:
        array = np.asarray(value)
        if array.dtype.kind == "U":
            content: dict[str, Any] = {"texts": array.ravel().tolist(), "shape": array.shape, "dtype": array.dtype.str}
        elif array.dtype.kind == "O":
            items = [self(item, f"{name}[{i}]") for i, item in enumerate(array.ravel().tolist())]
            content = {"items": items, "shape": array.shape}
        elif array.dtype.kind in "biuf" and array.dtype.itemsize <= 8:
            key = f"array.{len(self.arrays)}"
            self.arrays[key] = array
            content = {"array": key}
        else:
            raise NotStoredError(f"{name} is an array of type {array.dtype}")
        return content | ({"is_scalar": True} if isinstance(value, np.generic) else {})

    def _object(self, value: Any, name: str) -> Any:
        if id(value) in self._numbers:
            return {"object": self._numbers[id(value)]}
        cls = type(value)
        if not _is_storable(cls):
            what = f"the function {value.__qualname__}" if inspect.isroutine(value) else f"a {_qualified(cls)}"
            raise NotStoredError(f"{name} is {what}")
        arguments = {part: self(v, f"{name}.{part}") for part, v in _arguments(value).items()}
        self._kept.append(value)
        self._numbers[id(value)] = len(self.objects)
        self.objects.append({"class": _qualified(cls), "arguments": arguments})
        return {"object": self._numbers[id(value)]}


class Decoder:
    """Turns what an :class:`Encoder` made back into values.

    Parameters
    ----------
    objects : list
    arrays : dict of str to ndarray

    Raises
    ------
    ValueError
        Here or on a call, if something is not as an encoder makes it.
    """

    def __init__(self, objects: list[Any], arrays: Arrays) -> None:
        self._arrays = arrays
        self._made: list[Any] = []
        # An object refers to earlier ones only.
        for entry in objects:
            cls = _find_class(entry["class"])
            self._made.append(cls(**{name: self(part) for name, part in entry["arguments"].items()}))

    def __call__(self, content: Any) -> Any:
        """Return the value that JSON stands for."""
        if content is None or isinstance(content, bool | int | float | str):
            return content
        if isinstance(content, list):
            return [self(item) for item in content]
        kind = next(iter(content), "nothing")
        if kind in _SEQUENCES:
            return _SEQUENCES[kind](self(item) for item in content[kind])
        if kind not in _DECODERS:
            raise ValueError(f"it holds something of the unknown kind {kind!r}")
        return _DECODERS[kind](self, content)

    def _array(self, content: Mapping[str, Any]) -> Any:
        if "array" in content:
            array: NDArray[Any] = self._arrays[content["array"]]
        elif "texts" in content:
            dtype = np.dtype(content["dtype"])
            if dtype.kind != "U":
                raise ValueError(f"it holds texts of the type {dtype}")
            array = np.array([str(text) for text in content["texts"]], dtype=dtype).reshape(content["shape"])
        else:
            array = np.empty(len(content["items"]), dtype=object)
            array[:] = [self(item) for item in content["items"]]
            array = array.reshape(content["shape"])
        return array[()] if content.get("is_scalar") else array

    def _reference(self, content: Mapping[str, Any]) -> Any:
        number = content["object"]
        if type(number) is not int or not 0 <= number < len(self._made):
            raise ValueError(f"it refers to an object {number!r} that is not there")
        return self._made[number]

    def _generator(self, content: Mapping[str, Any]) -> np.random.Generator:
        state = self(content["generator"])
        if state["bit_generator"] not in _BIT_GENERATORS:
            raise ValueError(f"it holds a generator of the unknown kind {state['bit_generator']!r}")
        bits = getattr(np.random, state["bit_generator"])()
        bits.state = state
        return np.random.Generator(bits)

    def _random_state(self, content: Mapping[str, Any]) -> np.random.RandomState:
        made = np.random.RandomState()
        made.set_state(self(content["random_state"]))
        return made

    def _splitter(self, content: Mapping[str, Any]) -> Any:
        if content["splitter"] not in _SPLITTERS:
            raise ValueError(f"it holds a splitter of the unknown kind {content['splitter']!r}")
        arguments = {name: self(value) for name, value in content["arguments"].items()}
        return getattr(model_selection, content["splitter"])(**arguments)

    def _dict(self, content: Mapping[str, Any]) -> dict[Any, Any]:
        return {self(key): self(value) for key, value in content["dict"]}


_DECODERS: dict[str, Callable[[Decoder, Mapping[str, Any]], Any]] = {
    "float": lambda _, content: float(content["float"]),
    "array": Decoder._array,
    "texts": Decoder._array,
    "items": Decoder._array,
    "object": Decoder._reference,
    "path": lambda _, content: Path(str(content["path"])),
    "device": lambda _, content: torch.device(content["device"]),
    "type": lambda _, content: _find_type(content["type"]),
    "generator": Decoder._generator,
    "random_state": Decoder._random_state,
    "splitter": Decoder._splitter,
    "dict": Decoder._dict,
}


def _is_ours(cls: type) -> bool:
    return cls.__module__.split(".")[0] == "skopdist"


def _is_storable(cls: type) -> bool:
    """Whether objects of a class are no more than what its constructor is given."""
    if not _is_ours(cls) or vars(sys.modules[cls.__module__]).get(cls.__name__) is not cls:
        return False
    is_frozen = dataclasses.is_dataclass(cls) and cls.__dataclass_params__.frozen  # type: ignore[attr-defined]
    return is_frozen or cls in (OperationDistribution, Prior) or issubclass(cls, BaseEstimator)


def _arguments(value: Any) -> dict[str, Any]:
    """Return what the constructor of an object's class is to be given."""
    if isinstance(value, BaseEstimator):
        return dict(value.get_params(deep=False))
    if dataclasses.is_dataclass(value):
        return {field.name: getattr(value, field.name) for field in dataclasses.fields(value) if field.init}
    return {name: getattr(value, name) for name in inspect.signature(type(value)).parameters}


def _qualified(cls: type) -> str:
    return f"{cls.__module__}.{cls.__qualname__}"


def _find_class(name: str) -> Any:
    """Look up a class of this library that can be stored."""
    module, _, attribute = str(name).rpartition(".")
    cls = vars(sys.modules[module]).get(attribute) if module in sys.modules else None
    if not isinstance(cls, type) or not _is_storable(cls) or _qualified(cls) != name:
        raise ValueError(f"it holds an object of the class {name!r}, which this version of skopdist does not have")
    return cls


def _types() -> dict[str, type]:
    """Return the types of other libraries that a recipe may name."""
    known = [cls for cls in vars(torch.optim).values() if isinstance(cls, type)]
    known += [cls for name, cls in vars(torch.nn).items() if name.endswith("Loss")]
    return {_qualified(cls): cls for cls in known}


def _name_of_type(value: type, name: str) -> str:
    text = _qualified(value)
    if _types().get(text) is not value:
        raise NotStoredError(f"{name} is the class {text}")
    return text


def _find_type(name: str) -> type:
    known = _types()
    if name not in known:
        raise ValueError(f"it names the type {name!r}, which is none of torch's optimisers and losses")
    return known[name]
