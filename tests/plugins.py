"""An evaluator that misbehaves; in a module of its own, so that worker processes can import it."""

import os
import signal
import time

from skopdist.evaluators import Evaluator
from skopdist.evaluators._base import Outcome
from skopdist.spaces import DenseSpace


class Misbehaving(Evaluator):
    """Scores by the share of one operation, but does something else for some seeds.

    Parameters
    ----------
    deed : {"raise", "memory", "nan", "kill", "interrupt", "none"}
    seeds : collection of int or None
        The seeds of the trials that misbehave; None means all.
    pause : float
        Seconds that each evaluation takes.
    mark : str or None
        File that the first misdeed leaves behind, and after which there is no other.
    """

    def __init__(self, deed="none", seeds=None, pause=0.0, mark=None):
        self.deed = deed
        self.seeds = seeds
        self.pause = pause
        self.mark = mark

    @property
    def search_space(self):
        return DenseSpace()

    def _identity(self):
        # A search that goes on after the misdeed is the same search.
        return {}

    def _evaluate(self, architecture, mixture, seed):
        time.sleep(self.pause)
        if (self.seeds is None or seed in self.seeds) and not (self.mark and os.path.exists(self.mark)):
            if self.mark:
                open(self.mark, "x").close()
            if self.deed == "raise":
                raise RuntimeError("raised on purpose")
            if self.deed == "memory":
                raise MemoryError("a fake shortage")
            if self.deed == "nan":
                return Outcome(float("nan"), 1.0)
            if self.deed == "kill":
                os.kill(os.getpid(), signal.SIGKILL)
            if self.deed == "interrupt":
                raise KeyboardInterrupt
        return Outcome(architecture.operations.count("linear_relu") / architecture.length, 1.0)
