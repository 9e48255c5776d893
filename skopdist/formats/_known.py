"""The best known architectures of the literature, and what was published of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from skopdist.architecture import Architecture
from skopdist.formats._genotype import read_genotype
from skopdist.formats._nasbench201 import read_nasbench201

_NASBENCH201 = "NAS-Bench-201, Dong and Yang, arXiv 2001.00326: the table of accuracies after 200 epochs"


@dataclass(frozen=True)
class KnownArchitecture:
    """An architecture of the literature, with its published accuracies.

    Attributes
    ----------
    architecture : Architecture
    channels, n_cells : int
        The size of the network in which it was evaluated.
    n_params : int
        Number of parameters at this size, for colour images and 10 classes, without an auxiliary head.
    accuracies : mapping of str to float
        Mean test accuracy in percent, by data set.
    source : str
    """

    architecture: Architecture
    channels: int
    n_cells: int
    n_params: int
    accuracies: Mapping[str, float]
    source: str


def known_architectures() -> dict[str, KnownArchitecture]:
    """Return the best known architectures of the literature, by their names.

    Returns
    -------
    known : dict of str to KnownArchitecture
        In the DARTS space ``darts_v2`` and ``drnas_cifar10``. In NAS-Bench-201 ``nasbench201_resnet``, two
        convolutions beside a shortcut, and the cells of the best test accuracy, ``nasbench201_best_cifar10``,
        ``nasbench201_best_cifar100`` and ``nasbench201_best_imagenet16``.

    See Also
    --------
    read_genotype, read_nasbench201, read_nasbench101, read_macro : Read other architectures of the literature.

    Examples
    --------
    >>> from skopdist.formats import known_architectures
    >>> row = known_architectures()["nasbench201_resnet"]
    >>> row.architecture
    Architecture(nor_conv_3x3 0>1 | none 0>2, nor_conv_3x3 1>2 | skip_connect 0>3, none 1>3, skip_connect 2>3)
    >>> row.n_params
    559386
    """
    return {
        "darts_v2": _darts(
            "Genotype(normal=[('sep_conv_3x3', 0), ('sep_conv_3x3', 1), ('sep_conv_3x3', 0), ('sep_conv_3x3', 1), "
            "('sep_conv_3x3', 1), ('skip_connect', 0), ('skip_connect', 0), ('dil_conv_3x3', 2)], "
            "normal_concat=range(2, 6), reduce=[('max_pool_3x3', 0), ('max_pool_3x3', 1), ('skip_connect', 2), "
            "('max_pool_3x3', 1), ('max_pool_3x3', 0), ('skip_connect', 2), ('skip_connect', 2), "
            "('max_pool_3x3', 1)], reduce_concat=range(2, 6))",
            3_349_342,
            97.24,
            "DARTS (second order), Liu, Simonyan, Yang, arXiv 1806.09055, table 1",
        ),
        "drnas_cifar10": _darts(
            "Genotype(normal=[('sep_conv_3x3', 0), ('sep_conv_5x5', 1), ('sep_conv_3x3', 1), ('sep_conv_3x3', 2), "
            "('skip_connect', 0), ('sep_conv_3x3', 1), ('sep_conv_3x3', 2), ('dil_conv_5x5', 3)], "
            "normal_concat=range(2, 6), reduce=[('max_pool_3x3', 0), ('sep_conv_5x5', 1), ('dil_conv_5x5', 2), "
            "('sep_conv_5x5', 1), ('sep_conv_5x5', 1), ('dil_conv_5x5', 3), ('skip_connect', 4), "
            "('sep_conv_5x5', 1)], reduce_concat=range(2, 6))",
            4_099_294,
            97.54,
            "DrNAS, Chen et al., arXiv 2006.10355, and the README of its code",
        ),
        "nasbench201_resnet": _nasbench201(
            "|nor_conv_3x3~0|+|none~0|nor_conv_3x3~1|+|skip_connect~0|none~1|skip_connect~2|",
            559_386,
            {"CIFAR-10": 93.91, "CIFAR-100": 70.89, "ImageNet16-120": 44.23},
        ),
        "nasbench201_best_cifar10": _nasbench201(
            "|nor_conv_3x3~0|+|nor_conv_3x3~0|nor_conv_3x3~1|+|skip_connect~0|nor_conv_3x3~1|nor_conv_1x1~2|",
            1_073_466,
            {"CIFAR-10": 94.37, "CIFAR-100": 73.22, "ImageNet16-120": 46.71},
        ),
        "nasbench201_best_cifar100": _nasbench201(
            "|nor_conv_3x3~0|+|nor_conv_3x3~0|nor_conv_3x3~1|+|skip_connect~0|nor_conv_3x3~1|nor_conv_3x3~2|",
            1_288_506,
            {"CIFAR-10": 94.36, "CIFAR-100": 73.51, "ImageNet16-120": 46.34},
        ),
        "nasbench201_best_imagenet16": _nasbench201(
            "|nor_conv_1x1~0|+|nor_conv_1x1~0|nor_conv_3x3~1|+|skip_connect~0|nor_conv_3x3~1|nor_conv_3x3~2|",
            858_426,
            {"CIFAR-10": 93.99, "CIFAR-100": 72.88, "ImageNet16-120": 47.31},
        ),
    }


def _darts(text: str, n_params: int, accuracy: float, source: str) -> KnownArchitecture:
    accuracies = MappingProxyType({"CIFAR-10": accuracy})
    return KnownArchitecture(read_genotype(text), 36, 20, n_params, accuracies, source)


def _nasbench201(text: str, n_params: int, accuracies: dict[str, float]) -> KnownArchitecture:
    return KnownArchitecture(read_nasbench201(text), 16, 15, n_params, MappingProxyType(accuracies), _NASBENCH201)
