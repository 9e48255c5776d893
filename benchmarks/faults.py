#!/usr/bin/env python3
"""Faults on purpose: does a fit survive them as the documentation promises?

    python benchmarks/faults.py [--quick] [--kills 50] [--report]

- **killed**: a fit with a journal is killed (SIGKILL) at a random moment, and then the same fit is run again, in one
  worker. No trial that was reported may be missing from the journal, no line of it may change, and the result must be
  that of a fit that nobody killed, bit for bit. With one worker, moments are drawn between the beginning and the end of
  the fit; with two, whose start takes longest, between the first and the last byte of the journal. There every other
  kill hits the workers too, as the end of a machine does; otherwise they live on while the fit is run again.
- **workers left behind**: whether all processes of a fit that was killed alone (its workers, and those that joblib has
  for their sake) end by themselves within a quarter of an hour. Nobody promises that; joblib means idle workers to end
  after five minutes.
- **disk full**: the journal's file cannot grow beyond a random number of bytes. The fit must end with the same result,
  and the same fit with room again must leave a whole journal. Where there is no room for the header, the fit must say
  so before it trains.
- **a failing trial**: one trial of six loses its worker process, meets a loss that is not a number, or runs out of
  memory (a ``MemoryError``, torch's own error for a GPU, and an allocation that really fails). It must be recorded with
  its reason, and all others must be what they would have been.
- **a failing final training**: the network of the best trial must predict instead, with a warning.

Digits in an eighth of the pixels, small networks, one thread. A kill is one row of the result file, known by its number
and the number of workers; what is there is not run again. --quick makes three kills of each kind, and waits for no
workers. POSIX only.
"""

from __future__ import annotations

import _common as common  # before numpy: it limits the threads
import numpy as np

# isort: split
import os
import signal
import sys
import tempfile
import time
import traceback
import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import torch
from sklearn.datasets import load_digits
from skorch import NeuralNetClassifier
from skorch.callbacks import Callback

from skopdist import OpDistNASClassifier
from skopdist.journal import JournalWarning, read_journal
from skopdist.strategies import RandomSearch

KEYS = ("fault", "n_jobs", "case")
KILLS, QUICK_KILLS = 50, 3
N_TRIALS = 10
SETTINGS = {"n_members": 1, "max_epochs": 3, "n_cells": 1, "channels": 8, "input_shape": (1, 8, 8), "random_state": 0}
# The trial that fails, and what its reason has to name.
FAILING, N_FAILING = 3, 6
REASONS = {
    "worker killed": "The worker process died",
    "loss not a number": "FloatingPointError",
    "MemoryError": "MemoryError",
    "torch.OutOfMemoryError": "OutOfMemoryError",
    "failed allocation": "RuntimeError",
}
# Seconds that workers that lost their parent are waited for, and how often.
PATIENCE, N_LEFT = 900.0, 3


def data() -> tuple[np.ndarray, np.ndarray]:
    X, y = load_digits(return_X_y=True)
    return X[:300], y[:300]


def fit(journal: Path | None = None, n_jobs: int = 1, n_trials: int = N_TRIALS, **changes: Any) -> OpDistNASClassifier:
    """Make the fit that is to survive."""
    clf = OpDistNASClassifier(journal=journal, n_jobs=n_jobs, n_trials=n_trials, **SETTINGS | changes)
    return clf.fit(*data())


def equal(one: OpDistNASClassifier, other: OpDistNASClassifier) -> bool:
    """Whether two fits led to the same, bit for bit."""
    tables = [clf.search_results_ for clf in (one, other)]
    same = all(np.array_equal(tables[0][k], tables[1][k], equal_nan=tables[0][k].dtype.kind == "f") for k in tables[0])
    X, _ = data()
    probabilities = [clf.predict_proba(X) for clf in (one, other)]
    return same and one.best_distribution_ == other.best_distribution_ and np.array_equal(*probabilities)


class Child:
    """A process of its own session that runs a function, with a file for what it prints."""

    def __init__(self, run: Callable[[], object], output: Path) -> None:
        self.begin = time.monotonic()
        self.pid = os.fork()
        if self.pid:
            return
        status = 1
        try:
            os.setsid()
            # A line at a time: what is printed is known, whatever comes next.
            sys.stdout = output.open("w", buffering=1)
            run()
            status = 0
        except BaseException:  # noqa: BLE001 - nothing of the child may get back into the script
            traceback.print_exc()
        finally:
            os._exit(status)

    @property
    def age(self) -> float:
        return time.monotonic() - self.begin

    def kill(self, group: bool) -> None:
        """Kill it, or all processes of its session."""
        (os.killpg if group else os.kill)(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)

    def wait(self) -> tuple[int, float]:
        """Wait for its end; give the exit status and the seconds of its life."""
        status = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        return status, self.age

    def is_alive(self) -> bool:
        """Whether a process of its session is there."""
        try:
            os.killpg(self.pid, 0)
        except ProcessLookupError:
            return False
        return True

    def end(self) -> None:
        """End what is left of its session."""
        if self.is_alive():
            os.killpg(self.pid, signal.SIGKILL)


