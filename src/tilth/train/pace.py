"""How long a whole step takes: what a time budget is planned with."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import nn

from tilth.contracts import BaseHook, LoopView
from tilth.train.loop import Loop
from tilth.train.streams import random_state, set_random_state
from tilth.train.trial import try_out

STEPS, WARMUPS = 20, 2
LEAST, ENOUGH_SECONDS = 5, 2.0  # a slow net is timed over fewer steps


@dataclass(frozen=True)
class Pace:
    """Seconds of a whole step (batch, gradient, update), and of one look at valid."""

    step: float
    look: float


class _Clock(BaseHook):
    def __init__(self) -> None:
        self.marks: list[float] = []

    def after_step(self, loop: LoopView) -> None:
        if loop.device.type == "cuda":
            torch.cuda.synchronize(loop.device)
        self.marks.append(time.perf_counter())
        if len(self.marks) >= LEAST and self.marks[-1] - self.marks[0] >= ENOUGH_SECONDS:
            loop.stop("timed")


def measure_pace(loop: Loop, look: Callable[[nn.Module], object]) -> Pace:
    """Time whole steps of ``loop`` and one ``look`` at its model; both leave no trace.

    The mean of the steps, not the least: a budget has to hold on the machine as it is.
    """
    clock = _Clock()
    try_out(loop, clock, STEPS)
    timed = clock.marks[WARMUPS - 1 :]
    outside = random_state(loop.device)
    begun = time.perf_counter()
    look(loop.model)
    seconds = time.perf_counter() - begun
    set_random_state(outside, loop.device)
    return Pace((timed[-1] - timed[0]) / (len(timed) - 1), seconds)
