import dataclasses
import itertools
import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from skopdist import Architecture, Cell
from skopdist.architecture import on_paths, ordered_steps
from skopdist.operations import is_zero
from skopdist.spaces import DenseSpace, NASBench201Space, SequenceSpace

SPACES = [DenseSpace(), SequenceSpace(), NASBench201Space()]


@given(st.sampled_from(SPACES), st.integers(1, 40), st.integers(0, 2**32))
def test_json_round_trip(space, length, seed):
    architecture = space.sample(space.uniform(), length, seed)
    assert Architecture.from_json(architecture.to_json()) == architecture
    assert Architecture.from_dict(architecture.to_dict()) == architecture
    restored = pickle.loads(pickle.dumps(architecture))
    assert restored == architecture
    assert hash(restored) == hash(architecture)


def brute_force_live_slots(cell):
    """All slots on any path, by listing the paths."""
    live = set()

    def walk(node, path):
        if node == cell.n_nodes - 1:
            live.update(path)
        for i, (source, target) in enumerate(cell.edges):
            if source == node and not is_zero(cell.operations[i]):
                walk(target, [*path, i])

    walk(0, [])
    return tuple(sorted(live))


@given(st.integers(1, 10), st.floats(0.1, 0.9), st.integers(0, 2**32))
def test_live_slots_are_those_on_a_path(length, share, seed):
    space, rng = DenseSpace(["none", "skip_connect"]), np.random.default_rng(seed)
    edges = space.sample(space.uniform(), length, rng).cells[0].edges
    operations = ["none" if rng.random() < share else "skip_connect" for _ in edges]
    cell = Cell(operations, edges)
    assert cell.live_slots(is_zero) == brute_force_live_slots(cell)
    # Whatever the order in which the edges are listed.
    order = rng.permutation(length)
    shuffled = Cell([operations[i] for i in order], [edges[i] for i in order])
    assert shuffled.live_slots(is_zero) == brute_force_live_slots(shuffled)


def brute_force_steps(cell, is_zero):
    """All edges and links on any path, by listing the paths."""
    alive = set()

    def walk(node, path):
        if node == cell.n_nodes - 1:
            alive.update(path)
        for is_edge, pairs in ((True, cell.edges), (False, cell.links)):
            for i, (source, target) in enumerate(pairs):
                if source == node and not (is_edge and is_zero(cell.operations[i])):
                    walk(target, [*path, (is_edge, i)])

    for node in range(cell.n_inputs):
        walk(node, [])
    return alive


@st.composite
def wired_by_hand(draw):
    """Any cell at all, with dead ends and unreachable nodes."""
    n_inputs, n_nodes = draw(st.integers(1, 2)), draw(st.integers(3, 7))
    pairs = [(source, target) for target in range(n_inputs, n_nodes) for source in range(target)]
    edges = draw(st.lists(st.sampled_from(pairs), min_size=1, unique=True))
    links = draw(st.lists(st.sampled_from(pairs), unique=True))
    operations = draw(st.lists(st.sampled_from(["none", "skip_connect"]), min_size=len(edges), max_size=len(edges)))
    return Cell(operations, edges, links, n_inputs)


@given(wired_by_hand())
def test_steps_are_those_on_a_path_each_after_all_that_leads_to_its_source(cell):
    for passes in (None, is_zero):
        steps = cell.steps(passes)
        assert {(step.is_edge, step.row) for step in steps} == brute_force_steps(cell, passes or (lambda name: False))
        seen = set(range(cell.n_inputs))
        for i, step in enumerate(steps):
            assert (cell.edges if step.is_edge else cell.links)[step.row] == (step.source, step.target)
            assert step.source in seen
            assert all(later.target != step.source for later in steps[i:])
            seen.add(step.target)


@given(wired_by_hand(), st.integers(0, 2**32))
def test_arrays_answer_for_many_cells_at_once(cell, seed):
    rng = np.random.default_rng(seed)
    steps = ordered_steps(cell.edges, cell.links)
    is_open = rng.random((len(steps), 5)) < 0.7
    many = on_paths(steps, list(is_open), cell.n_inputs)
    for column in range(5):
        one = on_paths(steps, is_open[:, column].tolist(), cell.n_inputs)
        assert [bool(row[column]) for row in many] == one


