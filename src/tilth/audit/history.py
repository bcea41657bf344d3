"""The records of training as curves: epochs over all phases, one line per quantity."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tilth.train.schedules import SCHEDULES

Records = Sequence[Mapping[str, Any]]
Line = tuple[list[float], list[float]]
_SCHEDULE_POINTS = 200


def epochs(records: Records) -> list[float]:
    """Return each record's epoch counted from the first phase's start (phases count anew).

    >>> epochs([{"phase": 0, "epoch": 1.0}, {"phase": 0, "epoch": 2.0}, {"phase": 1, "epoch": 1}])
    [1.0, 2.0, 3.0]
    """
    found: list[float] = []
    offset, phase = 0.0, None
    for record in records:
        if found and record.get("phase", 0) != phase:
            offset = found[-1]
        phase = record.get("phase", 0)
        found.append(offset + float(record.get("epoch", record.get("step", 0))))
    return found


def line(records: Records, name: str) -> Line:
    """Return where ``name`` was recorded as a number: epochs and values."""
    pairs = [
        (epoch, float(record[name]))
        for epoch, record in zip(epochs(records), records, strict=True)
        if isinstance(record.get(name), int | float)
    ]
    return [epoch for epoch, _ in pairs], [value for _, value in pairs]


def phase_ends(records: Records) -> list[float]:
    """Return the epochs at which one phase ended and the next began."""
    counted = epochs(records)
    return [
        counted[place - 1]
        for place in range(1, len(records))
        if records[place].get("phase", 0) != records[place - 1].get("phase", 0)
    ]


def planned_rates(config: Mapping[str, Any], records: Records) -> Line:
    """Return the learning rate of each phase's plan, drawn finely: epochs and rates.

    A rate stands where its update ends, as in the records: the first one a step after the start.
    A plan that is not known here (edited by hand, or of a later version) is left out.
    """
    ends = [*phase_ends(records), *epochs(records)[-1:]]
    drawn: Line = ([], [])
    start = 0.0
    for number, plan in enumerate(config.get("phase", [])):
        if plan.get("schedule") not in SCHEDULES or not plan.get("steps_per_epoch"):
            continue
        schedule = SCHEDULES[plan["schedule"]]()
        steps, per_epoch = plan["total_steps"], plan["steps_per_epoch"]
        length = steps / per_epoch
        for point in range(_SCHEDULE_POINTS + 1):
            update = (steps - 1) * point / _SCHEDULE_POINTS
            drawn[0].append(start + (update + 1) / per_epoch)
            drawn[1].append(plan["lr"] * schedule(update / steps)[0])
        start = ends[number] if number < len(ends) else start + length
    return drawn


def epoch_of(records: Records, step: int | None) -> float | None:
    """Return the (last) epoch at which ``step`` was recorded; None where it was not."""
    found = [
        epoch
        for epoch, record in zip(epochs(records), records, strict=True)
        if step is not None and record.get("step") == step
    ]
    return found[-1] if found else None
