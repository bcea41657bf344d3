"""Many ranks: sums over processes, decisions they share, and what is each one's own."""

from __future__ import annotations

import json
from collections.abc import Sequence

import torch
import torch.distributed as dist
from safetensors.torch import load as load_tensors
from safetensors.torch import save as tensor_bytes
from torch import Tensor, nn

from tilth.contracts import State
from tilth.train.state import pack, unpack

AGREE_STEPS = 8  # what ranks decide by a signal or the clock they ask each other only so often


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


def agreed(wish: bool, device: torch.device) -> bool:
    """Return whether any rank wishes; every rank must ask at the same place."""
    if rank_and_world()[1] == 1:
        return wish
    votes = torch.tensor([float(wish)], device=device)
    sum_over_ranks([votes])
    return bool(votes.item() > 0)


def gather_states(own: State, device: torch.device) -> list[State]:
    """Return every rank's ``own`` in the order of the ranks, on every rank."""
    tensors, skeleton = pack(own)
    parts = [tensor_bytes(tensors), json.dumps(skeleton).encode()]
    sizes = torch.tensor([len(part) for part in parts], device=device)
    all_sizes = [torch.empty_like(sizes) for _ in range(dist.get_world_size())]
    dist.all_gather(all_sizes, sizes)
    room = max(int(found.sum()) for found in all_sizes)
    padded = torch.frombuffer(bytearray(b"".join(parts).ljust(room)), dtype=torch.uint8).to(device)
    contents = [torch.empty_like(padded) for _ in all_sizes]
    dist.all_gather(contents, padded)
    states: list[State] = []
    for content, found in zip(contents, all_sizes, strict=True):
        low, high = int(found[0]), int(found.sum())
        data = content.cpu().numpy().tobytes()
        states.append(unpack(load_tensors(data[:low]), json.loads(data[low:high])))
    return states


def average_buffers(model: nn.Module, world: int) -> None:
    """Give every rank the mean of the floating-point buffers (running batch statistics).

    Each rank normalises by its own share of the batch; only the running averages are shared, so
    that every rank evaluates and saves the same model. What is equal on all ranks (a table, a
    mask) keeps its bits: a sum of three and a division by three would not.
    """
    buffers = [buffer for buffer in model.buffers() if buffer.is_floating_point()]
    for dtype in dict.fromkeys(buffer.dtype for buffer in buffers):
        group = [buffer for buffer in buffers if buffer.dtype == dtype]
        own = torch.cat([buffer.reshape(-1) for buffer in group])
        extremes, total = torch.cat([own, -own]), own.clone()
        dist.all_reduce(extremes, op=dist.ReduceOp.MAX)
        dist.all_reduce(total)
        highest, lowest = extremes[: len(own)], -extremes[len(own) :]
        shared = torch.where(highest == lowest, own, total / world)
        pieces = torch.split(shared, [buffer.numel() for buffer in group])
        for buffer, piece in zip(group, pieces, strict=True):
            buffer.copy_(piece.view_as(buffer))


def broadcast_model(model: nn.Module) -> None:
    """Give every rank the parameters and buffers of rank 0."""
    for tensor in [*model.parameters(), *model.buffers()]:
        dist.broadcast(tensor.data, 0)
