import dataclasses
import pickle
from functools import partial

import kornia.geometry.transform as kt
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tilth.data.augment import NOTHING, Augment, choose_augment, default_augment, fields_of
from tilth.data.augment_pictures import augment_pictures
from tilth.data.geometry import move
from tilth.data.moves import drawn, moves_of
from tilth.data.normalise import normalise
from tilth.errors import UserError

MEAN, STD = torch.tensor([120.0, 110.0, 90.0]), torch.tensor([60.0, 55.0, 70.0])


def pictures(rows: int = 40, size: tuple[int, int] = (12, 10)) -> torch.Tensor:
    generator = torch.Generator().manual_seed(3)
    return torch.randint(0, 256, (rows, 3, *size), generator=generator, dtype=torch.uint8)


def changed(raw: torch.Tensor, augment: Augment, *, epoch: int = 0, seed: int = 0, keys=None):
    keys = torch.arange(len(raw)) if keys is None else keys
    channels = raw.shape[1]
    scale = {"mean": MEAN[:channels], "std": STD[:channels]}
    return augment_pictures(raw, keys, epoch, augment=augment, seed=seed, **scale)


def ramp(axis: int, rows: int = 400, size: int = 40) -> torch.Tensor:
    """Float pictures whose value is the place along an axis, in px from the centre."""
    line = torch.arange(size) - (size - 1) / 2
    plane = line[:, None].expand(size, size) if axis == 0 else line[None].expand(size, size)
    return plane[None, None].expand(rows, 1, size, size).contiguous()


def slopes(augment: Augment, axis: int) -> tuple[torch.Tensor, torch.Tensor]:
    """How fast the ramp rises downwards and to the right at the centre of changed pictures."""
    raw = ramp(axis)
    keys = torch.arange(len(raw))
    plain = torch.zeros(1), torch.ones(1)
    seen = augment_pictures(raw, keys, 0, augment=augment, mean=plain[0], std=plain[1])
    middle = seen[:, 0, 16:24, 16:24]
    return middle.diff(dim=1).mean((1, 2)), middle.diff(dim=2).mean((1, 2))


def test_no_change_is_plain_normalisation_to_the_bit():
    raw = pictures()
    assert torch.equal(changed(raw, NOTHING), normalise(raw, MEAN, STD))
    floats = raw.float()
    assert torch.equal(changed(floats, NOTHING), normalise(raw, MEAN, STD))


@given(st.integers(0, 2**40), st.integers(0, 1000), st.integers(1, 39))
def test_a_picture_is_changed_alike_in_any_batch(first_key, epoch, cut):
    raw, keys = pictures(), torch.arange(first_key, first_key + 40)
    augment = Augment(shift=0.1, cutout=0.3)
    whole = changed(raw, augment, epoch=epoch, keys=keys)
    assert torch.equal(changed(raw[:cut], augment, epoch=epoch, keys=keys[:cut]), whole[:cut])
    back = torch.arange(39, -1, -1)
    assert torch.equal(changed(raw[back], augment, epoch=epoch, keys=keys[back]), whole[back])


def test_row_epoch_and_seed_each_change_the_numbers():
    raw, augment = pictures(1).expand(40, -1, -1, -1), Augment()
    base = changed(raw, augment)
    assert len(torch.unique(base, dim=0)) == 40
    for other in (changed(raw, augment, epoch=1), changed(raw, augment, seed=1)):
        assert (other - base).abs().amax((1, 2, 3)).min() > 0


