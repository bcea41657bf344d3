"""The one loop: every kind of learning in tilth is trained by the two functions below.

    while steps are left:
        batch = source.next()
        for each objective that is due, in order:
            loss -> gradient of the player it moves -> clip -> optimizer step
        objectives' after_step, source.observe, hooks' after_step

Losses stay on the device and are read every ``FLUSH_STEPS`` steps, when the first one that is not
finite stops the fit and is named with its batch.
"""

from __future__ import annotations

import functools
import itertools
import math
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from tilth.contracts import Context, Hook, Loss, Objective, Player, Source, State
from tilth.errors import NonFiniteLoss, UserError, choose
from tilth.randomness import fold
from tilth.train.allocator import keep_freed_memory
from tilth.train.buffers import Buffers
from tilth.train.gradient import backward_cut, mean_loss, strays
from tilth.train.memory_shortage import Before, cut_finer, is_shortage
from tilth.train.numerics import Numerics
from tilth.train.parallel import average_buffers, broadcast_model, gather_states, rank_and_world
from tilth.train.streams import random_state, seeded_state, set_random_state
from tilth.tree import cut, num_rows

INTERRUPTED = "interrupted"  # the one reason to stop after which a fit goes on
FLUSH_STEPS = 32  # seen: reading every step costs about 5 us of CPU time, a sync on a GPU


