"""From numpy, tensors' values and whatever a table holds to values that JSON can carry."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any


def plain(value: Any) -> Any:
    """Return ``value`` as dicts, lists, text, numbers, booleans and None.

    Numbers that are not finite become None (JSON has none), what is none of these its text.

    >>> import numpy as np
    >>> plain({"a": np.float32(0.5), "b": (float("nan"), np.int64(3)), "c": np.bool_(True)})
    {'a': 0.5, 'b': [None, 3], 'c': True}
    """
    if value is None or isinstance(value, bool | int):
        return value
    if hasattr(value, "tolist"):  # NumPy and torch, whose import is not paid for here
        return plain(value.tolist())
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(key): plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [plain(inner) for inner in value]
    return str(value)
