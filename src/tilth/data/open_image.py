"""Opening pictures safely: the header first, a closed list of formats, then upright 8-bit pixels.

What a picture becomes: the EXIF rotation is applied, transparency is laid on white, 16 bits are
scaled (not clipped) to 8, CMYK and palettes become colours, of an animation the first frame is
taken. The content decides what a file is, never its name.
"""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray
from PIL import (
    AvifImagePlugin,
    BmpImagePlugin,
    GifImagePlugin,
    Image,
    Jpeg2KImagePlugin,
    JpegImagePlugin,
    PngImagePlugin,
    PpmImagePlugin,
    TiffImagePlugin,
    WebPImagePlugin,
)

from tilth.data.file_signature import sniff, what_it_is

MAX_PIXELS = 100_000_000
"""Pictures over this many pixels are not decoded (a 0.5 MB file can ask for gigabytes)."""

PathLike = str | Path
Source = PathLike | bytes | Image.Image

# The plugins are called directly: Image.open would try every format there is (EPS starts another
# program) and has a pixel limit of its own that is one number for the whole process.
_OPENERS: dict[str, Callable[[IO[bytes]], Image.Image]] = {
    "JPEG": JpegImagePlugin.jpeg_factory,
    "PNG": PngImagePlugin.PngImageFile,
    "GIF": GifImagePlugin.GifImageFile,
    "BMP": BmpImagePlugin.BmpImageFile,
    "WebP": WebPImagePlugin.WebPImageFile,
    "TIFF": TiffImagePlugin.TiffImageFile,
    "PPM": PpmImagePlugin.PpmImageFile,
    "JPEG 2000": Jpeg2KImagePlugin.Jpeg2KImageFile,
    "AVIF": AvifImagePlugin.AvifImageFile,
}

# EXIF tag 0x0112 says how the camera was held (Exif 2.32, section 4.6.4)
_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_ORIENTATION = 0x0112
_TO_EIGHT_BITS = np.rint(np.arange(65536) * (255.0 / 65535.0)).astype(np.uint8)


class BadImage(Exception):
    """A picture that cannot be used; the text is the reason, without the file's name."""


@dataclass(frozen=True)
class Header:
    """What is known of a picture before any pixel is decoded.

    width, height: pixels, as seen upright; grey: it holds no colour by its mode or palette
    """

    width: int
    height: int
    format: str
    mode: str
    grey: bool
    animated: bool
    rotated: bool


def read_header(source: Source, *, max_pixels: int = MAX_PIXELS) -> Header:
    """Return what the header says; no pixel is decoded.

    Raises BadImage where the content is no picture or has more than ``max_pixels``.
    """
    with _opened(source, max_pixels) as image:
        turn = _orientation(image)
        lies = turn >= 5 and not isinstance(image, TiffImagePlugin.TiffImageFile)
        width, height = image.size[::-1] if lies else image.size  # Pillow turns a TIFF's itself
        return Header(
            width=width,
            height=height,
            format=image.format or "memory",
            mode=image.mode,
            grey=_is_grey(image),
            # an MPO file is one photograph with a second view of it, not an animation
            animated=image.format != "MPO" and bool(getattr(image, "is_animated", False)),
            rotated=turn != 1,
        )


def read_picture(
    source: Source,
    *,
    grey: bool,
    max_pixels: int = MAX_PIXELS,
    at_least: tuple[int, int] | None = None,
) -> Image.Image:
    """Return an upright picture in mode L (``grey``) or RGB.

    at_least: (width, height) that will be needed; a JPEG is then decoded at 1/2, 1/4 or 1/8 of
    its size where that still covers it, which is several times faster.
    Raises BadImage with the reason where it cannot be read.
    """
    with _opened(source, max_pixels) as image:
        try:
            own = image is not source  # the caller's picture must not change
            if at_least and own and isinstance(image, JpegImagePlugin.JpegImageFile):
                lies = _orientation(image) >= 5
                _draft(image, at_least[::-1] if lies else at_least, grey)
            image.load()
            if own and image.format == "PNG":
                _check_png(source)
            plain = _plain(image, grey)
        except BadImage:
            raise
        except MemoryError:
            raise
        except Exception as error:  # decoders fail in any way they like on damaged bytes
            raise BadImage(f"damaged or cut short ({_short(error)})") from error
        return _upright(plain, image)


def read_values(source: Source, *, max_pixels: int = MAX_PIXELS) -> Image.Image:
    """Return the upright values of a mask in mode L: numbers of a palette, not its colours.

    Raises BadImage with the reason where it cannot be read, or holds colours or numbers over 255.
    """
    with _opened(source, max_pixels) as image:
        try:
            image.load()
            if image is not source and image.format == "PNG":
                _check_png(source)
            values = np.asarray(image)
        except (BadImage, MemoryError):
            raise
        except Exception as error:  # as above
            raise BadImage(f"damaged or cut short ({_short(error)})") from error
        return _upright(_numbers(values, image.mode), image)


def _numbers(values: NDArray[Any], mode: str) -> Image.Image:
    if values.ndim == 3 and (values == values[..., :1])[..., :3].all():
        values = values[..., 0]
    if values.ndim != 2 or values.dtype.kind not in "bui":
        raise BadImage(f"a mask of mode {mode}: its values are one number a pixel, no colours")
    if values.size and int(values.max()) > 255:
        raise BadImage(f"a mask with the value {values.max()}: its values are from 0 to 255")
    return Image.fromarray(values.astype(np.uint8))