class Loop:
    """Trains ``model`` with explicit parts: objectives, a source, players and hooks.

    players: name -> Player; every objective's ``moves`` names one
    total_steps: updates from the first to the last step, also what ``progress`` refers to
    micro_batches: how many even slices a logical batch is cut into before the gradient, to save
    memory. The step is that of the uncut batch to rounding, but for two kinds of layers, which
    see one slice at a time: batch norm normalises by the slice's statistics and moves its running
    averages once per slice (``fit`` warns and names the layers), and dropout draws other numbers
    Where an allocation fails in a gradient the batch is cut into twice as many from that step on,
    and the gradient is taken again from the start: a warning says so, ``cuts`` holds (step, slices)
    Raises UserError for a player that does not exist and for cutting an inseparable objective.
    """

    def __init__(
        self,
        model: nn.Module,
        objectives: Sequence[Objective],
        source: Source,
        players: Mapping[str, Player],
        *,
        total_steps: int,
        hooks: Sequence[Hook] = (),
        micro_batches: int = 1,
        numerics: Numerics | None = None,
        seed: int = 0,
        device: str | torch.device = "cpu",
    ) -> None:
        keep_freed_memory()
        self.device = torch.device(device)
        self.numerics = (numerics or Numerics()).resolved()
        self.model = self.numerics.place_model(model, self.device)
        self.objectives, self.source, self.players = list(objectives), source, dict(players)
        self.total_steps, self.hooks = total_steps, list(hooks)
        self.micro_batches = self._asked_parts = micro_batches
        self.rank, self.world = rank_and_world()
        self.step = self.samples = 0
        self.stop_reason: str | None = None
        self.ended = False
        self.metrics: dict[str, float] = {}
        self.cuts: list[tuple[int, int]] = []
        self._running = False
        self._pending: list[tuple[int, str, Tensor]] = []
        self._window: dict[str, list[float]] = {}  # name -> sum and number since the last report
        self._generator = torch.Generator(self.device).manual_seed(fold(seed, "loop", self.rank))
        self._stream = seeded_state(fold(seed, "torch", self.rank), self.device)
        self._autocast = functools.partial(self.numerics.autocast, self.device)
        self._alone, self._begun, self._buffers = False, 0, Buffers(self.model)
        check_parts(self.objectives, self.players, micro_batches)
        for player in self.players.values():
            for group in player.optimizer.param_groups:
                group.setdefault("peak_lr", group["lr"])
        if self.world > 1:
            broadcast_model(self.model)

    def fit(self) -> None:
        """Train until ``total_steps``, the source's end or a stop.

        Raises NonFiniteLoss naming the step and the rows of the batch.
        """
        self.stop_reason = "ended before" if self.ended else None
        with self._own_streams():
            self.model.train()
            try:
                for hook in self.hooks:
                    hook.on_start(self)
                self._begin()
                while self.step < self.total_steps and self.stop_reason is None and self._advance():
                    pass
                self.flush()
                self._drop_gradients()
                self.ended = self.stop_reason != INTERRUPTED
                for hook in self.hooks:
                    hook.on_end(self)
            finally:
                for hook in self.hooks:
                    hook.on_exit(self)

    def _advance(self) -> bool:
        context = self.context()
        batch = self.source.next(self.model, context)
        if batch is None:
            return False
        batch = self.numerics.place_batch(batch)
        losses: list[Loss] = []
        for objective in self.objectives:
            if objective.due(context):
                losses = self._update(objective, batch, context)
        for objective in self.objectives:
            objective.after_step(self.model, context)
        self.source.observe(batch, losses, self.model, context)
        if self.world > 1:
            average_buffers(self.model, self.world)
        self.step += 1
        self.samples += num_rows(batch)
        if len(self._pending) >= FLUSH_STEPS:
            self.flush()
        for hook in self.hooks:
            hook.after_step(self)
        return True

    def _update(self, objective: Objective, batch: Any, context: Context) -> list[Loss]:
        player = self.players[objective.moves]
        before = Before(self._buffers, self._generator)
        while (found := self._gradient(objective, player, batch, context)) is None:
            before.put_back(player.parameters)  # out here nothing holds what the attempt took
        losses, scalar = found
        name = "" if len(self.objectives) == 1 else f"{objective.moves}/"
        self._pending.append((self.step, f"{name}loss", scalar))
        if player.clip is not None:
            norm = nn.utils.clip_grad_norm_(player.parameters, player.clip)
            self._pending.append((self.step, f"{name}gradient_norm", norm))
        if player.schedule is not None:
            set_rates(player.optimizer, *player.schedule(context.progress))
        player.optimizer.step()
        for parameter in player.parameters:
            parameter.grad = None
        return losses

    def _gradient(
        self, objective: Objective, player: Player, batch: Any, context: Context
    ) -> tuple[list[Loss], Tensor] | None:
        """Set the player's gradient; None where memory ran out and the batch is now cut finer."""
        parts, moved = cut(batch, self.micro_batches), player.parameters
        try:
            if len(parts) > 1 or self.world > 1:
                return backward_cut(objective, self.model, parts, moved, context, self._autocast)
            loss, scalar = mean_loss(objective, self.model, batch, context, self._autocast)
            torch.autograd.backward(scalar, inputs=self._inputs(player, scalar))
            return [loss], scalar.detach()
        except (RuntimeError, MemoryError) as error:
            if not is_shortage(error):
                raise
            self._cut_finer(num_rows(batch), len(parts))
        return None

    def _cut_finer(self, rows: int, parts: int) -> None:
        self.micro_batches = cut_finer(self.objectives, rows, parts, self.world)
        self.cuts.append((self.step, self.micro_batches))
        warnings.warn(
            f"memory ran out at step {self.step}: from here on a batch of {rows} rows is cut into "
            f"{self.micro_batches} parts whose gradients are added up",
            stacklevel=6,
        )
        warn_of_slices(self.model, self.micro_batches, stacklevel=7)

    def _begin(self) -> None:
        """Look at what may have changed before this fit: who takes gradients, and in which mode."""
        self._begun, self._alone = self.step, owns_all(self.model, self.players)
        self._buffers = Buffers(self.model)
        self._drop_gradients()
        if self.micro_batches > 1:
            warn_of_slices(self.model, self.micro_batches, stacklevel=4)

    def _inputs(self, player: Player, scalar: Tensor) -> list[nn.Parameter] | None:
        """Return whom gradients may reach: None where a lone player owns all that is reached.

        None saves autograd the search for them (44 of 232 us of processor time on a small net).
        Whether it holds is looked up in the graph now and then, not at every step.
        """
        if self._alone and (self.step == self._begun or self.step % FLUSH_STEPS == 0):
            outside = strays(scalar, player.parameters)
            self._alone = not outside
            if self.step > self._begun:  # they came into the graph after the look before
                for leaf in outside:
                    leaf.grad = None
        return None if self._alone else [p for p in player.parameters if p.requires_grad]

    def _drop_gradients(self) -> None:
        """Let no gradient of before, or of parameters unfrozen meanwhile, meet the next step."""
        moved = (parameter for player in self.players.values() for parameter in player.parameters)
        for parameter in itertools.chain(self.model.parameters(), moved):
            parameter.grad = None

    def context(self) -> Context:
        """Return what objectives and sources are told at this step."""
        progress = self.step / self.total_steps
        where = (self._generator, self.device, self.rank, self.world, self._autocast)
        return Context(self.step, progress, self.samples, *where)

    def stop(self, reason: str) -> None:
        """End the fit after this step; ``reason`` is kept in ``stop_reason``."""
        self.stop_reason = reason

    def flush(self) -> None:
        """Read the losses kept on the device; raise NonFiniteLoss at the first that is not."""
        if not self._pending:
            return
        pending, self._pending = self._pending, []
        values = torch.stack([scalar.float() for _, _, scalar in pending]).tolist()
        for (step, name, _), value in zip(pending, values, strict=True):
            if not math.isfinite(value):
                raise self._non_finite(step, name, value)
            tally = self._window.setdefault(name, [0.0, 0.0])
            tally[0], tally[1] = tally[0] + value, tally[1] + 1
        for name, (total, number) in self._window.items():
            self.metrics[f"train/{name}"] = total / number

    def new_window(self) -> None:
        """Let the averages of ``metrics`` begin anew after the losses read so far."""
        self._window = {}

    def discard_pending(self) -> None:
        """Forget losses not yet read (of steps that are taken back)."""
        self._pending.clear()

    def _non_finite(self, step: int, name: str, value: float) -> NonFiniteLoss:
        what = f"the {name.replace('_', ' ')} is {value} at step {step}{self._shown(step)}"
        if step and name.endswith("loss"):  # it is the first to show what an update has broken
            what += f", after the update of step {step - 1}{self._shown(step - 1)}"
        fix = "look at these rows, lower the learning rate, or train in float32"
        return NonFiniteLoss(what, step=step, rows=self.source.rows_of(step), fix=fix)

    def _shown(self, step: int) -> str:
        rows = self.source.rows_of(step)
        named = [*map(str, rows[:8]), *(["..."] if len(rows) > 8 else [])] if rows else []
        return f", rows [{', '.join(named)}]" if named else ""

    @contextmanager
    def _own_streams(self) -> Iterator[None]:
        """Own torch's global random stream while fitting; give the caller's back untouched."""
        outside = random_state(self.device)
        set_random_state(self._stream, self.device)
        self._running = True
        try:
            yield
        finally:
            self._stream, self._running = random_state(self.device), False
            set_random_state(outside, self.device)

    def state_dict(self) -> State:
        """Return everything that changes; losses not yet read are read (and checked) first.

        With several ranks each must call it: random streams and source are gathered from all.
        """
        self.flush()
        stream = random_state(self.device) if self._running else self._stream
        own = {
            "source": self.source.state_dict(),
            "generator": self._generator.get_state(),
            "stream": stream,
        }
        return {
            "counts": {"step": self.step, "samples": self.samples},
            "cuts": [list(one) for one in self.cuts],
            "ended": self.ended,
            "model": self.model.state_dict(),
            "players": {name: p.optimizer.state_dict() for name, p in self.players.items()},
            "objectives": [objective.state_dict() for objective in self.objectives],
            "hooks": [hook.state_dict() for hook in self.hooks],
            "metrics": dict(self.metrics),
            "window": {name: list(tally) for name, tally in self._window.items()},
            "ranks": [own] if self.world == 1 else gather_states(own, self.device),
        }

    def load_state_dict(self, state: State) -> None:
        """Take back what ``state_dict`` gave, in place and in the memory layout in use.

        Raises UserError for a state of another number of ranks. Warns where the source says that
        it does not continue to the bit.
        """
        own = own_part(state["ranks"], self.rank, self.world)
        if not self.source.exact_resume:
            warnings.warn(
                f"{type(self.source).__name__} says exact_resume = False: from step "
                f"{state['counts']['step']} on, batches may differ from those of an unbroken run",
                stacklevel=2,
            )
        self.step, self.samples = state["counts"]["step"], state["counts"]["samples"]
        self.model.load_state_dict(state["model"])
        for name, player in self.players.items():
            player.optimizer.load_state_dict(state["players"][name])
            match_layout(player.optimizer)
        self.source.load_state_dict(own["source"])
        for objective, saved in zip(self.objectives, state["objectives"], strict=True):
            objective.load_state_dict(saved)
        for hook, saved in zip(self.hooks, state["hooks"], strict=True):
            hook.load_state_dict(saved)
        self.metrics, self._window = dict(state["metrics"]), dict(state["window"])
        self.ended = state["ended"]
        self.cuts = [(step, parts) for step, parts in state.get("cuts", [])]
        self.micro_batches = self.cuts[-1][1] if self.cuts else self._asked_parts
        self._generator.set_state(own["generator"])
        self._stream = own["stream"]


