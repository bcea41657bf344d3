"""Which task answers a kind of target: each task's file says so itself."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

from tilth import registry
from tilth.errors import UserError
from tilth.tasks import Task

ROOM = "tilth.tasks"


def task_for(target_kind: str) -> str:
    """Return the name of the task whose TARGET is this kind of target.

    >>> task_for("classes"), task_for("number")
    ('classify', 'regress')
    """
    offered = {str(registry.stated(ROOM, name, "TARGET")): name for name in registry.names(ROOM)}
    if target_kind not in offered:
        raise UserError(f"no task answers a target of the kind {target_kind!r}", choices=offered)
    return offered[target_kind]


def build_for(target_kind: str, facts: Mapping[str, Any]) -> Task:
    """Build the task for a kind of target from those of the facts that it asks for."""
    name = task_for(target_kind)
    asked = inspect.signature(registry.find(ROOM, name)).parameters
    found: Task = registry.build(ROOM, name, {k: facts[k] for k in asked if k in facts})
    return found
