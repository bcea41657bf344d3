"""What a task is given to set up training, and the parts that it gives back."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from tilth.contracts import Objective, Player, Source
from tilth.data.dataset import Data
from tilth.train.plan import Plan

MakeOptimizer = Callable[[nn.Module], torch.optim.Optimizer]
OwnLoss = Callable[[Tensor, Tensor], Tensor]


@dataclass(frozen=True)
class Setup:
    """What is trained, on what and how.

    phase: its number in the run; loss, optimizer: the user's own, where they were given
    """

    data: Data
    model: nn.Module
    plan: Plan
    device: torch.device
    phase: int = 0
    loss: OwnLoss | None = None
    optimizer: MakeOptimizer | None = None


@dataclass(frozen=True)
class TrainingParts:
    """What the loop needs beside the model.

    players: name -> Player; every objective's ``moves`` names one
    """

    objectives: list[Objective]
    source: Source
    players: Mapping[str, Player]
