"""Samples per second of training through the estimator's skorch net, beside a plain torch loop.

Both train the same network from the same weights, with the same batches, augmentation, loss, optimiser and schedule,
in turns in one process (A B A B ...), so that other load on the machine hits both; the figure is the median of the
ratios of neighbours.

    python benchmarks/training_speed.py              # digits and images of 28x28
    python benchmarks/training_speed.py --precision  # also float32, bfloat16, and channels innermost or not
    python benchmarks/training_speed.py --quick      # only the first comparison on digits, with three repetitions
    python benchmarks/training_speed.py --report
"""

from __future__ import annotations

import _common as common  # isort: skip - before numpy and torch
import dataclasses
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.base import clone
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import DataLoader

from skopdist import Architecture, Cell
from skopdist.networks import Network
from skopdist.problem import Problem
from skopdist.spaces import NASBench201Space
from skopdist.training import Trainer, Training, shift

KEYS = ("comparison", "data", "channels", "cell")
CELLS = {
    "strong": ["nor_conv_3x3"] * 6,
    # One path of two convolutions: as small as a useful cell gets, so that overhead shows most.
    "small": ["nor_conv_3x3", "none", "nor_conv_1x1", "skip_connect", "none", "skip_connect"],
}
EDGES = NASBench201Space().sample(NASBench201Space().uniform(), random_state=0).cells[0].edges


def data(name: str) -> Problem:
    if name == "digits":
        X, y = load_digits(return_X_y=True)
        X, y = X.reshape(-1, 1, 8, 8).astype(np.float32)[:1347], y.astype(np.int64)[:1347]
    else:
        # Speed does not depend on what the images show.
        rng = np.random.default_rng(0)
        X = rng.integers(0, 256, (640, 1, 28, 28), dtype=np.uint8)
        y = rng.integers(0, 10, 640)
    return Problem.of(X, y)


def trainer_for(problem: Problem, channels: int, epochs: int) -> Trainer:
    # Batches are those that the estimator takes for all of digits and for 10,000 images of Fashion-MNIST.
    batch_size = 84 if problem.sample_shape[-1] == 8 else 128
    training = Training(max_epochs=epochs, batch_size=batch_size, lr=0.1, augment="shift", precision="float32")
    return Trainer(problem, training, n_cells=3, channels=channels, device="cpu")


def changed(trainer: Trainer, **changes: Any) -> Trainer:
    """Return a trainer with another recipe."""
    return dataclasses.replace(trainer, training=clone(trainer.training).set_params(**changes))


def by_skorch(architecture: Architecture, trainer: Trainer) -> list[float]:
    """Train through the estimator's net, and give the losses of the epochs."""
    net = trainer.train(architecture, trainer.problem.everything, seed=0)
    return [float(loss) for loss in net.history[:, "train_loss"]]


