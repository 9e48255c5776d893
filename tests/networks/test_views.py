import numpy as np
import pytest
import torch

from skopdist import Architecture, Cell
from skopdist.networks import Network
from skopdist.networks._views import average_views

CELL = Architecture([Cell(["nor_conv_3x3"], [(0, 1)])])


def weigh(x):
    """Logits that depend on where the light is."""
    return torch.stack([x[:, 0, :, 0].sum(1), x[:, 0, 0].sum(1), torch.ones(len(x))], dim=1)


@pytest.mark.parametrize("views", ["shift", "shift_flip"])
def test_is_the_average_of_the_views(views):
    x = torch.randn(5, 2, 4, 6, generator=torch.Generator().manual_seed(0))
    images = []
    for image in (x, x.flip(3)) if views == "shift_flip" else (x,):
        # Shifted by a pixel either way along the diagonal; the image itself counts twice.
        up = image[:, :, [0, 0, 1, 2]][..., [0, 0, 1, 2, 3, 4]]
        down = image[:, :, [1, 2, 3, 3]][..., [1, 2, 3, 4, 5, 5]]
        images += [image, image, up, down]
    expected = torch.stack([weigh(image).softmax(1) for image in images]).mean(0)
    found = average_views(weigh, x, views).softmax(1)
    torch.testing.assert_close(found, expected)


def test_a_mirror_image_is_predicted_as_the_image():
    x = torch.randn(5, 1, 4, 4)
    torch.testing.assert_close(average_views(weigh, x, "shift_flip"), average_views(weigh, x.flip(3), "shift_flip"))


def test_large_images_are_shifted_by_more():
    x = torch.arange(96.0).expand(1, 1, 96, 96)
    seen = []
    average_views(lambda view: seen.append(int(view[0, 0, 40, 40])) or weigh(view), x, "shift")
    assert seen == [40, 37, 43]


def test_the_smallest_probabilities_stay_finite():
    logits = torch.tensor([[0.0, 1e4]])
    assert average_views(lambda x: logits.expand(len(x), 2), torch.zeros(1, 1, 1, 1), "shift").isfinite().all()


@pytest.mark.parametrize("dtype", [torch.uint8, torch.float64])
def test_networks_average_when_they_predict(dtype):
    torch.manual_seed(0)
    plain = Network(CELL, (1, 6, 6), 3, channels=4, n_cells=1)
    several = Network(CELL, (1, 6, 6), 3, channels=4, n_cells=1, views="shift_flip")
    several.load_state_dict(plain.state_dict())
    x = (torch.rand(8, 1, 6, 6) * 255).to(dtype)
    torch.testing.assert_close(plain(x), several(x), msg="training sees the images alone")
    plain.eval()
    several.eval()
    with torch.no_grad():
        torch.testing.assert_close(several(x), average_views(plain, x, "shift_flip"))
        assert not torch.equal(several(x), plain(x))


@pytest.mark.parametrize(("views", "shape"), [("shift", (3, 9)), ("shift", (5,)), ("turn", (1, 6, 6))])
def test_refuses_what_has_no_views(views, shape):
    names = {1: "linear_relu", 2: "conv_5", 3: "nor_conv_3x3"}
    with pytest.raises(ValueError, match=r"views must be None or, for images, one of \['shift', 'shift_flip'\]"):
        Network(Architecture([Cell([names[len(shape)]], [(0, 1)])]), shape, 2, channels=4, n_cells=1, views=views)


def test_are_exported():
    network = Network(CELL, (1, 6, 6), 3, channels=4, n_cells=1, views="shift_flip").eval()
    x = torch.rand(4, 1, 6, 6)
    program = torch.export.export(network, (x,), dynamic_shapes=({0: torch.export.Dim("n")},))
    with torch.no_grad():
        np.testing.assert_allclose(program.module()(x[:3]), network(x[:3]), rtol=0, atol=1e-5)
