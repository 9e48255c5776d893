from skopdist.operations import OperationSize


def test_it_unpacks_to_channels_and_stride():
    assert tuple(OperationSize(3, 5, 2)) == (3, 5, 2)
    assert tuple(OperationSize(3, 3, is_point=True)) == (3, 3, 1)


def test_sizes_of_a_point_are_others():
    assert OperationSize(3, 3) == OperationSize(3, 3)
    assert OperationSize(3, 3) != OperationSize(3, 3, is_point=True)
    assert len({OperationSize(3, 3), OperationSize(3, 3), OperationSize(3, 3, is_point=True)}) == 2


def test_shapes():
    assert OperationSize(3, 5, 2).output_shape((7, 4)) == (5, 4, 2)
    assert OperationSize(3, 3).keeps_shape
    assert not OperationSize(3, 4).keeps_shape
    assert OperationSize(3, 5).summarizing((7, 9)).output_shape((7, 9)) == (5, 1, 1)