def test_1000_draws_agree_with_kornia():
    """Its perspective warp takes a picture's pixels to the result's, with black around."""
    augment = Augment(
        flip_vertical=True, rotate_degrees=30, zoom=1.5, warp=0.3, shift=0.2, light=0, pad="zero"
    )
    keys, (height, width) = torch.arange(1000), (20, 28)
    raw = pictures(40, (height, width)).repeat(25, 1, 1, 1).float()
    plain = {"mean": torch.zeros(3), "std": torch.ones(3)}
    ours = augment_pictures(raw, keys, 0, augment=augment, seed=2, **plain)
    matrices = moves_of(drawn(keys, 0, 2), augment, height, width).matrices().double()
    to_middle = torch.eye(3).double()
    to_middle[0, 2], to_middle[1, 2] = -(width - 1) / 2, -(height - 1) / 2
    forward = torch.linalg.inv(to_middle) @ torch.linalg.inv(matrices) @ to_middle
    theirs = kt.warp_perspective(raw.double(), forward, (height, width), padding_mode="zeros")
    torch.testing.assert_close(ours.double(), theirs, atol=0.05, rtol=0)  # of 255
    assert (ours == 0).all(1).float().mean() > 0.05


@pytest.mark.parametrize("pad", ["reflect", "zero", "mean"])
def test_what_lies_outside_is_mirrored_black_or_the_mean_colour(pad):
    """Moved by whole pixels and warped by a hair alike."""
    raw, keys = pictures(200), torch.arange(200)
    copied = dataclasses.replace(NOTHING, shift=0.3, pad=pad)
    turned = dataclasses.replace(copied, rotate_degrees=1e-5)
    seen = changed(raw, copied)
    torch.testing.assert_close(changed(raw, turned), seen, atol=0.01, rtol=0)
    moves = moves_of(drawn(keys, 0, 0), copied, 12, 10)
    fill = {"zero": -MEAN / STD, "mean": torch.zeros(3)}
    for row in range(200):
        x, y = int(moves.x[row]), int(moves.y[row])
        plain = normalise(raw[row], MEAN, STD)
        expected = torch.full_like(plain, torch.nan)
        if pad != "reflect":
            expected[:] = fill[pad][:, None, None]
        down, across = slice(max(y, 0), 12 + min(y, 0)), slice(max(x, 0), 10 + min(x, 0))
        back = slice(max(-y, 0), 12 - max(y, 0)), slice(max(-x, 0), 10 - max(x, 0))
        expected[:, down, across] = plain[:, back[0], back[1]]
        known = ~expected.isnan()
        torch.testing.assert_close(seen[row][known], expected[known], atol=1e-6, rtol=0)


def test_black_around_a_picture_is_lit_as_the_picture_is():
    augment = dataclasses.replace(NOTHING, shift=0.3, light=0.4, pad="zero")
    black = torch.zeros(100, 3, 12, 10, dtype=torch.uint8)
    for change in (augment, dataclasses.replace(augment, rotate_degrees=5)):
        seen = changed(black, change)
        torch.testing.assert_close(seen, seen[:, :, :1, :1].expand_as(seen), atol=1e-5, rtol=0)
        assert seen.std(0).min() > 0.01


@pytest.mark.parametrize(("name", "dim"), [("flip", 3), ("flip_vertical", 2)])
def test_half_of_the_pictures_are_mirrored(name, dim):
    raw = pictures(1).expand(2000, -1, -1, -1)
    seen = changed(raw, dataclasses.replace(NOTHING, **{name: True}))
    plain, mirrored = normalise(raw[:1], MEAN, STD), normalise(raw[:1].flip(dim), MEAN, STD)
    is_plain = (seen == plain).flatten(1).all(1)
    is_mirrored = (seen == mirrored).flatten(1).all(1)
    assert torch.equal(is_plain, ~is_mirrored)
    assert 0.45 < is_mirrored.float().mean() < 0.55  # 4.5 standard deviations


def test_shifts_are_whole_pixels_of_every_length_up_to_the_limit():
    raw = pictures(1, (16, 8)).expand(3000, -1, -1, -1)
    seen = changed(raw, dataclasses.replace(NOTHING, shift=0.125))
    counts = {}
    for y in range(-2, 3):
        for x in range(-1, 2):
            still, place = torch.tensor([False]), (torch.tensor([x]), torch.tensor([y]))
            expected = normalise(move(raw[:1], still, still, *place), MEAN, STD)
            counts[x, y] = int((seen == expected).flatten(1).all(1).sum())
    assert sum(counts.values()) == 3000
    assert min(counts.values()) > 0


