"""Features of pictures from inside a trained net, for losses that compare what is seen in them.

Gatys et al. 2016, "Image Style Transfer Using Convolutional Neural Networks"; Johnson et al. 2016,
"Perceptual Losses for Real-Time Style Transfer and Super-Resolution", section 3.2.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence

from torch import Tensor, nn

from tilth.errors import UserError
from tilth.nn.tapped import along

_POOLS = (nn.MaxPool2d, nn.AvgPool2d)


class FeatureNet(nn.Module):
    """The outputs of some layers of a chain of layers, with weights that stay as they are.

    layers: the chain, such as ``body`` of ``small_vgg`` or ``features`` of a VGG of torchvision;
    copied, frozen and in eval mode from then on
    taps: places in the chain whose outputs are wanted; before each pooling where None
    Raises UserError where a tap is not a place of the chain, or there is none.

    >>> import torch
    >>> body = nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(2, 3, 3))
    >>> net = FeatureNet(body)
    >>> net.taps, [features.shape[1] for features in net(torch.zeros(1, 1, 8, 8))]
    ((1,), [2])
    """

    def __init__(self, layers: nn.Sequential, taps: Sequence[int] | None = None) -> None:
        super().__init__()
        chosen = before_pools(layers) if taps is None else tuple(sorted(set(taps)))
        if not chosen or chosen[0] < 0 or chosen[-1] >= len(layers):
            raise UserError(
                f"taps={taps} of a chain of {len(layers)} layers",
                rule=f"at least one place from 0 to {len(layers) - 1}",
                fix="leave taps out to take the layer before each pooling",
            )
        self.taps = chosen
        # what lies behind the last tap is never computed
        self.layers = nn.Sequential(*copy.deepcopy(list(layers)[: chosen[-1] + 1]))
        for module in self.layers.modules():
            if getattr(module, "inplace", False) is True:
                vars(module)["inplace"] = False  # it would overwrite the tap before it
        self.layers.requires_grad_(False).eval()

    def train(self, mode: bool = True) -> FeatureNet:
        """Stay in eval mode: the features must not change with the batch."""
        return self

    def forward(self, pictures: Tensor) -> list[Tensor]:
        """Return the taps' features, each [B, C, H, W]."""
        return along(self.layers, self.taps, pictures)


def before_pools(layers: nn.Sequential) -> tuple[int, ...]:
    """Return the places of the layers before each pooling (of a window, not of the whole map).

    >>> before_pools(nn.Sequential(nn.ReLU(), nn.MaxPool2d(2), nn.ReLU(), nn.MaxPool2d(2)))
    (0, 2)
    """
    pools = (place for place, layer in enumerate(layers) if isinstance(layer, _POOLS))
    return tuple(place - 1 for place in pools if place > 0)


def gram(features: Tensor) -> Tensor:
    """Return what occurs together and not where, [B, C, C]: Johnson et al. 2016, equation 3.

    features: [B, C, H, W]; products of channels, summed over the places, over C H W

    >>> import torch
    >>> gram(torch.tensor([[[[1.0, 2.0]], [[3.0, 4.0]]]]))  # two channels, two places
    tensor([[[1.2500, 2.7500],
             [2.7500, 6.2500]]])
    """
    flat = features.flatten(2)
    return flat @ flat.transpose(1, 2) / (flat.shape[1] * flat.shape[2])
