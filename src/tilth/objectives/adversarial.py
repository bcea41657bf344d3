"""Two players: a critic learns to tell real samples from generated ones, a generator to pass.

The value function is that of Goodfellow et al. 2014 (https://arxiv.org/abs/1406.2661, equation 1)
with the losses of ``LOSSES``. Scores are logits: D = sigmoid(score) where D is a probability.

The model has ``generator(latent[, labels])`` and ``critic(samples[, labels])``, see
``tilth.nn.generator_critic``. Latents come with the batch (``WithNoise``), as ``noise["latent"]``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tilth.contracts import BaseObjective, Context, Loss, State, Term
from tilth.data.noise import NoisyBatch
from tilth.errors import UserError, choose
from tilth.nn.modes import modes_kept
from tilth.nn.precision import at_least_float32
from tilth.nn.weight_average import WeightAverage
from tilth.objectives.penalties import gradient_penalty, squared_slope

PerScore = Callable[[Tensor], Tensor]


class GanLoss(NamedTuple):
    """Three functions of scores, value by value, each to be minimised.

    real, fake: what the critic pays for real and for generated samples
    generated: what the generator pays
    """

    real: PerScore
    fake: PerScore
    generated: PerScore


def _softplus_of_minus(scores: Tensor) -> Tensor:
    return F.softplus(-scores)  # -log D


def _minus_softplus(scores: Tensor) -> Tensor:
    return -F.softplus(scores)  # log(1 - D)


def _below_one(scores: Tensor) -> Tensor:
    return F.relu(1 - scores)


def _above_minus_one(scores: Tensor) -> Tensor:
    return F.relu(1 + scores)


LOSSES = {
    "saturating": GanLoss(_softplus_of_minus, F.softplus, _minus_softplus),
    "non_saturating": GanLoss(_softplus_of_minus, F.softplus, _softplus_of_minus),
    "hinge": GanLoss(_below_one, _above_minus_one, torch.neg),
    "wasserstein": GanLoss(torch.neg, torch.positive, torch.neg),
}
"""Goodfellow et al. 2014, equation 1 and section 3; hinge: Lim and Ye 2017, Miyato et al. 2018,
equations 16 and 17; Wasserstein: Arjovsky et al. 2017."""


class CriticObjective(BaseObjective):
    """Let ``model.critic`` tell the batch's inputs from ``model.generator``'s samples.

    loss: a name of ``LOSSES``
    gradient_penalty: weight of (norm of the slope - 1)^2 between real and generated samples
        (WGAN-GP: 10); the batch brings ``noise["mix_uniform"]`` of shape ()
    r1: gamma of gamma / 2 * squared slope at real samples (Mescheder et al. 2018: 10), taken at
        every ``r1_every``-th step with that many times the weight (Karras et al. 2020, section 3.1:
        16; there as an optimizer step of its own, here as a term of the step's loss)
    clip: bound on every weight of the critic after the step (Arjovsky et al. 2017: 0.01); to let
        the generator meet bounded weights, list its objective before this one
    conditional: whether both nets are told the labels, which are the batch's targets

    >>> from tilth.nn.generator_critic import GeneratorCritic
    >>> pair = GeneratorCritic(nn.Linear(4, 2), nn.Linear(2, 1), latent=4)
    >>> noise = {"latent": torch.randn(8, 4)}
    >>> batch = NoisyBatch(torch.zeros(8, 2), torch.zeros(8), torch.arange(8), noise)
    >>> list(CriticObjective("hinge")(pair, batch, None).parts)
    ['real', 'fake']
    """

    moves = "critic"

    def __init__(
        self,
        loss: str = "non_saturating",
        *,
        gradient_penalty: float = 0.0,
        r1: float = 0.0,
        r1_every: int = 1,
        clip: float | None = None,
        conditional: bool = False,
    ) -> None:
        self.loss = LOSSES[choose(loss, LOSSES, "loss")]
        self.gradient_penalty, self.clip, self.conditional = gradient_penalty, clip, conditional
        self.r1, self.r1_every = r1, r1_every

    def __call__(self, model: nn.Module, batch: NoisyBatch, context: Context) -> Loss:
        """Compute what the critic pays for real and for generated samples, and for its slope."""
        labels = _labels(batch, self.conditional)
        with torch.no_grad():
            fake = _part(model, "generator")(_noise(batch, "latent"), *labels)
        critic, count = _part(model, "critic"), len(batch.rows)
        lazy = self.r1 > 0 and context.step % self.r1_every == 0
        real = batch.inputs.detach().requires_grad_() if lazy else batch.inputs
        scores = critic(real, *labels)
        parts = {
            "real": Term(_summed(self.loss.real, scores), count),
            "fake": Term(_summed(self.loss.fake, critic(fake, *labels)), count),
        }
        if self.gradient_penalty > 0:
            mix = _noise(batch, "mix_uniform")
            paid = gradient_penalty(lambda x: critic(x, *labels), batch.inputs, fake, mix)
            parts["gradient_penalty"] = Term(paid.sum(), count, self.gradient_penalty)
        if lazy:
            weight = 0.5 * self.r1 * self.r1_every
            parts["r1"] = Term(squared_slope(scores, real).sum(), count, weight)
        return Loss(parts)

    @torch.no_grad()
    def after_step(self, model: nn.Module, context: Context) -> None:
        """Bound the weights where that was asked for."""
        if self.clip is not None:
            for parameter in _part(model, "critic").parameters():
                parameter.clamp_(-self.clip, self.clip)


class GeneratorObjective(BaseObjective):
    """Let ``model.generator`` make samples that ``model.critic`` takes for real.

    loss: a name of ``LOSSES``
    critic_steps: it steps once in so many steps, at the last of them
    conditional: whether both nets are told the labels, which are the batch's targets
    average_decay: of the moving average of the generator's weights, per generator step (Karras et
        al. 2018, section 4: 0.999); None keeps none. See ``averaged``
    """

    moves = "generator"

    def __init__(
        self,
        loss: str = "non_saturating",
        *,
        critic_steps: int = 1,
        conditional: bool = False,
        average_decay: float | None = 0.999,
    ) -> None:
        self.loss = LOSSES[choose(loss, LOSSES, "loss")]
        self.critic_steps, self.conditional = critic_steps, conditional
        self.average = None if average_decay is None else WeightAverage(average_decay)

    def due(self, context: Context) -> bool:
        """Step at the last of every ``critic_steps`` steps."""
        return context.step % self.critic_steps == self.critic_steps - 1

    def __call__(self, model: nn.Module, batch: NoisyBatch, context: Context) -> Loss:
        """Compute what the generator pays for the samples of the batch's latents."""
        labels = _labels(batch, self.conditional)
        fake = _part(model, "generator")(_noise(batch, "latent"), *labels)
        scores = _part(model, "critic")(fake, *labels)
        return Loss({"generated": Term(_summed(self.loss.generated, scores), len(batch.rows))})

    def after_step(self, model: nn.Module, context: Context) -> None:
        """Move the average after a step of the generator."""
        if self.average is not None and self.due(context):
            self.average.update(_part(model, "generator"))

    def averaged(self, model: nn.Module) -> nn.Module:
        """Return the generator of averaged weights, a copy; its own where none are kept."""
        generator = _part(model, "generator")
        return generator if self.average is None else self.average.of(generator)

    def sample(self, model: nn.Module, latent: Tensor, *labels: Tensor) -> Tensor:
        """Return what the averaged generator makes, in evaluation mode, without gradient."""
        generator = self.averaged(model)
        with modes_kept(generator), torch.no_grad():
            samples: Tensor = generator.eval()(latent, *labels)
        return samples

    def state_dict(self) -> State:
        """Return the average."""
        return {"average": None if self.average is None else self.average.state_dict()}

    def load_state_dict(self, state: State) -> None:
        """Take back what ``state_dict`` gave."""
        if self.average is not None and state["average"] is not None:
            self.average.load_state_dict(state["average"])


def _labels(batch: NoisyBatch, conditional: bool) -> tuple[Tensor, ...]:
    return (batch.targets,) if conditional else ()


def _noise(batch: NoisyBatch, name: str) -> Tensor:
    noise: dict[str, Tensor] = getattr(batch, "noise", {})
    if name not in noise:
        shape = "()" if name == "mix_uniform" else "(latent,)"
        raise UserError(
            f"a batch without {name!r}",
            rule="random numbers come with the batch",
            fix=f'WithNoise(source, {{"{name}": {shape}, ...}})',
        )
    return noise[name]


def _part(model: nn.Module, name: str) -> Any:
    return getattr(model, name)


def _summed(loss: PerScore, scores: Tensor) -> Tensor:
    """Sum over rows what is paid for their scores; of a map of scores, a row pays the mean."""
    paid = loss(at_least_float32(scores))
    return paid.flatten(1).mean(1).sum() if paid.dim() > 1 else paid.sum()
