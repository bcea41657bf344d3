"""A few steps on trial: everything they touch is put back."""

from __future__ import annotations

import copy

from tilth.contracts import Hook
from tilth.errors import NonFiniteLoss
from tilth.nn.modes import modes_kept
from tilth.train.buffers import buffers_kept
from tilth.train.loop import Loop
from tilth.train.still import Still


def try_out(loop: Loop, hook: Hook, steps: int) -> None:
    """Train ``steps`` steps with ``hook`` in place of the loop's own, and put everything back.

    What is frozen stays so.     A loss that is not finite ends the trial early and is no error.
    """
    before = copy.deepcopy(loop.state_dict())
    kept = loop.hooks, loop.total_steps, loop.stop_reason
    still = [one for one in loop.hooks if isinstance(one, Still)]
    loop.hooks, loop.total_steps, loop.ended = [*still, hook], loop.step + steps, False
    try:
        with modes_kept(loop.model), buffers_kept(loop.model):
            loop.fit()
    except NonFiniteLoss:
        pass
    finally:
        loop.hooks, loop.total_steps, loop.stop_reason = kept
        loop.discard_pending()
        loop.load_state_dict(before)
