"""How a class enters a generator and a critic: beside the latent, in the norms, by projection.

Sources: Mirza and Osindero 2014 (https://arxiv.org/abs/1411.1784) for the label beside the latent;
Dumoulin, Shlens and Kudlur 2017 (https://arxiv.org/abs/1610.07629, equation 5) for norms of a gain
and a bias per class; Miyato and Koyama 2018 (https://arxiv.org/abs/1802.05637, equation 3) for the
projection: score = psi(phi(x)) + <embedding(y), phi(x)>.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

from tilth.errors import UserError


class LabelledLatent(nn.Module):
    """A generator that reads the latent and, where there are classes, the one-hot label after it.

    net: [B, latent + classes] -> samples; classes: 0 where nothing is conditional

    >>> LabelledLatent(nn.Linear(5, 2), classes=3)(torch.zeros(4, 2), torch.zeros(4).long()).shape
    torch.Size([4, 2])
    """

    def __init__(self, net: nn.Module, *, classes: int) -> None:
        super().__init__()
        self.net, self.classes = net, classes

    def forward(self, latent: Tensor, labels: Tensor | None = None) -> Tensor:
        """Return the samples of ``latent`` [B, latent] and ``labels`` [B]."""
        check_labels(self.classes, labels)
        if labels is not None:
            latent = torch.cat([latent, F.one_hot(labels, self.classes).to(latent)], dim=1)
        samples: Tensor = self.net(latent)
        return samples


class ProjectionCritic(nn.Module):
    """Scores [B]: a linear function of features and, where there are classes, a projection.

    features: samples -> [B, width]; classes: 0 where nothing is conditional
    spectral: whether the linear layer and the embedding have spectral norm

    >>> ProjectionCritic(nn.Flatten(), 4, classes=0)(torch.zeros(3, 1, 2, 2)).shape
    torch.Size([3])
    """

    def __init__(
        self, features: nn.Module, width: int, *, classes: int, spectral: bool = False
    ) -> None:
        super().__init__()
        self.features, self.classes = features, classes
        self.score: nn.Module = nn.Linear(width, 1)
        self.embedding: nn.Module | None = nn.Embedding(classes, width) if classes else None
        if spectral:
            self.score = spectral_norm(self.score)
            self.embedding = spectral_norm(self.embedding) if self.embedding else None

    def forward(self, samples: Tensor, labels: Tensor | None = None) -> Tensor:
        """Return one score per sample."""
        check_labels(self.classes, labels)
        features = self.features(samples)
        scores: Tensor = self.score(features).squeeze(1)
        if self.embedding is not None:
            scores = scores + (self.embedding(labels) * features).sum(1)
        return scores


class ClassBatchNorm(nn.Module):
    """Batch norm whose gain and bias belong to the class; the ordinary one without classes.

    Gains begin at one and biases at zero, for every class.

    >>> ClassBatchNorm(8, classes=3)(torch.zeros(2, 8, 4, 4), torch.tensor([0, 2])).shape
    torch.Size([2, 8, 4, 4])
    """

    def __init__(self, channels: int, *, classes: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(channels, affine=not classes)
        self.gain = nn.Embedding(classes, channels) if classes else None
        self.bias = nn.Embedding(classes, channels) if classes else None
        if self.gain is not None and self.bias is not None:
            nn.init.ones_(self.gain.weight)
            nn.init.zeros_(self.bias.weight)

    def forward(self, x: Tensor, labels: Tensor | None = None) -> Tensor:
        """Return [B, C, H, W] normalised, scaled and shifted."""
        normed: Tensor = self.norm(x)
        if self.gain is None or self.bias is None:
            return normed
        gain, bias = (table(labels)[:, :, None, None] for table in (self.gain, self.bias))
        scaled: Tensor = normed * gain + bias
        return scaled


def check_labels(classes: int, labels: Tensor | None) -> None:
    """Raise UserError where labels are missing, or are given to a net without classes."""
    if (labels is not None) != bool(classes):
        raise UserError(
            f"a net of {classes} classes {'with' if labels is not None else 'without'} labels",
            rule="a conditional net is called with labels, any other without",
            fix="set conditional=True on both objectives where the model has classes, else False",
        )
