"""A memory of transitions in which every observation, and every frame of a stack, is kept once."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from tilth.contracts import State
from tilth.data.environment import Space, Stepped
from tilth.errors import UserError
from tilth.nn.returns import n_step_rewards

DTYPES = {"float32": torch.float32, "uint8": torch.uint8, "int64": torch.int64}


class Transitions(NamedTuple):
    """Rows drawn from the memory.

    observations, following: [B, *shape], before the action and ``lengths`` steps later
    actions: [B] or [B, *shape]; rewards: [B], discounted sums over those steps
    discounts: [B], what the value of ``following`` is worth now: 0 where the episode terminated
    """

    observations: Tensor
    actions: Tensor
    rewards: Tensor
    following: Tensor
    discounts: Tensor


class TransitionMemory:
    """Rings of preallocated tensors, one for each copy; the oldest is overwritten.

    A ring holds what each copy saw, in order: what follows an action is the next place. An end
    leaves one place without an action (what was seen last), and the next episode begins with all
    frames of its first observation. So a place with its frames before it is an observation.
    capacity: places in all rings together
    frames: how many frames an observation [frames * channels, height, width] stacks, newest last
    Raises UserError where the observation cannot be such a stack, or for too small a capacity.

    >>> memory = TransitionMemory(2, Space((3,)), Space((), "int64", choices=2), capacity=10)
    >>> memory.places
    5
    """

    def __init__(
        self,
        copies: int,
        observation: Space,
        action: Space,
        *,
        capacity: int,
        frames: int = 1,
        device: torch.device | str = "cpu",
    ) -> None:
        self.copies, self.frames, self.places = copies, frames, capacity // copies
        self._check(observation, capacity)
        shape = observation.shape
        if frames > 1:
            shape = (shape[0] // frames, *shape[1:])
        rings, kind = (copies, self.places), DTYPES
        self.seen = torch.zeros(*rings, *shape, dtype=kind[observation.dtype], device=device)
        self.actions = torch.zeros(*rings, *action.shape, dtype=kind[action.dtype], device=device)
        self.rewards = torch.zeros(rings, device=device)
        flags = torch.zeros(3, *rings, dtype=torch.bool, device=device)
        self.acted, self.terminated, self.ended = flags
        self.heads = torch.full((copies,), -1, device=device)  # the newest place, never wrapped
        self._copies = torch.arange(copies, device=device)

    def _check(self, observation: Space, capacity: int) -> None:
        stacked = self.frames == 1 or (
            len(observation.shape) == 3 and observation.shape[0] % self.frames == 0
        )
        if not stacked or self.frames < 1:
            raise UserError(
                f"frames={self.frames} for observations {observation.shape}",
                rule="frames are stacked along the first of three dimensions",
                fix="use frames=1",
            )
        if self.places < 2 * self.frames + 1:
            raise UserError(
                f"capacity={capacity} for {self.copies} copies", fix="use a capacity of thousands"
            )

    def begin(self, observations: Tensor) -> None:
        """Take in what all copies show first."""
        self._append_first(self._copies, observations)

    def add(self, actions: Tensor, stepped: Stepped) -> None:
        """Take in a step of all copies."""
        here = (self._copies, self.heads % self.places)
        self.actions[here] = actions.to(self.actions)
        self.rewards[here] = stepped.rewards.to(self.rewards)
        self.terminated[here] = stepped.terminated.to(self.ended.device)
        self.ended[here] = ended = stepped.ended.to(self.ended.device)
        self.acted[here] = True
        self._append(self._copies, stepped.finals)
        if ended.any():
            which = ended.nonzero().squeeze(1)
            self._append_first(which, stepped.observations.to(which.device)[which])

    def _append(self, copies: Tensor, observations: Tensor) -> None:
        """Write the newest frame of each of these copies to its next place."""
        self.heads[copies] += 1
        here = (copies, self.heads[copies] % self.places)
        newest = observations.to(self.seen)
        self.seen[here] = newest if self.frames == 1 else newest[:, -self.seen.shape[2] :]
        self.acted[here] = self.ended[here] = False

    def _append_first(self, copies: Tensor, observations: Tensor) -> None:
        channels = 0 if self.frames == 1 else self.seen.shape[2]
        for frame in range(1, self.frames):
            self._append(copies, observations[:, : frame * channels])
        self._append(copies, observations)

    def draw(
        self, rows: int, generator: torch.Generator, *, steps: int, discount: float
    ) -> Transitions:
        """Return [rows] transitions over up to ``steps`` steps, uniformly and with replacement.

        generator: on the CPU, whatever the memory's device
        """
        copies, places = self._places(rows, generator, steps)
        window = (copies[:, None], (places[:, None] + self._range(steps)) % self.places)
        rewards, lengths = n_step_rewards(
            self.rewards[window], self.ended[window], discount=discount
        )
        last = (copies, (places + lengths - 1) % self.places)
        goes_on = (~self.terminated[last]).to(rewards.dtype)
        return Transitions(
            self._observations(copies, places),
            self.actions[copies, places % self.places],
            rewards,
            self._observations(copies, places + lengths),
            discount**lengths * goes_on,
        )

    def _places(self, rows: int, generator: torch.Generator, steps: int) -> tuple[Tensor, Tensor]:
        """Draw places that have an action, their frames before and ``steps`` places after them."""
        newest = self.heads.cpu() - steps
        oldest = (self.heads.cpu() - self.places).clamp(min=-1) + self.frames
        span = int((newest - oldest).max()) + 1
        if span < 1:
            raise UserError("nothing to draw yet", fix="act for more steps before learning")
        found, device = torch.zeros(2, 0, dtype=torch.int64), self.heads.device
        while found.shape[1] < rows:  # a few of the places drawn hold no action
            copies = torch.randint(self.copies, (rows,), generator=generator)
            places = newest[copies] - torch.randint(span, (rows,), generator=generator)
            fits = places >= oldest[copies]
            held = self.acted[copies.to(device), (places % self.places).to(device)].cpu()
            found = torch.cat([found, torch.stack([copies, places])[:, fits & held]], 1)
        chosen = found[:, :rows].to(device)
        return chosen[0], chosen[1]

    def _range(self, count: int) -> Tensor:
        return torch.arange(count, device=self.heads.device)

    def _observations(self, copies: Tensor, places: Tensor) -> Tensor:
        if self.frames == 1:
            return self.seen[copies, places % self.places]
        stack = places[:, None] + self._range(self.frames) - (self.frames - 1)
        return self.seen[copies[:, None], stack % self.places].flatten(1, 2)

    def state_dict(self) -> State:
        """Return the used part of the rings, as views."""
        used = min(self.places, int(self.heads.max()) + 1)
        return {"heads": self.heads, **{name: ring[:, :used] for name, ring in self._rings()}}

    def load_state_dict(self, state: State) -> None:
        """Take back what ``state_dict`` gave."""
        self.heads.copy_(state["heads"])
        for name, ring in self._rings():
            ring.zero_()[:, : state[name].shape[1]] = state[name].to(ring.device)

    def _rings(self) -> list[tuple[str, Tensor]]:
        names = ("seen", "actions", "rewards", "acted", "terminated", "ended")
        return [(name, getattr(self, name)) for name in names]
