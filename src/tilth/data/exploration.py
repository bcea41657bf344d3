"""How much a policy explores: a function of the frames it has seen, not of updates."""

from __future__ import annotations

from dataclasses import dataclass

from tilth.errors import UserError


@dataclass(frozen=True)
class Exploration:
    """Falls in a line from ``begin`` to ``end`` over the first ``frames`` frames.

    A function of frames, so that it does not depend on how often is learned from a frame.
    begin, end: what ``Policy.act`` gets as ``explore``; for values the share of random choices
    Raises UserError for shares outside [0, 1] and a negative number of frames.

    >>> [Exploration(1.0, 0.1, frames=900).at(frame) for frame in (0, 450, 900, 5000)]
    [1.0, 0.55, 0.1, 0.1]
    >>> Exploration(1.0).at(10)
    1.0
    """

    begin: float
    end: float | None = None
    frames: int = 0

    def __post_init__(self) -> None:
        for share in (self.begin, self.begin if self.end is None else self.end):
            if not 0 <= share <= 1:
                raise UserError(f"exploring {share}", rule="it lies between 0 and 1")
        if self.frames < 0:
            raise UserError(f"frames={self.frames}", rule="a number of frames is not negative")

    def at(self, frame: int) -> float:
        """Return how much to explore at a frame."""
        if self.end is None:
            return self.begin
        done = min(1.0, frame / self.frames) if self.frames else 1.0
        return self.begin * (1 - done) + self.end * done
