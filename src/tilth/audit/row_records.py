"""What a run keeps of each test row, so that two runs can be compared row by row.

Rows are in the order of their keys (hashes of their names), so two runs that split the same data
alike line up whatever order their listings had. Arrays are packed: 10,000 rows take about 45 kB.
"""

from __future__ import annotations

import zlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tilth.data.keys import Keys, digest
from tilth.data.packed import pack_array, unpack_array
from tilth.errors import UserError


def pack(keys: Keys, arrays: dict[str, NDArray[Any]]) -> dict[str, Any]:
    """Return the rows for audit.json: count, digest of the keys, arrays in the order of the keys.

    keys: [rows] what each row is (``Data.id_keys``)
    arrays: name -> [rows] booleans, or numbers (kept as float32)
    """
    order = np.argsort(keys, kind="stable")
    return {
        "count": len(keys),
        "sha256": digest(keys),
        "arrays": {name: pack_array(values[order]) for name, values in arrays.items()},
    }


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
