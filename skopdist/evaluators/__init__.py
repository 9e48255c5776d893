"""Evaluators: from an architecture to a trial."""

from skopdist.evaluators._base import Evaluator, Outcome
from skopdist.evaluators._scoring import Scorer
from skopdist.evaluators._supernet import SupernetEvaluator
from skopdist.evaluators._supervised import SupervisedEvaluator
from skopdist.evaluators._tabular import TabularEvaluator
from skopdist.evaluators._training import TrainingEvaluator

__all__ = [
    "Evaluator",
    "Outcome",
    "Scorer",
    "SupernetEvaluator",
    "SupervisedEvaluator",
    "TabularEvaluator",
    "TrainingEvaluator",
]
