import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from skopdist.formats import read_nasbench101, write_nasbench101
from skopdist.spaces import NASBench101Space, NASBench201Space

SPACE = NASBench101Space()
OPERATIONS = ["input", "conv1x1-bn-relu", "conv3x3-bn-relu", "output"]
MATRIX = np.array([[0, 1, 1, 0], [0, 0, 1, 1], [0, 0, 0, 1], [0, 0, 0, 0]])


@given(st.integers(1, 20), st.integers(0, 2**32))
def test_what_is_written_is_read(length, seed):
    architecture = SPACE.sample(SPACE.uniform(), length, seed)
    assert read_nasbench101(*write_nasbench101(architecture)) == architecture


def test_a_graph():
    architecture = read_nasbench101(MATRIX.tolist(), OPERATIONS)
    assert architecture.operations == ("conv1x1-bn-relu", "conv3x3-bn-relu")
    assert SPACE.graph_edges(architecture.cells[0].links) == ((0, 1), (0, 2), (1, 2), (1, 3), (2, 3))
    matrix, operations = write_nasbench101(architecture)
    np.testing.assert_array_equal(matrix, MATRIX)
    assert operations == OPERATIONS


def test_vertices_on_no_path_are_left_out():
    # Nothing leads to vertex 1, and vertex 3 leads nowhere.
    matrix = np.zeros((5, 5), dtype=int)
    for edge in [(0, 2), (1, 2), (0, 3), (2, 4)]:
        matrix[edge] = 1
    names = ["input", "conv1x1-bn-relu", "conv3x3-bn-relu", "maxpool3x3", "output"]
    matrix, names = write_nasbench101(read_nasbench101(matrix, names))
    assert matrix.tolist() == [[0, 1, 0], [0, 0, 1], [0, 0, 0]]
    assert names == ["input", "conv3x3-bn-relu", "output"]


def changed(row, column, value):
    matrix = MATRIX.astype(object)
    matrix[row, column] = value
    return matrix


@pytest.mark.parametrize(
    ("matrix", "operations", "message"),
    [
        (
            changed(2, 1, 1),
            OPERATIONS,
            r"Entry \(2, 1\) of the matrix is an edge from vertex 2 to vertex 1, which is no",
        ),
        (changed(1, 1, 1), OPERATIONS, r"Entry \(1, 1\) of the matrix is an edge from vertex 1 to vertex 1"),
        (changed(0, 1, 2), OPERATIONS, r"Entry \(0, 1\) of the matrix must be 0 or 1, got 2"),
        (MATRIX[:3], OPERATIONS, r"must be square.*got the shape \(3, 4\) and 4 operations"),
        (MATRIX, OPERATIONS[:-1], r"got the shape \(4, 4\) and 3 operations"),
        ([[0]], ["input"], r"got the shape \(1, 1\) and 1 operations"),
        (MATRIX, ["in", *OPERATIONS[1:]], r"Vertex 0 must be the 'input', got 'in'"),
        (MATRIX, [*OPERATIONS[:-1], "maxpool3x3"], r"Vertex 3 must be the 'output', got 'maxpool3x3'"),
        (MATRIX, ["input", "telepathy", *OPERATIONS[2:]], r"Vertex 1: Unknown operation 'telepathy'"),
        (MATRIX * 0, OPERATIONS, r"No operation lies on a path.*missing.*got the edges \[\]"),
        ([[0, 1], [0, 0]], ["input", "output"], r"No operation lies on a path.*got the edges \[\(0, 1\)\]"),
    ],
)
def test_malformed_graphs(matrix, operations, message):
    with pytest.raises(ValueError, match=message):
        read_nasbench101(matrix, operations)


def test_writes_no_other_architectures():
    space = NASBench201Space()
    with pytest.raises(ValueError, match=r"A matrix of NAS-Bench-101 is for architectures of NASBench101Space"):
        write_nasbench101(space.sample(space.uniform(), 6, 0))
