"""A plan: every number a phase of training needs, resolved before its first step."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from tilth.train.numerics import Numerics


@dataclass(frozen=True)
class Plan:
    """What one phase does; written to config.toml, and read back by a resume.

    total_steps: updates in the phase; lr: peak rate; clip: 0 switches clipping off
    reasons: setting -> why it is what it is, in words
    asked: the training settings that led to it, for a resume to compare with
    rates: peak rate of each layer group, the last of which is ``lr``; empty where all have ``lr``
    frozen: how many of the first layer groups are held still
    """

    epochs: int
    batch_size: int
    steps_per_epoch: int
    total_steps: int
    lr: float
    schedule: str
    weight_decay: float
    label_smoothing: float
    clip: float
    micro_batches: int
    patience: int
    augment: bool
    seed: int
    device: str
    numerics: Numerics
    reasons: dict[str, str]
    asked: dict[str, Any]
    rates: list[float] = field(default_factory=list)
    frozen: int = 0

    def to_config(self) -> dict[str, Any]:
        """Return plain values."""
        return asdict(self)

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Plan:
        """Read what ``to_config`` gave."""
        return cls(**{**config, "numerics": Numerics(**config["numerics"])})
