import math

import pytest
import torch
import torchvision.transforms.v2.functional as tv
from hypothesis import given
from hypothesis import strategies as st
from torchvision.transforms.v2 import InterpolationMode

from tilth.data.geometry import flipping, move, rotating, shifting, tilting, warp, zooming

LINEAR = InterpolationMode.BILINEAR
GENERATOR = torch.Generator().manual_seed(0)


def one(value: float) -> torch.Tensor:
    return torch.tensor([float(value)])


def smooth(height: int, width: int) -> torch.Tensor:
    """A picture without sharp edges, so that bilinear samples of it agree between libraries."""
    coarse = torch.rand(1, 3, 6, 6, generator=GENERATOR)
    return torch.nn.functional.interpolate(coarse, (height, width), mode="bicubic")


def spot(height: int, width: int, x: float, y: float) -> torch.Tensor:
    """A soft spot at (x, y) px from the centre."""
    across = torch.arange(width) - (width - 1) / 2 - x
    down = torch.arange(height) - (height - 1) / 2 - y
    return torch.exp(-(across[None, :] ** 2 + down[:, None] ** 2) / 8)[None, None]


def centre_of(picture: torch.Tensor) -> tuple[float, float]:
    height, width = picture.shape[-2:]
    weight = picture[0, 0] / picture.sum()
    x = (weight.sum(0) * (torch.arange(width) - (width - 1) / 2)).sum().item()
    y = (weight.sum(1) * (torch.arange(height) - (height - 1) / 2)).sum().item()
    return x, y


@pytest.mark.parametrize("degrees", [-30, 7, 45])
@pytest.mark.parametrize("zoom", [1.0, 1.3])
@pytest.mark.parametrize("shift", [(0, 0), (5, -3)])
def test_the_affine_part_agrees_with_torchvision(degrees, zoom, shift):
    """torchvision turns clockwise for positive angles; inside, where no border is seen."""
    picture = smooth(48, 64)
    matrix = (
        rotating(one(math.radians(degrees)))
        @ zooming(one(zoom))
        @ shifting(one(shift[0]), one(shift[1]))
    )
    ours = warp(picture, matrix)
    theirs = tv.affine(picture, -degrees, list(shift), zoom, [0.0, 0.0], interpolation=LINEAR)
    seen = tv.affine(
        torch.ones_like(picture), -degrees, list(shift), zoom, [0.0, 0.0], interpolation=LINEAR
    )
    inside = seen > 0.999
    assert inside.float().mean() > 0.3
    torch.testing.assert_close(ours[inside], theirs[inside], rtol=0, atol=1e-4)


@pytest.mark.parametrize("tilt", [(0.2, 0.0), (0.0, -0.2), (0.15, 0.1)])
def test_the_tilt_agrees_with_torchvision_perspective(tilt):
    """A tilt is named there by where the four corners go."""
    height, width = 40, 56
    picture = smooth(height, width)
    matrix = tilting(one(tilt[0] / (width / 2)), one(tilt[1] / (height / 2)))
    corners = torch.tensor([[-1.0, -1], [1, -1], [1, 1], [-1, 1]]) * torch.tensor([width, height])
    points = torch.cat([corners / 2, torch.ones(4, 1)], dim=1)
    there = points @ torch.linalg.inv(matrix[0]).T
    ends = there[:, :2] / there[:, 2:] + torch.tensor([width / 2, height / 2])
    starts = corners / 2 + torch.tensor([width / 2, height / 2])
    theirs = tv.perspective(picture, starts.tolist(), ends.tolist(), interpolation=LINEAR)
    seen = tv.perspective(
        torch.ones_like(picture), starts.tolist(), ends.tolist(), interpolation=LINEAR
    )
    inside = seen > 0.999
    assert inside.float().mean() > 0.5
    ours = warp(picture, matrix)
    torch.testing.assert_close(ours[inside], theirs[inside], rtol=0, atol=2e-3)
    assert (ours - picture).abs().max() > 0.05


