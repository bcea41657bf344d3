"""A world with what somebody who can did in it: frames to learn from, episodes to be judged by."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any

from tilth.data.demonstrations import Demonstrations, demonstrations
from tilth.data.world import World
from tilth.errors import UserError

COPIES = 64  # of the world in which is shown what to do
DISTURBANCE = 0.3  # of what is done, as a share of full lock: see ``demonstrations``


@dataclass(kw_only=True, repr=False)
class DemonstratedWorld(World):
    """A world, and so many frames of what its own driver saw and wanted; no split holds them."""

    frames: int

    @classmethod
    def of(cls, world: World, frames: int) -> DemonstratedWorld:
        """Return a world with so many frames to learn from.

        Raises UserError where there are too few, and where nobody shows what to do.
        """
        if frames < 20:
            raise UserError(f"frames={frames}", rule="at least 20 are needed to learn from")
        world.driver(world.environment(1))
        known = {one.name: getattr(world, one.name) for one in fields(World) if one.init}
        told = "learned from: "
        others = [note for note in world.notes if not note.startswith(told)]
        known["notes"] = [*others, f"{told}{frames:,} frames of its own driver"]
        return cls(**known, frames=frames)

    @cached_property
    def shown(self) -> Demonstrations:
        """What the driver saw and wanted, the same in every run; made where it is first needed."""
        world = self.environment(COPIES)
        driver = self.driver(world)
        return demonstrations(world, driver, frames=self.frames, disturbance=DISTURBANCE)

    def fingerprint(self) -> str:
        """Return a SHA-256 of the world's and of the number of frames."""
        return hashlib.sha256(f"{super().fingerprint()} {self.frames}".encode()).hexdigest()

    def describe(self) -> dict[str, Any]:
        """Return what is seen, done and shown in it."""
        return {**super().describe(), "frames": self.frames}
