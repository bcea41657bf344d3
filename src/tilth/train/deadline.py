"""A time budget: the fit stops when its minutes are used up, whatever was planned."""

from __future__ import annotations

import time

from tilth.contracts import BaseHook, LoopView, State
from tilth.train.parallel import AGREE_STEPS, agreed, rank_and_world


class Deadline(BaseHook):
    """Stops the fit after ``minutes`` of it, looks at valid included.

    A resume goes on with what was left. BestWeights looks once more at the end, so that what was
    learned since its last look counts.

    >>> Deadline(0.5).state_dict()["spent"] < 30
    True
    """

    def __init__(self, minutes: float) -> None:
        self.minutes, self.spent = minutes, 0.0
        self._begun, self._world = time.monotonic(), 1

    def on_start(self, loop: LoopView) -> None:
        """Start the clock."""
        self._begun, self._world = time.monotonic() - self.spent, rank_and_world()[1]

    def after_step(self, loop: LoopView) -> None:
        """Stop where the time is up and steps are left."""
        if loop.stop_reason is None and loop.step < loop.total_steps and self._is_over(loop):
            loop.stop(f"the time budget of {self.minutes:g} min is used up")

    def _is_over(self, loop: LoopView) -> bool:
        over = time.monotonic() - self._begun >= 60 * self.minutes
        if self._world == 1:
            return over
        return loop.step % AGREE_STEPS == 0 and agreed(over, loop.device)

    def state_dict(self) -> State:
        """Return the seconds used so far."""
        self.spent = time.monotonic() - self._begun
        return {"spent": self.spent}

    def load_state_dict(self, state: State) -> None:
        """Take the clock back."""
        self.spent = state["spent"]
