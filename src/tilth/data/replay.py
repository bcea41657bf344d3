"""Experience kept and learned from many times: act a little, draw a batch from the memory."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import torch
from torch import Tensor, nn

from tilth.contracts import BaseSource, Context, State
from tilth.data.environment import Environment, EpisodeCount, Space
from tilth.data.exploration import Exploration
from tilth.data.rollout import acting
from tilth.data.transitions import TransitionMemory
from tilth.errors import UserError
from tilth.randomness import SEEDS, fold


class ReplayBatch(NamedTuple):
    """Transitions from the memory; see ``Transitions`` for the first five.

    noise: name -> [B, ...] standard normal numbers that the losses need
    """

    observations: Tensor
    actions: Tensor
    rewards: Tensor
    following: Tensor
    discounts: Tensor
    noise: dict[str, Tensor]


class Replay(BaseSource):
    """Acts with ``model.act`` and hands out batches drawn uniformly from what was seen.

    capacity: frames that are remembered; a frame is a step of one copy
    batch_size: rows of a batch; updates_per_frame: batches for each frame after the warm-up
    warm_up: frames of random actions before the first batch
    n_step: steps that a transition spans; discount: gamma
    frames: how many frames an observation stacks, each of them kept once (see TransitionMemory)
    noise: name -> shape of the normal numbers of a row, handed out with the batch
    saved: whether the memory is part of the state; without it a resume warms up anew, and
    ``exact_resume`` is False
    Raises UserError for numbers that do not fit together.
    """

    def __init__(
        self,
        environment: Environment,
        *,
        capacity: int,
        batch_size: int = 128,
        updates_per_frame: float = 0.1,
        warm_up: int = 1000,
        n_step: int = 1,
        discount: float = 0.99,
        frames: int = 1,
        explore: Exploration = Exploration(1.0, 0.05, 10_000),  # noqa: B008 - it is frozen
        noise: Mapping[str, tuple[int, ...]] | None = None,
        saved: bool = True,
        seed: int = 0,
    ) -> None:
        if updates_per_frame <= 0 or batch_size < 1 or n_step < 1:
            found = f"updates_per_frame={updates_per_frame}, batch_size={batch_size}"
            raise UserError(f"{found}, n_step={n_step}", rule="each is more than 0")
        if not n_step * environment.copies < warm_up <= capacity:
            raise UserError(
                f"warm_up={warm_up} with capacity={capacity}, n_step={n_step}",
                rule="the warm-up sees more than n_step steps of each copy and fits the memory",
            )
        self.environment, self.explore, self.seed = environment, explore, seed
        self.batch_size, self.updates_per_frame = batch_size, updates_per_frame
        self.warm_up, self.n_step, self.discount = warm_up, n_step, discount
        self.capacity, self.stacked, self.saved = capacity, frames, saved
        self.noise = dict(noise or {})
        self.frames, self.handed, self._learns_from = 0, 0, warm_up
        self.episodes = EpisodeCount(environment.copies)
        self._streams: dict[str, torch.Generator] = {}
        self.memory: TransitionMemory | None = None

    @property
    def exact_resume(self) -> bool:  # type: ignore[override]
        """Whether environment and memory continue to the bit."""
        return self.saved and self.environment.exact_resume

    def next(self, model: nn.Module, context: Context) -> ReplayBatch:
        """Act as long as the replay ratio asks for, and return a batch."""
        if not self._streams:
            self._begin(context.device, context.rank)
            self.environment.reset(fold(self.seed, "world", context.rank) % SEEDS)
        if self.memory is None:
            self.memory = self._empty(context.device)
            self.memory.begin(self.environment.seen)
        while self.frames < self._learns_from + self.handed / self.updates_per_frame:
            self._act(model, self.memory, context.device)
        self.handed += 1
        draw = self._streams["drawing"]
        rows = self.memory.draw(self.batch_size, draw, steps=self.n_step, discount=self.discount)
        noise = {
            name: torch.randn(self.batch_size, *shape, generator=draw).to(context.device)
            for name, shape in self.noise.items()
        }
        return ReplayBatch(*rows, noise)

    def _begin(self, device: torch.device, rank: int = 0) -> None:
        self._streams = {
            "acting": torch.Generator(device).manual_seed(fold(self.seed, "acting", rank)),
            "drawing": torch.Generator().manual_seed(fold(self.seed, "drawing", rank)),
        }

    def _empty(self, device: torch.device) -> TransitionMemory:
        world = self.environment
        return TransitionMemory(
            world.copies,
            world.observation,
            world.action,
            capacity=self.capacity,
            frames=self.stacked,
            device=device,
        )

    def _act(self, model: nn.Module, memory: TransitionMemory, device: torch.device) -> None:
        world, stream = self.environment, self._streams["acting"]
        if self.frames < self.warm_up:
            actions = any_action(world.action, world.copies, stream)
        else:
            with acting(model) as policy:
                explore = self.explore.at(self.frames)
                seen = world.seen.to(device)
                actions = policy.act(seen, generator=stream, explore=explore).actions
        stepped = world.step(actions)
        self.episodes.add(stepped)
        memory.add(actions, stepped)
        self.frames += world.copies

    def state_dict(self) -> State:
        """Return environment, counts and generators, and the memory where it is saved."""
        streams = {name: stream.get_state() for name, stream in self._streams.items()}
        kept = self.memory is not None and self.saved
        return {
            "environment": self.environment.state_dict() if streams else None,
            "episodes": self.episodes.state_dict(),
            "counts": [self.frames, self.handed, self._learns_from],
            "streams": streams,
            "device": str(self._streams["acting"].device) if streams else "cpu",
            "memory": self.memory.state_dict() if kept and self.memory else None,
        }

    def load_state_dict(self, state: State) -> None:
        """Take back what ``state_dict`` gave."""
        self._streams, self.memory = {}, None
        self.episodes.load_state_dict(state["episodes"])
        self.frames, self.handed, self._learns_from = state["counts"]
        if not state["streams"]:
            return
        device = torch.device(state["device"])
        self._begin(device)
        for name, stream in self._streams.items():
            stream.set_state(state["streams"][name])
        self.environment.load_state_dict(state["environment"])
        if state["memory"] is None:  # see new frames before learning goes on, at the same ratio
            self._learns_from = self.frames + self.warm_up
            self._learns_from -= int(self.handed / self.updates_per_frame)
        else:
            self.memory = self._empty(device)
            self.memory.load_state_dict(state["memory"])


def any_action(space: Space, copies: int, generator: torch.Generator) -> Tensor:
    """Return actions drawn uniformly: among the choices, or between the bounds.

    >>> any_action(Space((), "int64", choices=1), 2, torch.Generator())
    tensor([0, 0])
    """
    device = generator.device
    if space.is_choice:
        return torch.randint(space.choices, (copies,), generator=generator, device=device)
    low, high = (
        torch.tensor(side, dtype=torch.float32, device=device).reshape(space.shape)
        for side in (space.low, space.high)
    )
    share = torch.rand(copies, *space.shape, generator=generator, device=device)
    return low + (high - low) * share
