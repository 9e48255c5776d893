import pytest
import torch

from skopdist.training._augmentation import make_augmentation, shift, shift_flip


def images(n=8, size=16):
    return torch.randn(n, 3, size, size, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("augmentation", [shift, shift_flip])
@pytest.mark.parametrize("shape", [(8, 3, 16, 16), (1, 1, 1, 1), (4, 1, 5, 9)])
def test_keeps_the_shape_and_follows_the_generator(augmentation, shape):
    x = torch.randn(shape)
    one, two, other = (augmentation(x, torch.Generator().manual_seed(seed)) for seed in (0, 0, 1))
    assert one.shape == x.shape
    assert torch.equal(one, two)
    if shape[2] > 1:
        assert not torch.equal(one, other)
    assert set(one.unique().tolist()) <= set(x.unique().tolist()), "values are moved, not made"


def test_shift_moves_by_a_sixteenth_at_most():
    x = images(64, size=32)
    moved = shift(x, torch.Generator().manual_seed(0))
    offsets = set()
    for before, after in zip(x, moved, strict=True):
        # The middle cannot have met a border.
        matches = [
            (dy, dx)
            for dy in range(-2, 3)
            for dx in range(-2, 3)
            if torch.equal(after[:, 4:12, 4:12], before[:, 4 + dy : 12 + dy, 4 + dx : 12 + dx])
        ]
        assert len(matches) == 1
        offsets.add(matches[0])
    assert {dy for dy, _ in offsets} == {dx for _, dx in offsets} == {-2, -1, 0, 1, 2}


def test_shift_flip_mirrors_about_half():
    x = images(200)
    plain = shift(x, torch.Generator().manual_seed(0))
    mirrored = shift_flip(x, torch.Generator().manual_seed(0))
    same = (mirrored == plain).flatten(1).all(1)
    flipped = (mirrored == plain.flip(3)).flatten(1).all(1)
    assert (same | flipped).all()
    assert 60 < int(flipped.sum()) < 140


def test_input_is_left_alone():
    x = images()
    before = x.clone()
    shift_flip(x, torch.Generator().manual_seed(0))
    assert torch.equal(x, before)


def test_make_augmentation():
    def mine(batch, generator):
        return batch

    assert make_augmentation("shift", 2) is shift
    assert make_augmentation("auto", 1) is None
    assert make_augmentation("auto", 0) is None
    assert make_augmentation(None, 2) is None
    assert make_augmentation("shift_flip", 2) is shift_flip
    assert make_augmentation(mine, 0) is mine
    with pytest.raises(
        ValueError, match=r"augment='shift' is for images.*have 0 spatial dimensions; use 'auto' or None"
    ):
        make_augmentation("shift", 0)
