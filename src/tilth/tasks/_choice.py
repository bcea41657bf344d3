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
    stated = {name: registry.stated(ROOM, name, "TARGET") for name in registry.names(ROOM)}
    offered = {str(kind): name for name, kind in stated.items() if kind is not None}
    if target_kind not in offered:
        raise UserError(f"no task answers a target of the kind {target_kind!r}", choices=offered)
    return offered[target_kind]


def build_for(target_kind: str, facts: Mapping[str, Any]) -> Task:
    """Build the task for a kind of target from those of the facts that it asks for."""
    return build_named(task_for(target_kind), facts, {})


def build_named(name: str, facts: Mapping[str, Any], arguments: Mapping[str, Any]) -> Task:
    """Build a task from its own arguments and those of the facts that it asks for.

    Raises UserError for an argument that it does not have, and for one that the data gives.
    """
    asked = inspect.signature(registry.find(ROOM, name)).parameters
    for given in arguments:
        if given in facts:
            fix = "leave it out: it comes from the data and the settings"
            raise UserError(f"the argument {given!r} for the task {name}", fix=fix)
    known = {k: facts[k] for k in asked if k in facts}
    found: Task = registry.build(ROOM, name, {**known, **arguments})
    return found
