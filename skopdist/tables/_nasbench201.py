"""The table of NAS-Bench-201, from a file or from the interface of its authors."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import product
from pathlib import Path
from typing import Any, Protocol

from skopdist.evaluators import TabularEvaluator
from skopdist.formats import read_nasbench201
from skopdist.spaces import NASBench201Space
from skopdist.tables._records import OnMissing, Record, check_belongs, collect, csv_records, find_file

FILE = "nas/nb201_master.csv.gz"
_ORIGIN = (
    "The table is an excerpt of NAS-Bench-201 (https://github.com/D-X-Y/NAS-Bench-201) or of the topology part of "
    "NATS-Bench (https://github.com/D-X-Y/NATS-Bench): one row for each of the 15,625 cells, with the operation codes "
    "e01, e02, e12, e03, e13, e23 and accuracies in percent such as c10_val_200. With an API object of either, "
    "wrap_nasbench201 needs no file."
)
# Names of the literature, and those of the columns.
_DATASETS = {"cifar10": "c10", "cifar100": "c100", "ImageNet16-120": "in16"}
_EPOCHS = (12, 200)
_SPLITS = ("val", "test")

Operations = tuple[str, ...]


class NASBench201Like(Protocol):
    """The methods that an API object of NAS-Bench-201 or of NATS-Bench (topology) has to have."""

    def __len__(self) -> int:
        """Return the number of architectures."""

    def __getitem__(self, index: int) -> str:
        """Return an architecture as text, such as ``|nor_conv_3x3~0|+|none~0|none~1|+|...|``."""

    def get_more_info(
        self, index: int, dataset: str, iepoch: int | None = None, hp: str = "12", is_random: bool = True
    ) -> Mapping[str, Any]:
        """Return the results of an architecture, with the keys ``valid-accuracy`` and ``test-accuracy``."""


def load_nasbench201(
    path: str | Path | None = None,
    *,
    dataset: str = "cifar10",
    epochs: int = 200,
    split: str = "val",
    on_missing: OnMissing = "raise",
) -> TabularEvaluator:
    """Load the accuracies of all 15,625 cells of NAS-Bench-201 [1]_.

    Parameters
    ----------
    path : str, Path or None, default=None
        A (gzipped) CSV file, or a folder that holds ``nas/nb201_master.csv.gz``; None takes the folder of the
        environment variable ``SKOPDIST_DATA``.
    dataset : {"cifar10", "cifar100", "ImageNet16-120"}, default="cifar10"
    epochs : {12, 200}, default=200
        The number of epochs that the cells were trained for; it is the cost of a trial too.
    split : {"val", "test"}, default="val"
        The data on which the accuracies are measured that are the scores. Accuracies on the test data are
        ``test_scores`` in any case.
    on_missing : {"raise", "nan"}, default="raise"
        "nan" loads a partial table; a search over it treats architectures without a row as failed trials.

    Returns
    -------
    evaluator : TabularEvaluator
        Over :class:`~skopdist.spaces.NASBench201Space`; accuracies in percent.

    Raises
    ------
    FileNotFoundError
        If there is no such file; the message says where one comes from.
    ValueError
        If an argument is unknown, or a row has an unknown operation, repeats an architecture, lacks a number or is
        missing altogether; the message names the row.

    See Also
    --------
    wrap_nasbench201 : Take the accuracies from an API object instead of a file.

    Notes
    -----
    The columns are ``e01 e02 e12 e03 e13 e23``, with the code of the operation on the edge from one node to another
    (0 ``none``, 1 ``skip_connect``, 2 ``nor_conv_1x1``, 3 ``nor_conv_3x3``, 4 ``avg_pool_3x3``), and accuracies such as
    ``c10_val_200``, with ``c10``, ``c100`` and ``in16`` for the three data sets.

    References
    ----------
    .. [1] Dong and Yang, "NAS-Bench-201: Extending the Scope of Reproducible Neural Architecture Search",
       ICLR 2020, arXiv 2001.00326.

    Examples
    --------
    >>> from skopdist.tables import load_nasbench201
    >>> evaluator = load_nasbench201("tables", dataset="cifar100")  # doctest: +SKIP
    >>> run_search(BayesianOptimization(), evaluator, n_trials=50)  # doctest: +SKIP
    """
    prefix = _check(dataset, epochs, split)
    space = NASBench201Space()
    edges = [f"e{source}{target}" for source, target in space.potential_edges(6)]
    names = {str(code): name for code, name in enumerate(space.operation_names)}

    def parse(record: Mapping[str, Any]) -> Operations:
        for edge in edges:
            if record[edge] not in names:
                raise ValueError(
                    f"{edge} is the unknown operation {record[edge]!r}; expected one of the codes {names}."
                )
        return tuple(names[record[edge]] for edge in edges)

    columns = {name: f"{prefix}_{name}_{epochs}" for name in _SPLITS}
    records = csv_records(find_file(path, FILE, _ORIGIN), [*edges, *columns.values()])
    numbers = collect(
        records, parse, list(columns.values()), expected=product(space.operation_names, repeat=6), on_missing=on_missing
    )
    return _evaluator(space, {name: numbers[column] for name, column in columns.items()}, epochs, split)


def wrap_nasbench201(
    api: NASBench201Like,
    *,
    dataset: str = "cifar10",
    epochs: int = 200,
    split: str = "val",
    on_missing: OnMissing = "raise",
) -> TabularEvaluator:
    """Copy the accuracies from an API object of NAS-Bench-201 [1]_ or of NATS-Bench [2]_.

    Each architecture is looked up once, and the accuracies of its trainings are averaged. So the evaluator is
    deterministic, independent of the object afterwards, and as quick as one from :func:`load_nasbench201`.

    Parameters
    ----------
    api : nas_201_api.NASBench201API or nats_bench.NATStopology
        Or any object with ``__len__``, ``__getitem__`` and ``get_more_info`` as these have them.
    dataset, epochs, split, on_missing
        As in :func:`load_nasbench201`. Validation accuracies on CIFAR-10 are those of the literature's
        ``cifar10-valid``, test accuracies those of ``cifar10``, for which the nets were trained on both parts.

    Returns
    -------
    evaluator : TabularEvaluator

    Raises
    ------
    ValueError
        As in :func:`load_nasbench201`, with the index of the architecture.

    See Also
    --------
    load_nasbench201 : Read the accuracies from a file.

    References
    ----------
    .. [1] https://github.com/D-X-Y/NAS-Bench-201
    .. [2] Dong, Liu, Musial, Gabrys, "NATS-Bench: Benchmarking NAS Algorithms for Architecture Topology and Size",
       IEEE TPAMI 2021, arXiv 2009.00437.

    Examples
    --------
    >>> import nats_bench  # doctest: +SKIP
    >>> api = nats_bench.create("NATS-tss-v1_0-3ffb9-simple", "tss", fast_mode=True, verbose=False)  # doctest: +SKIP
    >>> evaluator = wrap_nasbench201(api, dataset="cifar100")  # doctest: +SKIP
    """
    _check(dataset, epochs, split)
    space = NASBench201Space()
    numbers = collect(
        _api_records(api, dataset, epochs),
        lambda record: check_belongs(read_nasbench201(record["architecture"]), space).operations,
        _SPLITS,
        expected=product(space.operation_names, repeat=6),
        on_missing=on_missing,
    )
    return _evaluator(space, numbers, epochs, split)


def _check(dataset: str, epochs: int, split: str) -> str:
    for name, value, allowed in (
        ("dataset", dataset, _DATASETS),
        ("epochs", epochs, _EPOCHS),
        ("split", split, _SPLITS),
    ):
        if value not in allowed:
            raise ValueError(f"{name} must be one of {tuple(allowed)}, got {value!r}.")
    return _DATASETS[dataset]


def _evaluator(
    space: NASBench201Space, numbers: Mapping[str, Mapping[Operations, float]], epochs: int, split: str
) -> TabularEvaluator:
    scores = numbers[split]
    return TabularEvaluator(space, scores, dict.fromkeys(scores, float(epochs)), numbers["test"])


def _api_records(api: NASBench201Like, dataset: str, epochs: int) -> Iterator[Record]:
    for index in range(len(api)):
        yield (
            f"architecture {index}",
            {
                "architecture": api[index],
                "val": _ask(api, index, "cifar10-valid" if dataset == "cifar10" else dataset, epochs, "valid-accuracy"),
                "test": _ask(api, index, dataset, epochs, "test-accuracy"),
            },
        )


def _ask(api: NASBench201Like, index: int, dataset: str, epochs: int, name: str) -> Any:
    try:
        return api.get_more_info(index, dataset, hp=str(epochs), is_random=False).get(name)
    except (KeyError, ValueError):
        # So the interfaces say that they have no results of an architecture on a data set.
        return None
