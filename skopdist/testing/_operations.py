"""The contract of an operation."""

from __future__ import annotations

from typing import Any

import numpy as np

from skopdist.operations import Operation, OperationSize, get_operation

# The standard operation whose weights the inputs are made from, since this file does without torch.
_WITH_WEIGHTS = "linear_relu"
_CHANNELS = 6
_SIDES: dict[int, tuple[int, ...]] = {0: (), 1: (13,), 2: (7, 5)}
_SIZES = (OperationSize(6, 6, 2), OperationSize(6, 10, 2), OperationSize(5, 3), OperationSize(1, 1, 2))


def check_operation(name: str, random_state: int = 0) -> None:
    """Check that a registered operation keeps the shape of its input, resizes images and passes gradients on.

    Parameters
    ----------
    name : str
        The name that the operation is registered under.
    random_state : int, default=0

    Raises
    ------
    AssertionError
        If the operation breaks the contract.
    ValueError
        If no operation has the name.

    See Also
    --------
    skopdist.operations.register_operation : Register an operation.

    Examples
    --------
    >>> from skopdist.testing import check_operation
    >>> check_operation("gated_linear")
    """
    operation, rng = get_operation(name), np.random.default_rng(random_state)
    for n_spatial in _SIDES if operation.n_spatial is None else (operation.n_spatial,):
        sides = _SIDES[n_spatial]
        _check_module(operation, OperationSize(_CHANNELS, _CHANNELS), sides, rng)
        _check_module(operation, OperationSize(1, 1), sides, rng)
        if n_spatial == 2 or operation.is_stem:
            for size in _SIZES:
                _check_module(operation, size, sides, rng)


def _check_module(operation: Operation, size: OperationSize, sides: tuple[int, ...], rng: np.random.Generator) -> None:
    size = size.summarizing(sides) if operation.summarizes else size
    where = f"The operation {operation.name!r} of {size}"
    module = operation.make(size)
    x = _batch(rng.normal(size=(3, size.channels_in, *sides))).requires_grad_(not operation.is_stem)
    y = module(x)
    expected = (3, *size.output_shape(sides))
    assert tuple(y.shape) == expected, f"{where} must map {tuple(x.shape)} to {expected}, got {tuple(y.shape)}."
    assert bool(y.isfinite().all()), f"{where} gave values that are not finite."
    if operation.is_zero:
        assert bool((y == 0).all()), f"{where}: is_zero is True, but it gave {y}."
    elif size.channels_in > 1:
        # A single channel may be closed by chance: by a ReLU, or by a normalisation over the channels.
        assert bool((y != 0).any()), f"{where}: is_zero is False, but it gave nothing but zeros."
    if operation.is_identity and size.keeps_shape:
        assert bool((y == x).all()), f"{where}: is_identity is True, but it changes its input."
    if not operation.is_stem:
        y.square().sum().backward()
        assert x.grad is not None, f"{where} passes no gradient on to its input."
        assert bool(x.grad.isfinite().all()), f"{where}: the gradient of the input is not finite."
    elif list(module.parameters()):
        y.square().sum().backward()
    if hasattr(module, "begin"):
        parts: Any = module
        begun = parts.begin(x)
        assert not begun.requires_grad, f"{where}: begin must have no weights that are learnt."
        assert bool((parts.end(begun) == module(x)).all()), f"{where}: begin and end are not what the module does."
    for weight in module.parameters():
        assert weight.grad is None or bool(weight.grad.isfinite().all()), f"{where}: a weight's gradient is not finite."
    # The last batch of a data set may be a single sample, and a series may be down to one position.
    single = module.eval()(_batch(rng.normal(size=(1, size.channels_in, *[1] * len(sides)))))
    expected = (1, size.channels_out, *[1] * len(sides))
    assert tuple(single.shape) == expected, f"{where} must give {expected} for one sample, got {tuple(single.shape)}."


def _batch(values: Any) -> Any:
    weight = next(get_operation(_WITH_WEIGHTS).factory(1).parameters())
    return weight.detach().new_tensor(values)
