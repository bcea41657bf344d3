"""What a policy sees, from arrays: the same for learning and for a policy at work."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from tilth.data.environment import Space
from tilth.errors import UserError


@dataclass(frozen=True)
class Observations:
    """From one observation, or several at once, to what a policy takes: [B, *shape].

    observation: the space of one; action: that of what is answered

    >>> seen = Observations(Space((2,)), Space((), "int64", choices=3))
    >>> seen([0.5, 1.0])
    tensor([[0.5000, 1.0000]])
    """

    observation: Space
    action: Space

    kind: ClassVar[str] = "world"

    def __call__(self, raw: Any) -> Tensor:
        """Return observations as a batch; raise UserError for another shape."""
        space = self.observation
        found = torch.as_tensor(np.asarray(raw)).to(getattr(torch, space.dtype))
        if tuple(found.shape) == space.shape:
            found = found[None]
        if tuple(found.shape[1:]) != space.shape or found.dim() == 0:
            one = list(space.shape)
            raise UserError(
                f"observations of the shape {list(found.shape)}",
                rule=f"one is {one}, several are {['count', *one]}",
            )
        return found

    def to_config(self) -> dict[str, Any]:
        """Return plain values for preprocessor_config.json."""
        return {"observation": asdict(self.observation), "action": asdict(self.action)}

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Observations:
        """Read what ``to_config`` gave."""
        return cls(*(_space(config[name]) for name in ("observation", "action")))


def _space(config: Mapping[str, Any]) -> Space:
    lists = {name: tuple(config[name]) for name in ("shape", "low", "high")}
    return Space(**{**config, **lists})
