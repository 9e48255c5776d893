import numpy as np
import pytest

from skopdist.evaluators import Evaluator
from skopdist.evaluators._base import Outcome
from skopdist.spaces import DenseSpace, SequenceSpace


class Scripted(Evaluator):
    def __init__(self, outcome):
        self.outcome = outcome

    @property
    def search_space(self):
        return DenseSpace()

    def _fit(self, problem, seed):
        self.seen_ = problem, seed

    def _evaluate(self, architecture, mixture, seed):
        if isinstance(self.outcome, BaseException):
            raise self.outcome
        return self.outcome


SPACE = DenseSpace()
ARCHITECTURE = SPACE.sample(SPACE.uniform(), random_state=0)


@pytest.mark.parametrize("error", [ValueError("bad"), MemoryError("full"), FloatingPointError("nan"), KeyError("x")])
def test_an_error_is_a_failed_trial_with_its_reason(error):
    trial = Scripted(error).evaluate(ARCHITECTURE, seed=3)
    assert trial.status == "failed"
    assert np.isnan(trial.score)
    assert trial.message == f"{type(error).__name__}: {error}"
    assert trial.seed == 3


@pytest.mark.parametrize("error", [KeyboardInterrupt(), SystemExit()])
def test_what_is_no_error_goes_through(error):
    with pytest.raises(type(error)):
        Scripted(error).evaluate(ARCHITECTURE)


@pytest.mark.parametrize("score", [np.nan, np.inf, -np.inf])
def test_a_score_that_is_not_finite_is_a_failure(score):
    trial = Scripted(Outcome(score, 5.0)).evaluate(ARCHITECTURE)
    assert trial.status == "failed"
    assert trial.message == f"The score is {score}; a finite number was expected."
    assert trial.cost == 5, "the epochs were spent all the same"


def test_the_distribution_is_the_architecture_s_unless_given():
    evaluator = Scripted(Outcome(0.5, 1.0))
    assert evaluator.evaluate(ARCHITECTURE).distribution == SPACE.encode(ARCHITECTURE)
    assert evaluator.evaluate(ARCHITECTURE, distribution=SPACE.uniform()).distribution == SPACE.uniform()


def test_refuses_architectures_of_another_space():
    other = SequenceSpace()
    with pytest.raises(ValueError, match=r"DenseSpace expects the operations"):
        Scripted(Outcome(0.5, 1.0)).evaluate(other.sample(other.uniform(), random_state=0))


def test_fit_makes_a_problem_of_arrays():
    evaluator = Scripted(Outcome(0.5, 1.0)).fit([[1], [2]], ["a", "b"], [1, 2.5], random_state=7)
    problem, seed = evaluator.seen_
    assert problem.everything.X.shape == (2, 1)
    assert problem.classes.tolist() == ["a", "b"]
    assert sorted(problem.everything.weight) == [1, 2.5]
    assert seed == 7
    assert evaluator.fit_problem(problem).seen_[0] is problem
