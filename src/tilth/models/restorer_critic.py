"""A net that restores pictures, and a critic that tells restored from real ones: two players.

Ledig et al. 2017, "Photo-Realistic Single Image Super-Resolution Using a Generative Adversarial
Network" (SRGAN), section 2.1, with the nets that are here: ``super_resolution`` or
``restoration_net``, and the critic of patches of Isola et al. 2017.
"""

from __future__ import annotations

from torch import Tensor, nn

from tilth.models.restoration_net import restoration_net
from tilth.models.super_resolution import super_resolution
from tilth.nn.patch_critic import patch_critic


class RestorerCritic(nn.Module):
    """``restorer`` and ``critic``; called, it restores."""

    def __init__(self, restorer: nn.Module, critic: nn.Module) -> None:
        super().__init__()
        self.restorer, self.critic = restorer, critic

    def forward(self, inputs: Tensor) -> Tensor:
        """Return the restored pictures."""
        restored: Tensor = self.restorer(inputs)
        return restored


def restorer_critic(
    *,
    channels: int = 3,
    factor: int = 1,
    width: int = 32,
    blocks: int = 4,
    critic_width: int = 32,
    critic_halvings: int = 2,
) -> nn.Module:
    """Return a restorer and its critic; the restorer begins as the one without a critic does.

    factor: 1 gives pictures back in their own size, 2, 4 or 8 larger
    width, blocks: of the restorer; critic_width, critic_halvings: of the critic

    >>> import torch
    >>> pair = restorer_critic(factor=2, width=4, blocks=1, critic_width=4)
    >>> larger = pair(torch.zeros(1, 3, 8, 8))
    >>> larger.shape, pair.critic(larger).shape
    (torch.Size([1, 3, 16, 16]), torch.Size([1, 1, 2, 2]))
    """
    restorer = (
        restoration_net(channels=channels, width=width, blocks=blocks)
        if factor == 1
        else super_resolution(channels=channels, factor=factor, width=width, blocks=blocks)
    )
    return RestorerCritic(
        restorer, patch_critic(channels, width=critic_width, halvings=critic_halvings)
    )
