"""Training: the recipe, and how a network is trained by it through skorch, from batches to predictions."""

from skopdist.training._augmentation import Augmentation, shift, shift_flip
from skopdist.training._nets import Trainer
from skopdist.training._prediction import Predict, Predictor, affordable
from skopdist.training._recipe import Training
from skopdist.training._skorch import passes
from skopdist.training._storing import put_together, take_apart

__all__ = [
    "Augmentation",
    "Predict",
    "Predictor",
    "Trainer",
    "Training",
    "affordable",
    "passes",
    "put_together",
    "shift",
    "shift_flip",
    "take_apart",
]
