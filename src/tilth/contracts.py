"""The contracts of the one loop: what a loss, an objective, a source and a hook are.

One step: the source gives a logical batch; the loop cuts it into micro-batches; for each due
objective, in order: loss, backward into the parameters it moves, all-reduce of sums and counts,
clip, optimizer step, schedule; then ``after_step`` of the objectives, ``observe``, the hooks.
Only the loop divides, scales, clips and steps.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import torch
from torch import Tensor, nn

Schedule = Callable[[float], tuple[float, float | None]]
State = dict[str, Any]
"""A tree of dicts, lists, tensors and plain values; what ``train/state.py`` can write."""


class Batch(NamedTuple):
    """What the built-in sources hand out; a source may hand out any tree of tensors instead.

    inputs: a tensor or a (named) tuple or dict of tensors, first dimension = rows
    targets: [rows] int64 class ids or [rows] float32 numbers
    rows: [rows] int64 ids of the rows in their data set
    """

    inputs: Any
    targets: Tensor
    rows: Tensor


@dataclass(frozen=True, slots=True)
class Term:
    """One additive part of a loss: the step minimises ``weight * total / count``.

    total: scalar tensor, the SUM over the counted items
    count: how many items the sum is over (summed over micro-batches and ranks by the loop); 0 for
    a batch in which nothing is wanted, whose total is then 0
    per: what is counted; terms of one loss with the same ``per`` have the same count
    """

    total: Tensor
    count: float
    weight: float = 1.0
    per: str = "rows"


@dataclass(frozen=True, slots=True)
class Loss:
    """What an objective returns for a (micro-)batch.

    parts: name -> Term
    feedback: what an interactive source wants back (TD errors, latents), any tree
    """

    parts: Mapping[str, Term]
    feedback: Any = None


@dataclass(frozen=True, slots=True)
class Context:
    """What the loop tells objectives and sources.

    step: updates done so far; progress: step / total steps, in [0, 1]
    samples: rows seen
    generator: the loop's own random stream on the device (saved and resumed)
    rank, world: this process and the number of processes
    autocast: in which losses are computed; sources whose model's answers meet those of the loss
    ask it in there too
    """

    step: int
    progress: float
    samples: int
    generator: torch.Generator
    device: torch.device
    rank: int = 0
    world: int = 1
    autocast: Callable[[], AbstractContextManager[Any]] = nullcontext


class Objective(Protocol):
    """What is computed on a batch, and which parameters it moves."""

    moves: str  # the player (parameter group) it updates; no gradient reaches any other
    separable: bool  # False where the batch must not be cut (contrastive, batch statistics)

    def due(self, context: Context) -> bool:
        """Say whether this objective steps now (k critic steps, lazy regularisation)."""
        ...

    def __call__(self, model: nn.Module, batch: Any, context: Context) -> Loss:
        """Compute the loss of one micro-batch."""
        ...

    def after_step(self, model: nn.Module, context: Context) -> None:
        """Run once a step, after every due objective (target networks, averages)."""
        ...

    def state_dict(self) -> State:
        """Return everything that changes."""
        ...

    def load_state_dict(self, state: State) -> None:
        """Take back what ``state_dict`` gave."""
        ...


class Source(Protocol):
    """Where batches come from: a data set, a replay buffer, rollouts, self-play."""

    @property
    def exact_resume(self) -> bool:
        """Whether load_state_dict continues to the bit; a resume warns where it does not."""
        ...

    def next(self, model: nn.Module, context: Context) -> Any | None:
        """Return this rank's share of the next logical batch; None ends the fit."""
        ...

    def rows_of(self, step: int) -> list[int] | None:
        """Name the rows of the batch that ``next`` gave at ``step``; None where it cannot."""
        ...

    def observe(self, batch: Any, losses: list[Loss], model: nn.Module, context: Context) -> None:
        """Hear back from the step (interactive sources); ``losses`` one per micro-batch."""
        ...

    def state_dict(self) -> State:
        """Return cursor, replay, environments, own generators."""
        ...

    def load_state_dict(self, state: State) -> None:
        """Take back what ``state_dict`` gave."""
        ...


