"""Trackers hand each trial of a search to Optuna or to MLflow, whose dashboards then show it."""

from skopdist.tracking._base import Tracker
from skopdist.tracking._mlflow import MLflowTracker
from skopdist.tracking._optuna import OptunaTracker

__all__ = ["MLflowTracker", "OptunaTracker", "Tracker"]
