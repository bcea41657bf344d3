"""What a run writes down of a split: how many rows, a digest of what they are, and which."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tilth.data.keys import Keys, digest
from tilth.data.packed import pack_array, unpack_array
from tilth.errors import UserError

_MOST_LISTED = 1000  # row numbers that are written out; more are packed, a bit for each


def split_record(rows: NDArray[np.int64], keys: Keys) -> dict[str, Any]:
    """Return the record of a split for data.json: count, sha256 of its rows' keys, rows.

    rows: [rows] row numbers; keys: [rows] what each row is called and holds
    Up to 1,000 row numbers are listed; more are packed (``recorded_rows`` reads both).

    >>> record = split_record(np.array([2, 0]), np.array([7, 9], dtype=np.uint64))
    >>> record["count"], record["rows"]
    (2, [0, 2])
    """
    record: dict[str, Any] = {"count": len(rows), "sha256": digest(keys)}
    if len(rows) <= _MOST_LISTED:
        return {**record, "rows": np.sort(rows).tolist()}
    members = np.zeros(int(rows.max()) + 1, dtype=np.bool_)
    members[rows] = True
    return {**record, "rows": {"of": len(members), **pack_array(members)}}


def recorded_rows(record: Mapping[str, Any]) -> NDArray[np.int64]:
    """Return the row numbers of a record of data.json, in order.

    Raises UserError where the record is damaged.

    >>> recorded_rows({"count": 2, "sha256": "", "rows": [0, 2]})
    array([0, 2])
    """
    rows = record["rows"]
    if isinstance(rows, list):
        return np.array(rows, dtype=np.int64)
    try:
        found = np.flatnonzero(unpack_array(rows, int(rows["of"])))
        if len(found) != record["count"]:
            raise ValueError(f"{len(found)} rows, not {record['count']}")
    except (KeyError, TypeError, ValueError, zlib.error) as error:
        raise UserError(
            f"the rows of a split cannot be read: {error}",
            rule="data.json is damaged",
            fix="train again",
        ) from error
    return found
