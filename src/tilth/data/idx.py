"""The idx format of the MNIST files (LeCun, Cortes and Burges 1998), plain or gzipped.

Two zero bytes, a type code, the number of dimensions, each size as a big-endian 32-bit integer,
then the values in row-major order, big-endian.
"""

from __future__ import annotations

import gzip
import math
import re
import zlib
from io import BufferedReader
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tilth.errors import UserError

_TYPES = {0x08: "u1", 0x09: "i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
_NAME = re.compile(r"(idx[1-4](-[a-z0-9]+)?|\.idx)(\.gz)?$")
_MOST_BYTES = 2**36  # 64 GiB: a header that asks for more is damage, not data


def read_idx(path: Path) -> NDArray[Any]:
    """Return the array in an idx or idx.gz file (native byte order).

    Raises UserError naming the file where it is not idx, is cut short or goes on too long.
    """
    try:
        with _open(path) as stream:
            return _read(stream, path)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise _damaged(path, f"the gzip stream is damaged ({error})") from error
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror or error}") from error


def is_idx_name(name: str) -> bool:
    """Say whether a file name is that of an idx file.

    >>> is_idx_name("t10k-images-idx3-ubyte.gz"), is_idx_name("cat.jpg")
    (True, False)
    """
    return _NAME.search(name.lower()) is not None


def _open(path: Path) -> gzip.GzipFile | BufferedReader:
    with path.open("rb") as stream:
        zipped = stream.read(2) == b"\x1f\x8b"  # content decides, not the name
    return gzip.open(path, "rb") if zipped else path.open("rb")


def _read(stream: gzip.GzipFile | BufferedReader, path: Path) -> NDArray[Any]:
    head = stream.read(4)
    if len(head) < 4 or head[:2] != b"\0\0" or head[2] not in _TYPES or not 1 <= head[3] <= 4:
        raise UserError(
            f"{path} is not an idx file (it begins with {head!r})",
            rule="idx begins with two zero bytes, a type code and the number of dimensions",
        )
    sizes = stream.read(4 * head[3])
    if len(sizes) < 4 * head[3]:
        raise _damaged(path, "it ends inside the header")
    shape = tuple(int(size) for size in np.frombuffer(sizes, dtype=">u4"))
    dtype = np.dtype(_TYPES[head[2]])
    wanted = math.prod(shape) * dtype.itemsize
    if wanted > _MOST_BYTES:
        raise _damaged(path, f"its header asks for {wanted:,} bytes")
    # one byte more than needed shows a file that goes on, without unpacking all of it
    values = stream.read(wanted + 1)
    if len(values) != wanted:
        more = "more than" if len(values) > wanted else f"{len(values):,} of"
        raise _damaged(path, f"it holds {more} the {wanted:,} bytes that its header promises")
    array = np.frombuffer(values, dtype=dtype).reshape(shape)
    return array.astype(dtype.newbyteorder("="))


def _damaged(path: Path, what: str) -> UserError:
    return UserError(f"{path} is damaged: {what}", fix="copy or download the file again")
