"""Descriptions by content, by which two searches can be compared and their differences named."""

from __future__ import annotations

import copyreg
import functools
import hashlib
import inspect
import logging
import site
import sys
import sysconfig
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import chain
from pathlib import Path
from types import BuiltinFunctionType, CodeType, FunctionType, MethodType, ModuleType
from typing import Any, TypeAlias

import numpy as np
from sklearn.base import BaseEstimator

Identity: TypeAlias = dict[str, str]

# Longer texts are replaced by their hash, so that a line that names a difference stays a line.
_LONGEST = 100
_DIGITS = 16
_LIBRARY_FOLDERS = tuple(
    str(Path(path).resolve())
    for path in (
        *map(sysconfig.get_path, ("stdlib", "platstdlib", "purelib", "platlib")),
        *site.getsitepackages(),
        site.getusersitepackages(),
    )
)


def describe(value: object) -> str:
    """Return a short text that is equal for values of equal content, in this process and in any other.

    Functions are described by their code, their constants, their defaults, the values that they close over and, where
    they are the user's own, the global values that they refer to; neither by name nor by address. Arrays, mappings and
    long texts are described by a hash, estimators by their class and parameters, and all other objects by what pickle
    would store of them. So a function that adds to a list around it, such as a log, is another one after each call.

    Parameters
    ----------
    value : object

    Returns
    -------
    text : str
        Of about a hundred characters at most.

    Examples
    --------
    >>> from skopdist._identity import describe
    >>> describe(lambda x: x + 1) == describe(lambda x: x + 1)
    True
    >>> describe(lambda x: x + 1) == describe(lambda x: x + 2)
    False
    >>> describe({"b": 1.5, "a": None})
    "{'a': None, 'b': 1.5}"
    """
    text = _content(value, ())
    return text if len(text) <= _LONGEST else f"{_kind(value)} {digest(text)}"


def describe_parts(name: str, value: Any) -> Identity:
    """Describe an estimator under a name, each parameter under a name of its own, as ``name__parameter``.

    Anything else makes a single entry.
    """
    if isinstance(value, type) or not isinstance(value, BaseEstimator):
        return {name: describe(value)}
    parts = {name: _class_content(type(value), ())}
    for parameter, setting in _parameters(value):
        parts |= describe_parts(f"{name}__{parameter}", setting)
    return parts


def differences(expected: Mapping[str, str], came: Mapping[str, str]) -> list[str]:
    """List what differs between two identities, one line for each name."""
    lines = []
    for name in sorted({*expected, *came}):
        there, here = expected.get(name, "not given"), came.get(name, "not given")
        if there != here:
            # Hashes of data tell a reader nothing.
            told = "other X, y, weights or groups" if name == "data" else f"{there} then, {here} now"
            lines.append(f"{name}: {told}")
    return lines


def digest(text: str | bytes) -> str:
    """Return the first digits of the SHA-256 hash of a text."""
    data = text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text
    return hashlib.sha256(data).hexdigest()[:_DIGITS]


def fingerprint(identity: Mapping[str, str]) -> str:
    """Return one hash for a whole identity."""
    return digest(repr(sorted(identity.items())))


def _kind(value: object) -> str:
    if isinstance(value, np.ndarray):
        return f"array of shape {value.shape}"
    if isinstance(value, Mapping):
        return f"mapping of {len(value)} entries"
    if inspect.isroutine(value):
        return "function"
    return type(value).__name__


