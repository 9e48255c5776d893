"""Seconds to train a network of several that are trained in one graph, beside training them one by one.

Tables of 20 features, cells of six operations from DenseSpace, the default width, depth and batches, through
``Trainer.train_many`` and ``Trainer.train``: the initialisation and all that skorch does is part of both. "one cell"
trains the same architecture with several seeds, "several cells" as many random ones. Rounding grows while a network
trains, so both ways lead to other networks; the log-losses say whether they are as good.

"step" rows leave skorch out and time one step of plain loops: the batched networks of the library, and
``torch.func.vmap`` over stacked weights, which is how networks with convolutions could be trained together. It turns
them into grouped convolutions.

Both sides run in turns in one process (A B A B ...); the figure is the median of the ratios of neighbours.

    python benchmarks/batched.py
    python benchmarks/batched.py --device cuda
    python benchmarks/batched.py --quick         # 1,000 rows with 4 and 16 networks
    python benchmarks/batched.py --report
"""

from __future__ import annotations

import _common as common  # isort: skip - before numpy and torch
import copy
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.metrics import log_loss
from torch import Tensor, nn
from torch.func import functional_call, stack_module_state, vmap
from torch.nn import functional

from skopdist import Architecture
from skopdist.networks import BatchedNetworks, Network
from skopdist.problem import Problem
from skopdist.spaces import DenseSpace, NASBench201Space
from skopdist.training import Predictor, Trainer, Training

KEYS = ("comparison", "data", "members", "device")
ONE, SEVERAL = "training, one cell", "training, several cells"
STEP, STEP_SEVERAL, VMAP = "step, one cell", "step, several cells", "step by vmap, one cell"
# What matters most comes first.
MEMBERS = (16, 4, 8, 2, 32, 1)
# Rows of a table, and the epochs that are timed.
EPOCHS = {300: 10, 1000: 10, 5000: 4}
FEATURES, CLASSES, N_TEST = 20, 4, 1000
# One by one, the time of a network does not depend on how many there are.
MOST_ALONE = 4
# The batch size of the estimator for all of scikit-learn's digits.
DIGITS_BATCH = 84


def table(n: int) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Return samples whose classes can be learnt in part; the last ones are for testing."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(n + N_TEST, FEATURES)).astype(np.float32)
    hidden = np.tanh(X @ rng.normal(size=(FEATURES, 16)) / 2) @ rng.normal(size=(16, CLASSES))
    return X, (hidden + rng.normal(size=hidden.shape)).argmax(axis=1)


def cells(space: Any, members: int, several: bool) -> list[Architecture]:
    return [space.sample(space.uniform(), random_state=i if several else 0) for i in range(members)]


def in_turns(
    alone: Callable[[], Any], together: Callable[[], Any], repetitions: int, device: str
) -> NDArray[np.float64]:
    """Time two functions in turns, after a run of each that is not counted.

    Returns
    -------
    times : ndarray of shape (2, repetitions, 2)
        Function, repetition, (seconds on the wall, seconds of this process).
    """
    times = np.empty((2, repetitions, 2))
    for repetition in range(-1, repetitions):
        for i in (0, 1) if repetition % 2 else (1, 0):
            begin = np.array([time.perf_counter(), time.process_time()])
            (alone, together)[i]()
            if device != "cpu":
                torch.cuda.synchronize()
            if repetition >= 0:
                times[i, repetition] = np.array([time.perf_counter(), time.process_time()]) - begin
    return times


def measure_training(comparison: str, n: int, members: int, device: str, repetitions: int) -> dict[str, Any]:
    X, y = table(n)
    problem = Problem.of(X[:n], y[:n])
    trainer = Trainer.of(problem, Training(max_epochs=EPOCHS[n]), None, None, device)
    architectures = cells(DenseSpace(), members, comparison == SEVERAL)
    samples, seeds = [problem.everything] * members, list(range(members))
    # Evenly spaced ones where there are many.
    chosen = sorted({int(i) for i in np.linspace(0, members - 1, min(members, MOST_ALONE))})
    nets: dict[str, list[Any]] = {}

    def alone() -> None:
        nets["alone"] = [trainer.train(architectures[i], samples[i], seeds[i]) for i in chosen]

    def together() -> None:
        # One network is trained as by `train` otherwise.
        nets["together"] = trainer._train_group([(*each, None) for each in zip(architectures, samples, seeds)])  # noqa: B905

    times = in_turns(alone, together, repetitions, device)
    nets["together"] = [nets["together"][i] for i in chosen]
    loss = {
        name: [log_loss(y[n:], Predictor(net.module_, 0)(X[n:]), labels=range(CLASSES)) for net in some]
        for name, some in nets.items()
    }
    return {
        "epochs": EPOCHS[n],
        "log_loss_alone": float(np.mean(loss["alone"])),
        "log_loss_together": float(np.mean(loss["together"])),
        **ratios(times[0] / len(chosen), times[1] / members),
    }


