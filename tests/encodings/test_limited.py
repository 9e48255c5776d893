from functools import partial

import numpy as np
import pytest
from everything import ENCODINGS, STRATEGIES
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import clone

from skopdist.distribution import OperationDistribution
from skopdist.encodings import AdjacencyEncoding, DistributionEncoding, Limit, LimitedEncoding
from skopdist.evaluators import TabularEvaluator
from skopdist.search import run_search
from skopdist.spaces import DARTSSpace, DenseSpace, MacroSpace, NASBench201Space
from skopdist.testing import check_encoding, check_strategy
from skopdist.trial import Trial

SPACE = NASBench201Space()


def name_of(part):
    return repr(part)


def weighed(architecture):
    """The share of operations with weights: linear in the distribution."""
    heavy = sum("conv" in name or "linear" in name for name in architecture.operations)
    return heavy / len(architecture.operations)


def placed(architecture, weights=(0, 1, 2, 5, 1)):
    """Not linear: later slots cost more."""
    names = SPACE.operation_names
    return sum((1 + slot) * weights[names.index(name)] for slot, name in enumerate(architecture.operations))


def of_one(name, architecture):
    return architecture.operations.count(name) / len(architecture.operations)


HALF = Limit("heavy", weighed, 0.5)


@pytest.mark.parametrize("inner", ENCODINGS, ids=name_of)
@pytest.mark.parametrize("limit", [HALF, Limit("placed", placed, 60)], ids=["linear", "by slot"])
def test_contract(inner, limit):
    check_encoding(LimitedEncoding(inner, [limit]), lengths=(1, 6))


@pytest.mark.parametrize("space", [DARTSSpace(), MacroSpace(), DenseSpace()], ids=name_of)
def test_contract_in_other_spaces(space):
    limit = Limit("not passed on", partial(of_one, space.operation_names[-1]), 0.6)
    check_encoding(LimitedEncoding(AdjacencyEncoding(), [limit]), space, lengths=(4,))


@pytest.mark.slow
@pytest.mark.parametrize("inner", ENCODINGS, ids=name_of)
@pytest.mark.parametrize("strategy", STRATEGIES, ids=name_of)
def test_contract_of_strategies(strategy, inner):
    check_strategy(strategy, LimitedEncoding(inner, [HALF]))


@pytest.mark.parametrize("inner", ENCODINGS[:2], ids=name_of)
@pytest.mark.parametrize("strategy", STRATEGIES, ids=name_of)
def test_every_strategy_stays_within_the_limit(strategy, inner):
    bound = LimitedEncoding(inner, [Limit("placed", placed, 25)]).bind(SPACE)
    started = strategy.start(bound, 0)
    rng = np.random.default_rng(0)
    for index in range(8):
        for point in started.suggest(1):
            architecture = bound.decode(point, rng)
            assert placed(architecture) <= 25
            score = architecture.operations.count("nor_conv_3x3")
            gradient = np.ones(bound.mixture_shape) * [0, 0, 0, 1, 0]
            ratio = SPACE.encode(architecture)
            started.observe([Trial(architecture, ratio, score, index=index, gradient=gradient)])
    # Slots weigh 1 + 2 + ... + 6 = 21 in all; other strategies recommend the ratio of something they have tried.
    expected = 21 * started.recommend().probabilities[0] @ [0, 1, 2, 5, 1]
    assert expected <= 25 + 1e-6 or not strategy.needs_gradient


@given(
    strategy=st.sampled_from([s for s in STRATEGIES if not s.needs_gradient]),
    inner=st.sampled_from(ENCODINGS),
    weights=st.lists(st.floats(0, 10), min_size=5, max_size=5),
    share=st.floats(0.2, 1),
    seed=st.integers(0, 2**31),
)
@settings(max_examples=8)
def test_nothing_beyond_the_limit_is_evaluated(strategy, inner, weights, share, seed):
    cost = partial(placed, weights=weights)
    lowest, highest = min(weights[1:]) * 6, max(weights) * 6  # of three slots
    limit = Limit("placed", cost, lowest + share * (highest - lowest) + 1e-6)
    space = NASBench201Space()
    evaluator = TabularEvaluator(space, lambda operations: operations.count("nor_conv_3x3"))
    encoding = LimitedEncoding(inner, [limit])
    result = run_search(strategy, evaluator, encoding=encoding, n_trials=5, length=3, random_state=seed)
    assert all(limit.allows(trial.architecture) for trial in result.trials)
    assert all(
        trial.distribution == space.encode(trial.architecture) for trial in result.trials if inner is ENCODINGS[1]
    )


@given(
    inner=st.sampled_from(ENCODINGS),
    p=st.lists(st.floats(0.001, 1), min_size=5, max_size=5),
    maximum=st.floats(0, 6),
    seed=st.integers(0, 2**31),
)
def test_distributions_move_into_the_half_space_and_no_further(inner, p, maximum, seed):
    weights = np.array([0, 0, 1, 1, 0])
    limit = Limit("heavy", weighed, maximum / 6)
    encoding = LimitedEncoding(inner, [limit]).bind(SPACE)
    wanted = OperationDistribution(SPACE.operation_names, np.array(p) / sum(p))
    found = encoding.distribution(encoding.from_distribution(wanted, seed)).probabilities[0]
    assert found @ weights <= maximum / 6 + 1e-9
    if isinstance(inner, DistributionEncoding):
        expected = min(float(wanted.probabilities[0] @ weights), maximum / 6)
        assert found @ weights == pytest.approx(expected)
        # What has to go goes to what costs nothing and passes on, in the ratio that is there.
        assert found[1] * p[4] == pytest.approx(found[4] * p[1])


