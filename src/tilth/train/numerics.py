"""How numbers are held while training: number type, memory layout, compilation, threads."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn

from tilth.errors import choose
from tilth.tree import map_tree

DTYPES = ("float32", "bfloat16")


@dataclass(frozen=True, slots=True)
class Numerics:
    """One resolved configuration of the arithmetic; exactness holds for a given one.

    dtype: float32, or bfloat16 for the matrix work inside autocast (weights stay float32)
    channels_last: whether pictures and convolution weights lie channels-last in memory
    compile: whether the model's forward is compiled by torch.compile
    threads: CPU threads (0 leaves torch's own choice)

    >>> Numerics(dtype="bfloat16").label()
    'bfloat16'
    """

    dtype: str = "float32"
    channels_last: bool = False
    compile: bool = False
    threads: int = 0

    def __post_init__(self) -> None:
        choose(self.dtype, DTYPES, "number type")

    def autocast(self, device: torch.device) -> AbstractContextManager[Any]:
        """Return the context in which losses are computed."""
        if self.dtype == "float32":
            return nullcontext()
        return torch.autocast(device.type, dtype=torch.bfloat16)

    def place_model(self, model: nn.Module, device: torch.device) -> nn.Module:
        """Move the model to ``device`` in the chosen layout, compiled where chosen; in place."""
        if self.threads:
            torch.set_num_threads(self.threads)
        model.to(device)
        if self.channels_last:
            model.to(memory_format=torch.channels_last)
        if self.compile:
            model.compile()
        return model

    def place_batch(self, batch: Any) -> Any:
        """Lay four-dimensional inputs out channels-last where chosen."""
        return map_tree(to_channels_last, batch) if self.channels_last else batch

    def label(self) -> str:
        """Return the choice in words."""
        names = [self.dtype, "channels last" * self.channels_last, "compiled" * self.compile]
        return ", ".join(name for name in names if name)

    def to_config(self) -> dict[str, Any]:
        """Return plain values for config.toml."""
        return asdict(self)

    def resolved(self) -> Numerics:
        """Return the same numerics with the number of threads filled in."""
        return self if self.threads else replace(self, threads=torch.get_num_threads())


def to_channels_last(tensor: Tensor) -> Tensor:
    """Return a four-dimensional tensor channels-last, any other unchanged."""
    if tensor.dim() != 4:
        return tensor
    return tensor.contiguous(memory_format=torch.channels_last)
