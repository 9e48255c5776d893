"""Tables of samples from the DARTS space."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from skopdist.architecture import Architecture
from skopdist.evaluators import TabularEvaluator
from skopdist.formats import read_genotype
from skopdist.spaces import DARTSSpace
from skopdist.tables._records import OnMissing, Record, check_belongs, collect, csv_records, find_file

RANDOM_FILE = "nas/darts_random214_c10.npz"
ONCENAS_FILE = "nas/darts_oncenas545_c10.csv.gz"
_RANDOM_ORIGIN = (
    "The sample is that of https://github.com/antoyang/NAS-Benchmark: an .npz file with the arrays genotype (text) and "
    "acc (percent), one entry for each architecture."
)
_ONCENAS_ORIGIN = (
    "The sample is that of https://github.com/OnceNAS-Bench/OnceNAS-Bench (data_545.pkl) as a CSV file with the "
    "columns architecture (a genotype), valid_acc10, valid_acc50 (percent) and params (millions)."
)
_ONCENAS_EPOCHS = (10, 50)


def load_darts_random(path: str | Path | None = None, *, on_missing: OnMissing = "raise") -> TabularEvaluator:
    """Load the CIFAR-10 accuracies of 214 random architectures of the DARTS space, trained for 600 epochs [1]_.

    Parameters
    ----------
    path : str, Path or None, default=None
        An .npz file with the arrays ``genotype`` and ``acc``, or a folder that holds ``nas/darts_random214_c10.npz``;
        None takes the folder of the environment variable ``SKOPDIST_DATA``.
    on_missing : {"raise", "nan"}, default="raise"
        "nan" leaves out architectures whose accuracy is NaN.

    Returns
    -------
    evaluator : TabularEvaluator
        Over :class:`~skopdist.spaces.DARTSSpace`. Scores and test scores are the same: the best test accuracy of each
        training in percent. Every trial costs 600 epochs.

    Raises
    ------
    FileNotFoundError
        If there is no such file; the message says where one comes from.
    ValueError
        If an entry is no genotype of the space, repeats another or has no accuracy; the message names the entry.

    See Also
    --------
    load_oncenas : A larger sample of the same space, trained for fewer epochs.

    Notes
    -----
    The sample is a tiny part of the space; every other architecture makes a failed trial. The table is for the study
    of predictors; a search that proposes architectures freely finds none of the sample.

    References
    ----------
    .. [1] Yang, Esperança, Carlucci, "NAS evaluation is frustratingly hard", ICLR 2020, arXiv 1912.12522.

    Examples
    --------
    >>> from skopdist.tables import load_darts_random
    >>> evaluator = load_darts_random("tables")  # doctest: +SKIP
    """
    space = DARTSSpace()
    found = find_file(path, RANDOM_FILE, _RANDOM_ORIGIN)
    accuracies = _collect(_npz_records(found), "genotype", space, ["acc"], on_missing)["acc"]
    return TabularEvaluator(space, accuracies, dict.fromkeys(accuracies, 600.0), accuracies)


def load_oncenas(
    path: str | Path | None = None, *, epochs: int = 50, on_missing: OnMissing = "raise"
) -> TabularEvaluator:
    """Load the CIFAR-10 accuracies of 545 genotypes of the DARTS space, trained for 10 and 50 epochs [1]_.

    Parameters
    ----------
    path : str, Path or None, default=None
        A (gzipped) CSV file, or a folder that holds ``nas/darts_oncenas545_c10.csv.gz``; None takes the folder of the
        environment variable ``SKOPDIST_DATA``.
    epochs : {10, 50}, default=50
        The number of epochs after which the accuracy was measured that is the score; it is the cost of a trial too.
    on_missing : {"raise", "nan"}, default="raise"
        "nan" leaves out architectures whose accuracy is missing.

    Returns
    -------
    evaluator : TabularEvaluator
        Over ``DARTSSpace`` with the operation ``none`` beside the usual seven; accuracies in percent. The sample has no
        test data apart from the validation data, so test scores are the accuracies after 50 epochs. Trials have the
        number of parameters in their ``info``.

    Raises
    ------
    FileNotFoundError
        If there is no such file; the message says where one comes from.
    ValueError
        If `epochs` is unknown, or a row is no genotype of the space, repeats another or lacks a number; the message
        names the row.

    See Also
    --------
    load_darts_random : A sample of the same space, trained for 600 epochs.

    Notes
    -----
    As in :func:`load_darts_random`, other architectures make failed trials. Some architectures were trained twice,
    under genotypes that name the two operations of a node in different orders; their accuracies are averaged.

    References
    ----------
    .. [1] https://github.com/OnceNAS-Bench/OnceNAS-Bench

    Examples
    --------
    >>> from skopdist.tables import load_oncenas
    >>> evaluator = load_oncenas("tables", epochs=10)  # doctest: +SKIP
    """
    if epochs not in _ONCENAS_EPOCHS:
        raise ValueError(f"epochs must be one of {_ONCENAS_EPOCHS}, got {epochs!r}.")
    space = DARTSSpace(("none", *DARTSSpace.default_operations))
    columns = [f"valid_acc{n}" for n in _ONCENAS_EPOCHS] + ["params"]
    records = csv_records(find_file(path, ONCENAS_FILE, _ONCENAS_ORIGIN), ["architecture", *columns])
    numbers = _collect(records, "architecture", space, columns, on_missing)
    scores = numbers[f"valid_acc{epochs}"]
    n_parameters = {architecture: round(1e6 * millions) for architecture, millions in numbers["params"].items()}
    return TabularEvaluator(
        space,
        scores,
        dict.fromkeys(scores, float(epochs)),
        numbers["valid_acc50"],
        info={"n_parameters": n_parameters},
    )


def _collect(
    records: Iterable[Record], column: str, space: DARTSSpace, columns: Sequence[str], on_missing: OnMissing
) -> dict[str, dict[Architecture, float]]:
    """Read genotypes and numbers, and average those of one architecture."""

    def parse(record: Mapping[str, Any]) -> tuple[Architecture, str]:
        return check_belongs(read_genotype(record[column]), space), record[column]

    averaged: dict[str, dict[Architecture, float]] = {}
    for name, numbers in collect(records, parse, columns, on_missing=on_missing).items():
        values: dict[Architecture, list[float]] = {}
        for (architecture, _), value in numbers.items():
            values.setdefault(architecture, []).append(value)
        averaged[name] = {architecture: float(np.mean(several)) for architecture, several in values.items()}
    return averaged


def _npz_records(path: Path) -> Iterator[Record]:
    # Without pickles: a file of texts and numbers needs none, and they could run anything.
    with np.load(path, allow_pickle=False) as arrays:
        absent = [name for name in ("genotype", "acc") if name not in arrays]
        if absent:
            raise ValueError(f"{path} has no array {absent[0]!r}; expected the arrays genotype and acc.")
        genotypes, accuracies = arrays["genotype"].tolist(), arrays["acc"].tolist()
    if len(genotypes) != len(accuracies):
        raise ValueError(f"{path} has {len(genotypes)} genotypes and {len(accuracies)} accuracies; expected as many.")
    for i, (genotype, accuracy) in enumerate(zip(genotypes, accuracies, strict=True)):
        yield f"{path.name}, entry {i}", {"genotype": genotype, "acc": accuracy}
