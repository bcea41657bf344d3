"""Many ranks: sums over processes, in one message per kind of number."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.distributed as dist
from torch import Tensor, nn


def rank_and_world() -> tuple[int, int]:
    """Return this process's rank and the number of processes; (0, 1) when alone."""
    if dist.is_available() and dist.is_initialized():
        return dist.get_rank(), dist.get_world_size()
    return 0, 1


def sum_over_ranks(tensors: Sequence[Tensor]) -> None:
    """Replace each tensor by its sum over all ranks, in place; one all-reduce per dtype."""
    for dtype in dict.fromkeys(tensor.dtype for tensor in tensors):
        group = [tensor for tensor in tensors if tensor.dtype == dtype]
        bucket = torch.cat([tensor.reshape(-1) for tensor in group])
        dist.all_reduce(bucket)
        pieces = torch.split(bucket, [tensor.numel() for tensor in group])
        for tensor, piece in zip(group, pieces, strict=True):
            tensor.copy_(piece.view_as(tensor))


def average_buffers(model: nn.Module, world: int) -> None:
    """Give every rank the mean of the floating-point buffers (running batch statistics).

    Each rank normalises by its own share of the batch; only the running averages are shared, so
    that every rank evaluates and saves the same model.
    """
    buffers = [buffer for buffer in model.buffers() if buffer.is_floating_point()]
    if buffers:
        sum_over_ranks(buffers)
        for buffer in buffers:
            buffer /= world


def broadcast_model(model: nn.Module) -> None:
    """Give every rank the parameters and buffers of rank 0."""
    for tensor in [*model.parameters(), *model.buffers()]:
        dist.broadcast(tensor.data, 0)
