"""The registry: operations by their names."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import partial
from typing import TypeVar

from torch import nn

from skopdist.operations._convolutions import relu_conv_bn
from skopdist.operations._rows import at_point
from skopdist.operations._sizes import OperationSize

Factory = Callable[[int], nn.Module]
ResizedFactory = Callable[[OperationSize], nn.Module]
Decorated = TypeVar("Decorated", Factory, ResizedFactory)

_N_SPATIAL = (None, 0, 1, 2)


@dataclass(frozen=True)
class Operation:
    """A candidate operation.

    Attributes
    ----------
    name : str
    factory : callable ``channels -> nn.Module``
        Makes a module that keeps the shape of its input.
    n_spatial : {0, 1, 2} or None
        Number of dimensions behind the channels that the module takes: 2 for images, 1 for series, 0 for flat input;
        None if any number will do.
    is_zero : bool
        Whether the operation passes nothing on, so that a network may leave it out.
    is_identity : bool
        Whether the operation passes its input on unchanged, so that a path through it is a shorter path.
    resized : callable ``OperationSize -> nn.Module`` or None
        Makes a module that strides or changes the width of images.
    is_stem : bool
        Whether the operation brings the input to the width of a network, in the place of its stem. Its module may have
        a method ``adapt(x, weight)``, which is called once before a training with samples as they enter and their
        weights, and may set buffers by them. It may have two methods ``begin(x)`` and ``end(x)``, which do one after
        the other what the module does: ``begin`` has no weights, so that a training computes it only once.
    summarizes : bool
        Whether a stem leaves one position of a series or an image, however large.
    is_standard : bool
        Whether the operation comes with the library. Those of the user have to be sent to worker processes.

    See Also
    --------
    register_operation : Make an operation from a factory.
    get_operation : Look an operation up by its name.
    """

    name: str
    factory: Factory
    n_spatial: int | None = None
    is_zero: bool = False
    is_identity: bool = False
    resized: ResizedFactory | None = None
    is_stem: bool = False
    summarizes: bool = False
    is_standard: bool = False

    def make(self, size: OperationSize) -> nn.Module:
        """Make a module of a size; but for stems, flat input and series always keep their shape.

        An operation without ``resized`` stands behind a 1x1 convolution where the shape changes.
        """
        if size.keeps_shape:
            module = self.factory(size.channels_out)
            return at_point(module) if size.is_point else module
        if self.resized is not None:
            return self.resized(size)
        return nn.Sequential(relu_conv_bn(size, 1), self.factory(size.channels_out))

    def fits(self, n_spatial: int) -> bool:
        """Whether the operation takes inputs with so many dimensions behind the channels."""
        return self.n_spatial is None or self.n_spatial == n_spatial


_REGISTRY: dict[str, Operation] = {}


def register_operation(
    name: str,
    *,
    n_spatial: int | None = None,
    is_zero: bool = False,
    is_identity: bool = False,
    resized: ResizedFactory | None = None,
) -> Callable[[Factory], Factory]:
    """Register the decorated factory under a name.

    Parameters
    ----------
    name : str
    n_spatial : {0, 1, 2} or None, default=None
        Number of dimensions behind the channels that the module takes; None if any number will do.
    is_zero : bool, default=False
        Whether the operation passes nothing on.
    is_identity : bool, default=False
        Whether the operation passes its input on unchanged.
    resized : callable ``OperationSize -> nn.Module`` or None, default=None
        Makes the operation where a cell strides or changes the width of images; None puts a 1x1 convolution that does
        so before the operation.

    Returns
    -------
    decorator : callable

    Raises
    ------
    ValueError
        If the name is taken by another factory, or `n_spatial` is out of range.
    TypeError
        If the name is no text, or what is decorated cannot be called.

    See Also
    --------
    get_operation : Look an operation up by its name.
    skopdist.testing.check_operation : Check that an operation does what networks rely on.

    Examples
    --------
    >>> from torch import nn
    >>> from skopdist.operations import register_operation, get_operation
    >>> @register_operation("linear_elu", n_spatial=0)
    ... def linear_elu(channels):
    ...     return nn.Sequential(nn.Linear(channels, channels), nn.ELU())
    >>> get_operation("linear_elu").factory(4)
    Sequential(
      (0): Linear(in_features=4, out_features=4, bias=True)
      (1): ELU(alpha=1.0)
    )
    """
    return _registering(lambda factory: Operation(name, factory, n_spatial, is_zero, is_identity, resized))


def register_stem(name: str, *, n_spatial: int, summarizes: bool = False) -> Callable[[ResizedFactory], ResizedFactory]:
    """Register the decorated factory of a stem, by which the input enters a network.

    Parameters
    ----------
    name : str
    n_spatial : {0, 1, 2}
        Number of dimensions behind the channels of a sample.
    summarizes : bool, default=False
        Whether one position of a series or an image is left, however large. The stride is then as long as it is.
        Layouts put fewer cells behind such a stem.

    Returns
    -------
    decorator : callable
        For a factory ``OperationSize -> nn.Module``. The module maps samples of ``channels_in`` channels or features to
        ``channels_out`` channels, and divides the sides of images and series by ``stride``. What shapes its parameters
        and buffers have depends on the size alone. It may have methods ``adapt``, ``begin`` and ``end``; see
        :class:`Operation`.

    Raises
    ------
    ValueError
        If the name is taken by another factory, or `n_spatial` is out of range.
    TypeError
        If the name is no text, or what is decorated cannot be called.

    See Also
    --------
    register_operation : Register an operation for the cells of the body.

    Examples
    --------
    >>> from torch import nn
    >>> from skopdist.operations import OperationSize, get_operation, register_stem
    >>> @register_stem("small_linear_stem", n_spatial=0)
    ... def small_linear_stem(size):
    ...     return nn.Sequential(nn.Linear(size.channels_in, 4), nn.Linear(4, size.channels_out))
    >>> get_operation("small_linear_stem").make(OperationSize(30, 64))
    Sequential(
      (0): Linear(in_features=30, out_features=4, bias=True)
      (1): Linear(in_features=4, out_features=64, bias=True)
    )
    """
    return _registering(lambda factory: _stem(name, factory, n_spatial, summarizes))


def register_standard(
    name: str,
    *,
    n_spatial: int | None = None,
    is_zero: bool = False,
    is_identity: bool = False,
    resized: ResizedFactory | None = None,
) -> Callable[[Factory], Factory]:
    """Register a factory of the library, as :func:`register_operation` does those of users."""
    return _registering(
        lambda factory: Operation(name, factory, n_spatial, is_zero, is_identity, resized, is_standard=True)
    )


def register_standard_stem(
    name: str, *, n_spatial: int, summarizes: bool = False
) -> Callable[[ResizedFactory], ResizedFactory]:
    """Register a stem of the library, as :func:`register_stem` does those of users."""
    return _registering(lambda factory: replace(_stem(name, factory, n_spatial, summarizes), is_standard=True))


def get_operation(name: str) -> Operation:
    """Look an operation up by its name.

    Raises
    ------
    ValueError
        If no operation has the name.

    See Also
    --------
    register_operation : Register another operation.
    """
    try:
        return _REGISTRY[name]
    except KeyError:
        near = difflib.get_close_matches(str(name), _REGISTRY, n=3, cutoff=0.5)
        hint = f" Is it {' or '.join(map(repr, near))}?" if near else ""
        raise ValueError(
            f"Unknown operation {name!r}.{hint} The registered ones are {sorted(_REGISTRY)}. "
            "Register others with skopdist.operations.register_operation."
        ) from None


def own_operations(names: Iterable[str] | None = None) -> tuple[Operation, ...]:
    """Return the operations that the user registered.

    A worker process imports the library, and so has the standard operations; those of the user it has to be given.

    Parameters
    ----------
    names : iterable of str or None, default=None
        Names to look among, of which unknown ones are left out; None takes all registered names.

    Returns
    -------
    operations : tuple of Operation
        Without those of the library.

    See Also
    --------
    adopt_operations : Register them in another process.
    """
    known = _REGISTRY if names is None else [name for name in names if name in _REGISTRY]
    return tuple(_REGISTRY[name] for name in known if not _REGISTRY[name].is_standard)


def adopt_operations(operations: Iterable[Operation]) -> None:
    """Register operations of another process, in the place of any of the same names.

    Parameters
    ----------
    operations : iterable of Operation
        As :func:`own_operations` returned them there.

    See Also
    --------
    own_operations : Return the operations to send.
    """
    # Whoever changes an operation in a notebook registers it again, and a worker that lives on has the old one.
    _REGISTRY.update({operation.name: operation for operation in operations})


def is_zero(name: str) -> bool:
    """Whether the named operation passes nothing on."""
    return get_operation(name).is_zero


def is_identity(name: str) -> bool:
    """Whether the named operation passes its input on unchanged."""
    return get_operation(name).is_identity


def _registering(describe: Callable[[Decorated], Operation]) -> Callable[[Decorated], Decorated]:
    """Return a decorator that registers the operation that a factory stands for."""

    def decorator(factory: Decorated) -> Decorated:
        _register(describe(factory))
        return factory

    return decorator


def _register(operation: Operation) -> None:
    name: object = operation.name
    factory: object = operation.factory
    if not isinstance(name, str) or not callable(factory):
        raise TypeError(f"An operation is a name and a factory channels -> nn.Module; got {name!r} and {factory!r}.")
    if operation.n_spatial not in _N_SPATIAL:
        raise ValueError(f"n_spatial must be one of {_N_SPATIAL}, got {operation.n_spatial!r}.")
    known = _REGISTRY.get(name)
    # A module that is imported anew, or a notebook cell that is run twice, registers the same factory again.
    if known is not None and (known.is_standard, _origin(known)) != (operation.is_standard, _origin(operation)):
        raise ValueError(f"The operation name {name!r} is taken by {known.factory!r}; choose another name.")
    _REGISTRY[name] = operation


def _stem(name: str, factory: ResizedFactory, n_spatial: int, summarizes: bool) -> Operation:
    if not callable(factory):
        raise TypeError(f"A stem is a name and a factory OperationSize -> nn.Module; got {name!r} and {factory!r}.")
    made = partial(_made_square, factory)
    return Operation(name, made, n_spatial, resized=factory, is_stem=True, summarizes=summarizes)


def _made_square(factory: ResizedFactory, channels: int) -> nn.Module:
    return factory(OperationSize(channels, channels))


def _origin(operation: Operation) -> str:
    factory = operation.resized if operation.is_stem else operation.factory
    # Partial functions and callable objects have no qualified name.
    return str(getattr(factory, "__qualname__", repr(factory)))
