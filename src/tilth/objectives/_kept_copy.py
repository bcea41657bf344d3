"""A copy of a net that an objective keeps and moves by itself: a target network."""

from __future__ import annotations

import copy

from torch import nn

from tilth.contracts import State


class KeptCopy:
    """Made of a net when it is first asked for; its weights are state, nobody's parameters.

    >>> kept, net = KeptCopy(), nn.Linear(1, 1)
    >>> kept.of(net) is kept.of(net), kept.of(net) is net, kept.of(net).weight.requires_grad
    (True, False, False)
    """

    def __init__(self) -> None:
        self._net: nn.Module | None = None
        self._saved: State | None = None

    def of(self, net: nn.Module) -> nn.Module:
        """Return the copy, at first with the weights of ``net`` or those of a state."""
        if self._net is None:
            self._net = copy.deepcopy(net).eval().requires_grad_(False)
            if self._saved is not None:
                self._net.load_state_dict(self._saved)
        return self._net

    def state_dict(self) -> State:
        """Return the copy's weights, once there is one."""
        return {"target": self._saved if self._net is None else self._net.state_dict()}

    def load_state_dict(self, state: State) -> None:
        """Take back what ``state_dict`` gave."""
        self._net, self._saved = None, state["target"]
