#!/usr/bin/env python3
"""A search in each space for images, then a longer, deeper and wider network, on Fashion-MNIST and CIFAR-10.

    python benchmarks/spaces.py --data DIR [--cifar10 FILE] [--quick | --full] [--report]

One search with the default strategy, in a short cell and a small network, gives three networks: its best cell as it was
searched, its best cell deeper and wider, and a longer cell drawn from the distribution that it recommends, deeper and
wider. Beside them stand a longer cell drawn from the uniform distribution, and a cell of the literature where the
package knows one, both as deep and as wide. All are trained on the same images by the same recipe, for more epochs than
a trial. The search holds out a quarter of the training images and never sees the official test images, on which all
are tested.

Every seed has images, a search, drawn cells and weights of its own. Parameters and multiply-adds are those of each
network. Seconds are CPU seconds of one core, and by the clock with --full. All networks of a search are made together:
an interrupted run repeats at most one search.

On a CPU there are 4,000 training images at half the resolution (means of four pixels) and 3 seeds; with --quick 1,000
of Fashion-MNIST and one seed, for a minute; with --full all images at full resolution, more trials and longer
trainings, for a GPU. It needs ``images/fashion_mnist.npz`` and ``images/cifar10.npz`` in the folder of the data.
"""

from __future__ import annotations

import _common as common  # isort: skip - before numpy and torch
import argparse
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone

from skopdist import Architecture, OpDistNASClassifier, Refit
from skopdist.formats import known_architectures
from skopdist.networks import NetworkCosts
from skopdist.training import Predictor

KEYS = ("scale", "data", "space", "seed", "network")
Split = tuple[NDArray[Any], NDArray[Any], NDArray[Any], NDArray[Any]]


@dataclass(frozen=True)
class Size:
    """Length of a cell, number of cells and channels."""

    length: int
    n_cells: int
    channels: int


@dataclass(frozen=True)
class Scale:
    """How much is computed; ``n_train=None`` takes all images, as they are, and any other number halves their sides."""

    data: tuple[str, ...]
    n_train: int | None
    n_test: int
    seeds: int
    # The sizes of the search and of the larger network, by space.
    sizes: dict[str, tuple[Size, Size]]
    settings: dict[str, Any]


# A network of the DARTS space needs two cells to have a reduction cell; in a chain the length is the depth.
SMALL = {
    "nasbench201": (Size(6, 2, 8), Size(10, 4, 16)),
    "nasbench101": (Size(5, 2, 8), Size(8, 4, 16)),
    "macro": (Size(4, 1, 8), Size(8, 1, 16)),
    "darts": (Size(4, 2, 4), Size(8, 4, 8)),
}
LARGE = {
    "nasbench201": (Size(6, 3, 16), Size(10, 9, 32)),
    "nasbench101": (Size(5, 3, 32), Size(8, 9, 64)),
    "macro": (Size(4, 1, 16), Size(8, 1, 32)),
    "darts": (Size(4, 3, 16), Size(8, 8, 36)),
}
SCALES = {
    "quick": Scale(
        ("fashion",),
        1000,
        2000,
        1,
        SMALL,
        {"device": "cpu", "n_trials": 2, "max_epochs": 2, "refit": Refit(max_epochs=2)},
    ),
    "cpu": Scale(
        ("fashion", "cifar10"),
        4000,
        10_000,
        3,
        SMALL,
        {"device": "cpu", "n_trials": 8, "max_epochs": 5, "refit": Refit(max_epochs=10)},
    ),
    "full": Scale(
        ("fashion", "cifar10"),
        None,
        10_000,
        3,
        LARGE,
        {"n_trials": 20, "max_epochs": 10, "refit": Refit(max_epochs=50)},
    ),
}
DATA = {"fashion": "Fashion-MNIST", "cifar10": "CIFAR-10"}
SPACES = {
    "nasbench201": "NASBench201Space",
    "nasbench101": "NASBench101Space",
    "macro": "MacroSpace",
    "darts": "DARTSSpace",
}
NETWORKS = {
    "searched": "best cell, as searched",
    "deeper": "best cell, deeper and wider",
    "larger": "longer draw, deeper and wider",
    "uniform": "the same from the uniform distribution",
    "known": "{known}, as deep and wide",
}
# Of the literature: the name in the table, and that of `known_architectures`.
KNOWN = {"nasbench201": ("CIFAR-10's best cell", "nasbench201_best_cifar10"), "darts": ("DARTS V2", "darts_v2")}
# Differences of the test accuracies: what is compared, with what, and what the difference shows.
GAINS = {
    "larger, from the distribution found rather than the uniform one": ("larger", "uniform"),
    "best cell, deeper and wider rather than as searched": ("deeper", "searched"),
    "longer draw rather than the best cell, both deeper and wider": ("larger", "deeper"),
    "longer draw rather than a cell of the literature": ("larger", "known"),
}


