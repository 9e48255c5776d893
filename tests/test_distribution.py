import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from skopdist import OperationDistribution
from skopdist.distribution import SAMPLING_METHODS, lattice

NAMES = [f"op_{i}" for i in range(8)]


@st.composite
def distributions(draw, max_types=2):
    k = draw(st.integers(1, len(NAMES)))
    types = [f"type_{i}" for i in range(draw(st.integers(1, max_types)))]
    weight = st.one_of(st.just(0.0), st.floats(1e-6, 1.0))
    rows = [draw(st.lists(weight, min_size=k, max_size=k).filter(any)) for _ in types]
    return OperationDistribution.from_counts(NAMES[:k], rows, types)


@given(distributions())
def test_probabilities_are_a_point_of_the_simplex(p):
    assert p.probabilities.shape == (len(p.cell_types), len(p.operations))
    assert (p.probabilities >= 0).all()
    np.testing.assert_allclose(p.probabilities.sum(axis=1), 1, rtol=0, atol=1e-12)


@given(distributions(), st.integers(1, 60), st.integers(0, 2**32))
def test_systematic_counts_are_within_one_of_their_expectation(p, length, seed):
    counts = np.atleast_2d(p.sample(length, seed))
    assert counts.dtype == np.int64
    assert (counts >= 0).all()
    assert (counts.sum(axis=1) == length).all()
    assert (np.abs(counts - length * p.probabilities) < 1).all()


@given(distributions(), st.integers(1, 60), st.integers(0, 2**32))
def test_multinomial_counts_sum_to_the_length_and_use_only_what_is_possible(p, length, seed):
    counts = np.atleast_2d(p.sample(length, seed, method="multinomial"))
    assert (counts.sum(axis=1) == length).all()
    assert (counts[p.probabilities == 0] == 0).all()


@pytest.mark.parametrize("method", SAMPLING_METHODS)
@pytest.mark.parametrize("length", [1, 3, 6, 17])
@pytest.mark.parametrize("seed", range(4))
def test_mean_count_tends_to_its_expectation(method, length, seed):
    rng = np.random.default_rng(seed)
    p = OperationDistribution(NAMES[:5], rng.dirichlet(np.ones(5)))
    n_draws = 4000
    counts = np.array([p.sample(length, rng, method) for _ in range(n_draws)])
    expected = length * np.asarray(p)
    # Systematic counts take two neighbouring integers, so their variance is 1/4 at most.
    variance = 0.25 if method == "systematic" else expected * (1 - np.asarray(p))
    assert (np.abs(counts.mean(axis=0) - expected) < 5 * np.sqrt(variance / n_draws)).all()


def test_systematic_sampling_rounds_neighbours_up_together():
    # A fixed order would never give the first two at once.
    p = OperationDistribution(NAMES[:4], [0.25] * 4)
    pairs = {tuple(np.flatnonzero(p.sample(2, seed))) for seed in range(200)}
    assert len(pairs) == 6


@given(distributions())
def test_json_and_pickle_round_trips_are_exact(p):
    for restored in (OperationDistribution.from_json(p.to_json()), pickle.loads(pickle.dumps(p))):
        assert restored == p
        assert hash(restored) == hash(p)
        assert restored.probabilities.tobytes() == p.probabilities.tobytes()


@given(distributions())
def test_entropy_lies_between_zero_and_that_of_the_uniform(p):
    entropy = np.atleast_1d(p.entropy)
    assert (entropy >= 0).all()
    assert (entropy <= np.log(len(p.operations)) + 1e-12).all()


def test_a_file_holds_a_distribution_exactly(tmp_path):
    p = OperationDistribution(["a", "b"], [[1 / 3, 2 / 3], [0.1, 0.9]], ["normal", "reduce"])
    p.save(tmp_path / "p.json")
    assert OperationDistribution.load(tmp_path / "p.json") == p
    assert OperationDistribution.load(str(tmp_path / "p.json")) == p
    # What is no distribution is tested where files are read as priors.


def test_entropy_of_known_distributions():
    assert OperationDistribution(["a", "b"], [1, 0]).entropy == 0
    assert OperationDistribution.uniform(["a", "b"]).entropy == pytest.approx(np.log(2))
    two = OperationDistribution(["a", "b"], [[1, 0], [0.5, 0.5]], ["normal", "reduce"])
    np.testing.assert_allclose(two.entropy, [0, np.log(2)])


def test_array_has_a_row_for_each_cell_type_unless_there_is_one():
    one = OperationDistribution(["a", "b"], [0.25, 0.75])
    two = OperationDistribution(["a", "b"], [[1, 0], [0.5, 0.5]], ["normal", "reduce"])
    assert np.asarray(one).shape == (2,)
    assert np.asarray(two).shape == (2, 2)
    assert one["b"] == 0.75
    np.testing.assert_array_equal(two["b"], [0, 0.5])
    assert one.sample(4, 0).shape == (2,)
    assert two.sample(4, 0).shape == (2, 2)


