"""A moving average of a network's weights, kept beside the network."""

from __future__ import annotations

import copy
import itertools

import torch
from torch import Tensor, nn

from tilth.contracts import State


class WeightAverage:
    """Exponential moving average of weights: average += (1 - decay) * (weights - average).

    Buffers of floating numbers (running statistics) are averaged with the parameters, so that they
    belong to them; other buffers are those of the network.

    decay: per update, in [0, 1). The first updates use less, (1 + n) / (10 + n) after n updates,
    so that the random beginning is forgotten (as ``tf.train.ExponentialMovingAverage`` does with
    ``num_updates``). Nothing is kept before the first update, which takes the weights as they are.

    >>> net = nn.Linear(1, 1)
    >>> average = WeightAverage(0.99)
    >>> average.update(net)
    >>> torch.equal(average.of(net).weight, net.weight)
    True
    """

    def __init__(self, decay: float) -> None:
        self.decay, self.updates = decay, 0
        self.weights: dict[str, Tensor] = {}

    @torch.no_grad()
    def update(self, net: nn.Module) -> None:
        """Move the average towards the weights of ``net``."""
        now = _averaged(net)
        if not self.updates:
            self.weights = {name: weight.clone() for name, weight in now.items()}
        else:
            decay = min(self.decay, (1 + self.updates) / (10 + self.updates))
            # a state that was read from a file lies on the processor
            self.weights = {name: self.weights[name].to(now[name].device) for name in now}
            torch._foreach_lerp_(list(self.weights.values()), list(now.values()), 1 - decay)
        self.updates += 1

    def of(self, net: nn.Module) -> nn.Module:
        """Return a copy of ``net`` with the averaged weights."""
        other = copy.deepcopy(net)
        if self.updates:
            with torch.no_grad():
                for name, weight in _averaged(other).items():
                    weight.copy_(self.weights[name])
        return other

    def state_dict(self) -> State:
        """Return the average and how often it moved."""
        return {"updates": self.updates, "weights": dict(self.weights)}

    def load_state_dict(self, state: State) -> None:
        """Take back what ``state_dict`` gave."""
        self.updates = state["updates"]
        self.weights = {name: weight.clone() for name, weight in state["weights"].items()}


def _averaged(net: nn.Module) -> dict[str, Tensor]:
    """Return what of a network is averaged, by name: its own tensors, without their graph."""
    found = itertools.chain(net.named_parameters(), net.named_buffers())
    return {name: value.detach() for name, value in found if value.is_floating_point()}