def _content(value: Any, path: tuple[int, ...]) -> str:
    """Return the full description of a value; `path` holds the ids of the values that it is part of."""
    if value is None or (isinstance(value, bool | int | float | complex | str | bytes) and type(value) in _PLAIN):
        return repr(value)
    if id(value) in path:
        return "itself"
    path = (*path, id(value))
    for types, describer in _DESCRIBERS:
        if isinstance(value, types):
            return describer(value, path)
    if callable(getattr(value, "detach", None)):
        # A tensor, which may be on a device and part of a graph.
        value = value.detach().cpu()
    if hasattr(value, "__array__") and not isinstance(value, type):
        return f"{type(value).__name__} {_array(np.asarray(value), path)}"
    if callable(getattr(value, "__wrapped__", None)) and not isinstance(value, type):
        # A function in a cache.
        return f"{type(value).__name__} of {_content(value.__wrapped__, path)}"
    return _object(value, path)


_PLAIN = {bool, int, float, complex, str, bytes}


def _array(value: np.ndarray[Any, Any], path: tuple[int, ...]) -> str:
    if value.dtype.hasobject:
        content = digest(_content(value.tolist(), path))
    else:
        content = digest(np.ascontiguousarray(value).tobytes())
    return f"array of shape {value.shape}, {value.dtype.str} {content}"


def _mapping(value: Mapping[Any, Any], path: tuple[int, ...]) -> str:
    kind = "" if type(value) is dict else type(value).__name__
    if _is_simple_table(value):
        return f"{kind}{{{', '.join(f'{k!r}: {v!r}' for k, v in sorted(value.items()))}}}"
    items = sorted(f"{_content(key, path)}: {_content(item, path)}" for key, item in value.items())
    return f"{kind}{{{', '.join(items)}}}"


def _is_simple_table(value: Mapping[Any, Any]) -> bool:
    """Whether a mapping leads from tuples of text to floats, as long tables of scores do; these are quickly told."""
    return (
        set(map(type, value)) == {tuple}
        and set(map(type, value.values())) == {float}
        and set(map(type, chain.from_iterable(value))) == {str}
    )


def _sequence(value: Iterable[Any], path: tuple[int, ...]) -> str:
    # A list is as good as a tuple.
    kind = "" if type(value) in (tuple, list) else type(value).__name__
    return f"{kind}({', '.join(_content(item, path) for item in value)})"


def _set(value: Iterable[Any], path: tuple[int, ...]) -> str:
    # In an order that does not depend on the hashes of texts, which differ from process to process.
    return f"{type(value).__name__}({', '.join(sorted(_content(item, path) for item in value))})"


def _estimator(value: BaseEstimator, path: tuple[int, ...]) -> str:
    settings = ", ".join(f"{k}={_content(v, path)}" for k, v in _parameters(value))
    return f"{_class_content(type(value), path)}({settings})"


def _parameters(value: BaseEstimator) -> list[tuple[str, Any]]:
    """List the parameters of an estimator, without empty ones that earlier versions had not."""
    added = getattr(value, "_added_parameters", ())
    return [(k, v) for k, v in sorted(value.get_params(deep=False).items()) if k not in added or v]


def _function(value: FunctionType, path: tuple[int, ...]) -> str:
    parts = [_code(value.__code__, path), _content(value.__defaults__, path), _content(value.__kwdefaults__, path)]
    for cell in value.__closure__ or ():
        try:
            parts.append(_content(cell.cell_contents, path))
        except ValueError:
            parts.append("empty")
    if not _is_library(value.__module__):
        for name in sorted(set(_names(value.__code__))):
            if name in value.__globals__:
                parts.append(f"{name}={_global(value.__globals__[name], path)}")
    return f"function {digest(repr(parts))}"


def _global(value: Any, path: tuple[int, ...]) -> str:
    """Describe a value that a function of the user's refers to: what comes from a library, by its name."""
    if isinstance(value, FunctionType | type) and _is_library(value.__module__):
        return _qualified(value)
    return _content(value, path)


def _names(code: CodeType) -> Iterator[str]:
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _names(constant)