def test_is_immutable():
    p = OperationDistribution(["a", "b"], [0.25, 0.75])
    with pytest.raises(AttributeError, match=r"immutable"):
        p.operations = ("c",)
    with pytest.raises(ValueError, match=r"read-only"):
        p.probabilities[0, 0] = 1
    np.asarray(p)[0] = 1
    assert p["a"] == 0.25


def test_equality_and_hash():
    a, b = OperationDistribution(["a", "b"], [0.25, 0.75]), OperationDistribution(["a", "b"], [0.25, 0.75])
    assert a == b
    assert len({a, b}) == 1
    assert a != OperationDistribution(["a", "b"], [0.75, 0.25])
    assert a != OperationDistribution(["a", "c"], [0.25, 0.75])
    assert a != "a"


def test_repr_can_be_read():
    assert repr(OperationDistribution(["a", "b"], [0.25, 0.75])) == "OperationDistribution(a=0.25, b=0.75)"
    two = OperationDistribution(["a", "b"], [[1, 0], [0.5, 0.5]], ["normal", "reduce"])
    assert repr(two) == "OperationDistribution(normal: a=1.00; reduce: a=0.50, b=0.50)"


@pytest.mark.parametrize(
    ("probabilities", "message"),
    [
        ([0.5, 0.6], r"sum to 1, got sums \[1\.1\].*from_counts"),
        ([0.5, 0.25, 0.25], r"Expected probabilities of shape \(1, 2\).*got shape \(1, 3\)"),
        ([[0.5, 0.5], [0.5, 0.5]], r"Expected probabilities of shape \(1, 2\).*got shape \(2, 2\)"),
        ([-0.5, 1.5], r"finite and not negative, got \[\[-0\.5, 1\.5\]\]"),
        ([np.nan, 1.0], "finite and not negative, got .*nan"),
        ([np.inf, 1.0], "finite and not negative, got .*inf"),
    ],
)
def test_bad_probabilities(probabilities, message):
    with pytest.raises(ValueError, match=message):
        OperationDistribution(["a", "b"], probabilities)


def test_bad_names():
    with pytest.raises(ValueError, match=r"operations must be distinct names, at least one; got \('a', 'a'\)"):
        OperationDistribution(["a", "a"], [0.5, 0.5])
    with pytest.raises(ValueError, match=r"operations must be distinct names, at least one"):
        OperationDistribution([], [])
    with pytest.raises(ValueError, match=r"cell_types must be distinct names"):
        OperationDistribution(["a"], [[1], [1]], ["x", "x"])
    with pytest.raises(KeyError, match=r"'c' is not one of the operations \('a', 'b'\)"):
        OperationDistribution(["a", "b"], [0.5, 0.5])["c"]
    with pytest.raises(ValueError, match=r"positive sum"):
        OperationDistribution.from_counts(["a", "b"], [0, 0])


@pytest.mark.parametrize("length", [0, -1, 2.5, "3", None, True, 10**30])
def test_bad_length(length):
    with pytest.raises(ValueError, match=r"length must be an integer >= 1.*got"):
        OperationDistribution(["a", "b"], [0.5, 0.5]).sample(length)


def test_bad_sampling_method():
    with pytest.raises(ValueError, match=r"Unknown sampling method 'magic'; expected one of .*systematic"):
        OperationDistribution(["a", "b"], [0.5, 0.5]).sample(3, method="magic")


@pytest.mark.parametrize("random_state", [-1, "seed", 1.5])
def test_bad_random_state(random_state):
    with pytest.raises(ValueError, match=r"random_state must be"):
        OperationDistribution(["a", "b"], [0.5, 0.5]).sample(3, random_state)


def test_random_states_of_every_kind():
    p = OperationDistribution.uniform(NAMES)
    assert np.array_equal(p.sample(5, 7), p.sample(5, np.int64(7)))
    assert np.array_equal(p.sample(5, np.random.default_rng(7)), p.sample(5, np.random.default_rng(7)))
    assert np.array_equal(p.sample(5, np.random.RandomState(7)), p.sample(5, np.random.RandomState(7)))
    rng = np.random.default_rng(0)
    assert len({p.sample(5, rng).tobytes() for _ in range(20)}) > 1, "a generator's stream goes on"
    assert len({p.sample(5).tobytes() for _ in range(20)}) > 1, "None draws anew"


@pytest.mark.parametrize(("k", "length", "size"), [(5, 6, 210), (7, 8, 3003), (1, 4, 1), (4, 1, 4)])
def test_lattice_lists_every_count_vector_once(k, length, size):
    counts = lattice(k, length)
    assert counts.shape == (size, k)
    assert (counts.sum(axis=1) == length).all()
    assert len(np.unique(counts, axis=0)) == size
    assert counts.tolist() == sorted(counts.tolist())
