"""A misspelt argument is named, with the one that was probably meant."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterable
from dataclasses import fields, is_dataclass
from typing import ParamSpec, TypeVar

from tilth.errors import UserError, nearest

P = ParamSpec("P")
R = TypeVar("R")


class ArgumentError(UserError, TypeError):
    """A function was called with an argument it does not have."""


_VALUES = {"weights": "the path of a .safetensors file, or 'cache'"}
"""What is given for an argument that other libraries turn on by its name alone."""


def check_arguments(
    function: str, given: Iterable[str], accepted: Iterable[str], owner: object = None
) -> None:
    """Raise ArgumentError for the first given name that the function does not have.

    owner: whose method it is; what belongs to its settings is said to be given there

    >>> check_arguments("train()", ["epoch"], ["path", "epochs"])
    Traceback (most recent call last):
    tilth.arguments.ArgumentError: train() has no argument 'epoch'. Choices: path, epochs. \
Fix: did you mean 'epochs'?
    """
    names = list(accepted)
    for name in given:
        if name not in names:
            raise ArgumentError(
                f"{function} has no argument {name!r}", choices=names, fix=_fix(name, names, owner)
            )


def _fix(name: str, names: list[str], owner: object) -> str:
    if name in _made_with(owner):
        made = type(owner).__name__
        return f"give it where the {made} is made: {made}(..., {name}=...)"
    guess = nearest(name, names)
    if guess is None:
        return f"leave {name!r} out"
    how = f" ({_VALUES[guess]})" if guess in _VALUES else ""
    return f"did you mean {guess!r}{how}?"


def _made_with(owner: object) -> set[str]:
    """Return what is given where the owner is made; nothing where it has no settings."""
    settings = getattr(owner, "settings", None)
    if not is_dataclass(settings):
        return set()
    parameters = inspect.signature(type(owner)).parameters.values()
    named = {one.name for one in parameters if one.kind is not one.VAR_KEYWORD}
    return named | {field.name for field in fields(settings)}


def checked(function: Callable[P, R]) -> Callable[P, R]:
    """Make ``function`` name the nearest argument when it is given one it does not have.

    >>> @checked
    ... def train(path, *, epochs=1): return epochs
    >>> train("flowers", epochs=3)
    3
    """
    parameters = inspect.signature(function).parameters
    accepted = [name for name in parameters if name != "self"]
    if any(p.kind is p.VAR_KEYWORD for p in parameters.values()):
        raise TypeError(f"{function.__qualname__} checks its own keyword arguments")

    @functools.wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> R:
        owner = args[0] if args and "self" in parameters else None
        check_arguments(f"{function.__qualname__}()", kwargs, accepted, owner)
        return function(*args, **kwargs)

    return call