def _code(code: CodeType, path: tuple[int, ...]) -> str:
    n_arguments = code.co_argcount + code.co_kwonlyargcount
    constants = [_code(c, path) if isinstance(c, CodeType) else _content(c, path) for c in code.co_consts]
    # The names of arguments are part of what a function is; those of its other variables are not.
    flags = code.co_flags & ~inspect.CO_NESTED
    return repr((code.co_code.hex(), constants, code.co_names, code.co_varnames[:n_arguments], flags))


def _class_content(value: type, path: tuple[int, ...]) -> str:
    """Describe a class: by name where it is a library's, and by its methods too where it is the user's."""
    if _is_library(value.__module__):
        return _qualified(value) if value.__module__.split(".")[0] != "skopdist" else value.__name__
    parts = [_content(base, path) for base in value.__bases__]
    for name, attribute in sorted(vars(value).items()):
        if isinstance(attribute, property):
            parts += [f"{name}={_content(part, path)}" for part in (attribute.fget, attribute.fset)]
        elif isinstance(attribute, staticmethod | classmethod | FunctionType):
            parts.append(f"{name}={_content(getattr(attribute, '__func__', attribute), path)}")
        elif not name.startswith("__") and (attribute is None or type(attribute) in {*_PLAIN, tuple, list, dict}):
            parts.append(f"{name}={_content(attribute, path)}")
    return f"{_qualified(value)} {digest(repr(parts))}"


def _object(value: Any, path: tuple[int, ...]) -> str:
    """Describe an object by what pickle would store of it, or by its class alone where pickle stores nothing."""
    try:
        reduce = copyreg.dispatch_table.get(type(value))
        stored = value.__reduce_ex__(4) if reduce is None else reduce(value)
    except Exception:  # noqa: BLE001 - objects refuse in all kinds of ways
        stored = ()
    if isinstance(stored, str):
        return f"{_class_content(type(value), path)} {stored}"
    # First comes a function that makes the object anew, which is no part of its content.
    parts = [_content(_state(value, part), path) for part in stored[1:]]
    return f"{_class_content(type(value), path)} {' '.join(parts)}".rstrip()


def _state(value: Any, part: Any) -> Any:
    """Return a part of what pickle stores of an object, without what this library's own objects keep for speed."""
    if isinstance(part, Iterator):
        return list(part)
    if isinstance(part, dict) and type(value).__module__.split(".")[0] == "skopdist":
        return {name: item for name, item in part.items() if not str(name).startswith("_")}
    return part


def _qualified(value: Any) -> str:
    return f"{value.__module__}.{value.__qualname__}"


@functools.cache
def _is_library(name: str | None) -> bool:
    """Whether a module is of this library, of the standard library or of an installed package."""
    top = (name or "builtins").split(".")[0]
    if top == "skopdist" or (top in sys.stdlib_module_names and top != "__main__"):
        return True
    file = getattr(sys.modules.get(top), "__file__", None)
    # A namespace package has no file.
    return file is not None and str(Path(file).resolve()).startswith(_LIBRARY_FOLDERS)


_DESCRIBERS: tuple[tuple[type | tuple[type, ...], Callable[[Any, tuple[int, ...]], str]], ...] = (
    (np.ndarray, _array),
    (np.generic, lambda value, path: _content(value.item(), path) if not value.dtype.hasobject else repr(value)),
    (FunctionType, _function),
    (type, _class_content),
    (MethodType, lambda value, path: f"method {_content(value.__func__, path)} of {_content(value.__self__, path)}"),
    (BuiltinFunctionType, lambda value, path: f"{value.__qualname__} of {_content(value.__self__, path)}"),
    (
        functools.partial,
        lambda value, path: f"partial {_content((value.func, value.args, value.keywords), path)}",
    ),
    (ModuleType, lambda value, path: f"module {value.__name__}"),
    (logging.Logger, lambda value, path: f"logger {value.name}"),
    (Path, lambda value, path: f"path {str(value)!r}"),
    (BaseEstimator, _estimator),
    (Mapping, _mapping),
    ((tuple, list), _sequence),
    ((set, frozenset), _set),
)
