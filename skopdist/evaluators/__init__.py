"""Evaluators: from an architecture to a trial."""

from skopdist.evaluators._base import Evaluator, Outcome
from skopdist.evaluators._tabular import TabularEvaluator

__all__ = ["Evaluator", "Outcome", "TabularEvaluator"]
