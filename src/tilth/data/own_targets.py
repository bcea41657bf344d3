"""What the targets of the user's own items are: classes or numbers, each checked."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from torch import Tensor

from tilth.data.dataset import IntArray, Target
from tilth.data.keys import Keys, content_keys
from tilth.errors import UserError

_KINDS = {"whole": "whole numbers", "real": "numbers", "text": "texts"}


@dataclass(frozen=True)
class OwnTargets:
    """The targets of all items.

    values: [items] as they were given; labels: names of the classes 0, 1, ... where given
    """

    kind: Literal["classes", "number"]
    values: list[Any]
    labels: tuple[str, ...] | None = None

    def target(self, train: IntArray) -> Target:
        """Return the target as the training rows have it: their classes, or their spread."""
        known = [self.values[row] for row in train.tolist()]
        if self.kind == "number":
            return Target("target", "number").fitted(known)
        return Target("target", "classes", self.labels or tuple(map(str, sorted(set(known)))))

    def encode(self, target: Target) -> Tensor:
        """Return [items] class ids (-1 for a class that training lacks) or standardised numbers."""
        if self.kind == "classes" and self.labels:
            return target.encode([self.labels[value] for value in self.values])
        return target.encode(self.values)

    def keys(self) -> Keys:
        """Return [items] 64-bit keys of the values."""
        return content_keys([str(value) for value in self.values], seed=0)


def item_target(item: Any) -> Any:
    """Return the target of an item; raise UserError for items that are not (inputs, target)."""
    if not isinstance(item, list | tuple) or len(item) != 2:
        raise UserError(
            f"an item of type {type(item).__name__}",
            rule="an item of a data set is a pair (inputs, target)",
            fix="return inputs and target from __getitem__",
        )
    target = item[1]
    if isinstance(target, Tensor):
        return target.item() if target.numel() == 1 else target
    if isinstance(target, np.generic) or (isinstance(target, np.ndarray) and target.size == 1):
        return target.item()
    return target


def own_targets(values: Sequence[Any], labels: Sequence[str] | None) -> OwnTargets:
    """Return what the targets are: whole numbers, truth values and texts are classes.

    Other numbers are numbers; truth values among numbers are 0 and 1.

    Raises UserError for targets that are neither or mixed, and for labels that do not fit them.

    >>> own_targets(["b", "a", "b"], None).target(np.arange(3)).labels
    ('a', 'b')
    """
    first: dict[str, int] = {}
    for place, value in enumerate(values):
        first.setdefault(_kind(value, place), place)
    if "text" in first and len(first) > 1:
        raise UserError(
            "targets are " + " and ".join(f"{_KINDS[kind]} (item {first[kind]})" for kind in first),
            rule="the targets of a data set are of one kind",
        )
    if labels is not None:
        _check_labels(values, tuple(labels), first)
        return OwnTargets("classes", [int(value) for value in values], tuple(labels))
    kind: Literal["number", "classes"] = "number" if "real" in first else "classes"
    if all(isinstance(value, bool) for value in values) or "text" in first:
        return OwnTargets(kind, list(values))
    return OwnTargets(kind, [int(v) if isinstance(v, bool) else v for v in values])


def _kind(value: Any, place: int) -> str:
    if isinstance(value, int):
        return "whole"
    if isinstance(value, float) and math.isfinite(value):
        return "real"
    if isinstance(value, str):
        return "text"
    shape = tuple(getattr(value, "shape", ()))
    what = f"of shape {shape}" if shape else f"{value!r:.80}"
    raise UserError(
        f"the target of item {place} is {what}",
        rule="a target is one class (a whole number or a text) or one finite number",
        fix="for one-hot targets return target.argmax()" if len(shape) == 1 else "",
    )


def _check_labels(values: Sequence[Any], labels: tuple[str, ...], first: dict[str, int]) -> None:
    other = next((kind for kind in first if kind != "whole"), None)
    if other is not None:
        raise UserError(
            f"labels={list(labels)[:5]} for targets that are {_KINDS[other]}",
            rule="labels name the classes 0, 1, ... of targets that are whole numbers",
            fix="leave labels out",
        )
    if len(set(labels)) < len(labels):
        raise UserError(f"labels={list(labels)} name a class twice", rule="labels differ")
    for place, value in enumerate(values):
        if not 0 <= value < len(labels):
            raise UserError(
                f"{len(labels)} labels, and the target of item {place} is {value}",
                rule="labels name the classes 0, 1, ... one after the other",
                fix=f"give {max(values) + 1} labels" if value > 0 else "count classes from 0",
            )
