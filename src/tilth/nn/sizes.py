"""Picture sizes as people give them: one number for a square, or (height, width)."""

from __future__ import annotations

from collections.abc import Sequence

from tilth.errors import UserError


def height_width(size: int | Sequence[int], *, at_least: int = 1, name: str = "size") -> list[int]:
    """Return ``[height, width]`` in pixels.

    Raises UserError for a side that is not a whole number or smaller than ``at_least``.

    >>> height_width(28), height_width((16, 24))
    ([28, 28], [16, 24])
    """
    sides = [size, size] if isinstance(size, int) else list(size)
    if len(sides) != 2 or not all(isinstance(side, int) and side >= at_least for side in sides):
        raise UserError(
            f"{name}={size!r}",
            rule=f"{name} is one number or (height, width) in pixels, each at least {at_least}",
            fix=f"take pictures of that size: {name}={at_least} (--set data.{name}={at_least})",
        )
    return sides
