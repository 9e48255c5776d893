"""Evaluators that misbehave; in a module of their own, so that worker processes can import them."""

import os
import signal
import time
from functools import partial

from skopdist.evaluators import Evaluator
from skopdist.evaluators._base import Outcome, attempt
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


class InPairs(Misbehaving):
    """Scores an architecture and the next but one in one go, in the time of one.

    Attributes
    ----------
    asked_ : list of list of int
        The seeds of each pair.
    """

    def together(self, architectures):
        n = len(architectures)
        if n == 2:
            return [[0, 1]]
        return [[j for j in (i, i + 2) if j < n] for i in range(n) if i % 4 < 2]

    def _evaluate_many(self, architectures, mixtures, seeds):
        self.__dict__.setdefault("asked_", []).append(list(seeds))
        time.sleep(self.pause)
        at_once = Misbehaving(self.deed, self.seeds)
        chosen = zip(architectures, mixtures, seeds, strict=True)
        return [attempt(partial(at_once._evaluate, *each)) for each in chosen]


class Neighbours(InPairs):
    """Scores all that it is given in one go."""

    def together(self, architectures):
        return [list(range(len(architectures)))]