def test_turns_stay_within_the_limit_and_fill_it():
    down, right = slopes(dataclasses.replace(NOTHING, rotate_degrees=20.0), axis=1)
    degrees = torch.rad2deg(torch.atan2(down, right))
    torch.testing.assert_close(down.square() + right.square(), torch.ones(400), atol=1e-3, rtol=0)
    assert degrees.abs().max() < 20.01
    assert degrees.min() < -18 and degrees.max() > 18
    assert abs(degrees.mean()) < 2.5  # 4 standard deviations of the mean


def test_zoom_enlarges_only_and_shows_nothing_from_outside():
    augment = dataclasses.replace(NOTHING, zoom=1.25)
    _, right = slopes(augment, axis=1)
    zoom = 1 / right
    assert zoom.min() >= 0.999 and 1.2 < zoom.max() < 1.251
    seen = changed(ramp(1) + 100, augment) * STD[0] + MEAN[0]
    rising = seen.diff(dim=3)
    # a mirrored border would fall; at the very edge bilinear sampling repeats half a pixel
    assert rising.min() > 0.25


def test_a_slant_makes_one_side_larger_than_the_other():
    augment = dataclasses.replace(NOTHING, warp=0.3)
    _, right = slopes(augment, axis=1)
    torch.testing.assert_close(right, torch.ones(400), atol=0.1, rtol=0)  # the middle stays
    raw = ramp(1)
    seen = augment_pictures(
        raw, torch.arange(400), 0, augment=augment, mean=torch.zeros(1), std=torch.ones(1)
    )[:, 0]
    # at 10 px either side of the centre: x / (1 + t x / 20) with |t| <= 0.3
    spread = (seen[:, 20, 29] + seen[:, 20, 10]) / 9.5
    bound = 2 * 9.5 / 20 * 0.3 / (1 - (9.5 / 20 * 0.3) ** 2) + 0.01
    assert spread.abs().max() < bound
    assert spread.min() < -0.8 * bound and spread.max() > 0.8 * bound


def test_light_is_one_line_of_contrast_and_brightness_per_picture():
    raw = pictures(500, (6, 6))
    plain = normalise(raw, MEAN, STD)
    seen = changed(raw, dataclasses.replace(NOTHING, light=0.4))
    x, y = plain.flatten(2), seen.flatten(2)
    centred = x - x.mean(2, keepdim=True)
    contrast = (centred * y).sum(2) / centred.square().sum(2)
    brightness = (y.mean(2) - contrast * x.mean(2)) * STD / 255
    assert (contrast - contrast[:, :1]).abs().max() < 1e-4  # the same in all channels
    assert (brightness - brightness[:, :1]).abs().max() < 1e-4
    assert contrast.min() >= 0.6 - 1e-4 and contrast.max() <= 1.4 + 1e-4
    assert contrast.min() < 0.63 and contrast.max() > 1.37
    assert brightness.abs().max() <= 0.2 + 1e-4
    assert brightness.min() < -0.18 and brightness.max() > 0.18


