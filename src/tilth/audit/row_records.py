"""What a run keeps of each test row, so that two runs can be compared row by row.

Rows are in the order of their keys (hashes of their names), so two runs that split the same data
alike line up whatever order their listings had. Arrays are packed: 10,000 rows take about 45 kB.
What was wanted of a row may be large (a hundred labels, seventy points); of it a digest is kept.
"""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tilth.data.keys import Keys, digest
from tilth.data.packed import pack_array, unpack_array
from tilth.errors import UserError


@dataclass(frozen=True)
class Truths:
    """What was wanted of each row.

    values: [rows, ...] numbers, NaN where a row has none
    frame: what the numbers are measured in, where runs may differ in that: the size of the
        pictures that points lie in. Truths of two frames say nothing of each other.
    """

    values: NDArray[Any]
    frame: str = ""

    def digest(self, keys: Keys) -> str:
        """Return a SHA-256 of what is wanted of which row, whatever the rows' order and dtype.

        keys: [rows] what each row is

        >>> keys = np.array([7, 8], dtype=np.uint64)
        >>> told = Truths(np.array([0, 1])).digest(keys)
        >>> told == Truths(np.array([1.0, 0.0])).digest(keys[::-1])
        True
        >>> told == Truths(np.array([1, 0])).digest(keys)
        False
        """
        numbers = np.asarray(self.values, dtype="<f8").reshape(len(keys), -1) + 0.0  # no -0.0
        numbers[np.isnan(numbers)] = np.nan  # of one sign and payload
        told = zip(keys.astype("<u8"), numbers, strict=True)
        rows = sorted(key.tobytes() + row.tobytes() for key, row in told)
        return hashlib.sha256(b"".join(rows)).hexdigest()


def pack(
    keys: Keys, arrays: dict[str, NDArray[Any]], truths: Truths | None = None
) -> dict[str, Any]:
    """Return the rows for audit.json: count, digest of the keys, arrays in the order of the keys.

    keys: [rows] what each row is (``Data.id_keys``)
    arrays: name -> [rows] booleans, or numbers (kept as float32)
    truths: of which a digest is kept
    """
    order = np.argsort(keys, kind="stable")
    told = {} if truths is None else {"sha256": truths.digest(keys), "frame": truths.frame}
    return {
        "count": len(keys),
        "sha256": digest(keys),
        "arrays": {name: pack_array(values[order]) for name, values in arrays.items()},
        **({"truths": told} if told else {}),
    }


def other_truths(first: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Return whether the same rows are known to have another truth; old runs kept none.

    first, other: what ``pack`` gave
    """
    here, there = first.get("truths"), other.get("truths")
    if not here or not there or here["frame"] != there["frame"]:
        return False
    return bool(here["sha256"] != there["sha256"])


def unpack(stored: dict[str, Any]) -> dict[str, NDArray[Any]]:
    """Return name -> [rows] booleans or float64 numbers of what ``pack`` gave.

    Raises UserError where the rows are damaged.
    """
    try:
        return {
            name: unpack_array(packed, int(stored["count"]))
            for name, packed in stored["arrays"].items()
        }
    except (KeyError, TypeError, ValueError, AttributeError, zlib.error) as error:
        raise UserError(
            f"the stored test rows cannot be read: {error}", fix="make the audit again"
        ) from error
