"""A fitted estimator in a file of numbers and texts, in which nothing can run code."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from sklearn.utils.validation import check_is_fitted

from skopdist._paths import as_path
from skopdist._prior import Prior, as_prior
from skopdist._reader import with_reader
from skopdist._version import __version__
from skopdist.architecture import Architecture
from skopdist.export._files import PathLike, written_whole
from skopdist.export._metadata import versions
from skopdist.export._tensors import Arrays, read_tensors, write_tensors
from skopdist.export._values import Decoder, Encoder, NotStoredError
from skopdist.operations import get_operation
from skopdist.search import tabulate
from skopdist.spaces import SearchSpace
from skopdist.training import put_together, take_apart

# It grows with each change after which older versions of the library could not read a file, or newer ones older files.
FORMAT = 1
_KIND = "estimator"
# Attributes that are made anew, or of which a file holds other parts; see `save_estimator`.
_LEFT_OUT = {"_predictor", "_reader", "evaluator_", "net_", "nets_", "search_results_", "strategy_"}
_Estimator = TypeVar("_Estimator")


def save_estimator(clf: Any, path: PathLike) -> None:
    """Write a fitted estimator to a file from which :func:`load_estimator` makes it again.

    The file is in the format of safetensors: weights as arrays, all else as JSON in its header. It is complete before
    it takes its place. In it are the parameters, the networks with the course of their training, distribution,
    architectures, trials, the record by which a warm start goes on, and so all attributes but these:

    - the data, here as in pickles;
    - ``strategy_``, the state of the strategy, which a warm start makes anew of the trials;
    - of ``evaluator_`` all but its parameters and its space;
    - of the nets their callbacks, the state of their optimisers, and single batches in their histories.

    A fitted estimator as `prior` is stored as the :class:`~skopdist.Prior` that it stands for.

    Parameters
    ----------
    clf : fitted OpDistNASClassifier
    path : str or Path
        A file that is there already is replaced.

    Raises
    ------
    sklearn.exceptions.NotFittedError
        Before `fit`.
    TypeError
        If a parameter or an attribute is code, such as a function for `scoring` or a strategy of your own: the error
        names it.
    OSError
        If nothing can be written to the folder.
    """
    check_is_fitted(clf)
    encode = Encoder()
    try:
        state = _state(clf, encode)
    except NotStoredError as error:
        raise TypeError(
            f"The estimator cannot be saved, for {error}, and a file holds numbers and texts, no code. Set another "
            "value by set_params before you save, or use joblib.dump, whose files can hold all of Python."
        ) from error
    text = json.dumps(state | {"objects": encode.objects}, separators=(",", ":"), allow_nan=False)
    facts = {
        "skopdist_format": str(FORMAT),
        "skopdist_kind": _KIND,
        "class": type(clf).__name__,
        "versions": json.dumps(versions()),
        "state": text,
        "sha256": _digest(text, encode.arrays),
    }
    with written_whole(path) as file:
        write_tensors(file, encode.arrays, facts)


def load_estimator(cls: type[_Estimator], path: PathLike) -> _Estimator:
    """Make the estimator that :func:`save_estimator` wrote to a file; nothing in the file can run code.

    On the same machine, with the same versions, it predicts bit for bit what the saved one did. Operations of your own
    must be registered before, as they were when the estimator was saved.

    Parameters
    ----------
    cls : type
        The class of the estimator.
    path : str or Path

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If the file is another one, was changed or cut, is of another version of the format, or of another class of
        estimator, or an operation is not registered.

    Warns
    -----
    skorch.exceptions.DeviceWarning
        If a network is to be on a device that this machine lacks; it is then on the CPU.
    """
    path = as_path(path, "path", "a file that save wrote")
    arrays, texts = _read(path)
    if texts.get("class") != cls.__name__:
        raise ValueError(f"{path} holds a {texts.get('class')}, and not a {cls.__name__}; call load of that class.")
    try:
        return _make(cls, json.loads(texts["state"]), arrays)
    except _OperationsError as error:
        raise ValueError(f"{path} {error}") from error
    except (ArithmeticError, AttributeError, LookupError, RuntimeError, StopIteration, TypeError, ValueError) as error:
        reason = f"{type(error).__name__}: {error}".splitlines()[0]
        raise ValueError(
            f"{path} was written by skopdist {_writer(texts)}, and cannot be read by {__version__} ({reason}). Load it "
            "with that version, or fit again. If it has operations of your own, register those that it was saved with."
        ) from error


class _OperationsError(Exception):
    """Operations that are not registered."""


def _state(clf: Any, encode: Encoder) -> dict[str, Any]:
    params = clf.get_params(deep=False)
    if params.get("prior") is not None and not isinstance(params["prior"], Prior | str | Path):
        params = params | {"prior": as_prior(params["prior"])}
    attributes = {name: value for name, value in vars(clf).items() if name not in params and name not in _LEFT_OUT}
    attributes |= clf._reader.parts()
    nets = []
    for i, net in enumerate(getattr(clf, "nets_", ())):
        try:
            parts, weights = take_apart(net)
        except TypeError as error:
            raise NotStoredError(f"of nets_[{i}] {error}") from error
        encode.arrays |= {f"nets.{i}.{name}": array for name, array in weights.items()}
        nets.append(encode(parts, f"nets_[{i}]"))
    return {
        "params": {name: encode(value, name) for name, value in params.items()},
        "attributes": {name: encode(value, name) for name, value in attributes.items()},
        "evaluator": encode(clf.evaluator_, "evaluator_"),
        "space": encode(clf.evaluator_.search_space, "the search space"),
        "nets": nets,
    }


def _read(path: Path) -> tuple[Arrays, dict[str, str]]:
    """Read a file, and refuse it where it is none of ours, of another version, or not as it was written."""
    try:
        arrays, texts = read_tensors(path)
    except ValueError as error:
        raise ValueError(
            f"{path} is no file that OpDistNASClassifier.save wrote, or is damaged: {error}. Pickles are opened by "
            "joblib.load, if you trust where they come from."
        ) from error
    if texts.get("skopdist_kind") != _KIND:
        raise ValueError(
            f"{path} holds arrays, but no estimator that OpDistNASClassifier.save wrote"
            f"{'; it is of to_state_dict' if texts.get('skopdist_kind') else ''}."
        )
    found = texts.get("skopdist_format", "")
    if found != str(FORMAT):
        is_newer = found.isdecimal() and int(found) > FORMAT
        raise ValueError(
            f"{path} is in version {found!r} of the format, written by skopdist {_writer(texts)}, but skopdist "
            f"{__version__} reads version {FORMAT}. "
            + ("Install a newer skopdist." if is_newer else "Load it with the version that wrote it, or fit again.")
        )
    if texts.get("sha256") != _digest(texts.get("state", ""), arrays):
        raise ValueError(f"{path} was changed after it was written: its contents have another hash than it says.")
    return arrays, texts


def _digest(text: str, arrays: Arrays) -> str:
    hashed = hashlib.sha256(text.encode())
    for name in sorted(arrays):
        array = arrays[name]
        hashed.update(f"{name} {array.shape} {array.dtype.newbyteorder('<').str}".encode())
        hashed.update(array.astype(array.dtype.newbyteorder("<"), order="C").tobytes())
    return hashed.hexdigest()


def _writer(texts: Mapping[str, str]) -> str:
    try:
        return str(json.loads(texts["versions"])["skopdist"])
    except (ValueError, KeyError, TypeError):
        return "of an unknown version"


def _make(cls: type[_Estimator], state: dict[str, Any], arrays: Arrays) -> _Estimator:
    """Make an estimator of what :func:`_state` returned; whatever is wrong with it raises something."""
    decode = Decoder(state["objects"], arrays)
    clf: Any = cls(**{name: decode(value) for name, value in state["params"].items()})
    attributes = {name: decode(value) for name, value in state["attributes"].items()}
    vars(clf).update(with_reader(vars(clf) | attributes))
    clf.evaluator_, space = decode(state["evaluator"]), decode(state["space"])
    if not hasattr(clf.evaluator_, "search_space"):
        # Where it is found in `fit`.
        clf.evaluator_.space_ = space
    clf.search_results_ = tabulate(clf.trials_)
    all_parts = [decode(parts) for parts in state["nets"]]
    _check_operations([parts["params"]["module__architecture"] for parts in all_parts], space)
    if all_parts:
        clf.nets_ = tuple(put_together(parts, _below(f"nets.{i}.", arrays)) for i, parts in enumerate(all_parts))
        clf.net_ = clf.nets_[0]
        clf._prepare_to_predict()
    return clf


def _below(prefix: str, arrays: Arrays) -> Arrays:
    """Return the arrays whose names have a prefix, under the rest of their names."""
    return {name.removeprefix(prefix): array for name, array in arrays.items() if name.startswith(prefix)}


def _check_operations(architectures: Sequence[Architecture], space: SearchSpace) -> None:
    """Refuse what needs operations that are not registered."""
    names = {name for architecture in architectures for name in architecture.operations}
    names |= {*(space.operations or ()), *(getattr(space, "stems", None) or ())}
    missing = []
    for name in sorted(names):
        try:
            get_operation(name)
        except ValueError:
            missing.append(name)
    if missing:
        raise _OperationsError(
            f"needs the operations {missing}, which are not registered: import the module that registers them with "
            "skopdist.operations.register_operation, and load again."
        )
