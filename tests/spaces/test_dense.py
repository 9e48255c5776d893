import pytest
import torch

from skopdist.operations import get_operation
from skopdist.spaces import DenseSpace
from skopdist.testing import check_space


def test_contract():
    check_space(DenseSpace())


@pytest.mark.parametrize("operations", [["linear_relu"], ["skip_connect", "linear_relu"], ("none", "gated_linear")])
def test_contract_with_other_operations(operations):
    check_space(DenseSpace(operations), lengths=[1, 2, 5, 6])


@pytest.mark.parametrize("name", DenseSpace().operation_names)
def test_blocks_see_each_sample_alone(name):
    module = get_operation(name).factory(4).train()
    x = torch.arange(12.0).reshape(3, 4) ** 2
    one_by_one = torch.cat([module(row[None]) for row in x])
    torch.testing.assert_close(module(x), one_by_one)
