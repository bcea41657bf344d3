"""Which pixels a cell of a map can see: the box in which its gradient is not zero.

Luo et al. 2016, https://arxiv.org/abs/1701.04128, section 2: the theoretical field is where a
gradient can come from.
"""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn

from tilth.nn.watched import watched


def receptive_field(
    model: nn.Module, inputs: Tensor, layer: str, cell: tuple[int, int] | None = None
) -> tuple[int, int, int, int]:
    """Return the box (top, left, bottom, right) of pixels, ends included, that one cell sees.

    inputs: one picture [1, C, H, W], whose size counts and not its pixels; layer: that gives a map
    [1, channels, h, w]; cell: its row and column, the middle one where None

    Weights are made positive and pools take means, so that no gradient vanishes by chance.

    >>> net = nn.Sequential(nn.Conv2d(1, 2, 3, padding=1), nn.Conv2d(2, 1, 3, padding=1))
    >>> receptive_field(net, torch.zeros(1, 1, 9, 9), "1")
    (2, 2, 6, 6)
    """
    open_net = _everywhere_open(model)
    asked = torch.ones_like(inputs, dtype=torch.float64).requires_grad_()
    with torch.enable_grad(), watched(open_net, [layer]) as kept:
        open_net(asked)
        maps = kept.outputs[layer]
        row, column = cell or (maps.shape[2] // 2, maps.shape[3] // 2)
        (slopes,) = torch.autograd.grad(maps[0, :, row, column].sum(), asked)
    seen = slopes[0].abs().sum(0) > 0
    rows, columns = (torch.nonzero(seen.any(dim=side)).flatten() for side in (1, 0))
    return int(rows[0]), int(columns[0]), int(rows[-1]), int(columns[-1])


def _everywhere_open(model: nn.Module) -> nn.Module:
    """Return a copy in float64 through which every path lets a gradient pass."""
    found = copy.deepcopy(model).double().eval()
    for name, parameter in found.named_parameters():
        bias = name.endswith("bias")
        fan_in = parameter[0].numel()  # so that sums over it stay as they are
        parameter.data = torch.full_like(parameter, 0.0 if bias else 1 / fan_in)
    for module in list(found.modules()):
        if isinstance(module, nn.BatchNorm2d):
            module.reset_running_stats()
        for name, child in module.named_children():
            if isinstance(child, nn.MaxPool2d):
                sides = child.kernel_size, child.stride, child.padding
                setattr(module, name, nn.AvgPool2d(*sides, ceil_mode=child.ceil_mode))
    return found
