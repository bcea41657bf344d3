"""The look at a model that predicts: its outputs on rows that it did not learn from."""

from __future__ import annotations

from typing import Any

from tilth.audit.examine import examine
from tilth.audit.inside import inside, still_unchecked
from tilth.data.dataset import as_rows
from tilth.tasks._predicting import Predicting
from tilth.tasks._setup import Setup
from tilth.tasks._training import outputs


def predictions(task: Predicting, setup: Setup, *, seed: int) -> dict[str, Any]:
    """Return what audit.json says of a model that predicts; test is opened here, once."""
    data = as_rows(setup.data)
    judged = [s for s in ("valid", "calibrate", "test") if len(data.splits[s])]
    said = {s: outputs(setup, s) for s in judged}
    found = examine(data, task, said, seed=seed)
    temperature = found["temperature"]["value"]
    sections = inside(task, setup, said["test"], temperature, seed=seed)
    return {
        **found,
        "sections": [section.to_json() for section in sections],
        "not_checked": still_unchecked(found["not_checked"], sections),
    }
