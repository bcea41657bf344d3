"""Strides past a whole map: layers whose bfloat16 gradients cannot be trusted on a CPU."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import nn

CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, nn.Conv3d)


def strides_past_map(model: nn.Module, step: Callable[[], Any]) -> bool:
    """Return whether ``step`` leads a convolution over a map that is smaller than its stride.

    oneDNN computes the weight gradient of such a layer in bfloat16 from memory that nobody has
    written: a 3 x 3 kernel of stride 2 on a map of one pixel holds NaN now and then (torch 2.11 to
    2.15). A kernel of one pixel is not concerned.

    >>> import torch
    >>> net = nn.Conv2d(1, 1, 3, stride=2, padding=1)
    >>> [strides_past_map(net, lambda: net(torch.zeros(1, 1, side, 4))) for side in (1, 2)]
    [True, False]
    """
    found: list[bool] = []

    def look(layer: Any, inputs: tuple[Any, ...], named: dict[str, Any]) -> None:
        sides = (inputs[0] if inputs else named["input"]).shape[-len(layer.stride) :]
        sizes = zip(sides, layer.stride, layer.kernel_size, strict=True)
        found.append(any(side < stride and kernel > 1 for side, stride, kernel in sizes))

    layers = [layer for layer in model.modules() if isinstance(layer, CONVOLUTIONS)]
    handles = [layer.register_forward_pre_hook(look, with_kwargs=True) for layer in layers]
    try:
        step()
    finally:
        for handle in handles:
            handle.remove()
    return any(found)
