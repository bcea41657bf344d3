"""What lies in a picture goes where the picture goes: against the pixels and torchvision."""

import dataclasses
import math

import pytest
import torch
import torchvision.transforms.v2.functional as tv
from torchvision import tv_tensors

from tilth.data.augment import NOTHING, Augment
from tilth.data.follow_moves import MovedMasks, MovedPoints
from tilth.data.image_prepare import ImagePrepare
from tilth.data.image_preprocessor import ImagePreprocessor
from tilth.data.mask_decoder import VOID
from tilth.data.moves import drawn
from tilth.errors import UserError

SIZE = (48, 64)
WILD = Augment(
    flip_vertical=True, rotate_degrees=30, zoom=1.3, warp=0.25, shift=0.1, light=0.3, cutout=0.3
)
WHOLE = dataclasses.replace(NOTHING, flip=True, flip_vertical=True, shift=0.2)


def prepare(augment: Augment, *, size: tuple[int, int] = SIZE, seed: int = 0) -> ImagePrepare:
    ready = ImagePreprocessor(*size, 1, (0.0,), (1.0,), dtype="float32", value_range=(0.0, 1.0))
    return ImagePrepare(ready, augment.geometry(), seed)


def spots(points: torch.Tensor, size: tuple[int, int] = SIZE) -> torch.Tensor:
    """[B, 1, H, W] with a soft spot at each of [B, 2] points, in px."""
    across = torch.arange(size[1]) - points[:, 0, None]
    down = torch.arange(size[0]) - points[:, 1, None]
    return torch.exp(-(across[:, None, :] ** 2 + down[:, :, None] ** 2) / 4.5)[:, None]


def centres(pictures: torch.Tensor) -> torch.Tensor:
    weight = pictures[:, 0] / pictures.sum((1, 2, 3))[:, None, None]
    across, down = torch.arange(pictures.shape[3]), torch.arange(pictures.shape[2])
    return torch.stack([(weight.sum(1) * across).sum(1), (weight.sum(2) * down).sum(1)], 1)


def somewhere(count: int, margin: float = 0.0) -> torch.Tensor:
    stream = torch.Generator().manual_seed(1)
    side = torch.tensor([SIZE[1] - 1.0, SIZE[0] - 1.0]) - 2 * margin
    return torch.rand(count, 2, generator=stream) * side + margin


@pytest.mark.parametrize("augment", [Augment(), WILD, WHOLE], ids=["usual", "wild", "whole"])
def test_points_are_where_the_picture_shows_them_in_1000_draws(augment):
    """A soft spot is drawn at the point and warped; its centre is where the point went."""
    # at the border a spot is cut in half and its centre is not the point's
    keys, points = torch.arange(1000), somewhere(1000, margin=6)
    augment = dataclasses.replace(augment, pad="zero")
    there = MovedPoints(augment, *SIZE, seed=5)(points[:, None], keys, 3)[:, 0]
    seen = prepare(augment, seed=5)(spots(points), keys, 3)
    inside = ((there > 7) & (there < torch.tensor([SIZE[1] - 8.0, SIZE[0] - 8.0]))).all(1)
    assert inside.sum() > 300
    apart = (centres(seen[inside]) - there[inside]).norm(dim=1)
    assert apart.max() < 0.5
    gone = there.isnan().any(1)
    assert 0 < gone.sum() < 500
    for picture in seen[gone, 0]:  # of a spot whose centre left, the border shows the most
        row, column = divmod(int(picture.argmax()), SIZE[1])
        border = min(row, column, SIZE[0] - 1 - row, SIZE[1] - 1 - column)
        assert border <= 1 or picture.max() < 0.05


@pytest.mark.parametrize("pad", ["reflect", "zero"])
@pytest.mark.parametrize("augment", [Augment(), WILD, WHOLE], ids=["usual", "wild", "whole"])
def test_masks_are_the_warped_picture_of_their_labels_in_1000_draws(augment, pad):
    """Blobs of label 1 on label 0: what the picture shows as more than half is the mask."""
    keys, augment = torch.arange(1000), dataclasses.replace(augment, pad=pad)
    stream = torch.Generator().manual_seed(2)
    coarse = torch.rand(1000, 1, 5, 5, generator=stream)
    smooth = torch.nn.functional.interpolate(coarse, SIZE, mode="bicubic")
    labels = (smooth[:, 0] > 0.5).to(torch.uint8)
    masks = MovedMasks(augment, *SIZE, seed=1)(labels, keys, 0)
    seen = prepare(augment, seed=1)(labels[:, None].float(), keys, 0)[:, 0]
    assert masks.dtype == torch.uint8
    inside = masks != VOID
    assert inside.all() == (pad == "reflect")
    # the nearest pixel carries at least a quarter of what is interpolated between four
    clear = inside & ((seen < 0.2) | (seen > 0.8))
    if pad == "zero":  # black comes in at the border of the picture
        whole = prepare(augment, seed=1)(torch.ones(1000, 1, *SIZE), keys, 0)[:, 0] > 0.999
        clear &= whole
    assert clear.float().mean() > 0.5
    assert torch.equal(masks[clear] == 1, seen[clear] > 0.5)
    # what is seen as half and half is within half a pixel of an edge: areas agree
    share, soft = (masks == 1)[inside].float().mean(), seen[inside].mean()
    assert abs(share - soft) < 0.01


