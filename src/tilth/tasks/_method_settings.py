"""Numbers of a method that somebody sets, checked before anything is trained."""

from __future__ import annotations

import dataclasses
import math
import typing
from collections.abc import Mapping
from typing import Any

from tilth.errors import UserError, choose
from tilth.tasks._method import Method

ELSEWHERE = {"lr": "train.lr", "epochs": "train.epochs", "network": "model.arguments"}
"""Fields that are set where every task sets them."""
SHARES = ("discount", "trace", "explored", "rest")
MAY_BE_ZERO = ("entropy", "planning")


def with_settings(method: Method, given: Mapping[str, Any]) -> Method:
    """Return the method with some of its numbers changed.

    given: name of a field of the method -> plain value
    Raises UserError for names that it does not have, with the choices, and for values of another
    kind or outside their range.

    >>> from tilth.tasks._methods import METHODS
    >>> with_settings(METHODS["ppo"], {"discount": 0.9}).discount
    0.9
    """
    if not isinstance(given, Mapping):
        raise UserError(
            f"settings={given!r} for {method.name}",
            rule="the settings of a method are values by name",
            fix='task_arguments={"settings": {"discount": 0.98}}',
        )
    kinds = typing.get_type_hints(type(method))
    names = [one.name for one in dataclasses.fields(method) if one.name not in ELSEWHERE]
    for name in given:
        if name in ELSEWHERE:
            raise UserError(
                f"settings.{name} for {method.name}",
                rule="it is set where every task sets it",
                fix=f"--set {ELSEWHERE[name]}=...",
            )
        choose(name, names, f"setting of {method.name}")
    changed = {name: _checked(name, value, kinds[name]) for name, value in given.items()}
    return dataclasses.replace(method, **changed)


def _checked(name: str, value: Any, kind: type) -> Any:
    """Return the value as the field's kind; a whole number serves where any number does."""
    whole = isinstance(value, int) and not isinstance(value, bool)
    fits = whole or isinstance(value, float) if kind is float else type(value) is kind
    if not fits:
        raise UserError(f"settings.{name}={value!r}", rule=f"{name} is of the type {kind.__name__}")
    if kind is bool:
        return value
    if name in SHARES and not 0 <= value <= 1:
        raise UserError(f"settings.{name}={value}", rule=f"{name} lies between 0 and 1")
    may_be_zero = name in (*SHARES, *MAY_BE_ZERO)
    if not (0 < value < math.inf or (may_be_zero and value == 0)):
        low = "not negative" if may_be_zero else "more than 0"
        raise UserError(f"settings.{name}={value}", rule=f"{name} is {low} and finite")
    return kind(value)