def n_lines(text: bytes) -> int:
    return text.count(b"\n")


def go_on(journal: Path, reference: OpDistNASClassifier, **changes: Any) -> dict[str, Any]:
    """Run the fit again, and say what came of the trials that its journal has, and of the result."""
    before = journal.read_bytes() if journal.exists() else b""
    whole = before[: before.rfind(b"\n") + 1]
    resumed = fit(journal, **changes)
    return {
        "on_record": max(0, n_lines(whole) - 1),
        "lines_kept": journal.read_bytes().startswith(whole),
        "whole_at_the_end": len(read_journal(journal).trials) == len(reference.trials_),
        "same_result": equal(resumed, reference),
    }


def size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def killed(rows: common.Rows, n_jobs: int, n_kills: int, folder: Path) -> None:
    """Kill fits at random moments."""
    if all({"fault": "killed", "n_jobs": n_jobs, "case": case} in rows for case in range(n_kills)):
        return
    reference, timed = fit(), folder / f"timed-{n_jobs}"
    status, seconds = (child := Child(lambda: fit(timed, n_jobs), folder / "output")).wait()
    child.end()
    if status != 0:
        raise RuntimeError("A fit that nobody disturbs has to end well.")
    rng = np.random.default_rng(n_jobs)
    # The same moments, as shares of a fit, whatever has been run before.
    for case, (moment, delay) in enumerate(rng.random((n_kills, 2)).tolist()):
        key = {"fault": "killed", "n_jobs": n_jobs, "case": case}
        if key in rows:
            continue
        journal, output = folder / f"killed-{n_jobs}-{case}", folder / f"output-{n_jobs}-{case}"
        group = n_jobs > 1 and case % 2 == 1
        child = Child(partial(fit, journal, n_jobs, verbose=1), output)
        if n_jobs == 1:
            time.sleep(moment * seconds)
        else:
            while size(journal) < moment * size(timed):
                time.sleep(0.001)
            # Not always just behind a line.
            time.sleep(delay / 10)
        child.kill(group)
        reported = n_lines(output.read_bytes()) if output.exists() else 0
        found = go_on(journal, reference) | {"reported": reported, "group": group, "moment": round(moment, 3)}
        child.end()
        promised = found["lines_kept"] and found["whole_at_the_end"] and found["same_result"]
        rows.add(**key, **found, as_promised=promised and reported <= found["on_record"])
        print(key, found, flush=True)


def left_behind(rows: common.Rows, folder: Path) -> None:
    """Kill fits alone, and wait for their workers."""
    keys = [{"fault": "workers left behind", "n_jobs": 2, "case": case} for case in range(N_LEFT)]
    if all(key in rows for key in keys):
        return
    killed: dict[int, tuple[Child, float]] = {}
    for case in range(N_LEFT):
        journal = folder / f"left-{case}"
        child = Child(partial(fit, journal, 2), folder / "output-left")
        while size(journal) == 0 or n_lines(journal.read_bytes()) < 3:
            time.sleep(0.001)
        child.kill(group=False)
        killed[case] = child, time.monotonic()
    while killed:
        time.sleep(0.5)
        for case, (child, begin) in list(killed.items()):
            seconds = time.monotonic() - begin
            if not child.is_alive() or seconds > PATIENCE:
                child.end()
                del killed[case]
                rows.add(**keys[case], seconds=round(seconds, 1), ended=seconds <= PATIENCE)
                print(keys[case], seconds, flush=True)


def disk_full(rows: common.Rows, n_cases: int, folder: Path) -> None:
    """Let journals find no room."""
    import resource  # noqa: PLC0415 - only POSIX has it, and others read the stored rows

    reference = fit(folder / "whole")
    lines = (folder / "whole").read_bytes().splitlines(keepends=True)
    limits = np.random.default_rng(0).integers(0, sum(map(len, lines)), n_cases)
    for case, limit in enumerate(limits.tolist()):
        key = {"fault": "disk full", "n_jobs": 1, "case": case}
        if key in rows:
            continue
        journal = folder / f"full-{case}"
        no_header = limit < len(lines[0])

        def run(journal: Path = journal, limit: int = limit, no_header: bool = no_header) -> None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always", JournalWarning)
                try:
                    clf = fit(journal)
                except OSError as error:
                    if no_header and "no trial was made" in str(error):
                        return
                    raise
            assert not no_header
            assert any(issubclass(one.category, JournalWarning) for one in caught)
            assert equal(clf, reference)

        # What it prints goes nowhere: that file could not grow either.
        status, _ = Child(run, Path(os.devnull)).wait()
        found = go_on(journal, reference) | {"bytes": limit, "ended_well": status == 0}
        promised = all(found[k] for k in ("lines_kept", "whole_at_the_end", "same_result", "ended_well"))
        rows.add(**key, **found, as_promised=promised)
        print(key, found, flush=True)