def by_hand(architecture: Architecture, trainer: Trainer, channels_last: bool = True) -> list[float]:
    """Train with a plain loop, and give the losses of the epochs."""
    torch.manual_seed(0)
    problem, recipe = trainer.problem, trainer.training
    samples, scaling = problem.everything, problem.everything.scaling
    model = Network(
        architecture, problem.sample_shape, len(problem.classes), trainer.channels, trainer.n_cells,
        scaling, precision=recipe.precision,
    )  # fmt: skip
    if not channels_last:
        model = _contiguous(model)
    optimizer = torch.optim.SGD(
        model.parameters(), recipe.lr, momentum=0.9, nesterov=True, weight_decay=recipe.weight_decay
    )
    X, y = torch.from_numpy(samples.inputs()), torch.from_numpy(samples.labels())
    n_batches = -(-len(y) // recipe.batch_size)
    n_steps = recipe.max_epochs * n_batches
    warm = max(1, n_steps // 5)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer,
        lambda step: (
            (step + 1) / warm
            if step < warm
            else 0.5 * (1 + np.cos(np.pi * min(1.0, (step - warm + 1) / max(1, n_steps - warm))))
        ),
    )
    generator = torch.Generator().manual_seed(0)
    losses = []
    model.train()
    for _ in range(recipe.max_epochs):
        total = 0.0
        for indices in torch.randperm(len(y), generator=generator).tensor_split(n_batches):
            batch = X[indices]
            if recipe.augment is not None:
                batch = shift(batch, generator)
            optimizer.zero_grad()
            loss = nn.functional.cross_entropy(model(batch), y[indices], label_smoothing=recipe.label_smoothing)
            loss.backward()
            optimizer.step()
            schedule.step()
            total += loss.item() * len(indices)
        losses.append(total / len(y))
    return losses


def _contiguous(model: Network) -> Network:
    """Undo the network's memory format: channels outermost, as torch has them by default."""
    model = model.to(memory_format=torch.contiguous_format)
    model.register_forward_pre_hook(lambda module, inputs: (inputs[0].contiguous(),))
    model.stem.register_forward_pre_hook(lambda module, inputs: (inputs[0].contiguous(),))
    return model


def in_turns(a: Callable[[], Any], b: Callable[[], Any], repetitions: int) -> NDArray[np.float64]:
    """Time two functions in turns, after a run of each that is not counted.

    Gives an array of shape (2, repetitions, 2): function, repetition, (seconds on the wall, seconds of this process).
    """
    times = np.empty((2, repetitions, 2))
    for repetition in range(repetitions + 1):
        # Neither is always the first of a pair.
        for i in (0, 1) if repetition % 2 else (1, 0):
            begin = np.array([time.perf_counter(), time.process_time()])
            (a, b)[i]()
            if repetition:
                times[i, repetition - 1] = np.array([time.perf_counter(), time.process_time()]) - begin
    return times


def comparisons(arguments: Any) -> list[tuple[str, str, int, str]]:
    cases = [(name, 16, cell) for name in ("digits", "28x28") for cell in CELLS]
    result = [("skorch / plain loop", *case) for case in cases]
    if arguments.quick:
        return [case for case in result if case[1] == "digits"]
    result += [("skorch with torch's DataLoader / plain loop", *case) for case in cases]
    if arguments.precision:
        shapes = [(name, channels, "strong") for name in ("digits", "28x28") for channels in (16, 32)]
        result += [("bfloat16 / float32", *shape) for shape in shapes]
        result += [("channels innermost / outermost", *shape) for shape in shapes]
        result += [("channels innermost / outermost, bfloat16", *shape) for shape in shapes]
    return result


def measure(comparison: str, name: str, channels: int, cell: str, repetitions: int) -> dict[str, Any]:
    problem = data(name)
    architecture = Architecture([Cell(CELLS[cell], EDGES)])
    trainer = trainer_for(problem, channels, epochs=6 if name == "digits" else 1)
    if comparison.startswith("skorch"):
        a_trainer = trainer
        if "DataLoader" in comparison:
            # It has no place for the augmentation of whole batches, so neither has the loop here.
            trainer = changed(trainer, augment=None)
            a_trainer = changed(trainer, net_params={"iterator_train": DataLoader})
        a, b = lambda: by_skorch(architecture, a_trainer), lambda: by_hand(architecture, trainer)
        # Otherwise they would not do the same work. Rounding makes them drift apart from the second epoch on.
        agree = bool("DataLoader" in comparison or np.isclose(a()[0], b()[0], rtol=2e-3))
    else:
        agree = None
        if comparison.startswith("bfloat16"):
            faster, other = changed(trainer, precision="bfloat16"), trainer
            a, b = lambda: by_hand(architecture, faster), lambda: by_hand(architecture, other)
        else:
            if comparison.endswith("bfloat16"):
                trainer = changed(trainer, precision="bfloat16")
            a = lambda: by_hand(architecture, trainer)  # noqa: E731
            b = lambda: by_hand(architecture, trainer, channels_last=False)  # noqa: E731
    times = in_turns(a, b, repetitions)
    wall, cpu = np.moveaxis(times[1] / times[0], 1, 0)
    n = len(problem.everything) * trainer.training.max_epochs
    return {
        "ratio": float(np.median(wall)),
        "ratio_min": float(wall.min()),
        "ratio_max": float(wall.max()),
        "ratio_cpu": float(np.median(cpu)),
        "ratio_cpu_min": float(cpu.min()),
        "ratio_cpu_max": float(cpu.max()),
        "samples_per_cpu_second": (n / np.median(times[:, :, 1], axis=1)).tolist(),
        "same_losses": agree,
        "repetitions": repetitions,
        "batch_size": trainer.training.batch_size,
        "seed": 0,
        "load": common.load_average(),
        "seconds": float(times[:, :, 0].sum()),
    }


def report(rows: common.Rows) -> None:
    print("\nRatio of the speeds, median (lowest to highest): above 1, the first is the faster\n")
    body = [
        [
            row["comparison"],
            row["data"],
            row["channels"],
            row["cell"],
            "{ratio:.3f} ({ratio_min:.3f} to {ratio_max:.3f})".format(**row),
            "{ratio_cpu:.3f} ({ratio_cpu_min:.3f} to {ratio_cpu_max:.3f})".format(**row),
            *(f"{speed:.0f}" for speed in row["samples_per_cpu_second"]),
            {True: "yes", False: "NO", None: "-"}[row["same_losses"]],
            f"{row['load']:.1f}",
        ]
        for row in sorted(rows.rows, key=lambda r: r["comparison"])
    ]
    header = [
        "comparison", "data", "channels", "cell", "by the wall clock", "by CPU time", "first /s", "second /s",
        "same losses", "load",
    ]  # fmt: skip
    print(common.table(header, body))
    print("\n" + common.machines(rows.rows))


def main() -> None:
    parser = common.parser(__doc__ or "")
    parser.add_argument("--precision", action="store_true", help="also compare precisions and memory formats")
    parser.add_argument("--repetitions", type=int, help="pairs of runs, by default 9")
    parser.add_argument("--quick", action="store_true", help="fewer comparisons and repetitions")
    parser.add_argument("--redo", action="store_true", help="forget the stored rows that are asked for")
    arguments = parser.parse_args()
    rows = common.rows_of(arguments, "training_speed", KEYS)
    if not arguments.report:
        for case in comparisons(arguments):
            key = dict(zip(KEYS, case, strict=True))
            if arguments.redo:
                rows.drop(**key)
            if key not in rows:
                rows.add(**key, **measure(*case, arguments.repetitions or (3 if arguments.quick else 9)))
                print(f"{case}: {rows.rows[-1]['ratio']:.3f}", flush=True)
    report(rows)


if __name__ == "__main__":
    main()
