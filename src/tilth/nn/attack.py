"""Small changes of inputs that are made to raise a loss, within a ball and a range.

FGSM (Goodfellow et al. 2015, https://arxiv.org/abs/1412.6572), PGD (Madry et al. 2018,
https://arxiv.org/abs/1706.06083), and losses expected over transformations (Athalye et al. 2018,
https://arxiv.org/abs/1707.07397). Everything is a function of tensors; the ball is that of the
largest change of any number.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

Losses = Callable[[Tensor], Tensor]
"""Inputs [B, ...] -> the losses of the rows [B], which an attack raises."""


@dataclass(frozen=True)
class Ball:
    """Where an attack may go: no number changes by more than ``radius``, none leaves the range.

    Each a number, or a tensor that broadcasts to the inputs.

    >>> Ball(0.1).project(torch.tensor([0.9, 0.5]), torch.tensor([0.95, 0.1])).tolist()
    [0.8999999761581421, 0.20000000298023224]
    """

    radius: float | Tensor
    low: float | Tensor = 0.0
    high: float | Tensor = 1.0

    def project(self, changed: Tensor, inputs: Tensor) -> Tensor:
        """Return the nearest place inside to ``changed``, for the ball around ``inputs``."""
        near = torch.minimum(torch.maximum(changed, inputs - self.radius), inputs + self.radius)
        low, high = (torch.as_tensor(end).to(inputs) for end in (self.low, self.high))
        return torch.minimum(torch.maximum(near, low), high)

    def sampled(self, inputs: Tensor, draws: Tensor) -> Tensor:
        """Return places anywhere in the ball, for draws in [0, 1) of the inputs' shape."""
        return self.project(inputs + self.radius * (2 * draws - 1), inputs)


def slope(losses: Losses, inputs: Tensor) -> Tensor:
    """Return the gradient of the summed losses at the inputs, like them."""
    asked = inputs.detach().requires_grad_()
    with torch.enable_grad():
        total = losses(asked).sum()
    (found,) = torch.autograd.grad(total, asked)
    return found


def fgsm(losses: Losses, inputs: Tensor, ball: Ball) -> Tensor:
    """Return the inputs, every number moved by the radius in its gradient's direction.

    Goodfellow et al. 2015, section 4. Of a linear model the loss rises by radius * |w|_1, more
    than by any other change of the ball.

    >>> fgsm(lambda x: x @ torch.tensor([1.0, -2.0]), torch.full((1, 2), 0.5), Ball(0.25)).tolist()
    [[0.75, 0.25]]
    """
    return ball.project(inputs + ball.radius * slope(losses, inputs).sign(), inputs)


def pgd(
    losses: Losses,
    inputs: Tensor,
    ball: Ball,
    *,
    steps: int,
    step: float | Tensor | None = None,
    start: Tensor | None = None,
) -> Tensor:
    """Return the inputs after several steps along the gradient's signs, each put back inside.

    Madry et al. 2018, section 2.1. step: a quarter more than what crosses the ball in all
    steps together, where None; start: where it begins, the inputs themselves where None
    """
    step = 2.5 * ball.radius / steps if step is None else step
    moved = inputs if start is None else start
    for _ in range(steps):
        moved = ball.project(moved + step * slope(losses, moved).sign(), inputs)
    return moved


def expected(losses: Losses, transforms: Sequence[Callable[[Tensor], Tensor]]) -> Losses:
    """Return the mean losses over transformations of the inputs (Athalye et al. 2018, eq. 2).

    An attack on it gives changes that survive being turned or photographed.

    >>> expected(lambda x: x.sum(1), [lambda x: x, lambda x: 3 * x])(torch.ones(1, 2)).tolist()
    [4.0]
    """

    def mean(inputs: Tensor) -> Tensor:
        return torch.stack([losses(change(inputs)) for change in transforms]).mean(0)

    return mean
