"""Calls through joblib, whose results come in order, whatever the backend."""

from __future__ import annotations

import os
import threading
import time
import warnings
from collections.abc import Callable, Generator, Sequence
from contextlib import ExitStack
from functools import cache
from types import TracebackType
from typing import Any, Self, TypeAlias, TypeVar

from joblib import Parallel, delayed, effective_n_jobs
from joblib.parallel import get_active_backend

Result = TypeVar("Result")
# A function, its arguments and its keywords, as `joblib.delayed` makes it.
Call: TypeAlias = tuple[Callable[..., Any], tuple[Any, ...], dict[str, Any]]

# What loky and ray raise where a worker process died; by name, for ray is an extra. Dask runs the call again on another
# worker, and its backend of joblib 1.6 never hears of one that killed all workers it was tried on.
_DEATHS = {"BrokenExecutor", "RayActorError"}
# Seconds between two looks of a worker at the process that it works for.
_PAUSE = 1.0


class Workers:
    """The workers of joblib's active backend, kept until the block ends.

    The pool lasts from one batch of calls to the next, since workers import torch when they start.

    Parameters
    ----------
    n_jobs : int or None
        As in ``joblib.Parallel``.

    Examples
    --------
    >>> from joblib import delayed
    >>> with Workers(n_jobs=1) as workers:
    ...     list(workers.run([delayed(abs)(-1), delayed(abs)(2)], fail=lambda i, message: message))
    [1, 2]
    """

    def __init__(self, n_jobs: int | None) -> None:
        self._n_jobs = n_jobs
        self._pool = ExitStack()
        self._parallel: Parallel | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._dismiss()

    def run(self, calls: Sequence[Call], fail: Callable[[int, str], Result]) -> Generator[Result, None, None]:
        """Yield the results of calls, in order; closing the generator ends the calls that are still running.

        Parameters
        ----------
        calls : sequence of call
            Made by ``joblib.delayed``.
        fail : callable
            Returns the result of a call whose worker died, from its index and a message.

        Notes
        -----
        When a worker dies, most often for want of memory, the results of its neighbours are lost as well. So the calls
        that may have been running are repeated, one at a time, which shows the one that kills its worker.
        """
        done, alone = 0, 0
        while done < len(calls):
            n = 1 if alone else self._at_a_time(len(calls) - done)
            results = self._results(calls[done : done + n])
            is_complete = False
            try:
                for result in results:
                    done += 1
                    yield result
                is_complete = True
                alone = max(0, alone - 1)
            except Exception as error:
                if not {cls.__name__ for cls in type(error).__mro__} & _DEATHS:
                    raise
                self._dismiss()
                if n > 1:
                    alone = effective_n_jobs(self._n_jobs)
                    continue
                alone = max(0, alone - 1)
                done += 1
                yield fail(done - 1, f"The worker process died: {type(error).__name__}")
            finally:
                with warnings.catch_warnings():
                    # joblib's, of results that nobody took.
                    warnings.simplefilter("ignore", UserWarning)
                    results.close()
                if not is_complete:
                    # With joblib 1.6, a thread that is still running would hand its result to the next batch.
                    self._dismiss()

    def _at_a_time(self, n_left: int) -> int:
        """Return how many calls to hand over together."""
        # Where results come only when all are there, as with ray, rounds of one call for each worker lose the least.
        return n_left if _streams() else effective_n_jobs(self._n_jobs)

    def _results(self, calls: Sequence[Call]) -> Generator[Any, None, None]:
        if self._parallel is None:
            how = "generator" if _streams() else "list"
            self._parallel = self._pool.enter_context(Parallel(self._n_jobs, return_as=how, pre_dispatch="n_jobs"))
        if effective_n_jobs(self._n_jobs) > 1:
            # The arguments stay arguments, which dask sends to its workers once, and not with each call.
            calls = [delayed(_call)(os.getpid(), function, *args, **named) for function, args, named in calls]
        yield from self._parallel(calls)

    def _dismiss(self) -> None:
        self._parallel = None
        self._pool.close()


def _call(parent: int, function: Callable[..., Result], /, *args: Any, **keywords: Any) -> Result:
    """Call a function in a worker, which does not outlive its parent."""
    _end_with(parent)
    return function(*args, **keywords)


@cache
def _end_with(parent: int) -> None:
    """End this process soon after its parent; do nothing where the given process is not its parent.

    A killed parent cannot dismiss its workers, and they would train on for nobody. Windows does not tell when a parent
    has ended, so that a worker ends behind its trial there.
    """

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(_PAUSE)
        # Nothing of a worker's has to be put in order, and other threads compute.
        os._exit(1)

    if os.getppid() == parent:
        threading.Thread(target=watch, name="skopdist-parent", daemon=True).start()


def _streams() -> bool:
    """Whether the active backend hands results over as they come in."""
    return bool(get_active_backend()[0].supports_return_generator)
