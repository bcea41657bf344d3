import dataclasses

import numpy as np
import torch

from tilth.data.black_or_white import BlackOrWhite
from tilth.data.image_arrays import image_arrays


def grey(raw, keys, epoch):
    return raw


RAW = torch.tensor([0.0, 0.25, 0.9, 1.0]).repeat(4000, 1)
ROWS = torch.arange(4000)


def test_brightness_is_the_chance_of_white():
    found = BlackOrWhite(grey, seed=1)(RAW, ROWS, 0)
    assert set(found.unique().tolist()) == {0.0, 1.0}
    share = found.mean(0).tolist()
    assert share[0] == 0 and share[3] == 1
    for place, chance in ((1, 0.25), (2, 0.9)):
        assert abs(share[place] - chance) < 4 * (chance * (1 - chance) / 4000) ** 0.5


def test_draws_are_a_function_of_seed_epoch_and_row():
    draw = BlackOrWhite(grey, seed=1)
    whole = draw(RAW, ROWS, 3)
    assert torch.equal(draw(RAW[7:9], ROWS[7:9], 3), whole[7:9])
    for other in (draw(RAW, ROWS, 4), BlackOrWhite(grey, seed=2)(RAW, ROWS, 3)):
        assert not torch.equal(other, whole)


def test_pictures_are_made_black_and_white_from_their_range():
    pixels = np.random.default_rng(0).integers(0, 256, (40, 8, 8), dtype=np.uint8)
    data = dataclasses.replace(image_arrays(pixels).in_range(0.0, 1.0), binary=True)
    rows = torch.arange(40)
    first = data.prepare(train=False)(data.store.take(rows), rows, 0)
    assert first.shape == (40, 1, 8, 8) and set(first.unique().tolist()) == {0.0, 1.0}
    bright = torch.from_numpy(pixels[:, None]) > 127
    assert float(first[bright].mean()) > 0.65 > 0.35 > float(first[~bright].mean())
