"""Tables of trained architectures: a search in them takes seconds, and its distance to the best cell is known.

Each function loads a table as a :class:`~skopdist.evaluators.TabularEvaluator`, which is given to
:func:`~skopdist.search.run_search`. One table comes with the package; the others are read from files.
"""

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
