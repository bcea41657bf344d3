"""Two generators that translate between two sets of pictures, and a critic for each set.

Zhu, Park, Isola and Efros 2017, "Unpaired Image-to-Image Translation using Cycle-Consistent
Adversarial Networks" (https://arxiv.org/abs/1703.10593), section 4 and appendix 7.2. Weights
start as normal numbers of sd 0.02 and biases at zero, as there.
"""

from __future__ import annotations

from torch import Tensor, nn

from tilth.nn.patch_critic import patch_critic
from tilth.nn.picture_translator import picture_translator


class Translators(nn.Module):
    """The generators: ``to_target`` and ``to_source``, pictures -> pictures."""

    def __init__(self, to_target: nn.Module, to_source: nn.Module) -> None:
        super().__init__()
        self.to_target, self.to_source = to_target, to_source


class Critics(nn.Module):
    """The critics: ``source`` and ``target`` judge whether a picture is of that domain."""

    def __init__(self, source: nn.Module, target: nn.Module) -> None:
        super().__init__()
        self.source, self.target = source, target


class CycleGan(nn.Module):
    """``generator`` (both translators) and ``critic`` (both critics): the two players.

    Called with source pictures it translates them into target pictures.
    """

    def __init__(self, generator: Translators, critic: Critics) -> None:
        super().__init__()
        self.generator, self.critic = generator, critic

    def forward(self, inputs: Tensor) -> Tensor:
        """Return [B, target channels, H, W] in [-1, 1] for [B, source channels, H, W]."""
        translated: Tensor = self.generator.to_target(inputs)
        return translated


def cycle_gan(
    *,
    channels: int = 3,
    target_channels: int | None = None,
    width: int = 64,
    blocks: int = 9,
    critic_width: int = 64,
    critic_halvings: int = 3,
) -> nn.Module:
    """Return the pair of generators (9 blocks: for 256 px and more) and of critics.

    channels, target_channels: of the two domains' pictures; the same where None
    width, blocks: of each generator; critic_width, critic_halvings: of each critic. For pictures
    of 28 or 32 px, width=16, blocks=3, critic_width=32, critic_halvings=2 (a score sees 34 px)
    learn within minutes.

    >>> net = cycle_gan()
    >>> sum(p.numel() for p in net.generator.to_target.parameters())
    11378179
    """
    other = channels if target_channels is None else target_channels
    generator = Translators(
        picture_translator(channels, other, width=width, blocks=blocks),
        picture_translator(other, channels, width=width, blocks=blocks),
    )
    critic = Critics(
        patch_critic(channels, width=critic_width, halvings=critic_halvings),
        patch_critic(other, width=critic_width, halvings=critic_halvings),
    )
    return CycleGan(generator, critic).apply(_start)


def _start(module: nn.Module) -> None:
    if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
        nn.init.normal_(module.weight, 0.0, 0.02)
        if module.bias is not None:
            nn.init.zeros_(module.bias)
