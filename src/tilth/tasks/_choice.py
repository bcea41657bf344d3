"""Which task answers a kind of target: each task's file says so itself."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

from tilth import registry
from tilth.data.dataset import Data
from tilth.errors import UserError
from tilth.tasks import Task

ROOM = "tilth.tasks"
READ = ("classes", "labels", "number", "points")
"""Kinds of targets that a table or arrays can be read as."""


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


def check_target(data: Data, name: str | None) -> None:
    """Raise UserError where what is asked for predicts a target, and the data has none to learn.

    name: of the task, None to predict; one that states no TARGET does not look at targets
    """
    stated = {one: registry.stated(ROOM, one, "TARGET") for one in registry.names(ROOM)}
    # the picture that is wanted can be the one that is given, made worse
    needless = [one for one, kind in stated.items() if kind in (None, "picture")]
    if name is not None and stated.get(name) in (None, "picture"):
        return
    target = data.target
    if target.kind == "none":
        raise UserError(
            f"{name or 'no task'} for {data.name}, whose rows have no targets",
            rule="where nothing says what to predict, a task is named that predicts nothing",
            choices=needless,
            fix="--task variational (task='variational'); or, to predict: class folders or "
            "--labels for pictures, tl.arrays(inputs, targets) for arrays",
        )
    wanted = stated.get(name) if name is not None else None
    if wanted in READ and target.kind in (*READ, "mask", "picture") and wanted != target.kind:
        raise UserError(
            f"{name} for {data.name}, whose target is of the kind {target.kind!r}",
            rule=f"{name} learns targets of the kind {wanted!r}",
            fix=f"{task_for(target.kind)} learns these; or read the data for it: task={name!r} in "
            "tl.images, tl.table or tl.arrays",
        )
    if target.kind == "classes" and len(target.labels) < 2:
        raise UserError(
            f"{data.name} has one class, {', '.join(target.labels)}",
            rule="telling classes apart needs at least two",
            fix="add examples of another class, or look at how the labels were read",
        )


def build_for(target_kind: str, facts: Mapping[str, Any]) -> Task:
    """Build the task for a kind of target from those of the facts that it asks for."""
    return build_named(task_for(target_kind), facts, {})


def build_named(name: str, facts: Mapping[str, Any], arguments: Mapping[str, Any]) -> Task:
    """Build a task from its own arguments and those of the facts that it asks for.

    Raises UserError for an argument that it does not have, for one that the data gives, and for
    metrics that it would not look at.
    """
    asked = inspect.signature(registry.find(ROOM, name)).parameters
    for given in arguments:
        if given in facts:
            fix = "leave it out: it comes from the data and the settings"
            raise UserError(f"the argument {given!r} for the task {name}", fix=fix)
    if facts.get("metrics") and "metrics" not in asked:
        raise UserError(
            f"metrics for {name}", rule="it is judged by its own", fix="leave metrics out"
        )
    known = {k: facts[k] for k in asked if k in facts}
    found: Task = registry.build(ROOM, name, {**known, **arguments})
    return found
