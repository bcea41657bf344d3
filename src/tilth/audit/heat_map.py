"""Where in a picture an answer comes from: class activation maps.

CAM (Zhou et al. 2016, https://arxiv.org/abs/1512.04150) for nets that end in a mean over the map
and one linear layer; Grad-CAM (Selvaraju et al. 2017, https://arxiv.org/abs/1610.02391) for any
net with a map. On the former both are the same up to a factor.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tilth.nn.watched import watched

OTHER_PROPORTIONS = 2.0  # cells this much longer than wide are no cells: it is another tensor


def spatial_layer(model: nn.Module, inputs: Tensor) -> str | None:
    """Return the last layer that gives a map of the picture; None where there is none.

    inputs: [B, C, H, W], tried on the model, which is in evaluation mode. A map has four
    dimensions, several cells, and the proportions of the picture; what comes after it holds no
    places any more. Where tokens follow a map (vision transformers), there is none.
    """
    names = [name for name, _ in model.named_modules() if name]
    with torch.no_grad(), watched(model, names) as kept:
        model(inputs)
    found = None
    for name, output in kept.outputs.items():
        if _is_map(output, inputs):
            found = name
        elif output.dim() > 2 and output[0].numel() > max(output.shape[1], output.shape[-1]):
            found = None
    return found


def _is_map(output: Tensor, inputs: Tensor) -> bool:
    if output.dim() != 4 or len(output) != len(inputs) or output.shape[2:].numel() < 2:
        return False
    down, across = (inputs.shape[side] / output.shape[side] for side in (2, 3))
    return max(down, across) < OTHER_PROPORTIONS * min(down, across)


def channel_mean(maps: Tensor) -> Tensor:
    """Return the mean over the channels [B, h, w] of maps [B, C, h, w]: how much goes on where."""
    return maps.mean(dim=1)


def cam(maps: Tensor, weights: Tensor, classes: Tensor) -> Tensor:
    """Return what each cell adds to the class's output [B, h, w] (Zhou et al. 2016, equation 2).

    maps: [B, C, h, w] whose mean is what the head sees; weights: [K, C] of the head;
    classes: [B]

    >>> cam(torch.ones(1, 2, 1, 1), torch.tensor([[1.0, 2.0]]), torch.tensor([0])).item()
    3.0
    """
    return torch.einsum("bchw,bc->bhw", maps, weights[classes])


def grad_cam(model: nn.Module, inputs: Tensor, classes: Tensor, layer: str) -> Tensor:
    """Return where the map speaks for a class, [B, h, w] >= 0 (Selvaraju et al. 2017, eq. 1, 2).

    inputs: [B, C, H, W]; classes: [B], the column of the outputs that each row is asked about
    layer: whose output is the map, as ``spatial_layer`` finds it
    """
    asked = inputs.detach().clone().requires_grad_()
    with torch.enable_grad(), watched(model, [layer]) as kept:
        outputs = model(asked)
        maps = kept.outputs[layer]
        total = outputs.gather(1, classes[:, None]).sum()
        (slopes,) = torch.autograd.grad(total, maps)
    return F.relu((slopes.mean(dim=(2, 3), keepdim=True) * maps).sum(dim=1)).detach()


def onto(heat: Tensor, size: tuple[int, int]) -> Tensor:
    """Return maps [B, h, w] laid over pictures of ``size`` (height, width), between cells linear.

    >>> onto(torch.eye(2)[None], (4, 4)).shape
    torch.Size([1, 4, 4])
    """
    return F.interpolate(heat[:, None], size=size, mode="bilinear", align_corners=False)[:, 0]
