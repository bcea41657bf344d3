"""Measured cells (bench, arm, repeat): a JSON-lines file that only grows, and the sums over it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any

Cell = dict[str, Any]


def digest(value: object) -> str:
    """Twelve hex digits that change when the value's JSON changes."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def append(path: Path, cell: Cell) -> None:
    """Add one finished cell as one line, on the disk before this returns."""
    path.parent.mkdir(parents=True, exist_ok=True)
    torn = path.exists() and not path.read_bytes().endswith(b"\n") and path.stat().st_size > 0
    with path.open("a", encoding="utf-8") as file:
        file.write(("\n" if torn else "") + json.dumps(cell) + "\n")
        file.flush()


def read(path: Path) -> list[Cell]:
    """Every whole line of the file; a line torn by a crash is left out."""
    cells = []
    for line in path.read_text(encoding="utf-8").splitlines() if path.exists() else ():
        try:
            cells.append(json.loads(line))
        except json.JSONDecodeError:
            continue
    return cells


def run_key(cell: Mapping[str, Any]) -> tuple[str, str, str, str]:
    """What must be equal for two cells to be one comparison: bench, commit, work, machine."""
    return (
        str(cell["bench"]),
        str(cell["commit"]),
        digest([cell["config"], cell["quick"], cell.get("turns", 0.0)]),
        digest([cell["hardware"], cell["versions"]]),
    )


def finished(cells: Iterable[Cell], key: tuple[str, str, str, str]) -> set[tuple[str, int]]:
    """The (arm, repeat) pairs of this run that gave a result; failed ones are tried again."""
    return {
        (cell["arm"], cell["repeat"]) for cell in cells if "result" in cell and run_key(cell) == key
    }


def latest_run(cells: Sequence[Cell], bench: str, *, quick: bool) -> list[Cell]:
    """The cells of the bench's newest full (or quick) run, the newest cell per (arm, repeat)."""
    mine = [cell for cell in cells if cell["bench"] == bench and cell["quick"] == quick]
    if not mine:
        return []
    key = run_key(mine[-1])
    newest = {(cell["arm"], cell["repeat"]): cell for cell in mine if run_key(cell) == key}
    return list(newest.values())


def values(cells: Iterable[Cell], arm: str, metric: str) -> dict[int, float]:
    """repeat -> measured number, for the repeats of one arm that have it."""
    return {
        cell["repeat"]: float(cell["result"][metric])
        for cell in cells
        if cell["arm"] == arm and cell.get("result", {}).get(metric) is not None
    }


def middle(numbers: Mapping[int, float]) -> float | None:
    """The median over repeats, or None without any."""
    return median(numbers.values()) if numbers else None


def paired_ratios(
    cells: Sequence[Cell], metric: str, numerator: str, denominator: str
) -> list[float]:
    """Ratio of two arms in each repeat that both finished.

    The arms of one repeat ran one after the other, so a machine that slows down for minutes slows
    both sides of a pair; the median of the ratios is steadier than the ratio of the medians.
    """
    above, below = values(cells, numerator, metric), values(cells, denominator, metric)
    return [above[repeat] / below[repeat] for repeat in sorted(above.keys() & below.keys())]


def best(cells: Sequence[Cell], metric: str, arms: Iterable[str], *, more: bool) -> str | None:
    """The arm with the best median, or None when none of them has a result."""
    found = {arm: middle(values(cells, arm, metric)) for arm in arms}
    known = {arm: value for arm, value in found.items() if value is not None}
    if not known:
        return None
    return (max if more else min)(known, key=lambda arm: known[arm])
