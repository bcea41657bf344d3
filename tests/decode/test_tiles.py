"""Tiles that overlap: what looks at single pixels sees no seam, and every pixel is answered."""

from itertools import pairwise

import pytest
import torch
from torch import nn

from tilth.decode.tiles import in_tiles, starts


@pytest.mark.parametrize("size", [(4, 4), (5, 8), (16, 16), (64, 64)])
@pytest.mark.parametrize("sides", [(16, 16), (17, 23), (3, 40)])
def test_a_function_of_pixels_gives_the_whole_picture(size, sides):
    torch.manual_seed(0)
    picture, function = torch.randn(1, 2, *sides), nn.Conv2d(2, 3, 1)
    with torch.no_grad():
        found = in_tiles(function, picture, size)
        torch.testing.assert_close(found, function(picture), rtol=1e-5, atol=1e-6)


def test_a_neighbourhood_smaller_than_the_overlap_shows_at_no_seam():
    """A 3 x 3 mean with replicated borders differs at tile edges alone, where tiles weigh least."""
    torch.manual_seed(0)
    picture = torch.randn(1, 1, 40, 40)

    def mean(tile):
        wider = nn.functional.pad(tile, (1, 1, 1, 1), mode="replicate")
        return nn.functional.avg_pool2d(wider, 3, 1)

    whole, found = mean(picture), in_tiles(mean, picture, (16, 16))
    hard = torch.cat([mean(picture[..., k : k + 16, :]) for k in (0, 16)], dim=2)  # butted together
    assert (found - whole).abs().max() < 0.1 < 0.3 < (hard - whole[..., :32, :]).abs().max()


def test_tiles_reach_the_end_and_overlap_by_half():
    for length in range(8, 60):
        found = starts(length, 8)
        assert found[0] == 0 and found[-1] == length - 8
        assert all(0 < b - a <= 4 for a, b in pairwise(found))


def test_finished_strips_are_settled_and_only_they_are_held():
    torch.manual_seed(0)
    picture, function = torch.randn(1, 2, 37, 20), nn.Conv2d(2, 5, 1)
    heights = []

    def largest(strip):
        heights.append(strip.shape[-2])
        return strip.argmax(dim=1, keepdim=True)

    with torch.no_grad():
        found = in_tiles(function, picture, (8, 8), largest)
        whole = function(picture).argmax(dim=1, keepdim=True)
    assert torch.equal(found, whole)
    assert sum(heights) == 37
    assert max(heights) <= 8
