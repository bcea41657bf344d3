"""What a task is given to set up training, and the parts that it gives back."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from tilth.contracts import Hook, Objective, Player, Source
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
    hooks: observers that the task needs, such as a record of what is made
    judged: the model as trained -> the one of the same parts that is judged and kept, such as a
    moving average of it; the model itself where None
    """

    objectives: list[Objective]
    source: Source
    players: Mapping[str, Player]
    hooks: Sequence[Hook] = ()
    judged: Callable[[nn.Module], nn.Module] | None = None
