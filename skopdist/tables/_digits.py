"""The table that comes with the package: cells trained on scikit-learn's digits."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.resources import as_file, files
from itertools import product
from typing import Any

import numpy as np

from skopdist.evaluators import TabularEvaluator
from skopdist.spaces import NASBench201Space
from skopdist.tables._records import collect, csv_records

OPERATIONS = ("skip_connect", "nor_conv_3x3", "avg_pool_3x3")
N_SEEDS = 2
_SPLITS = ("val", "test")


def load_digits_cells(*, split: str = "val", seed: int | None = None) -> TabularEvaluator:
    """Load the accuracies of all 729 cells of three operations on six edges, trained on scikit-learn's digits.

    The table comes with the package, so examples and tests that search it need no data and no training.

    Parameters
    ----------
    split : {"val", "test"}, default="val"
        The images on which the accuracies are measured that are the scores. Accuracies on the test images are
        ``test_scores`` in any case.
    seed : int or None, default=None
        The training whose accuracy is the score, from 0 on; None takes the mean over all trainings. Test scores are
        always means.

    Returns
    -------
    evaluator : TabularEvaluator
        Over ``NASBench201Space(("skip_connect", "nor_conv_3x3", "avg_pool_3x3"))``; accuracies in percent, costs in
        epochs, and the number of parameters in the ``info`` of its trials.

    Raises
    ------
    ValueError
        If `split` or `seed` is unknown.

    See Also
    --------
    load_nasbench201 : A table of 15,625 cells on larger images, from a file.

    Notes
    -----
    The table was made by ``benchmarks/make_digits_cells.py`` with :class:`~skopdist.evaluators.TrainingEvaluator`. Each
    network has one cell of eight channels and was trained for 15 epochs, on 598 images for training, 599 for validation
    and 600 for testing. The training is so short that the best cells are still far from the accuracy that is possible.
    The 729 cells compute 435 different functions, each trained with two seeds; cells that compute the same function
    have the same accuracies.

    Examples
    --------
    >>> from skopdist.tables import load_digits_cells
    >>> from skopdist.search import run_search
    >>> from skopdist.strategies import BayesianOptimization
    >>> evaluator = load_digits_cells()
    >>> result = run_search(BayesianOptimization(), evaluator, n_trials=30, random_state=0)
    >>> evaluator.optimum - result.best_score < 1
    True
    """
    if split not in _SPLITS:
        raise ValueError(f"split must be one of {_SPLITS}, got {split!r}.")
    if seed is not None and seed not in range(N_SEEDS):
        raise ValueError(f"seed must be None or one of {tuple(range(N_SEEDS))}, got {seed!r}.")
    space = NASBench201Space(OPERATIONS)
    edges = [f"e{source}{target}" for source, target in space.potential_edges(6)]
    columns = {name: [f"{name}_{i}" for i in range(N_SEEDS)] for name in _SPLITS}
    numeric = [*columns["val"], *columns["test"], "cost", "n_parameters"]

    def parse(record: Mapping[str, Any]) -> tuple[str, ...]:
        return tuple(record[edge] for edge in edges)

    with as_file(files("skopdist.tables") / "digits_cells.csv.gz") as path:
        numbers = collect(csv_records(path, [*edges, *numeric]), parse, numeric, expected=product(OPERATIONS, repeat=6))
    means = {
        name: {cell: round(float(np.mean([numbers[c][cell] for c in columns[name]])), 4) for cell in numbers["cost"]}
        for name in _SPLITS
    }
    scores = means[split] if seed is None else numbers[columns[split][seed]]
    n_parameters = {cell: int(number) for cell, number in numbers["n_parameters"].items()}
    return TabularEvaluator(space, scores, numbers["cost"], means["test"], info={"n_parameters": n_parameters})
