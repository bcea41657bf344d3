"""What of the data could not be used."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict
from typing import Any

from tilth.data.dataset import Data

MOST_ITEMS = 100


def set_aside(data: Data) -> dict[str, Any]:
    """Return how many items were set aside, for which reasons, and the first of them."""
    return {
        "count": len(data.bad_items),
        "reasons": dict(Counter(bad.reason for bad in data.bad_items).most_common(20)),
        "items": [asdict(bad) for bad in data.bad_items[:MOST_ITEMS]],
    }
