"""Readers and writers of the literature's notations of architectures, and its best known architectures."""

from skopdist.formats._genotype import read_genotype, write_genotype
from skopdist.formats._known import KnownArchitecture, known_architectures
from skopdist.formats._macro import read_macro, write_macro
from skopdist.formats._nasbench101 import read_nasbench101, write_nasbench101
from skopdist.formats._nasbench201 import read_nasbench201, write_nasbench201

__all__ = [
    "KnownArchitecture",
    "known_architectures",
    "read_genotype",
    "read_macro",
    "read_nasbench101",
    "read_nasbench201",
    "write_genotype",
    "write_macro",
    "write_nasbench101",
    "write_nasbench201",
]
