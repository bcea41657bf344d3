"""Run a model over batches without learning, in bounded memory."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from tilth.contracts import Batch
from tilth.nn.modes import modes_kept
from tilth.train.numerics import Numerics


@dataclass(frozen=True)
class Outputs:
    """What a model said about the rows of a split, on the CPU.

    rows: [N] int64 ids; outputs: [N, K] float32; targets: [N]
    """

    rows: Tensor
    outputs: Tensor
    targets: Tensor


def evaluate(
    model: nn.Module, batches: Iterable[Batch], *, numerics: Numerics, device: torch.device
) -> Outputs:
    """Return the model's outputs over ``batches``, in evaluation mode; modes are put back."""
    rows, outputs, targets = [], [], []
    with modes_kept(model), torch.inference_mode(), numerics.autocast(device):
        model.eval()
        for batch in batches:
            placed = numerics.place_batch(batch)
            outputs.append(model(placed.inputs).float().cpu())
            rows.append(batch.rows.cpu())
            targets.append(batch.targets.cpu())
    return Outputs(torch.cat(rows), torch.cat(outputs), torch.cat(targets))
