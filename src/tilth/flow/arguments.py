"""A misspelt argument is named, with the one that was probably meant."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import ParamSpec, TypeVar

from tilth.errors import UserError, nearest

P = ParamSpec("P")
R = TypeVar("R")


class ArgumentError(UserError, TypeError):
    """A function was called with an argument it does not have."""


def checked(function: Callable[P, R]) -> Callable[P, R]:
    """Make ``function`` name the nearest argument when it is given one it does not have.

    >>> @checked
    ... def train(path, *, epochs=1): return epochs
    >>> train("flowers", epoch=3)
    Traceback (most recent call last):
    tilth.flow.arguments.ArgumentError: train() has no argument 'epoch'. Choices: path, epochs. \
Fix: did you mean 'epochs'?.
    """
    parameters = inspect.signature(function).parameters
    accepted = [name for name in parameters if name != "self"]
    if any(p.kind is p.VAR_KEYWORD for p in parameters.values()):
        raise TypeError(f"{function.__qualname__} checks its own keyword arguments")

    @functools.wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> R:
        for name in kwargs:
            if name not in accepted:
                guess = nearest(name, accepted)
                raise ArgumentError(
                    f"{function.__qualname__}() has no argument {name!r}",
                    choices=accepted,
                    fix=f"did you mean {guess!r}?" if guess else f"leave {name!r} out",
                )
        return function(*args, **kwargs)

    return call