def test_cutout_erases_one_square():
    raw = torch.full((600, 3, 20, 16), 255, dtype=torch.uint8)
    seen = changed(raw, dataclasses.replace(NOTHING, cutout=0.5))
    erased = (seen == 0).all(1)
    assert ((seen == 0).any(1) == erased).all()
    rows, columns = erased.any(2).sum(1), erased.any(1).sum(1)
    assert torch.equal(erased.sum((1, 2)), rows * columns)  # one rectangle
    assert rows.max() == columns.max() == 8  # half of the shorter side
    assert rows.min() == columns.min() == 4  # half of it lies outside
    assert erased.float().mean((0, 1, 2)) > 0.1
    assert erased[:, 0, 0].any() and erased[:, -1, -1].any()


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"zoom": 0.9}, "zoom=0.9; zoom is between 1 and 10."),
        ({"warp": 0.5}, "warp=0.5; warp is between 0 and 0.45."),
        ({"rotate_degrees": -10}, "rotate_degrees=-10; rotate_degrees is between 0 and 180."),
        ({"light": float("nan")}, "light=nan; light is between 0 and 0.9."),
        ({"mixup": -1}, "mixup=-1; mixup is between 0 and 10."),
        ({"zoom": "much"}, "zoom='much'; zoom is between 1 and 10."),
        ({"flip": 1}, "flip=1; flip is true or false."),
        (
            {"pad": "white"},
            "unknown pad 'white'. Choices: mean, reflect, zero. Fix: use one of those listed.",
        ),
    ],
)
def test_a_setting_that_makes_no_sense_is_refused(setting, message):
    with pytest.raises(UserError) as caught:
        Augment(**setting)
    assert str(caught.value) == message


def test_defaults_by_size_and_channels():
    large, _ = default_augment(128, 3)
    assert large == Augment(flip=True, rotate_degrees=10, zoom=1.1, warp=0.2, light=0.2)
    small, why = default_augment(28, 1)
    assert not small.flip and "no flip" in why
    colour, _ = default_augment(32, 3)
    assert colour == Augment(rotate_degrees=0, zoom=1, warp=0, light=0, shift=0.125)


def test_it_can_be_sent_to_another_process():
    prepare = partial(augment_pictures, augment=Augment(), mean=MEAN, std=STD)
    raw, keys = pictures(4), torch.arange(4)
    again = pickle.loads(pickle.dumps(prepare))
    assert torch.equal(again(raw, keys, 2), prepare(raw, keys, 2))


def test_some_fields_change_what_is_usual_for_the_size():
    chosen, why = choose_augment({"rotate_degrees": 5, "pad": "zero"}, 28, 1)
    assert chosen == Augment(flip=False, rotate_degrees=5, pad="zero")
    assert why.endswith("have a direction; but rotate_degrees=5, pad=zero")
    assert choose_augment(False, 28, 1) == (None, "none")
    with pytest.raises(UserError, match=r"unknown field of augment 'rotate'.*cutmix.*did you mean"):
        choose_augment({"rotate": 5}, 28, 1)


def test_a_wish_goes_round_as_plain_values():
    for wish in (True, {"warp": 0.1}, Augment(zoom=1.2)):
        chosen = [choose_augment(one, 32, 3)[0] for one in (wish, fields_of(wish))]
        assert chosen[0] == chosen[1]
    raw = pictures(20)
    none, _ = choose_augment(fields_of(False), 32, 3)
    assert torch.equal(changed(raw, none), normalise(raw, MEAN, STD))


def test_parts_of_a_batch_are_changed_as_the_whole(monkeypatch):
    raw, augment = pictures(50, (30, 30)), Augment(shift=0.1, pad="mean")
    whole = changed(raw, augment)
    monkeypatch.setattr("tilth.data.augment_pictures._PART", 3 * 900 * 7)
    assert torch.equal(changed(raw, augment), whole)


def test_a_zoomed_place_says_nothing_of_the_shift():
    augment = dataclasses.replace(NOTHING, zoom=1.5, shift=0.2)
    moves = moves_of(drawn(torch.arange(4000), 0, 0), augment, 40, 60)
    for shift, axis in ((moves.x, 0), (moves.y, 1)):
        both = torch.stack([shift, moves.turned[:, axis, 2]])
        assert both.std(dim=1).min() > 1
        assert abs(float(torch.corrcoef(both)[0, 1])) < 0.06  # over 3 deviations of chance
