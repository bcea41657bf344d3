"""Run a model over batches without learning, in bounded memory."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from tilth.contracts import Batch
from tilth.nn.modes import modes_kept
from tilth.train.memory_shortage import is_shortage
from tilth.train.numerics import Numerics
from tilth.tree import cut, num_rows


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
            outputs.append(in_parts(model, placed.inputs).float().cpu())
            rows.append(batch.rows.cpu())
            targets.append(batch.targets.cpu())
    return Outputs(torch.cat(rows), torch.cat(outputs), torch.cat(targets))


def in_parts(function: Callable[[Any], Tensor], rows: Any, parts: int = 1) -> Tensor:
    """Return ``function(rows)`` [N, ...], taken in as many parts as memory asks for.

    function: treats every row by itself; rows: a tree of tensors [N, ...]

    >>> in_parts(lambda rows: 2 * rows, torch.tensor([1, 2]), parts=2).tolist()
    [2, 4]
    """
    try:
        return torch.cat([function(part) for part in cut(rows, parts)])
    except (RuntimeError, MemoryError) as error:
        if not is_shortage(error) or parts >= num_rows(rows):
            raise
    return in_parts(function, rows, 2 * parts)
