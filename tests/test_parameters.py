import pytest
from sklearn.base import clone
from sklearn.pipeline import make_pipeline

from skopdist import OpDistNASClassifier
from skopdist.evaluators import SupernetEvaluator, TrainingEvaluator
from skopdist.spaces import DARTSSpace
from skopdist.strategies import BayesianOptimization, RandomSearch
from skopdist.training import Training


@pytest.mark.parametrize(
    ("part", "name"),
    [
        (OpDistNASClassifier(), "strategy"),
        (OpDistNASClassifier(), "search_space"),
        (OpDistNASClassifier(), "encoding"),
        (OpDistNASClassifier(), "evaluator"),
        (OpDistNASClassifier(), "prior"),
        (OpDistNASClassifier(), "n_trials"),
        (OpDistNASClassifier(net_params={"lr": 1}), "net_params"),
        (OpDistNASClassifier(strategy="bayes"), "strategy"),
        (OpDistNASClassifier(strategy=RandomSearch), "strategy"),
        (OpDistNASClassifier(search_space="darts"), "search_space"),
        (OpDistNASClassifier(training="fast"), "training"),
        (SupernetEvaluator(), "space"),
        (TrainingEvaluator(), "training"),
        (Training(optimizer="sgd"), "optimizer"),
        (DARTSSpace(), "stems"),
        (BayesianOptimization(), "n_initial"),
    ],
    ids=lambda value: value if isinstance(value, str) else type(value).__name__,
)
def test_what_has_no_parameters_is_refused_by_name(part, name):
    got = type(part).__name__
    with pytest.raises(ValueError, match=rf"Invalid parameter '{name}__x' for estimator {got}: '{name}' must be"):
        clone(part).set_params(**{f"{name}__x": 1})


def test_nested_ones_say_whose():
    pipeline = make_pipeline(OpDistNASClassifier(evaluator=TrainingEvaluator()))
    with pytest.raises(ValueError, match=r"'training__lr' for estimator TrainingEvaluator: 'training' must be an obj"):
        pipeline.set_params(opdistnasclassifier__evaluator__training__lr=1)


def test_nothing_is_set_if_something_cannot_be():
    clf = OpDistNASClassifier(n_trials=3)
    with pytest.raises(ValueError, match=r"must be an object with the parameter 'n_initial', got None\. Set "):
        clf.set_params(n_trials=4, strategy__n_initial=2)
    assert clf.n_trials == 3


def test_an_object_may_come_in_the_same_call():
    clf = OpDistNASClassifier().set_params(strategy__n_initial=2, strategy=BayesianOptimization())
    assert clf.strategy.n_initial == 2
    with pytest.raises(ValueError, match=r"got None"):
        clf.set_params(strategy=None, strategy__n_initial=2)


def test_unknown_names_are_refused_as_elsewhere():
    for name in ("nothing", "nothing__x"):
        with pytest.raises(ValueError, match=r"Invalid parameter 'nothing' for estimator OpDistNASClassifier\(\)"):
            OpDistNASClassifier().set_params(**{name: 1})
    with pytest.raises(ValueError, match=r"Invalid parameter 'x' for estimator BayesianOptimization\(\)"):
        OpDistNASClassifier(strategy=BayesianOptimization()).set_params(strategy__x=1)