@given(
    degrees=st.floats(-40, 40),
    zoom=st.floats(1, 1.5),
    tilt=st.floats(-0.2, 0.2),
    flipped=st.booleans(),
    upended=st.booleans(),
    x=st.floats(-8, 8),
    y=st.floats(-8, 8),
)
def test_a_spot_lands_where_the_inverse_matrix_says(degrees, zoom, tilt, flipped, upended, x, y):
    matrix = (
        flipping(torch.tensor([flipped]), torch.tensor([upended]))
        @ tilting(one(tilt / 32), one(-tilt / 32))
        @ rotating(one(math.radians(degrees)))
        @ zooming(one(zoom))
        @ shifting(one(2.5), one(-1.5))
    )
    there = torch.linalg.inv(matrix[0]) @ torch.tensor([x, y, 1.0])
    seen = centre_of(warp(spot(64, 64, x, y), matrix))
    assert seen == pytest.approx((there[:2] / there[2]).tolist(), abs=0.5)


@pytest.mark.parametrize("size", [(8, 8), (7, 10)])
def test_whole_pixel_moves_are_exact_and_the_same_as_warping(size):
    pictures = torch.randint(0, 256, (6, 3, *size), generator=GENERATOR, dtype=torch.uint8)
    flipped = torch.tensor([False, True, False, True, False, True])
    x, y = torch.tensor([0, 0, 3, -2, 1, 40]), torch.tensor([0, 0, -1, 4, 0, -40])
    upended = torch.tensor([False, False, True, True, False, False])
    moved = move(pictures, flipped, upended, x, y)
    matrices = flipping(flipped, upended) @ shifting(x.float(), y.float())
    torch.testing.assert_close(warp(pictures.float(), matrices), moved.float(), rtol=0, atol=0.03)
    for i in range(6):  # a hand loop
        for row in range(size[0]):
            for column in range(size[1]):
                source = mirrored(column - int(x[i]), size[1])
                source = size[1] - 1 - source if flipped[i] else source
                line = mirrored(row - int(y[i]), size[0])
                line = size[0] - 1 - line if upended[i] else line
                expected = pictures[i, :, line, source]
                assert torch.equal(moved[i, :, row, column], expected)


def mirrored(place: int, count: int) -> int:
    while not 0 <= place < count:
        place = -1 - place if place < 0 else 2 * count - 1 - place
    return place


def test_flipping_twice_gives_the_picture_back():
    pictures = torch.rand(2, 1, 5, 9, generator=GENERATOR)
    both, no, zero = torch.tensor([True, True]), torch.tensor([False, False]), torch.tensor([0, 0])
    for flips, dims in (((both, no), (3,)), ((no, both), (2,)), ((both, both), (2, 3))):
        once = move(pictures, *flips, zero, zero)
        assert torch.equal(once, pictures.flip(dims))
        assert torch.equal(move(once, *flips, zero, zero), pictures)
        twice = flipping(*flips) @ flipping(*flips)
        assert torch.equal(twice, torch.eye(3).expand(2, 3, 3))


def test_half_a_pixel_is_the_mean_of_two():
    picture = torch.rand(1, 1, 4, 6, generator=GENERATOR)
    seen = warp(picture, shifting(one(0.5), one(0)))
    expected = (picture[..., 1:] + picture[..., :-1]) / 2
    torch.testing.assert_close(seen[..., 1:], expected)
    torch.testing.assert_close(seen[..., 0], picture[..., 0])  # the edge is repeated


def test_a_row_is_moved_alike_alone_and_in_any_batch():
    pictures = torch.rand(33, 3, 9, 9, generator=GENERATOR)
    draws = torch.rand(5, 33, generator=GENERATOR) - 0.5
    matrices = tilting(draws[0] / 20, draws[1] / 20) @ rotating(draws[2])
    matrices = matrices @ zooming(1 + draws[3] / 5) @ shifting(draws[4], draws[3])
    whole = warp(pictures, matrices)
    for rows in (slice(0, 1), slice(7, 8), slice(3, 20)):
        assert torch.equal(warp(pictures[rows], matrices[rows]), whole[rows])
