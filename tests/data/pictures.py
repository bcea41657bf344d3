"""Pictures for tests: plain, odd, damaged and hostile ones, made here."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

Array = np.ndarray


def noise(height: int, width: int, channels: int = 3, seed: int = 0) -> Array:
    """Return smooth random uint8 pixels, [height, width, 3] or [height, width]."""
    generator = np.random.default_rng(seed)
    shape = (max(2, height // 8), max(2, width // 8), 3)
    coarse = Image.fromarray(generator.integers(0, 256, shape, dtype=np.uint8))
    fine = np.asarray(coarse.resize((width, height), Image.Resampling.BICUBIC))
    return fine if channels == 3 else fine[:, :, 0]


def encoded(pixels: Array | Image.Image, form: str = "PNG", **options: Any) -> bytes:
    image = pixels if isinstance(pixels, Image.Image) else Image.fromarray(pixels)
    stream = io.BytesIO()
    image.save(stream, form, **options)
    return stream.getvalue()


def png_of_size(width: int, height: int, pressed: bytes = zlib.compress(bytes(1000))) -> bytes:
    """Return a PNG whose header asks for so many pixels that its few bytes do not hold.

    pressed: what it holds, where that is something else
    """

    def chunk(kind: bytes, body: bytes) -> bytes:
        return (
            struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        )

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    data = chunk(b"IDAT", pressed)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + data + chunk(b"IEND", b"")


def black_png(width: int, height: int) -> bytes:
    """Return a sound PNG of a black picture, pressed a hundred rows at a time."""
    rows, left = divmod(height, 100)
    assert left == 0
    pressing = zlib.compressobj(9, wbits=-15)
    part = pressing.compress(bytes(100 * (1 + 3 * width))) + pressing.flush(zlib.Z_FULL_FLUSH)
    adler = (height * (1 + 3 * width) % 65521 << 16) + 1  # RFC 1950 of nothing but zeros
    pressed = b"\x78\xda" + rows * part + b"\x03\x00" + struct.pack(">I", adler)
    return png_of_size(width, height, pressed)


def rotated_jpeg(pixels: Array, orientation: int) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = orientation
    return encoded(pixels, "JPEG", quality=95, exif=exif.tobytes())


def animation(form: str, *frames: Array) -> bytes:
    first, *others = [Image.fromarray(frame) for frame in frames]
    return encoded(first, form, save_all=True, append_images=others, duration=50)


def write(folder: Path, files: Mapping[str, bytes]) -> Path:
    """Write files by relative path, making folders."""
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return folder


def class_folders(
    folder: Path, counts: Mapping[str, int], *, size: tuple[int, int] = (16, 16), channels: int = 3
) -> Path:
    """Write ``counts`` different PNG pictures into a folder for each class."""
    seed = 0
    for label, count in counts.items():
        for number in range(count):
            seed += 1
            pixels = noise(*size, channels=channels, seed=seed)
            write(folder, {f"{label}/{number:03}.png": encoded(pixels)})
    return folder
