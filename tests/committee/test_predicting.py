from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.datasets import load_iris

from skopdist import OpDistNASClassifier
from skopdist.committee import Committee, temper
from skopdist.evaluators import TrainingEvaluator
from skopdist.networks._batched import _Stacked
from skopdist.problem import Problem
from skopdist.spaces import DenseSpace
from skopdist.training import Predictor, Trainer, Training


@given(
    arrays(float, (4, 3), elements=st.floats(0, 1)).filter(lambda p: (p.sum(axis=1) > 0).all()),
    st.floats(0.05, 20),
)
def test_tempered_probabilities_are_probabilities(p, temperature):
    p = p / p.sum(axis=1, keepdims=True)
    tempered = temper(p, temperature)
    assert np.isfinite(tempered).all()
    np.testing.assert_allclose(tempered.sum(axis=1), 1)
    # The order stays.
    assert (np.take_along_axis(tempered, p.argmax(axis=1)[:, None], axis=1)[:, 0] >= tempered.max(axis=1) - 1e-12).all()


def test_a_temperature_of_one_changes_nothing():
    p = np.array([[0.1, 0.9]])
    assert temper(p, 1.0) is p
    np.testing.assert_allclose(temper(p, 0.5), [[0.01 / 0.82, 0.81 / 0.82]])


def test_the_average_is_weighted_and_who_has_no_weight_is_left_out():
    X, y = load_iris(return_X_y=True)
    evaluator = TrainingEvaluator(n_cells=1, channels=8, training=Training(max_epochs=1)).fit(X, y, random_state=0)
    space = evaluator.search_space
    nets = [
        evaluator.trainer_.train(space.sample(space.uniform(), random_state=i), evaluator.problem_.training, i)
        for i in range(3)
    ]
    single = [Predictor(net.module_, 0)(X) for net in nets]
    expected = 0.25 * single[0] + 0.75 * single[2]
    committee = Committee(nets, [0.25, 0.0, 0.75], 0)
    # Networks for tables are computed as one.
    assert len(committee.predictors) == 1
    np.testing.assert_allclose(committee(X), expected, rtol=1e-9)
    np.testing.assert_allclose(committee(X)[3:4], committee(X[3:4]), rtol=1e-9)
    np.testing.assert_allclose(Committee(nets, [0.25, 0.0, 0.75], 0, 2.0)(X), temper(expected, 2.0), rtol=1e-9)
    with pytest.raises(ValueError, match="zip"):
        Committee(nets, [1.0], 0)


def test_networks_that_cannot_be_one_are_asked_one_by_one():
    X, y = load_iris(return_X_y=True)
    evaluator = TrainingEvaluator(n_cells=1, channels=8, training=Training(max_epochs=1)).fit(X, y, random_state=0)
    space, rows = evaluator.search_space, evaluator.problem_.training
    drawn = [space.sample(space.uniform(), length, random_state=0) for length in (3, 6)]
    nets = [evaluator.trainer_.train(architecture, rows, 0) for architecture in drawn]
    committee = Committee(nets, [0.5, 0.5], 0)
    assert len(committee.predictors) == 2
    np.testing.assert_allclose(committee(X), np.mean([Predictor(net.module_, 0)(X) for net in nets], axis=0))


def test_members_of_several_sizes(iris):
    problem = Problem.of(*iris)
    trainer = Trainer.of(problem, Training(max_epochs=1), 1, 8, "cpu")
    bare = DenseSpace(stems=()).reference_architectures()[0]
    nets = [
        trainer.train(replace(bare, settings=settings), problem.everything, 0)
        for settings in ({"channels": 8}, {"channels": 12}, {"n_cells": 2})
    ]
    committee = Committee(nets, [0.5, 0.25, 0.25], n_spatial=0)
    expected = sum(
        weight * Committee([net], [1.0], n_spatial=0)(iris[0])
        for net, weight in zip(nets, [0.5, 0.25, 0.25], strict=True)
    )
    np.testing.assert_allclose(committee(iris[0]), expected, rtol=0, atol=1e-9)


def test_networks_are_not_kept_beside_their_stacked_weights(iris):
    clf = OpDistNASClassifier(n_trials=2, n_members=2, max_epochs=1, n_cells=1, channels=8, random_state=0).fit(*iris)
    (predictor,) = clf._predictor.predictors
    stacked = [module for module in predictor.module.modules() if isinstance(module, _Stacked)]
    assert stacked
    assert not any(module.layers for module in stacked)
