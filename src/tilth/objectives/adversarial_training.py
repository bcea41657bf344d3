"""Adversarial training: what is learned from is the worst that a small change makes of it.

Madry et al. 2018, https://arxiv.org/abs/1706.06083, equation 2.1: the inner maximum by projected
gradient steps from a random place in the ball. The attacks see the net as it will answer (in
evaluation mode), so that they treat each row alone.
"""

from __future__ import annotations

from torch import Tensor, nn

from tilth.contracts import Batch, Context, Loss, Objective, State
from tilth.nn.attack import Ball, pgd
from tilth.nn.modes import modes_kept
from tilth.randomness import uniform
from tilth.train.gradient import weighted_sum

STEPS = 7  # Madry et al. 2018, section 4, for CIFAR-10


class AdversarialTraining:
    """Another objective, on inputs that were changed within a ball to raise its loss.

    inner: whose loss is raised and then lowered; it looks at ``batch.inputs``
    ball: how far and where the inputs may be changed; seed: of the places where attacks begin

    A step costs one gradient of the inputs for each of ``steps`` more.

    >>> import torch
    >>> from tilth.objectives.supervised import Supervised, squared_error
    >>> hardened = AdversarialTraining(Supervised(squared_error), Ball(0.1, -1.0, 1.0))
    >>> hardened.moves
    'model'
    """

    def __init__(self, inner: Objective, ball: Ball, *, steps: int = STEPS, seed: int = 0) -> None:
        self.inner, self.ball, self.steps, self.seed = inner, ball, steps, seed
        self.moves, self.separable = inner.moves, inner.separable

    def due(self, context: Context) -> bool:
        """Step when the inner objective does."""
        return self.inner.due(context)

    def __call__(self, model: nn.Module, batch: Batch, context: Context) -> Loss:
        """Compute the inner loss of the attacked batch."""
        inputs = self.attacked(model, batch, context)
        return self.inner(model, batch._replace(inputs=inputs), context)

    def attacked(self, model: nn.Module, batch: Batch, context: Context) -> Tensor:
        """Return the batch's inputs, changed within the ball to raise the loss."""

        def losses(inputs: Tensor) -> Tensor:
            found = self.inner(model, batch._replace(inputs=inputs), context)
            return weighted_sum(list(found.parts.values()))

        inputs: Tensor = batch.inputs
        numbers = inputs[0].numel()
        # counter-based: a row is attacked alike however its batch is cut
        drawn = uniform(
            batch.rows.to(inputs.device), numbers, seed=self.seed, stream="attack",
            epoch=context.step,
        )  # fmt: skip
        start = self.ball.sampled(inputs, drawn.reshape(inputs.shape).to(inputs))
        with modes_kept(model):
            model.eval()
            return pgd(losses, inputs, self.ball, steps=self.steps, start=start)

    def after_step(self, model: nn.Module, context: Context) -> None:
        """Do what the inner objective does."""
        self.inner.after_step(model, context)

    def state_dict(self) -> State:
        """Return that of the inner objective; nothing else changes."""
        return self.inner.state_dict()

    def load_state_dict(self, state: State) -> None:
        """Take back what ``state_dict`` gave."""
        self.inner.load_state_dict(state)