def measure_step(comparison: str, data: Any, members: int, device: str, repetitions: int) -> dict[str, Any]:
    dense = data != "digits"
    space, shape = (DenseSpace(), (FEATURES,)) if dense else (NASBench201Space(), (1, 8, 8))
    batch = Training().batch_size_for(data, n_spatial=0) if dense else DIGITS_BATCH
    torch.manual_seed(0)
    networks = [
        Network(architecture, shape, CLASSES, 64 if dense else 16, 3).to(device).train()
        for architecture in cells(space, members, comparison == STEP_SEVERAL)
    ]
    x = torch.randn(members, batch, *shape, device=device)
    y = torch.randint(CLASSES, (members, batch), device=device)
    chosen = networks[:MOST_ALONE]
    alone = [step_of(network.parameters(), network, x[i], y[i]) for i, network in enumerate(chosen)]
    if comparison == VMAP:
        # Not the ones that the other side trains.
        copies = copy.deepcopy(networks)
        if not dense:
            # The network would ask for channels innermost, which vmap cannot.
            copies[0].n_spatial = 1
        state = stack_module_state(copies)
        together = step_of(state[0].values(), lambda x: by_vmap(copies[0], state, x), x, y)
    else:
        batched = BatchedNetworks(copy.deepcopy(networks)).to(device)
        together = step_of(batched.parameters(), batched, x, y)
    # As many steps as take a second or so.
    n = max(1, 100 // members)

    def steps(functions: Sequence[Callable[[], None]]) -> Callable[[], None]:
        return lambda: [function() for function in functions * n] and None

    times = in_turns(steps(alone), steps([together]), repetitions, device)
    return {"batch_size": batch, **ratios(times[0] / len(chosen) / n, times[1] / members / n)}


def by_vmap(network: nn.Module, state: Any, x: Tensor) -> Tensor:
    return vmap(lambda parameters, buffers, x: functional_call(network, (parameters, buffers), (x,)))(*state, x)


def step_of(parameters: Any, module: Callable[[Tensor], Tensor], x: Tensor, y: Tensor) -> Callable[[], None]:
    """Return a function that takes a step of training; losses of several networks are summed."""
    optimizer = torch.optim.SGD([*parameters], 0.01, momentum=0.9, nesterov=True, weight_decay=5e-4, fused=True)

    def step() -> None:
        optimizer.zero_grad()
        logits = module(x).flatten(0, -2)
        loss = functional.cross_entropy(logits, y.flatten(), label_smoothing=0.1, reduction="sum") / y.shape[-1]
        loss.backward()
        optimizer.step()

    return step


def ratios(alone: NDArray[np.float64], together: NDArray[np.float64]) -> dict[str, Any]:
    """Summarise the seconds per network of both sides, shape (repetitions, 2)."""
    ratio = alone / together
    return {
        "ratio": float(np.median(ratio[:, 0])),
        "ratio_min": float(ratio[:, 0].min()),
        "ratio_max": float(ratio[:, 0].max()),
        "ratio_cpu": float(np.median(ratio[:, 1])),
        "ratio_cpu_min": float(ratio[:, 1].min()),
        "ratio_cpu_max": float(ratio[:, 1].max()),
        "cpu_seconds_alone": float(np.median(alone[:, 1])),
        "cpu_seconds_together": float(np.median(together[:, 1])),
        "repetitions": len(ratio),
        "seed": 0,
        "load": common.load_average(),
    }


def comparisons(arguments: Any) -> list[tuple[str, Any, int]]:
    if arguments.quick:
        return [(comparison, 1000, members) for comparison in (ONE, SEVERAL) for members in (4, 16)]
    result = [(comparison, 1000, members) for comparison in (ONE, SEVERAL) for members in MEMBERS]
    result += [(comparison, 1000, members) for comparison in (STEP, STEP_SEVERAL, VMAP) for members in MEMBERS]
    result += [(VMAP, "digits", members) for members in MEMBERS]
    return result + [
        (comparison, n, members) for n in (300, 5000) for members in MEMBERS for comparison in (ONE, SEVERAL)
    ]


def report(rows: common.Rows) -> None:
    print("\nHow many times faster a network is trained together, median (lowest to highest)\n")
    body = [
        [
            row["comparison"],
            row["data"] if row["data"] == "digits" else f"{row['data']} rows",
            row["device"],
            row["members"],
            "{ratio:.2f} ({ratio_min:.2f} to {ratio_max:.2f})".format(**row),
            "{ratio_cpu:.2f} ({ratio_cpu_min:.2f} to {ratio_cpu_max:.2f})".format(**row),
            f"{1000 * row['cpu_seconds_alone']:.2f}",
            f"{1000 * row['cpu_seconds_together']:.2f}",
            "{log_loss_alone:.3f} {log_loss_together:.3f}".format(**row) if "log_loss_alone" in row else "",
            f"{row['load']:.1f}",
        ]
        for row in sorted(rows.rows, key=lambda r: (r["device"], r["comparison"], str(r["data"]), r["members"]))
    ]
    header = [
        "comparison", "data", "device", "networks", "by the wall clock", "by CPU time", "alone, CPU ms",
        "together, CPU ms", "log-losses", "load",
    ]  # fmt: skip
    print(common.table(header, body))
    print("\n" + common.machines(rows.rows))


def main() -> None:
    parser = common.parser(__doc__ or "")
    parser.add_argument("--device", default="cpu", help="as torch spells it")
    parser.add_argument("--repetitions", type=int, help="pairs of runs, by default 3")
    parser.add_argument("--quick", action="store_true", help="fewer comparisons")
    parser.add_argument("--redo", action="store_true", help="forget the stored rows that are asked for")
    arguments = parser.parse_args()
    rows = common.rows_of(arguments, "batched", KEYS)
    if not arguments.report:
        for comparison, data, members in comparisons(arguments):
            key = {"comparison": comparison, "data": data, "members": members, "device": arguments.device}
            if arguments.redo:
                rows.drop(**key)
            if key not in rows:
                measure = measure_training if comparison in (ONE, SEVERAL) else measure_step
                repetitions = arguments.repetitions or 3
                rows.add(**key, **measure(comparison, data, members, arguments.device, repetitions))
                print(f"{(comparison, data, members)}: {rows.rows[-1]['ratio']:.2f}", flush=True)
    report(rows)


if __name__ == "__main__":
    main()
