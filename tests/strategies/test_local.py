import pytest

from skopdist import Scalar
from skopdist.encodings import AdjacencyEncoding, DistributionEncoding
from skopdist.evaluators import TabularEvaluator
from skopdist.search import run_search
from skopdist.spaces import DenseSpace, NASBench201Space
from skopdist.strategies import LocalSearch
from skopdist.testing import check_strategy


@pytest.mark.parametrize("space", [NASBench201Space(), DenseSpace()], ids=str)
@pytest.mark.parametrize("encoding", [None, DistributionEncoding(), AdjacencyEncoding()], ids=str)
def test_contract(encoding, space):
    check_strategy(LocalSearch(), encoding, space)


def test_finds_the_optimum_of_a_smooth_table():
    table = TabularEvaluator(NASBench201Space(), lambda operations: operations.count("nor_conv_3x3"))
    for seed in range(5):
        result = run_search(LocalSearch(), table, n_trials=60, random_state=seed)
        assert result.best_score == 6
        assert result.best_distribution["nor_conv_3x3"] == 1


@pytest.mark.parametrize("encoding", [DistributionEncoding(), AdjacencyEncoding()], ids=str)
def test_asks_no_point_twice_and_sees_all_of_a_small_space(encoding):
    space = DenseSpace(["linear_relu", "skip_connect"], stems=())
    table = TabularEvaluator(space, lambda operations: operations.count("linear_relu"))
    with pytest.warns(UserWarning, match=r"no more points: the search ended after \d+ of 100 trials"):
        result = run_search(LocalSearch(), table, encoding=encoding, length=3, n_trials=100, random_state=0)
    assert result.stop_reason == "exhausted"
    assert len(result.trials) == (4 if isinstance(encoding, DistributionEncoding) else 8)
    bound = encoding.bind(space, 3)
    points = {bound.encode(trial.architecture).tobytes() for trial in result.trials}
    assert len(points) == len(result.trials)


@pytest.mark.parametrize("n_initial", [0, -1])
def test_bad_n_initial(n_initial):
    with pytest.raises(ValueError, match=f"n_initial must be at least 1, got {n_initial}"):
        LocalSearch(n_initial).start(DistributionEncoding().bind(DenseSpace()))


def test_contract_with_scalars():
    space = NASBench201Space(scalars=[Scalar("lr", 0.001, 0.1, log=True), Scalar("n_cells", 1, 3, integer=True)])
    check_strategy(LocalSearch(), DistributionEncoding(), space)
