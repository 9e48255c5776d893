"""The callback protocol of scikit-learn, which came with version 1.9: the one place that asks whether it is there."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NoReturn, TypeVar

import sklearn

__all__ = ["FRAMES", "HAS_CALLBACKS", "CallbackSupportMixin", "with_callbacks"]

Method = TypeVar("Method", bound=Callable[..., Any])

try:
    from sklearn.callback import CallbackSupportMixin
    from sklearn.callback import with_callbacks as _with_callbacks
except ImportError:
    HAS_CALLBACKS = False

    class CallbackSupportMixin:  # type: ignore[no-redef]
        """Stands for scikit-learn's before 1.9: an estimator without callbacks."""

        def set_callbacks(self, *callbacks: Any) -> NoReturn:
            """Refuse callbacks."""
            raise NotImplementedError(
                f"Callbacks of an estimator need scikit-learn 1.9 or newer, and this is {sklearn.__version__}. Use "
                "verbose=1 or the logger 'skopdist', or give a callback to skopdist.search.run_search."
            )
else:
    HAS_CALLBACKS = True


# How many frames of the stack lie between a method and whoever calls it, where `with_callbacks` decorates it.
FRAMES = 2 if HAS_CALLBACKS else 1


def with_callbacks(method: Method) -> Method:
    """Return a `fit` behind which callbacks are torn down, however it ends."""
    return _with_callbacks(method) if HAS_CALLBACKS else method
