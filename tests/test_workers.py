import os
import subprocess
import sys
import threading
import time
from concurrent.futures import BrokenExecutor

import joblib
import pytest
from joblib import delayed
from joblib.parallel import ThreadingBackend, register_parallel_backend

from skopdist._workers import Workers, _end_with


class RoundsBackend(ThreadingBackend):
    """Gives results only when all are there, as ray's backend does."""

    supports_return_generator = False


@pytest.fixture(params=["threading", "rounds", "sequential"])
def backend(request):
    register_parallel_backend("rounds", RoundsBackend)
    with joblib.parallel_config(backend=request.param):
        yield request.param


def fail(i, message):
    return f"{i}: {message}"


def died(i):
    raise BrokenExecutor(f"call {i}")


def mistaken(i):
    raise ZeroDivisionError(f"call {i}")


def later(i, n):
    """The first to be asked is the last to answer."""
    time.sleep(0.01 * (n - i))
    return i


@pytest.mark.parametrize("n_jobs", [None, 1, 2, 5])
@pytest.mark.parametrize("n", [0, 1, 2, 7])
def test_results_come_in_order(backend, n_jobs, n):
    with Workers(n_jobs) as workers:
        for _ in range(2):
            assert list(workers.run([delayed(later)(i, n) for i in range(n)], fail)) == list(range(n))


@pytest.mark.parametrize("victims", [{0}, {3}, {8}, {2, 3}, set(range(9))])
@pytest.mark.parametrize("n_jobs", [1, 3])
def test_only_the_call_that_kills_its_worker_fails(backend, n_jobs, victims):
    calls = [delayed(died if i in victims else abs)(i) for i in range(9)]
    expected = [f"{i}: The worker process died: BrokenExecutor" if i in victims else i for i in range(9)]
    with Workers(n_jobs) as workers:
        assert list(workers.run(calls, fail)) == expected
        assert list(workers.run(calls[:4], fail)) == expected[:4]


def test_after_a_death_the_others_run_side_by_side_again(backend):
    if backend == "sequential":
        pytest.skip("nothing runs side by side")
    running, most = [], []

    def count(i):
        running.append(i)
        time.sleep(0.05)
        most.append((i, len(running)))
        running.remove(i)
        return i

    with Workers(2) as workers:
        list(workers.run([delayed(died)(0), *[delayed(count)(i) for i in range(1, 8)]], fail))
    assert max(n for i, n in most if i > 3) == 2


def test_other_errors_are_raised(backend):
    with Workers(2) as workers, pytest.raises(ZeroDivisionError, match=r"call 1"):
        list(workers.run([delayed(abs)(0), delayed(mistaken)(1), delayed(abs)(2)], fail))


def test_what_nobody_takes_is_not_started(backend):
    started = []

    def start(i):
        time.sleep(0.01)
        started.append(i)

    with Workers(2) as workers:
        results = workers.run([delayed(start)(i) for i in range(200)], fail)
        next(results)
        results.close()
        assert list(workers.run([delayed(abs)(-1)], fail)) == [1]
    assert len(started) < 200


def test_what_nobody_took_is_no_result_of_the_next_batch(backend):
    def slow(i):
        time.sleep(0.002)

    for _ in range(100):
        with Workers(2) as workers:
            results = workers.run([delayed(slow)(i) for i in range(20)], fail)
            next(results)
            results.close()
            assert list(workers.run([delayed(abs)(-1), delayed(abs)(-2)], fail)) == [1, 2]


def test_no_worker_is_started_without_a_call(monkeypatch):
    monkeypatch.setattr("skopdist._workers.Parallel", None)
    before = threading.active_count()
    with Workers(2) as workers:
        assert list(workers.run([], fail)) == []
    assert threading.active_count() == before


# What becomes of workers whose parent was killed

WORKER = (
    "import os, time; from skopdist._workers import _end_with; _end_with({}); print(1, flush=True); time.sleep(600)"
)
PARENT = "import subprocess, sys, time; subprocess.Popen([sys.executable, '-c', {!r}]); time.sleep(600)"


def watchers():
    return [thread.name for thread in threading.enumerate() if thread.name == "skopdist-parent"]


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="Windows does not tell when a parent has ended")
def test_a_worker_ends_with_its_parent():
    code = PARENT.format(WORKER.format("os.getppid()"))
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout.readline() == "1\n"
        parent.kill()
        # The worker has the same pipe, which closes when it ends.
        assert parent.stdout.read() == ""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows does not tell when a parent has ended")
def test_workers_watch_their_parent():
    with Workers(n_jobs=2) as workers:
        assert list(workers.run([delayed(watchers)() for _ in range(3)], fail)) == [["skopdist-parent"]] * 3


@pytest.mark.parametrize("n_jobs", [None, 1])
def test_the_caller_watches_nobody(n_jobs):
    with Workers(n_jobs) as workers:
        assert list(workers.run([delayed(watchers)()], fail)) == [[]]


@pytest.mark.parametrize("parent", [os.getpid(), -1, 2**22], ids=["itself", "nobody", "unknown"])
def test_a_process_that_is_no_parent_is_not_watched(parent):
    _end_with(parent)
    assert watchers() == []
