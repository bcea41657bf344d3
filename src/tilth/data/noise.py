"""Random numbers for a whole batch, drawn before it is cut."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from tilth.contracts import BaseSource, Context, Loss, Source, State
from tilth.randomness import fold

UNIFORM = "_uniform"


class NoisyBatch(NamedTuple):
    """A batch with the random numbers that its losses need.

    inputs, targets, rows: as in ``Batch``
    noise: name -> [rows, ...] float32
    """

    inputs: Any
    targets: Tensor
    rows: Tensor
    noise: dict[str, Tensor]


class WithNoise(BaseSource):
    """Adds random numbers to every batch of a source.

    They come with the batch, so that a loss is a function of its batch: cut into micro-batches,
    repeated after a lack of memory or resumed, a step meets the same numbers.

    shapes: name -> shape of one row's numbers, standard normal; of a name that ends in "_uniform"
    they are uniform in [0, 1)
    """

    def __init__(
        self, source: Source, shapes: Mapping[str, tuple[int, ...]], *, seed: int = 0
    ) -> None:
        self.source, self.shapes, self.seed = source, dict(shapes), seed
        self._generator: torch.Generator | None = None

    @property
    def exact_resume(self) -> bool:  # type: ignore[override]
        """Whether the source below continues to the bit."""
        return self.source.exact_resume

    def next(self, model: nn.Module, context: Context) -> NoisyBatch | None:
        """Return the next batch with its numbers; None where the source ends."""
        batch = self.source.next(model, context)
        if batch is None:
            return None
        generator = self._own(context.device, context.rank)
        count, noise = len(batch.rows), {}
        for name, shape in self.shapes.items():
            draw = torch.rand if name.endswith(UNIFORM) else torch.randn
            noise[name] = draw(count, *shape, generator=generator, device=context.device)
        return NoisyBatch(batch.inputs, batch.targets, batch.rows, noise)

    def _own(self, device: torch.device, rank: int = 0) -> torch.Generator:
        if self._generator is None:
            seed = fold(self.seed, "noise", rank)
            self._generator = torch.Generator(device).manual_seed(seed)
        return self._generator

    def rows_of(self, step: int) -> list[int] | None:
        """Name the rows that the source below gave at ``step``."""
        return self.source.rows_of(step)

    def observe(self, batch: Any, losses: list[Loss], model: nn.Module, context: Context) -> None:
        """Let the source below hear of the step."""
        self.source.observe(batch, losses, model, context)

    def state_dict(self) -> State:
        """Return the source's state and that of the generator, once there is one."""
        drawn = None if self._generator is None else self._generator.get_state()
        device = "cpu" if self._generator is None else str(self._generator.device)
        return {"source": self.source.state_dict(), "generator": drawn, "device": device}

    def load_state_dict(self, state: State) -> None:
        """Take back what ``state_dict`` gave."""
        self.source.load_state_dict(state["source"])
        self._generator = None
        if state["generator"] is not None:
            self._own(torch.device(state["device"])).set_state(state["generator"])