def owns_all(model: nn.Module, players: Mapping[str, Player]) -> bool:
    """Say whether there is one player and it moves every parameter that takes a gradient.

    Frozen parameters among the player's do not matter: they take none.
    """
    if len(players) != 1:
        return False
    (player,) = players.values()
    trained = {id(p) for p in model.parameters() if p.requires_grad}
    return trained <= {id(p) for p in player.parameters}


def own_part(ranks: list[State], rank: int, world: int) -> State:
    """Return this rank's part of a state; raise UserError where it was of another number."""
    if len(ranks) != world:
        raise UserError(
            f"a state of {len(ranks)} ranks, taken up by {world}",
            rule="each rank goes on with its own random streams and source",
            fix=f"start {len(ranks)} processes",
        )
    return ranks[rank]


SLICED: dict[type[nn.Module], str] = {
    nn.modules.batchnorm._BatchNorm: "batch norm",
    nn.utils.parametrizations._SpectralNorm: "spectral norm",
}
"""Layers to which a slice is not a part of a batch: its statistics, a power iteration for each."""


def warn_of_slices(model: nn.Module, micro_batches: int, *, stacklevel: int) -> None:
    """Warn where cutting a batch changes the step: of layers that learn and see slices."""
    for kind, told in SLICED.items():
        found = [
            name or type(module).__name__
            for name, module in model.named_modules()
            if isinstance(module, kind) and module.training
        ]
        if found:
            shown = ", ".join(found[:3]) + (f" and {len(found) - 3} more" if found[3:] else "")
            warnings.warn(
                f"micro_batches={micro_batches} with {told} ({shown}): it sees one slice of the "
                "batch at a time, so the step is not that of the whole batch. Fix: use "
                "micro_batches=1 where memory allows, or layers that do not mix rows (group norm)",
                stacklevel=stacklevel,
            )


