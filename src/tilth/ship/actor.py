"""The Actor: a policy at work, from any number of threads, with nothing of training."""

from __future__ import annotations

from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray

from tilth.data.environment import Policy
from tilth.data.observations import Observations
from tilth.ship.answering import Answering
from tilth.ship.open_bundle import Opened
from tilth.train.device import choose_device


class Actor(Answering):
    """Acts as well as its policy knows, without exploring; observations in, actions out.

    It never changes after it is made, so threads may share it without a lock.
    observation, action: the spaces that it was trained with

    >>> import tilth as tl
    >>> run = tl.Learner(tl.world("CartPole-v1"), quiet=True, run="runs/pole").fit(1)
    >>> actor = tl.load(run.export())
    >>> actor.act([0.0, 0.1, 0.0, -0.1]) in (0, 1)
    True
    """

    def __init__(self, opened: Opened, *, device: str = "cpu") -> None:
        self._device, _ = choose_device(device)
        self._model = opened.model.to(self._device).eval()
        self._see = cast(Observations, opened.preprocessor)
        self.observation, self.action = self._see.observation, self._see.action

    def act(self, observation: Any) -> int | list[float]:
        """Return the action for one observation: a choice, or a list of numbers.

        Raises UserError for an observation of another shape.
        """
        found = self.act_many(np.asarray(observation)[None])[0]
        return int(found) if self.action.is_choice else [float(part) for part in found]

    def act_many(self, observations: Any) -> NDArray[Any]:
        """Return the actions [B] or [B, *shape] for observations [B, *shape]."""
        seen = self._see(observations).to(self._device)
        generator = torch.Generator(self._device).manual_seed(0)  # nothing is drawn from it
        with torch.inference_mode():
            found = cast(Policy, self._model).act(seen, generator=generator, explore=0.0)
        return np.asarray(found.actions.cpu().numpy())

    def __repr__(self) -> str:
        does = f"{self.action.choices} choices" if self.action.is_choice else "numbers"
        return f"Actor(sees {list(self.observation.shape)}, answers {does})"
