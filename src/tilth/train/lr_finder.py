"""The learning-rate range test (Smith 2017, "Cyclical learning rates", section 3.3).

The rate grows geometrically while the loss is watched; three readings of the smoothed curve are
compared, and where they disagree the family's default is proposed instead, with the reason.
"""

from __future__ import annotations

import math
import statistics
from dataclasses import dataclass, field
from typing import Any

from tilth.contracts import BaseHook, LoopView
from tilth.train.loop import Loop
from tilth.train.trial import try_out

LOWEST, HIGHEST, STEPS = 1e-6, 1.0, 100
SMOOTHING = 0.9  # of the moving average: about ten steps, a tenth of the curve
DIVERGED = 4.0  # stop once the smoothed loss is this many times its lowest value (as fastai)
AGREEMENT = 10.0  # readings within one decade agree


@dataclass(frozen=True)
class LrFinding:
    """What the range test found.

    suggestion: the peak rate to use, never None; low, high: the readings' range
    confident: whether the readings agree; reason: why this suggestion, in words
    rates, losses: the curve, losses smoothed
    """

    suggestion: float
    low: float
    high: float
    confident: bool
    reason: str
    rates: list[float] = field(default_factory=list, repr=False)
    losses: list[float] = field(default_factory=list, repr=False)

    def plot(self) -> Any:
        """Return a matplotlib figure of the smoothed loss over the rate."""
        from matplotlib.figure import Figure

        figure = Figure(figsize=(6, 4), layout="constrained")
        axes = figure.subplots()
        axes.plot(self.rates, self.losses, color="#2a6f97")
        axes.axvline(self.suggestion, color="#bc4749", label=f"suggestion {self.suggestion:.2g}")
        axes.set(xscale="log", xlabel="learning rate", ylabel="training loss (smoothed)")
        axes.set_title("Learning-rate range test")
        axes.legend()
        return figure


class _Watch(BaseHook):
    """Records rate and smoothed loss at each step; stops when the loss has diverged."""

    def __init__(self, player: str) -> None:
        self.player = player
        self.average, self.rates, self.losses = 0.0, list[float](), list[float]()

    def after_step(self, loop: LoopView) -> None:
        loop.flush()
        loop.new_window()
        assert isinstance(loop, Loop)
        groups = loop.players[self.player].optimizer.param_groups
        self.rates.append(max(group["lr"] for group in groups))  # the head's
        self.average = SMOOTHING * self.average + (1 - SMOOTHING) * loop.metrics["train/loss"]
        self.losses.append(self.average / (1 - SMOOTHING ** (len(self.losses) + 1)))
        lowest = min(self.losses)
        rise = (self.losses[-1] - lowest) / (abs(lowest) or 1.0)  # a loss may be 0 or negative
        if rise > DIVERGED - 1 and len(self.losses) > STEPS // 10:
            loop.stop("diverged")


def find_lr(loop: Loop, *, default: float, steps: int = STEPS) -> LrFinding:
    """Run the range test on a loop with one player; everything it touched is put back.

    default: what is suggested where the curve says nothing
    """
    (name,) = loop.players
    player = loop.players[name]
    kept, first = player.schedule, loop.step
    peak = max(group["peak_lr"] for group in player.optimizer.param_groups)
    watch = _Watch(name)
    player.schedule = lambda progress: (
        LOWEST / peak * (HIGHEST / LOWEST) ** ((progress * loop.total_steps - first) / (steps - 1)),
        None,
    )
    try:
        try_out(loop, watch, steps)
    finally:
        player.schedule = kept
    return read_curve(watch.rates, watch.losses, default=default)


def read_curve(rates: list[float], losses: list[float], *, default: float) -> LrFinding:
    """Propose a rate from a curve of smoothed losses over growing rates.

    Readings: a tenth of the rate of lowest loss (Smith 2017); the steepest descent in log rate;
    the point two thirds along the longest descent ("valley", as fastai).
    """
    if len(losses) < 10:
        reason = f"the loss was finite for {len(losses)} steps only: the default is proposed"
        return LrFinding(default, default, default, False, reason, rates, losses)
    lowest = min(range(len(losses)), key=losses.__getitem__)
    readings = [rates[lowest] / 10, rates[steepest(losses)], rates[valley(losses)]]
    low, high = min(readings), max(readings)
    suggestion = math.exp(statistics.fmean(math.log(rate) for rate in readings))
    scale = max(abs(losses[0]), abs(losses[lowest]))
    fall = (losses[0] - losses[lowest]) / scale if scale else 0.0
    if fall < 0.02:
        reason = f"the loss fell by {fall:.1%} only, which says little: the default is proposed"
    elif high / low > AGREEMENT:
        reason = f"the readings {low:.1e} to {high:.1e} disagree: the default is proposed"
    else:
        reason = f"three readings of the curve agree within {high / low:.1f}x"
        return LrFinding(suggestion, low, high, True, reason, rates, losses)
    return LrFinding(default, low, high, False, reason, rates, losses)


def steepest(losses: list[float]) -> int:
    """Return where the smoothed loss falls fastest per step (central differences).

    >>> steepest([5.0, 5.0, 4.9, 4.0, 3.0, 2.9, 2.9])
    3
    """
    slopes = [losses[i + 1] - losses[i - 1] for i in range(1, len(losses) - 1)]
    return 1 + min(range(len(slopes)), key=slopes.__getitem__)


def valley(losses: list[float]) -> int:
    """Return the point two thirds along the longest run of strictly falling losses.

    >>> valley([3.0, 3.1, 2.0, 1.0, 0.5, 9.0])
    3
    """
    best = (0, 0)
    start = 0
    for place in range(1, len(losses) + 1):
        if place == len(losses) or losses[place] >= losses[place - 1]:
            best = max(best, (place - 1 - start, -start))  # of equals the first
            start = place
    length, start = best[0], -best[1]
    return start + (2 * length) // 3
