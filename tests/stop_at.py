"""A hook that stops a training, for tests of what comes after."""

from tilth.contracts import BaseHook


class StopAt(BaseHook):
    def __init__(self, step, reason="interrupted"):
        self.step, self.reason = step, reason

    def after_step(self, loop):
        if loop.step == self.step:
            loop.stop(self.reason)
