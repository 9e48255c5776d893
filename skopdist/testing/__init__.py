"""Contracts that plug-ins have to meet: the test of a new one takes two lines.

Each function runs an operation, a space, an encoding, a strategy or an evaluator through everything that the rest of
the library relies on, and raises an AssertionError that says what was expected and what came. None needs pytest::

    def test_my_strategy():
        check_strategy(MyStrategy())
"""

from skopdist.testing._encodings import check_encoding
from skopdist.testing._evaluators import check_evaluator
from skopdist.testing._operations import check_operation
from skopdist.testing._spaces import check_space
from skopdist.testing._strategies import check_strategy

__all__ = ["check_encoding", "check_evaluator", "check_operation", "check_space", "check_strategy"]