@contextmanager
def _opened(source: Source, max_pixels: int) -> Iterator[Image.Image]:
    """Open ``source`` lazily, check its size, close what was opened here."""
    if isinstance(source, Image.Image):
        _check_size(source, max_pixels)
        yield source
        return
    with _stream(source) as stream:
        image = _open(stream)
        _check_size(image, max_pixels)
        yield image


def _stream(source: PathLike | bytes) -> IO[bytes]:
    if isinstance(source, bytes):
        return io.BytesIO(source)
    try:
        return Path(source).open("rb")
    except OSError as error:
        raise BadImage(f"cannot be opened ({error.strerror or error})") from error


def _open(stream: IO[bytes]) -> Image.Image:
    try:
        start = stream.read(64)
        stream.seek(0)
        name = sniff(start)
        if not name:
            raise BadImage(what_it_is(start))
        return _OPENERS[name](stream)
    except (BadImage, MemoryError):
        raise
    except Exception as error:  # as above
        if isinstance(error.__cause__, struct.error | IndexError | EOFError):  # as Pillow wraps it
            raise BadImage("cut short within its header") from error
        raise BadImage(f"damaged header ({_short(error)})") from error


def _check_size(image: Image.Image, max_pixels: int) -> None:
    width, height = image.size
    if width * height > max_pixels:
        raise BadImage(
            f"{width} x {height} = {width * height / 1e6:,g} million pixels is over "
            f"the limit of {max_pixels / 1e6:,g} million: make it smaller, or read the data with "
            f"max_pixels={width * height}"
        )
    if width < 1 or height < 1:
        raise BadImage(f"{width} x {height} pixels: nothing to see")


def _check_png(source: Source) -> None:
    """Compare the checksums of the pixel data, which Pillow passes over.

    Flipped bits often unpack to a picture, of something else.
    """
    assert not isinstance(source, Image.Image)
    with _stream(source) as stream:
        stream.seek(8)
        while len(head := stream.read(8)) == 8 and head[4:] != b"IEND":
            length = int.from_bytes(head[:4], "big")
            if head[4:] != b"IDAT":
                stream.seek(length + 4, io.SEEK_CUR)
                continue
            checksum = zlib.crc32(stream.read(length), zlib.crc32(head[4:]))
            if checksum != int.from_bytes(stream.read(4), "big"):
                raise BadImage("damaged: a checksum does not agree with the pixels")


def _draft(image: JpegImagePlugin.JpegImageFile, at_least: tuple[int, int], grey: bool) -> None:
    # luminance alone is decoded for grey; CMYK has none
    image.draft("L" if grey and image.mode == "RGB" else None, at_least)


def _orientation(image: Image.Image) -> int:
    try:
        turn = image.getexif().get(_ORIENTATION, 1)
    except Exception:  # a damaged EXIF block says nothing about the pixels
        return 1
    return turn if turn in _UPRIGHT else 1


def _upright(pixels: Image.Image, loaded: Image.Image) -> Image.Image:
    """Return the pixels of a picture that has been loaded as they are seen.

    Its orientation is asked for now, because Pillow turns a TIFF, and says so, as it loads it.
    """
    turn = _orientation(loaded)
    return pixels.transpose(_UPRIGHT[turn]) if turn in _UPRIGHT else pixels


def _is_grey(image: Image.Image) -> bool:
    if image.mode == "P" and image.palette is not None:
        entries = bytes(image.palette.palette)
        step = 4 if len(image.palette.rawmode or image.palette.mode) == 4 else 3
        red, green, blue = (entries[i::step][: len(entries) // step] for i in range(3))
        return red == green == blue
    return image.mode[:1] in ("1", "L", "I", "F") and image.mode != "LAB"


def _plain(image: Image.Image, grey: bool) -> Image.Image:
    """Return mode L or RGB with the transparent parts on white."""
    mode = "L" if grey else "RGB"
    if image.mode.startswith(("I", "F")):
        return _eight_bit(image).convert(mode)
    if image.mode in ("RGBa", "La"):  # premultiplied
        image = image.convert("RGBA" if image.mode == "RGBa" else "LA")
    if image.has_transparency_data:
        layer = image.convert("RGBA")
        white = Image.new("RGBA", layer.size, "white")
        image = Image.alpha_composite(white, layer)
    return image if image.mode == mode else image.convert(mode)


def _eight_bit(image: Image.Image) -> Image.Image:
    """Scale 16-bit integers (and floats whose scale is plain) to 8 bits."""
    values = np.asarray(image)
    if not np.isfinite(values).all():
        raise BadImage("holds values that are not finite")
    low, high = float(values.min()), float(values.max())
    floats = values.dtype.kind == "f"
    top = (1.0 if high <= 1 else 255.0) if floats else 65535.0
    if low < 0 or high > top:
        raise BadImage(
            f"{values.dtype} values from {low:g} to {high:g}, whose scale is not known "
            "(known: 0..65535 for integers, 0..1 or 0..255 for floats)"
        )
    # a table and float32 keep a picture of 100 million pixels within its own size in memory
    if floats:
        scaled = np.rint(values * np.float32(255.0 / top)).astype(np.uint8)
    else:
        scaled = _TO_EIGHT_BITS[values]
    return Image.fromarray(scaled)


def _short(error: Exception) -> str:
    text = str(error).strip() or type(error).__name__
    return text if len(text) <= 100 else text[:97] + "..."