def test_counts_and_operations_go_by_cell():
    normal = Cell(["a", "b", "a"], [(0, 1), (0, 2), (1, 2)])
    reduce = Cell(["b"], [(0, 1)])
    architecture = Architecture([normal, reduce], ["normal", "reduce"])
    assert architecture.operations == ("a", "b", "a", "b")
    assert architecture.counts(["a", "b", "c"]) == [[2, 1, 0], [0, 1, 0]]
    assert architecture.cell("reduce") is reduce
    assert architecture.length == 3
    assert str(architecture) == "normal: a 0>1 | b 0>2, a 1>2; reduce: b 0>1"
    assert Architecture.from_json(architecture.to_json()) == architecture


def test_sequences_of_any_kind_make_equal_cells():
    assert Cell(["a"], [[0, 1]]) == Cell(("a",), ((np.int64(0), np.int64(1)),))


@pytest.mark.parametrize(
    ("operations", "edges", "message"),
    [
        ([], [], "at least one; got 0 operations and 0 edges"),
        (["a"], [(0, 1), (0, 2)], "one edge for each operation.*got 1 operations and 2 edges"),
        (["a", "b"], [(0, 1), (0, 1)], "must be distinct"),
        (["a"], [(1, 0)], r"from an earlier node to a later one, got \(1, 0\)"),
        (["a"], [(-1, 0)], r"from an earlier node to a later one, got \(-1, 0\)"),
    ],
)
def test_bad_cells(operations, edges, message):
    with pytest.raises(ValueError, match=message):
        Cell(operations, edges)


def test_bad_architectures():
    cell = Cell(["a"], [(0, 1)])
    with pytest.raises(ValueError, match=r"one cell for each of its distinct cell types; got 1 cells for"):
        Architecture([cell], ["normal", "reduce"])
    with pytest.raises(ValueError, match=r"distinct cell types"):
        Architecture([cell, cell], ["x", "x"])
    with pytest.raises(ValueError, match=r"got 0 cells"):
        Architecture([], [])


def test_architectures_can_be_keys():
    space = NASBench201Space()
    sampled = [space.sample(space.uniform(), 3, seed) for seed in itertools.chain(range(5), range(5))]
    assert len(set(sampled)) <= 5


def test_links_and_inputs():
    cell = Cell(["a", "b"], [(0, 2), (1, 3)], [(2, 4), (3, 4)], n_inputs=2)
    assert cell.n_nodes == 5
    assert cell.live_slots(lambda name: False) == (0, 1)
    assert cell.live_slots(lambda name: name == "a") == (1,)
    architecture = Architecture([cell], layout="darts")
    assert str(architecture) == "a 0>2 | b 1>3 | links 2>4, 3>4"
    assert Architecture.from_json(architecture.to_json()) == architecture
    assert architecture != Architecture([cell])
    assert Cell(["a"], [(1, 2)], [(0, 3)]).live_slots(lambda name: False) == (), "no path holds the operation"


@pytest.mark.parametrize(
    ("links", "n_inputs", "message"),
    [
        ([(0, 1), (0, 1)], 1, r"The links of a cell must be distinct"),
        ([(2, 1)], 1, r"An edge must run from an earlier node to a later one, got \(2, 1\)"),
        ([(0, 1)], 2, r"Nothing may lead to one of the 2 inputs of a cell, got \(0, 1\)"),
    ],
)
def test_bad_links(links, n_inputs, message):
    with pytest.raises(ValueError, match=message):
        Cell(["a"], [(0, 2)], links, n_inputs)


def test_settings_are_part_of_what_it_is():
    cell = Cell(["linear_relu"], [(0, 1)])
    bare = Architecture([cell])
    one = Architecture([cell], settings={"lr": 0.01, "channels": 32})
    assert one.settings == (("channels", 32), ("lr", 0.01))
    assert one == Architecture([cell], settings=[("lr", 0.01), ("channels", 32)])
    assert hash(one) == hash(Architecture.from_json(one.to_json()))
    assert len({bare, one, dataclasses.replace(one, settings={"lr": 0.02, "channels": 32})}) == 3
    assert Architecture.from_json(one.to_json()) == pickle.loads(pickle.dumps(one)) == one
    assert str(one) == "linear_relu 0>1; channels=32; lr=0.01"
    assert one.operations == bare.operations


def test_older_json_and_pickles_have_no_settings():
    bare = Architecture([Cell(["linear_relu"], [(0, 1)])])
    assert "settings" not in bare.to_dict()
    older = pickle.loads(pickle.dumps(bare))
    del older.__dict__["settings"]
    assert older == bare
    assert hash(older) == hash(bare)


def test_settings_are_finite():
    with pytest.raises(ValueError, match="settings of an architecture must be finite"):
        Architecture([Cell(["linear_relu"], [(0, 1)])], settings={"lr": float("nan")})
