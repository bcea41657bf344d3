"""Picture sizes as people give them: one number for a square, or (height, width)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from tilth.errors import UserError
from tilth.wording import setting


def height_width(size: int | Sequence[int], *, at_least: int = 1, name: str = "size") -> list[int]:
    """Return ``[height, width]`` in pixels.

    Raises UserError for a side that is not a whole number or smaller than ``at_least``.

    >>> height_width(28), height_width((16, 24))
    ([28, 28], [16, 24])
    """
    sides: list[int] = [size] * 2 if isinstance(size, int) else []
    if isinstance(size, Iterable):
        sides = list(size)
    if len(sides) != 2 or not all(isinstance(side, int) and side >= at_least for side in sides):
        raise UserError(
            f"{name}={size!r}",
            rule=f"{name} is one number or (height, width) in whole pixels, each at least "
            f"{at_least}",
            fix=setting(name, _likely(size, at_least)),
        )
    return sides


def _likely(size: object, at_least: int) -> int:
    """Return the size of a square that was probably meant: the number given, if it is one."""
    try:
        return max(int(float(str(size))), at_least)
    except (ValueError, OverflowError):
        return at_least
