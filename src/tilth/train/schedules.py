"""Schedules: functions of progress in [0, 1] to (factor on the rate, momentum or None)."""

from __future__ import annotations

import math
from collections.abc import Callable

from tilth.contracts import Schedule


def cosine(start: float, end: float, fraction: float) -> float:
    """Return the value a half cosine takes at ``fraction`` of the way from start to end.

    >>> [round(cosine(1.0, 3.0, fraction), 6) for fraction in (0.0, 0.5, 1.0)]
    [1.0, 2.0, 3.0]
    """
    return start + (end - start) * (1 - math.cos(math.pi * fraction)) / 2


def one_cycle(
    warm: float = 0.25, start_factor: float = 0.04, momenta: tuple[float, float] = (0.95, 0.85)
) -> Schedule:
    """Return the one-cycle policy (Smith 2018, "A disciplined approach", section 4.1).

    The rate rises from ``start_factor`` to 1 in the first ``warm`` of training, then falls to
    nearly 0; momentum mirrors it. Both by half cosines, as in fastai, whose numbers these are.

    >>> [round(one_cycle()(p)[0], 2) for p in (0.0, 0.25, 1.0)]
    [0.04, 1.0, 0.0]
    """

    high, low = momenta

    def schedule(progress: float) -> tuple[float, float | None]:
        if progress < warm:
            fraction = progress / warm
            return cosine(start_factor, 1.0, fraction), cosine(high, low, fraction)
        fraction = (progress - warm) / (1 - warm)
        return cosine(1.0, 1e-5, fraction), cosine(low, high, fraction)

    return schedule


def flat_cosine(flat: float = 0.72, momenta: tuple[float, float] = (0.95, 0.85)) -> Schedule:
    """Return a rate that stays at its peak for ``flat`` of training, then falls by a cosine.

    Momentum mirrors it as in ``one_cycle``: low at the peak, rising as the rate falls.

    >>> [round(flat_cosine()(p)[0], 2) for p in (0.0, 0.5, 1.0)]
    [1.0, 1.0, 0.0]
    """

    high, low = momenta

    def schedule(progress: float) -> tuple[float, float | None]:
        if progress < flat:
            return 1.0, low
        fraction = (progress - flat) / (1 - flat)
        return cosine(1.0, 0.0, fraction), cosine(low, high, fraction)

    return schedule


def linear() -> Schedule:
    """Return a rate that falls in a line from its peak to 0, as learning to act often has it.

    >>> [linear()(p)[0] for p in (0.0, 0.25, 1.0)]
    [1.0, 0.75, 0.0]
    """
    return lambda progress: (1.0 - progress, None)


def constant() -> Schedule:
    """Return a rate that never changes."""
    return lambda progress: (1.0, None)


SCHEDULES: dict[str, Callable[[], Schedule]] = {
    "one_cycle": one_cycle,
    "flat_cosine": flat_cosine,
    "linear": linear,
    "constant": constant,
}