class LoopView(Protocol):
    """What a hook may look at and ask of the loop.

    metrics: name -> latest value; hooks that measure write theirs here
    """

    model: nn.Module
    source: Source
    step: int
    total_steps: int
    samples: int
    rank: int
    device: torch.device
    metrics: dict[str, float]
    stop_reason: str | None

    def stop(self, reason: str) -> None:
        """End the fit after this step."""
        ...

    def flush(self) -> None:
        """Read (and check) the losses kept on the device."""
        ...

    def new_window(self) -> None:
        """Let the averages of ``metrics`` begin anew after the losses read so far."""
        ...

    def state_dict(self) -> State:
        """Return everything that changes, after checking that the losses are finite.

        With several ranks each must call it at the same step.
        """
        ...


class Hook(Protocol):
    """Observes, saves or stops; never changes a batch, a loss or a gradient.

    Derive from ``BaseHook`` to write only the events you need.
    """

    def on_start(self, loop: LoopView) -> None:
        """Before the first step of a fit (also after a resume)."""
        ...

    def after_step(self, loop: LoopView) -> None:
        """After each step; ``loop.step`` counts it already."""
        ...

    def on_end(self, loop: LoopView) -> None:
        """After the last step, or when stopped."""
        ...

    def on_exit(self, loop: LoopView) -> None:
        """Last of all, also when the fit failed: give back what ``on_start`` took."""
        ...

    def state_dict(self) -> State:
        """Return everything that changes."""
        ...

    def load_state_dict(self, state: State) -> None:
        """Take back what ``state_dict`` gave."""
        ...


class BaseHook:
    """A hook that does nothing: derive, and write only the events you need.

    >>> class Count(BaseHook):
    ...     steps = 0
    ...     def after_step(self, loop):
    ...         self.steps += 1
    """

    def on_start(self, loop: LoopView) -> None:
        """Before the first step of a fit (also after a resume)."""

    def after_step(self, loop: LoopView) -> None:
        """After each step; ``loop.step`` counts it already."""

    def on_end(self, loop: LoopView) -> None:
        """After the last step, or when stopped."""

    def on_exit(self, loop: LoopView) -> None:
        """Last of all, also when the fit failed: give back what ``on_start`` took."""

    def state_dict(self) -> State:
        """Return everything that changes (nothing, unless overridden)."""
        return {}

    def load_state_dict(self, state: State) -> None:
        """Take back what ``state_dict`` gave."""


class BaseObjective:
    """An objective that is always due and keeps nothing: derive, and write ``__call__``."""

    moves = "model"
    separable = True

    def due(self, context: Context) -> bool:
        """Step every time."""
        return True

    def after_step(self, model: nn.Module, context: Context) -> None:
        """Nothing follows the step."""

    def state_dict(self) -> State:
        """Nothing changes."""
        return {}

    def load_state_dict(self, state: State) -> None:
        """Take back what ``state_dict`` gave."""


class BaseSource:
    """A source that only hands out batches: derive, and write ``next`` and the state."""

    exact_resume = True

    def rows_of(self, step: int) -> list[int] | None:
        """Cannot name rows."""
        return None

    def observe(self, batch: Any, losses: list[Loss], model: nn.Module, context: Context) -> None:
        """Nothing is learned from the step."""

    def state_dict(self) -> State:
        """Nothing changes."""
        return {}

    def load_state_dict(self, state: State) -> None:
        """Take back what ``state_dict`` gave."""


@dataclass(slots=True)
class Player:
    """A named set of parameters with the optimizer and the schedule that move it.

    schedule: progress in [0, 1] -> (factor on each group's learning rate, momentum or None)
    clip: largest gradient norm over the player's parameters; None switches clipping off
    """

    parameters: list[nn.Parameter]
    optimizer: torch.optim.Optimizer
    schedule: Schedule | None = None
    clip: float | None = None
