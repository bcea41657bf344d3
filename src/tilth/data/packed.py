"""Long arrays in a JSON file: packed, compressed, and not unpacked beyond what is due."""

from __future__ import annotations

import base64
import zlib
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray


def pack_array(values: NDArray[Any]) -> dict[str, str]:
    """Return booleans as bits, numbers as float32, for a JSON file.

    >>> unpack_array(pack_array(np.array([True, False])), 2).tolist()
    [True, False]
    """
    if values.dtype == np.bool_:
        kind, content = "bits", np.packbits(values).tobytes()
    else:
        kind, content = "float32", values.astype("<f4").tobytes()
    # harder compression than zlib's usual saves a hundredth and takes ten times as long
    return {"kind": kind, "zlib": base64.b64encode(zlib.compress(content)).decode("ascii")}


def unpack_array(packed: Mapping[str, str], count: int) -> NDArray[Any]:
    """Return ``count`` booleans or float64 numbers of what ``pack_array`` gave.

    Raises KeyError, ValueError or zlib.error where they are damaged.
    """
    bits = packed["kind"] == "bits"
    size = (count + 7) // 8 if bits else 4 * count
    unzip = zlib.decompressobj()
    # no more than is due is unpacked, so a few stored bytes cannot fill the memory
    content = unzip.decompress(base64.b64decode(packed["zlib"], validate=True), size + 1)
    if len(content) != size:
        raise ValueError(f"{len(content)} bytes, not {size}")
    if bits:
        return np.unpackbits(np.frombuffer(content, np.uint8), count=count).astype(np.bool_)
    return np.frombuffer(content, "<f4").astype(np.float64)
