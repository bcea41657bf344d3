"""What a world to act in is: several copies side by side, tensors in and out."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

import numpy as np
import torch
from torch import Tensor

from tilth.contracts import State
from tilth.nn.action import Action as Action  # models make them, so they stand above worlds


@dataclass(frozen=True)
class Space:
    """What observations or actions look like.

    shape: of one, without the copies
    dtype: "float32", "uint8" (pictures, channels first) or "int64" (choices)
    choices: how many there are to choose from; 0 for numbers
    low, high: bounds of numbers, one for each; empty where there are none
    frames: how many pictures are stacked along the channels, the newest last

    >>> Space((), "int64", choices=2).is_choice
    True
    """

    shape: tuple[int, ...]
    dtype: str = "float32"
    choices: int = 0
    low: tuple[float, ...] = ()
    high: tuple[float, ...] = ()
    frames: int = 1

    @property
    def is_choice(self) -> bool:
        """Whether it is one of several choices."""
        return self.choices > 0


class Stepped(NamedTuple):
    """What follows a step of all copies.

    observations: [copies, *shape], where an episode ended the first one of the next episode
    rewards: [copies] float32
    terminated: [copies] bool, the episode is over and nothing follows
    truncated: [copies] bool, it was cut off: what would follow still has a value
    finals: [copies, *shape], what was seen last: equal to ``observations`` where none ended
    """

    observations: Tensor
    rewards: Tensor
    terminated: Tensor
    truncated: Tensor
    finals: Tensor

    @property
    def ended(self) -> Tensor:
        """[copies] bool: whether an episode ended, either way."""
        return self.terminated | self.truncated


class Environment(Protocol):
    """Copies of a world that are stepped together; one that ends begins anew in the same step.

    seen: [copies, *shape], what the policy acts on next; it follows ``load_state_dict`` too
    """

    name: str
    copies: int
    observation: Space
    action: Space
    exact_resume: bool  # whether load_state_dict continues to the bit
    seen: Tensor

    def reset(self, seed: int) -> Tensor:
        """Begin new episodes in all copies; return [copies, *shape] observations."""
        ...

    def step(self, actions: Tensor) -> Stepped:
        """Act in all copies."""
        ...

    def picture(self) -> Tensor:
        """Return the first copy as [3, height, width] uint8; raise UserError where it cannot."""
        ...

    def state_dict(self) -> State:
        """Return everything that changes."""
        ...

    def load_state_dict(self, state: State) -> None:
        """Take back what ``state_dict`` gave."""
        ...


class Policy(Protocol):
    """What a source that acts needs of a model, beside its ``forward``."""

    def act(self, observations: Tensor, *, generator: torch.Generator, explore: float) -> Action:
        """Choose actions without a gradient.

        explore: 0 acts as well as it can, without drawing; above it what it means is the
        policy's: a share of random choices, or 1 for drawing from its own distribution
        """
        ...


class Recalling(Policy, Protocol):
    """A policy that sources can bootstrap from."""

    def recall(self, features: Tensor, actions: Tensor) -> dict[str, Tensor]:
        """Return what the objective wants to know of steps that these very weights took.

        All of a rollout at once: step by step it would take several times as long.
        features: [B, F], those of ``act``; actions: [B] or [B, *shape]
        Returns name -> [B, ...], among them "values": what the policy expects to gain from there
        on, whatever it did.
        """
        ...


KEPT = 100  # ended episodes whose returns and lengths are remembered


@dataclass
class EpisodeCount:
    """Sums rewards and lengths over the copies' episodes, and keeps the last 100 that ended.

    ended: how many ended so far
    returns, lengths: of the last ones that ended, in the order of their ends

    >>> count = EpisodeCount(copies=1)
    >>> end, one = torch.tensor([True]), torch.zeros(1, 3)
    >>> count.add(Stepped(one, torch.tensor([2.0]), end, ~end, one))
    >>> count.returns, count.lengths, count.ended
    ([2.0], [1], 1)
    """

    copies: int
    ended: int = 0
    returns: list[float] = field(default_factory=list)
    lengths: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._return = np.zeros(self.copies)
        self._length = np.zeros(self.copies, np.int64)

    def add(self, stepped: Stepped) -> None:
        """Count one step of all copies."""
        self._return += stepped.rewards.cpu().numpy()
        self._length += 1
        ended = stepped.ended.cpu().numpy()
        if not ended.any():
            return
        self.ended += int(ended.sum())
        self.returns = [*self.returns, *self._return[ended].tolist()][-KEPT:]
        self.lengths = [*self.lengths, *self._length[ended].tolist()][-KEPT:]
        self._return[ended], self._length[ended] = 0.0, 0

    def join(self, other: EpisodeCount) -> None:
        """Count the ended episodes of another count too."""
        self.ended += other.ended
        self.returns = [*self.returns, *other.returns][-KEPT:]
        self.lengths = [*self.lengths, *other.lengths][-KEPT:]

    def mean_return(self) -> float:
        """Return the mean return of the last ended episodes; nan before the first ended."""
        return sum(self.returns) / len(self.returns) if self.returns else float("nan")

    def state_dict(self) -> State:
        """Return sums and ended episodes."""
        return {
            "ended": self.ended,
            "returns": list(self.returns),
            "lengths": list(self.lengths),
            "return": torch.from_numpy(self._return.copy()),
            "length": torch.from_numpy(self._length.copy()),
        }

    def load_state_dict(self, state: State) -> None:
        """Take back what ``state_dict`` gave."""
        self.ended = state["ended"]
        self.returns, self.lengths = list(state["returns"]), list(state["lengths"])
        self._return, self._length = (state[key].clone().numpy() for key in ("return", "length"))
