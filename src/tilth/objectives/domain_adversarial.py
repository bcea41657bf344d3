"""Learning labels in one domain and features that do not tell it from another.

``DomainAdversarial`` is DANN: Ganin et al. 2016, "Domain-Adversarial Training of Neural Networks"
(https://arxiv.org/abs/1505.07818), equations 9 and 10, with the schedule of section 5.2.2.
``condition=True`` makes it CDAN: Long et al. 2018, "Conditional Adversarial Domain Adaptation"
(https://arxiv.org/abs/1705.10667), equations 4 and 5, whose critic sees features and predicted
labels together, and so can align class with class and not only domain with domain. Like in the
authors' code, no gradient reaches the predictions through the critic.
"""

from __future__ import annotations

import math
from typing import Any

import torch.nn.functional as F
from torch import Tensor

from tilth.contracts import BaseObjective, Batch, Context, Loss, Term
from tilth.errors import UserError
from tilth.nn.gradient_reversal import reverse_gradient
from tilth.nn.precision import at_least_float32
from tilth.objectives.supervised import CrossEntropy, RowLoss, summed


def reversal_strength(progress: float, *, peak: float = 1.0, steepness: float = 10.0) -> float:
    """Return lambda, which rises from 0 to ``peak``: Ganin et al. 2016, section 5.2.2.

    progress: 0 to 1; steepness: their gamma

    >>> [round(reversal_strength(p), 3) for p in (0, 0.1, 0.5, 1)]
    [0.0, 0.462, 0.987, 1.0]
    """
    return peak * (2.0 / (1.0 + math.exp(-steepness * progress)) - 1.0)


def features_by_label(features: Tensor, logits: Tensor) -> Tensor:
    """Return the outer product of features and label chances, [B, labels * features].

    Long et al. 2018, equation 5 (the multilinear map); the chances are constants.
    """
    chances = logits.detach().softmax(dim=1)
    return (chances[:, :, None] * features[:, None, :]).flatten(1)


class DomainAdversarial(BaseObjective):
    """Minimise the label's loss and, through reversed gradients, maximise that of the domain.

    The model has ``body``, ``head`` and ``critic`` (a logit for "from the target domain"), all of
    one player: the critic descends the domain's loss while the body climbs ``lambda`` times it.
    The batch holds a ``Pair`` of inputs (``PairedSource``). Each domain passes through the body
    alone: batch norm normalises by its statistics while training, and its running averages mix
    both, so nets without batch statistics are the safer choice.

    peak: the last value of lambda. With 0 the critic is left out: training is then exactly that
    of the labelled domain alone, whatever the net (the source-only bound)
    steepness: how fast lambda rises; with 0 it stays 0 while the critic still learns, which tells
    how far apart the domains are without adapting to it
    condition: whether the critic sees features times predicted labels (CDAN)
    loss: of the labels, as in ``Supervised``
    Raises UserError for a negative peak.

    >>> import torch
    >>> from tilth.data.paired import Pair
    >>> from tilth.models.domain_net import domain_net
    >>> net = domain_net(channels=1, size=16, labels=3)
    >>> pictures = torch.zeros(4, 1, 16, 16)
    >>> batch = Batch(Pair(pictures, pictures), torch.zeros(4, dtype=torch.int64), torch.arange(4))
    >>> now = Context(0, 0.5, 0, torch.Generator(), torch.device("cpu"))
    >>> list(DomainAdversarial()(net, batch, now).parts)
    ['label', 'domain']
    """

    def __init__(
        self,
        *,
        peak: float = 1.0,
        steepness: float = 10.0,
        condition: bool = False,
        loss: RowLoss | None = None,
        moves: str = "model",
    ) -> None:
        if peak < 0:
            raise UserError(f"peak={peak}", rule="the strength of the reversal is 0 or more")
        self.peak, self.steepness, self.condition = peak, steepness, condition
        self.loss, self.moves = loss or CrossEntropy(), moves

    def __call__(self, model: Any, batch: Batch, context: Context) -> Loss:
        """Compute the losses of label and domain, summed over the pairs of a batch."""
        count = len(batch.rows)
        features = model.body(batch.inputs.source)
        logits = model.head(features)
        label = summed(self.loss(logits, batch.targets), count, "sum")
        if self.peak == 0:
            return Loss({"label": Term(label, count)})
        strength = reversal_strength(context.progress, peak=self.peak, steepness=self.steepness)
        target_features = model.body(batch.inputs.target)
        target_logits = model.head(target_features) if self.condition else None
        guesses = (
            self._guess(model, features, logits, strength),
            self._guess(model, target_features, target_logits, strength),
        )
        return Loss({"label": Term(label, count), "domain": Term(domain_loss(*guesses), count)})

    def _guess(
        self, model: Any, features: Tensor, logits: Tensor | None, strength: float
    ) -> Tensor:
        seen = reverse_gradient(features, strength)
        if self.condition and logits is not None:
            seen = features_by_label(seen, logits)
        guess: Tensor = model.critic(seen)
        return guess


def domain_loss(source: Tensor, target: Tensor) -> Tensor:
    """Return the summed cross entropy of the logits of "from the target domain".

    >>> import torch
    >>> round(float(domain_loss(torch.zeros(1, 1), torch.zeros(1, 1))), 4)  # 2 log 2
    1.3863
    """
    return _softplus(source) + _softplus(-target)


def _softplus(logits: Tensor) -> Tensor:
    return F.softplus(at_least_float32(logits)).sum()
