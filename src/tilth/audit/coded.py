"""Rows and their codes: what every look at the latents of a trained model begins with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from tilth.audit.latent import Usage, usage
from tilth.nn.modes import modes_kept
from tilth.tasks._reconstructing import Reconstructing, batches
from tilth.tasks._setup import Setup
from tilth.tasks.variational import VariationalTask


@dataclass(frozen=True)
class Coded:
    """A split's rows [N, *shape] with the codes [N, D] of the model; all on the CPU.

    usage: of the latents, where codes are the means of posteriors
    """

    rows: Tensor
    codes: Tensor
    usage: Usage | None = None

    @property
    def order(self) -> list[int]:
        """The latents, those that say most first; the idle ones of a variational model left out."""
        if self.usage is not None:
            return self.usage.active
        return [int(place) for place in self.codes.var(0, correction=0).argsort(descending=True)]


def coded(task: Reconstructing, setup: Setup, split: str, *, most: int | None = None) -> Coded:
    """Return the rows of a split, the first ``most`` of them, with their codes."""
    rows, means, log_stds = [], [], []
    with modes_kept(setup.model), torch.no_grad():
        model: Any = setup.model.eval()
        for inputs in batches(setup, split, rows=most):
            found = model.encode(inputs)
            mean, log_std = found if isinstance(found, tuple) else (found, None)
            rows.append(inputs.cpu())
            means.append(mean.cpu())
            log_stds += [] if log_std is None else [log_std.cpu()]
    codes = torch.cat(means)
    used = usage(codes, torch.cat(log_stds)) if isinstance(task, VariationalTask) else None
    return Coded(torch.cat(rows), codes, used)


def decoded(setup: Setup, codes: Tensor) -> Tensor:
    """Return the rows [N, *shape] that codes [N, D] stand for, on the CPU."""
    with modes_kept(setup.model), torch.no_grad():
        model: Any = setup.model.eval()
        pieces = torch.split(codes, 4 * setup.plan.batch_size)
        return torch.cat([model.decode(piece.to(setup.device)).cpu() for piece in pieces])
