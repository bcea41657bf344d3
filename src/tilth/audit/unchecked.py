"""The honest list of what an audit did not look at."""

from __future__ import annotations

from tilth.data.dataset import Rows

_ALWAYS = (
    "Groups: whether it serves some people, places or devices worse than others. "
    "Scores were not compared between subgroups.",
    "Change: whether data that comes later, or from elsewhere, looks like this data set. "
    "The test rows come from the same source as the train rows.",
    "Labels: the given answers were taken as right. Some of the worst errors may be theirs.",
    "Luck: the intervals cover the choice of test rows, not training again with another seed.",
    "Reasons: what in the input its answers rest on, and whether that would still hold tomorrow.",
    "Strangers: it answers inputs of no known kind as confidently as any others.",
)


def not_checked(data: Rows, temperature_fitted: bool) -> list[str]:
    """Return what was not looked at for this data, in words."""
    listed = [*_ALWAYS, data.usual.unchecked]
    if data.target.kind == "classes" and not temperature_fitted:
        listed.append("Calibration: too little to go by to set a temperature; see that section.")
    return listed
