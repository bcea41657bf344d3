"""What lies in a picture goes where the picture goes: against the pixels and torchvision."""

import dataclasses
import math

import numpy as np
import pytest
import torch
import torchvision.transforms.v2.functional as tv
from torchvision import tv_tensors

from tilth.data.augment import NOTHING, Augment
from tilth.data.follow_moves import MovedBoxes, MovedMasks, MovedPoints
from tilth.data.image_prepare import ImagePrepare
from tilth.data.image_preprocessor import ImagePreprocessor
from tilth.data.mask_decoder import VOID
from tilth.data.moves import drawn, moves_of
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


def test_boxes_hold_their_corners_moved_by_hand():
    """Shifts by whole pixels, and flips, of boxes drawn on squared paper."""
    still = dataclasses.replace(NOTHING, shift=0.25, pad="zero")
    keys = torch.arange(300)
    boxes = torch.tensor([[[2.0, 3.0, 5.0, 6.0], [0.0, 0.0, 8.0, 8.0], [7.0, 7.0, 8.0, 8.0]]])
    moved = MovedBoxes(still, 8, 8)(boxes.expand(300, -1, -1), keys, 0)
    moves = moves_of(drawn(keys, 0, 0), still, 8, 8)
    for row in range(300):
        x, y = float(moves.x[row]), float(moves.y[row])
        assert moved[row, 0].tolist() == [2 + x, 3 + y, 5 + x, 6 + y]
        assert moved[row, 1].tolist() == [max(x, 0), max(y, 0), min(8 + x, 8), min(8 + y, 8)]
        assert bool(moved[row, 2].isnan().all()) == (x >= 1 or y >= 1)
    assert moved[:, 2].isnan().all(1).any()
    mirrored = dataclasses.replace(NOTHING, flip=True)
    flips = moves_of(drawn(keys, 0, 0), mirrored, 8, 8).mirrored
    found = MovedBoxes(mirrored, 8, 8)(boxes[:, :1].expand(300, -1, -1), keys, 0)[:, 0]
    assert found[flips].unique(dim=0).tolist() == [[3, 3, 6, 6]]
    assert found[~flips].unique(dim=0).tolist() == [[2, 3, 5, 6]]


def test_boxes_hold_the_box_that_the_picture_shows_in_1000_draws():
    """A white rectangle is warped: the box goes round all of it, and touches it at each side."""
    augment = dataclasses.replace(WILD, pad="zero")
    keys, stream = torch.arange(1000), np.random.default_rng(0)
    low = stream.integers(0, [50, 36], (1000, 2))
    boxes = torch.from_numpy(np.concatenate([low, low + stream.integers(4, 12, (1000, 2))], 1))
    across, down = torch.arange(64)[None, None], torch.arange(48)[None, :, None]
    x0, y0, x1, y1 = (boxes[:, i, None, None] for i in range(4))
    drawn_boxes = (across >= x0) & (across < x1) & (down >= y0) & (down < y1)
    seen = prepare(augment)(drawn_boxes[:, None].float(), keys, 0)[:, 0] > 0.5
    found = MovedBoxes(augment, *SIZE)(boxes[:, None].float(), keys, 0)[:, 0]
    checked = 0
    for row in range(1000):
        if not seen[row].any():
            continue
        columns, rows = seen[row].any(0).nonzero(), seen[row].any(1).nonzero()
        shown = torch.tensor(
            [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1], dtype=torch.float32
        )
        apart = (shown - found[row]) * torch.tensor([1.0, 1, -1, -1])
        assert apart.min() > -0.51  # nothing is seen outside
        whole = (found[row] > 0).all() and (found[row] < torch.tensor([64, 48, 64, 48])).all()
        if whole:  # of a slanted box that is cut, a part is seen that needs a smaller one
            assert apart.max() < 2.5  # a sharp corner covers no pixel by half
            checked += 1
    assert checked > 600


def test_nothing_changes_where_nothing_is_changed():
    keys, points = torch.arange(20), somewhere(20)[:, None]
    torch.testing.assert_close(MovedPoints(NOTHING, *SIZE)(points, keys, 0), points)
    masks = torch.randint(0, 256, (20, *SIZE), dtype=torch.uint8)
    assert torch.equal(MovedMasks(NOTHING, *SIZE)(masks, keys, 0), masks)
    # a turn by nothing goes through the interpolation
    turned = dataclasses.replace(NOTHING, zoom=1.0 + 1e-9)
    assert torch.equal(MovedMasks(turned, *SIZE)(masks, keys, 0), masks)
    boxes = torch.tensor([[[1.0, 2.0, 3.0, 4.0]]]).expand(20, -1, -1)
    torch.testing.assert_close(MovedBoxes(NOTHING, *SIZE)(boxes, keys, 0), boxes)


def test_points_that_are_not_there_stay_so_and_void_stays_void():
    points = torch.full((1000, 1, 2), math.nan)
    assert MovedPoints(WILD, *SIZE)(points, torch.arange(1000), 0).isnan().all()
    boxes = torch.full((1000, 1, 4), math.nan)
    assert MovedBoxes(WILD, *SIZE)(boxes, torch.arange(1000), 0).isnan().all()
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


@pytest.mark.parametrize("kind", [MovedPoints, MovedBoxes, MovedMasks])
def test_mixing_is_refused(kind):
    with pytest.raises(UserError, match=r"mixup=0\.4, cutmix=1 for points.*only classes"):
        kind(Augment(mixup=0.4, cutmix=1.0), *SIZE)
