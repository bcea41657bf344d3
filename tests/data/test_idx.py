from __future__ import annotations

import gzip
import struct
from pathlib import Path

import numpy as np
import pytest

from tilth.data.idx import is_idx_name, read_idx
from tilth.errors import UserError

CODES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}


def idx_bytes(values: np.ndarray, code: int) -> bytes:
    """Written from the description of the format, byte by byte."""
    head = struct.pack(">BBBB", 0, 0, code, values.ndim)
    sizes = b"".join(struct.pack(">I", size) for size in values.shape)
    return head + sizes + values.astype(CODES[code]).tobytes()


@pytest.mark.parametrize("code", CODES)
@pytest.mark.parametrize("zipped", [False, True])
def test_every_type_comes_back(tmp_path: Path, code: int, zipped: bool):
    values = np.arange(24).reshape(2, 3, 4)
    content = idx_bytes(values, code)
    path = tmp_path / "some-images-idx3"
    path.write_bytes(gzip.compress(content) if zipped else content)
    found = read_idx(path)
    assert np.array_equal(found, values)
    assert found.dtype == np.dtype(CODES[code]).newbyteorder("=")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "not an idx file"),
        (b"hello, world", "not an idx file"),
        (idx_bytes(np.zeros((2, 2)), 0x08)[:9], "ends inside the header"),
        (idx_bytes(np.zeros((2, 2)), 0x08)[:-1], "3 of the 4 bytes"),
        (idx_bytes(np.zeros((2, 2)), 0x08) + b"x", "more than the 4 bytes"),
        (b"\0\0\x08\x02" + b"\xff" * 8, "its header asks for"),
        (
            gzip.compress(idx_bytes(np.zeros((99, 99)), 0x08), mtime=0)[:40],
            "gzip stream is damaged",
        ),
    ],
)
def test_damage_is_named(tmp_path: Path, content: bytes, message: str):
    path = tmp_path / "train-images-idx3-ubyte"
    path.write_bytes(content)
    with pytest.raises(UserError, match=message) as caught:
        read_idx(path)
    assert str(path) in str(caught.value)


def test_names():
    idx = ["train-images-idx3-ubyte", "train-images.idx3-ubyte.gz", "a.idx", "Labels-IDX1-ubyte"]
    assert all(is_idx_name(name) for name in idx)
    assert not any(is_idx_name(name) for name in ["photo_idx1.png", "idx.txt", "images.gz"])


@pytest.mark.data
def test_mnist_is_read_as_it_is(data_folder: Path):
    images = read_idx(data_folder / "mnist" / "t10k-images-idx3-ubyte.gz")
    labels = read_idx(data_folder / "mnist" / "t10k-labels-idx1-ubyte.gz")
    assert images.shape == (10000, 28, 28)
    # the first ten labels of the test set, as every page on MNIST shows them
    assert labels[:10].tolist() == [7, 2, 1, 0, 4, 1, 4, 9, 5, 9]
    assert round(float(images.mean()) / 255, 4) == 0.1325
