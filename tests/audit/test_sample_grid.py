"""Sample grids: every sample stands in its place of the picture."""

import base64
import io

import numpy as np
import torch
from PIL import Image

from tilth.audit.sample_grid import sample_grids, tiled


def test_samples_stand_row_by_row_with_a_white_line_between():
    samples = torch.arange(5.0)[:, None, None, None].expand(5, 1, 2, 3) / 10
    page = tiled(samples, columns=3)[0]
    assert page.shape == (5, 11)
    for place in range(5):
        row, column = divmod(place, 3)
        block = page[row * 3 : row * 3 + 2, column * 4 : column * 4 + 3]
        assert torch.equal(block, samples[place, 0])
    assert bool((page[2] == 1).all()) and bool((page[:, 3] == 1).all())
    assert bool((page[3:, 8:] == 1).all())  # nothing stands in the last place


def test_a_record_becomes_pngs_by_step():
    early = torch.zeros(4, 1, 2, 2, dtype=torch.uint8)
    late = torch.arange(4 * 3 * 4, dtype=torch.uint8).reshape(4, 3, 2, 2)
    found = sample_grids({9: late, 0: early})
    assert [one["step"] for one in found] == [0, 9]
    with Image.open(io.BytesIO(base64.b64decode(found[1]["png"]))) as picture:
        pixels = np.asarray(picture)
    assert pixels.shape == (5, 5, 3)
    assert np.array_equal(pixels[3:, 3:], late[3].permute(1, 2, 0).numpy())
