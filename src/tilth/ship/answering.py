"""What opened models share: one asked in the way of another kind says which ways it has."""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn

from tilth.errors import UserError

WAYS = {
    "predict": "tell a class, labels, a number or points",
    "tiled": "give masks",
    "apply": "give masks or pictures",
    "translate": "translate pictures from one set to another",
    "encode": "keep rows as codes",
    "decode": "keep rows as codes",
    "reconstruct": "keep rows as codes",
    "sample": "make rows up, or keep them as codes",
    "act": "act in a world",
}
"""How opened models are asked, and which models can be asked so."""


class OtherAnswer(UserError, AttributeError):
    """A model was asked in a way that another kind of model has."""


class Answering:
    """A model that answers; what it has no method for, but another kind has, is told.

    >>> Answering().tiled
    Traceback (most recent call last):
    tilth.ship.answering.OtherAnswer: this Answering has no tiled(); ...
    """

    if not TYPE_CHECKING:  # or every misspelt method would pass for one

        def __getattr__(self, name: str) -> NoReturn:
            kind = type(self).__name__
            if name not in WAYS:
                told = f"{kind!r} object has no attribute {name!r}"
                raise AttributeError(told, name=name, obj=self)
            own = [f"{way}()" for way in WAYS if hasattr(type(self), way)]
            raise OtherAnswer(
                f"this {kind} has no {name}()",
                rule=f"only models that {WAYS[name]} have it",
                choices=own,
                fix=f"ask it by {own[0]}" if own else "",
            )