def check_parts(
    objectives: Sequence[Objective], players: Mapping[str, Player], micro_batches: int
) -> None:
    """Raise UserError where the parts given to the loop do not fit together."""
    for objective in objectives:
        choose(objective.moves, players, "player")
        if micro_batches > 1 and not objective.separable:
            raise UserError(
                f"micro_batches={micro_batches} with {type(objective).__name__}",
                rule="its loss is not a sum over rows, so its batch must not be cut",
                fix="use micro_batches=1 and a smaller batch",
            )


def set_rates(optimizer: torch.optim.Optimizer, factor: float, momentum: float | None) -> None:
    """Set each group's learning rate to factor * peak, and its momentum where one is given."""
    for group in optimizer.param_groups:
        group["lr"] = group["peak_lr"] * factor
        if momentum is not None and "betas" in group:
            group["betas"] = (momentum, group["betas"][1])
        elif momentum is not None and "momentum" in group:
            group["momentum"] = momentum


def match_layout(optimizer: torch.optim.Optimizer) -> None:
    """Lay restored moments out like their parameters: files hold them contiguous."""
    for parameter, values in optimizer.state.items():
        for name, value in values.items():
            if isinstance(value, Tensor) and value.shape == parameter.shape:
                values[name] = torch.empty_like(parameter, dtype=value.dtype).copy_(value)