def test_points_and_pictures_agree_with_torchvision_where_nothing_is_tilted():
    """Its keypoints, turned about the centre and zoomed by the same numbers."""
    augment = dataclasses.replace(NOTHING, flip=True, rotate_degrees=25, zoom=1.2)
    points, keys = somewhere(200), torch.arange(200)
    ours = MovedPoints(augment, *SIZE)(points[:, None], keys, 0)[:, 0]
    draws = drawn(keys, 0, 0)
    for row in range(200):
        degrees = float(2 * draws["rotate"][row] - 1) * 25
        zoom = 1 + float(draws["zoom"][row]) * 0.2
        room = (1 - 1 / zoom) / 2
        place = [float(2 * draws[name][row] - 1) * room for name in ("zoom_x", "zoom_y")]
        point = tv_tensors.KeyPoints(points[row][None], canvas_size=SIZE)
        if draws["flip"][row] < 0.5:
            point = tv.horizontal_flip(point)
        # their affine counts from the corner of a pixel, and turns clockwise
        point = tv_tensors.KeyPoints(point + 0.5, canvas_size=SIZE)
        moved = [place[0] * SIZE[1], place[1] * SIZE[0]]
        point = tv.affine(point, -degrees, moved, 1.0, [0.0, 0.0])
        point = tv.affine(point, 0, [0.0, 0.0], zoom, [0.0, 0.0])
        there = torch.as_tensor(point)[0] - 0.5
        if not ours[row].isnan().any():
            torch.testing.assert_close(ours[row], there, atol=0.02, rtol=0)
        else:
            outside = (there < 0) | (there > torch.tensor([SIZE[1] - 1.0, SIZE[0] - 1.0]))
            assert outside.any()


def test_nothing_changes_where_nothing_is_changed():
    keys, points = torch.arange(20), somewhere(20)[:, None]
    torch.testing.assert_close(MovedPoints(NOTHING, *SIZE)(points, keys, 0), points)
    masks = torch.randint(0, 256, (20, *SIZE), dtype=torch.uint8)
    assert torch.equal(MovedMasks(NOTHING, *SIZE)(masks, keys, 0), masks)
    # a turn by nothing goes through the interpolation
    turned = dataclasses.replace(NOTHING, zoom=1.0 + 1e-9)
    assert torch.equal(MovedMasks(turned, *SIZE)(masks, keys, 0), masks)


def test_points_that_are_not_there_stay_so_and_void_stays_void():
    points = torch.full((1000, 1, 2), math.nan)
    assert MovedPoints(WILD, *SIZE)(points, torch.arange(1000), 0).isnan().all()
    masks = torch.full((50, *SIZE), VOID, dtype=torch.uint8)
    assert (MovedMasks(WILD, *SIZE)(masks, torch.arange(50), 0) == VOID).all()


def test_wanted_pictures_are_moved_as_the_inputs_are_without_light():
    """Inputs of plain pictures differ from wanted ones by a line of contrast and brightness."""
    augment = dataclasses.replace(WILD, cutout=0.0)
    raw = torch.rand(30, 1, *SIZE, generator=torch.Generator().manual_seed(0))
    ready = prepare(augment).preprocessor
    inputs = ImagePrepare(ready, augment, 4)(raw, torch.arange(30), 2).flatten(1)
    wanted = prepare(augment, seed=4)(raw, torch.arange(30), 2).flatten(1)
    x = wanted - wanted.mean(1, keepdim=True)
    y = inputs - inputs.mean(1, keepdim=True)
    correlation = (x * y).sum(1) / (x.norm(dim=1) * y.norm(dim=1))
    torch.testing.assert_close(correlation, torch.ones(30), atol=1e-5, rtol=0)
    assert (inputs - wanted).abs().mean() > 0.01


@pytest.mark.parametrize("kind", [MovedPoints, MovedMasks])
def test_mixing_is_refused(kind):
    with pytest.raises(UserError, match=r"mixup=0\.4, cutmix=1 for points.*only classes"):
        kind(Augment(mixup=0.4, cutmix=1.0), *SIZE)
