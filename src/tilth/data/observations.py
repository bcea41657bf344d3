"""What a policy sees, from arrays: the same for learning and for a policy at work."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
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
    world, arguments: the world it learned in, by name, and how it was made

    >>> seen = Observations(Space((2,)), Space((), "int64", choices=3))
    >>> seen([0.5, 1.0])
    tensor([[0.5000, 1.0000]])
    """

    observation: Space
    action: Space
    world: str = ""
    arguments: Mapping[str, Any] = field(default_factory=dict)

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
        spaces = {"observation": _plain(self.observation), "action": _plain(self.action)}
        return {**spaces, "world": self.world, "arguments": dict(self.arguments)}

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Observations:
        """Read what ``to_config`` gave."""
        seen, does = (_space(config[name]) for name in ("observation", "action"))
        return cls(seen, does, str(config["world"]), dict(config["arguments"]))


def _plain(space: Space) -> dict[str, Any]:
    """Return a space as JSON can hold it: no bound is None."""
    bounds = {
        name: [None if math.isinf(bound) else bound for bound in getattr(space, name)]
        for name in ("low", "high")
    }
    return {**asdict(space), "shape": list(space.shape), **bounds}


def _space(config: Mapping[str, Any]) -> Space:
    free = {"low": -math.inf, "high": math.inf}
    bounds = {
        name: tuple(none if bound is None else float(bound) for bound in config[name])
        for name, none in free.items()
    }
    return Space(**{**config, "shape": tuple(config["shape"]), **bounds})
