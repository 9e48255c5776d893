import pytest

from skopdist._columns import Columns
from skopdist.networks import NetworkCosts, fill_limits, usual_size
from skopdist.spaces import DARTSSpace, DenseSpace, MacroSpace, NASBench101Space, NASBench201Space, SequenceSpace

SHAPES = {
    NASBench201Space: (1, 8, 8),
    DARTSSpace: (1, 8, 8),
    NASBench101Space: (3, 9, 8),
    MacroSpace: (1, 8, 8),
    SequenceSpace: (2, 60),
    DenseSpace: (20,),
}
SPACES = [space() for space in SHAPES]


@pytest.fixture
def counted(monkeypatch):
    """Let a latency be counted, for measured ones differ."""
    monkeypatch.setattr(NetworkCosts, "latency", lambda self, architecture: 1e-9 * self.n_parameters(architecture))


def costs_of(space):
    return NetworkCosts(SHAPES[type(space)], 10, device="cpu")


def within(space, limits, n_cells, channels, length):
    """Count the cells that are known to be good and within limits at a size."""
    found = costs_of(space).of_size(n_cells, channels).limits(limits)
    return sum(all(limit.allows(a) for limit in found) for a in space.reference_architectures(length))


@pytest.mark.parametrize("limits", [{"params": 100_000}, {"latency": 1e-4}, {"params": 1e6, "flops": 900_000}])
@pytest.mark.parametrize("space", SPACES, ids=lambda space: type(space).__name__)
def test_limits_are_used_up(space, limits, counted):
    length = 5
    n_cells, channels = fill_limits(limits, costs_of(space), space, length)
    n_known = len(space.reference_architectures(length))
    assert 1 <= n_cells <= 3
    assert 4 <= channels <= 2 * usual_size(space.n_spatial)[1]
    assert 2 * within(space, limits, n_cells, channels, length) >= n_known
    if channels < 2 * usual_size(space.n_spatial)[1]:
        # The next width is too wide.
        assert 2 * within(space, limits, n_cells, channels + 8, length) < n_known


@pytest.mark.parametrize("space", SPACES, ids=lambda space: type(space).__name__)
def test_a_wide_limit_makes_networks_twice_as_wide(space):
    n_cells, channels = usual_size(space.n_spatial)
    assert fill_limits({"params": 1e12}, costs_of(space), space) == (n_cells, 2 * channels)
    assert fill_limits({"params": None}, costs_of(space), space) == (n_cells, channels)


def test_more_is_never_less():
    space = NASBench201Space()
    sizes = [fill_limits({"params": 2**k}, costs_of(space), space) for k in range(9, 22)]
    assert [n for n, _ in sizes] == sorted(n for n, _ in sizes)
    for n in (1, 2, 3):
        widths = [width for n_cells, width in sizes if n_cells == n]
        assert widths == sorted(widths)
        assert n == 1 or min(widths) >= usual_size(2)[1] / 2


def test_what_is_given_stays():
    space = NASBench201Space()
    limits = {"params": 20_000}
    assert fill_limits(limits, costs_of(space), space) == (2, 8)
    assert fill_limits(limits, costs_of(space), space, n_cells=1) == (1, 20)
    assert fill_limits(limits, costs_of(space), space, n_cells=5, channels=4) == (5, 4)
    assert fill_limits(limits, costs_of(space), space, channels=3) == (3, 3)
    assert fill_limits(limits, costs_of(space), space, channels=16) == (1, 16)
    # No cell that is known to be good has so few parameters, but others have.
    assert fill_limits({"params": 10_000}, costs_of(space), space, n_cells=3) == (3, 4)


def test_cells_are_drawn_where_none_is_known():
    space = NASBench201Space(references=())
    n_cells, channels = fill_limits({"params": 20_000}, costs_of(space), space)
    draws = [space.sample(space.uniform(), random_state=i) for i in range(9)]
    costs = costs_of(space).of_size(n_cells, channels)
    assert sum(costs.n_parameters(a) <= 20_000 for a in draws) >= 5
    assert (n_cells, channels) == fill_limits({"params": 20_000}, costs_of(space), space)


def test_columns_of_categories_count():
    space = DenseSpace()
    many = Columns((0, 500))
    plain = fill_limits({"params": 20_000}, NetworkCosts((2,), 3, device="cpu"), space)
    assert fill_limits({"params": 20_000}, NetworkCosts((2,), 3, device="cpu", columns=many), space) < plain


@pytest.mark.parametrize(
    ("space", "name"),
    [*((space, "params") for space in SPACES), (DenseSpace(), "flops"), (DenseSpace(), "latency")],
    ids=str,
)
def test_a_limit_that_no_size_meets(space, name):
    message = rf'limits\["{name}"\]=1e-09, where the smallest possible cost is \d.* Raise .* n_cells=1, channels=4'
    with pytest.raises(ValueError, match=message):
        fill_limits({name: 1e-9}, costs_of(space), space)
    with pytest.raises(ValueError, match=r"n_cells=3, channels=4"):
        fill_limits({name: 1e-9}, costs_of(space), space, n_cells=3)


def test_bad_limits():
    with pytest.raises(ValueError, match=r"Unknown limits \['size'\]"):
        fill_limits({"size": 3}, costs_of(DenseSpace()), DenseSpace())


def test_what_is_known_of_modules_is_shared():
    space = DenseSpace()
    costs = costs_of(space)
    other = costs.of_size(1, 8)
    architecture = space.sample(space.uniform(), random_state=0)
    assert other.n_parameters(architecture) == NetworkCosts((20,), 10, 8, 1).n_parameters(architecture)
    assert costs._parameters is other._parameters
    assert (other.n_cells, other.channels, other.device) == (1, 8, "cpu")
