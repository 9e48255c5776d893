import pytest
import torch
from torch import nn

from skopdist import Architecture, Cell
from skopdist.networks import Network, Supernet
from skopdist.operations import SeriesNorm, SeriesPool, average, clear, ending, register_operation
from skopdist.operations._ends import Ends, current_ends
from skopdist.spaces import SequenceSpace

NAN = float("nan")
SPACE = SequenceSpace()


def padded(lengths, longest, channels=3, seed=0):
    x = torch.randn(len(lengths), channels, longest, generator=torch.Generator().manual_seed(seed))
    for row, length in zip(x, lengths, strict=True):
        row[:, length:] = NAN
    return x


def stirred(module):
    """Give normalisations something to do, and evaluate."""
    for norm in module.modules():
        if isinstance(norm, SeriesNorm):
            norm.running_mean.normal_()
            norm.running_var.uniform_(0.5, 2)
            nn.init.normal_(norm.bias)
    return module.eval()


def chain(names, stem=None):
    cells = [Cell(names, [(i, i + 1) for i in range(len(names))])]
    if stem is None:
        return Architecture(cells)
    return Architecture([*cells, Cell([stem], [(0, 1)])], cell_types=("cell", "stem"))


# Ends


def test_nothing_is_noted_where_nothing_is_padded():
    with ending(torch.ones(2, 3, 4)):
        assert current_ends() is None
    with ending(padded([4, 2], 4)):
        assert current_ends().counts(4).tolist() == [4, 2]
        with ending(torch.ones(2, 3, 4)):
            assert current_ends() is None
    assert current_ends() is None


def test_strides_divide_and_round_up():
    ends = Ends(torch.tensor([7, 5, 1]), 7)
    ends.divide(7, 4)
    ends.divide(2, 2)
    assert ends.counts(2).tolist() == [2, 2, 1]
    assert ends.counts(1).tolist() == [1, 1, 1]
    assert ends.mask(2)[:, 0].tolist() == [[True, True], [True, True], [True, False]]
    assert ends.counts(3).tolist() == [3, 3, 1], "of a layer that did not say how it strides"


def test_outside_nothing_changes():
    x = torch.randn(2, 3, 4)
    assert clear(x) is x
    assert torch.equal(average(x), x.mean(2))


# Layers


@pytest.mark.parametrize("kind", ["max", "avg"])
@pytest.mark.parametrize(("kernel", "stride"), [(3, 1), (9, 1), (4, 4), (2, 2)])
def test_pools_see_what_is_before_the_end(kind, kernel, stride):
    lengths = [11, 6, 1]
    x, pool = padded(lengths, 11), SeriesPool(kind, kernel, stride)
    with ending(x):
        found = pool(clear(x))
    for row, one, length in zip(found, x, lengths, strict=True):
        expected = pool(one[None, :, :length])[0]
        assert torch.allclose(row[:, : expected.shape[1]], expected, atol=1e-6)
        assert not row[:, expected.shape[1] :].any()


def test_normalisation_counts_what_is_before_the_end():
    x, norm = padded([6, 2], 6), SeriesNorm(3)
    with ending(x):
        found = norm(clear(x))
    values = torch.cat([x[0], x[1, :, :2]], dim=1)
    expected = (values - values.mean(1, keepdim=True)) / (values.var(1, correction=0, keepdim=True) + norm.eps).sqrt()
    assert torch.allclose(torch.cat([found[0], found[1, :, :2]], dim=1), expected, atol=1e-5)
    assert not found[1, :, 2:].any()
    assert torch.allclose(norm.running_mean, 0.1 * values.mean(1), atol=1e-6)


# Networks


@pytest.mark.parametrize("name", SPACE.operation_names)
@pytest.mark.parametrize("length", [9, 600])
def test_predictions_do_not_depend_on_padding(name, length):
    torch.manual_seed(0)
    stem = name if name.endswith("stem") else None
    names = ["conv_3", "conv_5"] if stem else [name, "conv_3"]
    network = stirred(Network(chain(names, stem), (3, length), 4, channels=8))
    lengths = [length, length // 2, length - 1, 1]
    x = padded(lengths, length)
    with torch.no_grad():
        found = network(x)
        further = network(torch.cat([x, torch.full((4, 3, length // 3), NAN)], dim=2))
        alone = torch.cat([network(row[None, :, :n]) for row, n in zip(x, lengths, strict=True)])
    assert torch.isfinite(found).all()
    assert torch.allclose(found, further, atol=1e-5)
    assert torch.allclose(found, alone, atol=1e-5)


def test_training_does_not_depend_on_padding():
    lengths = [12, 5, 9, 2]
    x = padded(lengths, 12)
    results = []
    for extra in (0, 7):
        torch.manual_seed(0)
        network = Network(chain(["conv_3", "avg_pool_9"], "multi_scale_stem"), (3, 12), 4, channels=8)
        logits = network(torch.cat([x, torch.full((4, 3, extra), NAN)], dim=2))
        logits.square().sum().backward()
        results.append([logits.detach(), *(p.grad for p in network.parameters()), *network.buffers()])
    for one, other in zip(*results, strict=True):
        assert torch.isfinite(one).all()
        assert torch.allclose(one.float(), other.float(), rtol=1e-3, atol=1e-4)


def test_supernets_have_finite_gradients():
    supernet = Supernet(SPACE, 3, input_shape=(3, 12), n_classes=4, channels=8)
    weights = torch.full((len(SPACE.cell_types), len(SPACE.operation_names)), 0.1, requires_grad=True)
    supernet(padded([12, 5, 3], 12), weights).sum().backward()
    assert torch.isfinite(weights.grad).all()
    assert weights.grad.any()


def test_own_operations_see_zeros_behind_the_end():
    seen = []

    class Own(nn.Module):
        def __init__(self, channels):
            super().__init__()
            self.conv = nn.Conv1d(channels, channels, 3, padding=1)

        def forward(self, x):
            seen.append(x.detach())
            return self.conv(x)

    register_operation("own_of_ends", n_spatial=1)(Own)
    network = stirred(Network(chain(["own_of_ends", "own_of_ends"]), (3, 9), 4, channels=8, n_cells=1))
    x = padded([9, 4], 9)
    with torch.no_grad():
        found, alone = network(x), network(x[1:, :, :4])
    assert not seen[1][1, :, 4:].any()
    assert torch.allclose(found[1:], alone, atol=1e-6)
