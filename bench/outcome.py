"""What a cell says of an arm that has ended."""

from __future__ import annotations

import json

from bench.cells import Cell


def outcome(code: int, out: str, errors: str, seconds: float) -> Cell:
    """Return {"result": ...}, the last line that an arm printed, or {"error": ...}.

    >>> outcome(0, 'warm\\n{"speed": 3.0}\\n', "", 1.5)
    {'seconds': 1.5, 'result': {'speed': 3.0}}
    """
    answer: Cell = {"seconds": round(seconds, 2)}
    last = out.strip().rpartition("\n")[2]
    if code != 0 or not last.startswith("{"):
        return {**answer, "error": errors.strip()[-600:] or f"exit code {code}"}
    return {**answer, "result": json.loads(last)}