class Fault(Callback):
    """Do something bad in the training of one seed, and nothing otherwise."""

    def __init__(self, deed: str = "", seed: int = -1) -> None:
        self.deed = deed
        self.seed = seed

    def on_train_begin(self, net: NeuralNetClassifier, X: Any = None, y: Any = None, **kwargs: Any) -> None:
        if net.get_params(deep=False)["iterator_train__seed"] != self.seed:
            return
        if self.deed == "worker killed":
            os.kill(os.getpid(), signal.SIGKILL)
        if self.deed == "loss not a number":
            with torch.no_grad():
                next(net.module_.parameters()).fill_(torch.nan)
        if self.deed == "MemoryError":
            raise MemoryError("made up")
        if self.deed == "torch.OutOfMemoryError":
            raise torch.OutOfMemoryError("made up")
        if self.deed == "failed allocation":
            torch.empty(2**50)


def failing(rows: common.Rows) -> None:
    """Let one trial fail, or the final training."""

    def run(deed: str, seed: int, n_jobs: int) -> OpDistNASClassifier:
        # Suggestions that do not depend on what failed, so that all other trials can be compared.
        callbacks = {"callbacks": [Fault(deed, seed)]}
        return fit(None, n_jobs, N_FAILING, strategy=RandomSearch(), net_params=callbacks)

    reference = run("", -1, 1)
    others = [i for i in range(N_FAILING) if i != FAILING]
    for deed, reason in REASONS.items():
        for n_jobs in (2,) if deed == "worker killed" else (1, 2):
            key = {"fault": deed, "n_jobs": n_jobs, "case": 0}
            if key in rows:
                continue
            clf = run(deed, reference.trials_[FAILING].seed, n_jobs)
            trial = clf.trials_[FAILING]
            found = {
                "message": trial.message,
                "others_equal": all(clf.trials_[i].score == reference.trials_[i].score for i in others),
                "predicts": bool(np.isfinite(clf.predict_proba(data()[0])).all()),
            }
            promised = trial.status == "failed" and reason in trial.message
            rows.add(**key, **found, as_promised=promised and found["others_equal"] and found["predicts"])
            print(key, found, flush=True)
    key = {"fault": "final training fails", "n_jobs": 1, "case": 0}
    if key not in rows:
        final = reference.net_.get_params(deep=False)["iterator_train__seed"]
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            clf = run("MemoryError", final, 1)
        warned = any("The network of the best trial" in str(one.message) for one in caught)
        same = all(a.score == b.score for a, b in zip(clf.trials_, reference.trials_, strict=True))
        found = {"warned": warned, "others_equal": same, "score": clf.score(*data())}
        rows.add(**key, **found, as_promised=warned and same and found["score"] > 0)
        print(key, found, flush=True)


def fault_table(rows: common.Rows) -> str:
    """Lay out how many faults of each kind were met as promised."""
    kinds = dict.fromkeys((row["fault"], row["n_jobs"]) for row in rows.rows if "as_promised" in row)
    body = []
    for fault, n_jobs in kinds:
        found = rows.select(fault=fault, n_jobs=n_jobs)
        kept = sum(row["as_promised"] for row in found)
        on_record = [row["on_record"] for row in found if "on_record" in row]
        span = f"{min(on_record)} to {max(on_record)}" if on_record else ""
        body.append([fault, n_jobs, len(found), kept, span])
    return common.table(["fault", "workers", "cases", "met as promised", "trials on record at the fault"], body)


def left_text(rows: common.Rows) -> str:
    """Say how many of the fits that were killed alone left workers behind that did not end."""
    found = rows.select(fault="workers left behind")
    return f"{sum(not row['ended'] for row in found)} of {len(found)}"


def report(rows: common.Rows) -> None:
    print(fault_table(rows))
    if rows.select(fault="workers left behind"):
        print(f"\nNot all processes had ended {PATIENCE / 60:.0f} minutes after {left_text(rows)} kills.")
    print(common.machines(rows.rows))


def main() -> int:
    options = common.parser(__doc__ or "")
    options.add_argument("--quick", action="store_true", help="few kills")
    options.add_argument("--kills", type=int, help="kills for each number of workers")
    arguments = options.parse_args()
    n_kills = arguments.kills or (QUICK_KILLS if arguments.quick else KILLS)
    rows = common.rows_of(arguments, "faults", KEYS)
    if not arguments.report:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            # Those that fork first: this process must have no workers of its own yet.
            for n_jobs in (1, 2):
                killed(rows, n_jobs, n_kills, folder)
            disk_full(rows, min(n_kills, 20), folder)
            if not arguments.quick:
                left_behind(rows, folder)
        failing(rows)
    report(rows)
    return 0 if all(row.get("as_promised", True) for row in rows.rows) else 1


if __name__ == "__main__":
    sys.exit(main())
