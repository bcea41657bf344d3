"""A misspelt argument is named, with the one that was probably meant."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterable
from typing import ParamSpec, TypeVar

from tilth.errors import UserError, nearest

P = ParamSpec("P")
R = TypeVar("R")


class ArgumentError(UserError, TypeError):
    """A function was called with an argument it does not have."""


def check_arguments(function: str, given: Iterable[str], accepted: Iterable[str]) -> None:
    """Raise ArgumentError for the first given name that the function does not have.

    >>> check_arguments("train()", ["epoch"], ["path", "epochs"])
    Traceback (most recent call last):
    tilth.arguments.ArgumentError: train() has no argument 'epoch'. Choices: path, epochs. \
Fix: did you mean 'epochs'?
    """
    names = list(accepted)
    for name in given:
        if name not in names:
            guess = nearest(name, names)
            raise ArgumentError(
                f"{function} has no argument {name!r}",
                choices=names,
                fix=f"did you mean {guess!r}?" if guess else f"leave {name!r} out",
            )


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
        check_arguments(f"{function.__qualname__}()", kwargs, accepted)
        return function(*args, **kwargs)

    return call
