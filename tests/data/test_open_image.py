from __future__ import annotations

import io
import resource
import warnings
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps

from tests.data.pictures import animation, encoded, noise, png_of_size, rotated_jpeg
from tilth.data.file_signature import FORMATS, sniff
from tilth.data.open_image import BadImage, read_header, read_picture, read_values

PIXELS = noise(40, 60)
SAVED_AS = {
    "JPEG": "JPEG",
    "PNG": "PNG",
    "GIF": "GIF",
    "BMP": "BMP",
    "WebP": "WEBP",
    "TIFF": "TIFF",
    "PPM": "PPM",
    "JPEG 2000": "JPEG2000",
    "AVIF": "AVIF",
}


def opened(content: bytes) -> Image.Image:
    return Image.open(io.BytesIO(content))


@pytest.mark.parametrize("form", FORMATS)
def test_each_format_gives_what_pillow_gives(form: str):
    content = encoded(PIXELS, SAVED_AS[form])
    assert sniff(content[:64]) == form
    header = read_header(content)
    assert (header.width, header.height) == (60, 40)
    assert not (header.grey or header.animated or header.rotated)
    expected = opened(content).convert("RGB")
    assert np.array_equal(np.asarray(read_picture(content, grey=False)), np.asarray(expected))


@pytest.mark.parametrize("form", FORMATS)
def test_half_a_file_is_bad(form: str):
    content = encoded(PIXELS, SAVED_AS[form])
    with pytest.raises(BadImage, match="damaged"):
        read_picture(content[: len(content) // 2], grey=False)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "zero bytes"),
        (b"just some words in a file\n", "text, not a picture"),
        (b"\n<!DOCTYPE html><html>", "an HTML page"),
        (b"%PDF-1.7", "a PDF document"),
        (b"<svg xmlns=", "SVG drawing"),
        (b"PK\x03\x04\0\0", "a zip archive"),
        (b"version https://git-lfs.github.com/spec/v1", "Git LFS pointer"),
        (b"\0\0\0\x18ftypheic\0\0\0\0", "HEIC.*export it as JPEG"),
        (bytes(500), "only zeros"),
        (b"\x01\x02\x03\x04\xff\xfe", "not a picture in a known format"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n", "text"),  # Pillow would start Ghostscript
        (b"\x89PNG\r\n\x1a\n123", "cut short within its header"),
    ],
)
def test_what_is_no_picture_is_named(content: bytes, reason: str):
    with pytest.raises(BadImage, match=reason):
        read_header(content)


def test_a_missing_file_is_bad(tmp_path: Path):
    with pytest.raises(BadImage, match="cannot be opened"):
        read_header(tmp_path / "gone.png")


def test_a_bomb_is_refused_by_its_header_alone():
    content = png_of_size(60_000, 60_000)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for read in (read_header, lambda source: read_picture(source, grey=False)):
        with pytest.raises(
            BadImage,
            match=r"3,600 million pixels is over the limit of 100 million: make it smaller",
        ):
            read(content)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 50_000  # KiB


def test_the_limit_is_the_callers(tmp_path: Path):
    content = encoded(np.zeros((50, 50), dtype=np.uint8))
    with pytest.raises(
        BadImage, match=r"0.0025 million pixels is over the limit of 0.002499 million"
    ):
        read_header(content, max_pixels=2499)
    assert read_header(content, max_pixels=2500).width == 50
    # over Pillow's own limits too, without a warning or an error of its own
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert read_header(png_of_size(20_000, 20_000), max_pixels=10**9).height == 20_000


@pytest.mark.parametrize("orientation", range(1, 9))
def test_photographs_are_turned_upright(orientation: int):
    content = rotated_jpeg(PIXELS, orientation)
    expected = ImageOps.exif_transpose(opened(content))
    found = read_picture(content, grey=False)
    assert np.array_equal(np.asarray(found), np.asarray(expected))
    header = read_header(content)
    assert (header.width, header.height) == found.size
    assert header.rotated == (orientation > 1)


@pytest.mark.parametrize("form", ["PNG", "TIFF", "JPEG"])
@pytest.mark.parametrize(("orientation", "quarters"), [(1, 0), (3, 2), (6, -1), (8, 1)])
def test_pictures_and_masks_are_turned_once(form: str, orientation: int, quarters: int):
    """Exif 2.32: 3 lies upside down, 6 is to be turned clockwise by a quarter, 8 against it."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    values = np.zeros((16, 24), dtype=np.uint8)
    values[:8, :16] = 200
    content = encoded(values, form, exif=exif)
    wanted = np.rot90(values, quarters)
    header = read_header(content)
    assert (header.height, header.width) == wanted.shape
    assert header.rotated == (orientation > 1)
    for read in (lambda source: read_picture(source, grey=True), read_values):
        found = np.asarray(read(content)).astype(int)
        assert found.shape == wanted.shape and np.abs(found - wanted).max() < 5


@pytest.mark.parametrize("form", ["PNG", "TIFF"])
def test_16_bits_are_scaled_and_not_clipped(form: str):
    values = np.linspace(0, 65535, 64 * 64).reshape(64, 64).round().astype(np.uint16)
    content = encoded(Image.fromarray(values), form)
    assert read_header(content).grey
    found = np.asarray(read_picture(content, grey=True)).astype(float)
    assert np.abs(found - values / 65535 * 255).max() <= 0.5
    colour = np.asarray(read_picture(content, grey=False))
    assert np.array_equal(colour, np.repeat(found[:, :, None], 3, axis=2).astype(np.uint8))


@pytest.mark.parametrize(("top", "factor"), [(1.0, 255.0), (255.0, 1.0)])
def test_float_pictures(top: float, factor: float):
    values = np.linspace(0, top, 100, dtype=np.float32).reshape(10, 10)
    found = np.asarray(read_picture(encoded(Image.fromarray(values), "TIFF"), grey=True))
    assert np.array_equal(found, np.rint(values.astype(float) * factor))


@pytest.mark.parametrize("values", [[-1.0, 1.0], [0.0, 4000.0], [0.0, np.nan]])
def test_floats_of_unknown_scale_are_bad(values: list[float]):
    image = Image.fromarray(np.array([values], dtype=np.float32))
    with pytest.raises(BadImage, match=r"scale is not known|not finite"):
        read_picture(encoded(image, "TIFF"), grey=True)


def test_cmyk_becomes_colour():
    cmyk = Image.new("CMYK", (4, 4), (0, 255, 255, 0))  # cyan off, magenta and yellow full: red
    content = encoded(cmyk, "JPEG", quality=95)
    assert read_header(content).mode == "CMYK"
    red = np.asarray(read_picture(content, grey=False))[2, 2].astype(int)
    assert np.abs(red - [255, 0, 0]).max() <= 3


def test_transparency_is_laid_on_white():
    layer = np.zeros((1, 3, 4), dtype=np.uint8)
    layer[0, :, 0] = 200  # red, fully seen, half seen, not seen
    layer[0, :, 3] = [255, 128, 0]
    found = np.asarray(read_picture(encoded(layer), grey=False))[0].astype(int)
    share = np.array([255, 128, 0])[:, None] / 255
    expected = np.array([200, 0, 0]) * share + 255 * (1 - share)
    assert np.abs(found - expected).max() <= 1


def test_a_transparent_palette_is_laid_on_white():
    image = Image.new("P", (2, 1))
    image.putpalette([0, 0, 0, 10, 20, 30])
    image.putpixel((1, 0), 1)
    content = encoded(image, "PNG", transparency=0)
    found = np.asarray(read_picture(content, grey=False))[0].tolist()
    assert found == [[255, 255, 255], [10, 20, 30]]


def test_grey_with_transparency():
    layer = np.array([[[0, 0], [0, 255]]], dtype=np.uint8)
    content = encoded(_grey_alpha(layer))
    assert read_header(content).grey
    assert np.asarray(read_picture(content, grey=True)).tolist() == [[255, 0]]


def _grey_alpha(layer: np.ndarray) -> Image.Image:
    return Image.merge("LA", [Image.fromarray(layer[:, :, i]) for i in range(2)])


def test_one_bit():
    image = Image.fromarray(np.array([[True, False]]))
    content = encoded(image)
    assert read_header(content).grey
    assert np.asarray(read_picture(content, grey=True)).tolist() == [[255, 0]]


def test_grey_palettes_are_grey_and_colour_palettes_are_not():
    for palette, grey in (([0, 0, 0, 9, 9, 9], True), ([0, 0, 0, 9, 9, 8], False)):
        image = Image.new("P", (2, 2))
        image.putpalette(palette)
        for form in ("PNG", "BMP"):
            assert read_header(encoded(image, form)).grey == grey, form


@pytest.mark.parametrize("form", ["GIF", "PNG", "WEBP"])
def test_the_first_frame_of_an_animation_is_used(form: str):
    red, blue = (
        np.full((8, 8, 3), colour, dtype=np.uint8) for colour in ([255, 0, 0], [0, 0, 255])
    )
    content = animation(form, red, blue)
    assert read_header(content).animated
    found = np.asarray(read_picture(content, grey=False))[4, 4].astype(int)
    assert np.abs(found - [255, 0, 0]).max() < 10
    assert not read_header(encoded(red, form)).animated


def test_large_jpegs_are_decoded_small_but_large_enough():
    pixels = noise(800, 1200, seed=3)
    content = encoded(pixels, "JPEG", quality=95)
    small = read_picture(content, grey=False, at_least=(128, 128))
    assert small.size == (300, 200)  # a quarter: an eighth would be 150 x 100
    whole = Image.fromarray(pixels).resize(small.size, Image.Resampling.BOX)
    difference = np.asarray(small).astype(float) - np.asarray(whole)
    assert np.abs(difference).mean() < 2
    assert read_picture(content, grey=False, at_least=(1200, 10)).size == (1200, 800)


def test_luminance_of_a_jpeg_is_that_of_its_colours():
    content = encoded(PIXELS, "JPEG", quality=95)
    found = np.asarray(read_picture(content, grey=True, at_least=(60, 40))).astype(float)
    expected = np.asarray(opened(content).convert("L"))
    assert np.abs(found - expected).mean() < 1
    assert np.abs(found - expected).max() <= 4


def test_the_users_picture_is_left_as_it_is():
    content = rotated_jpeg(noise(400, 600), 6)
    image = opened(content)
    assert read_picture(image, grey=False, at_least=(10, 10)).size == (400, 600)
    assert image.size == (600, 400)
    assert image.tobytes() == opened(content).tobytes()


def test_flipped_bits_in_a_png_are_noticed():
    content = encoded(noise(64, 64))
    generator = np.random.default_rng(0)
    for _ in range(100):
        damaged = bytearray(content)
        damaged[generator.integers(50, len(content) - 20)] ^= 1 << generator.integers(8)
        with pytest.raises(BadImage, match="damaged"):
            read_picture(bytes(damaged), grey=False)


def test_a_turned_jpeg_is_decoded_large_enough_as_seen_upright():
    content = rotated_jpeg(noise(400, 1600), 6)  # seen upright it is 400 wide and 1600 high
    assert read_picture(content, grey=False, at_least=(100, 800)).size == (200, 800)
