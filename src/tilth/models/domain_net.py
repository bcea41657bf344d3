"""A small convolutional classifier with a second output that guesses the domain of a picture.

Ganin et al. 2016, "Domain-Adversarial Training of Neural Networks", figure 4a (the net for MNIST):
convolutions 5 x 5 of 32 and 48 channels with pooling, dense layers of 100 for the label and for
the domain. Departure: the domain is guessed from the last hidden layer of the label's branch and
not from the convolutions, so that the classifier is a body and a linear head like any other.
"""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from tilth.nn.sizes import height_width


class DomainNet(nn.Module):
    """``head(body(inputs))`` for the label, ``critic`` for the domain.

    body: pictures -> [B, features]; head: features -> [B, labels]; critic: [B, width] -> [B, 1],
    the logit of "from the target domain"
    """

    def __init__(self, body: nn.Module, head: nn.Module, critic: nn.Module) -> None:
        super().__init__()
        self.body, self.head, self.critic = body, head, critic

    def forward(self, inputs: Tensor) -> Tensor:
        """Return the label's logits [B, labels]."""
        logits: Tensor = self.head(self.body(inputs))
        return logits


def domain_net(
    *,
    channels: int,
    size: int | Sequence[int],
    labels: int,
    width: int = 32,
    hidden: int = 100,
    conditional: bool = False,
) -> nn.Module:
    """Return conv ``width`` -> pool -> conv ``3/2 width`` -> pool -> two dense, and two heads.

    channels, size: of the pictures [B, channels, *size]; each side at least 16 px
    conditional: whether the critic sees features times the chances of each label (CDAN)

    >>> import torch
    >>> net = domain_net(channels=1, size=28, labels=10)
    >>> net.body[:6](torch.zeros(1, 1, 28, 28)).shape  # 48 maps of 4 x 4, as in the paper
    torch.Size([1, 48, 4, 4])
    """
    height, wide = ((side - 12) // 4 for side in height_width(size, at_least=16))
    second = 3 * width // 2
    body = nn.Sequential(
        nn.Conv2d(channels, width, 5),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(width, second, 5),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(second * height * wide, hidden),
        nn.ReLU(),
        nn.Linear(hidden, hidden),
        nn.ReLU(),
    )
    seen = hidden * labels if conditional else hidden
    critic = nn.Sequential(nn.Linear(seen, hidden), nn.ReLU(), nn.Linear(hidden, 1))
    return DomainNet(body, nn.Linear(hidden, labels), critic)
