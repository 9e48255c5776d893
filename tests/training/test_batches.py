import numpy as np
import pytest
import torch
from torch.utils.data import Subset

from skopdist.problem import Problem
from skopdist.training._batches import Batches, TensorData


def make(n, weighted=False):
    rng = np.random.default_rng(0)
    weight = rng.uniform(1, 4, n + 2) if weighted else None
    # Two rows more, of another class each, for a problem has two classes at least.
    problem = Problem.of(np.arange(n + 2, dtype=float)[:, None], np.r_[np.arange(n) % 3, 7, 8], weight)
    samples = problem.everything.take(np.flatnonzero(problem.everything.inputs().ravel() < n))
    return TensorData(samples, samples.relative_weight)


def inputs_of(data):
    return data.samples.inputs().ravel().tolist()


@pytest.mark.parametrize("n", [1, 2, 31, 32, 33, 65])
@pytest.mark.parametrize("shuffle", [False, True])
def test_every_sample_comes_once_and_no_batch_is_alone(n, shuffle):
    data = make(n)
    batches = Batches(data, batch_size=32, shuffle=shuffle)
    for _ in range(2):
        parts = list(batches)
        assert len(parts) == len(batches)
        assert sorted(torch.cat([X for X, _ in parts]).ravel().tolist()) == sorted(inputs_of(data))
        sizes = [len(X) for X, _ in parts]
        assert max(sizes) <= 32
        assert max(sizes) - min(sizes) <= 1


def test_targets_and_weights_stay_with_their_samples():
    data = make(50, weighted=True)
    targets, weights = data.samples.labels().tolist(), data.weight.tolist()
    known = {x: (y, w) for x, y, w in zip(inputs_of(data), targets, weights, strict=True)}
    for X, y in Batches(data, batch_size=16, shuffle=True):
        pairs = zip(y.tolist(), X["sample_weight"].tolist(), strict=True)
        assert [known[x] for x in X["x"].ravel().tolist()] == list(pairs)


def test_order_follows_the_seed_and_changes_with_the_epoch():
    def epochs(seed):
        batches = Batches(make(40), batch_size=8, shuffle=True, seed=seed)
        return [torch.cat([X for X, _ in batches]).ravel().tolist() for _ in range(2)]

    first, second = epochs(0)
    assert first != second
    assert epochs(0) == [first, second]
    assert epochs(1)[0] != first


def test_subsets_and_augmentation():
    data = make(10)
    batches = Batches(Subset(data, [3, 5, 7]), batch_size=2, augmentation=lambda X, generator: X + 100)
    assert torch.cat([X for X, _ in batches]).ravel().tolist() == [inputs_of(data)[i] + 100 for i in (3, 5, 7)]


def test_single_items_as_torch_loaders_want_them():
    x, target = make(5)[2]
    assert x.shape == (1,)
    assert target.ndim == 0
    x, target = make(5, weighted=True)[2]
    assert x["x"].shape == (1,)
    assert x["sample_weight"] > 0
    assert target.ndim == 0


@pytest.mark.parametrize(("n", "batch_size"), [(7, 1), (8, 1), (3, 2), (5, 2), (2, 1)])
def test_images_come_in_twos_at_least(n, batch_size):
    samples = Problem.of(np.arange(n, dtype=float).reshape(n, 1, 1, 1), np.arange(n) % 2).everything
    sizes = [len(X) for X, _ in Batches(TensorData(samples), batch_size)]
    assert sum(sizes) == n
    assert min(sizes) >= 2
    flat = Problem.of(np.arange(n, dtype=float)[:, None], np.arange(n) % 2).everything
    assert max(len(X) for X, _ in Batches(TensorData(flat), batch_size)) <= batch_size


def test_all_samples_at_once():
    assert [len(X) for X, _ in Batches(make(50), batch_size=-1)] == [50]
