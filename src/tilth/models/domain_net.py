"""A small convolutional classifier with a second output that guesses the domain of a picture.

Ganin et al. 2016, "Domain-Adversarial Training of Neural Networks", figure 4a (the net for MNIST):
convolutions 5 x 5 of 32 and 48 channels with pooling, from which two dense layers of 100 lead to
the label and one to the domain. A conditional critic (Long et al. 2018) sees the last hidden
layer instead, as there.
"""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from tilth.nn.sizes import height_width


class DomainNet(nn.Module):
    """``head(body(inputs))`` for the label, ``critic`` for the domain.

    body: pictures -> the features [B, F] that shall not tell the domain; head: features -> logits
    [B, labels]; critic: [B, F] (times labels where it is conditional) -> [B, 1], the logit of "from
    the target domain"
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
    """Return conv ``width`` -> pool -> conv ``3/2 width`` -> pool -> two dense, and a critic.

    channels, size: of the pictures [B, channels, *size]; each side at least 16 px
    conditional: whether the critic sees the last hidden layer times the chances of each label
    (CDAN), and not the convolutions' output: body and head are parted where it looks

    >>> import torch
    >>> net = domain_net(channels=1, size=28, labels=10)
    >>> net.body(torch.zeros(1, 1, 28, 28)).shape  # 48 maps of 4 x 4, as in the paper
    torch.Size([1, 768])
    """
    height, wide = ((side - 12) // 4 for side in height_width(size, at_least=16))
    second = 3 * width // 2
    features = second * height * wide
    convolutions = [
        nn.Conv2d(channels, width, 5),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(width, second, 5),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
    ]
    dense = [nn.Linear(features, hidden), nn.ReLU(), nn.Linear(hidden, hidden), nn.ReLU()]
    last = nn.Linear(hidden, labels)
    if conditional:
        critic = _critic(hidden * labels, hidden)
        return DomainNet(nn.Sequential(*convolutions, *dense), last, critic)
    return DomainNet(
        nn.Sequential(*convolutions), nn.Sequential(*dense, last), _critic(features, hidden)
    )


def _critic(seen: int, hidden: int) -> nn.Module:
    return nn.Sequential(nn.Linear(seen, hidden), nn.ReLU(), nn.Linear(hidden, 1))
