"""The table of NAS-Bench-Macro."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product
from pathlib import Path
from typing import Any

from skopdist.evaluators import TabularEvaluator
from skopdist.formats import read_macro
from skopdist.spaces import MacroSpace
from skopdist.tables._records import OnMissing, check_belongs, collect, csv_records, find_file

FILE = "nas/nas_bench_macro_c10.csv.gz"
_ORIGIN = (
    "The table is NAS-Bench-Macro (https://github.com/xiusu/NAS-Bench-Macro, nas-bench-macro_cifar10.json) with one "
    "row for each of the 6,561 chains: arch (eight digits), acc0, acc1, acc2, mean_acc, params."
)
_EPOCHS = 50.0
_SEEDS = (0, 1, 2)


def load_nasbench_macro(
    path: str | Path | None = None, *, seed: int | None = None, on_missing: OnMissing = "raise"
) -> TabularEvaluator:
    """Load the CIFAR-10 accuracies of all 6,561 chains of eight layers of NAS-Bench-Macro [1]_.

    Parameters
    ----------
    path : str, Path or None, default=None
        A (gzipped) CSV file, or a folder that holds ``nas/nas_bench_macro_c10.csv.gz``; None takes the folder of the
        environment variable ``SKOPDIST_DATA``.
    seed : {0, 1, 2} or None, default=None
        The training whose accuracy is the score; None takes the mean over all three trainings. Test scores are always
        means.
    on_missing : {"raise", "nan"}, default="raise"
        "nan" loads a partial table; a search over it treats architectures without a row as failed trials.

    Returns
    -------
    evaluator : TabularEvaluator
        Over :class:`~skopdist.spaces.MacroSpace`; accuracies in percent. Every trial costs 50 epochs and has the number
        of parameters in its ``info``.

    Raises
    ------
    FileNotFoundError
        If there is no such file; the message says where one comes from.
    ValueError
        If `seed` is unknown, or a row is no chain, repeats one, lacks a number or is missing altogether; the message
        names the row.

    See Also
    --------
    skopdist.formats.read_macro : Read a chain in the notation of this table.

    Notes
    -----
    NAS-Bench-Macro has no validation data: every accuracy is the best one on the test images over the 50 epochs, so
    scores and test scores are accuracies on the same images. Chains are the same network, and have the same accuracies,
    if they differ only in the place of an identity within a stage.

    References
    ----------
    .. [1] Su et al., "Prioritized Architecture Sampling with Monto-Carlo Tree Search", CVPR 2021, arXiv 2103.11922,
       section 4.

    Examples
    --------
    >>> from skopdist.tables import load_nasbench_macro
    >>> evaluator = load_nasbench_macro("tables", seed=0)  # doctest: +SKIP
    """
    if seed is not None and seed not in _SEEDS:
        raise ValueError(f"seed must be None or one of {_SEEDS}, got {seed!r}.")
    space = MacroSpace()

    def parse(record: Mapping[str, Any]) -> tuple[str, ...]:
        return check_belongs(read_macro(record["arch"]), space).operations

    score = "mean_acc" if seed is None else f"acc{seed}"
    columns = list(dict.fromkeys([score, "mean_acc", "params"]))
    records = csv_records(find_file(path, FILE, _ORIGIN), ["arch", *columns])
    expected = product(space.operation_names, repeat=space.default_length)
    numbers = collect(records, parse, columns, expected=expected, on_missing=on_missing)
    return TabularEvaluator(
        space,
        numbers[score],
        dict.fromkeys(numbers[score], _EPOCHS),
        numbers["mean_acc"],
        info={"n_parameters": {chain: int(number) for chain, number in numbers["params"].items()}},
    )
