"""A line of letters is laid over each picture, by its own numbers."""

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont

from tilth.data.lettering import HEIGHT, LETTERS, WIDTH, lettered
from tilth.randomness import uniform

GREY = torch.full((6, 1, 40, 64), 0.5)
KEYS = torch.arange(6) + 3


def test_it_is_the_text_as_pillow_draws_it():
    found = lettered(GREY, KEYS, 2, seed=9)
    font = ImageFont.load_default_imagefont()
    for row, key in enumerate(KEYS):
        count = 64 // WIDTH
        draws = uniform(key[None], 3 + count, seed=9, stream="lettering", epoch=2)[0].tolist()
        text = "".join(LETTERS[int(draw * len(LETTERS))] for draw in draws[3:])
        place = (int(draws[1] * (64 - WIDTH * count + 1)), int(draws[0] * (40 - HEIGHT + 1)))
        canvas = Image.new("L", (64, 40))
        for number, letter in enumerate(text):  # each in its own cell: some are wider
            cell = Image.new("L", (WIDTH, HEIGHT))
            ImageDraw.Draw(cell).text((0, 0), letter, fill=255, font=font)
            canvas.paste(cell, (place[0] + number * WIDTH, place[1]))
        strokes = np.asarray(canvas) > 127
        assert strokes.sum() > 50
        tone = 1.0 if draws[2] < 0.5 else 0.0
        assert np.array_equal(found[row, 0].numpy(), np.where(strokes, tone, np.float32(0.5)))


def test_letters_grow_with_the_picture():
    small, large = torch.full((1, 1, 48, 48), 0.5), torch.full((1, 1, 96, 96), 0.5)
    few, many = (
        (lettered(one, torch.tensor([5]), 0, seed=0) != 0.5).float().mean()
        for one in (small, large)
    )
    assert many / few == torch.tensor(1.0)


def test_both_tones_and_other_places_in_another_epoch():
    keys = torch.arange(40)
    grey = torch.full((40, 3, 32, 32), 0.5)
    found = lettered(grey, keys, 0, seed=0)
    tones = {float(row.unique()[row.unique() != 0.5][0]) for row in found}
    assert tones == {0.0, 1.0}
    assert not torch.equal(found, lettered(grey, keys, 1, seed=0))
    assert torch.equal(found[:, :1].expand(-1, 3, -1, -1), found)
