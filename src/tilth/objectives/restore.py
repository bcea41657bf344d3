"""Restored pictures against those wanted: their pixels, what a net sees in them, and a critic.

Ledig et al. 2017, "Photo-Realistic Single Image Super-Resolution Using a Generative Adversarial
Network" (https://arxiv.org/abs/1609.04802), equation 3. Departures: pixels always pay their mean
absolute error (Lim et al. 2017, section 3.3) and their mean squared one: near the truth the first
leads, far from it the second, without which a net that begins with "change nothing" stays there
where few pixels are wrong, and those by much (docs/log.md); features are those of any chain of
layers (Johnson et al. 2016), all taps alike; the critic judges patches and pays the hinge
(Miyato et al. 2018, equations 16 and 17).
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from tilth.contracts import BaseObjective, Batch, Context, Loss, State, Term
from tilth.data.worse import Worsened
from tilth.errors import UserError
from tilth.nn.feature_net import FeatureNet
from tilth.nn.features import fingerprint
from tilth.objectives.adversarial import LOSSES
from tilth.objectives.cycle import per_row
from tilth.objectives.perceptual import check_same, compare, distance, placed

HINGE = LOSSES["hinge"]


class Restore(BaseObjective):
    """Minimise the distance between ``model(inputs.seen)`` and ``inputs.wanted``.

    features: what sees the pictures; part of neither model nor state, whose hash is
    feature_weight: of the mean absolute difference of features, summed over the taps
    critic_weight: of what ``model.critic`` thinks of the pictures; 0 asks for no critic
    moves: the player; "restorer" where the model has a critic beside it
    Raises UserError for negative weights, and for a weight of features without a net for them.

    >>> same = torch.rand(2, 3, 8, 8)
    >>> batch = Batch(Worsened(same, same), torch.zeros(2), torch.arange(2))
    >>> parts = Restore()(nn.Identity(), batch, None).parts
    >>> {name: float(term.total) for name, term in parts.items()}
    {'pixels': 0.0}
    """

    def __init__(
        self,
        features: FeatureNet | None = None,
        *,
        feature_weight: float = 0.0,
        critic_weight: float = 0.0,
        moves: str = "model",
    ) -> None:
        check_weights(feature_weight, critic_weight)
        if feature_weight > 0 and features is None:
            raise UserError(
                f"feature_weight={feature_weight} without a net that sees features",
                fix="give features, a FeatureNet",
            )
        self.features = features if feature_weight > 0 else None
        self.feature_weight, self.critic_weight = feature_weight, critic_weight
        self.moves = moves

    def __call__(self, model: nn.Module, batch: Batch, context: Context) -> Loss:
        """Compute each term, summed over the rows."""
        pair: Worsened = batch.inputs
        wanted, count = pair.wanted, len(batch.rows)
        found = model(pair.seen)
        parts = {"pixels": Term(_pixels(found, wanted), count)}
        if self.features is not None:
            net = placed(self.features, found)
            with torch.no_grad():
                truth = net(wanted)
            apart = compare(net(found), truth, [1.0] * len(truth), "absolute")
            parts["features"] = Term(apart, count, weight=self.feature_weight)
        if self.critic_weight > 0:
            fooled = per_row(HINGE.generated(_critic(model)(found))).sum()
            parts["fooled"] = Term(fooled, count, weight=self.critic_weight)
        return Loss(parts)

    def state_dict(self) -> State:
        """Return the hash of the feature net: a run goes on with the one that it began with."""
        return {"features": None if self.features is None else fingerprint(self.features)}

    def load_state_dict(self, state: State) -> None:
        """Compare the hash with that of the feature net here; raise UserError for another."""
        check_same(state, self.state_dict())


def _pixels(found: Tensor, wanted: Tensor) -> Tensor:
    """Return the sum over rows of the mean absolute and the mean squared error."""
    both = [distance(found, wanted, how).sum() for how in ("absolute", "squared")]
    return torch.stack(both).sum()


class RestoreCritic(BaseObjective):
    """Let ``model.critic`` tell the pictures wanted from those that the model restored.

    >>> from tilth.models.restorer_critic import restorer_critic
    >>> net, real = restorer_critic(width=4, blocks=1, critic_width=4), torch.rand(2, 3, 16, 16)
    >>> batch = Batch(Worsened(real, real), torch.zeros(2), torch.arange(2))
    >>> list(RestoreCritic()(net, batch, None).parts)
    ['real', 'restored']
    """

    moves = "critic"

    def __call__(self, model: nn.Module, batch: Batch, context: Context) -> Loss:
        """Compute what the critic pays for either kind, summed over the rows."""
        pair: Worsened = batch.inputs
        critic, count = _critic(model), len(batch.rows)
        with torch.no_grad():
            restored = model(pair.seen)
        return Loss(
            {
                "real": Term(per_row(HINGE.real(critic(pair.wanted))).sum(), count),
                "restored": Term(per_row(HINGE.fake(critic(restored))).sum(), count),
            }
        )


def check_weights(feature_weight: float, critic_weight: float) -> None:
    """Raise UserError for weights of a loss that are below 0."""
    for name, weight in (("feature_weight", feature_weight), ("critic_weight", critic_weight)):
        if not weight >= 0:
            raise UserError(f"{name}={weight}", rule="weights of losses are 0 or more")


def _critic(model: nn.Module) -> Any:
    return model.critic