def networks(space: str) -> list[str]:
    """List the networks that are compared in a space."""
    return [name for name in NETWORKS if name != "known" or space in KNOWN]


def read_images(path: Path) -> Split:
    """Read uint8 images, of shape (n, channels, height, width), and their classes."""
    with np.load(path) as arrays:
        X_train, y_train, X_test, y_test = (arrays[name] for name in ("X_train", "y_train", "X_test", "y_test"))
    if X_train.ndim == 3:
        return X_train[:, None], X_test[:, None], y_train, y_test
    return X_train.transpose(0, 3, 1, 2), X_test.transpose(0, 3, 1, 2), y_train, y_test


def halved(images: NDArray[Any]) -> NDArray[np.float32]:
    """Average squares of two by two pixels."""
    n, channels, height, width = images.shape
    return images.reshape(n, channels, height // 2, 2, width // 2, 2).mean(axis=(3, 5), dtype=np.float32)


def part_of(images: Split, scale: Scale, seed: int) -> Split:
    """Give the images of a seed: a stratified part for training, and the first of the test images."""
    X_train, X_test, y_train, y_test = images
    X_test, y_test = X_test[: scale.n_test], y_test[: scale.n_test]
    if scale.n_train is None:
        return X_train, X_test, y_train, y_test
    chosen = common.stratified(y_train, scale.n_train, seed)
    return halved(X_train[chosen]), halved(X_test), y_train[chosen], y_test


def train_all(space: str, sizes: tuple[Size, Size], settings: dict[str, Any], split: Split, seed: int) -> Iterator[Any]:
    """Search, and give the figures of one network after the other."""
    X_train, X_test, y_train, y_test = split
    small, large = sizes
    final: Refit = settings["refit"]
    clf = OpDistNASClassifier(
        search_space=space,
        length=small.length,
        n_cells=small.n_cells,
        channels=small.channels,
        # The fits after the first then only train another final network.
        warm_start=True,
        random_state=seed,
        **settings | {"refit": False},
    )
    _, search_seconds = timed(clf, lambda: clf.fit(X_train, y_train))
    found = {
        "search_seconds": search_seconds,
        "validation": clf.best_score_,
        "distribution": clf.best_distribution_.to_json(),
    }

    def refit(**changes: int | None) -> Any:
        clf.set_params(refit=clone(final).set_params(**changes)).fit(X_train, y_train)
        return clf.net_, clf.refit_architecture_

    def train(architecture: Architecture) -> Any:
        searched = clf.evaluator_.trainer_
        training = clone(searched.training).set_params(max_epochs=final.max_epochs)
        trainer = replace(searched, training=training, n_cells=large.n_cells, channels=large.channels)
        return trainer.train(architecture, trainer.problem.everything, seed), architecture

    def longer_uniform() -> Architecture:
        search_space = clf.evaluator_.search_space
        return search_space.sample(search_space.uniform(), large.length, seed)

    width = {"n_cells": large.n_cells, "channels": large.channels}
    make: dict[str, Callable[[], Any]] = {
        "searched": lambda: refit(),
        "deeper": lambda: refit(**width),
        "larger": lambda: refit(**width, length=large.length),
        "uniform": lambda: train(longer_uniform()),
        "known": lambda: train(known_architectures()[KNOWN[space][1]].architecture),
    }
    for name in networks(space):
        (net, architecture), seconds = timed(clf, make[name])
        size = small if name == "searched" else large
        costs = NetworkCosts(X_train.shape[1:], len(clf.classes_), size.channels, size.n_cells)
        predicted = clf.classes_[Predictor(net.module_, X_test.ndim - 2)(X_test).argmax(axis=1)]
        yield {
            "network": name,
            "length": architecture.length,
            "n_cells": size.n_cells,
            "channels": size.channels,
            "test": float((predicted == y_test).mean()),
            "n_parameters": costs.n_parameters(architecture),
            "flops": costs.flops(architecture),
            "training_seconds": seconds,
            "architecture": architecture.to_json(),
            **(found if name in ("searched", "deeper", "larger") else {}),
        }


def timed(clf: OpDistNASClassifier, compute: Callable[[], Any]) -> tuple[Any, float]:
    """Compute something, and give the seconds as well."""
    # On a CPU other load should not count; on a GPU the CPU does not work all the time.
    clock = time.process_time if clf.device == "cpu" else time.perf_counter
    begin = clock()
    return compute(), clock() - begin


def run(rows: common.Rows, scale_name: str, scale: Scale, images: dict[str, Split]) -> None:
    """Compute what is not there yet, seed by seed."""
    for seed, space, data in product(range(scale.seeds), scale.sizes, scale.data):
        key = {"scale": scale_name, "data": data, "space": space, "seed": seed}
        if all(key | {"network": name} in rows for name in networks(space)):
            continue
        split = part_of(images[data], scale, seed)
        for figures in train_all(space, scale.sizes[space], scale.settings, split, seed):
            if key | {"network": figures["network"]} not in rows:
                rows.add(**key, **figures, load=common.load_average())
        print(key, file=sys.stderr, flush=True)


def sizes_table(rows: common.Rows, scale: str) -> str:
    """Lay out accuracy, costs and times, over the seeds that there are."""
    body = []
    for data, space in product(DATA, SPACES):
        for name in networks(space):
            found = rows.select(scale=scale, data=data, space=space, network=name)
            if not found:
                continue
            mean = {key: np.mean([row[key] for row in found]) for key in ("n_parameters", "flops", "training_seconds")}
            searched = [row["search_seconds"] for row in found if "search_seconds" in row]
            body.append([
                f"{SPACES[space]}: {NETWORKS[name].format(known=KNOWN.get(space, ('',))[0])}",
                DATA[data],
                found[0]["length"],
                found[0]["n_cells"],
                found[0]["channels"],
                len(found),
                common.mean_and_deviation([row["test"] for row in found], 3),
                f"{mean['n_parameters']:,.0f}",
                f"{mean['flops'] / 1e6:.2f}",
                f"{np.mean(searched):.0f}" if searched else "-",
                f"{mean['training_seconds']:.0f}",
            ])  # fmt: skip
    header = ["network", "data", "length", "cells", "channels", "seeds"]
    return common.table([*header, "test accuracy", "parameters", "MFLOPs", "search s", "training s"], body)


def gains_table(rows: common.Rows, scale: str) -> str:
    """Lay out differences of the test accuracies in points, over all spaces, with standard errors over the pairs."""
    body = []
    for text, (name, other) in GAINS.items():
        line: list[Any] = [text]
        for data in DATA:
            tests = {
                which: {
                    (row["space"], row["seed"]): row["test"]
                    for row in rows.select(scale=scale, data=data, network=which)
                }
                for which in (name, other)
            }
            pairs = sorted(tests[name].keys() & tests[other].keys())
            gains = np.array([100 * (tests[name][pair] - tests[other][pair]) for pair in pairs])
            if len(gains) > 1:
                error = gains.std(ddof=1) / np.sqrt(len(gains))
                line.append(f"{gains.mean():+.1f} ± {error:.1f} ({len(gains)})")
            else:
                line.append("-")
        body.append(line)
    return common.table(["difference in points (pairs)", *DATA.values()], body)


def main() -> int:
    options = common.parser(__doc__ or "")
    options.add_argument("--cifar10", type=Path, help="file with CIFAR-10 instead of images/cifar10.npz of the data")
    which = options.add_mutually_exclusive_group()
    which.add_argument("--quick", action="store_const", const="quick", dest="scale", help="about a minute")
    which.add_argument("--full", action="store_const", const="full", dest="scale", help="everything, for a GPU")
    options.set_defaults(scale="cpu")
    arguments = options.parse_args()
    rows = common.rows_of(arguments, "spaces", KEYS)
    scale = SCALES[arguments.scale]
    if not arguments.report:
        images = {data: read_images(images_file(arguments, data)) for data in scale.data}
        run(rows, arguments.scale, scale, images)
    print(f"\n{sizes_table(rows, arguments.scale)}\n\n{gains_table(rows, arguments.scale)}\n")
    print(common.machines(rows.select(scale=arguments.scale)))
    return 0


def images_file(arguments: argparse.Namespace, data: str) -> Path:
    if data == "cifar10" and arguments.cifar10 is not None:
        return Path(arguments.cifar10)
    return common.data_file(arguments, f"images/{'fashion_mnist' if data == 'fashion' else data}.npz")


if __name__ == "__main__":
    sys.exit(main())