def test_a_distribution_within_the_limit_is_left_alone():
    encoding = LimitedEncoding(DistributionEncoding(), [HALF]).bind(SPACE)
    assert encoding.distribution(encoding.from_distribution(SPACE.uniform())) == SPACE.uniform()


@pytest.mark.parametrize("cost", [weighed, placed], ids=["linear", "by slot"])
def test_points_and_neighbours_are_those_within_the_limit(cost):
    limit = Limit("cost", cost, 0.4 if cost is weighed else 9)
    inner = AdjacencyEncoding().bind(SPACE, 3)
    encoding = LimitedEncoding(AdjacencyEncoding(), [limit]).bind(SPACE, 3)
    for found, everything in (
        (encoding.points(1000), inner.points(1000)),
        (encoding.neighbours(inner.points(1000)[60]), inner.neighbours(inner.points(1000)[60])),
    ):
        allowed = np.array([limit.allows(inner.decode(point)) for point in everything])
        assert 0 < allowed.sum() < len(allowed)
        assert np.array_equal(found, everything[allowed])
    assert encoding.points(10) is None


def test_lattice_points_are_those_within_the_half_space():
    encoding = LimitedEncoding(DistributionEncoding(), [HALF]).bind(SPACE)
    points = encoding.points(1000)
    everything = DistributionEncoding().bind(SPACE).points(1000)
    assert np.array_equal(points, everything[everything[:, 2:4].sum(axis=1) <= 0.5 + 1e-9])


def test_a_point_beyond_the_limit_is_decoded_within_it():
    encoding = LimitedEncoding(AdjacencyEncoding(), [Limit("placed", placed, 50)]).bind(SPACE)
    dear = SPACE.make_architecture([SPACE.make_cell(["nor_conv_3x3"] * 6, SPACE.potential_edges(6))])
    assert placed(dear) == 105
    found = encoding.decode(encoding.encode(dear), random_state=0)
    # Cheaper, but no cheaper than need be.
    assert 40 < placed(found) <= 50


@pytest.mark.parametrize("inner", ENCODINGS[:2], ids=name_of)
def test_mixtures_move_into_the_half_space(inner):
    encoding = LimitedEncoding(inner, [HALF]).bind(SPACE)
    shape = encoding.mixture_shape
    mixture = np.zeros(shape)
    mixture[..., 3] = 1
    moved = encoding.mixture(encoding.from_mixture(mixture))
    assert np.allclose(moved[..., 3], 0.5)
    assert np.allclose(moved.sum(axis=-1), 1)


def test_limits_that_pull_apart_hold_together():
    limits = [Limit(name, partial(of_one, name), most) for name, most in (("skip_connect", 0.5), ("avg_pool_3x3", 0.6))]
    limits.append(Limit("heavy", weighed, 0))
    encoding = LimitedEncoding(DistributionEncoding(), limits).bind(NASBench201Space())
    point = encoding.from_distribution(OperationDistribution(SPACE.operation_names, [0, 1, 0, 0, 0]))
    for seed in range(5):
        assert all(limit.allows(encoding.decode(point, seed)) for limit in limits)


def test_a_table_may_hold_the_costs():
    table = {("skip_connect",): 1.0, ("nor_conv_3x3",): 9.0}
    space = NASBench201Space(("skip_connect", "nor_conv_3x3"))
    encoding = LimitedEncoding(AdjacencyEncoding(), [Limit("measured", table, 3)]).bind(space, 1)
    assert len(encoding.points(10)) == 1
    assert clone(encoding).limits[0].cost is table


@pytest.mark.parametrize("inner", ENCODINGS, ids=name_of)
def test_a_limit_that_nothing_meets(inner):
    cheap = Limit("placed", placed, -2)
    with pytest.raises(ValueError, match=r"No architecture of length 6 in NASBench201Space .* placed=-2, .* cost is"):
        LimitedEncoding(inner, [HALF, cheap]).bind(SPACE)
    limits = [Limit("a", weighed, 0.3), Limit("b", lambda architecture: 1 - weighed(architecture), 0.3)]
    with pytest.raises(ValueError, match=r"within the limit all at once: a=0.3, b=0.3"):
        LimitedEncoding(inner, limits).bind(SPACE)


def test_what_has_no_path_does_not_count_as_an_architecture_within():
    space = NASBench201Space(("none", "nor_conv_3x3"))
    with pytest.raises(ValueError, match=r"the smallest possible cost is 0\.166"):
        LimitedEncoding(DistributionEncoding(), [Limit("heavy", weighed, 0.1)]).bind(space)
    encoding = LimitedEncoding(DistributionEncoding(), [Limit("heavy", weighed, 0.2)]).bind(space)
    architecture = encoding.decode(encoding.from_distribution(space.uniform()), random_state=0)
    assert architecture.operations.count("nor_conv_3x3") == 1


def test_bad_limits():
    with pytest.raises(ValueError, match=r"maximum of the limit 'heavy' must be finite, got nan"):
        Limit("heavy", weighed, float("nan"))
    with pytest.raises(ValueError, match=r"at least one Limit"):
        LimitedEncoding(DistributionEncoding(), []).bind(SPACE)
