"""Training: how a network is trained through skorch, from batches and augmentation to prediction."""

from skopdist.training._augmentation import Augmentation, shift, shift_flip
from skopdist.training._nets import Recipe, make_net, predict_proba, train

__all__ = ["Augmentation", "Recipe", "make_net", "predict_proba", "shift", "shift_flip", "train"]
