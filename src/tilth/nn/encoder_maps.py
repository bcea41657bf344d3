"""The maps of an encoder at each of its sizes, from the finest to the coarsest."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor, nn

from tilth.errors import UserError
from tilth.nn.modes import modes_kept
from tilth.nn.tapped import along, tapped

_PROBE_PX = 256  # divided by every power of two that encoders shrink pictures by


@dataclass(frozen=True)
class MapSize:
    """What a decoder must know of a map: how many channels, and how many times smaller."""

    channels: int
    reduction: int


class ChainMaps(nn.Module):
    """A chain of layers that gives the maps after some of them.

    chain: layers that run one after the other; taps: places whose outputs are wanted

    >>> chain = nn.Sequential(nn.Conv2d(1, 2, 3, padding=1), nn.MaxPool2d(2))
    >>> [maps.shape[-1] for maps in ChainMaps(chain, (0, 1))(torch.zeros(1, 1, 8, 8))]
    [8, 4]
    """

    def __init__(self, chain: nn.Sequential, taps: Sequence[int]) -> None:
        super().__init__()
        self.chain, self.taps = chain, tuple(taps)

    def forward(self, pictures: Tensor) -> list[Tensor]:
        """Return the maps [B, C, H, W] of the taps."""
        return along(self.chain, self.taps, pictures)


def before_shrinking(chain: nn.Sequential, channels: int) -> tuple[int, ...]:
    """Return the places of the layers after which the maps get smaller, and the last place.

    The chain is tried on an empty picture while hooks note the sizes that every layer gives.

    >>> before_shrinking(nn.Sequential(nn.ReLU(), nn.MaxPool2d(2), nn.ReLU()), 3)
    (0, 2)
    """
    names = [name for name, _ in chain.named_children()]
    with modes_kept(chain), torch.no_grad():
        _, found = tapped(chain.eval(), names, _empty(chain, channels))
    sides = [found[name].shape[-1] for name in names]
    last = len(sides) - 1
    return tuple(n for n, side in enumerate(sides) if n == last or sides[n + 1] < side)


def map_sizes(encoder: nn.Module, channels: int) -> list[MapSize]:
    """Return the sizes of the maps that an encoder gives, by trying it on an empty picture.

    Raises UserError where they do not get smaller by whole factors from map to map.

    >>> chain = nn.Sequential(nn.Conv2d(1, 2, 3, padding=1), nn.MaxPool2d(2))
    >>> map_sizes(ChainMaps(chain, (0, 1)), 1)
    [MapSize(channels=2, reduction=1), MapSize(channels=2, reduction=2)]
    """
    with modes_kept(encoder), torch.no_grad():
        maps = encoder.eval()(_empty(encoder, channels))
    found = [MapSize(one.shape[1], _PROBE_PX // one.shape[-1]) for one in maps]
    steps = [1, *(size.reduction for size in found)]
    ordered = all(a <= b and b % a == 0 for a, b in pairwise(steps))
    if not ordered or len({size.reduction for size in found}) < len(found):
        raise UserError(
            f"an encoder whose maps are {', '.join(map(str, steps[1:]))} times smaller",
            rule="each map is a whole number of times smaller than the one before it",
            fix="use another encoder",
        )
    return found


def _empty(net: nn.Module, channels: int) -> Tensor:
    place = next((parameter.device for parameter in net.parameters()), None)
    return torch.zeros(1, channels, _PROBE_PX, _PROBE_PX, device=place)
