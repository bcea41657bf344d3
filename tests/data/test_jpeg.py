"""What is kept is what a JPEG file keeps, as Pillow writes and reads it."""

import io

import numpy as np
import pytest
import torch
from PIL import Image
from sklearn.datasets import load_sample_image

from tilth.data.jpeg import compressed

CHINA = np.ascontiguousarray(load_sample_image("china.jpg")[100:170, 200:291])  # 70 x 91 px


def through_a_file(pixels, quality):
    written = io.BytesIO()
    Image.fromarray(pixels).save(written, "JPEG", quality=quality, subsampling=0)
    return np.asarray(Image.open(written)).astype(int)


@pytest.mark.parametrize("quality", [5, 10, 30, 50, 75, 95])
@pytest.mark.parametrize("colour", [True, False])
def test_it_is_what_a_file_keeps(quality, colour):
    pixels = CHINA if colour else CHINA[..., 0]
    planes = pixels if colour else pixels[..., None]
    given = torch.from_numpy(np.moveaxis(planes, -1, 0)[None] / 255).float()
    kept = (compressed(given, quality)[0] * 255).round().int().numpy()
    found = np.moveaxis(kept, 0, -1).reshape(pixels.shape)
    kept_by_file = through_a_file(pixels, quality)
    # libjpeg transforms in whole numbers: a coefficient half-way between two steps may go astray
    assert np.abs(found - kept_by_file).mean() < 0.7
    ours, theirs = (((one - pixels.astype(int)) ** 2).mean() for one in (found, kept_by_file))
    assert abs(ours / theirs - 1) < 0.04


def test_sides_of_any_length_and_pictures_apart():
    stream = torch.Generator().manual_seed(0)
    pictures = torch.rand(3, 3, 9, 13, generator=stream)
    found = compressed(pictures, 20)
    assert found.shape == pictures.shape
    torch.testing.assert_close(found[1:2], compressed(pictures[1:2], 20))
    given = pictures.clone()
    compressed(pictures, 20)
    assert torch.equal(given, pictures)
