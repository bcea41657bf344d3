"""What a run keeps of each test row, so that two runs can be compared row by row.

Rows are in the order of their item ids, so two runs that split the same data alike line up
whatever order their listings had. Arrays are packed: 10,000 rows take about 45 kB.
"""

from __future__ import annotations

import base64
import hashlib
import zlib
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tilth.errors import UserError


def hash_ids(ids: Sequence[str]) -> str:
    """Return the SHA-256 of the item ids, whatever order they come in, as ``split_record`` does.

    >>> hash_ids(["b", "a"]) == hash_ids(["a", "b"]) != hash_ids(["a"])
    True
    """
    return hashlib.sha256("\n".join(sorted(ids)).encode()).hexdigest()


def pack(ids: Sequence[str], arrays: dict[str, NDArray[Any]]) -> dict[str, Any]:
    """Return the rows for audit.json: count, hash of the ids, arrays in the order of the ids.

    arrays: name -> [rows] booleans, or numbers (kept as float32)
    """
    order = np.array(sorted(range(len(ids)), key=lambda place: ids[place]), dtype=np.int64)
    return {
        "count": len(ids),
        "sha256": hash_ids(ids),
        "arrays": {name: _pack(values[order]) for name, values in arrays.items()},
    }


def _pack(values: NDArray[Any]) -> dict[str, str]:
    if values.dtype == np.bool_:
        kind, content = "bits", np.packbits(values).tobytes()
    else:
        kind, content = "float32", values.astype("<f4").tobytes()
    return {"kind": kind, "zlib": base64.b64encode(zlib.compress(content, 9)).decode("ascii")}


def unpack(stored: dict[str, Any]) -> dict[str, NDArray[Any]]:
    """Return name -> [rows] booleans or float64 numbers of what ``pack`` gave.

    Raises UserError where the rows are damaged.
    """
    try:
        return {
            name: _unpack(packed, int(stored["count"])) for name, packed in stored["arrays"].items()
        }
    except (KeyError, TypeError, ValueError, AttributeError, zlib.error) as error:
        raise UserError(
            f"the stored test rows cannot be read: {error}", fix="make the audit again"
        ) from error


def _unpack(packed: dict[str, str], count: int) -> NDArray[Any]:
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
