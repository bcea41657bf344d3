import pytest
import torch
import torch.nn.functional as F
from torch import nn

from tilth.nn.pixel_answers import PixelAnswers


@pytest.mark.parametrize("sides", [(8, 12), (7, 9), (1, 1)])
def test_pictures_are_filled_up_by_their_border_and_cut_again(sides):
    net = PixelAnswers(nn.Conv2d(2, 3, 3, padding=1), nn.Conv2d(3, 4, 1), multiple=4)
    pictures = torch.rand(2, 2, *sides)
    rows = torch.arange(-(-sides[0] // 4) * 4).clamp(max=sides[0] - 1)
    columns = torch.arange(-(-sides[1] // 4) * 4).clamp(max=sides[1] - 1)
    whole = net.head(net.body(pictures[:, :, rows][..., columns]))
    torch.testing.assert_close(net(pictures), whole[..., : sides[0], : sides[1]])


def test_smaller_maps_are_enlarged_to_the_picture():
    net = PixelAnswers(nn.AvgPool2d(4), nn.Conv2d(2, 4, 1), multiple=4)
    pictures = torch.rand(2, 2, 8, 12)
    expected = F.interpolate(net.head(net.body(pictures)), size=(8, 12), mode="bilinear")
    torch.testing.assert_close(net(pictures), expected)
