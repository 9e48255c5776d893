"""Tabular benchmarks: searches that take milliseconds, and whose optimum is known."""

from skopdist.tables._darts import load_darts_random, load_oncenas
from skopdist.tables._digits import load_digits_cells
from skopdist.tables._macro import load_nasbench_macro
from skopdist.tables._nasbench201 import load_nasbench201, wrap_nasbench201

__all__ = [
    "load_darts_random",
    "load_digits_cells",
    "load_nasbench201",
    "load_nasbench_macro",
    "load_oncenas",
    "wrap_nasbench201",
]
