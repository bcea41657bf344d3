"""Keeps what a generator makes, at a few steps of its training."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from tilth.contracts import BaseHook, LoopView, State

Make = Callable[[nn.Module], Tensor]


class SampleRecord(BaseHook):
    """Keeps samples of the same latents at ``looks`` steps, early ones closer together.

    make: model -> samples [N, ...]; draws nothing (``GeneratorObjective.sample`` of fixed latents)
    looks: how many, besides the one before the first step; look n is at the (n / looks)^2-th part

    Pictures [N, 1 or 3, H, W] in [-1, 1] are kept as uint8, anything else as it is. ``samples``
    has them by step.
    """

    def __init__(self, make: Make, *, looks: int = 8) -> None:
        self.make, self.looks = make, looks
        self.samples: dict[int, Tensor] = {}
        self._due: set[int] = set()

    def on_start(self, loop: LoopView) -> None:
        """Look before the first step."""
        parts = range(1, self.looks + 1)
        self._due = {-(-loop.total_steps * n**2 // self.looks**2) for n in parts}
        if loop.step == 0:
            self._look(loop)

    def after_step(self, loop: LoopView) -> None:
        """Look where one is due."""
        if loop.step in self._due:
            self._look(loop)

    def _look(self, loop: LoopView) -> None:
        samples = self.make(loop.model).detach().float().cpu()
        if samples.dim() == 4 and samples.shape[1] in (1, 3):
            samples = ((samples.clamp(-1, 1) + 1) * 127.5).round().to(torch.uint8)
        self.samples[loop.step] = samples

    def state_dict(self) -> State:
        """Return the samples kept."""
        return {"samples": dict(self.samples)}

    def load_state_dict(self, state: State) -> None:
        """Take back what ``state_dict`` gave."""
        self.samples = dict(state["samples"])
