"""The rules of a game of generator and critic, checked before it begins."""

from __future__ import annotations

import math
from dataclasses import dataclass

from tilth.errors import UserError, choose
from tilth.objectives.adversarial import LOSSES, CriticObjective, GeneratorObjective


@dataclass(frozen=True)
class Rules:
    """What the players pay, how often they step, and what bounds the critic.

    The arguments of ``CriticObjective`` and ``GeneratorObjective``; zeros for what is not wanted.
    r1: None for the usual weight of the kind of data
    """

    conditional: bool = False
    loss: str = "non_saturating"
    critic_steps: int = 1
    gradient_penalty: float = 0.0
    r1: float | None = None
    r1_every: int = 1
    weight_clip: float = 0.0
    average_decay: float = 0.999

    def __post_init__(self) -> None:
        choose(self.loss, LOSSES, "loss")
        for name in ("critic_steps", "r1_every"):
            value = getattr(self, name)
            if not (isinstance(value, int) and value >= 1):
                raise UserError(f"{name}={value}", rule="it counts steps, 1 at least")
        for name in ("gradient_penalty", "weight_clip", "r1"):
            value = getattr(self, name)
            if value is not None and not 0 <= value < math.inf:
                raise UserError(f"{name}={value}", rule="it is a weight or a bound, or 0")
        if not 0 <= self.average_decay < 1:
            raise UserError(
                f"average_decay={self.average_decay}",
                rule="it is at least 0 (no average) and below 1",
                fix="average_decay=0.999",
            )
        if self.loss == "wasserstein" and not (self.gradient_penalty or self.weight_clip):
            raise UserError(
                'loss="wasserstein" without a bound on the critic',
                rule="the distance is a supremum over critics of bounded slope",
                fix="gradient_penalty=10 (or weight_clip=0.01), with critic_steps=5",
            )

    def slope_weight(self, usual: float) -> float:
        """Return the weight of R1: the usual one where the critic is not bounded otherwise.

        >>> Rules().slope_weight(0.5), Rules(gradient_penalty=10.0).slope_weight(0.5)
        (0.5, 0.0)
        """
        if self.r1 is not None:
            return self.r1
        return 0.0 if self.gradient_penalty or self.weight_clip else usual

    def generator(self) -> GeneratorObjective:
        """Return what the generator pays."""
        return GeneratorObjective(
            self.loss,
            critic_steps=self.critic_steps,
            conditional=self.conditional,
            average_decay=self.average_decay or None,
        )

    def critic(self, usual: float) -> CriticObjective:
        """Return what the critic pays; usual: weight of R1."""
        return CriticObjective(
            self.loss,
            gradient_penalty=self.gradient_penalty,
            r1=self.slope_weight(usual),
            r1_every=self.r1_every,
            clip=self.weight_clip or None,
            conditional=self.conditional,
        )

    def noise(self, latent: int) -> dict[str, tuple[int, ...]]:
        """Return name -> shape of the random numbers that come with every row."""
        found: dict[str, tuple[int, ...]] = {"latent": (latent,)}
        return found | ({"mix_uniform": ()} if self.gradient_penalty else {})
