"""Memory that runs out in a step: how it is known, and what the failed attempt changed."""

from __future__ import annotations

import gc
from collections.abc import Sequence

import torch
from torch import nn

from tilth.contracts import Objective
from tilth.errors import TilthError
from tilth.train.buffers import Buffers
from tilth.train.streams import random_state, set_random_state

SAID = ("DefaultCPUAllocator", "out of memory", "can't allocate memory", "ALLOC_FAILED")


def is_shortage(error: BaseException) -> bool:
    """Say whether an error is memory that ran out, on whatever device.

    The allocator of the CPU has no class of its own: its message is all there is.

    >>> is_shortage(RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried ..."))
    True
    >>> is_shortage(RuntimeError("mat1 and mat2 shapes cannot be multiplied"))
    False
    """
    if isinstance(error, (torch.OutOfMemoryError, MemoryError)):
        return True
    return isinstance(error, RuntimeError) and any(said in str(error) for said in SAID)


class Before:
    """What a gradient may change beside the gradient, as it was before: streams and buffers."""

    def __init__(self, buffers: Buffers, generator: torch.Generator) -> None:
        self.buffers, self.generator = buffers, generator
        self.stream = random_state(generator.device)
        self.state, self.values = generator.get_state(), buffers.values()

    def put_back(self, parameters: Sequence[nn.Parameter]) -> None:
        """Take an attempt back, with the gradients it left, and let go of its memory."""
        set_random_state(self.stream, self.generator.device)
        self.generator.set_state(self.state)
        self.buffers.put_back(self.values)
        for parameter in parameters:
            parameter.grad = None
        gc.collect()
        if self.generator.device.type == "cuda":
            torch.cuda.empty_cache()


def cut_finer(objectives: Sequence[Objective], rows: int, parts: int, world: int) -> int:
    """Return into how many parts to cut a batch that did not fit in ``parts``: twice as many.

    objectives: all that learn from the batch; world: how many processes do
    Raises TilthError where that is no way out: one of the losses must not be cut, a part is one
    row, or other processes wait for this one with the batch as it was.
    """
    if world > 1:
        rule = "several processes cut their batches alike, so none can do so on its own"
        raise TilthError(
            "memory ran out", rule=rule, fix=f"start all with micro_batches={2 * parts}"
        )
    whole = [type(one).__name__ for one in objectives if not one.separable]
    if whole:
        rule = f"the loss of {whole[0]} is not a sum over rows, so the batch must not be cut"
        raise TilthError("memory ran out", rule=rule, fix="take a smaller batch_size")
    if parts >= rows:
        fix = "take a smaller model, smaller rows, or more memory"
        raise TilthError("memory ran out with one row at a time", fix=fix)
    return min(2 * parts, rows)
