"""Validate every so many steps, remember the best weights, stop when it gets no better."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable
from typing import Literal

from torch import Tensor, nn

from tilth.contracts import BaseHook, LoopView, State
from tilth.train.streams import random_state, set_random_state

Measure = Callable[[nn.Module], dict[str, float]]
Judged = Callable[[nn.Module], nn.Module]


class BestWeights(BaseHook):
    """Keeps the weights with the best validation metric and puts them back at the end.

    measure: model -> metrics (``valid/...``), called every ``every_steps`` steps and at the end
    monitor: which of them decides; mode: "max" or "min"
    patience: stop after this many measurements without a better smoothed value; None never
    smoothing: weight of the past in the moving average that patience looks at
    judged: the model as trained -> the one of the same parts that is measured and kept, such as a
    moving average of it; the model itself where None
    noise: the metric -> its standard error: of the looks within one of it of the best, the latest
    is kept (the one-standard-error rule, Breiman et al. 1984, section 3.4.3). The best of many
    looks is partly luck, and the late ones have learned longer, at lower rates
    """

    def __init__(
        self,
        measure: Measure,
        *,
        monitor: str,
        mode: Literal["max", "min"],
        every_steps: int,
        patience: int | None = None,
        smoothing: float = 0.5,
        judged: Judged | None = None,
        noise: Callable[[float], float] = lambda metric: 0.0,
    ) -> None:
        self.measure, self.monitor, self.every_steps = measure, monitor, every_steps
        self.sign = 1.0 if mode == "max" else -1.0
        self.patience, self.smoothing = patience, smoothing
        self.judged, self.noise = judged, noise
        self.best, self.best_step = -float("inf"), 0
        self.smooth, self.best_smooth, self.waited = 0.0, -float("inf"), 0
        self.count = self.looked = 0
        self.weights: dict[str, Tensor] = {}

    def after_step(self, loop: LoopView) -> None:
        """Measure when it is time; stop if patience is over."""
        if loop.step % self.every_steps == 0 or loop.step == loop.total_steps:
            self.look(loop)
            if self.patience is not None and self.waited >= self.patience:
                loop.stop(f"no better smoothed {self.monitor} in {self.waited} looks")

    def look(self, loop: LoopView) -> None:
        """Measure, and keep the weights if they are the best."""
        loop.flush()
        self.looked = loop.step
        outside = random_state(loop.device)
        model = loop.model if self.judged is None else self.judged(loop.model)
        loop.metrics.update(self.measure(model))
        set_random_state(outside, loop.device)  # measuring more or less often changes no weight
        value = self.sign * loop.metrics[self.monitor]
        if math.isnan(value):  # such as an AUC where valid holds one class: never the best
            value = -sys.float_info.max
        self.best = max(self.best, value)
        if not self.weights or value >= self.best - self._noise():
            self.best_step = loop.step
            self.weights = {k: v.detach().cpu().clone() for k, v in model.state_dict().items()}
        self.count += 1
        self.smooth = self.smoothing * self.smooth + (1 - self.smoothing) * value
        corrected = self.smooth / (1 - self.smoothing**self.count)
        self.waited = 0 if corrected > self.best_smooth else self.waited + 1
        self.best_smooth = max(self.best_smooth, corrected)

    def _noise(self) -> float:
        """Return the standard error of the best score, 0 where no look gave a score yet."""
        seen = self.best > -sys.float_info.max
        return self.noise(self.sign * self.best) if seen else 0.0

    def on_end(self, loop: LoopView) -> None:
        """Look where the fit ended between two looks, and put the best weights back.

        Not so where it was interrupted and will go on.
        """
        if loop.stop_reason == "interrupted":
            return
        if self.looked != loop.step:
            self.look(loop)
        if self.weights:
            loop.model.load_state_dict(self.weights)

    def state_dict(self) -> State:
        """Return the best weights and the counts."""
        counts = ("best_step", "waited", "count", "looked")
        names = ("best", "smooth", "best_smooth", *counts, "weights")
        return {name: getattr(self, name) for name in names}

    def load_state_dict(self, state: State) -> None:
        """Take back what ``state_dict`` gave."""
        for name, value in state.items():
            setattr(self, name, value)
